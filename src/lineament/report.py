"""HTML pages and pictures out of results, with no knowledge of what they mean."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import jinja2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

COLOURS = ("#3b6fb6", "#c8553d", "#4a8f4f", "#8a5aa8", "#b98a2f", "#2f8f93", "#a84a74", "#6b6b6b")

# Inside the picture, so that it also stands alone; the page's colours win where it has them.
TIMELINE_STYLE = (
    ".timeline { font-family: system-ui, sans-serif; } "
    ".timeline .label { font-size: 13px; text-anchor: end; fill: var(--ink, #1d2126); } "
    ".timeline .second { font-size: 11px; text-anchor: middle; fill: var(--soft, #5b636d); } "
    ".timeline .note { font-size: 12px; fill: var(--soft, #5b636d); } "
    ".timeline .tick { stroke: var(--line, #d9dde2); }"
)


@dataclass(frozen=True, slots=True)
class Bar:
    """One span on a timeline's row."""

    start: float
    stop: float
    title: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a timeline: its label, its bars, and the group whose colour it bears."""

    label: str
    bars: tuple[Bar, ...]
    group: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page: a heading and ready HTML."""

    heading: str
    html: str


FACES_FOOTER = (
    "Facts describe appearance in these frames, nothing else: not who somebody is, and not what "
    "they feel. This page holds pictures of people: share it as you would share the clip."
)
SCENES_FOOTER = "Facts describe what can be seen from above in this picture, and nothing else."


@dataclass(frozen=True, slots=True)
class Page:
    """A page that stands alone: no script, no outside file.

    Attributes:
        title: Heading of the page.
        lead: What stands below it.
        sections: The rest, in order.
        footer: What a reader must know of all of it.
    """

    title: str
    lead: str
    sections: list[Section] = field(default_factory=list)
    footer: str = FACES_FOOTER


def write_page(path: Path | str, page: Page) -> Path:
    """Write the page as one HTML file; pictures are inside it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("lineament", "."), autoescape=True, keep_trailing_newline=True
    )
    text = environment.get_template("report.html.jinja").render(page=page)
    path.write_text(text, encoding="utf-8")
    return path


def draw_timeline(rows: Sequence[Row], duration: float, *, width: int = 960) -> str:
    """Draw rows of bars over seconds as an SVG picture."""
    left, right, line, top = 150, 16, 22, 8
    height = top + line * len(rows) + 34
    scale = (width - left - right) / max(duration, 1e-6)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="timeline of {duration:.1f} seconds" class="timeline">',
        f"<style>{TIMELINE_STYLE}</style>",
    ]
    bottom = top + line * len(rows)
    for second in _ticks(duration):
        x = left + second * scale
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" class="tick"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" class="second">{second:g} s</text>')
    for number, row in enumerate(rows):
        y = top + number * line
        colour = COLOURS[row.group % len(COLOURS)]
        parts.append(f'<text x="{left - 10}" y="{y + 15}" class="label">{escape(row.label)}</text>')
        if row.note:
            parts.append(
                f'<text x="{left + 4}" y="{y + 15}" class="note">{escape(row.note)}</text>'
            )
        for bar in row.bars:
            x, length = left + bar.start * scale, max((bar.stop - bar.start) * scale, 2.0)
            title = escape(bar.title or f"{row.label}: {bar.start:.2f} to {bar.stop:.2f} s")
            parts.append(
                f'<rect x="{x:.1f}" y="{y + 4}" width="{length:.1f}" height="{line - 8}" rx="3" '
                f'fill="{colour}"><title>{title}</title></rect>'
            )
    parts.append("</svg>")
    return "\n".join(parts)


def draw_boxes(
    pixels: UInt8[np.ndarray, "height width 3"],
    boxes: Sequence[tuple[tuple[float, float, float, float], str, int]],
) -> UInt8[np.ndarray, "height width 3"]:
    """Draw boxes with a label each onto a copy of the picture.

    Args:
        pixels: The picture.
        boxes: ``(box in pixels, label, group)``; the group chooses the colour.
    """
    image = Image.fromarray(pixels).convert("RGB")
    draw = ImageDraw.Draw(image)
    thickness = max(2, round(max(image.size) / 300))
    font = ImageFont.load_default(size=max(11, round(image.height / 24)))
    for box, label, group in boxes:
        colour = COLOURS[group % len(COLOURS)]
        draw.rectangle(box, outline=colour, width=thickness)
        if label:
            x0, y0, x1, y1 = draw.textbbox((box[0], box[1]), label, font=font)
            lift = min(y1 - y0 + 6, box[1])
            place = (x0 - 1, y0 - lift, x1 + 5, y1 - lift + 4)
            draw.rectangle(place, fill=colour)
            draw.text((box[0] + 2, box[1] - lift), label, fill="white", font=font)
    return np.asarray(image)


def picture_html(
    pixels: UInt8[np.ndarray, "height width 3"], caption: str, *, max_side_px: int = 480
) -> str:
    """Return a figure with the picture inside the page."""
    image = Image.fromarray(pixels)
    image.thumbnail((max_side_px, max_side_px), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
    text = escape(caption)
    return (
        f'<figure><img src="data:image/jpeg;base64,{encoded}" alt="{text}" '
        f'width="{image.width}" height="{image.height}"><figcaption>{text}</figcaption></figure>'
    )


def table_html(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table; every cell is escaped."""
    head = "".join(f"<th>{escape(str(cell))}</th>" for cell in headings)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _ticks(duration: float) -> list[float]:
    for step in (0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 600, 1800):
        if duration / step <= 10:
            return [round(step * n, 3) for n in range(int(duration / step) + 1)]
    return [0.0, duration]
