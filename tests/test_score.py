"""`lineament score`: published predictions scored as published, and bad files refused."""

import json
from pathlib import Path

import pytest

from lineament.cli.app import run
from lineament.errors import BadInput
from lineament.evaluation.predictions import parse_boxes
from lineament.evaluation.scorers import score_file

EARTHDIAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "rs" / "earthdial_eval"
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


def read_published(name: str) -> list[dict]:
    path = EARTHDIAL / name
    if not path.is_file():
        pytest.skip(f"the published predictions are not here: {path}")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_published_answers_get_their_published_exact_match(tmp_path):
    rows = [
        {"id": n, "prediction": r["answer"], "answer": r["annotation"], "type": r["vqa_type"]}
        for n, r in enumerate(read_published("rs_vqa/RSVQA_LR.jsonl"))
    ]
    figures = score_file(write_lines(tmp_path / "vqa.jsonl", rows), "vqa").scores.figures
    expected = {"presence": 92.59, "comp": 92.75, "rural_urban": 94.00, "count": 27.69}
    for name, value in expected.items():
        figure = figures[f"exact_match_{name}"]
        assert round(figure.value, 2) == value
        assert figure.low < figure.value < figure.high
    assert round(figures["exact_match"].value, 2) == 73.55
    assert figures["exact_match_presence"].prior == pytest.approx(75.03, abs=0.01)


def test_published_captions_get_their_published_bleu(tmp_path):
    rows = [
        {
            "id": n,
            "prediction": r["answer"],
            "references": [r[f"caption{k}"] for k in range(5)],
        }
        for n, r in enumerate(read_published("rs_image_caption/RSICD_Captions.jsonl"))
    ]
    figures = score_file(write_lines(tmp_path / "c.jsonl", rows), "captions").scores.figures
    assert figures["bleu4"].value == pytest.approx(35.17, abs=0.006)
    # pycocoevalcap 1.2 on the same words: benchmarks/reference_captions.py
    assert figures["cider"].value == pytest.approx(0.994335, abs=1e-4)
    assert figures["rouge_l"].value == pytest.approx(0.525473, abs=1e-4)


def test_published_classes_get_their_published_accuracy(tmp_path):
    rows = [
        {"id": n, "prediction": r["answer"], "label": r["annotation"]}
        for n, r in enumerate(read_published("rs_classification/WHU_19.jsonl"))
    ]
    figures = score_file(write_lines(tmp_path / "w.jsonl", rows), "classes").scores.figures
    assert round(figures["accuracy"].value, 2) == 96.42


@pytest.mark.parametrize("kind", GOOD)
def test_every_kind_prints_the_promised_json(kind, tmp_path, capsys):
    path = write_lines(tmp_path / "p.jsonl", [GOOD[kind]])
    assert run(["score", kind, str(path), "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert {"task", "model", "num_items", "metrics", "seconds"} <= row.keys()
    assert row["num_items"] == 1
    for figure in row["metrics"].values():
        assert {"value", "low", "high"} <= figure.keys()


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
    assert 0 < claims["hallucination_rate"].value < 1


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
