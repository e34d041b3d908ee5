"""The endpoint client beside distilabel's, on the same stub server, at 64 requests in flight.

    python benchmarks/endpoint_peer.py              # installs the peer into a temporary folder
    python benchmarks/endpoint_peer.py --venv KEPT  # uses, or makes, one that stays

The peer lives in an environment of its own and talks to the stub over HTTP alone. It is driven in
the two ways that it offers, each with the batch size that fits what may be in flight: its language
model class, batch after batch, and a whole pipeline with one generation step. Its requests carry
the same text and ask for as many tokens. Rounds of the three alternate; the medians count.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from endpoint_speed import IN_FLIGHT, QUESTION, run_client, start_server

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "endpoint_peer.json"
PEER_VERSION = "distilabel 1.5.3"
PACKAGES = ("distilabel[openai]==1.5.3", "requests")  # it imports the second without asking for it
# What runs in the peer's environment: way, URL, number of requests; prints requests a second.
PEER = """
import json, logging, os, sys, tempfile, time
os.environ["DISTILABEL_LOG_LEVEL"] = "CRITICAL"
os.environ["HF_HUB_OFFLINE"] = "1"
way, url, count, in_flight = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
question = sys.argv[5]
from distilabel.models import OpenAILLM

model = OpenAILLM(
    model="stub", base_url=url, api_key="none", max_retries=6, timeout=120,
    generation_kwargs={"max_new_tokens": 512, "temperature": 0.7, "top_p": 1.0},
)

def run_class():
    model.load()
    inputs = [[{"role": "user", "content": question}]] * in_flight
    model.generate_outputs(inputs=inputs)  # connections are open
    start = time.perf_counter()
    done = 0
    while done < count:
        done += len(model.generate_outputs(inputs=inputs[: count - done]))
    return count / (time.perf_counter() - start)

def run_pipeline():
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    with tempfile.TemporaryDirectory() as cache:
        with Pipeline(name="peer", cache_dir=cache) as pipeline:
            rows = [{"instruction": f"{question}{n}"} for n in range(count)]
            load = LoadDataFromDicts(data=rows, batch_size=in_flight)
            load >> TextGeneration(llm=model, input_batch_size=in_flight)
        start = time.perf_counter()
        result = pipeline.run(use_cache=False)
        seconds = time.perf_counter() - start
    assert len(result["default"]["train"]) == count
    return count / seconds

if __name__ == "__main__":
    rate = {"class": run_class, "pipeline": run_pipeline}[way]()
    print(json.dumps(rate))
"""


def make_environment(folder: Path) -> Path:
    """Install the peer into an environment, unless it is there; returns its interpreter."""
    python = folder / "bin" / "python"
    mark = folder / "peer.txt"
    if mark.exists() and mark.read_text() == PEER_VERSION:
        return python
    if not python.exists():
        venv.create(folder, with_pip=True)
    command = [str(python), "-m", "pip", "install", "--quiet", *PACKAGES]
    if subprocess.run(command).returncode:
        raise SystemExit(f"{PEER_VERSION} could not be installed; nothing was measured")
    mark.write_text(PEER_VERSION)
    return python


def run_peer(python: Path, script: Path, way: str, url: str, count: int) -> float:
    """Return requests a second of the peer, its start-up left out for the class alone."""
    question = str(QUESTION["content"])
    command = [str(python), str(script), way, url, str(count), str(IN_FLIGHT), question]
    # Nothing of this environment may leak into the other.
    names = ("PATH", "HOME", "TMPDIR", "LANG")
    clean = {name: os.environ[name] for name in names if name in os.environ}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=clean)
    return float(json.loads(done.stdout.strip().splitlines()[-1]))


def measure(
    python: Path, folder: Path, latency: float, seconds: float, rounds: int
) -> dict[str, Any]:
    """Return the rates of all three at one latency."""
    script = folder / "peer.py"
    script.write_text(PEER)
    server, url = start_server(latency)
    limit = IN_FLIGHT / latency
    count = int(limit * seconds)
    rates: dict[str, list[float]] = {"ours": [], "class": [], "pipeline": []}
    try:
        asyncio.run(run_client(url, IN_FLIGHT))
        for _ in range(rounds):
            rates["ours"].append(asyncio.run(run_client(url, count)))
            for way in ("class", "pipeline"):
                rates[way].append(run_peer(python, script, way, url, count))
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait(10)
    middle = {name: statistics.median(found) for name, found in rates.items()}
    return {
        "latency_seconds": latency,
        "in_flight": IN_FLIGHT,
        "limit_per_second": round(limit, 1),
        "requests_per_second": {name: round(rate, 1) for name, rate in middle.items()},
        "ratio_to_class": round(middle["ours"] / middle["class"], 3),
        "ratio_to_pipeline": round(middle["ours"] / middle["pipeline"], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--venv", type=Path, help="where the peer is, or is to be, installed")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        python = make_environment(arguments.venv or folder / "venv")
        result: dict[str, Any] = {
            "command": "python benchmarks/endpoint_peer.py",
            "peer": PEER_VERSION,
            "python": sys.version.split()[0],
            "cores": os.cpu_count(),
            "load_average": round(os.getloadavg()[0], 1),
        }
        for latency in (0.2, 0.05):
            result[f"{latency * 1000:.0f} ms"] = measure(
                python, folder, latency, arguments.seconds, arguments.rounds
            )
    print(json.dumps(result, indent=1))
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
