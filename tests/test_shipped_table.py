"""The table of shipped models: every baseline beside each figure, and what was not run named."""

import argparse
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import shipped_models
from lineament.errors import BadInput
from lineament.evaluation.item import Item
from lineament.evaluation.tasks.table import TASKS
from lineament.evaluation.tasks.told_answers import Reference
from shipped_models import BUILT, MODELS, TRIALS, Trial, find_data, read_others, start_result
from shipped_table import HEADS, NOT_TESTED, gather, write_table


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
    gain = {"headline": metric(0.25, p_value=0.01)}
    moving = {"headline": {"value": 0.41}}
    random = {"headline": {"value": 0.52}}
    one = {"num_items": 7, "metrics": {"headline": metric(0.55)}}
    changed = {"changed/timed minus lasting": metric(0.3, prior=0.0)}
    gaps = {"sex": {"smile": {"gap": 0.05}, "hat": {"gap": 0.15}, "beard": {"gap": None}}}
    return {
        "task": "rendered", "headline": "headline", "num_items": 9, "seconds": 1.0,
        "identity": "toy",
        "items_hash": "x", "num_failures": 0, "num_unread": 1, "metrics": own,
        "blind": {"metrics": blind, "difference": gain, "num_items": 9},
        "compared": {
            "random": {"metrics": random},
            "small net": {"metrics": {"headline": {"value": 0.9}}},
        },
        "tables": {
            "gaps": gaps,
            "frames": {"counts": {"1": one}, "blind": moving},
            "shuffled": {"shuffled": one | {"changed": changed}, "blind": moving},
        },
    }  # fmt: skip


SHOWN = ("smile", "empty")


def test_every_figure_has_its_baselines_beside_it():
    row = gather(make_result(), SHOWN)
    figures = row["figures"]
    assert figures["headline"] == {
        "value": 0.7, "low": pytest.approx(0.6), "high": pytest.approx(0.8), "items": 7,
        "prior": 0.5, "random": 0.52, "blind": 0.45,
        "peers": {"small net": 0.9},
    }  # fmt: skip
    assert figures["smile"]["random"] is None
    assert figures["empty"]["value"] is None
    gain = figures["headline, less the blind copy's on the same items"]
    assert gain["value"] == 0.25
    assert gain["low"] == pytest.approx(0.15)
    # Clips alone are asked about again: the baselines are those of the clips, or none.
    for name in ("headline, 1 frame", "headline, frames out of order"):
        assert figures[name]["value"] == 0.55
        assert figures[name]["items"] == 7
        assert figures[name]["blind"] == 0.41
        assert figures[name]["random"] is None
    changed = figures["answers changed by order, timed minus lasting"]
    assert changed["prior"] == 0.0
    assert changed.get("random") is changed.get("blind") is None
    wording = figures["range over three wordings, mean over names (0 is best)"]
    assert wording["value"] == pytest.approx(0.15)
    assert wording["blind"] == 0.0
    assert figures["largest gap by sex, for audit: hat"]["value"] == 0.15
    assert figures["yes-bias (0 is best)"]["value"] == 0.25


def test_a_figure_that_its_task_does_not_give_is_refused_and_never_left_out():
    with pytest.raises(BadInput, match="rendered gives no figure 'smiles'") as error:
        gather(make_result(), ("smiles",))
    assert error.value.hint == "did you mean 'smile'?"
    text = write_table({"models": {"toy": {"rendered": gather(make_result(), SHOWN)}}})
    assert "| empty | – |" in text


