"""A published model's predictions scored: published figures, reference values, boxes worked out."""

import cmath
import itertools
import json
import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from lineament.evaluation.scorers import score_file
from lineament.metrics.words import split_plain
from test_score import write_lines

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import foreign_predictions
import metrics_speed

EARTHDIAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "rs" / "earthdial_eval"


def read_published(name: str) -> list[dict]:
    path = EARTHDIAL / name
    if not path.is_file():
        pytest.skip(f"the published predictions are not here: {path}")
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.shared
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


# pycocoevalcap 1.2 on the words of each file, split in lower case without punctuation, as
# benchmarks/reference_captions.py calls it: BLEU-1 to BLEU-4, ROUGE-L, CIDEr.
REFERENCE = {
    "rs_image_caption/RSICD_Captions": (
        0.6995213614606719, 0.5322299640697526, 0.426088612423865, 0.35165221812684927,
        0.5254725886790031, 0.9943352734057758,
    ),
    "rs_image_caption/sydney_Captions": (
        0.6829268292571881, 0.523822721818457, 0.40800213298274235, 0.30184526607296525,
        0.5260225358476348, 1.0240225231497986,
    ),
    "rs_region_captioning/NWPU_VHR_10_test": (
        0.5476521225875793, 0.4637449491812723, 0.41469461273873665, 0.35445405905094474,
        0.6978219662680455, 1.9866705137650078,
    ),
    "rs_grounding_description/NWPU_VHR_10": (
        0.10999524218110568, 0.06974374379268092, 0.05421539695498764, 0.043707543524228225,
        0.1754730130909995, 0.022290380488364635,
    ),
}  # fmt: skip
TRUTHS = [*(f"caption{k}" for k in range(5)), "annotation", "groundtruth"]


def read_captions(name: str) -> list[dict]:
    return [
        {"id": n, "prediction": r["answer"], "references": [r[key] for key in TRUTHS if key in r]}
        for n, r in enumerate(read_published(f"{name}.jsonl"))
    ]


@pytest.mark.shared
@pytest.mark.parametrize("name", REFERENCE)
def test_published_captions_get_what_the_reference_implementation_gives(name, tmp_path):
    rows = read_captions(name)
    figures = score_file(write_lines(tmp_path / "c.jsonl", rows), "captions").scores.figures
    *bleus, rouge, cider = REFERENCE[name]
    for order, expected in enumerate(bleus, start=1):
        assert figures[f"bleu{order}"].value == pytest.approx(100 * expected, abs=1e-4)
    assert figures["rouge_l"].value == pytest.approx(rouge, abs=1e-6)
    assert figures["cider"].value == pytest.approx(cider, abs=1e-6)
    assert figures["bleu4"].num_items == len(rows)
    told = {"rs_image_caption/RSICD_Captions": 35.17, "rs_image_caption/sydney_Captions": 30.18}
    if name in told:
        assert figures["bleu4"].value == pytest.approx(told[name], abs=0.006)


@pytest.mark.shared
def test_every_caption_file_that_is_there_is_compared():
    if not EARTHDIAL.is_dir():
        pytest.skip(f"the published predictions are not here: {EARTHDIAL}")
    folders = {name.partition("/")[0] for name in REFERENCE}
    there = {path for folder in folders for path in (EARTHDIAL / folder).glob("*.jsonl")}
    assert {str(path.relative_to(EARTHDIAL).with_suffix("")) for path in there} == set(REFERENCE)


@pytest.mark.shared
@pytest.mark.parametrize("name", REFERENCE)
def test_the_reference_implementation_still_gives_these_values(name):
    pytest.importorskip("pycocoevalcap.cider.cider")
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    rows = read_captions(name)
    said = {row["id"]: [" ".join(split_plain(row["prediction"]))] for row in rows}
    truth = {row["id"]: [" ".join(split_plain(r)) for r in row["references"]] for row in rows}
    found = Bleu(4).compute_score(truth, said)[0]
    found += [scorer.compute_score(truth, said)[0] for scorer in (Rouge(), Cider())]
    assert found == pytest.approx(REFERENCE[name], abs=1e-9)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "accuracy", "num_classes"), [("WHU_19", 96.42, 19), ("UCM", 80.76, 21)]
)
def test_published_classes_get_their_published_accuracy(name, accuracy, num_classes, tmp_path):
    published = read_published(f"rs_classification/{name}.jsonl")
    rows = [
        {"id": n, "prediction": r["answer"], "label": r["annotation"]}
        for n, r in enumerate(published)
    ]
    result = score_file(write_lines(tmp_path / "w.jsonl", rows), "classes")
    assert round(result.scores.figures["accuracy"].value, 2) == accuracy
    assert result.about["num_classes"] == num_classes
    # Mean recall, by counting what is right of each class.
    right = [r["answer"].lower() == r["annotation"].lower() for r in published]
    labels = [r["annotation"].lower() for r in published]
    recalls = [
        sum(ok for ok, label in zip(right, labels, strict=True) if label == one) / labels.count(one)
        for one in set(labels)
    ]
    expected = 100 * sum(recalls) / num_classes
    assert result.scores.figures["uar"].value == pytest.approx(expected)


