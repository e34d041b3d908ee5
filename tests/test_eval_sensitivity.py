"""Sensitivity: fewer frames, frames out of order, levels; prior, blind and number beside all."""

import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from evaluation_toys import noise, toy_answerer
from lineament.cli.app import run
from lineament.cli.evaluate import read_counts
from lineament.cli.figures import print_tables
from lineament.errors import BadInput
from lineament.evaluation.answerer import Asked, Blindfold, ChatAnswerer, Constant
from lineament.evaluation.flags import join_measures, measure_flags, read_verdicts
from lineament.evaluation.item import Item, ItemSet, Visual
from lineament.evaluation.page_tables import draw_tables
from lineament.evaluation.result import Scores
from lineament.evaluation.run import run_task
from lineament.evaluation.sensitivity import (
    draw_order,
    keep_frames,
    measure_changes,
    score_by_level,
    shuffle_frames,
    with_frames,
    with_shuffled_frames,
)
from lineament.evaluation.tasks.task import Options, Task

NUM_FRAMES, NUM_CLIPS = 16, 24


def draw(number: int) -> Visual:
    """Draw a clip: red or not throughout; white in one frame, early or late; some are pictures."""
    is_red, is_early = number % 2 == 0, number % 4 < 2
    frames = np.zeros((NUM_FRAMES, 8, 8, 3), np.uint8)
    frames[..., 0] = 200 if is_red else 40
    frames[3 if is_early else 12, :, :, 1:] = 255
    times = tuple(n / 10 for n in range(NUM_FRAMES))
    if number >= NUM_CLIPS:
        return Visual(frames[:1])
    return Visual(frames, times)


class Flashes:
    """Asks of each clip whether it is red (level 1) and whether it flashes early (level 3)."""

    name = "flashes"
    about = "red or not, early or late"
    headline = "balanced_accuracy"
    needs_folder = False
    splits = ("test",)
    published = ()

    def read_items(self, folder: Path, options: Options) -> ItemSet:
        items = []
        for number in range(NUM_CLIPS + 4):
            for level, name, truth in ((1, "red", number % 2 == 0), (3, "early", number % 4 < 2)):
                items.append(
                    Item(f"{number}/{name}", str(number), f"Is it {name}?", "yes_no", truth, name,
                         level=level)
                )  # fmt: skip
        return ItemSet(tuple(items), lambda media: draw(int(media)))

    def score(self, items, answers) -> Scores:
        verdicts = read_verdicts(items, answers, lambda _, text: text == "Yes.")
        measures = measure_flags(items, verdicts)
        measures = {"balanced_accuracy": join_measures(list(measures.values())), **measures}
        return Scores({name: m.figure() for name, m in measures.items()}, measures)


def see(visual, questions):
    """Answer by colour, and by where in the row of frames the flash stands."""
    green = visual.frames[..., 1].mean(axis=(1, 2))
    is_early = bool(green.any()) and int(green.argmax()) < len(green) / 2
    is_red = visual.frames[..., 0].mean() > 128
    return ["Yes." if (is_red if "red" in q else is_early) else "No." for q in questions]


def test_kept_frames_are_those_in_the_middle_of_equal_shares():
    visual = draw(0)
    assert keep_frames(visual, 1).times_seconds == (0.8,)
    assert keep_frames(visual, 2).times_seconds == (0.4, 1.2)
    assert keep_frames(visual, 4).times_seconds == (0.2, 0.6, 1.0, 1.4)
    assert keep_frames(visual, 99).times_seconds == visual.times_seconds
    kept = keep_frames(visual, 4)
    assert (kept.frames == visual.frames[[2, 6, 10, 14]]).all()
    assert keep_frames(Visual(visual.frames, visual.times_seconds, Path("x.mp4")), 4).path is None


def test_shuffled_frames_are_the_same_frames_at_the_same_times_in_one_fixed_order():
    for count in range(1, 12):
        order = draw_order(count)
        assert sorted(order) == list(range(count))
        assert order.tolist() == draw_order(count).tolist()
        if count > 1:
            assert order.tolist() != list(range(count))
        if count > 2:
            assert order.tolist() != list(range(count))[::-1]
    visual = draw(1)
    other = shuffle_frames(visual)
    assert other.times_seconds == visual.times_seconds
    assert sorted(f.tobytes() for f in other.frames) == sorted(f.tobytes() for f in visual.frames)
    assert (draw_order(9, 0) != draw_order(9, 1)).any()