def make_items(task):
    """Return one item and its counterpart of each kind and group that a task's figures rest on."""
    told = {
        "timed/order": ("Sort by time: nodding and blinking.", "He nods, then he blinks.", "order"),
        "timed/first": ("What happens first?", "First, he nods from 1.0 to 2.0 s.", "fact"),
        "timed/after": ("What comes next?", "Then he nods from 1.0 to 2.0 s.", "fact"),
        "timed/when": ("When does he nod?", "He nods from 1.0 to 2.0 s.", "fact"),
        "summary": ("Describe him.", "A man with a beard.", "description"),
        "unanswerable": ("What is his name?", "That cannot be told.", "decline"),
    }
    if task in ("favchat-test", "unif2ace-description", "unif2ace-conversation"):
        return [
            Item(f"{group}/{level}", "m", asked, "text", Reference(asked, said, form), group,
                 level=level)
            for group, (asked, said, form) in told.items() for level in (1, 2, 3, 4)
        ]  # fmt: skip
    names = {
        "first-light": ("ffhq/male", "fairface/male", "lfw/happy", "london/smile", "london/male"),
        "rendered": ("black_hair", "nod"), "counterfactual": ("smile",),
    }[task]  # fmt: skip
    items = [
        Item(f"{group}/{truth}/{denied}", f"m {truth}", "?", "yes_no", truth, group,
             name=group.rpartition("/")[2], subject=f"s {truth}" if len(names) > 1 else "pair",
             is_denied=denied)
        for group in names for truth in (True, False) for denied in (False, True)
    ]  # fmt: skip
    if task == "first-light":
        items += [Item(f"age/{n}", f"a{n}", "?", "age", n, "fairface/age")
                  for n in ("20-29", "40-49")]  # fmt: skip
    if task == "rendered":
        span = {"spans": [(1.0, 2.0)], "duration": 4.0}
        items.append(Item("when", "m True", "?", "spans", span, "when/nod", name="nod"))
    return items


@pytest.mark.parametrize(
    "trial", [t for t in TRIALS if not t.is_about_scenes], ids=lambda trial: trial.task
)
def test_every_figure_of_a_trial_is_one_that_its_task_gives(trial):
    known = TASKS[trial.task].score(make_items(trial.task), {}).figures
    assert {TASKS[trial.task].headline, *trial.figures} <= known.keys()


def test_without_a_peer_the_table_says_so_and_names_what_was_not_run():
    result = make_result()
    del result["compared"]
    text = write_table({
        "count": 20,
        "models": {
            "toy": {"rendered": gather(result, SHOWN), "first-light": "not run: needs DATA/face"},
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
    assert "Not part of this run: `dfew`." in text
    assert "At most 20 media" in text


def test_percent_is_shown_with_one_place():
    result = make_result()
    result["metrics"]["headline"] = {
        "value": 61.234, "low": 50.0, "high": 70.0, "prior": 55.5, "unit": "percent",
    }  # fmt: skip
    text = write_table({"models": {"toy": {"rsvqa-lr": gather(result, ())}}})
    assert "61.2 [50.0, 70.0] | 9 | 55.5" in text


def test_every_task_is_tried_or_named_as_no_part_of_the_run():
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


@pytest.mark.parametrize(("count", "kept"), [(4, {"other": {"t": "row"}}), (5, {})])
def test_models_that_are_not_asked_keep_their_figures_of_as_many_media(count, kept, tmp_path):
    result = tmp_path / "result.json"
    options = argparse.Namespace(result=result, count=4, models=["toy"])
    assert read_others(options) == {}
    models = {"toy": {"t": "old"}, "other": {"t": "row"}}
    result.write_text(json.dumps({"count": count, "models": models}))
    assert read_others(options) == kept


def test_data_are_looked_for_where_they_lie(tmp_path):
    options = argparse.Namespace(data=tmp_path, out=tmp_path, count=2)
    assert find_data(Trial("x"), options) == Path()
    assert find_data(Trial("x", "face"), options) is None
    (tmp_path / "face").mkdir()
    assert find_data(Trial("x", "face"), options) == tmp_path / "face"
    assert BUILT not in {trial.folder for trial in TRIALS if trial.is_about_scenes}
    assert set(MODELS) == {"chat-tiny", "draw-tiny", "scene-tiny"}
