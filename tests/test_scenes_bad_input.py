"""Aerial pictures, annotations and label files as they should not be: one clear error each."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lineament.annotation import Annotation, annotation_from_dict
from lineament.claims.scenes_faults import refuse_impossible_objects
from lineament.claims.scenes_objects import find_position, is_scene, read_scene
from lineament.cli.app import run
from lineament.describe.scene_chat import SceneChat, find_scene_chat
from lineament.describe.scene_page import draw_outlines, write_scene_report
from lineament.errors import BadAnnotation, BadInput, BadModel
from lineament.records.record import Record
from lineament.records.sources.scenes.label import labels_of
from lineament.records.sources.scenes.rasters import read_raster, read_shown
from lineament.records.sources.source import Dropped
from lineament.records.sources.table import SOURCES
from lineament.render.scenes import sample_scene
from lineament.video import open_clip

tifffile = pytest.importorskip("tifffile")


def plain_row() -> dict[str, Any]:
    """Return an annotation of two objects, as a person would write it."""
    return {
        "media": "harbour.png",
        "facts": [{"name": "listed_class", "value": "ship", "subject": "clip"}],
        "subjects": [
            {
                "id": "object 0",
                "kind": "object",
                "facts": [
                    {"name": "object_class", "value": "ship", "region": [0.1, 0.1, 0.3, 0.2]},
                    {"name": "length_meters", "value": 30.0},
                ],
            },
            {
                "id": "object 1",
                "kind": "object",
                "facts": [
                    {"name": "object_class", "value": "bridge", "region": [0.5, 0.4, 0.7, 0.6]}
                ],
            },
        ],
    }


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "harbour.png"
    Image.fromarray(np.full((40, 80, 3), 90, np.uint8)).save(path)
    return path


def first_fact(row: dict[str, Any]) -> dict[str, Any]:
    return row["subjects"][0]["facts"][0]


def set_region(*region: float) -> Callable[[dict[str, Any]], object]:
    return lambda row: first_fact(row).update(region=list(region))


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no name": (lambda row: first_fact(row).pop("name"), "facts[0].name"),
    "no id": (lambda row: row["subjects"][0].pop("id"), "subjects[0].id"),
    "unknown class": (lambda row: first_fact(row).update(value="spaceship"), "spaceship"),
    "unknown name": (lambda row: first_fact(row).update(name="objectclass"), "objectclass"),
    "not a number": (set_region(float("nan"), 0.1, 0.2, 0.2), "region"),
    "three numbers": (set_region(0.1, 0.1, 0.2), "region"),
    "pixels": (set_region(20, 30, 120, 150), "lies outside the picture"),
    "beyond the border": (set_region(-0.5, -0.4, 0.2, 0.3), "lies outside the picture"),
    "corners exchanged": (set_region(0.6, 0.1, 0.2, 0.3), "x0 < x1"),
    "no size": (set_region(0.6, 0.1, 0.6, 0.1), "x0 < x1"),
    "a line": (set_region(0.1, 0.1, 0.1, 0.2, 0.1, 0.3), "no size"),
    "length below zero": (
        lambda row: row["subjects"][0]["facts"][1].update(value=-5), "length_meters"
    ),
    "width of nothing": (
        lambda row: row["facts"].append({"name": "width_px", "value": 0, "subject": "clip"}),
        "width_px",
    ),
    "two classes": (
        lambda row: row["subjects"][0]["facts"].append({"name": "object_class", "value": "dam"}),
        "dam, and ship before",
    ),
    "no object": (
        lambda row: row["facts"].append({"name": "object_class", "value": "ship"}),
        "belongs to no object",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_annotation_beside_a_picture_ends_in_one_error(fault, picture, capsys):
    change, named = FAULTS[fault]
    row = plain_row()
    change(row)
    beside = picture.with_suffix(".json")
    beside.write_text(json.dumps(row))
    assert run(["annotate", str(picture), "--report", str(picture.parent / "report")]) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith(f"error: {beside}: ")
    assert named in error
    assert hint.startswith("hint: ")
    assert run(["check", "There is a ship.", "--against", str(beside)]) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(
    ("encoding", "cut"), [("utf-8", 100), ("utf-16", None)], ids=["cut off", "of another encoding"]
)
def test_a_damaged_annotation_beside_a_picture_is_no_reason_to_look_for_faces(
    picture, encoding, cut, capsys
):
    text = json.dumps(plain_row())[: -(cut or 0) or None]
    picture.with_suffix(".json").write_text(text, encoding=encoding)
    assert run(["chat", str(picture), "How many ships are there?"]) == 2
    assert "harbour.json: not JSON" in capsys.readouterr().err


def test_a_damaged_row_of_the_folders_list_is_refused_for_its_picture_alone(picture, capsys):
    rows = [json.dumps(plain_row()), json.dumps(plain_row() | {"media": "other.png"})[:-80]]
    (picture.parent / "annotations.jsonl").write_text("\n".join(rows))
    assert run(["annotate", str(picture), "--json"]) == 0
    capsys.readouterr()
    other = picture.rename(picture.parent / "other.png")
    assert run(["annotate", str(other)]) == 2
    assert "annotations.jsonl, other.png: not JSON" in capsys.readouterr().err


def test_two_annotations_of_one_picture_are_one_too_many(picture):
    beside = picture.with_suffix(".json")
    beside.write_text(json.dumps([plain_row(), plain_row() | {"media": "other.png"}]))
    assert find_scene_chat(picture, "chat-tiny") is not None
    beside.write_text(json.dumps([plain_row(), plain_row()]))
    with pytest.raises(BadAnnotation, match="holds 2 annotations"):
        find_scene_chat(picture, "chat-tiny")


def test_boxes_may_reach_over_the_border_and_stay_in_the_ninth_they_are_in():
    row = plain_row()
    first_fact(row)["region"] = [-0.04, 0.1, 0.06, 0.2]
    cut = annotation_from_dict(row)
    refuse_impossible_objects(cut, "harbour.json")
    assert find_position(read_scene(cut).objects[0]) == "top_left"


def test_rules_do_not_answer_for_a_model_that_is_not_there(picture, capsys):
    picture.with_suffix(".json").write_text(json.dumps(plain_row()))
    with pytest.raises(BadModel, match="scene-huge"):
        find_scene_chat(picture, "scene-huge")
    assert run(["chat", str(picture), "How many ships?", "--model", "scene-huge"]) == 2
    assert "scene-huge: neither a folder nor an installed model" in capsys.readouterr().err
    assert find_scene_chat(picture, "scene-huge", "rule") is not None


def test_questions_that_are_empty_or_endless_are_refused_with_their_length():
    chat = SceneChat(annotation_from_dict(plain_row()))
    with pytest.raises(BadInput, match="empty"):
        chat.ask("harbour.png", "  \n ")
    with pytest.raises(BadInput, match=r"20,001 characters"):
        chat.ask("harbour.png", "x" * 20_001)


@pytest.mark.parametrize("option", ["--model", "--report", "--landmarker"])
def test_a_folder_takes_no_option_of_a_single_picture(option, picture, capsys):
    folder = str(picture.parent)
    assert run(["annotate", folder, "--out", f"{folder}/store", option, "somewhere"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {option} is for a single")
    assert not Path(folder, "store").exists()


def test_a_picture_in_which_a_model_found_nothing_is_a_scene_all_the_same():
    empty = {"media": "a.png", "facts": [{"name": "width_px", "value": 64, "subject": "clip"}]}
    assert is_scene(annotation_from_dict(empty))


# --- pictures of every depth


def write_tiff(path: Path, values: np.ndarray) -> Path:
    tifffile.imwrite(path, values, photometric="rgb" if values.ndim == 3 else "minisblack")
    return path


def test_eleven_bits_in_sixteen_are_shown_bright(tmp_path):
    levels = np.linspace(0, 2047, 64 * 64).reshape(64, 64).astype(np.uint16)
    path = write_tiff(tmp_path / "deep.tif", np.stack([levels] * 3, -1))
    assert np.asarray(Image.open(path)).max() < 10  # what a plain decoder makes of it
    shown = read_shown(path)
    assert np.array_equal(shown, read_raster(path).pixels)
    assert shown.min() == 0
    assert shown.max() == 255


def test_eight_bits_are_shown_as_they_are(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (32, 48, 3)).astype(np.uint8)
    assert np.array_equal(read_shown(write_tiff(tmp_path / "flat.tif", pixels)), pixels)
    Image.fromarray(pixels).save(tmp_path / "flat.png")
    assert np.array_equal(read_shown(tmp_path / "flat.png"), pixels)


def test_text_that_is_called_a_tiff_is_refused_once(tmp_path, capsys):
    path = tmp_path / "words.tif"
    path.write_text("no picture\n")
    assert run(["annotate", str(path)]) == 2
    assert "the file holds plain text" in capsys.readouterr().err


# --- the page


def test_outlines_stand_where_the_objects_are():
    found = read_scene(annotation_from_dict(plain_row())).objects
    pixels = np.zeros((45, 90, 3), np.uint8)
    drawn = draw_outlines(pixels, found, ["", ""], ["#ff0000", "#00ff00"])
    height, width = drawn.shape[:2]
    assert (width, height) == (360, 180)  # enlarged, so that boxes do not hide small objects
    for channel, one in enumerate(found):
        ys, xs = np.nonzero(drawn[..., channel] == 255)
        x0, y0, x1, y1 = one.box
        assert np.allclose((xs.min(), xs.max()), (x0 * width, x1 * width), atol=2)
        assert np.allclose((ys.min(), ys.max()), (y0 * height, y1 * height), atol=2)


def test_the_page_counts_its_classes_and_tells_each_name_once(picture):
    row = plain_row()
    row["facts"] += [{"name": "trees", "value": True, "subject": "clip"}] * 3
    row["closed"] = ["water"]
    annotation = annotation_from_dict(row)
    page = write_scene_report(annotation, open_clip(picture), picture.parent / "report")
    text = page.read_text()
    assert "1 ship" in text
    assert "1 bridge" in text
    assert text.count("<td>trees</td>") == 1
    assert "yes, in 3 places" in text
    assert "<tr><td>water</td><td>no</td>" in text
    assert "people" not in text


# --- drawing


@pytest.mark.parametrize(
    ("require", "message"),
    [
        ({"object_class": "dam"}, "no scene is drawn with object_class=dam"),
        ({"object_class": "roundabout"}, "no scene is drawn"),
        ({"smile": True}, "smile cannot be required"),
    ],
)
def test_what_is_never_drawn_is_refused_at_once(require, message):
    with pytest.raises(BadInput, match=message) as caught:
        sample_scene(0, require=require)
    assert caught.value.hint


# --- label files


def read_all(name: str, folder: Path, split: str) -> tuple[list[Annotation], list[Dropped]]:
    rows = list(SOURCES[name].read(folder, split))
    turns = list(SOURCES[name].read_turns(folder, split))
    assert all(isinstance(row, Record | Dropped) for row in turns)
    dropped = [row for row in rows if isinstance(row, Dropped)]
    return [row for row in rows if isinstance(row, Annotation)], dropped


ODD = (None, [], {}, [1], -1, float("nan"), 10**400, "x" * 300, "../../x", "\ud800", True, "1.2.3")


def coco_table() -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "1.jpg", "width": 100, "height": 80}],
        "categories": [{"id": 1, "name": "ship"}, {"id": 2, "name": "bridge"}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 20]},
            {"image_id": 1, "category_id": 2, "bbox": [50, 2, 30, 20]},
        ],
    }


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:12])
@pytest.mark.parametrize(
    ("part", "key"),
    [
        ("images", "id"), ("images", "file_name"), ("images", "width"), ("categories", "id"),
        ("annotations", "image_id"), ("annotations", "category_id"), ("annotations", "bbox"),
    ],
)  # fmt: skip
def test_odd_values_in_a_box_file_drop_rows_and_end_nothing(part, key, odd, tmp_path):
    table = coco_table()
    table[part][0][key] = odd
    (tmp_path / "annotations.json").write_text(json.dumps(table))
    kept, dropped = read_all("nwpu-vhr10", tmp_path, "all")
    assert len(kept) + len(dropped) >= 1


@pytest.mark.parametrize("box", [None, [1, 2, 3], [1, 2, float("nan"), 4], [5, 5, -3, 4], "box"])
def test_a_class_that_lost_a_box_is_not_listed(box, tmp_path):
    table = coco_table()
    table["annotations"][0]["bbox"] = box
    (tmp_path / "annotations.json").write_text(json.dumps(table))
    (only,), dropped = read_all("nwpu-vhr10", tmp_path, "all")
    assert [row.reason for row in dropped] == ["bad box"]
    listed = {fact.value for fact in only.facts_named("listed_class")}
    assert "ship" not in listed
    assert "bridge" in listed


def test_a_box_without_corners_unlists_its_class_in_xml_too(tmp_path):
    (tmp_path / "Annotations").mkdir()
    corners = "".join(f"<{key}>{n}</{key}>" for key, n in zip("abcd", range(4), strict=True))
    (tmp_path / "Annotations" / "1.xml").write_text(
        "<annotation><filename>1.jpg</filename><size><width>90</width><height>90</height></size>"
        f"<object><name>ship</name><bndbox>{corners}</bndbox></object></annotation>"
    )
    (only,), dropped = read_all("dior", tmp_path, "all")
    assert [row.reason for row in dropped] == ["bad box"]
    assert "ship" not in {fact.value for fact in only.facts_named("listed_class")}


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:12])
@pytest.mark.parametrize(
    ("part", "key"),
    [
        ("images", "id"), ("images", "res_x"), ("images", "original_name"), ("questions", "img_id"),
        ("questions", "question"), ("questions", "answers_ids"), ("answers", "id"),
        ("answers", "answer"),
    ],
)  # fmt: skip
def test_odd_values_in_a_question_file_drop_rows_and_end_nothing(part, key, odd, tmp_path):
    question = {"img_id": 0, "question": "Is it urban?", "type": "x", "answers_ids": [0]}
    table: dict[str, list[dict[str, Any]]] = {
        "images": [{"id": 0, "res_x": "10m"}],
        "questions": [{"id": 0, **question}],
        "answers": [{"id": 0, "answer": "yes"}],
    }
    table[part][0][key] = odd
    for name, rows in table.items():
        active = [{**row, "active": True} for row in rows]
        (tmp_path / f"{name}.json").write_text(json.dumps({name: active}))
    kept, dropped = read_all("rsvqa-lr", tmp_path, "all")
    assert len(kept) + len(dropped) >= 1


def test_half_a_character_in_a_caption_does_not_end_a_build(tmp_path, capsys):
    rows = [
        {"filename": "airport_1.jpg", "split": "train", "sentences": [{"raw": "a \ud800 plane"}]},
        {"filename": "airport_\udc00.jpg", "split": "train", "sentences": [{"raw": "a plane"}]},
        {"filename": "airport_3.jpg", "split": "train", "sentences": 3},
    ]
    (tmp_path / "dataset_rsicd.json").write_text(json.dumps({"images": rows}))
    kept, dropped = read_all("rsicd", tmp_path, "train")
    assert labels_of(kept[0])[0].answer == "a ? plane"
    assert [row.reason for row in dropped] == ["no label"]
    out = str(tmp_path / "out")
    build = ["build", "rsicd", "--data", str(tmp_path), "--out", out, "--workers", "1", "--json"]
    assert run(build) == 0
    assert json.loads(capsys.readouterr().out)["records"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["scenes"], "a folder of faces"), (["OUT", "--kind", "scenes", "--style", "flat"], "style")],
)
def test_drawing_what_was_not_meant_is_refused(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(["render", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
