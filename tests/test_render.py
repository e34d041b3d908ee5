"""The face renderer: reproducible, complete, truthful, and seen by the face mesh."""

import time
from dataclasses import replace

import numpy as np
import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.errors import BadAnnotation, BadInput
from lineament.vocabulary import read_label_sets, read_vocabulary

pytest.importorskip("skia")

from lineament.render import (
    DRAWN_NAMES,
    FaceRenderer,
    draw_clip,
    edit_annotation,
    edit_region,
    sample_face,
)

SIZE_PX = 64
FLAGS = [name for name in DRAWN_NAMES if read_vocabulary().names[name].kind == "flag"]
CHOICES = [name for name in DRAWN_NAMES if read_vocabulary().names[name].kind == "choice"]
MALE_ONLY = {"beard", "goatee", "mustache", "sideburns", "5_o_clock_shadow"}


def make_plain(duration_seconds: float = 0.0, **flags: bool | str) -> Annotation:
    """A plain face with nothing in the way."""
    values: dict[str, bool | str] = {
        "male": True,
        "young": True,
        "brown_hair": True,
        "straight_hair": True,
        "short_hair": True,
        "eye_color": "brown",
        "clothes_type": "t_shirt",
        "clothes_color": "gray",
        "background_color": "blue",
        **flags,
    }
    frames = max(round(duration_seconds * 25), 1)
    return Annotation(
        media="plain",
        subjects=(Subject("face 0", "face", 0.0, duration_seconds, frames),),
        facts=tuple(Fact(name, value) for name, value in values.items()),
        duration_seconds=duration_seconds,
        num_frames=frames,
        fps=25.0 if duration_seconds else 0.0,
    )


def find_base(name: str) -> Annotation:
    """The plain face on which a name shows."""
    return make_plain(duration_seconds=1.2 if read_vocabulary().names[name].is_timed else 0.0)


DRAWN: dict[tuple, list[np.ndarray]] = {}


def draw_moments(annotation: Annotation, style: str) -> list[np.ndarray]:
    """Draw the middle and an earlier moment; what is false is not drawn, so need not be redrawn."""
    facts = frozenset(
        (fact.name, fact.value, fact.span_seconds)
        for fact in annotation.facts
        if fact.value is not False or fact.name == "male"
    )
    key = (style, annotation.duration_seconds, facts)
    if key not in DRAWN:
        renderer = FaceRenderer(annotation, style=style, size_px=SIZE_PX, seed=3)
        moments = (0.6, 0.34) if annotation.duration_seconds else (0.0,)
        DRAWN[key] = [renderer.draw(moment) for moment in moments]
    return DRAWN[key]


def compare(first: Annotation, second: Annotation, name: str, style: str) -> tuple[int, int]:
    """Count the pixels that differ inside and outside the name's region."""
    x0, y0, x1, y1 = (round(part * SIZE_PX) for part in edit_region(first, name, seed=3))
    inside = outside = 0
    for one, two in zip(draw_moments(first, style), draw_moments(second, style), strict=True):
        differs = (one != two).any(-1)
        within = np.zeros_like(differs)
        within[y0 : y1 + 1, x0 : x1 + 1] = True
        inside += int((differs & within).sum())
        outside += int((differs & ~within).sum())
    return inside, outside


def test_same_arguments_give_the_same_pixels() -> None:
    annotation = sample_face(5)
    assert annotation == sample_face(5)
    for style in ("shaded", "flat"):
        first = FaceRenderer(annotation, style=style, size_px=SIZE_PX, seed=5).draw(0.4)
        second = FaceRenderer(annotation, style=style, size_px=SIZE_PX, seed=5).draw(0.4)
        assert first.dtype == np.uint8
        assert first.shape == (SIZE_PX, SIZE_PX, 3)
        np.testing.assert_array_equal(first, second)


def test_drawing_earlier_moments_changes_nothing() -> None:
    renderer = FaceRenderer(sample_face(6), size_px=64, seed=6)
    late = renderer.draw(0.8)
    renderer.draw(0.1)
    np.testing.assert_array_equal(renderer.draw(0.8), late)


def test_clip_has_one_frame_for_every_time() -> None:
    frames, times = draw_clip(sample_face(7, duration_seconds=0.6), size_px=48, seed=7)
    assert frames.shape == (15, 48, 48, 3)
    np.testing.assert_allclose(times, np.arange(15) / 25)
    still, times = draw_clip(sample_face(7, is_picture=True), size_px=48, seed=7)
    assert still.shape == (1, 48, 48, 3)
    assert times.tolist() == [0.0]


def test_at_least_seventy_of_the_83_names_are_drawn() -> None:
    lists = read_label_sets().lists
    names = [
        *lists["celebvhq_appearance"], *lists["celebvhq_action"], *lists["celebvhq_emotion"],
    ]  # fmt: skip
    vocabulary = read_vocabulary()
    drawn = [name for name in names if vocabulary.canonical(name, True)[0] in DRAWN_NAMES]
    assert len(names) == 83
    assert len(drawn) >= 70


