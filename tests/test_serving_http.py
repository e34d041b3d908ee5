"""The wire over HTTP: shapes, streams, limits, keys, refusals, and what the log never holds."""

import asyncio
import base64
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from lineament.describe.chat import Chat
from lineament.describe.mark import SOURCE_TYPES
from lineament.describe.verdicts import dict_from_checked
from lineament.serving.app import make_app
from lineament.serving.artist import Artist
from lineament.serving.keys import Keys
from lineament.serving.shield import Shield
from serving_toys import (  # noqa: F401
    InlineLooker,
    OneFace,
    data_url,
    fixture_clip,
    fixture_loaded,
    fixture_looker,
    fixture_make_engine,
    fixture_model_folder,
    fixture_other_clip,
    wait_until,
)
from test_draw import make_drawing_model
from test_model_toys import _one_thread  # noqa: F401

KEYS = ["first-key-of-twenty-signs", "other-key-of-twenty-signs"]
QUESTION = "Is she smiling?"
COMPLETE = "/v1/chat/completions"


@pytest.fixture
def connect(make_engine: Any) -> Iterator[Callable[..., TestClient]]:
    """Return a function that starts a server and connects to it."""
    open_clients: list[TestClient] = []

    def start(*, app: dict[str, Any] | None = None, **engine: Any) -> TestClient:
        made = make_app(make_engine(**engine), **(app or {}))
        client = TestClient(made, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
        open_clients.append(client.__enter__())
        return client

    yield start
    for client in open_clients:
        client.__exit__(None, None, None)


def body_about(
    url: str | None, question: str = QUESTION, *, kind: str = "video_url", **options: Any
) -> dict[str, Any]:
    parts: list[dict[str, Any]] = [{"type": "text", "text": question}]
    if url is not None:
        parts.append({"type": kind, kind: {"url": url}})
    return {"model": "toy", "messages": [{"role": "user", "content": parts}]} | options


def picture(width: int = 64, height: int = 48, kind: str = "PNG") -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()


def read_error(answer: Any, status: int) -> dict[str, Any]:
    """Return an error, after a look at its shape and headers."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert body["error"]["message"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    if status == 429:
        assert int(answer.headers["retry-after"]) >= 1
    return body["error"]


def read_events(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_answer_is_that_of_chat_with_its_evidence(connect, clip: Path, loaded):
    client = connect()
    expected = Chat(loaded, make_finder=OneFace).ask(clip, QUESTION)
    answer = client.post(COMPLETE, json=body_about(data_url(clip.read_bytes())))
    assert answer.status_code == 200
    body = answer.json()
    [choice] = body["choices"]
    message = choice["message"]
    assert (body["object"], body["model"]) == ("chat.completion", "toy")
    assert (message["role"], message["content"]) == ("assistant", str(expected))
    assert message["lineament"]["validated"] == expected.validated
    assert message["lineament"]["source"] == "model"
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens"] > 80
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "server" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


def test_stream_says_the_same_in_pieces(connect, clip: Path):
    client, url = connect(), data_url(clip.read_bytes())
    options: dict[str, Any] = {"n": 2, "temperature": 0.9, "seed": 4, "max_tokens": 40}
    whole = client.post(COMPLETE, json=body_about(url, **options)).json()
    told = client.post(
        COMPLETE,
        json=body_about(url, **options, stream=True, stream_options={"include_usage": True}),
    )
    assert told.headers["content-type"].startswith("text/event-stream")
    *pieces, last = read_events(told.text)
    assert last["choices"] == []
    assert last["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]
    assert len({piece["id"] for piece in pieces}) == 1
    assert len(pieces) > 10
    for choice in whole["choices"]:
        own = [p["choices"][0] for p in pieces if p["choices"][0]["index"] == choice["index"]]
        assert own[0]["delta"]["role"] == "assistant"
        said = "".join(piece["delta"].get("content", "") for piece in own)
        assert said == choice["message"]["content"]
        assert [p["finish_reason"] for p in own[:-1]] == [None] * (len(own) - 1)
        assert own[-1]["finish_reason"] == choice["finish_reason"] == "length"
        assert "facts" in own[-1]["delta"]["lineament"]
    one, other = (choice["message"]["content"] for choice in whole["choices"])
    assert one != other
    again = client.post(COMPLETE, json=body_about(url, temperature=0.9, seed=5, max_tokens=40))
    assert again.json()["choices"][0]["message"]["content"] == other


def test_without_chance_several_answers_are_one_told_several_times(connect, clip: Path):
    client, url = connect(), data_url(clip.read_bytes())
    options: dict[str, Any] = {"n": 3, "max_tokens": 5}
    whole = client.post(COMPLETE, json=body_about(url, **options)).json()
    assert len({choice["message"]["content"] for choice in whole["choices"]}) == 1
    assert [choice["index"] for choice in whole["choices"]] == [0, 1, 2]
    told = read_events(client.post(COMPLETE, json=body_about(url, **options, stream=True)).text)
    for index in range(3):
        own = [p["choices"][0] for p in told if p["choices"][0]["index"] == index]
        said = "".join(piece["delta"].get("content", "") for piece in own)
        assert said == whole["choices"][0]["message"]["content"]


def test_stops_and_conversations_reach_the_model(connect, clip: Path, loaded):
    client, url = connect(), data_url(clip.read_bytes())
    body = body_about(url, "Is it a man?")
    body["messages"] = [
        {"role": "system", "content": "You are a pirate."},
        *body["messages"],
        {"role": "assistant", "content": "No."},
        {"role": "user", "content": "Is she"},
        {"role": "user", "content": "smiling?"},
    ]
    expected = Chat(loaded, make_finder=OneFace).ask(
        clip, "Is she\nsmiling?", [("Is it a man?", "No.")]
    )
    [choice] = client.post(COMPLETE, json=body).json()["choices"]
    assert choice["message"]["content"] == expected
    assert choice["message"]["lineament"]["notes"] == ["system messages are not followed"]
    stop = str(expected)[8:11]
    [choice] = client.post(COMPLETE, json=body | {"stop": stop}).json()["choices"]
    assert choice["message"]["content"] == str(expected).partition(stop)[0]
    assert choice["finish_reason"] == "stop"


def test_pictures_uploads_and_plain_questions_are_answered(connect, clip: Path):
    client = connect()
    url = data_url(picture(), "image/png")
    for part in ({"url": url, "detail": "low"}, url):
        body = body_about(None)
        body["messages"][0]["content"].append({"type": "image_url", "image_url": part})
        assert client.post(COMPLETE, json=body | {"max_tokens": 3}).status_code == 200
    plain = client.post(
        COMPLETE, json={"model": "toy", "messages": [{"role": "user", "content": "Hello"}]}
    )
    assert plain.json()["choices"][0]["message"]["lineament"]["source"] == "rule"
    sent = client.post("/v1/files", files={"file": ("../../my clip.mkv", clip.read_bytes())})
    file = sent.json()
    assert (file["object"], file["filename"], file["bytes"]) == (
        "file", "my clip.mkv", clip.stat().st_size,
    )  # fmt: skip
    whole = client.post(COMPLETE, json=body_about(data_url(clip.read_bytes()), max_tokens=9))
    for part in (
        {"type": "video_url", "video_url": {"url": file["id"]}},
        {"type": "file", "file": {"file_id": file["id"]}},
    ):
        body = body_about(None, max_tokens=9)
        body["messages"][0]["content"].append(part)
        told = client.post(COMPLETE, json=body).json()["choices"][0]["message"]
        assert told["content"] == whole.json()["choices"][0]["message"]["content"]


def test_files_are_listed_read_and_forgotten(connect, clip: Path):
    client = connect()
    file = client.post(
        "/v1/files", files={"file": ("a.mkv", clip.read_bytes())}, data={"purpose": "user_data"}
    ).json()
    assert file["purpose"] == "user_data"
    assert [row["id"] for row in client.get("/v1/files").json()["data"]] == [file["id"]]
    assert client.get(f"/v1/files/{file['id']}").json()["bytes"] == clip.stat().st_size
    content = client.get(f"/v1/files/{file['id']}/content")
    assert content.content == clip.read_bytes()
    assert content.headers["content-type"] == "application/octet-stream"
    spool = client.app.state.served.desk.spool
    assert len(list(spool.folder.iterdir())) == 1
    assert client.delete(f"/v1/files/{file['id']}").json()["deleted"] is True
    assert list(spool.folder.iterdir()) == []
    for answer in (
        client.get(f"/v1/files/{file['id']}"),
        client.get("/v1/files/..%2f..%2fetc%2fpasswd"),
        client.post(COMPLETE, json=body_about(file["id"])),
    ):
        assert read_error(answer, 404)["code"] in ("file_not_found", "not_found")


def test_nothing_stays_on_disk_after_a_request_or_the_server(connect, clip: Path, make_engine):
    app = make_app(make_engine())
    folder = app.state.served.desk.spool.folder
    with TestClient(app, base_url="http://localhost") as client:
        client.post(COMPLETE, json=body_about(data_url(clip.read_bytes()), max_tokens=2))
        told = client.post(
            COMPLETE, json=body_about(data_url(clip.read_bytes()), max_tokens=2, stream=True)
        )
        assert told.status_code == 200
        assert list(folder.iterdir()) == []
        client.post("/v1/files", files={"file": ("a.mkv", clip.read_bytes())})
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


def test_annotate_and_check_have_the_shapes_of_the_commands(connect, clip: Path):
    client, url = connect(), data_url(clip.read_bytes())
    told = client.post("/annotate", json={"media": url, "boxes": True}).json()
    assert [subject["id"] for subject in told["subjects"]] == ["face 0"]
    assert told["media"] == ""
    [track] = told["tracks"]
    assert len(track["times_seconds"]) == len(track["boxes_xyxy_px"]) == 12
    assert (told["width"], told["height"]) == (320, 240)
    assert "tracks" not in client.post("/annotate", json={"media": url}).json()
    text = "There are two people. She smiles."
    checked = client.post("/check", json={"text": text, "media": url}).json()
    from lineament.annotation import annotation_from_dict
    from lineament.claims.scenes_check import check_any_text

    known = annotation_from_dict(told)
    expected = dict_from_checked(check_any_text(text, known), "")
    assert checked == json.loads(json.dumps(expected))
    assert checked["contradicted"] >= 1
    given = {"facts": [{"name": "smile", "value": True}], "media": "mine.mp4"}
    checked = client.post("/check", json={"text": "She smiles.", "annotation": given}).json()
    assert (checked["media"], checked["supported"]) == ("mine.mp4", 1)


def test_wrong_checks_are_named(connect):
    client = connect(model=None)
    for body, message in (
        ({"text": "She smiles."}, "either media or annotation"),
        ({"text": "", "annotation": {}}, "text"),
        ({"text": "x", "annotation": {"facts": [{"name": "smyle"}]}}, "smyle"),
        ({"text": "x", "media": "data:,", "annotation": {}}, "either media or annotation"),
    ):
        assert message in read_error(client.post("/check", json=body), 400)["message"]


def test_drawings_come_as_marked_files(connect):
    artist = Artist(make_drawing_model())
    client = connect(model=None, artist=artist)
    asked = {"prompt": "a smiling woman", "n": 2, "seed": 3, "steps": 2, "model": "toy"}
    told = client.post("/v1/images/generations", json=asked | {"model": artist.name}).json()
    pictures = [base64.b64decode(row["b64_json"]) for row in told["data"]]
    assert len(pictures) == 2
    assert all(SOURCE_TYPES["drawn"].encode() in content for content in pictures)
    again = client.post("/v1/images/generations", json={k: asked[k] for k in asked if k != "model"})
    assert [base64.b64decode(row["b64_json"]) for row in again.json()["data"]] == pictures
    size = client.post("/v1/images/generations", json={"prompt": "a man", "size": "9000x9000"})
    assert "auto or 16x16" in read_error(size, 400)["message"]
    other = client.post("/v1/images/generations", json=asked | {"model": "dall-e-2"})
    assert read_error(other, 404)["code"] == "model_not_found"
    without = connect(model=None).post("/v1/images/generations", json={"prompt": "a man"})
    assert "--draw" in read_error(without, 404)["message"]


def test_models_health_and_counters(connect, clip: Path):
    client = connect()
    assert [row["id"] for row in client.get("/v1/models").json()["data"]] == ["toy"]
    assert client.get("/v1/models/toy").json()["object"] == "model"
    assert read_error(client.get("/v1/models/other"), 404)["code"] == "model_not_found"
    wrong = client.post(COMPLETE, json=body_about(None) | {"model": "gpt-4o"})
    assert read_error(wrong, 404)["param"] == "model"
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").status_code == 200
    client.app.state.served.is_ready = False
    assert client.get("/readyz").status_code == 503
    client.post(COMPLETE, json=body_about(data_url(clip.read_bytes()), max_tokens=3))
    told = client.get("/metrics").text
    assert 'route="/v1/chat/completions",status="200"} 1.0' in told
    assert 'route="/v1/models/{name:path}",status="404"} 1.0' in told
    assert re.search(r"^lineament_said_tokens_total 3\.0$", told, re.MULTILINE)
    assert read_error(client.get("/nowhere"), 404)["code"] == "not_found"
    assert read_error(client.put(COMPLETE), 405)["code"] == "method_not_allowed"


INVALID: list[tuple[dict[str, Any], str]] = [
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "user"}]}, "messages"),
    ({"messages": [{"role": "assistant", "content": "x"}]}, "messages"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": "\ud800"}]}, "messages[0].content"),
    ({"temperature": -1}, "temperature"),
    ({"temperature": "NaN"}, "temperature"),
    ({"top_p": 0}, "top_p"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"n": 100}, "n"),
    ({"n": "many"}, "n"),
    ({"seed": 1 << 70}, "seed"),
    ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
    ({"tools": [{"type": "function"}]}, "tools"),
    ({"logprobs": True}, "logprobs"),
    ({"response_format": {"type": "json_object"}}, "response_format.type"),
    ({"temprature": 0.5}, "temprature"),
]


@pytest.mark.parametrize(("changes", "param"), INVALID)
def test_wrong_fields_are_named(connect, changes, param):
    client = connect(model=None)
    sent = json.dumps(body_about(None) | changes)
    answer = client.post(COMPLETE, content=sent, headers={"Content-Type": "application/json"})
    assert str(read_error(answer, 400)["param"]).startswith(param)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[" * 100_000, b"null", b'"text"', b'{"model": ' + b"9" * 5_000 + b"}", b"\xff"],
)
def test_bodies_that_are_no_request_are_refused(connect, content: bytes):
    client = connect(model=None)
    for path in (COMPLETE, "/annotate", "/check", "/v1/images/generations"):
        answer = client.post(path, content=content, headers={"Content-Type": "application/json"})
        read_error(answer, 400)
    read_error(client.post(COMPLETE, content=b"{}", headers={"Content-Type": "text/plain"}), 400)
    read_error(client.post("/v1/files", content=content), 400)


def test_media_beyond_the_limits_get_one_clear_error(connect, looker: InlineLooker, clip: Path):
    looker.limits = looker.limits.replace(
        max_side_px=1000, max_pixels=100_000, max_frames=10, max_seconds=5.0
    )
    client = connect(media={"max_bytes": 2_000_000})
    big, wide = picture(1200, 20), picture(400, 400)
    moving = io.BytesIO()
    frames = [Image.new("RGB", (20, 20), (8 * number, 0, 0)) for number in range(30)]
    frames[0].save(moving, "GIF", save_all=True, append_images=frames[1:], duration=20)
    for content, message in (
        (big, "1200x20 px is beyond the limit"),
        (wide, "400x400 px is beyond the limit"),
        (clip.read_bytes(), "more than 10 frames"),
        (moving.getvalue(), "more than 10 frames"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(500), "cannot be"),
        (clip.read_bytes()[:3000], ""),
        (picture()[:200], "damaged picture"),
        (b"plain text", "cannot be read as a clip"),
        (b"", "empty"),
    ):
        error = read_error(client.post(COMPLETE, json=body_about(data_url(content))), 400)
        assert error["code"] == "bad_media"
        assert message in error["message"]
        assert "lineament-serve" not in error["message"]
    long = read_error(client.post(COMPLETE, json=body_about(data_url(bytes(2_000_001)))), 400)
    assert "more than 2,000,000 bytes" in long["message"]
    upload = client.post("/v1/files", files={"file": ("a.mp4", bytes(2_000_001))})
    assert "more than 2,000,000 bytes" in read_error(upload, 400)["message"]
    assert client.get("/healthz").status_code == 200


def send_raw(app: Any, receive: Any, **headers: str) -> tuple[int, Any]:
    """Speak to an app without a client between, and return status and body."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    named = {"host": "localhost", "content_type": "application/json"} | headers
    scope = {
        "type": "http", "method": "POST", "path": "/annotate", "raw_path": b"/annotate",
        "query_string": b"", "client": ("127.0.0.1", 1), "http_version": "1.1", "scheme": "http",
        "headers": [(n.replace("_", "-").encode(), v.encode()) for n, v in named.items()],
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], json.loads(b"".join(part["body"] for part in sent[1:]))


def test_bodies_beyond_the_limit_are_not_read(connect):
    client = connect(model=None, media={"max_bytes": 1_000_000}, body_seconds=0.3)
    app, num_sent = client.app, 0

    async def send_on() -> Any:
        nonlocal num_sent
        num_sent += 1 << 20
        return {"type": "http.request", "body": bytes(1 << 20), "more_body": True}

    async def say_nothing() -> Any:
        await asyncio.sleep(60)

    most = app.state.served.settings.max_body_bytes
    for length in (str(most + 1), "-1", "x"):
        assert send_raw(app, send_on, content_length=length)[0] == 413
    assert num_sent == 0
    status, body = send_raw(app, send_on)
    assert (status, body["error"]["code"]) == (413, "request_too_large")
    assert num_sent <= most + (1 << 20)
    status, body = send_raw(app, say_nothing)
    assert (status, body["error"]["code"]) == (408, "timeout")


def test_all_bodies_together_have_a_limit(connect):
    client = connect(model=None)
    shield = client.app.build_middleware_stack()
    while not isinstance(shield, Shield):
        shield = shield.app
    shield._budget.limit = 1000  # of this one, not of the one behind the client
    body = {"text": "She smiles. " * 200, "annotation": {}}

    async def receive() -> Any:
        return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

    status, answer = send_raw(shield, receive)
    assert (status, answer["error"]["code"]) == (429, "queue_full"), answer
    assert shield._budget.taken == 0
    assert client.post("/check", json=body).status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/a.mp4", "https://example.org/a.mp4", "http://169.254.169.254/latest",
        "file:///etc/passwd", "file:/etc/passwd", "ftp://example.org/a", "/etc/passwd", "a.mp4",
        "../a.mp4", "", "data:video/mp4;base64", "data:video/mp4;base64,%%%", "javascript:alert(1)",
        "file-guess", "concat:a|b", "http://[::1]/", "HTTP://LOCALHOST/",
    ],
)  # fmt: skip
def test_media_from_elsewhere_are_refused(connect, url: str):
    client = connect(model=None)
    answer = client.post(COMPLETE, json=body_about(url))
    error = read_error(answer, 404 if url == "file-guess" else 400)
    assert "passwd" not in error["message"]


