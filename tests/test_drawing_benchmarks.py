"""What scores drawings: balanced accuracy, chance by shuffled captions, kept drawings."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from lineament.model.drawing import DrawingModel
from lineament.model.unmasking import Unmasking
from test_draw import make_drawing_model
from test_model_toys import _one_thread  # noqa: F401

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def truth():
    spec = importlib.util.spec_from_file_location("draw_truth", BENCHMARKS / "draw_truth.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["draw_truth"] = module
    spec.loader.exec_module(module)
    return module


def test_both_classes_count_alike_and_what_is_not_known_does_not(truth):
    wanted = [True, True, True, True, False, None]
    found = np.array([True, True, True, False, False, True])
    assert truth.balanced_accuracy(wanted, found) == pytest.approx((3 / 4 + 1) / 2)
    assert truth.balanced_accuracy([True, None], np.array([True, True])) is None


def test_drawings_that_follow_their_captions_are_far_from_chance(truth):
    _, truths = truth.photo_captions(96)
    names = truth.PHOTOGRAPHED
    followed = {name: np.array([row[name] for row in truths]) for name in names}
    table = truth.score(truths, names, followed, None)
    assert table["mean"] == 1
    for row in table["attributes"].values():
        assert row["prior"] == pytest.approx(0.5, abs=0.06)
    ignored = {name: np.ones(len(truths), dtype=bool) for name in names}
    assert truth.score(truths, names, ignored, None)["mean"] == 0.5


def test_every_combination_is_asked_for_alike(truth):
    texts, truths = truth.photo_captions(96)
    assert len(set(texts)) == 48
    assert sum(row["male"] for row in truths) == 48
    for text, row in zip(texts, truths, strict=True):
        assert ("glasses" in text) == row["eyeglasses"]
        assert ("elderly" in text) == row[truth.OLDER]


def test_kept_drawings_are_those_of_the_same_words_and_settings(truth, tmp_path, monkeypatch):
    model = make_drawing_model()
    artist = truth.Artist(model, Unmasking(1), tmp_path)
    first = artist.draw(["a man", "a woman"], "x")
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(DrawingModel, "draw", None)
    again = truth.Artist(model, Unmasking(1), tmp_path).draw(["a man", "a woman"], "x")
    np.testing.assert_array_equal(first, again)
    for texts, settings in ((["a man", "a man"], Unmasking(1)), (["a man", "a woman"], QUICK)):
        with pytest.raises(TypeError):
            truth.Artist(model, settings, tmp_path).draw(texts, "x")


QUICK = Unmasking(2)
