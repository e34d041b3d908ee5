"""Drawn scenes: exact boxes, nothing overlaps, pictures follow the annotation."""

import json
import math

import numpy as np
import pytest

from lineament.annotation import Annotation, Fact, Subject, annotation_from_dict
from lineament.claims.scenes_objects import is_related, read_scene
from lineament.errors import BadInput
from lineament.render.scenes import THEMES, draw_scene, sample_scene
from lineament.render.scenes.geometry import (
    Rect,
    clip_to_square,
    is_apart,
    is_within,
    rect_from_region,
)
from lineament.render.scenes.kinds import KINDS, RGB

pytest.importorskip("skia")


def test_equal_seeds_give_equal_scenes_and_pictures():
    one, other = sample_scene(3), sample_scene(3)
    assert one == other
    assert sample_scene(4) != one
    first, second = draw_scene(one, size_px=64, seed=3), draw_scene(other, size_px=64, seed=3)
    assert first.shape == (64, 64, 3)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, draw_scene(one, size_px=64, seed=4))


@pytest.mark.parametrize("theme", sorted(THEMES))
def test_every_theme_is_a_valid_annotation_whose_objects_keep_apart(theme):
    for seed in range(2):
        annotation = sample_scene(seed, theme=theme)
        row = json.loads(json.dumps(annotation.to_dict()))
        assert set(annotation_from_dict(row).facts) == set(annotation.facts)
        assert annotation.facts_named("scene_class")[0].value == THEMES[theme].scene_class
        free = [
            o
            for o in read_scene(annotation).objects
            if o.name not in ("road", "bridge", "harbor") and not o.on
        ]
        for place, one in enumerate(free):
            x0, y0, x1, y1 = one.box
            assert 0 <= x0 < x1 <= 1
            assert 0 <= y0 < y1 <= 1
            for other in free[place + 1 :]:
                shapes = [np.array(o.points).reshape(-1, 2) for o in (one, other)]
                assert is_apart(shapes[0], shapes[1]), (seed, one, other)


def test_what_stands_on_something_lies_within_it():
    checked = 0
    for seed in range(12):
        scene = read_scene(sample_scene(seed, theme="parking"))
        by_id = {o.id: o for o in scene.objects}
        for one in scene.objects:
            if one.on:
                checked += 1
                assert is_related(one, "inside", by_id[one.on]) is not False
    assert checked > 20


def test_length_and_box_agree_on_the_ground():
    annotation = sample_scene(1, theme="tanks")
    scale = float(annotation.facts_named("meters_per_pixel")[0].value) * 256
    for one in read_scene(annotation).objects:
        if one.name == "storage_tank" and one.length_meters is not None:
            rect = rect_from_region(one.points, scale)
            assert rect.length == pytest.approx(one.length_meters, abs=0.06)


def one_object(name, color, region):
    facts = (
        Fact("grass", True, subject="clip"), Fact("width_px", 256.0, subject="clip"),
        Fact("meters_per_pixel", 0.5, subject="clip"),
        Fact("object_class", name, subject="object 0", region=region),
        *([Fact("object_color", color, subject="object 0")] if color else []),
    )  # fmt: skip
    return Annotation("a.png", (Subject("object 0", "object"),), facts)


@pytest.mark.parametrize(
    ("name", "color"),
    [("building", "red"), ("ship", "blue"), ("storage_tank", "white"), ("vehicle", "yellow")],
)
def test_an_object_is_drawn_in_its_box_and_colour(name, color):
    region = (0.3, 0.4, 0.7, 0.6) if name != "storage_tank" else (0.35, 0.35, 0.65, 0.65)
    empty = Annotation("a.png", (), (Fact("grass", True, subject="clip"),
                       Fact("width_px", 256.0, subject="clip"),
                       Fact("meters_per_pixel", 0.5, subject="clip")))  # fmt: skip
    with_it = draw_scene(one_object(name, color, region), size_px=128, seed=1).astype(int)
    without = draw_scene(empty, size_px=128, seed=1).astype(int)
    changed = np.abs(with_it - without).max(-1) > 40
    rows, columns = np.nonzero(changed)
    x0, y0, x1, y1 = (part * 128 for part in region)
    shadow = 0.6 * KINDS[name].height_meters * 2 + 3
    assert x0 - shadow <= columns.min() <= x0 + 6
    assert x1 - 6 <= columns.max() <= x1 + shadow
    assert y0 - shadow <= rows.min()
    assert rows.max() <= y1 + shadow
    core = with_it[int(y0) + 4 : int(y1) - 4, int(x0) + 8 : int(x1) - 8].reshape(-1, 3)
    near = np.abs(core - np.array(RGB[color])).sum(-1).min()
    assert near < 90


