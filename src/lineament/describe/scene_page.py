"""Aerial scenes for a person to look at: one line, a table of objects, and an HTML page."""

from collections import Counter
from pathlib import Path

from lineament.annotation import Annotation, Fact
from lineament.claims.scenes_objects import SceneObject, find_position, read_scene
from lineament.claims.scenes_say import say_designator
from lineament.claims.scenes_words import read_scene_words
from lineament.report import Page, Section, draw_boxes, picture_html, table_html, write_page
from lineament.video import Clip, frames_at

HEADINGS = ("object", "what", "color", "where", "length", "box", "source", "validated on")
MAX_SIDE_PX = 900
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
    """Return the picture with a box around every object, or around some.

    Args:
        annotation: Of the picture.
        clip: The picture.
        caption: Below it.
        ids: The objects to mark; all when left out.
    """
    pixels = frames_at(clip, [0.0]).pixels[0]
    height, width = pixels.shape[:2]
    names = sorted({found.name for found in read_scene(annotation).objects})
    boxes = []
    for found in read_scene(annotation).objects:
        if found.points and (ids is None or found.id in ids):
            x0, y0, x1, y1 = found.box
            corners = (x0 * width, y0 * height, x1 * width, y1 * height)
            label = say_designator(found.name) if ids is not None else ""
            boxes.append((corners, label, names.index(found.name)))
    figure = picture_html(draw_boxes(pixels, boxes), caption, max_side_px=MAX_SIDE_PX)
    return f'<div class="frames">{figure}</div>'


def write_scene_report(annotation: Annotation, clip: Clip | None, folder: Path) -> Path:
    """Write ``index.html`` into a folder: the picture with its objects, and all facts."""
    folder.mkdir(parents=True, exist_ok=True)
    page = Page(title=Path(annotation.media).name, lead=summarise_scene(annotation))
    if clip is not None:
        kinds = sorted({say_designator(o.name) for o in read_scene(annotation).objects})
        page.sections.append(
            Section("Objects", objects_html(annotation, clip, ", ".join(kinds) or "no objects"))
        )
    page.sections.append(Section("Object by object", table_html(HEADINGS, scene_rows(annotation))))
    about = [fact for fact in annotation.facts if fact.subject == "clip"]
    listed = [str(f.value) for f in about if f.name == "listed_class"]
    rows = [
        (fact.name.replace("_", " "), _say_value(fact), fact.source, fact.validated)
        for fact in about
        if fact.name != "listed_class"
    ]
    if listed:
        names = ", ".join(say_designator(name, 2) for name in listed)
        rows.append(("every one is listed of", names, about[0].source, about[0].validated))
    page.sections.append(
        Section("The picture", table_html(("what", "value", "source", "validated on"), rows))
    )
    return write_page(folder / "index.html", page)


def _say_value(fact: Fact) -> str:
    return "yes" if fact.value is True else "no" if fact.value is False else str(fact.value)