def test_a_conversation_is_about_one_clip(connect, clip: Path, other_clip: Path):
    client = connect()
    body = body_about(data_url(clip.read_bytes()), max_tokens=3)
    body["messages"] += [{"role": "assistant", "content": "Yes."}, *body["messages"]]
    assert client.post(COMPLETE, json=body).status_code == 200
    body["messages"] += [
        {"role": "assistant", "content": "Yes."},
        *body_about(data_url(other_clip.read_bytes()))["messages"],
    ]
    error = read_error(client.post(COMPLETE, json=body), 400)
    assert error["param"] == "messages[4].content[1]"


def test_a_full_queue_says_when_to_come_back(connect, looker: InlineLooker, clip: Path):
    from concurrent.futures import ThreadPoolExecutor

    client = connect(max_batch=1, max_waiting=1)
    looker.gate.clear()
    body = body_about(data_url(clip.read_bytes()), max_tokens=3)
    with ThreadPoolExecutor(2) as pool:
        accepted = [pool.submit(client.post, COMPLETE, json=body) for _ in range(2)]
        engine = client.app.state.served.engine
        wait_until(lambda: len(engine._places) == 2)
        for _ in range(3):
            assert read_error(client.post(COMPLETE, json=body), 429)["code"] == "queue_full"
        assert client.get("/healthz").status_code == 200
        looker.gate.set()
        assert [future.result().status_code for future in accepted] == [200, 200]
    assert client.post(COMPLETE, json=body).status_code == 200


