"""Overlap of training and test: pixels, data set and reference, subjects; never bare names."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.errors import BadInput, BadMedia
from lineament.evaluation.item import Item, Visual
from lineament.evaluation.overlap import find_overlap, hash_picture, names_own_file
from lineament.records.record import Record, Turn
from lineament.records.store import write_records

SET = "ffhq-adult"
NOBODY = {"source": "elsewhere", "media": "x/a.png", "split_key": "somebody", "picture_hash": "0"}


@pytest.fixture
def test_set():
    """Return two items of one data set and how their media open."""
    visuals = {
        f"images/{n}.png": Visual(np.full((1, 32, 32, 3), 40 * (n + 1), np.uint8)) for n in range(2)
    }
    items = [
        Item(f"i{n}", media, "?", "yes_no", True, "g", subject=f"person {n}", source=SET)
        for n, media in enumerate(visuals)
    ]
    return items, visuals.__getitem__


def write_lines(folder: Path, *rows) -> Path:
    path = folder / "manifest.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_nothing_shared_is_zero_shot_only_if_all_three_were_told_and_compared(test_set, tmp_path):
    items, opened = test_set
    found = find_overlap(items, write_lines(tmp_path, NOBODY, NOBODY), opened)
    assert found.is_zero_shot is True
    assert found.to_dict()["compared"] == {"pictures": 2, "media": 2, "subjects": 2}
    for key in NOBODY:
        lacking = {name: value for name, value in NOBODY.items() if name != key}
        found = find_overlap(items, write_lines(tmp_path, NOBODY, lacking), opened)
        assert found.is_zero_shot is None, key  # one row without it is enough to say nothing
        assert any(gap.startswith("1 training example") for gap in found.gaps)


@pytest.mark.parametrize(
    "row",
    [
        {"source": SET, "media": "images/0.png"},
        {"source": SET, "media": "0.png"},  # the same folder seen from inside
        {"source": SET, "media": "unpacked/images/0.png"},
        {"split_key": "person 0"},
        {"source": "another", "split_key": "person 0"},  # one video id in two data sets
    ],
)
def test_a_shared_reference_or_subject_is_not_zero_shot(row, test_set, tmp_path):
    items, opened = test_set
    found = find_overlap(items, write_lines(tmp_path, NOBODY, NOBODY | row), opened)
    assert found.is_zero_shot is False
    assert found.to_dict()["zero_shot"] is False


def test_shared_pixels_are_found_whatever_they_are_called(test_set, tmp_path):
    items, opened = test_set
    row = NOBODY | {"picture_hash": hash_picture(opened("images/1.png"))}
    found = find_overlap(items, write_lines(tmp_path, row), opened)
    assert found.is_zero_shot is False
    assert found.pictures == ("images/1.png",)
    assert not found.media


@pytest.mark.parametrize("media", ["elsewhere/0.png", "0.png", "images/0.png"])
def test_a_bare_file_name_proves_nothing_either_way(media, test_set, tmp_path):
    items, opened = test_set
    only_names = write_lines(tmp_path, {"media": media})
    found = find_overlap(items, only_names, opened)
    assert found.is_zero_shot is None
    assert not found.media
    # Of another data set the same name is another picture.
    named = find_overlap(items, write_lines(tmp_path, NOBODY | {"media": media}), opened)
    assert named.is_zero_shot is True
    # And no list of names alone, however different, makes a model zero-shot.
    apart = find_overlap(items, write_lines(tmp_path, {"media": "quite/different.png"}), opened)
    assert apart.is_zero_shot is None


def test_plain_numbers_name_different_people_in_different_sets(test_set, tmp_path):
    _, opened = test_set
    items = [Item("i", "images/0.png", "?", "yes_no", True, "g", subject="17", source=SET)]
    other = write_lines(tmp_path, NOBODY | {"split_key": "17"})
    assert find_overlap(items, other, opened).is_zero_shot is True
    same = write_lines(tmp_path, NOBODY | {"split_key": "17", "source": SET})
    assert find_overlap(items, same, opened).is_zero_shot is False


def test_media_that_do_not_open_and_nameless_people_are_gaps(test_set, tmp_path):
    items, opened = test_set

    def fail(media: str) -> Visual:
        if media.endswith("0.png"):
            raise BadMedia(f"{media}: gone")
        return opened(media)

    found = find_overlap(items, write_lines(tmp_path, NOBODY), fail)
    assert found.is_zero_shot is None
    assert "1 test media whose pixels were not compared" in found.gaps
    for subject in ("", "images/0.png", "0"):  # the media itself says nothing of the person
        nameless = [Item("i", "images/0.png", "?", "yes_no", True, "g", "", subject, source=SET)]
        found = find_overlap(nameless, write_lines(tmp_path, NOBODY), opened)
        assert found.gaps == ("1 test items without a subject",)


@pytest.mark.parametrize(
    ("subject", "media"),
    [
        ("ffhq-00010", "images/00010.jpg"),
        ("ffhq-adult-00010", "images/00010.jpg"),
        ("fairface-train_00001", "images-8.zip/train_00001.jpg"),
        ("floodnet/6651.JPG", "Images/Train_Image/6651.JPG"),
        ("rsicd/airport_1.jpg", "RSICD_images/airport_1.jpg"),
        ("ferv39k-Action/Happy/0267", "2_ClipsforFaceCrop/Action/Happy/0267"),
        ("dfew/01234", "Clip/clip_224x224/01234"),
        ("mafw:00012", "data/clips/00012.mp4"),
        ("vrsbench/P0003", "Images_val/P0003_0002.png"),
        ("images/00010.jpg", "images/00010.jpg"),
        ("00010", "other/00010.jpg"),
    ],
)
def test_a_file_name_with_its_sets_name_before_it_is_nobody(subject, media, tmp_path):
    assert names_own_file(subject, media)
    item = Item("i", media, "?", "yes_no", True, "g", subject=subject)
    frames = np.zeros((1, 8, 8, 3), np.uint8)
    manifest = write_lines(tmp_path, NOBODY)
    found = find_overlap([item], manifest, lambda _: Visual(frames))
    assert found.is_zero_shot is None
    assert found.gaps == ("1 test items without a subject",)


@pytest.mark.parametrize(
    ("subject", "media"),
    [
        ("M2Ohb0FAaJU", "35666/M2Ohb0FAaJU_1.mp4"),  # a video of which this is one clip
        ("london_003", "images/neutral_front_003_03.jpg"),
        ("lfw-12", "lfw_expressions_112.npz/112"),
        ("ytf-0a1b2c", "frames/3.jpg"),
        ("rendered-600000", "face-600000"),  # a seed draws nobody twice
        ("700001/smile", "face-700001/smile/after"),
    ],
)
def test_people_videos_and_seeds_are_subjects(subject, media):
    assert not names_own_file(subject, media)


def test_items_that_name_no_set_are_of_the_tasks(test_set, tmp_path):
    _, opened = test_set
    items = [Item("i", "images/0.png", "?", "yes_no", True, "g", subject="p")]
    manifest = write_lines(tmp_path, NOBODY | {"source": "dfew", "media": "0.png"})
    assert find_overlap(items, manifest, opened, source="dfew").is_zero_shot is False
    assert find_overlap(items, manifest, opened, source="mafw").is_zero_shot is True


def test_a_built_data_set_is_a_manifest_and_its_pictures_are_hashed_where_they_lie(
    test_set, tmp_path
):
    items, opened = test_set
    turns = (Turn("user", "Is she smiling?"), Turn("assistant", "Yes, she is smiling."))
    origin = {"source": "mine", "split": "train", "split_key": "mine-7"}
    store = tmp_path / "store"
    write_records(store, [Record("yes_no", 1, "faces/7.png", turns, provenance=origin)])
    found = find_overlap(items, store, opened)
    assert found.is_zero_shot is None  # its pictures lie nowhere near
    path = store / "media" / "faces" / "7.png"
    path.parent.mkdir(parents=True)
    Image.fromarray(np.full((32, 32, 3), 7, np.uint8)).save(path)
    assert find_overlap(items, store, opened).is_zero_shot is True
    Image.fromarray(opened("images/0.png").frames[0]).save(path)
    found = find_overlap(items, store, opened)
    assert found.is_zero_shot is False
    assert found.pictures == ("images/0.png",)


@pytest.mark.parametrize(
    ("content", "says"),
    [("", "tells nothing"), ("{}\n", "tells nothing"), ("[1]\n", "line 1"), ("{}\n{", "line 2")],
)
def test_a_manifest_that_tells_nothing_or_is_torn_is_refused(content, says, test_set, tmp_path):
    items, opened = test_set
    path = tmp_path / "m.jsonl"
    path.write_text(content)
    with pytest.raises(BadInput, match=says):
        find_overlap(items, path, opened)
    with pytest.raises(BadInput, match="cannot be read"):
        find_overlap(items, tmp_path / "none.jsonl", opened)
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadInput, match="no built data set"):
        find_overlap(items, tmp_path / "folder", opened)
