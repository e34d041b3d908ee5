"""Run every benchmark, write what facts are validated on, and write RESULTS.md."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = (
    "benchmarks/events.py",
    "benchmarks/portraits.py",
    "benchmarks/rendered.py",
    "benchmarks/render_speed.py",
    "benchmarks/validation.py",
    "benchmarks/reader_truth.py",
    "benchmarks/annotate_speed.py",
    "scripts/generate_docs.py",
)


def main() -> int:
    for script in SCRIPTS:
        print(f"== {script}", flush=True)
        code = subprocess.run([sys.executable, str(ROOT / script)], check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
