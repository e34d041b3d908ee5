"""What strangers try: names that turn to inner addresses, forged headers, paths that climb."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from lineament.errors import BadMedia
from lineament.serving.app import make_app
from lineament.serving.remote import RemoteMedia
from serving_toys import (  # noqa: F401
    fixture_loaded,
    fixture_looker,
    fixture_make_engine,
    fixture_model_folder,
    run_server,
)
from test_model_toys import _one_thread  # noqa: F401
from test_serving_media import Site, fixture_site, make_remote  # noqa: F401

requests = pytest.importorskip("requests")
OUTER, INNER = "127.0.0.1", "10.0.0.1"  # the first stands for an address of the internet


def test_a_name_that_turns_to_an_inner_address_is_not_followed(site: int):
    answers = iter([[OUTER], [INNER]])
    remote = make_remote(site, resolve=lambda host, port: next(answers))
    with pytest.raises(BadMedia, match="no public address"):
        remote.fetch(f"http://media.example.org:{site}/b?to=/c")
    assert Site.seen == [f"media.example.org:{site}/b?to=/c"]


def test_the_address_that_was_checked_is_the_one_connected_to(site: int):
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return [OUTER]

    remote = make_remote(site, resolve=resolve)
    assert remote.fetch(f"http://media.example.org:{site}/a") == b"m" * 10
    assert asked == ["media.example.org"]  # once, and the name itself resolves to nothing


@pytest.mark.parametrize(
    "place",
    [f"//{INNER}/x", f"http://{INNER}/x", "http://[::1]/x", "http://2130706433/x", "http://0/x",
     "http://media.example.org.:{port}/x", "http://media.example.org:1/x", "/\\evil.example/x",
     "http://evil.example#@media.example.org/x", "\thttp://evil.example/x", "data:,x",
     "http://media.example.org:{port}@evil.example/x"],
)  # fmt: skip
def test_redirects_lead_nowhere_else(site: int, place: str):
    remote = make_remote(site)
    there = place.replace("{port}", str(site)).replace("#", "%23")
    with pytest.raises(BadMedia):
        remote.fetch(f"http://media.example.org:{site}/a?to={there}")
    assert len(Site.seen) <= 1


@pytest.mark.parametrize(
    ("host", "written"),
    [("2130706433", None), ("0x7f000001", None), ("0177.0.0.1", None), ("127.1", None), ("0", None),
     ("localhost", None), ("0.0.0.0", None), ("::1", "[::1]"), ("::", "[::]"),
     ("::ffff:127.0.0.1", "[::ffff:127.0.0.1]"), ("::ffff:7f00:1", "[::ffff:7f00:1]"),
     ("64:ff9b::7f00:1", "[64:ff9b::7f00:1]"), ("169.254.169.254", None)],
)  # fmt: skip
def test_this_machine_is_never_asked_however_it_is_spelled(site: int, host: str, written: str):
    url = f"http://{written or host}:{site}/a"
    with pytest.raises(BadMedia, match="other hosts"):
        RemoteMedia(["media.example.org"], max_bytes=10).fetch(url)
    with pytest.raises(BadMedia, match="no public address"):  # not even when somebody allowed it
        RemoteMedia([f"{host}:{site}"], max_bytes=10).fetch(url)
    assert Site.seen == []


@pytest.fixture
def address(make_engine: Any) -> Iterator[str]:
    with run_server(make_app(make_engine(model=None))) as url:
        yield url


def say(address: str, content: bytes) -> tuple[int, bytes]:
    """Send bytes as they are; return the status, 0 for a closed line, and all that came back."""
    place, told = urlsplit(address), b""
    with (
        socket.create_connection((place.hostname, place.port), timeout=120) as line,
        suppress(ConnectionError),  # closed before all was sent
    ):
        line.sendall(content)
        with suppress(OSError):  # the other side may have closed between the two lines
            line.shutdown(socket.SHUT_WR)
        while piece := line.recv(1 << 16):
            told += piece
    return int(told.split(b" ", 2)[1]) if told else 0, told


HEAD = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"


def test_a_plain_request_is_answered(address: str):
    assert say(address, HEAD + b"\r\n")[0] == 200


@pytest.mark.parametrize(
    "more",
    [b"Host: evil.example\r\n", b"X: a\nHost: evil.example\r\n", b"X : a\r\n", b"X: a\x00b\r\n",
     b"X\r\n", b": a\r\n", b"X: a\r\rb: c\r\n", b"Transfer-Encoding: chunked, identity\r\n",
     b"Content-Length: 1\r\nContent-Length: 2\r\n", b"Content-Length: +1\r\n",
     b"Content-Length: 1_0\r\n", b"Transfer-Encoding: \x0bchunked\r\n",
     b"X: " + b"a" * 200_000 + b"\r\n"],
)  # fmt: skip
def test_heads_that_can_be_read_in_two_ways_are_refused(address: str, more: bytes):
    status, told = say(address, HEAD + more + b"\r\n")
    assert status in (0, 400, 413, 431, 501), told[:200]


def test_who_asks_is_told_by_the_line_alone(make_engine: Any):
    app = make_app(make_engine(model=None, rate_per_minute=3.0))
    with run_server(app) as url:
        codes = []
        for number in range(4):
            other = f"198.51.100.{number}"
            headers = {
                "X-Forwarded-For": other, "X-Real-IP": other, "Forwarded": f"for={other}",
                "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example",
            }  # fmt: skip
            codes.append(requests.get(f"{url}/v1/models", headers=headers).status_code)
    assert codes == [200, 200, 200, 429]


@pytest.mark.parametrize(
    "path",
    ["/../../etc/passwd", "/v1/files/../../../etc/passwd", "/v1/files/%2e%2e/%2e%2e/etc/passwd",
     "/v1/files/..%2f..%2f..%2fetc%2fpasswd/content", "/v1/files/..%5c..%5cetc", "/v1/files/.%00",
     "/v1/files/file-..%2f..%2fetc%2fpasswd", "/v1/files/%ff%fe", "/v1/models/../../etc/passwd",
     "//evil.example/", "//evil.example/%2e%2e", "/\\evil.example", "/v1/models//evil.example/",
     "http://evil.example/v1/nothing", "/openapi.json/../../etc/passwd", "/%"],
)  # fmt: skip
def test_paths_that_climb_lead_nowhere(address: str, path: str):
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    status, told = say(address, head.encode())
    assert status in (400, 404, 405), told[:300]
    assert b"root:" not in told
    assert b"location:" not in told.lower()


@pytest.mark.parametrize(
    "file_id",
    ["file-../../../etc/passwd", "file-..%2f..%2fetc%2fpasswd", "file-", "file-" + "a" * 100_000,
     "file-\x00", "file-/etc/passwd", "file-..\\..\\etc", "file-*", "file-\u202e"],
)  # fmt: skip
def test_made_up_file_ids_are_unknown(address: str, file_id: str):
    for path, body in (
        ("/annotate", {"media": file_id}),
        ("/check", {"media": file_id, "text": "She smiles."}),
    ):
        answer = requests.post(f"{address}{path}", json=body)
        assert answer.status_code == 404, answer.text
        assert answer.json()["error"]["code"] == "file_not_found"


def test_names_of_uploads_are_only_ever_shown(address: str):
    names = (
        "../../../etc/cron.d/x", "..", "a%0D%0ASet-Cookie: b=c", " ", "C:\\..\\x.mp4",
        "\u202egpj.exe",
    )  # fmt: skip
    edge = "a-line-of-its-own"
    for name in names:
        body = (
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; '
            f'filename="{name}"\r\n\r\nclip\r\n--{edge}--\r\n'
        )
        answer = requests.post(
            f"{address}/v1/files",
            data=body.encode(),
            headers={"Content-Type": f"multipart/form-data; boundary={edge}"},
        )
        assert answer.status_code == 200, answer.text
        file = answer.json()
        assert "/" not in file["filename"]
        assert "\r" not in file["filename"]
        content = requests.get(f"{address}/v1/files/{file['id']}/content")
        assert content.headers["content-disposition"] == "attachment"
        assert content.content == b"clip"