SIDE = 128
SCALE_FACTS = (
    Fact("width_px", 256.0, subject="clip"),
    Fact("meters_per_pixel", 0.5, subject="clip"),
)
GRASS = Fact("grass", True, subject="clip")


def draw_changed(with_it, without, seed=1):
    """Draw two annotations that differ in one thing; return the first, and where they differ."""
    one = draw_scene(with_it, size_px=SIDE, seed=seed).astype(int)
    other = draw_scene(without, size_px=SIDE, seed=seed).astype(int)
    return one, np.abs(one - other).max(-1) > 8


def assert_within(changed, region, slack_px):
    """The changed pixels fill the box (corners in unit coordinates) and keep within it."""
    rows, columns = np.nonzero(changed)
    x0, y0, x1, y1 = (part * SIDE for part in region)
    assert x0 - slack_px <= columns.min() <= x0 + slack_px
    assert x1 - slack_px <= columns.max() + 1 <= x1 + slack_px
    assert y0 - slack_px <= rows.min() <= y0 + slack_px
    assert y1 - slack_px <= rows.max() + 1 <= y1 + slack_px


def core_of(pixels, region, margin=0.25):
    x0, y0, x1, y1 = region
    dx, dy = margin * (x1 - x0), margin * (y1 - y0)
    rows = slice(round((y0 + dy) * SIDE), round((y1 - dy) * SIDE))
    return pixels[rows, round((x0 + dx) * SIDE) : round((x1 - dx) * SIDE)].reshape(-1, 3)


@pytest.mark.parametrize(
    ("name", "color"),
    [
        ("tennis_court", "blue"), ("tennis_court", "green"), ("tennis_court", "red"),
        ("basketball_court", "blue"), ("basketball_court", "green"), ("basketball_court", "red"),
    ],
)  # fmt: skip
def test_courts_lie_in_their_box_in_their_colour(name, color):
    region = (0.2, 0.5, 0.8, 0.8)
    ground = Annotation("a.png", (), (GRASS, *SCALE_FACTS))
    pixels, changed = draw_changed(one_object(name, color, region), ground)
    assert_within(changed, region, 2)
    core = np.median(core_of(pixels, region, 0.1), axis=0)
    distances = {c: np.abs(core - np.array(RGB[c])).sum() for c in ("blue", "green", "red")}
    assert min(distances, key=lambda c: distances[c]) == color


@pytest.mark.parametrize("region", [(0.1, 0.2, 0.4, 0.5), (0.55, 0.4, 0.95, 0.8)])
def test_planes_lie_in_their_box_in_their_colour(region):
    ground = Annotation("a.png", (), (GRASS, *SCALE_FACTS))
    x0, y0, x1, y1 = region
    levels = {}
    for color in ("white", "gray"):
        pixels, changed = draw_changed(one_object("airplane", color, region), ground)
        assert_within(changed, region, 0.6 * KINDS["airplane"].height_meters + 3)
        # Wings and tail, not a filled box.
        inside = changed[round(y0 * SIDE) : round(y1 * SIDE), round(x0 * SIDE) : round(x1 * SIDE)]
        assert 0.2 < inside.mean() < 0.85
        body = core_of(pixels, (x0, (y0 + y1) / 2 - 0.02, x1, (y0 + y1) / 2 + 0.02))
        levels[color] = np.median(body, axis=0)
        assert np.ptp(levels[color]) < 40
    assert levels["white"].min() > levels["gray"].max() + 30


