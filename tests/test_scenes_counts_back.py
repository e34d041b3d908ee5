"""From the sources to records and back: every real row comes back as its file has it."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.record import Turn, record_from_dict
from lineament.records.sources.scenes import captions, floodnet, referring, rsivqa, rsvqa
from lineament.records.sources.scenes.adapt import adapt_annotation, labels_from_record
from lineament.records.sources.scenes.boxes import read_boxes
from lineament.records.sources.scenes.label import Label, label_extra, labels_of, picture_facts
from lineament.records.sources.scenes.scene_folders import write_row as write_folder
from lineament.records.sources.table import SOURCES

pytestmark = pytest.mark.long  # every line of every real file
REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "rs"


def real(path):
    """Return a real file or folder; skip the test where it is not there."""
    if not (REAL / path).exists():
        pytest.skip(f"{REAL / path} is not there")
    return REAL / path


def annotations(name, folder, split):
    rows = SOURCES[name].read(real(folder), split)
    return (row for row in rows if isinstance(row, Annotation))


def read_back(name, folder, split):
    """Yield each picture's media, its records as a file brings them, and the labels of those."""
    for annotation in annotations(name, folder, split):
        records = [
            record_from_dict(json.loads(json.dumps(record.to_dict())))
            for record in adapt_annotation(annotation, {"source": name, "split": split})
        ]
        yield annotation.media, records, [x for r in records for x in labels_from_record(r)]


def write_back(name, folder, split):
    """Yield the rows of a caption set or of RSIVQA, each with its name or number."""
    for media, _, labels in read_back(name, folder, split):
        if name == "rsivqa":
            image = Path(media).stem if rsivqa.PARTS[split].suffix else media
            for label in labels:
                yield int(label.row.rpartition(" ")[2]), rsivqa.write_row(image, label)
        else:
            row = captions.write_row(labels)
            yield row.name, list(row.captions)


def write_back_apart(name, folder, split):
    """Return what `write_back` yields, from a process without checks of shapes at run time.

    They cost minutes for a hundred thousand rows, and the smaller sets have them.
    """
    real(folder)
    done = subprocess.run(
        [sys.executable, __file__, name, folder, split], check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout))


def lines_of(path):
    return real(path).read_text(encoding="utf-8").splitlines()


def json_of(path):
    return json.loads(real(path).read_text(encoding="utf-8"))


def split_line(line):
    image, *corners, phrase = line.split(",", 5)
    return image, [float(corner) for corner in corners], phrase


