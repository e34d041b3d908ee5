"""Aerial sources: every layout and quirk on small fixtures, and the real files where they are."""

import json
import struct
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.annotation import Annotation
from lineament.errors import BadInput, BadMedia
from lineament.records.record import Record
from lineament.records.sources.scenes import floodnet, referring, rsivqa
from lineament.records.sources.scenes.adapt import (
    MAX_PACKED,
    adapt_annotation,
    flaws_of,
    labels_from_record,
    wordings_of,
)
from lineament.records.sources.scenes.boxes import read_boxes, write_box
from lineament.records.sources.scenes.captions import Captions
from lineament.records.sources.scenes.geotiff import read_scale, scale_from_tags
from lineament.records.sources.scenes.label import TASKS, labels_of
from lineament.records.sources.scenes.objects import smallest_rectangle
from lineament.records.sources.scenes.rasters import read_raster
from lineament.records.sources.scenes.rsvqa import bucket_answer
from lineament.records.sources.source import Dropped
from lineament.records.sources.table import SOURCES

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "rs"


def read(name, folder, split=None):
    source = SOURCES[name]
    rows = list(source.read(folder, split or source.splits[0]))
    kept = [row for row in rows if isinstance(row, Annotation)]
    return kept, Counter(row.reason for row in rows if isinstance(row, Dropped))


def turns(name, folder, split=None):
    source = SOURCES[name]
    rows = source.read_turns(folder, split or source.splits[0])
    return [row for row in rows if isinstance(row, Record)]


def num_pairs(records):
    return sum(len(record.turns) // 2 for record in records)


def assert_exact(annotations):
    """Labels become turns and come back the same, each once."""
    said = Counter(label for a in annotations for label in labels_of(a))
    read_back = Counter(
        label for a in annotations for r in adapt_annotation(a) for label in labels_from_record(r)
    )
    assert said == read_back
    assert said


def write_json(path, table):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(table))


# --- adaption


def test_every_task_has_at_least_eight_wordings():
    for task in TASKS:
        assert len(set(wordings_of(task))) >= 8


def test_box_text_stays_within_half_a_pixel_at_800():
    rng = np.random.default_rng(0)
    for _ in range(300):
        x, y = np.sort(rng.uniform(0, 800, (2, 2)), axis=1)
        box = (x[0], y[0], x[1], y[1])
        (back,) = read_boxes(write_box(box, (800.0, 800.0)), "1", (800.0, 800.0))
        assert max(abs(a - b) for a, b in zip(box, back, strict=True)) <= 0.4 + 1e-9


def test_boxes_of_every_scale_are_read_and_none_is_guessed():
    size = (200.0, 100.0)
    for text, scale in (
        ("[0.5, 0.5, 1, 1]", "1"), ("<box>[[50, 50, 100, 100, 30]]</box>", "100"),
        ("[500,500,1000,1000]", "1000"), ("[100, 50, 200, 100]", "pixels"),
    ):  # fmt: skip
        assert read_boxes(text, scale, size) == [(100.0, 50.0, 200.0, 100.0)]
    with pytest.raises(BadInput, match="scale"):
        read_boxes("[1, 2, 3, 4]", "guess", size)


# --- captions


def write_precomputed(folder, part, names, captions):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{part}_filename.txt").write_text("\n".join(names) + "\n")
    (folder / f"{part}_caps.txt").write_text("\n".join(captions) + "\n")


def test_repeated_captions_are_dropped_by_raw_text_and_a_blank_one_counts_once(tmp_path):
    captions = ["A bridge .", "a bridge .", "A bridge .", "", ""]
    write_precomputed(tmp_path, "train", ["bridge_1.jpg"], captions)
    (only,), dropped = read("rsitmd", tmp_path)
    assert [label.answer for label in labels_of(only)] == ["A bridge .", "a bridge .", ""]
    assert dropped == {"duplicate row": 2}
    assert only.facts_named("scene_class")[0].value == "bridge"
    records = turns("rsitmd", tmp_path)
    assert [flaws_of(record) for record in records] == [(), (), ("blank caption",)]
    assert_exact([only])


