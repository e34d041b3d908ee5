"""The attribute reader's crops, its training and its guesses; chat-tiny's preparation."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.errors import BadInput
from lineament.faces.landmarks import describe_landmarks
from lineament.recipes.chat_tiny import chat_tiny
from lineament.training.attribute_reader import read_probabilities, train_reader
from lineament.training.gallery import Look
from lineament.training.gallery_writer import write_gallery
from lineament.training.guesses import write_guesses
from lineament.training.hair_guesses import write_hair
from lineament.training.preparation import prepare_chat_tiny
from lineament.training.wide_crops import (
    EYES_APART,
    EYES_AT,
    NAMES,
    SIZE_PX,
    Crops,
    crop_wide,
    read_crops,
)
from test_faces_landmarks import some_face


def spotted_look(seed: int = 0) -> Look:
    """A frame with a red and a green spot where the eyes are."""
    face = some_face(seed, num_frames=1) * np.array([0.5, 0.5, 0.5], np.float32)
    face += np.array([32, 32, 0], np.float32)
    frame = np.zeros((128, 128, 3), np.uint8)
    for channel, corners in ((0, (33, 133)), (1, (263, 362))):
        x, y = face[0, list(corners), :2].mean(axis=0)
        frame[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 4, channel] = 255
    rows = describe_landmarks(face.astype(np.float32), 128, 128)
    one = np.zeros(1)
    return Look(frame[None], frame[None], np.ones(1, bool), one, rows, one, 1)


def annotated(number: int, *facts: Fact) -> Annotation:
    return Annotation(f"images/{number:05d}.jpg", (Subject("face 0"),), facts)


def test_a_wide_crop_has_the_eyes_at_their_places():
    look = spotted_look()
    crop = crop_wide(look.frames[0], look.rows[0])
    ys, xs = np.nonzero(crop[..., 0] > 100)
    right_ys, right_xs = np.nonzero(crop[..., 1] > 100)
    assert ys.mean() == pytest.approx(EYES_AT * SIZE_PX, abs=3)
    assert right_ys.mean() == pytest.approx(EYES_AT * SIZE_PX, abs=3)
    assert right_xs.mean() - xs.mean() == pytest.approx(EYES_APART * SIZE_PX, abs=4)


def test_crops_carry_labels_and_shares(tmp_path):
    facts = (Fact("male", True), Fact("age_years", 33.0), Fact("beard", False))
    write_gallery(tmp_path / "g", [(annotated(1, *facts), spotted_look())], origin="ffhq-train")
    crops = read_crops([tmp_path / "g"])
    known = {n: s for n, s in zip(NAMES, crops.states[0].tolist(), strict=True) if s >= 0}
    assert known == {"male": 1, "beard": 0}
    assert crops.age_spans.tolist() == [[2, 3]]
    assert crops.shares.tolist() == [6.0]


def test_the_leading_hair_colour_is_told_apart_from_weak_ones(tmp_path):
    write_gallery(tmp_path / "g", [(annotated(7), spotted_look())], origin="ffhq-train")
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "image,hair_black,hair_brown,hair_blond,hair_gray,hair_red\n7,0.9,0.7,0.1,0.4,0.0\n"
    )
    write_hair(tmp_path / "g", labels)
    line = (tmp_path / "g" / "hair.jsonl").read_text()
    assert json.loads(line) == {"black_hair": True, "blonde_hair": False, "red_hair": False}


def bright_and_dark(count: int) -> Crops:
    """Bright crops are labelled male, dark ones not."""
    rng = np.random.default_rng(0)
    is_bright = np.arange(count) % 2
    level = 60 + 140 * is_bright[:, None, None, None]
    noise = rng.integers(0, 20, (count, SIZE_PX, SIZE_PX, 3))
    states = np.full((count, len(NAMES)), -100)
    states[:, 0] = is_bright
    spans = np.full((count, 2), -100)
    return Crops((level + noise).astype(np.uint8), states, spans, np.ones(count))


def test_a_reader_learns_what_brightness_tells(tmp_path):
    crops = bright_and_dark(40)
    reader = train_reader(crops, epochs=10, batch_size=8, widths=(8, 8, 8, 8))
    chances, ages = read_probabilities(reader, crops.pixels)
    assert ((chances[:, 0] > 0.5) == (np.arange(40) % 2 == 1)).mean() > 0.9
    np.testing.assert_allclose(ages.sum(axis=1), 1.0, atol=1e-4)
    write_gallery(tmp_path / "g", [(annotated(1), spotted_look())] * 2, origin="fairface-train")
    write_guesses(reader, tmp_path / "g")
    lines = (tmp_path / "g" / "guesses.jsonl").read_text().splitlines()
    assert len(lines) == 2
    assert all(isinstance(json.loads(line), dict) for line in lines)


def test_preparing_needs_the_real_pictures(tmp_path):
    with pytest.raises(BadInput, match="data: not set"):
        prepare_chat_tiny(chat_tiny(), tmp_path)
    empty = chat_tiny().replace(data=str(tmp_path))
    with pytest.raises(BadInput, match="ffhq-adult-882: not there"):
        prepare_chat_tiny(empty, tmp_path / "run")


def test_gray_pictures_get_no_guess_of_colour(tmp_path):
    reader = train_reader(bright_and_dark(8), epochs=2, batch_size=4, widths=(8, 8, 8, 8))
    reader.flag_head.weight.data.zero_()
    reader.flag_head.bias.data.fill_(9.0)
    looks = [(replace(annotated(1), media="x/1"), spotted_look())]
    write_gallery(tmp_path / "g", looks, origin="lfw-train")
    write_guesses(reader, tmp_path / "g")
    guess = json.loads((tmp_path / "g" / "guesses.jsonl").read_text())
    assert guess["eyeglasses"] is True
    assert "black_hair" not in guess