# --- the real rows


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "folder", "part", "splits"),
    [
        ("rsicd", "captions_precomp/rsicd", "train", ("train", "val")),
        ("rsicd", "captions_precomp/rsicd", "test", ("test",)),
        ("rsitmd", "captions_precomp/rsitmd", "train", ("train",)),
        ("ucm-captions", "captions_precomp/ucm", "train", ("train",)),
        ("ucm-captions", "captions_precomp/ucm", "test", ("test",)),
        ("sydney-captions", "captions_precomp/sydney", "train", ("train",)),
    ],
)
def test_all_captions_come_back_with_their_repetitions(name, folder, part, splits):
    back = {}
    for split in splits:
        back |= write_back_apart(name, folder, split)
    names = lines_of(f"{folder}/{part}_filename.txt")
    texts = lines_of(f"{folder}/{part}_caps.txt")
    names = [name for name in names for _ in range(len(texts) // len(names))]
    expected = {}
    for at, text in zip(names, texts, strict=True):
        expected.setdefault(at, []).append(text)
    assert back == expected


@pytest.mark.shared
def test_captions_of_json_files_come_back_and_so_do_classes():
    table = json_of("rsicd_coco/captions_test2017.json")
    names = {row["id"]: row["file_name"] for row in table["images"]}
    expected = {name: [] for name in names.values()}
    for row in table["annotations"]:
        expected[names[row["image_id"]]].append(row["caption"])
    rows = [captions.write_row(x) for _, _, x in read_back("rsicd", "rsicd_coco", "coco-test")]
    assert {row.name: list(row.captions) for row in rows} == expected
    table = json_of("caption_images/sydney/dataset_sydney_modified.json")
    expected = {
        row["filename"]: [sentence["raw"] for sentence in row["sentences"]]
        for row in table["images"] if row["split"] == "val"
    }  # fmt: skip
    found = read_back("sydney-captions", "caption_images/sydney", "val")
    rows = [captions.write_row(labels) for _, _, labels in found]
    assert {row.name: list(row.captions) for row in rows} == expected
    table = json_of("caption_images/rsicd/classification_dataset_rsicd.json")
    expected = {row["filename"]: row["label"] for row in table["images"] if row["split"] == "train"}
    found = read_back("rsicd", "caption_images/rsicd", "train")
    assert {r.name: r.scene for r in (captions.write_row(x) for _, _, x in found)} == expected


@pytest.mark.shared
def test_all_questions_of_floodnet_come_back():
    table = json_of("floodnet_vqa/training_question.json")
    back = {
        label.row: floodnet.write_row(media, label)
        for media, _, labels in read_back("floodnet", "floodnet_vqa", "train")
        for label in labels
    }
    assert back == table
    assert [type(back[k]["Ground_Truth"]) for k in table] == [
        type(row["Ground_Truth"]) for row in table.values()
    ]


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("split", [part for part in rsivqa.PARTS if part != "hrrsd"] + ["hrrsd"])
def test_all_lines_of_rsivqa_come_back(split):
    expected = dict(enumerate(lines_of(f"rsivqa/{rsivqa.PARTS[split].path}"), start=1))
    assert write_back_apart("rsivqa", "rsivqa", split) == expected


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "folder", "split", "stem"),
    [
        ("rsvqa-lr", "rsvqa_website/lr", "all", ""),
        ("rsvqa-hr", "rsvqa_website/hr", "all", ""),
        ("rsvqa-lr", "rsvqa_splits/RSVQA-LR", "val", "LR_split_val_"),
        ("rsvqa-hr", "rsvqa_splits/RSVQA-HR", "test-phili", "USGS_split_test_phili_"),
    ],
)
def test_all_questions_of_rsvqa_come_back_with_their_answers(name, folder, split, stem):
    back = [
        rsvqa.write_row(Path(media).stem, label)
        for media, _, labels in read_back(name, folder, split)
        for label in labels
    ]
    tables = {
        part: json_of(f"{folder}/{stem}{part}.json")[part] for part in ("questions", "answers")
    }
    said = {row["id"]: row["answer"] for row in tables["answers"] if row["active"]}
    keys = ("id", "img_id", "type", "question")
    expected = [
        {key: row[key] for key in keys} | {"answer": said[row["answers_ids"][0]]}
        for row in tables["questions"] if row["active"]
    ]  # fmt: skip
    assert sorted(back, key=lambda row: row["id"]) == sorted(expected, key=lambda row: row["id"])


@pytest.mark.shared
@pytest.mark.parametrize("split", ["train", "test"])
def test_all_phrases_and_boxes_of_rsvg_hr_come_back_and_the_text_holds_the_box(split):
    path = f"rsvg_hr/rsvg_hr_{split}.txt"
    back = {}
    furthest = 0.0
    for media, records, labels in read_back("rsvg-hr", "rsvg_hr", split):
        for record, label in zip(records, labels, strict=True):
            back[int(label.row.rpartition(" ")[2])] = referring.write_row(media, label)
            (told,) = read_boxes(record.turns[1].text, "1", (1024.0, 1024.0))
            furthest = max(furthest, *(abs(a - b) for a, b in zip(told, label.box_px, strict=True)))
    # Half of a thousandth of 1024 px; at 1000 px and below that is half a pixel.
    assert furthest <= 0.512 + 1e-6
    # Some lines say 536.00 for 536.0: numbers come back by value, all else letter by letter.
    whole = {n: split_line(x) for n, x in enumerate(lines_of(path), start=1) if n in back}
    assert {number: split_line(line) for number, line in back.items()} == whole
    assert len(lines_of(path)) - len(back) == (2 if split == "train" else 0)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["dior-rsvg", "dior-rsvg-regions"])
def test_the_real_file_of_dior_rsvg_comes_back(name):
    ((_, records, labels),) = read_back(name, "dior_rsvg_sample", "train")
    file = ElementTree.parse(real("dior_rsvg_sample/00001.xml"))
    (given,) = file.getroot().findall("object")
    back = ElementTree.fromstring(referring.write_object(labels[0]))
    for key in ("name", "description", *(f"bndbox/{k}" for k in ("xmin", "ymin", "xmax", "ymax"))):
        assert back.findtext(key) == given.findtext(key)
    text = records[0].turns[0 if name.endswith("regions") else 1].text
    (told,) = read_boxes(text, "1", (800.0, 800.0))
    box = [float(element.text or "") for element in given.find("bndbox") or ()]
    assert [round(x) for x in told] == box
    assert max(abs(a - b) for a, b in zip(told, box, strict=True)) <= 0.5


# --- what a text must not get away with


def scene(*labels):
    facts = tuple(picture_facts((800.0, 600.0)))
    return Annotation("1.jpg", (), facts, extra=label_extra(labels))