def test_test_files_repeat_the_name_and_missing_captions_are_counted(tmp_path):
    write_precomputed(tmp_path, "test", ["1.tif"] * 5, ["a", "b", "c", "d", "e"])
    (only,), _ = read("ucm-captions", tmp_path, "test")
    assert len(labels_of(only)) == 5
    assert only.facts_named("scene_class")[0].value == "farmland"
    write_precomputed(tmp_path, "train", ["1.tif", "2.tif"], ["a", "b", "c", "d", "e", "f"])
    kept, dropped = read("ucm-captions", tmp_path)
    assert (len(kept), dropped["no label"]) == (1, 1)


def test_train_text_goes_on_with_the_validation_part(tmp_path):
    names = [f"pond_{i}.jpg" for i in range(9)]
    write_precomputed(tmp_path, "train", names, [f"c{i}" for i in range(5 * 9)])
    small = Captions("rsicd", "rsicd", 6, 3, 2)
    train, val = (
        [a for a in small.read(tmp_path, split) if isinstance(a, Annotation)]
        for split in ("train", "val")
    )
    assert (len(train), len(val)) == (6, 3)
    assert not {a.split_key for a in train} & {a.split_key for a in val}


def karpathy(sizes, **row):
    images = []
    for part, size in sizes.items():
        for _ in range(size):
            name = f"{len(images)}.jpg"
            images.append({"filename": name, "split": part, "sentences": [{"raw": name}], **row})
    return {"images": images}


def test_a_file_with_exchanged_val_and_test_is_refused(tmp_path):
    write_json(tmp_path / "dataset_rsicd.json", karpathy({"train": 3, "val": 1093, "test": 1094}))
    assert len(read("rsicd", tmp_path, "train")[0]) == 3
    with pytest.raises(BadInput, match="exchanged"):
        read("rsicd", tmp_path, "test")
    write_json(tmp_path / "dataset_rsicd.json", karpathy({"train": 3, "val": 1094, "test": 1093}))
    assert len(read("rsicd", tmp_path, "test")[0]) == 1093


def test_karpathy_rows_without_text_are_counted_and_class_files_give_classes(tmp_path):
    table = {"images": [
        {"filename": "a.tif", "split": "train", "sentences": [{"raw": "A lake ."}, {"tokens": []}]},
        {"filename": "b.tif", "split": "train", "sentences": []}, {"split": "train"}, 7,
        {"filename": "c.tif", "split": "train", "label": "StorageTanks"},
    ]}  # fmt: skip
    write_json(tmp_path / "dataset_sydney_modified.json", table)
    kept, dropped = read("sydney-captions", tmp_path)
    assert [a.media for a in kept] == ["a.tif", "c.tif"]
    assert dropped == {"unreadable row": 3, "no label": 1}
    assert turns("sydney-captions", tmp_path)[-1].turns[1].text == "storage tanks"
    assert_exact(kept)


def test_coco_captions_have_splits_of_their_own(tmp_path):
    table = {
        "images": [{"id": 4, "file_name": "pond_1.jpg"}, {"id": 5, "file_name": "pond_2.jpg"}, {}],
        "annotations": [
            {"image_id": 4, "caption": "x"}, {"image_id": 9, "caption": "y"}, {"image_id": 5},
        ],
    }  # fmt: skip
    write_json(tmp_path / "captions_test2017.json", table)
    kept, dropped = read("rsicd", tmp_path, "coco-test")
    assert [a.media for a in kept] == ["pond_1.jpg"]
    assert dropped == {"unreadable row": 2, "no label": 2}
    with pytest.raises(BadInput) as caught:
        read("rsicd", tmp_path, "test")
    assert "coco-test" in caught.value.hint


