"""Chance and the majority: neither looks good in a headline metric, and the check can fail."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lineament.cli.app import run
from lineament.evaluation.answerer import Asked, Failure
from lineament.evaluation.asking import answer_items
from lineament.evaluation.item import Item, ItemSet, Visual
from lineament.evaluation.measure import Measure
from lineament.evaluation.result import Figure, Scores
from lineament.evaluation.tasks.chance import Chance
from lineament.evaluation.tasks.table import TASKS, require_task
from lineament.evaluation.tasks.task import Options
from lineament.evaluation.tasks.told_answers import Reference
from lineament.metrics.intervals import mean_of, mean_stats
from scene_fixtures import MAKERS, answer_rightly
from test_evaluation import make_faces

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
MARGIN = 0.1  # of what a perfect answerer has above chance
# Whoever guesses both sides of a pair is right on both one time in four.
CHANCES = {"counterfactual": 0.25}
NEEDS_RENDERER = {"rendered": 30, "counterfactual": 200}  # and how many clips or pairs
# Their prior is the best of a few common answers, so the commonest of equals may lie above it.
TOLD = ("favchat-test", "unif2ace-description", "unif2ace-conversation")


def make_drawings(folder: Path) -> Path:
    """Write drawings of which three in four were to smile, and as many to wear a hat."""
    folder.mkdir()
    rows = []
    for n in range(200):
        flags = {"smile": n % 4 > 0, "wearing_hat": n % 4 != 1}
        said = " and ".join(f"{'' if on else 'no '}{name}" for name, on in flags.items())
        rows.append({"id": str(n), "file": f"{n}.png", "caption": said, "attributes": flags})
        Image.fromarray(np.full((8, 8, 3), 128, np.uint8)).save(folder / f"{n}.png")
    lines = "\n".join(json.dumps(row) for row in rows)
    (folder / "captions.jsonl").write_text(lines, encoding="utf-8")
    return folder


def find_items(name: str, folder: Path) -> ItemSet:
    """Return the items of a task on its fixture, more than usual where that costs nothing."""
    task = require_task(name)
    if name in NEEDS_RENDERER:
        pytest.importorskip("skia")
        return task.read_items(Path(), Options(count=NEEDS_RENDERER[name]))
    if name == "first-light":
        return task.read_items(make_faces(folder / "face", 72), Options())
    make = {"drawings": make_drawings}.get(name, MAKERS[name])
    assert make is not None
    return task.read_items(make(folder / "data"), Options())


def answer_by_majority(items: Sequence[Item]) -> dict[str, str]:
    """Say of each item what is right most often where it stands, as a blind model may learn."""
    common: dict[tuple[str, bool], Counter[str]] = defaultdict(Counter)
    for item in items:
        common[_stand_of(item)][answer_rightly(item)] += 1
    return {i.id: common[_stand_of(i)].most_common(1)[0][0] for i in items}


def _stand_of(item: Item) -> tuple[str, bool]:
    # Groups of boxes, classes and captions are parts of the data, which no question tells.
    is_caption = item.kind == "text" and not isinstance(item.truth, Reference)
    return "" if is_caption or item.kind in ("box", "class") else item.group, item.is_denied


def find_neutral(task, found: ItemSet, figure: Figure) -> float:
    """Return the fixed value of a headline for whoever says always the same.

    Captions have none: there a constant may get its prior, which is what one of five fixed
    references gets and lies far below what right captions get.
    """
    headline = task.headline.rpartition("/")[2]
    truths = {repr(item.truth) for item in found.items if item.kind in ("class", "box")}
    if headline == "cider":
        assert figure.prior is not None
        return figure.prior
    if headline == "uar" and task.name == "floodnet":
        return 50.0  # the fixture has two answers to each kind of question
    neutrals = {
        "balanced_accuracy": 50.0 if figure.unit == "percent" else 0.5,
        "flipped": 0.0,
        "skill": 0.0,
        "uar": 100 / max(len(truths), 1),
        "accuracy_50": 100 / max(len(truths), 1),  # no two of them overlap
    }
    return neutrals[headline]


def find_excess(task, items: Sequence[Item], answers: Mapping[str, str], chance=None) -> float:
    """Return how far a headline lies above chance, as a share of what lies between it and all."""
    figure = task.score(items, answers).figures[task.headline]
    whole = 100.0 if figure.unit == "percent" else 1.0
    assert figure.prior is not None
    chance = figure.prior if chance is None else chance
    return (figure.value - chance) / (whole - chance)


def test_every_task_is_looked_at_below():
    assert set(MAKERS) == set(TASKS)


@pytest.mark.parametrize("name", MAKERS)
def test_whoever_says_always_the_same_looks_like_nothing_in_a_headline(name, tmp_path):
    task = require_task(name)
    found = find_items(name, tmp_path)
    right = {item.id: answer_rightly(item) for item in found.items}
    perfect = task.score(found.items, right).figures[task.headline]
    majority = answer_by_majority(found.items)
    figure = task.score(found.items, majority).figures[task.headline]
    neutral = find_neutral(task, found, figure)
    assert perfect.value - neutral >= 0.45 * perfect.value > 0  # there is something to win
    # A prior of captions is the best of five, so that the commonest of equals may lie above it.
    is_caption = task.headline.endswith("cider")
    margin = MARGIN * (perfect.value - neutral) if is_caption or name in TOLD else 1e-9
    assert figure.value <= neutral + margin
    if is_caption:
        assert neutral < perfect.value / 3


@pytest.mark.parametrize("name", ["rsvqa-lr", "rsvqa-hr", "rsivqa", "vrsbench-vqa"])
def test_plain_exact_match_would_have_been_lifted_by_the_majority(name, tmp_path):
    task = require_task(name)
    found = find_items(name, tmp_path)
    figures = task.score(found.items, answer_by_majority(found.items)).figures
    prefix = task.headline.removesuffix("skill")
    assert figures[f"{prefix}exact_match_mean_over_types"].value >= 50
    assert figures[f"{prefix}skill"].value == pytest.approx(0)


@pytest.mark.parametrize(
    "name",
    ["first-light", "rendered", "counterfactual", "favchat-test", "unif2ace-description",
     "unif2ace-conversation", "drawings"],
)  # fmt: skip
def test_chance_does_not_look_good_in_a_headline(name, tmp_path):
    task = require_task(name)
    found = find_items(name, tmp_path)
    right = {item.id: answer_rightly(item) for item in found.items}
    assert find_excess(task, found.items, right) > 0.9
    drawn = answer_items(found, Chance(found.items))
    assert not drawn.failures
    assert find_excess(task, found.items, drawn.answers, CHANCES.get(name)) <= MARGIN


def test_neither_wins_on_the_real_questions_of_rsvqa():
    pictures = DATA / "rs" / "rsvqa_splits" / "RSVQA-LR"
    if not pictures.is_dir():
        pytest.skip(f"the questions are not here: {pictures}")
    task = require_task("rsvqa-lr")
    found = task.read_items(pictures, Options())
    right = {item.id: answer_rightly(item) for item in found.items}
    assert find_excess(task, found.items, right) == pytest.approx(1)
    assert find_excess(task, found.items, answer_by_majority(found.items)) <= 1e-9
    drawn = answer_items(found, Chance(found.items))
    assert find_excess(task, found.items, drawn.answers) <= MARGIN


class Accuracy:
    """A task that quotes plain accuracy where nearly all answers are yes, and calls it chance."""

    headline = "accuracy"

    def score(self, items, answers):
        right = [answers[item.id] == answer_rightly(item) for item in items]
        ids = [item.id for item in items]
        stats = mean_stats(np.array(right, np.float64))
        measure = Measure(ids, ids, stats, mean_of, prior=0.5)
        return Scores({"accuracy": measure.figure()}, {"accuracy": measure})


def make_flags(count: int = 200) -> list[Item]:
    return [
        Item(f"i{n}", f"m{n}", "Is she smiling?", "yes_no", n % 10 > 0, "smile")
        for n in range(count)
    ]


def test_the_check_finds_a_headline_that_the_majority_wins():
    items = make_flags()
    assert find_excess(Accuracy(), items, answer_by_majority(items)) == pytest.approx(0.8)


def ask(chance: Chance, items: Sequence[Item]) -> list[str]:
    return [
        str(said) for said in chance.answer([Asked(i.id, i.question, i.options) for i in items])
    ]


def test_chance_says_yes_half_the_time_and_does_not_know_the_truth():
    items = make_flags(1000)
    said = ask(Chance(items), items)
    assert 440 < said.count("Yes.") < 560
    assert set(said) == {"Yes.", "No."}
    turned = [replace(item, truth=not item.truth) for item in items]
    assert ask(Chance(turned), turned) == said
    assert ask(Chance(list(reversed(items))), items) == said
    assert ask(Chance(items, seed=1), items) != said


def test_chance_takes_every_option_alike():
    options = ("glasses", "hat", "scarf", "mask")
    items = [
        Item(f"i{n}", "m", "What is worn?", "choice", "B", "g", options=options)
        for n in range(2000)
    ]
    counts = Counter(ask(Chance(items), items))
    assert set(counts) == {"A.", "B.", "C.", "D."}
    assert all(420 < count < 580 for count in counts.values())


def test_chance_answers_each_kind_in_its_own_words():
    span = {"spans": [(1.0, 2.0)], "duration": 4.0}
    items = [
        Item("when", "m", "When does she blink?", "spans", span, "w"),
        Item("old", "m", "How old is she?", "age", "30-39", "a"),
        Item("box", "m", "Where is it?", "box", (0.0, 0.0, 9.0, 9.0), "b"),
        Item("one", "m", "What?", "exact", "red", "e"),
        Item("two", "m", "What?", "exact", "blue", "e"),
        Item("told", "m", "What?", "text", ("a field", "a meadow"), "t"),
        Item("class", "m", "Which?", "class", "harbour", "part 1"),
        Item("choice", "m", "", "text", Reference("Is it (A) red, (B) blue?", "B", "choice"), "c"),
    ]
    said = dict(zip([item.id for item in items], ask(Chance(items), items), strict=True))
    start, stop = (float(part) for part in said["when"][5:-3].split(" to "))
    assert 0 <= start <= stop <= 4
    assert 20 <= int(said["old"].split()[0]) < 80
    x0, y0, x1, y1 = json.loads(said["box"])
    assert 0 <= x0 <= x1 <= 100
    assert 0 <= y0 <= y1 <= 100
    assert {said["one"], said["two"]} <= {"red", "blue"}
    assert said["told"] in ("a field", "a meadow")
    assert said["class"] == "harbour"
    assert said["choice"] in ("(A)", "(B)")
    (unknown,) = Chance(items).answer([Asked("nobody", "What?")])
    assert isinstance(unknown, Failure)


def test_random_stands_beside_the_figures_of_a_run(tmp_path, capsys):
    pytest.importorskip("skia")
    path = tmp_path / "p.jsonl"
    found = require_task("counterfactual").read_items(Path(), Options(count=6))
    rows = [{"id": item.id, "prediction": answer_rightly(item)} for item in found.items]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    given = ["eval", "counterfactual", "--count", "6", "--predictions", str(path)]
    assert run([*given, "--random", "--json", "--out", str(tmp_path / "out")]) == 0
    row = json.loads(capsys.readouterr().out)
    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "Against random" in page
    assert "not tested here" in page
    assert row["metrics"]["flipped"]["value"] == 1.0
    random = row["compared"]["random"]
    assert random["num_items"] == row["num_items"]
    assert random["metrics"]["flipped"]["value"] < 0.8
    assert random["difference"]["flipped"]["value"] > 0
    others = ["--compare", str(path), "--out", str(tmp_path / "compared")]
    assert run([*given, "--json", *others]) == 0
    assert "random" not in json.loads(capsys.readouterr().out)["compared"]
    page = (tmp_path / "compared" / "index.html").read_text(encoding="utf-8")
    assert "not tested here" not in page


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--frames", "0"], "--frames: '0' is no number of frames"),
        (["--frames", "2,-1"], "--frames: '-1' is no number of frames"),
        (["--judge", "nobody"], "--judge: 'nobody' is no judge"),
    ],
)
def test_what_is_wrong_with_a_command_is_said_before_a_model_is_loaded(
    arguments, says, capsys, monkeypatch
):
    def refuse(*_, **__):
        raise AssertionError("a model was loaded for a command that cannot be run")

    monkeypatch.setattr("lineament.cli.evaluate.find_answerers", refuse)
    assert run(["eval", "counterfactual", "--model", "chat-tiny", *arguments]) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error == f"error: {says}"
    assert hint.startswith("hint: ")


def test_a_visual_is_never_opened_for_chance():
    def refuse(media: str) -> Visual:
        raise AssertionError(f"{media} was opened")

    items = make_flags(4)
    answered = answer_items(ItemSet(tuple(items), refuse), Chance(items))
    assert len(answered.answers) == 4
