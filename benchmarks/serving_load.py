"""Time the server at 1, 4 and 16 clients, answers decoded together against one at a time.

Two servers with the same weights run side by side and are asked in turn, in rounds that
interleave: one decodes up to 16 answers together, the other (``max_batch=1``) one after the
other. Clients are closed loops over loopback; the clips have been looked at before, so a
request is the reading of its question and the decoding of its answer. Every pair of answers is
compared. A figure is the median over the rounds. `transformers serve` is tried on the same
folder, and what it says is noted.
"""

import argparse
import asyncio
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
from pathlib import Path
from typing import Any

from serving_clients import (
    QUESTIONS,
    Server,
    ask,
    ask_in_turn,
    make_clips,
    open_session,
    read_page,
    run_server,
    summarise,
    upload_for_all,
    write_result,
)

ARMS = {"together": "max_batch=16", "one at a time": "max_batch=1"}
CLIENTS = (1, 4, 16)
CLI = "import sys; from transformers.cli.transformers import main; sys.argv[0] = 'transformers';"
# `transformers serve` knows only classes of its own: with this it knows ours, too.
WITH_OURS = (
    "from lineament.model.favchat import FaVChatForConditionalGeneration as ours;"
    "from transformers.cli.serving import model_manager;"
    "setattr(model_manager.transformers, ours.__name__, ours);"
)


def measure(
    servers: dict[str, Server], model: str, num_clips: int, num_requests: int, rounds: int,
    clips: list[bytes],
) -> dict[str, Any]:  # fmt: skip
    """Ask both servers in turn; return figures by number of clients."""
    ids = {arm: asyncio.run(upload_for_all(server, clips)) for arm, server in servers.items()}
    jobs = [(question, str(clip)) for question in QUESTIONS for clip in range(num_clips)]

    def run(arm: str, num_clients: int, chosen: list[tuple[str, str]]) -> Any:
        return asyncio.run(ask_in_turn(servers[arm], model, chosen, num_clients, file_ids=ids[arm]))

    warm = {arm: run(arm, 4, jobs)[0] for arm in servers}
    pairs = zip(*warm.values(), strict=True)
    differ = sum(one.said != other.said for one, other in pairs)
    figures: dict[str, Any] = {}
    rng = random.Random(0)
    for num_clients in CLIENTS:
        rows: dict[str, list[dict[str, float]]] = {arm: [] for arm in servers}
        for number in range(rounds):
            chosen = rng.choices(jobs, k=max(num_requests, 2 * num_clients))
            for arm in sorted(servers, reverse=number % 2 == 1):
                outcomes, seconds = run(arm, num_clients, chosen)
                failed = [row.status for row in outcomes if row.status != 200]
                if failed:
                    sys.exit(f"{arm}: answered {failed[0]}")
                rows[arm].append(summarise(outcomes, seconds))
        told: dict[str, Any] = {
            arm: {
                name: round(statistics.median(row[name] for row in found), 4) for name in found[0]
            }
            for arm, found in rows.items()
        }
        ratios = [
            one["requests_per_second"] / other["requests_per_second"]
            for one, other in zip(rows["together"], rows["one at a time"], strict=True)
        ]
        told["times_the_requests"] = round(statistics.median(ratios), 3)
        told["times_the_requests_all"] = [round(ratio, 3) for ratio in ratios]
        figures[f"{num_clients} clients"] = told
    return figures | {"answers compared": len(jobs), "answers that differ": differ}


def try_transformers(folder: str, code: str, seconds: float = 240.0) -> str:
    """Start ``transformers serve`` on a folder and ask one question; say what happened."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["serve", folder, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", f"{CLI}{code}main()", *options], stdout=log, stderr=log
        )
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + seconds
            while process.poll() is None and time.monotonic() < deadline:
                try:
                    read_page(f"{url}/health")
                except (urllib.error.URLError, OSError):
                    time.sleep(0.5)
                else:
                    return asyncio.run(_ask_transformers(url, folder))
            log.seek(0)
            errors = re.findall(r"^\w+Error: .*", log.read(), re.MULTILINE)
            return f"does not start: {errors[-1][:300] if errors else 'it says nothing'}"
        finally:
            process.kill()
            process.wait()


async def _ask_transformers(url: str, folder: str) -> str:
    async with open_session(1) as session:
        outcome = await ask(session, url, folder, QUESTIONS[0], None)
    if outcome.status == 200:
        return f"answers a question without a clip: {outcome.said[:80]!r}"
    if not outcome.status:
        return "starts, and ends the connection without an answer to a question"
    return f"starts, and answers {outcome.status} to a question"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="chat-tiny")
    parser.add_argument("--requests", type=int, default=160)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--small", action="store_true", help="only to see that it runs")
    parser.add_argument("--skip-transformers", action="store_true")
    arguments = parser.parse_args()
    if arguments.small:
        arguments.requests, arguments.rounds, arguments.clips = 16, 1, 1
    from lineament.model.hub import find_folder

    with tempfile.TemporaryDirectory() as folder:
        clips = make_clips(Path(folder), arguments.clips)
    name = Path(arguments.model).name
    with (
        run_server(arguments.model, "--set", ARMS["together"], "--set", "max_waiting=64") as one,
        run_server(arguments.model, "--set", ARMS["one at a time"], "--set", "max_waiting=64")
        as other,
    ):  # fmt: skip
        servers = dict(zip(ARMS, (one, other), strict=True))
        figures = measure(
            servers, name, arguments.clips, arguments.requests, arguments.rounds, clips
        )
    result: dict[str, Any] = {
        "command": f"python benchmarks/serving_load.py --model {name}",
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "rounds": arguments.rounds,
        "requests_each": arguments.requests,
        **figures,
    }
    if not arguments.skip_transformers:
        path = str(find_folder(arguments.model))
        result["transformers serve"] = {
            "as it is": try_transformers(path, ""),
            "with our classes": try_transformers(path, WITH_OURS),
        }
    write_result("serving_load", result, is_full=name == "chat-tiny" and not arguments.small)


if __name__ == "__main__":
    main()
