"""The scenes renderer: an annotation and a seed become one picture from above."""

import math
from typing import Any

import numpy as np
from jaxtyping import UInt8

from lineament.annotation import Annotation, Fact
from lineament.errors import BadInput
from lineament.render.brush import load_skia
from lineament.render.scenes.geometry import Rect, rect_from_region
from lineament.render.scenes.ground import open_ground_stream, paint_cover
from lineament.render.scenes.kinds import KINDS
from lineament.render.scenes.sample import COVERS
from lineament.render.scenes.things import paint_thing
from lineament.render.streams import open_stream, sample_noise

OVERSAMPLING = 2
DEFAULT_SIDE_METERS = 150.0
_FIRST = ("road", "parking_lot", "harbor", "bridge", "roundabout")  # what others stand on
_SQUARE = (0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0)


def draw_scene(
    annotation: Annotation, *, size_px: int = 256, seed: int = 0
) -> UInt8[np.ndarray, "{size_px} {size_px} 3"]:
    """Draw an annotated scene; equal arguments give equal pixels.

    What no fact tells (light, texture, make of a car) is the seed's choice. Objects without a
    region are left out.

    Raises:
        BadInput: No object and no land cover has a place, so there is nothing to draw.
        MissingExtra: skia-python is not installed.
    """
    skia = load_skia()
    size = size_px * OVERSAMPLING
    covers = [fact for fact in annotation.facts if fact.name in COVERS and fact.value is True]
    objects = [fact for fact in annotation.facts_named("object_class") if fact.region]
    if not covers and not objects:
        raise BadInput(
            f"{annotation.media or 'annotation'}: nothing in it has a place in the picture",
            hint="objects need a region, land cover needs its flag",
        )
    surface = skia.Surface(size, size)
    canvas = surface.getCanvas()
    canvas.clear(skia.Color(150, 146, 132))
    meter_px = size / _side_meters(annotation)
    _draw_covers(canvas, covers, size, meter_px, seed)
    _draw_objects(canvas, annotation, objects, size, meter_px, seed)
    picture = surface.makeImageSnapshot().toarray(colorType=skia.kRGBA_8888_ColorType)[..., :3]
    return _develop(picture, size_px, seed)


def _side_meters(annotation: Annotation) -> float:
    scale = annotation.facts_named("meters_per_pixel", "clip")
    width = annotation.facts_named("width_px", "clip")
    if scale and width and float(scale[0].value) > 0 and float(width[0].value) > 0:
        return float(scale[0].value) * float(width[0].value)
    return DEFAULT_SIDE_METERS


def _draw_covers(canvas: Any, covers: list[Fact], size: int, meter_px: float, seed: int) -> None:
    for number, fact in enumerate(covers):
        region = fact.region or _SQUARE
        if len(region) == 4:
            x0, y0, x1, y1 = region
            region = (x0, y0, x1, y0, x1, y1, x0, y1)
        area = np.asarray(region, np.float64).reshape(-1, 2) * size
        paint_cover(canvas, fact.name, area, size, meter_px, open_ground_stream(seed, number))


def _draw_objects(
    canvas: Any,
    annotation: Annotation,
    objects: list[Fact],
    size: int,
    meter_px: float,
    seed: int,
) -> None:
    colors = {f.subject: str(f.value) for f in annotation.facts_named("object_color")}
    turns = {f.subject: float(f.value) for f in annotation.facts_named("orientation_degrees")}
    angle = float(open_stream(seed, "sun").uniform(0, 2 * math.pi))
    shadow = (0.6 * math.cos(angle), 0.6 * math.sin(angle))
    order = sorted(objects, key=lambda f: (f.value not in _FIRST, f.value in ("bridge",)))
    for fact in order:
        name = str(fact.value)
        rng = open_stream(seed, "object", fact.subject)
        region = fact.region or ()
        if name in ("road", "bridge") and len(region) > 4:
            _draw_strip(canvas, fact, turns.get(fact.subject), size, meter_px, rng, shadow)
            continue
        rect = rect_from_region(region, size)
        color = colors.get(fact.subject, "") or _free_color(name, rng)
        paint_thing(canvas, name, rect, color, meter_px, rng, shadow)


def _draw_strip(
    canvas: Any,
    fact: Fact,
    degrees: float | None,
    size: int,
    meter_px: float,
    rng: np.random.Generator,
    shadow: tuple[float, float],
) -> None:
    """Draw a road or bridge within its region, which the border of the picture may have cut."""
    points = np.asarray(fact.region, np.float64).reshape(-1, 2) * size
    turn = math.radians(degrees if degrees is not None else _longest_side(points))
    along = np.array([math.cos(turn), math.sin(turn)])
    across = np.array([-along[1], along[0]])
    places, offsets = points @ along, points @ across
    middle = along * np.mean([places.min(), places.max()]) + across * np.mean(
        [offsets.min(), offsets.max()]
    )
    reach = float(np.ptp(places))
    length = reach + (size if fact.value == "road" else 0)
    x, y = middle.tolist()
    rect = Rect(x, y, length, float(np.ptp(offsets)), math.degrees(turn))
    paint_thing(canvas, str(fact.value), rect, "", meter_px, rng, shadow)


def _longest_side(points: np.ndarray) -> float:
    sides = np.roll(points, -1, axis=0) - points
    longest = sides[np.argmax(np.hypot(sides[:, 0], sides[:, 1]))]
    return math.degrees(math.atan2(longest[1], longest[0]))


def _free_color(name: str, rng: np.random.Generator) -> str:
    kind = KINDS.get(name)
    return str(rng.choice(kind.colors)) if kind and kind.colors else ""


def _develop(picture: np.ndarray, size_px: int, seed: int) -> np.ndarray:
    """Bring a picture to its size and add what a camera does: haze, contrast and noise."""
    rng = open_stream(seed, "camera")
    pixels = picture.astype(np.float32)
    pixels = pixels.reshape(size_px, OVERSAMPLING, size_px, OVERSAMPLING, 3).mean((1, 3))
    haze = float(rng.uniform(0.0, 0.1))
    pixels = pixels * (1 - haze) + np.array([196, 204, 214], np.float32) * haze
    pixels = 128 + (pixels - 128) * float(rng.uniform(0.92, 1.12)) + float(rng.uniform(-10, 10))
    pixels += sample_noise(rng, (size_px, size_px), (3, 3))[..., None] * 4
    pixels += rng.normal(0, float(rng.uniform(1.0, 3.0)), pixels.shape).astype(np.float32)
    return np.clip(pixels + 0.5, 0, 255).astype(np.uint8)


__all__ = ["draw_scene"]