@pytest.mark.parametrize("is_upright", [False, True])
def test_roads_run_where_their_region_lies_and_are_grey(is_upright):
    strip = (0.0, 0.4, 1.0, 0.4, 1.0, 0.5, 0.0, 0.5)
    box = (0.0, 0.4, 1.0, 0.5)
    if is_upright:
        strip = tuple(strip[i + 1 - 2 * (i % 2)] for i in range(8))
        box = (0.4, 0.0, 0.5, 1.0)
    facts = (
        GRASS, *SCALE_FACTS, Fact("object_class", "road", subject="object 0", region=strip),
        Fact("orientation_degrees", 90.0 if is_upright else 0.0, subject="object 0"),
    )  # fmt: skip
    road = Annotation("a.png", (Subject("object 0", "object"),), facts)
    pixels, changed = draw_changed(road, Annotation("a.png", (), (GRASS, *SCALE_FACTS)))
    assert_within(changed, box, 2.5)
    color = np.median(core_of(pixels, box, 0.3), axis=0)
    assert np.ptp(color) < 25
    assert 60 < color.mean() < 190


def covered(name, region):
    facts = (GRASS, *SCALE_FACTS, Fact(name, True, subject="clip", region=region))
    return Annotation("a.png", (), facts)


@pytest.mark.parametrize("seed", range(3))
def test_water_fills_its_region_and_is_bluer_than_the_ground(seed):
    region = (0.0, 0.25, 0.5, 1.0)
    ground = Annotation("a.png", (), (GRASS, *SCALE_FACTS))
    pixels, changed = draw_changed(covered("water", region), ground, seed)
    assert_within(changed, region, 3)
    red, green, blue = np.median(core_of(pixels, region, 0.1), axis=0)
    assert blue > green > red
    red, green, blue = np.median(core_of(pixels, (0.55, 0.0, 1.0, 1.0), 0.0), axis=0)
    assert green > red > blue


@pytest.mark.parametrize("seed", range(3))
def test_fields_fill_their_region_in_rows_of_a_crop(seed):
    region = (0.25, 0.25, 0.75, 0.75)
    ground = Annotation("a.png", (), (GRASS, *SCALE_FACTS))
    pixels, changed = draw_changed(covered("fields", region), ground, seed)
    assert_within(changed, region, 3)
    core = np.median(core_of(pixels, region, 0.1), axis=0)
    assert core[:2].min() > core[2] + 10  # green to straw, never blue or grey
    # Furrows run one way: across them the colour changes, along them it hardly does.
    levels = core_of(pixels, region, 0.1).mean(-1)
    square = levels.reshape(math.isqrt(len(levels)), -1)
    steps = [np.abs(np.diff(square.mean(axis))).mean() for axis in (0, 1)]
    assert max(steps) > 2 * min(steps)


def test_labels_of_other_sets_can_be_drawn_too():
    picture = draw_scene(one_object("stadium", "", (0.2, 0.2, 0.8, 0.2, 0.8, 0.6)), size_px=64)
    assert picture.std() > 3
    with pytest.raises(BadInput, match="nothing in it"):
        draw_scene(Annotation("a.png"))


def test_requirements_are_met_or_refused():
    found = sample_scene(0, require={"object_class": "ship", "water": True})
    assert "ship" in {f.value for f in found.facts_named("object_class")}
    assert sample_scene(0, require={"trees": False}).facts_named("trees") == ()
    with pytest.raises(BadInput, match="no scene holds"):
        sample_scene(0, theme="farmland", require={"object_class": "airplane"})
    with pytest.raises(BadInput, match="unknown theme"):
        sample_scene(0, theme="rivers")


def test_rectangles_turn_touch_and_are_cut():
    rect = Rect(5, 5, 4, 2, 90)
    assert rect.corners[0] == pytest.approx((6, 7))
    assert is_apart(rect.corners, Rect(8, 5, 2, 2).corners)
    assert not is_apart(rect.corners, Rect(6.5, 5, 2, 2, 30).corners)
    assert is_within(rect.corners, Rect(5, 5, 6, 6).corners)
    assert not is_within(rect.corners, Rect(6.5, 5, 4, 4).corners)
    cut = clip_to_square(Rect(0, 5, 4, 2).corners, 10)
    assert (cut.min(), cut[:, 0].max()) == (0, 2)
    assert len(clip_to_square(Rect(-5, -5, 2, 2).corners, 10)) == 0