def test_fewer_frames_cost_the_timed_questions_and_not_the_lasting_ones(tmp_path):
    task = Flashes()
    assert isinstance(task, Task)
    answerer = ChatAnswerer(see, "double")
    result, _, _ = run_task(
        task, answerer, Path(), out=tmp_path, frames=(1, 2, 4, 16), shuffle_frames=True,
        blind=Blindfold(answerer),
    )  # fmt: skip
    assert result.scores.figures["balanced_accuracy"].value > 0.9  # pictures cannot show when
    table = result.to_dict()["tables"]["frames"]
    assert table["num_items"] == 2 * NUM_CLIPS  # pictures are left out
    assert table["all"]["metrics"]["early"]["value"] == 1
    few = table["counts"]["1"]
    assert few["metrics"]["red"]["value"] == 1
    assert few["metrics"]["early"]["value"] == 0.5
    assert few["difference"]["early"]["value"] == 0.5
    assert few["difference"]["early"]["low"] > 0
    assert few["difference"]["red"]["value"] == 0
    assert few["levels"]["single"]["value"] == 1
    assert few["levels"]["timed"]["value"] == 0.5
    assert table["counts"]["16"]["metrics"]["early"]["value"] == 1
    assert table["counts"]["16"]["num_failures"] == 0
    for row in (table["all"], *table["counts"].values()):
        assert row["metrics"]["balanced_accuracy"]["prior"] == 0.5
        assert row["metrics"]["balanced_accuracy"]["num_items"] == 2 * NUM_CLIPS
    assert table["blind"]["balanced_accuracy"]["value"] == 0.5
    shown = {section.heading: section.html for section in draw_tables(result.to_dict()["tables"])}
    assert list(shown) == ["By level", "With fewer frames", "Frames out of order"]
    assert (
        f"{table['counts']['1']['metrics']['balanced_accuracy']['value']:.3f}"
        in (shown["With fewer frames"])
    )
    assert "out of order" in shown["Frames out of order"]
    assert "changed/timed" in shown["Frames out of order"]
    assert ">timed<" in shown["By level"]


def test_frames_out_of_order_change_timed_answers_and_no_lasting_ones():
    answerer = ChatAnswerer(see, "double")
    result, _, _ = run_task(Flashes(), answerer, Path(), shuffle_frames=True)
    row = result.to_dict()["tables"]["shuffled"]["shuffled"]
    changed = row["changed"]
    assert changed["changed/single"]["value"] == 0
    moved = [
        see(draw(n), ["early"]) != see(shuffle_frames(draw(n)), ["early"]) for n in range(NUM_CLIPS)
    ]
    assert changed["changed/timed"]["value"] == pytest.approx(np.mean(moved))
    assert changed["changed/timed minus lasting"]["value"] == pytest.approx(np.mean(moved))
    assert all(entry["prior"] == 0 for entry in changed.values())
    assert row["difference"]["red"]["value"] == 0


@pytest.mark.parametrize("text", ["Yes.", "No."])
def test_whoever_does_not_look_changes_nothing(text):
    def say(visual, questions):
        return [text] * len(questions)

    result, _, _ = run_task(
        Flashes(), ChatAnswerer(say, text), Path(), frames=(1, 8), shuffle_frames=True
    )
    tables = result.to_dict()["tables"]
    assert all(e["value"] == 0 for e in tables["shuffled"]["shuffled"]["changed"].values())
    for row in tables["frames"]["counts"].values():
        assert row["difference"]["balanced_accuracy"]["value"] == 0
        assert row["metrics"]["balanced_accuracy"]["value"] == 0.5


def test_other_frames_are_other_answers_and_are_asked_once(tmp_path):
    calls = []

    def count(visual, questions):
        calls.append(len(visual.frames))
        return see(visual, questions)

    options = {"out": tmp_path, "frames": (2, 4), "shuffle_frames": True}
    run_task(Flashes(), ChatAnswerer(count, "double"), Path(), **options)
    assert sorted(set(calls)) == [1, 2, 4, NUM_FRAMES]
    asked = len(calls)
    run_task(Flashes(), ChatAnswerer(count, "double"), Path(), **options)
    assert len(calls) == asked
    identities = {
        answerer.identity
        for inner in [ChatAnswerer(see, "double")]
        for answerer in (inner, with_frames(inner, 2), with_frames(inner, 4),
                         with_shuffled_frames(inner))
    }  # fmt: skip
    assert len(identities) == 4