def test_deadlines_are_told(connect, looker: InlineLooker, clip: Path):
    client = connect(deadline_seconds=0.2)
    looker.gate.clear()
    for options in ({}, {"stream": True}):
        answer = client.post(COMPLETE, json=body_about(data_url(clip.read_bytes()), **options))
        assert read_error(answer, 504)["code"] == "deadline_passed"


def test_an_error_in_mid_stream_is_its_last_event(connect, clip: Path, monkeypatch):
    client = connect()
    step = client.app.state.served.engine._decoder._batch._step
    left = iter(range(3))

    def fail_later() -> None:
        if next(left, None) is None:
            raise RuntimeError("a secret")
        step()

    monkeypatch.setattr(client.app.state.served.engine._decoder._batch, "_step", fail_later)
    told = client.post(COMPLETE, json=body_about(data_url(clip.read_bytes()), stream=True))
    events = [line.removeprefix("data: ") for line in told.text.splitlines() if line]
    assert json.loads(events[0])["choices"][0]["delta"]["role"] == "assistant"
    assert json.loads(events[-1])["error"]["type"] == "server_error"
    assert "secret" not in told.text
    whole = client.post(COMPLETE, json=body_about(data_url(clip.read_bytes())))
    assert read_error(whole, 500)["type"] == "server_error"
    monkeypatch.undo()
    again = client.post(COMPLETE, json=body_about(data_url(clip.read_bytes()), max_tokens=3))
    assert again.status_code == 200