def test_nwpu_captions_are_read_by_class_and_from_reference_files(tmp_path):
    row = {"filename": "lake_001.jpg", "split": "train", "raw": "a", "raw_1": "b", "raw_2": "a"}
    write_json(tmp_path / "dataset_nwpu.json", {"lake": [row, {"filename": 3}]})
    (only,), dropped = read("nwpu-captions", tmp_path)
    assert (only.media, len(labels_of(only))) == ("lake/lake_001.jpg", 2)
    assert only.facts_named("scene_class")[0].value == "lake"
    assert dropped == {"duplicate row": 1, "unreadable row": 1}
    (tmp_path / "dataset_nwpu.json").unlink()
    for number in range(5):
        (tmp_path / f"test_references_{number}.txt").write_text(f"one {number}\ntwo {number}\n")
    kept, _ = read("nwpu-captions", tmp_path, "test")
    assert [len(labels_of(a)) for a in kept] == [5, 5]


# --- questions


def rsvqa_trio(folder, stem=""):
    images = [
        {"id": 0, "original_name": "419.png", "res_x": "10m", "active": True},
        {"id": 1, "active": False}, {"id": 2, "res_x": "10m", "active": True}, "broken",
    ]  # fmt: skip
    questions = [
        {"id": 5, "img_id": 0, "type": "rural_urban", "question": "Is it a rural or an urban area",
         "answers_ids": [7], "active": True},
        {"id": 6, "img_id": 0, "type": "count", "question": "What is the amount of  roads?",
         "answers_ids": [8], "active": True},
        {"id": 7, "img_id": 0, "type": "presence", "question": "Is a water area present?",
         "answers_ids": [9], "active": True},
        {"id": 8, "img_id": 0, "type": "comp", "question": "Lost?", "answers_ids": [99],
         "active": True},
        {"id": 9, "img_id": 1, "type": "comp", "question": "Other split?", "answers_ids": [7],
         "active": True},
    ]  # fmt: skip
    answers = [
        {"id": 7, "answer": "rural", "active": True}, {"id": 8, "answer": "3", "active": True},
        {"id": 9, "answer": "no", "active": True}, {"id": 10, "active": True},
    ]  # fmt: skip
    for name, rows in (("images", images), ("questions", questions), ("answers", answers)):
        write_json(folder / f"{stem}{name}.json", {name: rows})


def test_rsvqa_joins_its_three_files_and_skips_other_splits(tmp_path):
    rsvqa_trio(tmp_path, "LR_split_train_")
    (only,), dropped = read("rsvqa-lr", tmp_path)
    assert [label.answer for label in labels_of(only)] == ["rural", "3", "no"]
    facts = {fact.name: fact.value for fact in only.facts}
    assert facts == {
        "width_px": 256, "height_px": 256, "meters_per_pixel": 10, "urban": False, "water": False,
    }  # fmt: skip
    assert dropped == {"no answer": 2, "unreadable row": 1, "no label": 2}
    assert_exact([only])
    assert "  " not in turns("rsvqa-lr", tmp_path)[0].turns[2].text


def test_rsvqa_numbers_fall_into_the_published_classes():
    assert bucket_answer("count", "10") == "between 0 and 10"
    assert bucket_answer("count", "11") == "between 10 and 100"
    assert bucket_answer("count", "0") == "0"
    assert bucket_answer("count", "7", has_count_buckets=False) == "7"
    assert bucket_answer("area", "407m2") == "between 100m2 and 1000m2"
    assert bucket_answer("area", "1001m2") == "more than 1000m2"
    assert bucket_answer("presence", "yes") == "yes"


