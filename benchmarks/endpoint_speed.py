"""How near the endpoint client comes to the limit of a server on this machine.

The server is the stub of the tests, in a process of its own; its limit is in flight / latency. The
bare loop beside it is aiohttp with as many requests at a time, nothing counted or retried.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from lineament.endpoint import EndpointClient, Reply, Request, Settings

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "endpoint_speed.json"
IN_FLIGHT = 64
QUESTION = {"role": "user", "content": "Is the woman smiling? " * 40}


def start_server(latency: float) -> tuple[subprocess.Popen, str]:
    command = [sys.executable, str(ROOT / "tests" / "endpoint_stub.py"), "--latency", str(latency)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    return server, json.loads(server.stdout.readline())["url"]


async def run_client(url: str, count: int) -> float:
    """Return requests a second of the client, its start at few in flight included."""
    settings = Settings(url, "stub", max_in_flight=IN_FLIGHT, start_in_flight=IN_FLIGHT)
    async with EndpointClient(settings) as client:
        start = time.perf_counter()
        num_replies = 0
        async for item in client.complete_all(Request((QUESTION,)) for _ in range(count)):
            assert isinstance(item, Reply)
            num_replies += 1
        assert num_replies == count
        return count / (time.perf_counter() - start)


async def run_bare(url: str, count: int) -> float:
    """Return requests a second of aiohttp by itself."""
    import aiohttp

    body = json.dumps(Request((QUESTION,)).body("stub")).encode()
    headers = {"Content-Type": "application/json"}
    left = count
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                async with session.post(
                    f"{url}/chat/completions", data=body, headers=headers
                ) as response:
                    json.loads(await response.read())

        start = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        return count / (time.perf_counter() - start)


def measure(latency: float, seconds: float, rounds: int) -> dict:
    server, url = start_server(latency)
    limit = IN_FLIGHT / latency
    count = int(limit * seconds)
    ours, bare = [], []
    try:
        asyncio.run(run_client(url, IN_FLIGHT))
        for _ in range(rounds):
            ours.append(asyncio.run(run_client(url, count)))
            bare.append(asyncio.run(run_bare(url, count)))
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait(10)
    rate = statistics.median(ours)
    return {
        "latency_seconds": latency,
        "in_flight": IN_FLIGHT,
        "limit_per_second": round(limit, 1),
        "requests_per_second": round(rate, 1),
        "share_of_limit": round(rate / limit, 4),
        "bare_aiohttp_per_second": round(statistics.median(bare), 1),
        "share_of_bare": round(rate / statistics.median(bare), 4),
        "all_rounds": [round(value, 1) for value in ours],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    result: dict = {
        "command": "python benchmarks/endpoint_speed.py",
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
    }
    for latency in (0.2, 0.05):
        result[f"{latency * 1000:.0f} ms"] = measure(latency, arguments.seconds, arguments.rounds)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
