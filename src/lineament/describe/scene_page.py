"""Aerial scenes for a person to look at: one line, a table of objects, and an HTML page."""

from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from lineament.annotation import Annotation, Fact
from lineament.claims.scenes_objects import SceneObject, find_position, read_scene
from lineament.claims.scenes_say import say_designator
from lineament.claims.scenes_words import read_scene_words
from lineament.records.sources.scenes.rasters import read_shown
from lineament.report import (
    COLOURS,
    SCENES_FOOTER,
    Page,
    Section,
    picture_html,
    table_html,
    write_page,
)
from lineament.video import Clip, frames_at

HEADINGS = ("object", "what", "color", "where", "length", "box", "source", "validated on")
SIDE_PX = 900  # of the picture on a page, the longer one
MAX_ENLARGED = 4
MAX_NUMBERED = 60  # with more objects, their numbers would hide the picture
_WIDE = "<style>.scene figure { max-width: 100%; }</style>"  # boxes of cars are small
UNMEASURED = "none: not measured on real pictures"


def summarise_scene(annotation: Annotation) -> str:
    """Return one line on the kind of scene, how many objects of each class, and the land cover."""
    counts = Counter(found.name for found in read_scene(annotation).objects)
    named = [f"{number} {say_designator(name, number)}" for name, number in counts.most_common()]
    scene = annotation.facts_named("scene_class", "clip")
    lead = "An aerial picture"
    if scene:
        lead += f" ({str(scene[0].value).replace('_', ' ')})"
    covers = [
        words[0]
        for name, words in read_scene_words()["cover"].items()
        if any(fact.value is True for fact in annotation.facts_named(name, "clip"))
    ]
    said = f"{lead}; {', '.join(named) or 'no object is listed'}."
    return f"{said} Land cover: {', '.join(covers)}." if covers else said


def scene_rows(annotation: Annotation) -> list[tuple[str, ...]]:
    """Return one row of `HEADINGS` for each object."""
    facts = {fact.subject: fact for fact in annotation.facts_named("object_class")}
    return [_row_of(found, facts[found.id]) for found in read_scene(annotation).objects]


def _row_of(found: SceneObject, fact: Fact) -> tuple[str, ...]:
    place = box = ""
    if found.points:
        words = read_scene_words()["position"][find_position(found)][0]
        place = words.removeprefix("in the ").removesuffix(" part")
        box = "[" + ", ".join(f"{x:.3f}" for x in found.box) + "]"
    return (
        found.id, say_designator(found.name), found.color, place,
        f"{found.length_meters:g} m" if found.length_meters else "", box,
        fact.source, fact.validated,
    )  # fmt: skip


def objects_html(
    annotation: Annotation, clip: Clip, caption: str, ids: frozenset[str] | None = None
) -> str:
    """Return the picture with the outline of every object, or of some, and what each colour means.

    Args:
        annotation: Of the picture.
        clip: The picture.
        caption: Below it.
        ids: The objects to mark, by name; all, by number, when left out.
    """
    objects = read_scene(annotation).objects
    names = sorted({found.name for found in objects})
    colours = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(names)}
    marked = [o for o in objects if o.points and (ids is None or o.id in ids)]
    labels = [say_designator(found.name) for found in marked]
    if ids is None:
        is_short = len(marked) <= MAX_NUMBERED
        labels = [found.id.rpartition(" ")[2] if is_short else "" for found in marked]
    pixels = read_shown(clip.path) if clip.is_picture else frames_at(clip, [0.0]).pixels[0]
    drawn = draw_outlines(pixels, marked, labels, [colours[found.name] for found in marked])
    legend = ", ".join(
        f'<span style="color: {colours[name]}">&#9632;</span> '
        + escape(f"{number} {say_designator(name, number)}")
        for name, number in Counter(found.name for found in marked).most_common()
    )
    figure = picture_html(drawn, caption, max_side_px=SIDE_PX)
    return f'{_WIDE}<div class="frames scene">{figure}</div><p>{legend}</p>'


