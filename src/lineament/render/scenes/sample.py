"""Samples: random aerial scenes as annotations that list every object of every class drawn."""

from collections.abc import Iterable, Mapping

import numpy as np

from lineament.annotation import Annotation, Fact, Subject
from lineament.errors import BadInput
from lineament.render.scenes.geometry import clip_to_square
from lineament.render.scenes.kinds import KINDS, ROUND
from lineament.render.scenes.layout import THEMES, Layout, Thing
from lineament.render.streams import open_stream
from lineament.vocabulary import Value, nearest_hint

MAX_TRIES = 400
COVERS = ("water", "trees", "grass", "bare_land", "fields")
MIN_VISIBLE_SHARE = 0.004  # of the picture: less of a cover, cut at the border, is not there


def sample_scene(
    seed: int,
    *,
    theme: str | None = None,
    require: Mapping[str, Value] | None = None,
    size_px: int = 256,
) -> Annotation:
    """Sample one scene.

    Regions of objects are polygons whose first two corners are the front; roads and water are cut
    at the border of the picture. Every class that the renderer can draw is listed, so that what
    an annotation does not hold is not in the picture.

    Args:
        seed: Equal seeds give equal scenes.
        theme: A kind of scene; by default any.
        require: Facts that must hold: ``{"object_class": "ship"}``, ``{"water": True}``.
        size_px: Side of the picture that the scale is given for.

    Raises:
        BadInput: The theme is unknown, what is required is never drawn, or no scene within reach
            holds it.
    """
    if theme is not None and theme not in THEMES:
        raise BadInput(f"unknown theme {theme!r}", hint=nearest_hint(theme, THEMES))
    wanted = dict(require or {})
    for name, value in wanted.items():
        _refuse_never_drawn(name, value)
    for attempt in range(MAX_TRIES if wanted else 1):
        rng = open_stream(seed, "scene", attempt)
        name = theme or str(rng.choice(sorted(THEMES)))
        annotation = _annotate(name, rng, seed, size_px)
        if all(_holds(annotation, key, value) for key, value in wanted.items()):
            return annotation
    required = ", ".join(f"{key}={value}" for key, value in wanted.items())
    raise BadInput(f"no scene holds {required}", hint="ask for fewer things at once")


def _refuse_never_drawn(name: str, value: Value) -> None:
    """Refuse what no scene of ours holds before hundreds have been tried.

    Raises:
        BadInput: The name is none of scenes, or no theme has the value.
    """
    drawn: Mapping[str, Iterable[Value]] = {
        "object_class": KINDS.keys() - {"roundabout"},  # no theme lays one
        "listed_class": KINDS,
        "object_color": {color for kind in KINDS.values() for color in kind.colors},
        "scene_class": {theme.scene_class for theme in THEMES.values()},
        **dict.fromkeys((*COVERS, "urban"), (True, False)),
    }
    if name not in drawn:
        raise BadInput(
            f"{name} cannot be required of a scene", hint=f"what can be: {', '.join(drawn)}"
        )
    if value not in drawn[name]:
        raise BadInput(
            f"no scene is drawn with {name}={value}",
            hint=f"drawn are {', '.join(sorted(map(str, drawn[name])))}",
        )


def _holds(annotation: Annotation, name: str, value: Value) -> bool:
    found = annotation.facts_named(name)
    if value is False and not found:
        return annotation.is_closed(name)
    return any(fact.value == value for fact in found)


def _annotate(name: str, rng: np.random.Generator, seed: int, size_px: int) -> Annotation:
    theme = THEMES[name]
    side = float(rng.uniform(*theme.side_meters))
    layout = Layout(rng, side)
    theme.lay(layout)
    facts = [
        _fact("width_px", float(size_px)),
        _fact("height_px", float(size_px)),
        _fact("meters_per_pixel", round(side / size_px, 6)),
        _fact("scene_class", theme.scene_class),
        *(_fact("listed_class", listed) for listed in KINDS),
    ]
    if theme.is_urban is not None:
        facts.append(_fact("urban", theme.is_urban))
    facts += _cover_facts(layout)
    subjects: list[Subject] = []
    numbers: dict[int, str] = {}
    for number, thing in enumerate(layout.things):
        region = clip_to_square(thing.rect.corners, side) / side
        if len(region) < 3 or _area(region) < 1e-5:
            continue
        subject = numbers[number] = f"object {len(subjects)}"
        subjects.append(Subject(subject, "object"))
        facts += _thing_facts(subject, thing, region, numbers)
    return Annotation(
        media=f"scene-{seed:08d}.png",
        subjects=tuple(subjects),
        facts=tuple(facts),
        closed=_closed_covers(layout),
        licence="Apache-2.0",
        split_key=f"scene {seed}",
    )


def _cover_facts(layout: Layout) -> list[Fact]:
    facts: list[Fact] = []
    for name, area in layout.covers:
        share = area / layout.side_meters
        if name == "trees" or _area(share) >= MIN_VISIBLE_SHARE:
            region = tuple(round(float(x), 5) for x in share.ravel())
            facts.append(_fact(name, True, region=region))
    return facts


def _closed_covers(layout: Layout) -> frozenset[str]:
    """Return the covers that are not there when not listed; a pool is neither water nor none."""
    has_pool = any(thing.name == "swimming_pool" for thing in layout.things)
    has_turf = any(t.name in ("soccer_field", "baseball_field") for t in layout.things)
    open_names = {"water"} if has_pool else set()
    open_names |= {"grass"} if has_turf else set()
    return frozenset(COVERS) - open_names


def _thing_facts(
    subject: str, thing: Thing, region: np.ndarray, numbers: Mapping[int, str]
) -> list[Fact]:
    points = tuple(round(float(x), 5) for x in region.ravel())
    facts = [_fact("object_class", thing.name, subject, points)]
    if thing.color:
        facts.append(_fact("object_color", thing.color, subject))
    if len(points) == 8 and thing.name not in ("road", "bridge"):
        length = max(thing.rect.length, thing.rect.width)
        facts.append(_fact("length_meters", round(length, 1), subject))
    if thing.name not in ROUND and thing.rect.length >= 1.3 * thing.rect.width:
        facts.append(
            _fact("orientation_degrees", round(thing.rect.degrees % 180, 1) % 180.0, subject)
        )
    if thing.host in numbers:
        facts.append(_fact("on", numbers[thing.host], subject))
    return facts


def _fact(
    name: str, value: Value, subject: str = "clip", region: tuple[float, ...] | None = None
) -> Fact:
    return Fact(
        name, value, subject=subject, region=region, source="renderer", validated="rendered"
    )


def _area(points: np.ndarray) -> float:
    after = np.roll(points, -1, axis=0)
    return abs(float(np.sum(points[:, 0] * after[:, 1] - after[:, 0] * points[:, 1]))) / 2
