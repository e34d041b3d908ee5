"""The training manifest: what a run has seen, as ``lineament eval --trained-on`` reads it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.evaluation.item import Item, Visual
from lineament.evaluation.overlap import find_overlap
from lineament.records.record import Record, Turn
from lineament.records.store import write_records
from lineament.render import sample_face
from lineament.training.chat_tiny_data import open_crowds, open_faceless, open_galleries
from lineament.training.draw_tiny_portraits import PHOTO, Portrait, write_portraits
from lineament.training.examples import ExampleList, ListsMedia, Shown
from lineament.training.gallery import SOURCE_OF, Look
from lineament.training.gallery_writer import write_gallery
from lineament.training.preparation import REAL_PARTS
from lineament.training.recipe import Mix, Model
from lineament.training.rendered import RenderedExamples
from lineament.training.run import run_recipe
from lineament.training.trained_on import TRAINED_ON, write_trained_on
from lineament.training.unified_built import open_built_asking, open_built_drawings
from lineament.training.unified_examples import PixelExamples
from test_model_toys import _one_thread  # noqa: F401
from test_training_toys import TOY_SOURCES, toy_recipe, toy_stage

SOURCE = "celebvhq"


@pytest.fixture
def built(tmp_path) -> Path:
    """Return a data set of two parts, two pictures of each."""
    pixels = np.random.default_rng(0).integers(0, 255, (48, 40, 3)).astype(np.uint8)
    folder = tmp_path / "built"
    turns = (Turn("user", "Is she smiling?"), Turn("assistant", "Yes, she is smiling."))
    records = [
        Record(kind, 1, f"{part}{n}.png", turns,
               provenance={"source": SOURCE, "split": part, "split_key": f"video {part} {n}"})
        for part in ("train", "val") for n in range(2) for kind in ("yes_no", "caption")
    ]  # fmt: skip
    write_records(folder, records, {"split": "all"})
    for record in records:
        Image.fromarray(pixels).save(folder / record.media)
    return folder


def read_rows(path: Path) -> list[Shown]:
    return [Shown(**json.loads(line)) for line in path.read_text().splitlines()]


def find(path: Path, media: str, subject: str = "nobody trained on") -> bool | None:
    item = Item("i", media, "?", "yes_no", True, "g", subject=subject, source=SOURCE)
    visual = Visual(np.zeros((1, 8, 8, 3), np.uint8))
    return find_overlap([item], path, lambda _: visual).is_zero_shot


def test_a_run_tells_what_it_has_seen_and_the_overlap_check_finds_it(built, tmp_path):
    own, held_out = Mix(source=str(built)), Mix(source=str(built), split="val")
    stage = toy_stage("one", data=(own,), validation=(held_out,), num_steps=1)
    run_recipe(toy_recipe(stage, stage.replace(name="two")), tmp_path / "run", sources=TOY_SOURCES)
    path = tmp_path / "run" / TRAINED_ON
    assert read_rows(path) == [
        Shown(SOURCE, f"train{n}.png", f"video train {n}") for n in range(2)
    ]  # once each, and nothing of what is held out
    assert find(path, "train1.png") is False
    assert find(path, "other.png", "video train 0") is False
    assert find(path, "val0.png") is None  # nobody has compared pixels


def test_what_nobody_can_tell_is_a_line_that_tells_nothing(built, tmp_path):
    stages = toy_stage("one"), toy_stage("two")
    recipe = toy_recipe(*stages)
    sources = {1: [ExampleList([])]}  # a list cannot tell, and the first stage was done before
    write_trained_on(recipe, sources, tmp_path / TRAINED_ON)
    assert read_rows(tmp_path / TRAINED_ON) == [Shown()]
    write_trained_on(recipe, {}, tmp_path / TRAINED_ON)  # stays as it is
    assert read_rows(tmp_path / TRAINED_ON) == [Shown()]


@pytest.mark.parametrize("place", ["", "model", "0-one/final"])
def test_what_the_start_was_trained_on_counts_as_well(place, tmp_path):
    before = tmp_path / "before"
    (before / place).mkdir(parents=True)
    (before / TRAINED_ON).write_text(json.dumps(Shown("dfew", "1.mp4", "film 1")._asdict()) + "\n")
    model = Model(start=str(before / place), parts={"face_encoder": "weights/farl.pth"})
    recipe = toy_recipe(toy_stage()).replace(model=model)
    rendered = RenderedExamples(Mix(source="rendered", options={"count": 2}))
    write_trained_on(recipe, {0: [rendered]}, tmp_path / TRAINED_ON)
    assert read_rows(tmp_path / TRAINED_ON) == [
        Shown("rendered", "face-0", "rendered-0"),
        Shown("rendered", "face-1", "rendered-1"),
        Shown("dfew", "1.mp4", "film 1"),
        Shown(),  # of the face encoder nobody knows
    ]


def test_rendered_faces_are_told_by_the_names_that_they_have_elsewhere():
    for split in ("train", "dev"):
        source = RenderedExamples(Mix(source="rendered", split=split, options={"count": 1}))
        (shown,) = source.list_media()
        own = sample_face(int(shown.media.removeprefix("face-")))
        assert (shown.media, shown.split_key) == (own.media, own.split_key)


@pytest.fixture
def galleries(tmp_path) -> Path:
    """Return a folder with one gallery of two pictures."""
    frames = np.zeros((1, 128, 128, 3), np.uint8)
    rows, seconds = np.zeros((0, 68, 3), np.float32), np.zeros(0)
    look = Look(frames, frames, np.ones(1, bool), np.zeros(1), rows, seconds, 1)
    people = [sample_face(seed, is_picture=True) for seed in (5, 6)]
    looks = ((person, look) for person in people)
    write_gallery(tmp_path / "lfw-train", looks, origin="lfw-train")
    return tmp_path


def test_galleries_tell_the_data_set_behind_them(galleries):
    told = [Shown("lfw-expressions", f"face-{n}", f"rendered-{n}") for n in (5, 6)]
    mix = Mix(source="galleries", options={"root": str(galleries), "folders": ["lfw-train"]})
    corners = Mix(source="faceless", options={"root": str(galleries), "corners": ["lfw-train"]})
    for source in (open_galleries(mix), open_crowds(mix), open_faceless(corners)):
        assert isinstance(source, ListsMedia)
        assert list(source.list_media()) == told
    assert {part.name: part.source for part in REAL_PARTS}.items() <= SOURCE_OF.items()


def test_portraits_tell_what_they_were_cut_out_of(tmp_path):
    person, pixels = sample_face(5, is_picture=True), np.zeros((8, 8, 3), np.uint8)
    for name, style in (("fairface-train", PHOTO), ("drawn", "cartoon"), ("mine", PHOTO)):
        write_portraits(tmp_path / name, [Portrait(pixels, person, style)])
    told = PixelExamples([tmp_path / name for name in ("fairface-train", "drawn", "mine")])
    assert [shown.source for shown in told.list_media()] == ["fairface", "rendered", ""]
    assert {shown.media for shown in told.list_media()} == {"face-5"}


def test_built_data_for_drawing_tell_their_own_part(built, tmp_path):
    codes = tmp_path / "codes"
    codes.mkdir()
    np.save(codes / "codes.npy", np.zeros((1, 2, 4), np.int16))
    (codes / "media.json").write_text("{}")
    options = {"data": str(built), "codes": str(codes)}
    for opened in (open_built_drawings, open_built_asking):
        source = opened(Mix(source="built", split="val", options=options))
        assert [shown.media for shown in source.list_media()] == ["val0.png", "val1.png"]
