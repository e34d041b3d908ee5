"""``/v1/files``, ``/annotate`` and ``/check``: media sent once, looked at, and texts checked."""

from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Request, UploadFile
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from lineament.annotation import annotation_from_dict
from lineament.describe.verdicts import dict_from_checked
from lineament.errors import BadInput, BadMedia
from lineament.serving.replies import dict_from_annotated, dict_from_file
from lineament.serving.served import client_of, served_of
from lineament.serving.ticket import Ticket
from lineament.serving.waiting import Waiting
from lineament.serving.wire import AnnotateRequest, CheckRequest

router = APIRouter()
MAX_PURPOSE = 64


@router.post("/v1/files")
async def upload(
    request: Request,
    file: Annotated[UploadFile, File()],
    purpose: Annotated[str, Form(max_length=MAX_PURPOSE)] = "vision",
) -> dict[str, Any]:
    """Keep a clip or picture for a while, to be named in several requests."""
    served, client = served_of(request), client_of(request)
    most = served.settings.media.max_bytes
    content = await file.read(most + 1)
    if len(content) > most:
        raise BadMedia(
            f"file: holds more than {most:,} bytes", hint="send a shorter or smaller clip"
        )
    kept = await run_in_threadpool(
        served.desk.uploads.add, client, file.filename or "", content, purpose=purpose
    )
    return dict_from_file(kept)


@router.get("/v1/files")
async def list_files(request: Request) -> dict[str, Any]:
    """List one's own files."""
    files = served_of(request).desk.uploads.list_files(client_of(request))
    return {"object": "list", "data": [dict_from_file(file) for file in files], "has_more": False}


@router.get("/v1/files/{file_id}")
async def describe_file(file_id: str, request: Request) -> dict[str, Any]:
    """Describe one of one's own files."""
    return dict_from_file(served_of(request).desk.uploads.require(client_of(request), file_id))


@router.get("/v1/files/{file_id}/content")
async def read_file(file_id: str, request: Request) -> Response:
    """Return one of one's own files."""
    desk, client = served_of(request).desk, client_of(request)
    stored = desk.uploads.share(client, file_id)
    try:
        content = await run_in_threadpool(stored.path.read_bytes)
    finally:
        desk.spool.drop(stored)
    headers = {"Content-Disposition": "attachment"}
    return Response(content, media_type="application/octet-stream", headers=headers)


@router.delete("/v1/files/{file_id}")
async def delete_file(file_id: str, request: Request) -> dict[str, Any]:
    """Forget one of one's own files."""
    served_of(request).desk.uploads.remove(client_of(request), file_id)
    return {"id": file_id, "object": "file", "deleted": True}


@router.post("/annotate")
async def annotate(body: AnnotateRequest, request: Request) -> Response:
    """Say who is seen when, and what their faces do."""
    served, client = served_of(request), client_of(request)
    async with served.media(body.media, client) as media:
        annotated = await _wait_for(served.engine.look(media, client=client), request)
    return JSONResponse(dict_from_annotated(annotated, has_boxes=body.boxes))


@router.post("/check")
async def check(body: CheckRequest, request: Request) -> Response:
    """Judge every claim of a text: supported, contradicted or unknown."""
    served, client = served_of(request), client_of(request)
    if (body.media is None) == (body.annotation is None):
        raise BadInput("expected either media or annotation")
    if body.media is not None:
        async with served.media(body.media, client) as media:
            ticket = served.engine.check(body.text, media, client=client)
            checked, annotation = await _wait_for(ticket, request)
    else:
        given = await run_in_threadpool(annotation_from_dict, body.annotation)
        ticket = served.engine.check(body.text, given, client=client)
        checked, annotation = await _wait_for(ticket, request)
    return JSONResponse(dict_from_checked(checked, annotation.media))


async def _wait_for(ticket: Ticket, request: Request) -> Any:
    waiting = Waiting(request.receive)
    waiting.follow([ticket])
    try:
        return (await waiting.results())[0]
    finally:
        waiting.stop()
