"""OpenAI's own client, over a socket: answers, streams, files, errors, and leaving in between."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lineament.describe.chat import Chat
from lineament.serving.app import make_app
from lineament.serving.keys import Keys
from lineament.serving.server import bind, make_server
from serving_toys import (  # noqa: F401
    OneFace,
    data_url,
    fixture_clip,
    fixture_loaded,
    fixture_looker,
    fixture_make_engine,
    fixture_model_folder,
    wait_until,
)
from test_model_toys import _one_thread  # noqa: F401

openai = pytest.importorskip("openai", reason="the official client is not installed")
KEY = "a-key-of-twenty-signs-and-more"


@pytest.fixture
def served(make_engine: Any) -> Iterator[tuple[str, Any]]:
    """Run a server in a thread; gives its address and engine."""
    engine = make_engine(max_batch=4, max_waiting=4)
    listener = bind("127.0.0.1", 0)
    server = make_server(make_app(engine, keys=Keys([KEY])), 64)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1", engine
    server.should_exit = True
    thread.join(timeout=30)
    assert not thread.is_alive()


@pytest.fixture
def client(served: tuple[str, Any]) -> Iterator[Any]:
    with openai.OpenAI(base_url=served[0], api_key=KEY, max_retries=0) as made:
        yield made


def messages_about(clip: Path, question: str = "Is she smiling?") -> list[Any]:
    parts = [
        {"type": "text", "text": question},
        {"type": "video_url", "video_url": {"url": data_url(clip.read_bytes())}},
    ]
    return [{"role": "user", "content": parts}]


def test_the_client_gets_the_answer_of_chat(client, clip: Path, loaded):
    expected = Chat(loaded, make_finder=OneFace).ask(clip, "Is she smiling?")
    told = client.chat.completions.create(model="toy", messages=messages_about(clip))
    assert told.choices[0].message.content == expected
    assert told.usage.total_tokens == told.usage.prompt_tokens + told.usage.completion_tokens
    assert told.choices[0].message.model_extra["lineament"]["source"] == "model"
    turn = [*messages_about(clip), told.choices[0].message.model_dump()]
    turn.append({"role": "user", "content": "And the hair?"})
    again = client.chat.completions.create(
        model="toy", messages=turn, max_completion_tokens=4, extra_body={"all_facts": True}
    )
    assert again.choices[0].finish_reason == "length"
    assert again.usage.prompt_tokens_details.cached_tokens > 80


def test_the_client_streams_and_uploads(client, clip: Path):
    file = client.files.create(file=clip, purpose="vision")
    parts = [{"type": "text", "text": "Is she?"}, {"type": "file", "file": {"file_id": file.id}}]
    asked: dict[str, Any] = {"model": "toy", "messages": [{"role": "user", "content": parts}]}
    asked |= {"n": 2, "seed": 3, "temperature": 1.0, "max_tokens": 12}
    whole = client.chat.completions.create(**asked)
    said, usage = ["", ""], None
    for piece in client.chat.completions.create(
        **asked, stream=True, stream_options={"include_usage": True}
    ):
        usage = piece.usage or usage
        for choice in piece.choices:
            said[choice.index] += choice.delta.content or ""
    assert said == [choice.message.content for choice in whole.choices]
    assert usage.completion_tokens == whole.usage.completion_tokens
    assert [kept.id for kept in client.files.list()] == [file.id]
    assert client.files.content(file.id).read() == clip.read_bytes()
    assert client.files.retrieve(file.id).filename == clip.name
    assert client.files.delete(file.id).deleted


def test_the_client_understands_what_is_refused(served, client, clip: Path):
    assert [model.id for model in client.models.list()] == ["toy"]
    with pytest.raises(openai.NotFoundError, match="no such model"):
        client.chat.completions.create(model="other", messages=messages_about(clip))
    with pytest.raises(openai.BadRequestError, match="temperature") as caught:
        client.chat.completions.create(model="toy", messages=messages_about(clip), temperature=-1)
    assert caught.value.param == "temperature"
    with pytest.raises(openai.NotFoundError, match="draws"):
        client.images.generate(prompt="a smiling man")
    with (
        openai.OpenAI(base_url=served[0], api_key="wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.models.list()


def test_whoever_leaves_in_mid_stream_frees_a_place(served, client, clip: Path):
    engine = served[1]
    client.chat.completions.create(model="toy", messages=messages_about(clip), max_tokens=1)
    for _ in range(3):
        streams = [
            client.chat.completions.create(
                model="toy", messages=messages_about(clip), max_tokens=900, stream=True
            )
            for _ in range(4)
        ]
        for stream in streams:
            next(iter(stream))
        assert engine.measure().num_answering == 4
        for stream in streams:
            stream.close()
        wait_until(lambda: len(engine._places) == 0 and engine._decoder.num_rows == 0)
    spool = served[1].shelf
    assert len(spool) == 1


def test_whoever_leaves_before_the_answer_frees_a_place(served, clip: Path, looker):
    engine = served[1]
    looker.gate.clear()

    async def ask_and_leave() -> None:
        async with openai.AsyncOpenAI(base_url=served[0], api_key=KEY, max_retries=0) as client:
            asked = [
                asyncio.create_task(
                    client.chat.completions.create(model="toy", messages=messages_about(clip))
                )
                for _ in range(6)
            ]
            while len(engine._places) < 6:
                await asyncio.sleep(0.01)
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)

    asyncio.run(ask_and_leave())
    wait_until(lambda: len(engine._places) <= 1)  # one is being looked at
    looker.gate.set()
    wait_until(lambda: len(engine._places) == 0)


def test_requests_that_never_end_and_odd_ones_leave_the_server_alive(served, client):
    port = int(served[0].split(":")[2].split("/")[0])
    odd = [
        b"GET / HTTP/1.1\r\nHost: " + b"a" * 60_000,
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc",
        b"POST /check HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ]
    for content in odd:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
            line.sendall(content)
    assert [model.id for model in client.models.list()] == ["toy"]
