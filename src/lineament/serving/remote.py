"""Media from elsewhere: allowed hosts and folders alone, and never an inner address."""

import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from lineament.errors import BadMedia
from lineament.video import find_media

MAX_REDIRECTS = 3
FETCH_SECONDS = 30.0
CHUNK_BYTES = 1 << 16
PORTS = {"http": 80, "https": 443}
REDIRECTS = (301, 302, 303, 307, 308)

Resolve = Callable[[str, int], list[str]]


def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of a host; none when it is unknown."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(entry[4][0]) for entry in found]


def is_public_address(address: str) -> bool:
    """Say whether an address is one of the internet's, not of this machine or its network."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        # What an IPv6 address carries within has to be public, too.
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None and not is_public_address(str(inner)):
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


class RemoteMedia:
    """Fetch media from allowed hosts.

    The host's address is looked up once, must be public, and is the one that is connected to,
    so that a name which changes its address gains nothing. Redirects stay on the same host.

    Args:
        hosts: Such as ``media.example.org``, or with a port; nothing else is fetched.
        max_bytes: Of what is fetched.
        seconds: For all of it.
        resolve: Looks a host up.
        is_public: Says whether an address may be connected to.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        *,
        max_bytes: int,
        seconds: float = FETCH_SECONDS,
        resolve: Resolve = resolve_host,
        is_public: Callable[[str], bool] = is_public_address,
    ) -> None:
        self._hosts = {host.strip().lower() for host in hosts}
        self._max_bytes, self._seconds = max_bytes, seconds
        self._resolve, self._is_public = resolve, is_public

    def fetch(self, url: str) -> bytes:
        """Return what lies at an address.

        Raises:
            BadMedia: The host is not allowed, its address not public, or it does not answer.
        """
        deadline = time.monotonic() + self._seconds
        first = place = self._check(url)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._ask(place, deadline)
            if isinstance(answer, bytes):
                return answer
            place = self._check(urljoin(place.geturl(), answer))
            if place.netloc.lower() != first.netloc.lower() or place.scheme < first.scheme:
                raise BadMedia("leads to another host", hint="give the final address")
        raise BadMedia("is redirected too often", hint="give the final address")

    def _check(self, url: str) -> SplitResult:
        if any(ord(sign) <= 32 or sign in "\\\x7f" for sign in url) or not url.isascii():
            raise BadMedia("holds signs that no address has")
        try:
            place = urlsplit(url)
            port = place.port
        except ValueError:
            raise BadMedia("is no address") from None
        if place.scheme not in PORTS or not place.hostname or "@" in place.netloc:
            raise BadMedia("is no plain http or https address")
        named = place.hostname.lower()
        if port is not None and port != PORTS[place.scheme]:
            named = f"{named}:{port}"
        if named not in self._hosts:
            raise BadMedia(
                "media from other hosts are not fetched",
                hint="send the media as a data: URL, or upload them: POST /v1/files",
            )
        return place

    def _ask(self, place: SplitResult, deadline: float) -> bytes | str:
        """Return the content, or the address that it is redirected to."""
        assert place.hostname is not None
        port = place.port or PORTS[place.scheme]
        addresses = self._resolve(place.hostname, port)
        if not addresses or not all(self._is_public(address) for address in addresses):
            raise BadMedia("the host has no public address")
        kind = _PinnedTLS if place.scheme == "https" else _Pinned
        connection = kind(place.hostname, port, addresses[0], _seconds_until(deadline))
        # A server may keep each single byte within its time; this ends all of it.
        alarm = threading.Timer(_seconds_until(deadline), connection.cut)
        alarm.start()
        try:
            return self._read(connection, place, deadline)
        except (OSError, http.client.HTTPException, ValueError):
            raise BadMedia("the host does not answer as it should") from None
        finally:
            alarm.cancel()
            connection.close()

    def _read(self, connection: "_Pinned", place: SplitResult, deadline: float) -> bytes | str:
        target = place.path or "/"
        if place.query:
            target = f"{target}?{place.query}"
        headers = {"Accept-Encoding": "identity", "User-Agent": "lineament"}
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        if answer.status in REDIRECTS and answer.headers.get("Location"):
            return str(answer.headers["Location"])
        if answer.status != 200:
            raise BadMedia(f"the host answers {answer.status}")
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise BadMedia("the host packs what nobody asked it to pack")
        content = bytearray()
        while chunk := answer.read1(CHUNK_BYTES):
            content += chunk
            if len(content) > self._max_bytes:
                raise BadMedia(f"holds more than {self._max_bytes:,} bytes")
            _seconds_until(deadline)
        return bytes(content)


class _Pinned(http.client.HTTPConnection):
    """A connection to an address that has been checked, under the host's name."""

    def __init__(self, host: str, port: int, address: str, timeout: float) -> None:
        super().__init__(host, port, timeout=timeout)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)

    def cut(self) -> None:
        with suppress(OSError):
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)


class _PinnedTLS(_Pinned):
    def connect(self) -> None:
        super().connect()
        context = ssl.create_default_context()
        self.sock = context.wrap_socket(self.sock, server_hostname=self.host)


def _seconds_until(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise BadMedia("takes too long to fetch")
    return left


class FolderMedia:
    """Media of allowed folders, chosen from our own list of what lies there.

    Args:
        folders: Nothing outside of them is read.
        max_bytes: Of one file.
    """

    def __init__(self, folders: Sequence[Path], *, max_bytes: int) -> None:
        self._folders = [folder.resolve() for folder in folders]
        self._max_bytes = max_bytes

    def read(self, url: str) -> bytes:
        """Return the media that a ``file:`` URL names.

        Raises:
            BadMedia: No allowed folder holds it.
        """
        place = urlsplit(url)
        wanted = unquote(place.path) if place.netloc in ("", "localhost") else ""
        # The client's text is compared with names that we found; it is never opened.
        for path in self._list_files():
            if str(path) == wanted:
                if path.stat().st_size > self._max_bytes:
                    raise BadMedia(f"holds more than {self._max_bytes:,} bytes")
                return path.read_bytes()
        raise BadMedia(
            "files of the server are not opened",
            hint="send the media as a data: URL, or upload them: POST /v1/files",
        )

    def _list_files(self) -> list[Path]:
        return [
            path
            for folder in self._folders
            for path in find_media(folder)
            if path.resolve().is_relative_to(folder)
        ]
