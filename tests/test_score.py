"""`lineament score`: right answers, events, normalisations, intervals, and bad files refused."""

import json
import math
from pathlib import Path

import pytest

from lineament.cli.app import run
from lineament.errors import BadInput
from lineament.evaluation.predictions import parse_boxes
from lineament.evaluation.scorers import score_file

GOOD = {
    "captions": {"id": "1", "prediction": "a plane", "references": ["a plane", "one jet"]},
    "vqa": {"id": "1", "prediction": "Yes.", "answer": "yes", "type": "presence"},
    "grounding": {"id": "1", "prediction": "at [0, 0, 4, 4]", "box": [0, 0, 4, 4]},
    "classes": {"id": "1", "prediction": "Beach", "label": "beach"},
    "claims": {
        "id": "1",
        "prediction": "She smiles. She wears a hat.",
        "annotation": {
            "subjects": [{"id": "face 0", "facts": [{"name": "smile", "value": True}]}],
            "closed": ["wearing_hat"],
        },
    },
}


def write_lines(path: Path, rows: list) -> Path:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("kind", GOOD)
def test_every_kind_prints_the_promised_json(kind, tmp_path, capsys):
    path = write_lines(tmp_path / "p.jsonl", [GOOD[kind]])
    assert run(["score", kind, str(path), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert {"task", "model", "num_items", "metrics", "seconds"} <= row.keys()
    assert row["num_items"] == 1
    for figure in row["metrics"].values():
        assert {"value", "low", "high"} <= figure.keys()


def test_who_claims_nothing_right_has_an_f1_of_nothing(tmp_path):
    def f1(*texts, flags=(True,)):
        facts = [{"name": "smile", "value": value} for value in flags]
        rows = [
            {"id": n, "prediction": text, "annotation": {"facts": facts, "closed": ["bald"]}}
            for n, text in enumerate(texts)
        ]
        path = write_lines(tmp_path / "p.jsonl", rows)
        return score_file(path, "claims").scores.figures["claim_f1"]

    assert f1("Bald.", "").value == 0.0  # contradicted, and nothing at all
    assert f1("", "").value == 0.0
    assert f1("Smiling.", "Smiling.").value == 1.0
    # A resample of the wrong one alone counts as 0, and is not passed over.
    mixed = f1("Smiling.", "Bald.", "Bald.", "Smiling.")
    assert mixed.low == 0.0
    assert math.isnan(f1("", "", flags=(False,)).value)  # there was nothing to find


def test_right_answers_score_full_marks_and_claims_are_told_apart(tmp_path):
    def figures(kind):
        path = write_lines(tmp_path / f"{kind}.jsonl", [GOOD[kind]])
        return score_file(path, kind).scores.figures

    assert figures("vqa")["exact_match"].value == 100
    assert figures("classes")["accuracy"].value == 100
    assert figures("grounding")["accuracy_50"].value == 100
    claims = figures("claims")
    assert claims["claim_precision"].value == 0.5
    assert claims["claim_recall"].value == 1.0
    # That it is a she, a smile, and a hat, which the closed list refutes: one of three claims.
    assert claims["hallucination_rate"].value == pytest.approx(1 / 3)
    assert claims["unknown_rate"].value == pytest.approx(1 / 3)


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.parametrize(
    ("second", "says"),
    [
        ("{not json", "not JSON"),
        ("[1, 2]", "expected an object"),
        ({"prediction": "x"}, "'id'"),
        ("DOUBLE", "twice"),
        ({"id": "2"}, "'prediction'"),
        ({"id": "2", "prediction": None}, "'prediction'"),
        ({"id": "2", "prediction": "x"}, "field"),
        ({"id": ["2"], "prediction": "x"}, "'id'"),
    ],
)
def test_a_bad_line_gives_one_error_that_names_file_and_line(kind, second, says, tmp_path, capsys):
    rows = [GOOD[kind], "", GOOD[kind] if second == "DOUBLE" else second]
    path = write_lines(tmp_path / "p.jsonl", rows)
    assert run(["score", kind, str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    error, hint = captured.err.splitlines()
    assert error.startswith("error: ")
    assert f"{path}, line 3" in error
    assert says in error
    assert hint.startswith("hint: ")


@pytest.mark.parametrize("content", [None, "", "\n\n", b"\xff\xfe\x00"])
def test_a_file_without_predictions_is_refused(content, tmp_path):
    path = tmp_path / "p.jsonl"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        path.write_text(content)
    with pytest.raises(BadInput, match=r"p\.jsonl"):
        score_file(path, "vqa")


def test_an_impossible_annotation_is_refused_by_name(tmp_path):
    row = {"id": "7", "prediction": "x", "annotation": {"facts": [{"name": "smlie"}]}}
    with pytest.raises(BadInput, match=r"p\.jsonl, id 7.*smlie"):
        score_file(write_lines(tmp_path / "p.jsonl", [row]), "claims")


def test_boxes_are_read_from_whatever_holds_them():
    assert parse_boxes("[[1, 2, 3, 4, 90]][[5, 6, 7, 8, 0]]") == [
        (1, 2, 3, 4, 90), (5, 6, 7, 8, 0),
    ]  # fmt: skip
    assert parse_boxes([1, 2, 3, 4]) == [(1, 2, 3, 4)]
    assert parse_boxes([[1, 2, 3, 4], [5, 6, 7, 8]]) == [(1, 2, 3, 4), (5, 6, 7, 8)]
    assert parse_boxes("nothing here") is None
    assert parse_boxes([1, 2, 3]) is None
    assert parse_boxes([1, 2, float("nan"), 4]) is None


def test_missing_and_surplus_boxes_lower_the_overlap(tmp_path):
    rows = [
        {"id": 1, "prediction": [[0, 0, 2, 2]], "box": [[0, 0, 2, 2], [5, 5, 6, 6]]},
        {"id": 2, "prediction": [[0, 0, 2, 2], [5, 5, 6, 6]], "box": [0, 0, 2, 2]},
        {"id": 3, "prediction": "I see no box", "box": [0, 0, 2, 2]},
    ]
    result = score_file(write_lines(tmp_path / "p.jsonl", rows), "grounding")
    assert result.scores.figures["mean_iou"].value == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert result.scores.unread_ids == ("3",)


def test_the_normalisation_changes_the_score_and_is_on_record(tmp_path, capsys):
    row = {
        "id": 1,
        "prediction": "A tree-lined road here",
        "references": ["a tree lined road here"],
    }
    path = write_lines(tmp_path / "p.jsonl", [row])
    scores = {}
    for name in ("plain", "joined", "lower", "raw"):
        assert run(["score", "captions", str(path), "--normalise", name, "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert said["normalise"] == name
        scores[name] = said["metrics"]["bleu1"]["value"]
    assert scores["plain"] == 100
    assert scores["plain"] > scores["lower"] > scores["raw"]


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("captions", "normalisation: plain (lower case, punctuation becomes a space)"),
        ("vqa", "normalisation: first line, lower case, final dot dropped"),
        ("classes", "normalisation: first line, lower case, final dot dropped"),
    ],
)
def test_the_terminal_states_the_normalisation(kind, says, tmp_path, capsys):
    path = write_lines(tmp_path / "p.jsonl", [GOOD[kind]])
    assert run(["score", kind, str(path)]) == 0
    assert says in capsys.readouterr().out
    if kind == "captions":
        assert run(["score", kind, str(path), "--normalise", "raw"]) == 0
        assert "normalisation: raw (split at spaces)" in capsys.readouterr().out


def test_events_of_captions_are_matched_where_that_is_asked_for(tmp_path, capsys):
    rows = [
        {"id": 1, "prediction": "She smiles. She nods.", "references": ["She nods and blinks."]},
        {"id": 2, "prediction": "He blinks.", "references": ["He yawns.", "He blinks."]},
        {"id": 3, "prediction": "He nods.", "references": ["A man with a hat."]},
    ]
    path = write_lines(tmp_path / "p.jsonl", rows)
    assert run(["score", "captions", str(path), "--json"]) == 0
    assert not any("event" in name for name in json.loads(capsys.readouterr().out)["metrics"])
    assert run(["score", "captions", str(path), "--events", "claims", "--json"]) == 0
    metrics = json.loads(capsys.readouterr().out)["metrics"]
    # Of two captions: one of two events both ways, and all.
    for name in ("precision", "recall", "f1"):
        assert metrics[f"event_{name}"]["value"] == pytest.approx(0.75)
    assert metrics["event_order"]["value"] == pytest.approx(0.75)
    assert (metrics["event_f1"]["num_items"], metrics["event_f1"]["num_unscored"]) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["captions", "--events", "clams"], "'clams' matches no events"),
        (["vqa", "--events", "claims"], "not in vqa"),
    ],
)
def test_events_of_nobody_or_of_no_captions_are_refused(arguments, says, tmp_path, capsys):
    path = write_lines(tmp_path / "p.jsonl", [GOOD[arguments[0]]])
    assert run(["score", arguments[0], str(path), *arguments[1:]]) == 2
    assert says in capsys.readouterr().err


def test_intervals_draw_subjects_together_where_the_file_names_them(tmp_path):
    rows = [
        {"id": n, "prediction": "yes", "answer": "yes" if n < 20 else "no", "subject": n // 20}
        for n in range(40)
    ]
    known = score_file(write_lines(tmp_path / "a.jsonl", rows), "vqa").scores.figures
    for row in rows:
        del row["subject"]
    unknown = score_file(write_lines(tmp_path / "b.jsonl", rows), "vqa").scores.figures
    assert known["exact_match"].value == unknown["exact_match"].value
    assert (known["exact_match"].low, known["exact_match"].high) == (0, 100)
    assert unknown["exact_match"].low > 20