def turn_corners(box):
    """Return a turned box's corners as complex numbers, in their order."""
    x0, y0, x1, y1, degrees = box
    centre = complex((x0 + x1) / 2, (y0 + y1) / 2)
    turn = cmath.rect(1, math.radians(degrees))
    corners = (complex(x0, y0), complex(x1, y0), complex(x1, y1), complex(x0, y1))
    return [centre + (corner - centre) * turn for corner in corners]


def cross(one: complex, other: complex) -> float:
    return (one.conjugate() * other).imag


def measure_area(points: list[complex]) -> float:
    """Return the area of the convex polygon with these corners, given in any order."""
    if len(points) < 3:
        return 0.0
    middle = sum(points) / len(points)
    points = sorted(points, key=lambda point: cmath.phase(point - middle))
    return abs(sum(cross(a, b) for a, b in zip(points, points[1:] + points[:1], strict=True))) / 2


def share_area(one, other) -> float:
    """Return what two turned boxes share: the hull of corners inside and of crossings of sides."""
    first, second = turn_corners(one), turn_corners(other)
    sides = [list(zip(p, p[1:] + p[:1], strict=True)) for p in (first, second)]
    found = []
    for corners, window in ((first, sides[1]), (second, sides[0])):
        turns = [[cross(b - a, corner - a) for a, b in window] for corner in corners]
        found += [
            corner
            for corner, own in zip(corners, turns, strict=True)
            if min(own) >= -1e-9 or max(own) <= 1e-9
        ]
    for (a, b), (c, d) in itertools.product(*sides):
        slope = cross(b - a, d - c)
        if abs(slope) > 1e-12:
            along, across = cross(c - a, d - c) / slope, cross(c - a, b - a) / slope
            if 0 <= along <= 1 and 0 <= across <= 1:
                found.append(a + along * (b - a))
    return measure_area(found)


def read_angled(text: str) -> list[list[float]]:
    """Read boxes of five numbers out of a text, without the parser under test."""
    lists = re.findall(r"\[([^\[\]]*)\]", text)
    return [[float(number) for number in one.split(",")] for one in lists]


def measure_pairs(said, truth):
    """Return IoU and shared area of each pair of boxes, and the area of all of them."""
    areas = [abs((b[2] - b[0]) * (b[3] - b[1])) for b in (*said, *truth)]
    shared = np.array([[share_area(one, other) for other in truth] for one in said])
    joint = np.add.outer(np.array(areas[: len(said)]), np.array(areas[len(said) :])) - shared
    return shared / np.where(joint > 0, joint, 1), shared, sum(areas)


def test_the_clipping_routine_of_these_tests_knows_simple_shapes():
    assert share_area((0, 0, 4, 2, 0), (0, 0, 4, 2, 90)) == pytest.approx(4)
    octagon = 2 * (math.sqrt(2) - 1) * 4
    assert share_area((0, 0, 2, 2, 0), (0, 0, 2, 2, 45)) == pytest.approx(octagon)
    assert share_area((0, 0, 1, 1, 0), (2, 2, 3, 3, 30)) == 0
    assert share_area((0, 0, 9, 9, 10), (4, 4, 5, 5, 30)) == pytest.approx(1)


