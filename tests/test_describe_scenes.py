"""Aerial pictures on the command line: annotated, asked about and checked."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import lineament
from lineament.annotation import Annotation, Fact, Subject
from lineament.cli.app import run
from lineament.describe.chat import Chat
from lineament.describe.scene_answers import CANNOT_TELL, answer_scene_question
from lineament.describe.scene_beside import find_scene_annotation
from lineament.describe.scene_chat import SceneChat, find_scene_chat
from lineament.describe.scene_model import (
    SceneModel,
    annotate_by_model,
    is_scene_model,
    until_repeat,
)
from lineament.describe.verdicts import find_object_ids
from lineament.errors import BadInput, BadMedia
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import favchat_tiny_config
from lineament.model.processor import FaVChatProcessor
from test_model_toys import _one_thread, toy_tokenizer  # noqa: F401

LISTED = ("ship", "bridge", "airplane")


def thing(number: int, name: str, box: tuple[float, ...], color: str = "", **more) -> list[Fact]:
    subject = f"object {number}"
    facts = [Fact("object_class", name, subject=subject, region=box)]
    facts += [Fact("object_color", color, subject=subject)] if color else []
    return facts + [Fact(key, value, subject=subject) for key, value in more.items()]


def harbour(media: str = "harbour.png") -> Annotation:
    facts = [Fact("listed_class", name, subject="clip") for name in LISTED]
    facts += [Fact("water", True, subject="clip"), Fact("scene_class", "harbor", subject="clip")]
    facts += thing(0, "ship", (0.05, 0.05, 0.25, 0.15), "white", length_meters=30.0)
    facts += thing(1, "ship", (0.1, 0.8, 0.16, 0.86), "red")
    facts += thing(2, "bridge", (0.45, 0.4, 0.55, 0.6))
    subjects = tuple(Subject(f"object {i}", "object") for i in range(3))
    return Annotation(media, subjects, tuple(facts), frozenset(("trees",)))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Write a picture with its annotation beside it."""
    path = tmp_path / "harbour.png"
    Image.fromarray(np.full((64, 96, 3), 90, np.uint8)).save(path)
    (tmp_path / "harbour.json").write_text(json.dumps(harbour().to_dict()))
    return path


