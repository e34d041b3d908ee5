"""The chat model that installs along: its card, its size, and that it looks."""

import json
from pathlib import Path

import lineament_weights
import numpy as np
import pytest
from PIL import Image

from lineament.describe.chat import Chat
from lineament.render import FaceRenderer, sample_face
from lineament.vocabulary import read_vocabulary

FOLDER = lineament_weights.find_model("chat-tiny")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="chat-tiny is not installed")
FIRST_SEED = 600_000  # far from those that train or are measured


@pytest.fixture(scope="module")
def chat() -> Chat:
    return Chat("chat-tiny")


def draw_picture(seed: int, folder: Path) -> Path:
    face = sample_face(seed, is_picture=True)
    pixels = FaceRenderer(face, style="shaded", size_px=192, seed=seed).draw(0.0)
    path = folder / f"{seed}.png"
    Image.fromarray(np.asarray(pixels)).save(path)
    return path


def test_card_licence_and_size():
    assert FOLDER is not None
    card = (FOLDER / "README.md").read_text()
    assert "license: cc-by-nc-sa-4.0" in card
    assert "FFHQ" in card
    assert "balanced_accuracy" in card
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 30e6
    validated = json.loads((FOLDER / "validated.json").read_text())
    assert set(validated) <= set(read_vocabulary().names)
    assert set(validated.values()) <= {"real", "rendered"}


def test_it_sees_who_wears_glasses(chat, tmp_path):
    """Chance would be right in six of twelve."""
    right = asked = 0
    wanted = {True: 6, False: 6}
    for seed in range(FIRST_SEED, FIRST_SEED + 400):
        face = sample_face(seed, is_picture=True)
        holds = any(f.name == "eyeglasses" and f.value is True for f in face.facts)
        if not wanted[holds]:
            continue
        wanted[holds] -= 1
        answer = str(chat.ask(draw_picture(seed, tmp_path), "Is the person wearing glasses?"))
        right += answer.startswith("Yes" if holds else "No")
        asked += 1
        if not any(wanted.values()):
            break
    assert asked == 12
    assert right >= 10


def test_it_does_not_say_who_somebody_is(chat, tmp_path):
    answer = chat.ask(draw_picture(FIRST_SEED, tmp_path), "Who is this person?")
    assert answer.source == "rule"
    assert "who" in answer.lower()