def test_only_known_keys_open_and_files_are_their_owners(connect, clip: Path):
    client = connect(app={"keys": Keys(KEYS)}, model=None)
    mine, yours = ({"Authorization": f"Bearer {key}"} for key in KEYS)
    wrong = b"Bearer wrong-key-of-twenty-signs"
    for sent in (b"", wrong, b"Basic " + KEYS[0].encode(), b"Bearer \xe9"):
        headers = {"Authorization": sent} if sent else {}
        for path in ("/v1/models", "/metrics", "/nowhere"):
            answer = client.get(path, headers=headers)
            assert read_error(answer, 401)["code"] == "invalid_api_key"
            assert answer.headers["www-authenticate"] == "Bearer"
    assert client.get("/healthz").status_code == 200
    assert client.get("/v1/models", headers=mine).status_code == 200
    sent = client.post("/v1/files", files={"file": ("a", clip.read_bytes())}, headers=mine).json()
    assert client.get(f"/v1/files/{sent['id']}", headers=mine).status_code == 200
    assert read_error(client.get(f"/v1/files/{sent['id']}", headers=yours), 404)
    assert client.get("/v1/files", headers=yours).json()["data"] == []


def test_each_key_has_its_own_rate(connect):
    client = connect(app={"keys": Keys(KEYS)}, model=None, rate_per_minute=2.0)
    mine, yours = ({"Authorization": f"Bearer {key}"} for key in KEYS)
    codes = [client.get("/v1/models", headers=mine).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    limited = client.get("/v1/models", headers=mine)
    assert read_error(limited, 429)["code"] == "rate_limit_exceeded"
    assert int(limited.headers["retry-after"]) <= 30
    assert client.get("/v1/models", headers=yours).status_code == 200


def test_other_sites_and_names_are_turned_away(connect):
    client = connect(model=None)
    for origin in ("https://evil.example", "null", "http://127.0.0.1:9999"):
        answer = client.get("/v1/models", headers={"Origin": origin})
        assert read_error(answer, 403)["code"] == "other_origin"
    own = client.get("/v1/models", headers={"Origin": "http://127.0.0.1:8000"})
    assert own.status_code == 200
    assert "access-control-allow-origin" not in own.headers
    for host in ("evil.example", "127.0.0.1.evil.example", "", "[::1", "localhost.evil"):
        assert read_error(client.get("/v1/models", headers={"Host": host}), 421)
    assert client.get("/v1/models", headers={"Host": "localhost:1"}).status_code == 200


def test_the_log_holds_neither_prompts_nor_media(connect, clip: Path, caplog):
    caplog.set_level(logging.DEBUG)
    client = connect()
    secret = "Is the zorgly person smiling"
    url = data_url(clip.read_bytes())
    client.post(COMPLETE, json=body_about(url, secret, max_tokens=3))
    client.post(COMPLETE, json=body_about(url, secret, max_tokens=3, stream=True))
    client.post(COMPLETE, json=body_about(url, secret, temperature=-9))
    client.post("/check", json={"text": secret, "media": url})
    client.get(f"/v1/files/{secret}")
    client.get(f"/{secret}?key={secret}")
    engine = client.app.state.served.engine
    engine._decoder._batch._step = lambda: int(secret)
    assert client.post(COMPLETE, json=body_about(url, secret)).status_code == 500
    own = [record for record in caplog.records if record.name.startswith(("lineament", "uvicorn"))]
    assert any("/v1/files/{file_id} 404" in record.getMessage() for record in own)
    assert any("ValueError" in record.getMessage() for record in own)
    for record in own:
        text = record.getMessage() + str(record.exc_info and record.exc_info[1])
        assert "zorgly" not in text
        assert url[40:80] not in text


def test_prompts_are_logged_when_asked(connect, clip: Path, caplog):
    caplog.set_level(logging.INFO, logger="lineament.serving")
    client = connect(log_prompts=True)
    client.post(COMPLETE, json=body_about(data_url(clip.read_bytes()), max_tokens=3))
    assert any(QUESTION in record.getMessage() for record in caplog.records)


def test_what_the_server_offers_is_written_down(connect):
    paths = connect(model=None).get("/openapi.json").json()["paths"]
    assert {
        COMPLETE, "/v1/models", "/v1/files", "/v1/files/{file_id}", "/annotate", "/check",
        "/v1/images/generations", "/healthz", "/readyz", "/metrics",
    } <= set(paths)  # fmt: skip