@pytest.fixture(scope="module")
def scene_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save an untrained model that sees whole pictures alone."""
    folder = tmp_path_factory.mktemp("scene-model")
    encoder = {
        "model_type": "lineament_conv_vision", "hidden_size": 16, "num_hidden_layers": 3,
        "depths": (1, 1, 1), "image_size": 32, "patch_size": 16,
    }  # fmt: skip
    text = {
        "model_type": "qwen3", "vocab_size": 320, "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
        "head_dim": 16, "max_position_embeddings": 1024, "tie_word_embeddings": True,
    }  # fmt: skip
    config = favchat_tiny_config(
        320, frame_token_id=3, vision_config=encoder, face_config=encoder, text_config=text,
        fusion="general_only", use_face=False, use_landmarks=False,
    )  # fmt: skip
    torch.manual_seed(0)
    FaVChatForConditionalGeneration(config).save_pretrained(folder)
    FaVChatProcessor.for_model(config, toy_tokenizer()).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How many ships are there?", "There are two ships."),
        ("How many ships are in the left half?", "There are two ships in the left half."),
        ("How many red ships can be seen?", "There is one red ship."),
        ("How many buildings are there?", CANNOT_TELL),  # not listed: more may be there
        ("Is there an airplane?", "No, there are no airplanes."),
        ("Is there a bridge?", "Yes, there is one bridge."),
        ("Is there a building?", CANNOT_TELL),
        ("Is the white ship to the left of the bridge?",
         "Yes, the white ship is to the left of a bridge."),
        ("Is the red ship above the bridge?", "No, the red ship is not above a bridge."),
        ("Is there water?", "Yes."),
        ("Are there trees?", "No."),
        ("Where is the red ship?", "The red ship is in the bottom-left part."),
        ("Where is the airplane?", "There is no airplane."),
        ("What color is the largest ship?", "The largest ship is white."),
        ("How long is the white ship?", "The white ship is about 30 meters long."),
        ("Which is larger, the white ship or the red ship?",
         "The white ship is larger than the red ship."),
        ("Give the box of: the bridge.", "[0.450, 0.400, 0.550, 0.600]"),
        ("What is inside the box [0.450, 0.400, 0.550, 0.600]?", "The bridge."),
        ("What kind of scene is this?", "The picture shows a harbor area."),
        ("What is the speed of the wind?", CANNOT_TELL),
    ],
)  # fmt: skip
def test_rules_answer_from_the_annotation_and_say_when_it_is_silent(question, answer):
    assert answer_scene_question(question, harbour()) == answer


def test_every_rule_answer_of_a_description_is_supported():
    text = answer_scene_question("Describe the picture.", harbour())
    assert len(text.split(".")) > 3
    checked = lineament.check(text, harbour())
    assert checked.claims
    assert checked.supported == len(checked.claims)


def test_annotations_are_found_beside_the_picture_or_in_the_folders_list(picture, tmp_path):
    found = find_scene_annotation(picture)
    assert found is not None
    assert found.media == str(picture)
    other = tmp_path / "other.png"
    assert find_scene_annotation(other) is None
    rows = [harbour("elsewhere/other.png").to_dict(), harbour("third.png").to_dict()]
    lines = "\n".join(json.dumps(row) for row in rows)
    (tmp_path / "annotations.jsonl").write_text(lines)
    assert find_scene_annotation(other) is not None
    assert find_scene_annotation(tmp_path / "fourth.png") is None


def test_other_json_beside_a_picture_is_left_aside(picture):
    face = Annotation("harbour.png", (Subject("face 0"),), (Fact("smile", True),))
    for text in ("{broken", "[1, 2]", '{"media": 3}', json.dumps(face.to_dict())):
        picture.with_suffix(".json").write_text(text)
        assert find_scene_annotation(picture) is None, text


def test_annotate_prints_and_reports_the_objects(picture, tmp_path, capsys):
    assert run(["annotate", str(picture), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert {"media", "duration_seconds", "num_frames", "fps", "subjects"} <= set(row)
    assert [s["kind"] for s in row["subjects"] if s["id"] != "clip"] == ["object"] * 3
    assert run(["annotate", str(picture), "--report", str(tmp_path / "report")]) == 0
    shown = capsys.readouterr().out
    assert "2 ships, 1 bridge" in shown
    assert "not measured on real pictures" in shown
    page = (tmp_path / "report" / "index.html").read_text()
    assert "<img" in page
    assert "object 2" in page
    assert "face" not in page.split("</style>")[-1]


def test_chat_by_rule_says_that_nothing_is_validated_on_real_scenes(picture, capsys):
    questions = ["How many ships are there?", "Who is this?"]
    assert run(["chat", str(picture), *questions, "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    first, who = row["answers"]
    assert row["model"] == "rule"
    assert first["answer"] == "There are two ships."
    assert first["validated"] == "none"
    assert first["source"] == "rule"
    assert {fact["name"] for fact in first["facts"]} >= {"object_class"}
    assert "do not identify" in who["answer"]
    assert run(["chat", str(picture), "How many ships are there?"]) == 0
    assert "not measured on real media" in capsys.readouterr().out


def test_check_names_the_class_and_marks_what_decides(picture, tmp_path, capsys):
    text = "There are three ships. The bridge is in the center."
    report = tmp_path / "report"
    assert run(["check", text, "--against", str(picture), "--report", str(report)]) == 0
    assert "3 ships" in capsys.readouterr().out
    page = (report / "index.html").read_text()
    assert "The objects that decide" in page
    assert "<img" in page
    assert lineament.check(text, picture).contradicted == 1
    assert lineament.annotate(picture).subjects[2].kind == "object"


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("There are three ships.", {"object 0", "object 1"}),
        ("The bridge is to the right of the red ship.", {"object 1", "object 2"}),
        ("There are more ships than bridges.", {"object 0", "object 1", "object 2"}),
        ("There is no airplane.", set()),
    ],
)
def test_the_page_marks_both_ends_of_a_relation_and_all_that_is_counted(text, marked, picture):
    assert find_object_ids(lineament.check(text, picture), harbour()) == marked


def test_a_model_of_scenes_answers_and_annotates(picture, scene_model, capsys, monkeypatch):
    assert is_scene_model(scene_model)
    arguments = ["chat", str(picture), "How many ships are there?", "--model", str(scene_model)]
    assert run([*arguments, "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["answers"]
    assert answer["source"] == "model"
    assert answer["validated"] == "none"

    def speak(self, pixels, question, history=(), on_text=None):
        del self, pixels, history, on_text
        if "box" in question:
            return "[0.100, 0.200, 0.300, 0.400]"
        return "There are two ships." if "ships" in question else "There are no such things."

    monkeypatch.setattr(SceneModel, "answer", speak)
    found = annotate_by_model(SceneModel(scene_model), picture)
    assert [fact.value for fact in found.facts_named("object_class")] == ["ship", "ship"]
    assert found.facts[0].region == (0.1, 0.2, 0.3, 0.4)
    assert {fact.validated for fact in found.facts} == {"none"}
    assert not found.facts_named("listed_class")
    text = "There are three ships."
    assert run(["check", text, "--against", str(picture), "--model", str(scene_model)]) == 0
    assert "unknown" in capsys.readouterr().out  # a model may have missed one


def test_a_models_answer_is_checked_against_what_is_known(picture, scene_model, monkeypatch):
    monkeypatch.setattr(SceneModel, "answer", lambda *_: "There are three ships.")
    chat = find_scene_chat(picture, str(scene_model))
    assert chat is not None
    answer = chat.ask(picture, "How many ships are there?")
    assert [row.verdict for row in answer.claims] == ["contradicted"]


def test_the_python_chat_knows_a_scene_when_it_is_told_of_one(picture, scene_model):
    answer = Chat(answerer="rule").ask(picture, "How many ships are there?")
    assert answer == "There are two ships."
    assert answer.validated == "none"
    loaded = Chat(scene_model)
    assert loaded.ask(picture, "Is there a ship?").source == "model"
    assert loaded.ask(picture, "Who is this?").source == "rule"


def test_faces_are_looked_for_where_nothing_tells_of_a_scene(tmp_path):
    assert find_scene_chat(tmp_path / "portrait.png", "chat-tiny") is None
    with pytest.raises(BadInput, match="nothing is known"):
        SceneChat(None)


@pytest.mark.parametrize(
    ("question", "is_asked"),
    [
        ("How many ships are there?", True),
        ("What kind of scene is this?", True),
        ("What covers the ground?", True),
        ("Is she smiling?", False),
        ("Describe the picture.", False),
    ],
)
def test_a_bare_picture_without_a_face_goes_to_the_model_of_scenes_if_scenes_are_asked_about(
    question, is_asked, picture, scene_model, monkeypatch, capsys
):
    picture.with_suffix(".json").unlink()
    monkeypatch.setattr("lineament.describe.scene_chat.SCENE_MODEL", str(scene_model))
    assert run(["chat", str(picture), question, "--json"]) == 0
    told = capsys.readouterr()
    assert (json.loads(told.out)["model"] == str(scene_model)) is is_asked
    assert ("no face in it" in told.err) is is_asked


def test_without_an_installed_model_of_scenes_faces_are_spoken_of(picture, monkeypatch, capsys):
    picture.with_suffix(".json").unlink()
    monkeypatch.setattr("lineament.describe.scene_chat.SCENE_MODEL", "scene-huge")
    assert run(["chat", str(picture), "How many ships are there?", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "chat-tiny"


def test_a_model_of_faces_cannot_annotate_a_scene(picture, tmp_path, capsys):
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "config.json").write_text('{"model_type": "favchat"}')
    assert run(["annotate", str(picture), "--model", str(tmp_path / "faces")]) == 2
    assert "no model of aerial scenes" in capsys.readouterr().err


def test_media_without_a_name_have_nothing_beside_them():
    assert find_scene_annotation(Path()) is None
    assert find_scene_annotation("") is None


def test_a_chat_opens_rasters_that_pillow_does_not(tmp_path, monkeypatch):
    tifffile = pytest.importorskip("tifffile")
    from lineament.cli.chat import open_chat
    from lineament.describe import scene_chat
    from lineament.describe.scene_model import read_picture

    deep = tmp_path / "sentinel.tif"
    values = np.random.default_rng(0).integers(0, 4000, (40, 50, 13)).astype(np.uint16)
    tifffile.imwrite(deep, values, photometric="minisblack", planarconfig="contig")
    assert read_picture(deep).shape == (40, 50, 3)
    chat = object()
    monkeypatch.setattr(scene_chat, "find_scene_chat", lambda *_: chat)
    assert open_chat(deep, "some-model", "model") is chat
    with pytest.raises(BadMedia, match=r"gone\.tif: no such file"):
        open_chat(tmp_path / "gone.tif", "some-model", "model")
    (tmp_path / "torn.tif").write_bytes(b"II*\0 and nothing")
    with pytest.raises(BadMedia, match=r"torn\.tif"):
        read_picture(tmp_path / "torn.tif")


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("There are two ships. Water can be seen.", "There are two ships. Water can be seen."),
        ("A road runs. A ship lies. A road runs. A pier lies.", "A road runs. A ship lies. "),
        ("A road runs. A ship lies. A ship lies.", "A road runs. A ship lies. "),
        ("A ship lies. A ship lies. A ship lies. A sh", "A ship lies. "),
        ("A ship lies here. A ship lies.", "A ship lies here. A ship lies."),
        ("[0.100, 0.200, 0.300, 0.400]", "[0.100, 0.200, 0.300, 0.400]"),
        ("A ship. A sh", "A ship. A sh"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_text_ends_where_it_begins_to_repeat_itself(text, passed, size):
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    assert "".join(until_repeat(pieces)) == passed


def test_a_sentence_that_is_new_is_passed_on_as_it_comes():
    """A reader waits for nothing but the end of what could still be a repetition."""
    passed = until_repeat(iter(("A road runs. ", "A ro", "of lies.", " A road")))
    assert next(passed) == "A road runs. "
    assert next(passed) == "A roof lies."
    assert list(passed) == [" ", "A road"]  # until the end it could be the first sentence again