BOXED = Label("grounding", "a ship", box_px=(10.0, 20.0, 110.0, 220.0), row="a")
REGION = Label("region", answer="a ship", box_px=(10.0, 20.0, 110.0, 220.0), row="b")
CLASS = Label("class", answer="DenseResidential", row="c")
QUESTION = Label("vqa", "Is it  rural?", "yes", row="d")


@pytest.mark.parametrize(
    ("label", "turn", "old", "new"),
    [
        (BOXED, 1, "[0.013", "[0.014"), (BOXED, 1, "[", "["), (BOXED, 1, "0.367]", "0.367"),
        (REGION, 0, "[0.013", "[0.113"), (CLASS, 1, "dense", "sparse"),
        (QUESTION, 0, "rural", "urban"),
    ],
)  # fmt: skip
def test_a_text_that_was_changed_does_not_come_back_as_its_label(label, turn, old, new):
    (record,) = adapt_annotation(scene(label))
    assert labels_from_record(record) == (label,)
    turns = list(record.turns)
    turns[turn] = Turn(turns[turn].role, turns[turn].text.replace(old, new))
    changed = replace(record, turns=tuple(turns))
    if old == new:
        assert labels_from_record(changed) == (label,)
        return
    assert turns[turn] != record.turns[turn]
    with pytest.raises(BadInput, match=r"text says|boxes in"):
        labels_from_record(changed)


def test_a_box_is_read_from_its_text_where_nothing_finer_was_kept():
    (record,) = adapt_annotation(scene(BOXED))
    detail = json.loads(record.provenance["detail"])
    detail["labels"][0]["box_px"] = None
    bare = replace(record, provenance={**record.provenance, "detail": json.dumps(detail)})
    (label,) = labels_from_record(bare)
    assert label.box_px == pytest.approx(BOXED.box_px, abs=0.5)


def test_answers_that_are_numbers_in_the_file_come_back_as_numbers(tmp_path):
    tables = {
        "images": [{"id": 0, "res_x": "10m", "active": True}],
        "questions": [
            {"id": n, "img_id": 0, "type": "count", "question": f"How many {n}?",
             "answers_ids": [n], "active": True}
            for n in range(3)
        ],
        "answers": [
            {"id": 0, "answer": 7, "active": True}, {"id": 1, "answer": "7", "active": True},
            {"id": 2, "answer": True, "active": True},
        ],
    }  # fmt: skip
    for part, rows in tables.items():
        (tmp_path / f"{part}.json").write_text(json.dumps({part: rows}))
    (only,) = (r for r in SOURCES["rsvqa-lr"].read(tmp_path, "all") if isinstance(r, Annotation))
    back = [rsvqa.write_row("0", x) for r in adapt_annotation(only) for x in labels_from_record(r)]
    assert {row["id"]: row["answer"] for row in back} == {0: 7, 1: "7"}
    assert {type(row["answer"]) for row in back} == {int, str}


def test_a_label_of_a_scene_folder_is_the_path_of_its_picture(tmp_path):
    (tmp_path / "Forest").mkdir()
    (tmp_path / "Forest" / "Forest_1.jpg").write_bytes(b"a picture")
    (only,) = SOURCES["eurosat"].read(tmp_path, "all")
    assert isinstance(only, Annotation)
    (record,) = adapt_annotation(only)
    assert write_folder(labels_from_record(record)[0]) == "Forest/Forest_1.jpg"
    assert labels_of(only) == labels_from_record(record)


def test_captions_of_two_pictures_are_no_row():
    one, other = (Label("caption", answer="x", row=f"{name}#0") for name in ("1.jpg", "2.jpg"))
    with pytest.raises(BadInput, match="2 pictures"):
        captions.write_row([one, other])
    with pytest.raises(BadInput, match="not all of one"):
        captions.write_row([Label("caption", answer="x", row="1.jpg#1")])


def test_labels_with_a_flaw_stand_alone_in_records_that_name_it():
    labels = (
        Label("caption", answer="", row="1.jpg#0", flaw="blank caption"),
        Label("caption", answer="a lake", row="1.jpg#1"),
        *(Label("count", f"How many {n}?", "1", row=str(n)) for n in range(3)),
        Label("count", "How many  are there?", "1", row="9", flaw="question without its noun"),
    )
    records = list(adapt_annotation(scene(*labels)))
    found = {record.kind: len(record.turns) // 2 for record in records}
    assert found == {"blank_caption": 1, "image_caption": 1, "lost_noun": 1, "vqa": 3}
    assert {x for record in records for x in labels_from_record(record)} == set(labels)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(list(write_back(*sys.argv[1:]))))
