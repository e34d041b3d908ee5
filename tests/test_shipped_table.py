"""The table of shipped models: every baseline beside each figure, and what was not run named."""

import argparse
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import shipped_models
from lineament.evaluation.tasks.table import TASKS
from shipped_models import BUILT, MODELS, TRIALS, Trial, find_data, gather, start_result
from shipped_table import HEADS, NOT_TESTED, write_table


def metric(value, **more):
    low, high = (None, None) if value is None else (value - 0.1, value + 0.1)
    return {"value": value, "low": low, "high": high, "num_items": 7} | more


def make_result():
    """Return what one evaluation writes, as far as the table reads it."""
    own = {
        "headline": metric(0.7, prior=0.5),
        "smile": metric(0.8, prior=0.5, phrasing_range=0.2),
        "hat": metric(0.6, prior=0.5, phrasing_range=0.1),
        "empty": metric(None),
        "yes_bias": {"value": 0.25, "low": None, "high": None},
    }
    blind = {"headline": {"value": 0.45}, "smile": {"value": 0.5, "phrasing_range": 0.0}}
    random = {"headline": {"value": 0.52}}
    one = {"num_items": 7, "metrics": {"headline": metric(0.55)}}
    changed = {"changed/timed minus lasting": metric(0.3, prior=0.0)}
    gaps = {"sex": {"smile": {"gap": 0.05}, "hat": {"gap": 0.15}, "beard": {"gap": None}}}
    return {
        "headline": "headline", "num_items": 9, "seconds": 1.0, "identity": "toy",
        "items_hash": "x", "num_failures": 0, "num_unread": 1, "metrics": own,
        "blind": {"metrics": blind},
        "compared": {
            "random": {"metrics": random},
            "small net": {"metrics": {"headline": {"value": 0.9}}},
        },
        "tables": {
            "gaps": gaps,
            "frames": {"counts": {"1": one}},
            "shuffled": {"shuffled": one | {"changed": changed}},
        },
    }  # fmt: skip


TRIAL = Trial("rendered", figures=("smile", "empty", "absent"))


def test_every_figure_has_its_baselines_beside_it():
    row = gather(make_result(), TRIAL)
    figures = row["figures"]
    assert figures["headline"] == {
        "value": 0.7, "low": pytest.approx(0.6), "high": pytest.approx(0.8), "items": 7,
        "prior": 0.5, "random": 0.52, "blind": 0.45,
        "peers": {"small net": 0.9},
    }  # fmt: skip
    assert figures["smile"]["random"] is None
    assert "empty" not in figures
    assert "absent" not in figures
    assert figures["headline, 1 frame"]["value"] == 0.55
    assert figures["headline, 1 frame"]["blind"] == 0.45
    assert figures["headline, frames out of order"]["value"] == 0.55
    assert figures["answers changed by order, timed minus lasting"]["prior"] == 0.0
    wording = figures["range over three wordings, mean over names (0 is best)"]
    assert wording["value"] == pytest.approx(0.15)
    assert wording["blind"] == 0.0
    assert figures["largest gap by sex, for audit: hat"]["value"] == 0.15
    assert figures["yes-bias (0 is best)"]["value"] == 0.25


def test_without_a_peer_the_table_says_so_and_names_what_was_not_run():
    result = make_result()
    del result["compared"]
    text = write_table({
        "count": 20,
        "models": {
            "toy": {"rendered": gather(result, TRIAL), "first-light": "not run: needs DATA/face"},
            "gone": "not installed",
        },
        "without_data": ["dfew"],
    })  # fmt: skip
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {len(HEADS) + 1}
    (head,) = (row for row in rows if "**headline**" in row)
    assert head == (
        "| `toy` | `rendered` | **headline** | 0.700 [0.600, 0.800] | 7 | 0.500 | – | 0.450 "
        f"| {NOT_TESTED} |"
    )
    assert "`gone`: not installed" in text
    assert "`first-light` of `toy`: needs DATA/face" in text
    assert "not at hand: `dfew`" in text
    assert "At most 20 media" in text


def test_percent_is_shown_with_one_place():
    result = make_result()
    result["metrics"]["headline"] = {
        "value": 61.234, "low": 50.0, "high": 70.0, "prior": 55.5, "unit": "percent",
    }  # fmt: skip
    text = write_table({"models": {"toy": {"rsvqa-lr": gather(result, Trial("rsvqa-lr"))}}})
    assert "61.2 [50.0, 70.0] | 9 | 55.5" in text


def test_every_task_is_tried_or_named_as_lacking_its_media():
    options = argparse.Namespace(count=None)
    tried = [trial.task for trial in TRIALS]
    assert len(set(tried)) == len(tried)
    assert sorted([*tried, *start_result(options)["without_data"]]) == sorted(TASKS)
    for trial in TRIALS:
        assert TASKS[trial.task].needs_folder is bool(trial.folder)


def test_an_evaluation_that_is_there_is_not_run_again(tmp_path, monkeypatch):
    pytest.importorskip("skia")
    pytest.importorskip("torch")
    pytest.importorskip("mediapipe")
    from lineament.evaluation.answerer import Constant

    asked = []

    class Counted:
        name = identity = "counted"
        is_looking = False
        num_media = 1024

        def answer(self, batch):
            asked.append(len(batch))
            return ["Yes."] * len(batch)

    monkeypatch.setattr(
        shipped_models, "find_kind", lambda name: "faces" if name == "toy" else None
    )
    monkeypatch.setattr(
        "lineament.evaluation.loaded.open_model",
        lambda name, is_blind: (Counted(), Constant("No.") if is_blind else None),
    )
    result = tmp_path / "result.json"
    command = ["x", "--out", str(tmp_path / "run"), "--count", "4", "--result", str(result),
               "--models", "toy", "gone", "--tasks", "counterfactual", "first-light"]  # fmt: skip
    for _ in range(2):
        monkeypatch.setattr(sys, "argv", command)
        shipped_models.main()
    assert len(asked) == 1
    written = json.loads(result.read_text())
    assert written["models"]["gone"] == "not installed"
    tasks = written["models"]["toy"]
    assert tasks["first-light"] == "not run: needs DATA/face"
    flipped = tasks["counterfactual"]["figures"]["flipped"]
    assert flipped["value"] == flipped["blind"] == flipped["prior"] == 0.0
    assert flipped["random"] is not None
    assert flipped["peers"] == NOT_TESTED
    monkeypatch.setattr(sys, "argv", [*command, "--again"])
    shipped_models.main()
    assert len(asked) == 1  # the answers were kept


def test_data_are_looked_for_where_they_lie(tmp_path):
    options = argparse.Namespace(data=tmp_path, out=tmp_path, count=2)
    assert find_data(Trial("x"), options) == Path()
    assert find_data(Trial("x", "face"), options) is None
    (tmp_path / "face").mkdir()
    assert find_data(Trial("x", "face"), options) == tmp_path / "face"
    assert BUILT not in {trial.folder for trial in TRIALS if trial.is_about_scenes}
    assert set(MODELS) == {"chat-tiny", "draw-tiny", "scene-tiny"}