@pytest.mark.parametrize("style", ["shaded", "flat"])
def test_every_flag_changes_pixels_in_its_region_and_none_outside(style: str) -> None:
    wrong = []
    names = FLAGS if style == "shaded" else FLAGS[::6]
    for name in names:
        base = find_base(name)
        off = edit_annotation(base, name, False)
        on = edit_annotation(off, name, True)
        inside, outside = compare(off, on, name, style)
        if name != "neutral" and (inside < 4 or outside):
            wrong.append((name, inside, outside))
    assert not wrong


def test_every_choice_changes_pixels_in_its_region_and_none_outside() -> None:
    wrong = []
    base = make_plain()
    for name in CHOICES:
        for value in read_vocabulary().names[name].choices[::3]:
            first = edit_annotation(base, name, read_vocabulary().names[name].choices[1])
            inside, outside = compare(first, edit_annotation(base, name, value), name, "shaded")
            if (inside < 4) != (value == read_vocabulary().names[name].choices[1]) or outside:
                wrong.append((name, value, inside, outside))
    assert not wrong


def test_edits_follow_exclusions_and_implications() -> None:
    bald = edit_annotation(make_plain(bangs=True), "bald", True)
    assert not bald.facts_named("bangs")
    assert not bald.facts_named("brown_hair")
    goatee = edit_annotation(make_plain(), "goatee", True)
    assert goatee.facts_named("beard")[0].value is True
    shaved = edit_annotation(goatee, "no_beard", True)
    assert not [fact for fact in shaved.facts if fact.name == "goatee" and fact.value is True]
    with pytest.raises(BadAnnotation):
        edit_annotation(make_plain(), "smoke", True)


def test_blink_closes_both_eyes_and_opens_them_again() -> None:
    clip = edit_annotation(make_plain(1.2), "blink", True)
    (fact,) = clip.facts_named("blink")
    assert fact.span_seconds is not None
    start, stop = fact.span_seconds
    renderer = FaceRenderer(clip, size_px=64)
    before, shut, after = (
        renderer.landmarks(moment)
        for moment in (start - 0.05, (start + stop) / 2 - 0.01, stop + 0.05)
    )
    for side in ("left", "right"):
        assert before[f"{side}_eye_open"] > 0.22
        assert shut[f"{side}_eye_open"] < 0.03
        assert after[f"{side}_eye_open"] > 0.22


def test_smile_moves_the_corners_out_and_up_and_talk_opens_the_mouth() -> None:
    base = make_plain(2.0)
    smiling = FaceRenderer(edit_annotation(base, "smile", True), size_px=64).landmarks(1.0)
    resting = FaceRenderer(base, size_px=64).landmarks(1.0)
    eyes = np.linalg.norm(resting["left_pupil"] - resting["right_pupil"])
    assert smiling["mouth_left"][0] < resting["mouth_left"][0] - 0.04 * eyes
    assert smiling["mouth_left"][1] < resting["mouth_left"][1] - 0.04 * eyes
    talking = FaceRenderer(edit_annotation(base, "talk", True), size_px=64)
    opening = np.array([talking.landmarks(t)["mouth_open"] for t in np.arange(0.5, 1.7, 0.04)])
    assert opening.max() > 0.12
    peaks = (opening[1:-1] > opening[:-2]) & (opening[1:-1] >= opening[2:])
    assert 3 <= peaks.sum() <= 9


@pytest.mark.parametrize(
    ("name", "axis", "low", "high"),
    [
        ("turn", "yaw_degrees", 20, 42),
        ("nod", "pitch_degrees", 8, 18),
        ("shake_head", "yaw_degrees", 12, 24),
    ],
)
def test_head_moves_as_far_as_heads_do(name: str, axis: str, low: float, high: float) -> None:
    motion = FaceRenderer(edit_annotation(make_plain(2.4), name, True), size_px=32).motion
    angles = np.array([getattr(motion.find_state(t)[1], axis) for t in np.arange(0, 2.4, 0.04)])
    assert low <= np.abs(angles - angles[0]).max() <= high + 3


def test_samples_are_consistent_and_truthful() -> None:
    vocabulary = read_vocabulary()
    counts: dict[str, int] = {}
    for seed in range(500):
        annotation = sample_face(seed, is_picture=seed % 2 == 0)
        true = {fact.name for fact in annotation.facts if fact.value is True}
        for name in true:
            counts[name] = counts.get(name, 0) + 1
            assert set(vocabulary.names[name].implies) <= true
            rivals = true & vocabulary.excluded_by(name)
            for rival in rivals:
                spans = [f.span_seconds for f in annotation.facts if f.name in (name, rival)]
                assert None not in spans, (seed, name, rival)
        assert annotation.closed <= set(DRAWN_NAMES)
        assert true <= annotation.closed | set(DRAWN_NAMES)
        for fact in annotation.facts:
            assert fact.source == "renderer"
            assert fact.validated == "rendered"
            if fact.span_seconds is not None:
                start, stop = fact.span_seconds
                assert 0 <= start < stop <= annotation.duration_seconds
    rare = [name for name in FLAGS if counts.get(name, 0) < 3]
    assert not rare


