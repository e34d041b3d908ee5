"""``lineament chat``: what is printed, as JSON and for a person, and what is refused."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.claims import check_claims, read_answer
from lineament.cli.app import run
from lineament.cli.chat import describe_evidence, tell_answer
from lineament.describe.answer import Answer
from lineament.describe.scene_chat import SceneChat
from test_chat import OneFace, clip, model_folder  # noqa: F401
from test_model_toys import _one_thread  # noqa: F401


@pytest.fixture(autouse=True)
def _one_face(monkeypatch: pytest.MonkeyPatch, make_face) -> None:
    from lineament.cli import chat as command
    from lineament.describe.look import look_at_media

    monkeypatch.setattr(
        command,
        "_look",
        lambda media, on_frame: look_at_media(
            media, make_finder=lambda: OneFace(make_face), on_frame=on_frame
        ),
    )


def test_json_has_the_promised_shape(clip: Path, model_folder: Path, capsys):  # noqa: F811
    code = run(
        [
            "chat",
            str(clip),
            "Is she smiling?",
            "Who is this?",
            "--model",
            str(model_folder),
            "--json",
        ]
    )
    assert code == 0
    row = json.loads(capsys.readouterr().out)
    assert set(row) == {"media", "model", "answers"}
    assert row["model"] == str(model_folder)
    smiling, who = row["answers"]
    assert smiling["question"] == "Is she smiling?"
    assert set(smiling) >= {"question", "answer", "facts", "validated", "seconds"}
    assert who["source"] == "rule"
    assert "cannot tell" in who["answer"]


def test_answers_are_printed_with_their_evidence(clip: Path, capsys):  # noqa: F811
    assert run(["chat", str(clip), "How many people are there?", "--answerer", "rule"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "There is one person."
    assert any("num people 1" in line for line in shown)
    assert shown[-1].strip() == "answered by rule"


def test_conversation_goes_on_until_exit(clip: Path, capsys, monkeypatch):  # noqa: F811
    lines = "How many people are there?\n\n" + "x" * 30_000 + "\nWho is this?\nexit\nIs she?\n"
    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    assert run(["chat", str(clip), "--answerer", "rule"]) == 0
    shown = capsys.readouterr()
    assert "There is one person." in shown.out
    assert "I cannot tell who somebody is" in shown.out
    assert "30,000 characters" in shown.err
    assert shown.out.count("answered by rule") == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{clip}", "Is she?", "--model", "no-such-model"], "no-such-model: neither a folder"),
        (["{clip}", " "], "a question is empty"),
        (["{clip}", "--json"], "--json wants questions"),
        (["{clip}", "Is she?", "--answerer", "oracle"], "answerer: expected model"),
        (["no.mp4", "Is she?"], "no.mp4: no such file"),
    ],
)
def test_bad_input_gives_one_error_and_one_hint(clip, capsys, arguments, message):  # noqa: F811
    code = run(["chat", *(argument.format(clip=clip) for argument in arguments)])
    shown = capsys.readouterr()
    assert code == 2
    assert shown.out == ""
    lines = shown.err.strip().splitlines()
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert len(lines) <= 2


def test_damaged_weights_are_named(clip, model_folder, tmp_path, capsys):  # noqa: F811
    import shutil

    folder = Path(shutil.copytree(model_folder, tmp_path / "model"))
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    assert run(["chat", str(clip), "Is she?", "--model", str(folder)]) == 2
    error = capsys.readouterr().err
    assert "the model cannot be read" in error
    assert "Traceback" not in error


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch):
    import sys

    import lineament
    from lineament.errors import MissingExtra

    monkeypatch.delitem(sys.modules, "lineament.describe.chat", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match="torch"):
        lineament.load("chat-tiny")


def answer_of(question: str, text: str, *facts: Fact) -> Answer:
    """An answer checked against facts."""
    annotation = Annotation("x", (Subject("face 0"),), facts)
    checked = check_claims(read_answer(question, text), annotation)
    return Answer(text, question=question, claims=checked.claims)


@pytest.mark.parametrize(
    ("seconds", "is_scene", "line"),
    [
        (0.0, False, "the landmarks of this picture say otherwise"),
        (4.0, False, "the landmarks of this clip say otherwise"),
        (0.0, True, "the annotation of this scene says otherwise"),
    ],
)
def test_what_refutes_an_answer_is_named_after_who_answers_and_the_media(
    monkeypatch, capsys, seconds, is_scene, line
):
    # A claim that names its subject is no claim about a scene.
    wrong = answer_of(
        "Is the man smiling?", "Yes, the man on the left is smiling.", Fact("smile", False)
    )
    known = Annotation("x", (Subject("face 0"),), (), duration_seconds=seconds)

    class Faces:
        def ask(self, *_, **__):
            return wrong

        def open(self, _):
            return SimpleNamespace(annotation=known)

    chat: Any = SceneChat(known) if is_scene else Faces()
    monkeypatch.setattr(SceneChat, "ask", Faces.ask)
    tell_answer(chat, Path("x.png"), "Is the man smiling?", all_facts=False)
    assert line in capsys.readouterr().out


def test_a_right_answer_in_the_negative_is_not_accused():
    answer = answer_of(
        "Is he never smiling?", "No, the person does not smile.", Fact("smile", False)
    )
    assert not any("otherwise" in line for line in describe_evidence(answer))
    assert [(row["name"], row["value"], row["verdict"]) for row in answer.to_dict()["claims"]] == [
        ("smile", False, "supported")
    ]


def test_json_says_which_claims_are_denied():
    answer = answer_of("Is the person younger than 50?", "No, the person is older than 50.")
    claims = answer.to_dict()["claims"]
    assert [(row["value"], row["negated"]) for row in claims] == [
        ((None, 50), True), ((50, None), False),
    ]  # fmt: skip
