"""``/v1/images/generations``: faces from words, as PNG files that say they were drawn."""

import base64
import time
from typing import Any

from fastapi import APIRouter, Request

from lineament.errors import BadInput
from lineament.serving.artist import DrawingWish
from lineament.serving.served import UnknownModel, client_of, served_of
from lineament.serving.waiting import Waiting
from lineament.serving.wire import ImagesRequest, round_seconds

router = APIRouter()


@router.post("/v1/images/generations")
async def generate(body: ImagesRequest, request: Request) -> dict[str, Any]:
    """Draw faces from words."""
    engine, client = served_of(request).engine, client_of(request)
    artist = engine.artist
    if artist is None or (body.model is not None and body.model != artist.name):
        hint = "lineament serve --draw MODEL" if artist is None else f"draws: {artist.name}"
        raise UnknownModel("model: there is no such model that draws", hint=hint)
    sizes = ("auto", f"{artist.size_px}x{artist.size_px}")
    if body.size is not None and body.size not in sizes:
        raise BadInput(f"size: expected {' or '.join(sizes)}")
    wish = DrawingWish(body.prompt, body.n or 1, body.choose_seed(), body.steps, body.guidance)
    waiting = Waiting(request.receive)
    waiting.follow([engine.draw(wish, client=client)])
    try:
        drawing = (await waiting.results())[0]
    finally:
        waiting.stop()
    return {
        "created": round_seconds(time.time()),
        "data": [
            {"b64_json": base64.b64encode(picture).decode(), "revised_prompt": drawing.told}
            for picture in drawing.pictures
        ],
        "lineament": {"seed": wish.seed, "notes": list(drawing.notes)},
    }