def test_acts_of_one_clip_do_not_overlap_with_themselves() -> None:
    for seed in range(60):
        annotation = sample_face(seed)
        for name in ("blink", "smile", "talk", "turn"):
            spans = sorted(
                fact.span_seconds for fact in annotation.facts_named(name) if fact.span_seconds
            )
            assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:], strict=False))


def test_required_facts_hold() -> None:
    for seed in range(20):
        annotation = sample_face(seed, require={"female": True, "smile": True, "eyeglasses": True})
        assert annotation.facts_named("male")[0].value is False
        assert annotation.facts_named("smile")
        assert annotation.facts_named("eyeglasses")[0].value is True
        assert not sample_face(seed, require={"eyeglasses": False}).facts_named("eyeglasses")
    with pytest.raises(BadInput):
        sample_face(0, require={"bald": True, "bangs": True})
    with pytest.raises(BadInput):
        sample_face(0, require={"smoke": True})


def test_regions_lie_inside_the_picture() -> None:
    for fact in sample_face(11, require={"eyeglasses": True}).facts:
        if fact.region is not None:
            x0, y0, x1, y1 = fact.region
            assert 0 <= x0 < x1 <= 1
            assert 0 <= y0 < y1 <= 1


MESH_POINTS = {
    "left_eye_outer": 33, "left_eye_inner": 133, "right_eye_inner": 362, "right_eye_outer": 263,
    "mouth_left": 61, "mouth_right": 291, "nose_tip": 1, "chin": 152,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("style", ["shaded", "flat"])
@pytest.mark.parametrize("size_px", [pytest.param(128, marks=pytest.mark.long), 256])
def test_the_face_mesh_sees_the_drawn_face(style: str, size_px: int) -> None:
    pytest.importorskip("mediapipe")
    from mediapipe.python.solutions.face_mesh import FaceMesh

    errors, eyes, mouths, missed = [], [], [], 0
    with FaceMesh(
        static_image_mode=True, refine_landmarks=True, max_num_faces=1, min_detection_confidence=0.5
    ) as mesh:
        for seed in range(1000, 1060):
            annotation = sample_face(seed, is_picture=seed % 2 == 0)
            spans = [fact.span_seconds for fact in annotation.facts if fact.span_seconds]
            moment = sum(spans[seed % len(spans)]) / 2 if spans else 0.0
            renderer = FaceRenderer(annotation, style=style, size_px=size_px, seed=seed)
            found = mesh.process(renderer.draw(moment)).multi_face_landmarks
            if not found:
                missed += 1
                continue
            seen = np.array([[p.x * size_px, p.y * size_px] for p in found[0].landmark])
            drawn = renderer.landmarks(moment)
            yaw = renderer.motion.find_state(moment)[1].yaw_degrees
            unit = np.linalg.norm(drawn["left_pupil"] - drawn["right_pupil"]) / np.cos(
                np.radians(yaw)
            )
            errors.append(
                np.mean([np.linalg.norm(seen[i] - drawn[n]) for n, i in MESH_POINTS.items()]) / unit
            )
            if not renderer.look.worn & {"sunglasses", "one_eyed"}:
                for side, (top, low, start, stop) in (
                    ("left", (159, 145, 33, 133)), ("right", (386, 374, 263, 362)),
                ):  # fmt: skip
                    eyes.append((drawn[f"{side}_eye_open"], _ratio(seen, top, low, start, stop)))
            if "wearing_mask" not in renderer.look.worn:
                mouths.append((drawn["mouth_open"], _ratio(seen, 13, 14, 61, 291)))
    assert missed == 0
    assert np.mean(errors) < 0.06
    assert np.corrcoef(np.array(eyes, float).T)[0, 1] > 0.88
    assert np.corrcoef(np.array(mouths, float).T)[0, 1] > 0.9


def _ratio(points: np.ndarray, top: int, low: int, start: int, stop: int) -> float:
    return float(
        np.linalg.norm(points[top] - points[low]) / np.linalg.norm(points[start] - points[stop])
    )


@pytest.mark.slow
def test_a_frame_takes_less_than_a_tenth_of_a_second() -> None:
    renderer = FaceRenderer(sample_face(1), seed=1)
    renderer.draw(0)
    start = time.process_time()
    for index in range(25):
        renderer.draw(index / 25)
    assert (time.process_time() - start) / 25 < 1 / 10


def test_no_fact_is_needed_to_draw_a_face() -> None:
    empty = Annotation("empty")
    assert FaceRenderer(empty, size_px=32).draw(0).shape == (32, 32, 3)
    assert FaceRenderer(replace(empty, facts=(Fact("bald", True),)), size_px=32).draw(0).any()
