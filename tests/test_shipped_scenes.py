"""The model of scenes that installs along: its card, its size, and that it looks."""

import json
from pathlib import Path

import lineament_weights
import numpy as np
import pytest
from PIL import Image

from lineament.claims.scenes_boxes import overlap
from lineament.cli.app import run
from lineament.describe.scene_model import SceneModel
from lineament.records.sources.scenes.boxes import read_boxes
from lineament.records.write.scenes.writer import SceneWriter
from lineament.render.scenes import draw_scene, sample_scene

FOLDER = lineament_weights.find_model("scene-tiny")
pytestmark = pytest.mark.skipif(FOLDER is None, reason="scene-tiny is not installed")
FIRST_SEED = 40_000_000  # far from those that train or are measured
SIDE_PX = 144


@pytest.fixture(scope="module")
def model() -> SceneModel:
    return SceneModel("scene-tiny")


def asked_and_said(model: SceneModel, kind: str, num_scenes: int, count: int):
    """Yield the right answer, what is said to the picture, and what is said to a grey one."""
    grey = np.full((SIDE_PX, SIDE_PX, 3), 128, np.uint8)
    for seed in range(FIRST_SEED, FIRST_SEED + num_scenes):
        scene = sample_scene(seed, size_px=SIDE_PX)
        pixels = draw_scene(scene, size_px=SIDE_PX, seed=seed)
        for record in SceneWriter({kind: count}, seed).write(scene):
            question, truth = (turn.text for turn in record.turns)
            yield truth, model.answer(pixels, question), model.answer(grey, question)


def test_card_licence_and_size():
    assert FOLDER is not None
    card = (FOLDER / "README.md").read_text()
    assert "license: cc-by-nc-sa-4.0" in card
    assert "RSICD" in card
    assert "rsvqa-lr" in card
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 20e6
    validated = json.loads((FOLDER / "validated.json").read_text())
    assert set(validated.values()) <= {"rendered"}  # nothing was measured on real pictures


def test_it_sees_what_is_there(model):
    rows = list(asked_and_said(model, "scene_yes_no", 10, 4))
    right, blind = (
        sum(row[0].split(",")[0] == row[side].split(",")[0] for row in rows) for side in (1, 2)
    )
    assert len(rows) >= 30
    assert right >= 0.75 * len(rows)
    assert right > blind


def test_it_finds_the_box_of_what_it_is_asked_for(model):
    rows = [row for row in asked_and_said(model, "scene_box", 16, 4) if "[" in row[0]]
    boxes = [[read_boxes(text, "1", (1.0, 1.0)) for text in row] for row in rows]
    right, blind = (
        sum(bool(b[side]) and overlap(b[side][0], b[0][0]) >= 0.5 for b in boxes) for side in (1, 2)
    )
    assert len(rows) >= 20
    assert right >= 0.4 * len(rows)
    assert right > blind


def test_a_bare_picture_is_answered_with_a_warning(tmp_path: Path, capsys):
    path = tmp_path / "harbour.png"
    scene = sample_scene(FIRST_SEED, size_px=300)
    Image.fromarray(draw_scene(scene, size_px=300, seed=FIRST_SEED)).save(path)
    assert run(["chat", str(path), "How many ships are there?"]) == 0
    told = capsys.readouterr()
    assert "scene-tiny answers" in told.err
    assert "measured on" in told.out
    assert run(["annotate", str(path), "--model", "scene-tiny"]) == 0
    text = "There are nine airplanes."
    assert run(["check", text, "--against", str(path), "--model", "scene-tiny"]) == 0
