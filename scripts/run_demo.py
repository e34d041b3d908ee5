"""The demo: annotate the Carphone clip (a real man talking in a car), check a text about it."""

import sys
from pathlib import Path

from carphone import find_carphone

ROOT = Path(__file__).resolve().parent.parent
TEXT = (
    "A man talks to the camera. He blinks and opens his mouth. He never closes his eyes for long. "
    "There are two people in the clip. He may be wearing a tie."
)


def main() -> int:
    from lineament.cli.app import run

    try:
        clip = str(find_carphone())
    except FileNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    report = ROOT / "demo" / "report"
    print(f"$ lineament annotate {Path(clip).name} --report demo/report\n", flush=True)
    code = run(["annotate", clip, "--report", str(report)])
    print(f'\n$ lineament check "{TEXT}" --against {Path(clip).name}\n', flush=True)
    code = code or run(["check", TEXT, "--against", clip, "--report", str(report / "check")])
    if code == 0:
        print(f"\nOpen {report / 'index.html'} and {report / 'check' / 'index.html'}.")
    return code


if __name__ == "__main__":
    sys.exit(main())
