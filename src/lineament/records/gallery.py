"""The gallery: records of a built data set as an HTML page, with their pictures."""

from collections.abc import Iterable, Mapping
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from lineament.errors import BadMedia
from lineament.records.exchange import CLIP_SUFFIXES
from lineament.records.record import LEVELS
from lineament.records.sources.pixels import open_pixels
from lineament.report import Page, Section, picture_html, table_html, write_page
from lineament.video import frames_at, open_clip

PAGE = "index.html"


def write_gallery(
    rows: Iterable[Mapping[str, Any]], folder: Path | str, title: str, data: Path | None = None
) -> Path:
    """Write a page with one section a picture or clip.

    Args:
        rows: As `RecordStore.row` gives them; those about one picture or clip together.
        folder: Where ``index.html`` goes.
        title: Of the page.
        data: Where the media lie; None: no pictures.
    """
    page = Page(title, "Questions, answers and the claims read back from each.")
    for media, group in groupby(rows, key=lambda row: row["media"]):
        html = _picture(media, data) + "".join(map(_record_html, group))
        page.sections.append(Section(media, html))
    return write_page(Path(folder) / PAGE, page)


def _picture(media: str, data: Path | None) -> str:
    if data is None:
        return ""
    try:
        pixels = _first_frame(media, data)
    except BadMedia as error:
        return f"<p>{escape(error.message)}</p>"
    return picture_html(pixels, media, max_side_px=256)


def _first_frame(media: str, data: Path) -> UInt8[np.ndarray, "height width 3"]:
    if not media.lower().endswith(CLIP_SUFFIXES):
        return open_pixels(media, data)
    path = data / media
    if ".." in Path(media).parts or Path(media).is_absolute():
        raise BadMedia(f"{media}: not a path below the data folder")
    clip = open_clip(path)
    return frames_at(clip, np.array([clip.duration_seconds / 2])).pixels[0]


def _record_html(row: Mapping[str, Any]) -> str:
    quality = "" if row.get("quality") is None else f", quality {row['quality']:.2f}"
    heading = f"{row['kind']} ({LEVELS.get(row['level'], row['level'])}{quality})"
    said = "".join(
        f"<p><b>{'Q' if turn['role'] == 'user' else 'A'}</b> {escape(turn['text'])}</p>"
        for turn in row["turns"]
    )
    claims = [
        (claim["name"], f"{'not ' if claim['negated'] else ''}{claim['value']}", _span(claim))
        for claim in row["claims"]
    ]
    table = table_html(("claim", "value", "when"), claims) if claims else ""
    return f"<h3>{escape(heading)}</h3>{said}<details><summary>claims</summary>{table}</details>"


def _span(claim: Mapping[str, Any]) -> str:
    start, stop = claim["start_seconds"], claim["stop_seconds"]
    if start is None and stop is None:
        return ""
    return f"{'' if start is None else f'{start:g}'} to {'' if stop is None else f'{stop:g}'} s"
