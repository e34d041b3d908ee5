"""Built data sets as examples: rows chosen and grouped, media looked at, stored faces found."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lineament.annotation import Annotation, Subject
from lineament.errors import BadInput
from lineament.faces.finder import box_of_landmarks
from lineament.faces.store import TrackStore
from lineament.faces.track import FaceTrack
from lineament.records.record import Record, Turn
from lineament.records.store import write_records
from lineament.training.built import BuiltExamples
from lineament.training.mixes import open_mix
from lineament.training.recipe import Mix
from lineament.training.run import run_recipe
from lineament.video import open_clip, write_clip
from test_training_toys import TOY_SOURCES, toy_recipe, toy_stage


def ask(question, answer, kind="yes_no", level=1, media="one.png", quality=None):
    turns = (Turn("user", question), Turn("assistant", answer))
    return Record(kind, level, media, turns, quality=quality)


RECORDS = [
    ask("Is she smiling?", "Yes, she is smiling.", quality=0.9),
    ask("What colour is the hair?", "The hair is brown.", "color", quality=0.1),
    ask("When does she blink?", "From 0.4 to 1.2 seconds.", "timed", 3, "clip.mp4", 0.5),
    ask("Is he wearing glasses?", "No, he is not.", media="clip.mp4", quality=0.7),
]


@pytest.fixture
def built(tmp_path, make_pattern):
    pixels = np.random.default_rng(0).integers(0, 255, (48, 40, 3)).astype(np.uint8)
    write_records(tmp_path / "built", RECORDS, {"split": "train"})
    Image.fromarray(pixels).save(tmp_path / "built" / "one.png")
    write_clip(tmp_path / "built" / "clip.mp4", [make_pattern(n) for n in range(40)])
    return tmp_path / "built"


def mix(folder, **changes) -> Mix:
    return Mix(source=str(folder), **changes)


def asked(source) -> list[set[str]]:
    """Return what is asked, example by example."""
    return [
        {str(dialogue.messages[0]["content"]) for dialogue in source.read(index, 0).dialogues}
        for index in range(len(source))
    ]


def test_records_about_one_clip_are_one_example_with_what_it_shows(built):
    source = open_mix(mix(built), {}, where="here")
    assert asked(source) == [
        {"Is she smiling?", "What colour is the hair?"},
        {"When does she blink?", "Is he wearing glasses?"},
    ]
    picture, clip = (source.read(index, 0).visual for index in (0, 1))
    assert picture is not None
    assert clip is not None
    assert np.array_equal(picture.frames[0], np.asarray(Image.open(built / "one.png")))
    assert len(clip.frames) == 8
    assert clip.faces is None
    levels = {d.kind: d.level for d in source.read(1, 0).dialogues}
    assert levels == {"timed": 3, "yes_no": 1}


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({"kinds": ("color",)}, [{"What colour is the hair?"}]),
        ({"levels": (3, 4)}, [{"When does she blink?"}]),
        ({"quality_share": 0.5}, [{"Is she smiling?"}, {"Is he wearing glasses?"}]),
        ({"limit": 1}, [{"Is she smiling?", "What colour is the hair?"}]),
    ],
)
def test_a_mix_chooses_rows(built, changes, kept):
    assert asked(BuiltExamples(mix(built, **changes))) == kept


def test_one_example_holds_at_most_so_many_dialogues(built):
    source = BuiltExamples(mix(built, options={"dialogues_per_example": 1}))
    assert sorted(map(len, asked(source))) == [1, 1, 1, 1]


def test_another_split_is_refused_and_all_is_not(built, tmp_path):
    with pytest.raises(BadInput, match="built from the split 'train', and 'dev' is asked for"):
        BuiltExamples(mix(built, split="dev"))
    write_records(tmp_path / "whole", RECORDS, {"split": "all"})
    assert len(BuiltExamples(mix(tmp_path / "whole", split="dev"))) == 2


def test_of_a_data_set_built_from_all_parts_one_is_read(tmp_path):
    parts = {"train": 2, "val": 1, "": 3}  # those that tell no part are in each
    records = [
        replace(RECORDS[n % 4], media=f"{part}{n}.png", provenance={"split": part} if part else {})
        for part, count in parts.items()
        for n in range(count)
    ]
    write_records(tmp_path / "whole", records, {"split": "all"})
    sizes = {
        part: len(BuiltExamples(mix(tmp_path / "whole", split=part))) for part in parts if part
    }
    assert sizes == {"train": 5, "val": 4}
    # A source that knows no parts marks its rows with what was asked for.
    whole = [replace(record, provenance={"split": "all"}) for record in RECORDS]
    write_records(tmp_path / "one", whole, {"split": "all"})
    assert len(BuiltExamples(mix(tmp_path / "one"))) == 2


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"options": {"medja": "x"}}, "unknown option 'medja'"),
        ({"kinds": ("summary",)}, "no data in"),
        ({"source": "nowhere"}, "neither a built data set nor a source"),
    ],
)
def test_what_cannot_be_read_is_told(built, changes, told):
    with pytest.raises(BadInput, match=told):
        open_mix(Mix(**({"source": str(built)} | changes)), {}, where="here")


def test_quality_needs_scores(tmp_path):
    write_records(tmp_path / "built", [ask("Is she smiling?", "Yes.")])
    with pytest.raises(BadInput, match="no record has a quality"):
        BuiltExamples(mix(tmp_path / "built", quality_share=0.5))


def test_a_worker_reads_the_same_in_another_order_each_epoch(built):
    source = BuiltExamples(mix(built))
    again = pickle.loads(pickle.dumps(source))
    assert again.read(1, 3).dialogues == source.read(1, 3).dialogues
    orders = {tuple(d.kind for d in source.read(1, epoch).dialogues) for epoch in range(8)}
    assert len(orders) == 2


def test_stored_faces_bring_crops_and_landmarks(built, tmp_path, make_face):
    clip = open_clip(built / "clip.mp4")
    faces = np.stack([make_face((60 + n, 40), 30) for n in range(30)])
    boxes = np.array([box_of_landmarks(face) for face in faces], np.float32)
    track = FaceTrack(
        0, np.arange(30), np.arange(30) / 25, boxes, faces, np.ones(30, np.float32)
    )  # fmt: skip
    store = TrackStore(tmp_path / "tracks")
    annotation = Annotation("clip.mp4", (Subject("face 0"),), (), frozenset(), 1.6, 40, 25.0)
    store.save(store.key_of(built / "clip.mp4"), annotation, clip, (track,))
    options = {"tracks": str(tmp_path / "tracks"), "num_frames": 4, "crop_size_px": 32}
    visual = BuiltExamples(mix(built, options=options)).read(1, 0).visual
    assert visual is not None
    assert visual.faces is not None
    assert visual.faces.shape == (4, 32, 32, 3)
    assert visual.landmarks is not None
    assert np.isfinite(visual.landmarks).all()


def test_a_missing_clip_is_skipped_and_named_and_the_run_goes_on(built, tmp_path):
    (built / "clip.mp4").unlink()
    stage = toy_stage(data=(mix(built),), num_steps=2, batch_size=2)
    result = run_recipe(toy_recipe(stage), tmp_path / "run", sources=TOY_SOURCES)
    assert result.status == "done"
    assert result.num_skipped > 0
