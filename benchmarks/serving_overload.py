"""Send ten times what the server can answer: who is refused, who waits how long, what it takes.

Capacity is what closed loops reach, one client for each place. Then requests arrive ten times
as fast, whether or not the ones before have been answered, from clients with a key each. The
accepted ones' p95 is compared with that at capacity, the memory of the server and its processes
with what it held before plus the bytes its settings allow, and capacity is measured again.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from serving_clients import (
    QUESTIONS,
    Outcome,
    Server,
    ask,
    ask_in_turn,
    lineament,
    make_clips,
    open_session,
    read_page,
    run_server,
    summarise,
    upload_for_all,
    write_result,
)

MEBIBYTE = 1 << 20
TIMES = 10
NUM_KEYS = 40
CACHES = ("feature_bytes", "prefix_bytes", "body_bytes")


async def flood(
    server: Server, model: str, jobs: list[tuple[str, str]], rate: float, seconds: float,
    file_ids: dict[str | None, Any],
) -> list[Outcome]:  # fmt: skip
    """Send requests at a rate, without waiting for answers."""
    rng, tasks = random.Random(1), []
    async with open_session(4096) as session:
        began = time.perf_counter()
        for number in range(int(rate * seconds)):
            key = server.keys[number % len(server.keys)]
            question, clip = rng.choice(jobs)
            asked = ask(session, server.url, model, question, file_ids[key][clip], key)
            tasks.append(asyncio.create_task(asked))
            late = began + (number + 1) / rate - time.perf_counter()
            await asyncio.sleep(max(late, 0))
        return list(await asyncio.gather(*tasks))


def wait_for_rest(server: Server) -> float:
    """Return the seconds until nothing is being answered or waits."""
    began = time.perf_counter()
    while True:
        told = read_page(f"{server.url}/metrics", server.keys[0])
        if "lineament_answering 0.0" in told and "lineament_waiting 0.0" in told:
            return time.perf_counter() - began
        time.sleep(0.05)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="chat-tiny")
    parser.add_argument("--requests", type=int, default=300, help="at capacity")
    parser.add_argument("--seconds", type=float, default=30.0, help="of overload")
    parser.add_argument("--small", action="store_true", help="only to see that it runs")
    arguments = parser.parse_args()
    if arguments.small:
        arguments.requests, arguments.seconds = 40, 4.0
    with tempfile.TemporaryDirectory() as folder:
        clips = make_clips(Path(folder), 2)
    shown = subprocess.run([lineament(), "serve", "--show"], check=True, capture_output=True)
    settings = json.loads(shown.stdout)
    num_places = settings["max_batch"] + settings["max_waiting"]
    name = Path(arguments.model).name
    jobs = [(question, str(clip)) for question in QUESTIONS for clip in range(len(clips))]
    chosen = random.Random(0).choices(jobs, k=arguments.requests)
    with run_server(arguments.model, num_keys=NUM_KEYS) as server:
        ids = asyncio.run(upload_for_all(server, clips))

        def run(some: list[tuple[str, str]], num_clients: int) -> tuple[list[Outcome], float]:
            return asyncio.run(ask_in_turn(server, name, some, num_clients, file_ids=ids))

        run(jobs, 4)  # all clips are looked at, all questions read once
        at_capacity = summarise(*run(chosen, num_places))
        before = server.count_bytes()
        rate = TIMES * at_capacity["requests_per_second"]
        with server.watch():
            began = time.perf_counter()
            outcomes = asyncio.run(flood(server, name, jobs, rate, arguments.seconds, ids))
            took = time.perf_counter() - began
        rest_seconds = wait_for_rest(server)
        afterwards = summarise(*run(chosen, num_places))
        peak = server.peak_bytes
    statuses = Counter(row.status for row in outcomes)
    refused = [row for row in outcomes if row.status == 429]
    at_overload = summarise(outcomes, took)
    limit = before + sum(settings[key] for key in CACHES)
    result = {
        "command": f"python benchmarks/serving_overload.py --model {name}",
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "places": num_places,
        "at capacity": at_capacity,
        "times_capacity_sent": TIMES,
        "sent": len(outcomes),
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "share_refused": round(len(refused) / len(outcomes), 4),
        "refused_without_retry_after": sum(row.retry_after is None for row in refused),
        "neither_answered_nor_refused": len(outcomes) - len(refused) - statuses[200],
        "at overload": at_overload,
        "p95_times_that_at_capacity": round(
            at_overload["p95_seconds"] / max(at_capacity["p95_seconds"], 1e-9), 3
        ),
        "memory_mib": {
            "before": before // MEBIBYTE, "peak": peak // MEBIBYTE, "limit": limit // MEBIBYTE,
        },
        "memory_within_limit": peak <= limit,
        "seconds_until_all_were_answered": round(rest_seconds, 3),
        "afterwards": afterwards,
    }  # fmt: skip
    write_result("serving_overload", result, is_full=name == "chat-tiny" and not arguments.small)


if __name__ == "__main__":
    main()
