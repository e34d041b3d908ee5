"""``lineament build``: what people type, what they get, and what they are told."""

import json

import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.cli.app import run


@pytest.fixture
def faces(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    with (folder / "faces.jsonl").open("w") as file:
        for number in range(12):
            facts = (Fact("male", number % 2 == 0), Fact("smile", True), Fact("brown_hair", True))
            closed = frozenset(("beard", "wearing_hat", "bald"))
            row = Annotation(f"{number}.png", (Subject("face 0"),), facts, closed)
            file.write(json.dumps(row.to_dict()) + "\n")
    return folder


def build(capsys, *arguments):
    code = run(["build", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_one_json_object_tells_what_was_built(capsys, faces, tmp_path):
    code, out, _ = build(
        capsys, "folder", "--data", faces, "--out", tmp_path / "o", "--limit", 5, "--json"
    )
    row = json.loads(out)
    assert code == 0
    wanted = {"source", "annotations", "records", "turns", "dropped", "seconds", "out"}
    assert wanted <= row.keys()
    assert (row["source"], row["annotations"], row["out"]) == ("folder", 5, str(tmp_path / "o"))
    assert (tmp_path / "o" / "manifest.json").is_file()


def test_a_person_gets_a_table(capsys, faces, tmp_path):
    code, out, _ = build(
        capsys, "folder", "--data", faces, "--out", tmp_path / "o", "--kinds", "caption,yes_no"
    )
    assert code == 0
    assert "12 annotations" in out
    assert "12 missing" in out


def test_a_dry_run_leaves_nothing(capsys, faces, tmp_path):
    code, out, _ = build(capsys, "folder", "--data", faces, "--dry-run", "--json")
    row = json.loads(out)
    assert code == 0
    assert (row["dry_run"], row["annotations"]) == (True, 12)
    assert list(tmp_path.iterdir()) == [faces]


def test_truncated_rows_are_counted_drops(capsys, faces, tmp_path):
    (faces / "later.jsonl").write_text('{"media": "x.png", "fac')
    (faces / "wrong.json").write_text('{"media": 7}')
    code, out, _ = build(capsys, "folder", "--data", faces, "--out", tmp_path / "o", "--json")
    row = json.loads(out)
    assert code == 0
    assert row["dropped"]["unreadable row"] == 2
    assert row["annotations"] == 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fodler", "--out", "o"], "unknown source 'fodler'"),
        (["folder", "--out", "o"], "folder reads a folder"),
        (["folder", "--data", "nowhere", "--out", "o"], "no such folder"),
        (["folder", "--data", "{faces}"], "--out is missing"),
        (["folder", "--data", "{faces}", "--out", "o", "--split", "val"], "no split 'val'"),
        (["folder", "--data", "{faces}", "--out", "o", "--kinds", "poem"], "unknown kind 'poem'"),
        (["folder", "--data", "{faces}", "--out", "o", "--writer", "x"], "unknown writer 'x'"),
        (["folder", "--data", "{faces}", "--out", "o", "--set", "x"], "expected key=value"),
        (["folder", "--data", "{faces}", "--out", "{faces}/faces.jsonl"], "is a file"),
        (["missing.toml", "--data", "{faces}", "--out", "o"], "missing.toml"),
    ],
)
def test_bad_input_is_one_line_with_a_hint(
    capsys, faces, tmp_path, arguments, message, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, out, err = build(capsys, *(part.replace("{faces}", str(faces)) for part in arguments))
    assert code == 2
    assert out == ""
    assert message in err.splitlines()[0]
    assert err.startswith("error: ")
