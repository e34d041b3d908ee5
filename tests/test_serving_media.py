"""Media taken in: the spool, uploads, data URLs, and what may be fetched from elsewhere."""

import http.server
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from lineament.errors import BadInput, BadMedia
from lineament.serving.keys import Keys, RateLimit
from lineament.serving.media_desk import MediaDesk
from lineament.serving.remote import (
    FolderMedia,
    RemoteMedia,
    is_public_address,
    resolve_host,
)
from lineament.serving.spool import PREFIX, Spool, find_suffix, remove_stale_folders
from lineament.serving.ticket import QueueFull
from lineament.serving.uploads import UnknownFile, Uploads, tidy_name


@pytest.fixture
def spool() -> Iterator[Spool]:
    kept = Spool(1000)
    yield kept
    kept.close()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_same_content_is_stored_once_until_all_have_dropped_it(spool: Spool):
    one, same, other = spool.put(b"one"), spool.put(b"one"), spool.put(b"other")
    assert one == same
    assert spool.num_bytes == 8
    spool.drop(one)
    assert same.path.read_bytes() == b"one"
    spool.drop(spool.share(same))
    spool.drop(same)
    assert not same.path.exists()
    assert spool.num_bytes == 5
    assert other.path.parent == spool.folder
    with pytest.raises(QueueFull, match="holds all media"):
        spool.put(bytes(996))
    with pytest.raises(BadMedia, match="empty"):
        spool.put(b"")


def test_folders_of_dead_servers_go(tmp_path: Path):
    dead, alive = tmp_path / f"{PREFIX}999999999-x", tmp_path / f"{PREFIX}{os.getpid()}-x"
    other = tmp_path / "something-else"
    for folder in (dead, alive, other):
        folder.mkdir()
    remove_stale_folders(tmp_path)
    assert not dead.exists()
    assert alive.exists()
    assert other.exists()


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [("PNG", ".png"), ("JPEG", ".jpg"), ("WEBP", ".webp"), ("BMP", ".bmp"), ("TIFF", ".tif"),
     ("PPM", ".ppm"), ("GIF", ".mp4")],
)  # fmt: skip
def test_pictures_are_told_by_their_first_bytes(kind: str, suffix: str, tmp_path: Path):
    Image.new("RGB", (20, 20)).save(tmp_path / "x", kind)
    assert find_suffix((tmp_path / "x").read_bytes()) == suffix


def test_uploads_are_their_owners_and_are_forgotten(spool: Spool):
    clock = Clock()
    uploads = Uploads(spool, 60.0, clock)
    file = uploads.add("me", "/home/me/C:\\clips\\my\x00 clip.mp4", b"clip", purpose="vision")
    assert file.name == "my clip.mp4"
    assert uploads.require("me", file.id) is file
    for owner, name in (("you", file.id), ("me", "file-other")):
        with pytest.raises(UnknownFile):
            uploads.require(owner, name)
    held = uploads.share("me", file.id)
    clock.now += 61
    assert uploads.list_files("me") == []
    assert held.path.exists()  # a request still uses it
    spool.drop(held)
    assert not held.path.exists()
    again = uploads.add("me", "", b"clip", purpose="vision")
    assert again.name == "media"
    assert again.id != file.id
    uploads.remove("me", again.id)
    assert spool.num_bytes == 0


def test_a_client_holds_no_more_files_than_it_may(spool: Spool, monkeypatch):
    monkeypatch.setattr("lineament.serving.uploads.MAX_FILES", 2)
    uploads = Uploads(spool, 60.0)
    for number in range(2):
        uploads.add("me", "a", bytes([number]), purpose="vision")
    with pytest.raises(QueueFull, match="delete some"):
        uploads.add("me", "a", b"c", purpose="vision")
    uploads.add("you", "a", b"c", purpose="vision")
    assert tidy_name("x" * 999) == "x" * 200


@pytest.fixture
def desk(spool: Spool) -> MediaDesk:
    return MediaDesk(
        spool,
        Uploads(spool, 60.0),
        RemoteMedia((), max_bytes=100),
        FolderMedia((), max_bytes=100),
        max_bytes=100,
    )