def test_many_questions_are_packed_and_none_stands_twice_in_a_record(tmp_path):
    lines = [f"00001: how many things of kind {i} are there?{i}" for i in range(20)]
    (tmp_path / "HRRSD").mkdir()
    (tmp_path / "HRRSD" / "opt_val_vqa.txt").write_text("\n".join([*lines, lines[3]]) + "\n")
    (tmp_path / "hrrsd_train_ids.txt").write_text("00001\n")
    records = turns("rsivqa", tmp_path)
    assert num_pairs(records) == 21
    assert max(len(record.turns) // 2 for record in records) == MAX_PACKED
    for record in records:
        asked = [turn.text.split("\n")[0] for turn in record.turns[::2]]
        assert len(set(asked)) == len(asked)
    assert records == turns("rsivqa", tmp_path)


@pytest.mark.parametrize(
    ("line", "image", "question", "answer"),
    [
        ("00001: does this picture contain ship?no", "00001",
         "does this picture contain ship?", "no"),
        ("1.tif:Is it 5:30? or not?i cannot see it", "1.tif", "Is it 5:30? or not?",
         "i cannot see it"),
        ("10.tif:How many  in the picture?zero", "10.tif", "How many  in the picture?", "zero"),
    ],
)  # fmt: skip
def test_rsivqa_lines_are_read_and_written_back_exactly(line, image, question, answer):
    found = rsivqa.read_row(line + "\n", "x")
    assert isinstance(found, tuple)
    assert (found[0], found[1].question, found[1].answer) == (image, question, answer)
    assert rsivqa.write_row(*found) == line
    assert bool(found[1].flaw) == ("  " in line)


def test_rsivqa_lines_that_are_none_are_counted(tmp_path):
    (tmp_path / "UCM").mkdir()
    text = (
        "1.tif:what is the theme of this picture?forest\nno colon\n\n2.tif:what?\n3.tif:no mark\n"
    )
    (tmp_path / "UCM" / "ucm_vqa.txt").write_text(text)
    kept, dropped = read("rsivqa", tmp_path, "ucm")
    assert kept[0].facts_named("scene_class")[0].value == "forest"
    assert dropped == {"unreadable row": 2, "no answer": 1}
    with pytest.raises(BadInput, match="train pictures"):
        read("rsivqa", tmp_path)


def test_floodnet_is_read_as_it_is_unpacked(tmp_path):
    row = {"Image_ID": "1.JPG", "Question": "How many?", "Ground_Truth": 4,
           "Question_Type": "Simple_Counting"}  # fmt: skip
    (tmp_path / "Questions").mkdir()
    write_json(tmp_path / "Questions" / "Training Question.json", {"0": row})
    place = tmp_path / "Images" / "Train_Image"
    place.mkdir(parents=True)
    (place / "1.JPG").write_bytes(b"a picture")
    (only,), _ = read("floodnet", tmp_path)
    assert only.media == "Images/Train_Image/1.JPG"


def test_floodnet_answers_are_numbers_or_text_and_come_back_so(tmp_path):
    rows = {
        "0": {"Image_ID": "1.JPG", "Question": "How many?", "Ground_Truth": 4,
              "Question_Type": "Simple_Counting"},
        "1": {"Image_ID": "1.JPG", "Question": "Condition?", "Ground_Truth": "flooded,non flooded",
              "Question_Type": "Condition_Recognition"},
        "2": {"Image_ID": "2.JPG", "Question": "Left?"}, "3": [], "4": {"Ground_Truth": "Yes"},
    }  # fmt: skip
    write_json(tmp_path / "training_question.json", rows)
    (only,), dropped = read("floodnet", tmp_path)
    assert dropped == {"no answer": 1, "unreadable row": 2}
    (record,) = turns("floodnet", tmp_path)
    back = [floodnet.write_row("1.JPG", label) for label in labels_from_record(record)]
    assert sorted(back, key=str) == sorted([rows["0"], rows["1"]], key=str)
    assert only.split_key == "floodnet/1.JPG"


# --- boxes and phrases

VOC = """<annotation><filename>{name}</filename><size><width>800</width><height>600</height></size>
{objects}</annotation>"""
VOC_OBJECT = """<object><name>{name}</name><bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax>
<ymax>{3}</ymax></bndbox><description>{phrase}</description></object>"""


def voc(name, *objects):
    text = "".join(VOC_OBJECT.format(*box, name=kind, phrase=said) for kind, box, said in objects)
    return VOC.format(name=name, objects=text)


def test_dior_rsvg_gives_boxes_one_way_and_phrases_the_other(tmp_path):
    file = voc("00001.jpg", ("ship", (10, 20, 110, 220), "A white ship."),
               ("dam", (30, 20, 10, 220), "bad"), ("dam", (1, 2, 3, 4), ""))  # fmt: skip
    (tmp_path / "00001.xml").write_text(file)
    (tmp_path / "20000.xml").write_text(voc("20000.jpg", ("dam", (0, 0, 9, 9), "the dam")))
    (tmp_path / "00003.xml").write_text("<annotation>")
    (only,), dropped = read("dior-rsvg", tmp_path)
    assert dropped == {"bad box": 1, "no label": 1, "unreadable row": 1}
    (label,) = labels_of(only)
    assert (label.question, label.box_px) == ("A white ship.", (10, 20, 110, 220))
    (record,) = turns("dior-rsvg", tmp_path)
    assert record.turns[1].text == "[0.013, 0.033, 0.138, 0.367]"
    assert "{" not in record.turns[0].text
    regions, _ = read("dior-rsvg-regions", tmp_path, "test")
    assert labels_of(regions[0])[0].answer == "the dam"
    assert_exact([only, *regions])
    assert only.facts_named("listed_class") == ()


def test_official_phrase_numbers_count_all_objects_from_nought(tmp_path):
    one = voc("00001.jpg", ("ship", (1, 1, 9, 9), "a"), ("ship", (2, 2, 9, 9), "b"))
    (tmp_path / "00001.xml").write_text(one)
    (tmp_path / "00002.xml").write_text(voc("00002.jpg", ("ship", (3, 3, 9, 9), "c")))
    (tmp_path / "split_train.txt").write_text("1\n2\n")
    kept, _ = read("dior-rsvg", tmp_path, "official-train")
    assert [label.question for a in kept for label in labels_of(a)] == ["b", "c"]


def test_a_decimal_comma_is_caught_by_the_order_of_the_corners():
    good = "a_b.jpg,409.0,450.0,447.0,467.0,find a pool, left of a road\n"
    found = referring.read_row(good, "x")
    assert isinstance(found, tuple)
    assert found[1].question == "find a pool, left of a road"
    assert referring.write_row(*found) + "\n" == good
    bad = referring.read_row("c.jpg,170.0,774.0,216,00,803.21,find a pool\n", "x")
    assert isinstance(bad, Dropped)
    assert bad.reason == "bad box"


def test_dota_rotated_boxes_keep_class_length_and_direction(tmp_path):
    (tmp_path / "labelTxt").mkdir()
    (tmp_path / "images").mkdir()
    Image.new("RGB", (400, 200)).save(tmp_path / "images" / "P1.png")
    rows = (
        "imagesource:GoogleEarth", "gsd:0.5", "100 50 200 150 190 160 90 60 ship 0",
        "1 2 3 4 ship 0", "0 0 10 10 0 10 10 0 plane 0", "1 1 9 1 9 9 1 9 spaceship 1",
    )  # fmt: skip
    (tmp_path / "labelTxt" / "P1.txt").write_text("\n".join(rows) + "\n")
    (tmp_path / "labelTxt" / "P2__1__0___0.txt").write_text("1 1 9 1 9 3 1 3 harbor 1\n")
    (one, tile), dropped = read("dota", tmp_path)
    assert dropped == {"unreadable row": 1, "bad box": 1, "unknown class": 1}
    facts = {f.name: f for f in one.facts_of("object 0")}
    assert facts["object_class"].region == (0.25, 0.25, 0.5, 0.75, 0.475, 0.8, 0.225, 0.3)
    assert facts["orientation_degrees"].value == 45.0
    assert facts["length_meters"].value == pytest.approx(70.7)
    listed = {f.value for f in one.facts_named("listed_class")}
    assert "ship" in listed
    assert "airplane" not in listed  # one of them was unreadable, so there may be more
    assert (tile.split_key, tile.facts_of("object 0")[0].region) == ("dota/P2", None)


def test_detection_sets_are_read_as_coco_voc_and_own_files(tmp_path):
    table = {
        "images": [{"id": 1, "file_name": "001.jpg", "width": 100, "height": 50}],
        "categories": [{"id": 3, "name": "storage tank"}],
        "annotations": [
            {"image_id": 1, "category_id": 3, "bbox": [10, 10, 20, 20]},
            {"image_id": 1, "category_id": 3, "bbox": [90, 10, 15, 20]},
            {"image_id": 1, "category_id": 3, "bbox": [200, 10, 15, 20]},
            {"image_id": 1, "category_id": 3, "bbox": [10, 10, -5, 20]},
            {"image_id": 1, "category_id": 8, "bbox": [1, 1, 2, 2]},
            {"image_id": 7, "category_id": 3, "bbox": [1, 1, 2, 2]}, {"bbox": None}, 4,
        ],
    }  # fmt: skip
    write_json(tmp_path / "hrrsd_val.json", table)
    (only,), dropped = read("hrrsd", tmp_path, "val")
    assert len(only.subjects) == 2
    assert dropped == {
        "box cut at the border": 1, "box outside the picture": 1, "bad box": 1,
        "unreadable row": 3, "no label": 1,
    }  # fmt: skip
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations" / "7.xml").write_text(voc("7", ("bridge", (1, 1, 90, 9), "")))
    (tmp_path / "train.txt").write_text("7\n8\n")
    (only,), dropped = read("hrrsd", tmp_path, "train")
    assert (only.media, dropped) == ("7.jpg", {"unreadable row": 1})
    own = tmp_path / "vhr" / "ground truth"
    own.mkdir(parents=True)
    (own / "001.txt").write_text("(563,478),(630,573),1\n\n(1,2),(3,4),12\n")
    (only,), dropped = read("nwpu-vhr10", tmp_path / "vhr")
    assert only.facts_of("object 0")[0].value == "airplane"
    assert dropped == {"unreadable row": 1}


def test_rotated_boxes_of_voc_files_keep_their_corners_and_their_direction(tmp_path):
    corners = {"left_top": (100, 50), "right_top": (200, 150), "right_bottom": (190, 160),
               "left_bottom": (90, 60)}  # fmt: skip
    box = "".join(
        f"<{axis}_{corner}>{value}</{axis}_{corner}>"
        for corner, point in corners.items()
        for axis, value in zip("xy", point, strict=True)
    )
    rows = "".join(
        f"<object><name>ship</name><robndbox>{text}</robndbox></object>"
        for text in (box, box.replace("<x_left_top>100</x_left_top>", ""))
    )
    folder = tmp_path / "Annotations" / "Oriented Bounding Boxes"
    folder.mkdir(parents=True)
    (folder / "1.xml").write_text(VOC.format(name="1.jpg", objects=rows))
    (only,), dropped = read("dior", tmp_path, "all")
    facts = {fact.name: fact for fact in only.facts_of("object 0")}
    xy = [c / s for point in corners.values() for c, s in zip(point, (800, 600), strict=True)]
    assert facts["object_class"].region == pytest.approx(xy)
    assert facts["orientation_degrees"].value == 45.0
    assert dropped == {"bad box": 1}
    assert "ship" not in {f.value for f in only.facts_named("listed_class")}


def test_the_part_of_a_box_file_is_a_word_of_its_name(tmp_path):
    def write(name, picture):
        image = {"id": 1, "file_name": picture, "width": 9, "height": 9}
        write_json(tmp_path / name, {"images": [image], "categories": [], "annotations": []})

    write("annotations/DIOR_trainval.json", "both.jpg")
    with pytest.raises(BadInput, match="no val part"):
        read("dior", tmp_path, "val")
    write("annotations/dior_val.json", "val.jpg")
    write("annotations/instances_train2017.json", "train.jpg")
    found = {part: read("dior", tmp_path, part)[0][0].media for part in ("train", "val")}
    assert found == {"train": "train.jpg", "val": "val.jpg"}
    assert read("dior", tmp_path, "trainval")[0][0].media == "both.jpg"


def test_counts_and_presence_of_a_detection_set_follow_from_its_boxes(tmp_path):
    (tmp_path / "Annotations").mkdir()
    file = voc("1", ("ship", (1, 1, 9, 9), ""), ("ship", (20, 1, 29, 9), ""))
    (tmp_path / "Annotations" / "1.xml").write_text(file)
    (only,), _ = read("dior", tmp_path, "all")
    said = {(label.task, label.row): label.answer for label in labels_of(only)}
    assert said[("count", "count ship")] == "2"
    assert said[("existence", "presence ship")] == "yes"
    assert "no" in said.values()
    assert_exact([only])


def test_the_smallest_rectangle_turns_with_its_points():
    for degrees in range(0, 180, 15):
        turn = np.deg2rad(degrees)
        corners = np.array([[-4, -1], [4, -1], [4, 1], [-4, 1]]) @ np.array(
            [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
        )
        length, width, found = smallest_rectangle(corners.ravel().tolist())
        assert (length, width) == pytest.approx((8, 2))
        assert min(abs(found - degrees), 180 - abs(found - degrees)) < 1e-6


# --- pictures


def test_scene_folders_know_their_classes_whatever_their_case(tmp_path):
    for scene in ("DenseResidential", "dense_residential", "unheardof"):
        (tmp_path / "AID" / scene).mkdir(parents=True)
        Image.new("RGB", (9, 8)).save(tmp_path / "AID" / scene / f"{scene}_1.png")
    kept, dropped = read("aid", tmp_path)
    assert [a.facts_named("scene_class")[0].value for a in kept] == ["dense_residential"] * 2
    assert dropped == {"unknown class": 1}
    assert {r.turns[1].text for r in turns("aid", tmp_path)} == {"dense residential"}
    parts = [read("aid", tmp_path, part)[0] for part in ("train", "val", "test")]
    assert sum(map(len, parts)) == 2
    assert_exact(kept)


def geo_tags(epsg, scale, tie=(0.0, 0.0, 0.0, 0.0, 0.0, 0.0), unit=9001, model=1):
    keys = (1, 1, 0, 3, 1024, 0, 1, model, 3072, 0, 1, epsg, 3076, 0, 1, unit)
    return {33550: (scale, scale, 0.0), 33922: tie, 34735: keys}


def test_metres_per_pixel_undo_mercator_feet_and_degrees():
    assert scale_from_tags(geo_tags(32632, 0.5)) == 0.5
    assert scale_from_tags(geo_tags(2263, 1.0, unit=9003)) == pytest.approx(0.3048006)
    north = 6_378_137 * np.log(np.tan(np.pi / 4 + np.deg2rad(60) / 2))
    tags = geo_tags(3857, 20.0, (0.0, 0.0, 0.0, 1.0, north, 0.0))
    assert scale_from_tags(tags) == pytest.approx(10.0)
    tags = geo_tags(32767, 1e-4, (0.0, 0.0, 0.0, 8.0, 60.0, 0.0), model=2)
    assert scale_from_tags(tags) == pytest.approx(11.132 * np.sqrt(0.5))
    assert scale_from_tags({}) is None
    matrix = {34264: (0.0, -0.3, 0.0, 5.0, 0.3, 0.0, 0.0, 6.0), 34735: geo_tags(32632, 1.0)[34735]}
    assert scale_from_tags(matrix) == pytest.approx(0.3)


def test_sixteen_bit_geotiff_of_many_bands_is_stretched_and_scaled(tmp_path):
    tifffile = pytest.importorskip("tifffile")
    values = np.zeros((40, 30, 13), np.uint16)
    values[..., 3] = np.linspace(200, 3000, 30)
    values[..., 1] = 700
    path = tmp_path / "s2.tif"
    tags = geo_tags(32632, 10.0)
    keys = tags[34735]
    extra = [
        (33550, "d", 3, tags[33550], True), (33922, "d", 6, tags[33922], True),
        (34735, "H", len(keys), keys, True),
    ]  # fmt: skip
    for planar in ("contig", "separate"):
        laid = values if planar == "contig" else np.moveaxis(values, -1, 0)
        tifffile.imwrite(path, laid, planarconfig=planar, photometric="minisblack", extratags=extra)
        raster = read_raster(path, (3, 1, 0))
        assert raster.pixels.shape == (40, 30, 3)
        assert (raster.meters_per_pixel, raster.num_bands, raster.depth_bits) == (10.0, 13, 16)
        assert read_scale(path) == 10.0
        assert raster.pixels[0, 0, 0] == 0
        assert raster.pixels[0, -1, 0] == 255
        assert np.all(np.diff(raster.pixels[0, :, 0].astype(int)) >= 0)
    with pytest.raises(BadMedia, match="no band 13"):
        read_raster(path, (0, 1, 13))


def test_damaged_tiffs_are_one_clear_error(tmp_path):
    pytest.importorskip("tifffile")
    path = tmp_path / "a.tif"
    Image.fromarray(np.zeros((50, 50, 3), np.uint8)).save(path)
    whole = path.read_bytes()
    for data in (b"", b"II*\x00", whole[: len(whole) // 2], struct.pack("<2sHI", b"II", 42, 9999)):
        path.write_bytes(data)
        with pytest.raises(BadMedia, match=r"a\.tif"):
            read_raster(path)
    Image.new("L", (7, 5), 9).save(tmp_path / "g.tif", compression="tiff_lzw")
    assert read_raster(tmp_path / "g.tif").pixels.shape == (5, 7, 3)
    Image.new("RGB", (40, 30)).save(tmp_path / "p.png")
    assert read_raster(tmp_path / "p.png", (2, 1, 0)).meters_per_pixel is None


# --- the real ones


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "folder", "pictures", "pairs"),
    [
        ("rsitmd", "captions_precomp/rsitmd", 4291, 20_096),
        ("ucm-captions", "captions_precomp/ucm", 1680, 7999),
        ("sydney-captions", "captions_precomp/sydney", 497, 2294),
        ("floodnet", "floodnet_vqa", 1448, 4511),
    ],
)
def test_the_published_counts_come_from_the_real_files(name, folder, pictures, pairs):
    if not (REAL / folder).is_dir():
        pytest.skip(f"{REAL / folder} is not there")
    kept, _ = read(name, REAL / folder, "train")
    assert len(kept) == pictures
    assert sum(len(labels_of(a)) for a in kept) == pairs
    assert_exact(kept[:200])


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "folder", "split", "pictures", "dropped"),
    [
        ("rsvg-hr", "rsvg_hr", "train", 1380, {"bad box": 2, "box cut at the border": 4}),
        ("dota", "dota_sample", "all", 8, {"bad box": 1}),
        # 4,352 and 100 in COCO files, and 40 in VOC files, 9 of which the first file has, too.
        ("hrrsd", "hrrsd", "all", 4483, {"duplicate row": 9, "box cut at the border": 6}),
        ("dior-rsvg", "dior_rsvg_sample", "train", 1, {}),
        ("rsvqa-lr", "rsvqa_splits", "test", 4, {}),
        ("rsvqa-hr", "rsvqa_splits", "test-phili", 2, {}),
        ("floodnet", "floodnet_vqa", "val", 0, {"no answer": 1415}),
    ],
)
def test_faults_in_the_real_files_are_counted_by_name(name, folder, split, pictures, dropped):
    if not (REAL / folder).is_dir():
        pytest.skip(f"{REAL / folder} is not there")
    kept, found = read(name, REAL / folder, split)
    assert (len(kept), found) == (pictures, dropped)


@pytest.mark.shared
def test_a_real_sentinel_tile_has_ten_metres_to_a_pixel():
    folder = REAL / "rsvqa_splits" / "RSVQA-LR" / "Images_LR"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    for path in sorted(folder.glob("*.tif")):
        scale = read_scale(path)
        assert scale is not None
        assert abs(scale - 10) < 0.15
