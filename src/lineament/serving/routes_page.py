"""``/``: the web page, as plain files out of the package, and the limits that it tells."""

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from lineament.serving.served import served_of

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).parent / "page"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@cache
def find_files() -> dict[str, Path]:
    """Return the page's files by name: what is not in here is not served."""
    return {
        path.name: path
        for path in sorted(FOLDER.iterdir())
        if path.is_file() and path.suffix in MEDIA_TYPES
    }


@router.get("/")
async def show_page() -> Response:
    """Return the page."""
    return await _respond(find_files()["index.html"])


@router.get("/page/limits")
async def tell_limits(request: Request) -> dict[str, Any]:
    """Tell the page what the server takes, and for how long it keeps it."""
    served = served_of(request)
    media = served.settings.media
    return {
        "max_bytes": media.max_bytes,
        "max_seconds": media.max_seconds,
        "file_seconds": served.settings.file_seconds,
    }


@router.get("/page/{name}")
async def read_page_file(name: str) -> Response:
    """Return one of the page's files."""
    path = find_files().get(name)
    if path is None:
        raise HTTPException(404, "the page has no such file")
    return await _respond(path)


async def _respond(path: Path) -> Response:
    content = await run_in_threadpool(path.read_bytes)
    return Response(content, media_type=MEDIA_TYPES[path.suffix])
