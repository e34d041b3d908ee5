"""A finder of nobody, noise to look at, and our own model in miniature, for tests of evaluation."""

from typing import Any

import numpy as np
import pytest

from lineament.evaluation.item import Visual


class Nobody:
    """Finds no face."""

    name = "nobody"

    def find(self, pixels, known=()):
        return []

    def find_again(self, pixels, last):
        return None

    def close(self):
        pass


def noise(
    num_frames: int = 1, *, width: int = 40, rng: np.random.Generator | None = None
) -> Visual:
    """Return noise at 25 frames a second; the same every time where no generator is given."""
    rng = rng or np.random.default_rng(0)
    frames = rng.integers(0, 255, (num_frames, 40, width, 3), np.uint8)
    return Visual(frames, tuple(number / 25 for number in range(num_frames)))


def toy_answerer() -> Any:
    """Return a small model of faces whose answers differ with what it sees, as an answerer."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("mediapipe")
    from lineament.evaluation.loaded import LoadedAnswerer
    from lineament.faces.landmarks import NUM_ROWS
    from lineament.model.hub import LoadedModel
    from test_model_toys import toy_model, toy_processor

    model = toy_model(num_landmarks=NUM_ROWS, landmark_samples=8)
    model.generation_config.eos_token_id = None
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3)
    loaded = LoadedModel("toy", model, toy_processor(model.config))
    return LoadedAnswerer(loaded, make_finder=Nobody, max_new_tokens=4, long_tokens=6)
