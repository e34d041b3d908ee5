"""The media desk: what a request names as its media, turned into bytes in the spool."""

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from lineament.errors import BadMedia
from lineament.serving.remote import FolderMedia, RemoteMedia
from lineament.serving.spool import Spool, Stored
from lineament.serving.uploads import PREFIX, Uploads

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


class MediaDesk:
    """Take media in: data URLs, uploads, and what is allowed from elsewhere.

    Args:
        spool: Where their bytes go.
        uploads: Files that were sent before.
        remote: Fetches http and https addresses.
        folders: Reads ``file:`` URLs.
        max_bytes: Of one clip or picture.
    """

    def __init__(
        self,
        spool: Spool,
        uploads: Uploads,
        remote: RemoteMedia,
        folders: FolderMedia,
        *,
        max_bytes: int,
    ) -> None:
        self.spool, self.uploads = spool, uploads
        self._remote, self._folders = remote, folders
        self._max_bytes = max_bytes

    def take(self, url: str, client: str) -> Stored:
        """Return the media that a URL or file id names, to be dropped from the spool later.

        Raises:
            BadMedia: They cannot be had, or are not allowed.
            QueueFull: The spool is full.
        """
        if url.startswith(PREFIX):
            return self.uploads.share(client, url)
        found = _SCHEME.match(url)
        scheme = found[1].lower() if found else ""
        if scheme == "data":
            return self.spool.put(self._read_data(url))
        if scheme in ("http", "https"):
            return self.spool.put(self._remote.fetch(url))
        if scheme == "file":
            return self.spool.put(self._folders.read(url))
        raise BadMedia(
            "expected a data: URL or the id of an uploaded file",
            hint="data:video/mp4;base64,..., or upload it: POST /v1/files",
        )

    def _read_data(self, url: str) -> bytes:
        head, comma, body = url.partition(",")
        if not comma:
            raise BadMedia("a data: URL has a comma before its content")
        # Four letters carry three bytes: what is too long is not even decoded.
        if len(body) > self._max_bytes * 4 // 3 + 4:
            raise self._too_long()
        if head.lower().endswith(";base64"):
            try:
                content = base64.b64decode(body.encode("ascii"), validate=True)
            except (binascii.Error, UnicodeEncodeError):
                raise BadMedia("what follows the comma is not base64") from None
        else:
            content = unquote_to_bytes(body)
        if len(content) > self._max_bytes:
            raise self._too_long()
        return content

    def _too_long(self) -> BadMedia:
        return BadMedia(
            f"the media hold more than {self._max_bytes:,} bytes",
            hint="send a shorter or smaller clip",
        )
