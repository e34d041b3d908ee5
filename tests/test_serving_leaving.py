"""Clients that leave, at every moment of a request: their places are free, and nothing is left.

LINEAMENT_LONG=1 lets 1,000 leave instead of 100.
"""

import asyncio
import json
import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest

from lineament.serving.app import make_app
from serving_toys import (  # noqa: F401
    data_url,
    fixture_clip,
    fixture_loaded,
    fixture_looker,
    fixture_make_engine,
    fixture_model_folder,
    run_server,
    wait_until,
)
from test_model_toys import _one_thread  # noqa: F401

log = logging.getLogger(__name__)

COUNT = 1000 if os.environ.get("LINEAMENT_LONG") else 100
MAX_TOKENS = 800
MOMENTS = ("in the body", "before the answer", "at the first piece", "after some pieces")
AT_ONCE = 24


@pytest.fixture
def served(make_engine: Any) -> Iterator[tuple[str, Any]]:
    app = make_app(make_engine(max_batch=8, max_waiting=8, deadline_seconds=900.0))
    with run_server(app, max_connections=256) as url:
        yield url, app.state.served


def write_request(body: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return a request's head and body as they go over the line."""
    content = json.dumps(body).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode(), content


async def ask_and_leave(port: int, head: bytes, content: bytes, moment: str) -> str:
    """Ask, leave at some moment; return that moment, or the status where there was no place."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head)
        if moment == "in the body":
            writer.write(content[: len(content) // 2])
            await writer.drain()
            return moment
        writer.write(content)
        await writer.drain()
        if moment == "before the answer":
            await asyncio.sleep(0.005)
            return moment
        line = await reader.readline()
        status = line.split()[1].decode()
        if status != "200":
            return status
        num_pieces = 1 if moment == "at the first piece" else 6
        while num_pieces:
            num_pieces -= (await reader.readline()).startswith(b"data: ")
        return moment
    finally:
        writer.transport.abort()


async def let_leave(port: int, request: tuple[bytes, bytes], count: int) -> Counter[str]:
    """Let clients come and leave until so many of them have."""
    left, rng = Counter[str](), Random(0)
    gate = asyncio.Semaphore(AT_ONCE)

    async def come(moment: str) -> None:
        async with gate:
            while (outcome := await ask_and_leave(port, *request, moment)) not in MOMENTS:
                assert outcome == "429"
                await asyncio.sleep(0.02)
            left[outcome] += 1

    async with asyncio.timeout(3000), asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(come(rng.choice(MOMENTS)))
    return left


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_clients_that_leave_free_their_places(served: tuple[str, Any], clip: Path):
    import requests

    url, engine = served[0], served[1].engine
    port = urlsplit(url).port
    assert port is not None
    part = {"type": "video_url", "video_url": {"url": data_url(clip.read_bytes())}}
    content = [{"type": "text", "text": "Is she smiling?"}, part]
    body = {"model": "toy", "messages": [{"role": "user", "content": content}]}
    address = f"{url}/v1/chat/completions"
    first = requests.post(address, json=body | {"max_tokens": 12})
    assert first.status_code == 200
    said_before = engine.measure().num_said_tokens
    request = write_request(body | {"stream": True, "max_tokens": MAX_TOKENS})
    left = asyncio.run(let_leave(port, request, COUNT))
    log.info("left: %s", dict(left))
    assert sum(left.values()) == COUNT
    assert min(left[moment] for moment in MOMENTS) > COUNT / 10

    wait_until(lambda: len(engine._places) == 0 and engine._decoder.num_rows == 0, 600)
    spool = served[1].desk.spool
    wait_until(lambda: spool.num_bytes == 0, 600)
    assert list(spool.folder.iterdir()) == []
    figures = engine.measure()
    assert (figures.num_waiting, figures.num_answering, figures.num_looking) == (0, 0, 0)
    # They would have been told this much had nobody noticed that they left.
    assert figures.num_said_tokens - said_before < COUNT * MAX_TOKENS / 4
    for change in (engine._places.enter, engine._places.leave):  # all can be taken again
        for number in range(engine.settings.max_places):
            change(f"client {number}")
    again = requests.post(address, json=body | {"max_tokens": 12})
    said = [row.json()["choices"][0]["message"]["content"] for row in (first, again)]
    assert said[0] == said[1]
    assert "lineament_answering 0.0" in requests.get(f"{url}/metrics").text