def test_what_does_not_look_or_does_not_move_is_refused():
    with pytest.raises(BadInput, match="does not look"):
        run_task(Flashes(), Constant("Yes."), Path(), frames=(1,))
    with pytest.raises(BadInput, match="0 frames"):
        with_frames(ChatAnswerer(see, "double"), 0)

    class Pictures(Flashes):
        def read_items(self, folder, options):
            found = super().read_items(folder, options)
            return ItemSet(found.items, lambda media: Visual(draw(int(media)).frames[:1]))

    with pytest.raises(BadInput, match="several frames"):
        run_task(Pictures(), ChatAnswerer(see, "double"), Path(), shuffle_frames=True)


def test_levels_stand_apart_with_a_blind_copy_beside_them():
    answerer = ChatAnswerer(see, "double")
    result, found, answered = run_task(Flashes(), answerer, Path(), blind=Blindfold(answerer))
    levels = result.to_dict()["tables"]["levels"]
    assert list(levels) == ["single", "timed"]
    assert levels["single"]["value"] == 1
    assert levels["single"]["blind"] == 0.5
    assert levels["timed"]["num_items"] == NUM_CLIPS + 4
    assert levels["timed"]["prior"] == 0.5
    assert not score_by_level(
        Flashes(), [i for i in found.items if i.level == 1], answered.answers
    )  # one level alone is the whole figure


def test_changes_compare_words_and_leave_out_what_was_not_answered():
    items = [
        Item("a", "m", "?", "spans", None, "when", level=3),
        Item("b", "m", "?", "yes_no", True, "g", level=1),
        Item("c", "m", "?", "yes_no", True, "g", level=1),
    ]
    before = {"a": "From 1 to 2 s.", "b": "Yes.", "c": "Yes."}
    measures = measure_changes(items, before, {"a": "From 2 to 3 s.", "b": "yes"})
    assert measures["changed/when"].value == 1
    assert measures["changed/single"].value == 0
    assert list(measures["changed/single"].ids) == ["b"]
    assert measures["changed/timed minus lasting"].value == 1


def test_the_tables_are_printed_with_prior_blind_and_number():
    answerer = ChatAnswerer(see, "double")
    result, _, _ = run_task(
        Flashes(), answerer, Path(), frames=(1, 8), shuffle_frames=True, blind=Blindfold(answerer)
    )
    console = Console(width=200, record=True)
    print_tables(result.scores.tables, console)
    text = console.export_text()
    for word in ("level", "frames kept", "out of order", "prior", "blind", "all minus it"):
        assert word in text
    assert f"{2 * NUM_CLIPS}" in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--frames", "1,x"], "no number of frames"),
        (["--frames", "0"], "no number of frames"),
        (["--frames", "2"], "does not look"),
        (["--shuffle-frames"], "does not look"),
    ],
)
def test_the_command_refuses_what_cannot_be_done(arguments, says, tmp_path, capsys):
    path = tmp_path / "p.jsonl"
    path.write_text('{"id": "a", "prediction": "Yes."}\n')
    pytest.importorskip("skia")
    given = ["eval", "counterfactual", "--count", "2", "--predictions", str(path), *arguments]
    assert run(given) == 2
    error = capsys.readouterr().err.splitlines()[0]
    assert error.startswith("error: ")
    assert says in error


def test_numbers_of_frames_are_read_once_each_and_in_order():
    assert read_counts("8, 1,2,,8") == (1, 2, 8)
    assert read_counts("") == ()


def test_our_own_model_is_shown_the_frames_that_are_kept():
    answerer, clip = toy_answerer(), noise(8)
    asked = [Asked("a", "q", visual=clip)]
    for count in (1, 2):
        kept = [Asked("a", "q", visual=keep_frames(clip, count))]
        assert with_frames(answerer, count).answer(asked) == answerer.answer(kept)
    whole = answerer.answer(asked)
    assert with_frames(answerer, 8).answer(asked) == whole
    assert json.dumps(with_shuffled_frames(answerer).answer(asked)) != json.dumps(None)