def test_data_urls_are_read(desk: MediaDesk):
    for url in ("data:video/mp4;base64,YWJj", "data:;base64,YWJj", "DATA:,abc", "data:,%61bc"):
        stored = desk.take(url, "me")
        assert stored.path.read_bytes() == b"abc"
        desk.spool.drop(stored)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("data:abc", "comma"), ("data:;base64,YW Jj", "not base64"), ("data:;base64,YQ=", "base64"),
        ("data:;base64,\u00e9", "not base64"), ("data:," + "x" * 101, "more than 100 bytes"),
        ("data:;base64," + "QUFB" * 40, "more than 100 bytes"), ("data:,", "empty"),
        ("nothing", "expected a data: URL"), ("mailto:x", "expected a data: URL"),
    ],
)  # fmt: skip
def test_data_urls_that_cannot_be_read_are_refused(desk: MediaDesk, url: str, message: str):
    with pytest.raises(BadMedia, match=message):
        desk.take(url, "me")
    assert desk.spool.num_bytes == 0


PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "240.0.0.1", "::1",
    "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "2001:db8::1", "no address", "",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_inner_addresses_are_not_public(address: str):
    assert not is_public_address(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700:4700::1111"])
def test_addresses_of_the_internet_are_public(address: str):
    assert is_public_address(address)


class Site(http.server.BaseHTTPRequestHandler):
    """A host with media, redirects and faults."""

    seen: list[str] = []  # noqa: RUF012 - shared on purpose

    def do_GET(self) -> None:
        Site.seen.append(f"{self.headers['Host']}{self.path}")
        there = self.path.partition("?to=")[2]
        if there:
            self.send_response(302)
            self.send_header("Location", there)
            self.end_headers()
        elif self.path == "/slow":
            self.send_response(200)
            self.end_headers()
            for _ in range(200):
                try:
                    self.wfile.write(b"x")
                except OSError:
                    return
                time.sleep(0.02)
        elif self.path == "/packed":
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
        elif self.path == "/broken":
            self.wfile.write(b"nonsense\r\n\r\n")
        elif self.path == "/gone":
            self.send_error(404)
        else:
            content = b"m" * (5000 if self.path == "/long" else 10)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(name="site")
def fixture_site() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Site.seen.clear()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def make_remote(port: int, **changes: Any) -> RemoteMedia:
    """Fetch from a name that stands for this machine, as if that were a public one."""
    options: dict[str, Any] = {
        "max_bytes": 1000,
        "resolve": lambda host, port: ["127.0.0.1"],
        "is_public": lambda address: address == "127.0.0.1",
    }
    return RemoteMedia([f"media.example.org:{port}"], **(options | changes))


def test_media_of_allowed_hosts_are_fetched_from_the_checked_address(site: int):
    remote = make_remote(site)
    base = f"http://media.example.org:{site}"
    assert remote.fetch(f"{base}/a.mp4?x=1") == b"m" * 10
    assert remote.fetch(f"{base}/b?to=/c") == b"m" * 10
    assert Site.seen == [
        f"media.example.org:{site}/a.mp4?x=1",
        f"media.example.org:{site}/b?to=/c",
        f"media.example.org:{site}/c",
    ]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/long", "more than 1,000 bytes"), ("/gone", "answers 404"), ("/packed", "packs"),
        ("/broken", "does not answer as it should"), ("/slow", "takes too long|as it should"),
        ("/a?to=http://other.example.org/x", "other hosts are not fetched"),
        ("/a?to=http://127.0.0.1/x", "other hosts are not fetched"),
        ("/a?to=//media.example.org/x", "other hosts are not fetched"),
        ("/a?to=file:///etc/passwd", "no plain http"), ("/a?to=/a?to=/a?to=/a?to=/a", "too often"),
    ],
)  # fmt: skip
def test_hosts_that_misbehave_are_refused(site: int, path: str, message: str):
    remote = make_remote(site, seconds=1.0)
    before = time.monotonic()
    with pytest.raises(BadMedia, match=message):
        remote.fetch(f"http://media.example.org:{site}{path}")
    assert time.monotonic() - before < 30  # a byte now and then keeps nobody


def test_a_redirect_may_not_lead_to_another_allowed_host(site: int):
    resolve: Callable[[str, int], list[str]] = lambda host, port: ["127.0.0.1"]  # noqa: E731
    remote = RemoteMedia(
        [f"one.example:{site}", f"two.example:{site}"],
        max_bytes=1000,
        resolve=resolve,
        is_public=lambda _: True,
    )
    with pytest.raises(BadMedia, match="leads to another host"):
        remote.fetch(f"http://one.example:{site}/a?to=http://two.example:{site}/b")


