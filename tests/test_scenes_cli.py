"""Building the mixture, and drawing scenes, through the command line."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.annotation import annotation_from_dict
from lineament.claims.scenes_objects import read_scene
from lineament.cli.app import run
from lineament.records.sources.scenes.blend import RS_GPT4V_WRITTEN
from lineament.records.store import RecordStore

SCRIPT = Path(__file__).resolve().parent.parent / "benchmarks" / "scenes_fixtures.py"
SCALE = 0.0005


@pytest.fixture(scope="module")
def fixtures():
    spec = importlib.util.spec_from_file_location("scenes_fixtures", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_json(capsys, *arguments):
    assert run([*arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_mixture_is_built_in_one_command_and_goes_on_where_it_was(fixtures, tmp_path, capsys):
    data = tmp_path / "data"
    fixtures.write_fixtures(data, scale=SCALE)
    parts = {**fixtures.CAPTIONS, "nwpu": fixtures.NWPU, **fixtures.RSVQA}
    sizes = [fixtures.scaled(part["train"], SCALE) for part in parts.values()]
    sizes += [fixtures.scaled(part, SCALE) for part in (fixtures.FLOODNET, fixtures.RSIVQA)]
    pictures, phrases = fixtures.scaled(fixtures.DIOR_TRAIN, SCALE)
    plans = [RS_GPT4V_WRITTEN["train"].plan(number) for number in range(pictures)]
    written = sum(plan.num_descriptions + plan.num_rounds for plan in plans)
    command = ["build", "rs-gpt4v", "--data", str(data), "--out", str(tmp_path / "out")]
    row = run_json(capsys, *command, "--split", "train")
    assert row["source"] == "rs-gpt4v"
    assert row["annotations"] == sum(size[0] for size in sizes) + pictures
    # Every phrase is asked for twice: for its box, and from its box.
    assert row["turns"] == sum(size[1] for size in sizes) + 2 * phrases + written
    assert row["kinds"]["grounding"] == row["kinds"]["region_caption"] == phrases
    assert row["kinds"].keys() & {"scene_local", "scene_global", "scene_dialogue"}
    assert len(RecordStore(tmp_path / "out").column("id")) == row["records"]
    again = run_json(capsys, *command, "--split", "train")
    assert again["already_there"]
    assert (again["annotations"], again["turns"]) == (row["annotations"], row["turns"])
    adapted = [*command[:-1], str(tmp_path / "adapted"), "--split", "train", "--kinds", "adapted"]
    assert run_json(capsys, *adapted)["turns"] == row["turns"] - written


def test_a_missing_source_of_the_mixture_is_one_clear_error(tmp_path, capsys):
    command = ["build", "rs-gpt4v", "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    assert run(command) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert "nwpu-captions" in error
    assert hint.startswith("hint: ")


def test_scenes_are_drawn_with_their_annotations(tmp_path, capsys):
    pytest.importorskip("skia")
    options = ["--kind", "scenes", "--count", "3", "--seed", "5", "--size", "64", "--workers", "1"]
    row = run_json(capsys, "render", str(tmp_path / "one"), *options)
    assert (row["count"], row["kind"], row["seed"]) == (3, "scenes", 5)
    lines = (tmp_path / "one" / "annotations.jsonl").read_text().splitlines()
    annotations = [annotation_from_dict(json.loads(line)) for line in lines]
    assert len({annotation.media for annotation in annotations}) == 3
    for annotation in annotations:
        with Image.open(tmp_path / "one" / annotation.media) as image:
            assert image.size == (64, 64)
        assert read_scene(annotation).objects
    run_json(capsys, "render", str(tmp_path / "other"), *options)
    for annotation in annotations:
        pixels = [
            np.asarray(Image.open(tmp_path / folder / annotation.media))
            for folder in ("one", "other")
        ]
        assert np.array_equal(*pixels)
    # What is drawn beside its annotation is known: no model is asked.
    told = run_json(capsys, "annotate", str(tmp_path / "one" / annotations[0].media))
    assert {subject["kind"] for subject in told["subjects"]} >= {"object"}


def test_scenes_are_drawn_as_required(tmp_path, capsys):
    pytest.importorskip("skia")
    options = ["--kind", "scenes", "--count", "2", "--size", "64", "--workers", "1"]
    run_json(capsys, "render", str(tmp_path), *options, "--require", "object_class=ship")
    for line in (tmp_path / "annotations.jsonl").read_text().splitlines():
        assert "ship" in {
            o.name for o in read_scene(annotation_from_dict(json.loads(line))).objects
        }
