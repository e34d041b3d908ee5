"""A server that speaks the OpenAI chat wire, with faults that can be set; for tests and benchmarks.

Run by itself it prints its port: ``python tests/endpoint_stub.py --latency 0.05``.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from aiohttp import web

Answer = Callable[[dict[str, Any]], str]


@dataclass
class Faults:
    """What goes wrong, and how often; shares are drawn by a seeded generator.

    Attributes:
        latency_seconds: Before every answer.
        capacity: Requests in flight beyond which 429 is answered; 0 for no limit.
        retry_after: Header of a 429.
        error_share: Share answered with 500.
        cut_share: Share whose connection is cut.
        malformed_share: Share answered with broken JSON.
        first_status: The first requests get these statuses.
        has_schema: Whether ``response_format`` of type json_schema is understood.
        has_json: Whether ``response_format`` of type json_object is understood.
        has_usage: Whether tokens are counted in the answer.
    """

    latency_seconds: float = 0.0
    capacity: int = 0
    retry_after: str = ""
    error_share: float = 0.0
    cut_share: float = 0.0
    malformed_share: float = 0.0
    first_status: list[int] = field(default_factory=list)
    has_schema: bool = True
    has_json: bool = True
    has_usage: bool = True
    seed: int = 0


class StubServer:
    """Answers ``/v1/chat/completions``; `bodies` and `statuses` tell what it saw and said."""

    def __init__(self, answer: Answer | str = "Yes.", faults: Faults | None = None) -> None:
        self.answer: Answer = answer if callable(answer) else lambda _: answer
        self.faults = faults or Faults()
        self.statuses: Counter[int] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.keeps_bodies = True
        self.num_in_flight = self.most_in_flight = 0
        self.output_tokens = 20
        self.key = ""
        self._rng = Random(self.faults.seed)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64_000_000)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/stats", self._stats)
        return app

    async def _stats(self, _: web.Request) -> web.Response:
        return web.json_response({"statuses": self.statuses, "most_in_flight": self.most_in_flight})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        self.num_in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.num_in_flight)
        try:
            response = await self._respond(request)
        finally:
            self.num_in_flight -= 1
        self.statuses[response.status] += 1
        return response

    async def _respond(self, request: web.Request) -> web.Response:
        faults = self.faults
        body = await request.json()
        if self.keeps_bodies:
            self.bodies.append(body)
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return _error(401, "wrong key")
        if faults.capacity and self.num_in_flight > faults.capacity:
            headers = {"Retry-After": faults.retry_after} if faults.retry_after else {}
            return _error(429, "slow down", headers)
        if faults.first_status:
            return _error(faults.first_status.pop(0), "as told")
        kind = (body.get("response_format") or {}).get("type")
        if (kind == "json_schema" and not faults.has_schema) or (
            kind == "json_object" and not faults.has_json
        ):
            return _error(400, f"response_format {kind} is not supported")
        if faults.latency_seconds:
            await asyncio.sleep(faults.latency_seconds)
        drawn = self._rng.random()
        if drawn < faults.error_share:
            return _error(500, "broken")
        if drawn < faults.error_share + faults.cut_share:
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=499)
        if drawn < faults.error_share + faults.cut_share + faults.malformed_share:
            return web.Response(text='{"choices": [{"mess', content_type="application/json")
        return web.json_response(self._row(body))

    def _row(self, body: dict[str, Any]) -> dict[str, Any]:
        row: dict[str, Any] = {
            "id": "stub", "object": "chat.completion", "model": body["model"],
            "choices": [{
                "index": 0, "finish_reason": "stop",
                "message": {"role": "assistant", "content": self.answer(body)},
            }],
        }  # fmt: skip
        if self.faults.has_usage:
            row["usage"] = {"prompt_tokens": 10, "completion_tokens": self.output_tokens}
        return row


def _error(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"message": text}}, status=status, headers=headers)


@contextlib.contextmanager
def run_stub(server: StubServer) -> Iterator[str]:
    """Serve in a thread; yields the URL up to and with ``/v1``."""
    loop = asyncio.new_event_loop()
    ready: list[int] = []
    started = threading.Event()

    async def start() -> web.AppRunner:
        runner = web.AppRunner(server.app(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        ready.append(runner.addresses[0][1])
        started.set()
        return runner

    def serve() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert started.wait(10)
    try:
        yield f"http://127.0.0.1:{ready[0]}/v1"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--capacity", type=int, default=0)
    parser.add_argument("--retry-after", default="")
    parser.add_argument("--answer", default="Yes.")
    arguments = parser.parse_args()
    faults = Faults(
        latency_seconds=arguments.latency, capacity=arguments.capacity,
        retry_after=arguments.retry_after,
    )  # fmt: skip
    server = StubServer(arguments.answer, faults)
    server.keeps_bodies = False
    with run_stub(server) as url:
        sys.stdout.write(json.dumps({"url": url}) + "\n")
        sys.stdout.flush()
        sys.stdin.read()  # until whoever started it is gone


if __name__ == "__main__":
    main()
