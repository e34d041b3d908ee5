"""Drawn scenes: exact boxes, nothing overlaps, pictures follow the annotation."""

import json

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
