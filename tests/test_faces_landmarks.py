"""Mesh landmarks to the rows of the landmark stream."""

import numpy as np
import pytest

from lineament.faces.landmarks import (
    NUM_ROWS,
    POINTS,
    describe_landmarks,
    mirror_rows,
    sample_rows,
)

PAIRED = {33: 263, 133: 362, 468: 473, 61: 291, 172: 397, 234: 454, 55: 285, 105: 334}


def some_face(seed: int = 0, num_frames: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    face = rng.normal(scale=20.0, size=(478, 3))
    places = {33: (-40, 0), 133: (-15, 0), 362: (15, 0), 263: (40, 0), 10: (0, -60), 2: (0, 40),
              172: (-35, 70), 397: (35, 70), 234: (-60, 10), 454: (60, 10), 1: (0, 30)}  # fmt: skip
    for point, place in places.items():
        face[point] = (*place, 0.0)
    face[1, 2] = -20.0
    return np.repeat(face[None] + (64, 64, 0), num_frames, axis=0).astype(np.float32)


def test_size_and_place_change_only_the_last_row():
    face = some_face()
    small = describe_landmarks(face, 128, 128)
    moved = describe_landmarks(face * 2 + np.float32(10), 128, 128)
    np.testing.assert_allclose(small[:, :-1], moved[:, :-1], atol=1e-4)
    assert moved[0, -1, 2] - small[0, -1, 2] == pytest.approx(np.log(2), abs=1e-4)


def test_a_turn_of_the_head_changes_the_axes_and_no_point():
    face = some_face()
    angle = np.radians(20)
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    straight = describe_landmarks(face, 128, 128)
    turned = describe_landmarks((face @ turn.T).astype(np.float32), 128, 128)
    np.testing.assert_allclose(straight[:, : len(POINTS)], turned[:, : len(POINTS)], atol=1e-3)
    assert np.abs(straight[:, -4:-1] - turned[:, -4:-1]).max() > 0.2


def test_mirrored_rows_are_the_rows_of_the_mirrored_face():
    face = some_face()
    mirrored = face * np.array([-1, 1, 1], np.float32) + np.array([128, 0, 0], np.float32)
    swapped = mirrored.copy()
    from lineament.faces.landmarks import _MIRRORED

    for left, right in _MIRRORED.items():
        swapped[:, [left, right]] = mirrored[:, [right, left]]
    expected = describe_landmarks(swapped, 128, 128)
    np.testing.assert_allclose(mirror_rows(describe_landmarks(face, 128, 128)), expected, atol=1e-3)
    assert all(_MIRRORED[left] == right for left, right in PAIRED.items())


def test_mirroring_twice_changes_nothing():
    rows = describe_landmarks(some_face(3), 100, 128)
    np.testing.assert_allclose(mirror_rows(mirror_rows(rows)), rows, atol=1e-6)


def test_samples_are_spread_over_each_bin():
    times = np.arange(40) / 10
    rows = np.zeros((40, NUM_ROWS, 3), np.float32) + np.arange(40, dtype=np.float32)[:, None, None]
    bins = np.array([[0.0, 2.0], [2.0, 4.0]])
    sampled, mask = sample_rows(rows, times, bins, num_samples=4)
    assert mask.all()
    assert (
        np.abs(sampled[..., 0, 0] - [[2.5, 7.5, 12.5, 17.5], [22.5, 27.5, 32.5, 37.5]]).max() <= 0.5
    )


def test_moments_without_a_face_are_masked():
    times = np.arange(40) / 10
    rows = np.ones((40, NUM_ROWS, 3), np.float32)
    rows[20:] = np.nan
    sampled, mask = sample_rows(rows, times, np.array([[0.0, 2.0], [2.0, 4.0]]), num_samples=4)
    assert mask[0].all()
    assert not mask[1, 1:].any()
    assert not sampled[~mask].any()


def test_a_picture_repeats_its_one_row():
    rows = np.ones((1, NUM_ROWS, 3), np.float32)
    sampled, mask = sample_rows(rows, np.zeros(1), np.array([[0.0, 1e-6]]), num_samples=8)
    assert mask.all()
    assert (sampled == 1).all()