def draw_outlines(
    pixels: UInt8[np.ndarray, "height width 3"],
    objects: Sequence[SceneObject],
    labels: Sequence[str],
    colours: Sequence[str],
) -> UInt8[np.ndarray, "shown_height shown_width 3"]:
    """Bring a picture to the size of a page and outline objects in it, turned ones turned.

    Args:
        pixels: The picture.
        objects: With corners.
        labels: One for each; empty ones are left out.
        colours: One for each.
    """
    image = Image.fromarray(pixels)
    scale = min(SIDE_PX / max(image.size), MAX_ENLARGED)
    width, height = (max(round(side * scale), 1) for side in image.size)
    image = image.resize((width, height), Image.Resampling.LANCZOS)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=13)
    for found, label, colour in zip(objects, labels, colours, strict=True):
        points = found.points
        if len(points) == 4:
            x0, y0, x1, y1 = points
            points = (x0, y0, x1, y0, x1, y1, x0, y1)
        corners = [(x * width, y * height) for x, y in zip(points[::2], points[1::2], strict=True)]
        draw.line([*corners, *corners[:2]], fill=colour, width=2)
        if label:
            x, y = min(corners, key=lambda corner: (corner[1], corner[0]))
            left, top = max(x, 0.0), max(y - 17, 0.0)
            frame = draw.textbbox((left + 2, top), label, font=font)
            draw.rectangle((left, top, frame[2] + 2, top + 17), fill=colour)
            draw.text((left + 2, top), label, fill="white", font=font)
    return np.asarray(image)


def write_scene_report(annotation: Annotation, clip: Clip | None, folder: Path) -> Path:
    """Write ``index.html`` into a folder: the picture with its objects, and all facts."""
    folder.mkdir(parents=True, exist_ok=True)
    page = Page(
        title=Path(annotation.media).name,
        lead=summarise_scene(annotation),
        footer=SCENES_FOOTER,
    )
    rows = scene_rows(annotation)
    if clip is not None:
        caption = "numbers are those of the table below" if rows else "no object is listed"
        page.sections.append(Section("Objects", objects_html(annotation, clip, caption)))
    if rows:
        page.sections.append(Section("Object by object", table_html(HEADINGS, rows)))
    headings = ("what", "value", "source", "validated on")
    page.sections.append(Section("The picture", table_html(headings, _picture_rows(annotation))))
    return write_page(folder / "index.html", page)


def _picture_rows(annotation: Annotation) -> list[tuple[str, ...]]:
    """Return one row for each name that is told of the picture as a whole."""
    told: dict[str, list[Fact]] = {}
    for fact in annotation.facts:
        if fact.subject == "clip":
            told.setdefault(fact.name, []).append(fact)
    rows = []
    for name, facts in told.items():
        first = facts[0]
        what, value = _WORDS.get(name, name.replace("_", " ")), _say_value(first)
        if name == "listed_class":
            value = ", ".join(say_designator(str(fact.value), 2) for fact in facts)
        elif len(facts) > 1:
            value += f", in {len(facts)} places"
        rows.append((what, value, first.source, first.validated))
    absent = [n for n in read_scene_words()["cover"] if n not in told and annotation.is_closed(n)]
    return rows + [(_WORDS.get(name, name.replace("_", " ")), "no", "", "") for name in absent]


_WORDS = {
    "width_px": "width in pixels",
    "height_px": "height in pixels",
    "meters_per_pixel": "meters of ground a pixel",
    "scene_class": "kind of scene",
    "bare_land": "bare ground",
    "listed_class": "every one is known of",
}


def _say_value(fact: Fact) -> str:
    if isinstance(fact.value, bool):
        return "yes" if fact.value else "no"
    is_number = isinstance(fact.value, int | float)
    return f"{fact.value:g}" if is_number else str(fact.value).replace("_", " ")