@pytest.mark.shared
def test_grounding_of_turned_boxes_equals_scores_worked_out_apart(tmp_path):
    from scipy.optimize import linear_sum_assignment

    published = read_published("rs_detection/NWPU_VHR_10.jsonl")
    assert len(published) == 1601
    expected = []
    for row in published:
        said, truth = read_angled(row["answer"]), read_angled(row["gt_bbox"])
        ious, shared, area = measure_pairs(said, truth)
        i, j = linear_sum_assignment(ious, maximize=True)
        iou = ious[i, j].sum() / max(len(said), len(truth))
        hits, both = (ious[i, j] >= 0.5).sum(), shared[i, j].sum()
        expected.append((iou, hits, len(said), len(truth), both, area - both))
    table = np.array(expected)
    rows = [
        {"id": n, "prediction": r["answer"], "box": read_angled(r["gt_bbox"])}
        for n, r in enumerate(published)
    ]
    result = score_file(write_lines(tmp_path / "g.jsonl", rows), "grounding")
    figures = {name: figure.value for name, figure in result.scores.figures.items()}
    iou = table[:, 0]
    assert figures["mean_iou"] == pytest.approx(iou.mean(), abs=1e-9)
    # Whole numbers make overlaps of exactly a half, which rounding may put on either side.
    for name, border in (("accuracy_50", 0.5), ("accuracy_70", 0.7)):
        num_close = (abs(iou - border) < 1e-9).sum()
        share = 100 * (iou >= border - 1e-9).mean()
        assert figures[name] <= share + 1e-9
        assert figures[name] == pytest.approx(share, abs=100 * num_close / len(iou) + 1e-9)
    hits, num_said, num_true = table[:, 1:4].sum(0)
    assert figures["box_f1_50"] == pytest.approx(2 * hits / (num_said + num_true), abs=1e-9)
    cumulative = table[:, 4].sum() / table[:, 5].sum()
    assert figures["cumulative_iou"] == pytest.approx(cumulative, abs=1e-4)
    alone = table[:, 3] == 1
    single = 100 * (iou[alone] >= 0.5).mean()
    assert figures["accuracy_50_one_box"] == pytest.approx(single, abs=1e-9)
    assert result.about["num_targets"] == {"one": 997, "several": 604}
    assert 0 < figures["accuracy_70"] < figures["accuracy_50"] < 100


def test_foreign_predictions_stand_beside_their_published_figures(tmp_path, monkeypatch):
    data = tmp_path / "data"
    for folder in ("rs_classification", "rs_detection"):
        (data / folder).mkdir(parents=True)
    classes = [("airport", "Airport"), ("port", "river")]
    rows = [{"answer": said, "annotation": label} for said, label in classes]
    write_lines(data / "rs_classification" / "WHU_19.jsonl", rows)
    box = {"answer": "[[0, 0, 4, 2, 90]]", "gt_bbox": "[[0, 0, 4, 2, 0]]"}
    write_lines(data / "rs_detection" / "TOY.jsonl", [box])
    out = tmp_path / "foreign.json"
    monkeypatch.setattr("sys.argv", ["x", "--data", str(data), "--out", str(out)])
    foreign_predictions.main()
    result = json.loads(out.read_text())
    accuracy = result["files"]["rs_classification/WHU_19"]["figures"]["accuracy"]
    assert (accuracy["value"], accuracy["published"]) == (50, 96.42)
    turned = result["files"]["rs_detection/TOY"]["figures"]["mean_iou"]
    assert turned["value"] == pytest.approx(4 / 12, abs=1e-6)
    upright = result["files"]["rs_detection/TOY, angles left out"]["figures"]["mean_iou"]
    assert (upright["value"], upright["published"]) == (1, None)
    assert result["num_files"] == 2


def test_timed_figures_of_every_kind_are_merged_with_earlier_ones(tmp_path, capsys):
    out = tmp_path / "speed.json"
    peer = {"cider_ratio": 14.88}
    old = {"predictions": 100_000, "seconds": 29.0}
    out.write_text(json.dumps({"against_pycocoevalcap": peer, "whole": old, "load": 1}))
    kinds = ["vqa", "grounding, rotated", "claims"]
    metrics_speed.main(["--count", "20", "--out", str(out), "--kinds", *kinds])
    result = json.loads(out.read_text())
    assert result["against_pycocoevalcap"] == peer
    assert result["whole"]["captions"] == old
    for kind in kinds:
        assert result["whole"][kind]["predictions"] == 20
        assert "--count 20" in result["whole"][kind]["command"]
    assert set(metrics_speed.MAKERS) == {*kinds, "captions", "grounding", "classes"}
    capsys.readouterr()
