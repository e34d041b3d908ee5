"""Aerial sets as people unpack them: other folders, missing parts, boxes at the border, tags."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from lineament.annotation import Annotation
from lineament.cli.app import run
from lineament.errors import BadInput, BadStore
from lineament.evaluation.item import Item
from lineament.evaluation.tasks.table import require_task
from lineament.evaluation.tasks.task import Options
from lineament.records.build import build
from lineament.records.build_settings import BuildSettings
from lineament.records.record import Turn
from lineament.records.sources.pixels import has_media
from lineament.records.sources.scenes import referring
from lineament.records.sources.scenes.adapt import adapt_annotation, flaws_of, labels_from_record
from lineament.records.sources.scenes.label import Label, label_extra, labels_of, picture_facts
from lineament.records.sources.source import Dropped
from lineament.records.sources.table import SOURCES
from lineament.records.store import open_records
from scene_fixtures import make_rsvqa, make_rsvqa_hr

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "rs"
CUT = "box cut at the border"


def read(name, folder, split):
    rows = list(SOURCES[name].read(folder, split))
    kept = [row for row in rows if isinstance(row, Annotation)]
    return kept, Counter(row.reason for row in rows if isinstance(row, Dropped))


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def paint(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 10), (90, 120, 60)).save(path)


def voc(name, *boxes):
    objects = "".join(
        f"<object><name>ship</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax>"
        f"<ymax>{d}</ymax></bndbox><description>ship {n}</description></object>"
        for n, (a, b, c, d) in enumerate(boxes)
    )
    size = "<size><width>800</width><height>600</height></size>"
    return f"<annotation><filename>{name}</filename>{size}{objects}</annotation>"


def coco(*names, outline=None):
    return {
        "images": [
            {"id": n, "file_name": name, "width": 100, "height": 50} for n, name in enumerate(names)
        ],
        "categories": [{"id": 3, "name": "ship"}],
        "annotations": [
            {"image_id": n, "category_id": 3, "bbox": [10, 10, 40, 30]}
            | ({"segmentation": [outline]} if outline else {})
            for n in range(len(names))
        ],
    }


# --- one folder too many


def lay_rsvqa(folder):
    make_rsvqa(folder / "RSVQA-LR")
    return "RSVQA-LR/Images_LR/0.tif"


def lay_captions(folder):
    write(folder / "ucm" / "test_caps.txt", "a field .\n" * 5)
    write(folder / "ucm" / "test_filename.txt", "7.tif\n" * 5)
    paint(folder / "ucm" / "images" / "7.tif")
    return "ucm/images/7.tif"


def lay_rsivqa(folder):
    write(folder / "RSIVQA" / "UCM" / "ucm_vqa.txt", "7.tif:what is the theme?forest\n")
    paint(folder / "RSIVQA" / "UCM" / "7.tif")
    return "RSIVQA/UCM/7.tif"


def lay_dior_rsvg(folder):
    write(folder / "DIOR_RSVG" / "Annotations" / "00001.xml", voc("00001.jpg", (1, 2, 30, 40)))
    paint(folder / "DIOR_RSVG" / "JPEGImages" / "00001.jpg")
    return "DIOR_RSVG/JPEGImages/00001.jpg"


def lay_rsvg_hr(folder):
    write(folder / "Annotations" / "rsvg_hr_test.txt", "1.jpg,1.0,2.0,3.0,4.0,a ship\n")
    paint(folder / "images" / "1.jpg")  # beside the folder of the labels
    return "images/1.jpg"


def lay_hrrsd(folder):
    write(folder / "HRRSD" / "val.json", coco("1.jpg"))
    paint(folder / "HRRSD" / "JPEGImages" / "1.jpg")
    return "HRRSD/JPEGImages/1.jpg"


def lay_dota(folder):
    write(folder / "DOTA-v1.0" / "labelTxt" / "P1.txt", "1 1 9 1 9 5 1 5 ship 0\n")
    paint(folder / "DOTA-v1.0" / "images" / "P1.png")
    return "DOTA-v1.0/images/P1.png"


def lay_dota_coco(folder):
    write(folder / "DOTA-v1.0" / "dota.json", coco("P1.png"))
    paint(folder / "DOTA-v1.0" / "images" / "P1.png")
    return "DOTA-v1.0/images/P1.png"


def lay_own(folder):
    write(folder / "NWPU VHR-10 dataset" / "ground truth" / "001.txt", "(3,4),(13,8),1\n")
    paint(folder / "NWPU VHR-10 dataset" / "positive image set" / "001.jpg")
    return "NWPU VHR-10 dataset/positive image set/001.jpg"


@pytest.mark.parametrize(
    ("name", "split", "lay"),
    [
        ("rsvqa-lr", "test", lay_rsvqa), ("ucm-captions", "test", lay_captions),
        ("rsivqa", "ucm", lay_rsivqa), ("dior-rsvg", "train", lay_dior_rsvg),
        ("rsvg-hr", "test", lay_rsvg_hr), ("hrrsd", "val", lay_hrrsd), ("dota", "all", lay_dota),
        ("dota", "all", lay_dota_coco), ("nwpu-vhr10", "all", lay_own),
    ],
)  # fmt: skip
def test_pictures_are_named_from_the_data_folder_wherever_the_labels_lie(
    name, split, lay, tmp_path
):
    expected = lay(tmp_path)
    kept, _ = read(name, tmp_path, split)
    assert kept[0].media == expected
    assert all(has_media(row.media, tmp_path) for row in kept)
    inner = tmp_path / expected.split("/")[0]
    if lay is not lay_rsvg_hr:
        near, _ = read(name, inner, split)
        assert [f"{inner.name}/{row.media}" for row in near] == [row.media for row in kept]
        assert [row.split_key for row in near] == [row.split_key for row in kept]


def test_bands_are_chosen_beside_the_labels_or_above(tmp_path):
    media = lay_captions(tmp_path)
    (tmp_path / "bands.txt").write_text("2,1,0")
    assert read("ucm-captions", tmp_path, "test")[0][0].media == f"{media}/2,1,0"
    (tmp_path / "ucm" / "bands.txt").write_text("1,1,1")
    assert read("ucm-captions", tmp_path, "test")[0][0].media == f"{media}/1,1,1"


def test_a_picture_that_is_not_there_is_named_below_the_data_folder(tmp_path):
    media = lay_rsvqa(tmp_path)
    (tmp_path / media).unlink()
    assert read("rsvqa-lr", tmp_path, "test")[0][0].media == media


def test_a_test_from_the_folder_above_opens_its_pictures(tmp_path):
    media = lay_rsvqa(tmp_path)
    found = require_task("rsvqa-lr").read_items(tmp_path, Options())
    assert found.items[0].media == media
    assert found.open_media(media).frames.ndim == 4


# --- parts that are not there


def test_parts_that_nothing_is_of_are_refused(tmp_path):
    captions = tmp_path / "ucm"
    write(captions / "train_caps.txt", "a field .\n" * 10)
    write(captions / "train_filename.txt", "7.tif\n8.tif\n")
    with pytest.raises(BadInput, match="no val part of ucm-captions"):
        read("ucm-captions", captions, "val")
    row = {"filename": "9.tif", "split": "val", "sentences": [{"raw": "a field ."}]}
    write(captions / "dataset_ucm.json", {"images": [row]})
    assert [row.media for row in read("ucm-captions", captions, "val")[0]] == ["9.tif"]
    rsvg = tmp_path / "rsvg"
    write(rsvg / "00001.xml", voc("00001.jpg", (1, 2, 30, 40)))
    write(rsvg / "split_train.txt", "5\n6\n")
    for split in ("official-train", "test"):
        with pytest.raises(BadInput, match=f"no {split} part of dior-rsvg") as caught:
            read("dior-rsvg", rsvg, split)
        assert "official-val" in caught.value.hint
    write(tmp_path / "json" / "dataset_rsitmd.json", {"images": []})
    with pytest.raises(BadInput, match="no test part of rsitmd"):
        read("rsitmd", tmp_path / "json", "test")
    write(tmp_path / "dota" / "train" / "labelTxt" / "P1.txt", "")
    with pytest.raises(BadInput, match="no val part of dota"):
        read("dota", tmp_path / "dota", "val")


def test_the_list_of_names_that_captions_need_is_asked_for(tmp_path):
    write(tmp_path / "train_caps.txt", "a field .\n" * 5)
    for split in ("train", "val"):
        with pytest.raises(BadInput, match=r"holds no train_filename\.txt") as caught:
            read("ucm-captions", tmp_path, split)
        assert "five captions" in caught.value.hint


def test_a_wrong_folder_is_told_each_name_once(tmp_path):
    with pytest.raises(BadInput) as caught:
        read("rsivqa", tmp_path, "train")
    assert str(caught.value).count("DOTA") == str(caught.value).count("UCM") == 1


# --- layouts


def test_names_of_files_are_found_in_any_case(tmp_path):
    row = {"filename": "bridge_1.tif", "split": "train", "sentences": [{"raw": "a bridge ."}]}
    write(tmp_path / "dataset_RSITMD.json", {"images": [row]})
    assert len(read("rsitmd", tmp_path, "train")[0]) == 1


@pytest.mark.parametrize(
    "place",
    ["labelTxt", "labelTxt-v1.0", "labelTxt-v1.0/labelTxt", "labelTxt-v1.5/DOTA-v1.5_train"],
)
def test_dotas_labels_are_found_as_its_releases_pack_them(place, tmp_path):
    write(tmp_path / "train" / place / "P1.txt", "1 1 9 1 9 5 1 5 ship 0\n")
    if "/" in place:  # upright boxes lie beside the rotated ones
        beside = {"labelTxt": "Train_Task2_gt", "DOTA-v1.5_train": "DOTA-v1.5_train_hbb"}
        release, name = place.split("/")
        write(tmp_path / "train" / release / beside[name] / "P2.txt", "1 1 9 1 9 5 1 5 ship 0\n")
    for folder, split in ((tmp_path, "all"), (tmp_path, "train"), (tmp_path / "train", "all")):
        kept, _ = read("dota", folder, split)
        assert [row.split_key for row in kept] == ["dota/P1"]


def test_dota_in_coco_files_keeps_its_corners_and_in_voc_files_its_boxes(tmp_path):
    corners = [10, 20, 50, 10, 52, 18, 12, 28]
    write(tmp_path / "coco" / "dota_train.json", coco("P1__1__0___0.png", outline=corners))
    (only,), _ = read("dota", tmp_path / "coco", "train")
    facts = {fact.name: fact for fact in only.facts_of("object 0")}
    sides = [x / (100, 50)[i % 2] for i, x in enumerate(corners)]
    assert facts["object_class"].region == pytest.approx(sides)
    assert only.split_key == "dota/P1"  # a tile, as in label files
    write(tmp_path / "voc" / "Annotations" / "P2.xml", voc("P2.png", (80, 60, 400, 300)))
    (only,), _ = read("dota", tmp_path / "voc", "all")
    assert only.facts_of("object 0")[0].region == pytest.approx((0.1, 0.1, 0.5, 0.5))


def test_all_is_everything_that_a_folder_holds_and_a_picture_once(tmp_path):
    write(tmp_path / "hrrsd_val.json", coco("1.jpg", "2.jpg"))
    write(tmp_path / "hrrsd_train.json", coco("3.jpg"))
    kept, dropped = read("hrrsd", tmp_path, "all")
    assert ({row.media for row in kept}, dropped) == ({"1.jpg", "2.jpg", "3.jpg"}, {})
    write(tmp_path / "Annotations" / "2.xml", voc("2.jpg", (1, 1, 9, 9)))
    write(tmp_path / "Annotations" / "4.xml", voc("4.jpg", (1, 1, 9, 9)))
    kept, dropped = read("hrrsd", tmp_path, "all")
    assert Counter(row.media for row in kept) == dict.fromkeys(
        ("1.jpg", "2.jpg", "3.jpg", "4.jpg"), 1
    )
    assert dropped == {"duplicate row": 1}
    write(tmp_path / "classes.json", ["ship"])
    assert read("hrrsd", tmp_path, "all")[1] == {"duplicate row": 1, "unreadable row": 1}
    assert len(read("hrrsd", tmp_path, "val")[0]) == 2


def test_a_folder_whose_only_file_is_damaged_is_refused(tmp_path):
    write(tmp_path / "annotations.json", '{"images": [')
    with pytest.raises(BadInput, match="not JSON"):
        read("nwpu-vhr10", tmp_path, "all")


# --- boxes at the border


def test_a_box_of_rsvg_hr_that_leaves_its_picture_is_cut_counted_and_kept(tmp_path):
    lines = [
        "1.jpg,10.0,20.0,110.0,220.0,a ship",
        "1.jpg,63.34,996.17,95.71,1028.55,a boat",
        "1.jpg,1020.0,10.0,1100.0,90.0,hardly there",
    ]
    write(tmp_path / "rsvg_hr_test.txt", "\n".join(lines) + "\n")
    (only,), dropped = read("rsvg-hr", tmp_path, "test")
    assert dropped == {CUT: 1, "box outside the picture": 1}
    whole, cut = labels_of(only)
    assert (whole.source_box_px, cut.box_px) == (None, (63.34, 996.17, 95.71, 1024.0))
    records = list(adapt_annotation(only))
    assert records[1].turns[1].text == "[0.062, 0.973, 0.093, 1.000]"
    back = [label for record in records for label in labels_from_record(record)]
    assert [referring.write_row("1.jpg", label) for label in back] == lines[:2]
    assert "source_box_px" not in records[0].provenance["detail"]


def test_a_box_of_dior_rsvg_that_leaves_its_picture_is_cut_counted_once_and_kept(tmp_path):
    boxes = [(700, 10, 803, 90), (790, 10, 900, 90), (1, 2, 30, 40)]
    write(tmp_path / "00001.xml", voc("00001.jpg", *boxes))
    (only,), dropped = read("dior-rsvg", tmp_path, "train")
    assert dropped == {CUT: 1, "box outside the picture": 1}
    assert [label.box_px for label in labels_of(only)] == [(700, 10, 800, 90), (1, 2, 30, 40)]
    assert "<xmax>803</xmax>" in referring.write_object(labels_of(only)[0])
    assert len(only.subjects) == 2


@pytest.mark.parametrize(("x", "expected"), [(0, {}), (-0.005, {}), (-1, {CUT: 1})])
def test_a_box_that_is_cut_by_a_single_pixel_is_counted(x, expected, tmp_path):
    table = coco("1.jpg")
    table["annotations"][0]["bbox"] = [10, x, 20, 20]
    write(tmp_path / "val.json", table)
    (only,), dropped = read("hrrsd", tmp_path, "val")
    assert dropped == expected
    assert (only.facts_of("object 0")[0].region or (None, None))[1] == 0


# --- questions


def test_a_line_of_rsivqa_that_stands_twice_counts_and_is_told_by_name(tmp_path):
    lines = [f"7.tif:how many ships are there{n}?{n}" for n in range(3)]
    write(tmp_path / "UCM" / "ucm_vqa.txt", "\n".join([*lines, lines[1], f"{lines[1]}5"]) + "\n")
    (only,), dropped = read("rsivqa", tmp_path, "ucm")
    records = list(adapt_annotation(only))
    pairs = Counter({record.kind: 0 for record in records})
    for record in records:
        pairs[record.kind] += len(record.turns) // 2
    assert pairs == {"vqa": 4, "repeated_question": 1}
    assert [flaws_of(r) for r in records if r.kind == "repeated_question"] == [
        ("repeated question",)
    ]
    assert not dropped
    back = Counter(label for record in records for label in labels_from_record(record))
    assert back == Counter(labels_of(only))


def test_a_question_without_a_mark_is_asked_with_one_and_comes_back_without(tmp_path):
    lay_rsvqa(tmp_path)
    assert labels_of(read("rsvqa-lr", tmp_path, "test")[0][0])[-1].question.endswith("area")
    item = next(
        item for item in require_task("rsvqa-lr").read_items(tmp_path, Options()).items
        if item.group == "rural_urban"
    )  # fmt: skip
    assert "area? Answer the question" in item.question
    label = Label("vqa", "Is it a rural or an urban area", "rural", row="0")
    scene = Annotation("1.tif", (), tuple(picture_facts((9.0, 9.0))), extra=label_extra((label,)))
    (record,) = adapt_annotation(scene)
    assert record.turns[0].text.startswith("Is it a rural or an urban area?\n")
    assert labels_from_record(record) == (label,)


def test_records_from_before_questions_got_their_mark_still_come_back():
    label = Label("vqa", "Is it a rural or an urban area", "rural", row="0")
    scene = Annotation("1.tif", (), (), extra=label_extra((label,)))
    (record,) = adapt_annotation(scene)
    detail = json.loads(record.provenance["detail"])
    del detail["labels"][0]["raw"]
    old = replace(
        record,
        turns=(Turn("user", record.turns[0].text.replace("area?", "area")), record.turns[1]),
        provenance={**record.provenance, "detail": json.dumps(detail)},
    )
    assert labels_from_record(old) == (label,)


# --- numbers as classes


def ask(kind, truths):
    return [
        Item(f"{kind}/{n}", f"{n}.tif", "?", "exact", truth, kind) for n, truth in enumerate(truths)
    ]


def test_numbers_are_scored_as_they_stand_and_as_classes(tmp_path):
    task = require_task("rsvqa-lr")
    items = [
        *ask("count", ["0", "7", "10", "11", "200", "1500"]),
        *ask("presence", ["yes", "no", "yes", "yes"]),
    ]
    said = dict.fromkeys((item.id for item in items), "yes")
    said |= {f"count/{n}": x for n, x in enumerate(["zero", "10.", "11", "99", "many", "2000"])}
    found = task.score(items, said)
    figures = found.figures
    assert figures["exact_match_count"].value == pytest.approx(100 / 6)
    assert figures["bucketed/exact_match_count"].value == pytest.approx(100 * 4 / 6)
    assert figures["bucketed/exact_match_count"].prior == pytest.approx(100 * 2 / 6)
    assert figures["bucketed/exact_match"].value == pytest.approx(100 * 7 / 10)
    assert figures["bucketed/exact_match_mean_over_types"].value == pytest.approx(
        50 * (4 / 6 + 3 / 4)
    )
    assert "bucketed/exact_match_presence" not in figures
    assert figures["skill"].value == task.score(items, said).measures["skill"].value
    few = task.score([item for item in items if item.group == "presence"], said).figures
    assert not any(name.startswith("bucketed") for name in few)


def test_areas_have_classes_in_the_high_resolution_set_and_counts_have_none(tmp_path):
    task = require_task("rsvqa-hr")
    items = [*ask("area", ["0m2", "407m2", "2000m2"]), *ask("count", ["7", "8", "9"])]
    said = {"area/0": "3m2", "area/1": "999m2", "area/2": "1001m2"}
    figures = task.score(items, said | {f"count/{n}": "9" for n in range(3)}).figures
    assert figures["exact_match_area"].value == 0
    assert figures["bucketed/exact_match_area"].value == pytest.approx(100 * 2 / 3)
    assert "bucketed/exact_match_count" not in figures
    assert figures["bucketed/exact_match"].value == pytest.approx(50)
    notes = task.read_items(make_rsvqa_hr(tmp_path / "RSVQA-HR"), Options()).notes
    assert any("bucketed/" in note for note in notes)


@pytest.mark.shared
def test_published_answers_reach_their_published_figures_raw_and_as_classes():
    path = REAL / "earthdial_eval" / "rs_vqa" / "RSVQA_LR.jsonl"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    items = [
        Item(str(n), str(n), "?", "exact", row["annotation"], row["vqa_type"])
        for n, row in enumerate(rows)
    ]
    said = {str(n): row["answer"] for n, row in enumerate(rows)}
    measures = require_task("rsvqa-lr").score(items, said).measures
    assert round(100 * measures["exact_match_count"].value, 2) == 27.69
    assert round(100 * measures["bucketed/exact_match_count"].value, 2) == 71.73


# --- tags


def questions_of(folder):
    return [record.turns[0].text for record in open_records(folder)]


def test_a_build_writes_tags_only_where_they_are_asked_for(tmp_path):
    lay_rsvqa(tmp_path / "data")
    source = SOURCES["rsvqa-lr"]
    plain = BuildSettings(split="test", kinds=("adapted",))
    build(source, tmp_path / "data", tmp_path / "plain", plain)
    tagged = replace(plain, use_tags=True)
    build(source, tmp_path / "data", tmp_path / "tagged", tagged)
    bare = questions_of(tmp_path / "plain")
    assert questions_of(tmp_path / "tagged") == [f"[vqa] {question}" for question in bare]
    assert not any("[vqa]" in question for question in bare)
    told = [labels_from_record(record) for record in open_records(tmp_path / "tagged")]
    assert told == [labels_from_record(record) for record in open_records(tmp_path / "plain")]
    with pytest.raises(BadStore, match="use_tags was True"):
        build(source, tmp_path / "data", tmp_path / "tagged", plain)
    with pytest.raises(BadStore, match="use_tags was False"):
        build(source, tmp_path / "data", tmp_path / "plain", tagged)


def test_a_build_from_before_there_were_tags_is_known_again(tmp_path):
    lay_rsvqa(tmp_path / "data")
    source, out = SOURCES["rsvqa-lr"], tmp_path / "out"
    settings = BuildSettings(split="test", kinds=("adapted",))
    build(source, tmp_path / "data", out, settings)
    path = out / "manifest.json"
    path.write_text(path.read_text().replace('"use_tags": false', '"unknown": false'))
    assert build(source, tmp_path / "data", out, settings).to_dict()["already_there"] is True
    with pytest.raises(BadStore, match="use_tags was False"):
        build(source, tmp_path / "data", out, replace(settings, use_tags=True))


@pytest.mark.parametrize("option", [["--tags"], []])
def test_the_command_line_asks_for_tags(option, tmp_path, capsys):
    lay_rsvqa(tmp_path / "data")
    arguments = ["--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "--split"]
    arguments += ["test", "--kinds", "adapted", "--json", *option]
    assert run(["build", "rsvqa-lr", *arguments]) == 0
    assert json.loads(capsys.readouterr().out)["media"]["found"] == 6
    asked = questions_of(tmp_path / "out")
    assert asked
    assert all(question.startswith("[vqa] ") == bool(option) for question in asked)