@pytest.mark.parametrize(
    "url",
    [
        "http://other.example.org/a", "http://media.example.org.evil.example/a",
        "http://user@media.example.org/a", "http://media.example.org@evil.example/a",
        "http://evil.example\\@media.example.org/a", "http://media.example.org\t/a",
        "http://media.example.org:99/a", "http://media.example.org:x/a", "http://[::1/a",
        "http:///a", "http:media.example.org", "ftp://media.example.org/a",
        "http://m\u00e9dia.example.org/a", "http://media.example.org/a b",
    ],
)  # fmt: skip
def test_addresses_that_are_not_allowed_are_never_asked(url: str):
    asked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return []

    with pytest.raises(BadMedia):
        RemoteMedia(["media.example.org"], max_bytes=10, resolve=resolve).fetch(url)
    assert asked == []


def test_an_allowed_name_with_an_inner_address_is_refused(site: int):
    for addresses in (["127.0.0.1"], ["8.8.8.8", "10.0.0.1"], []):
        remote = RemoteMedia(
            [f"localhost:{site}"], max_bytes=10, resolve=lambda *_, found=addresses: found
        )
        with pytest.raises(BadMedia, match="no public address"):
            remote.fetch(f"http://localhost:{site}/a")
    with pytest.raises(BadMedia, match="no public address"):
        RemoteMedia([f"localhost:{site}"], max_bytes=10).fetch(f"http://localhost:{site}/a")
    assert Site.seen == []
    assert resolve_host("no such host \u00e9..", 80) == []


def test_files_are_chosen_from_allowed_folders_alone(tmp_path: Path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a b.mp4").write_bytes(b"clip")
    (inside / "notes.txt").write_text("a secret")
    (inside / "way.mp4").symlink_to(outside / "a b.mp4")
    (inside / "long.mp4").write_bytes(bytes(101))
    media = FolderMedia([inside], max_bytes=100)
    assert media.read(f"file://{inside}/a%20b.mp4") == b"clip"
    assert media.read(f"file://localhost{inside}/a%20b.mp4") == b"clip"
    for path in (
        f"file://{outside}/a%20b.mp4", f"file://{inside}/../out/a%20b.mp4",
        f"file://{inside}/way.mp4", f"file://{inside}/notes.txt", f"file://evil{inside}/a%20b.mp4",
        f"file://{inside}/a%20b.mp4%00", f"file:{inside}/./a%20b.mp4", "file:///etc/passwd",
    ):  # fmt: skip
        with pytest.raises(BadMedia, match="not opened"):
            media.read(path)
    with pytest.raises(BadMedia, match="more than 100 bytes"):
        media.read(f"file://{inside}/long.mp4")


def test_key_files_are_read_and_checked(tmp_path: Path):
    path = tmp_path / "keys"
    path.write_text("# the page\nfirst-key-of-twenty-signs\n\n  other-key-of-twenty-signs \n")
    keys = Keys.read(path)
    assert keys.find_client("first-key-of-twenty-signs") == "key 1"
    assert keys.find_client("other-key-of-twenty-signs") == "key 2"
    for wrong in ("", "first-key-of-twenty-sign", "first-key-of-twenty-signs ", "\udc80"):
        assert keys.find_client(wrong) is None
    for content, message in (
        (b"", "holds no key"), (b"short", "key 1: expected 16"), (b"\xff", "not UTF-8"),
        (b"a-key-of-twenty-signs\n" * 2, "twice"),
    ):  # fmt: skip
        path.write_bytes(content)
        with pytest.raises(BadInput, match=message) as caught:
            Keys.read(path)
        assert str(path) in caught.value.message
    with pytest.raises(BadInput, match="no such file"):
        Keys.read(tmp_path / "nothing")


def test_rates_fill_up_again():
    clock = Clock()
    rate = RateLimit(6.0, clock)
    assert [rate.take("me") for _ in range(7)] == [0, 0, 0, 0, 0, 0, 10]
    assert rate.take("you") == 0
    clock.now += 10
    assert [rate.take("me"), rate.take("me")] == [0, 10]
    clock.now += 1e6
    assert sum(rate.take("me") == 0 for _ in range(20)) == 6
    assert RateLimit(0.0).take("me") == 0
