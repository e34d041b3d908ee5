"""The log: losses by kind and level, rows of a step done again, tables and plots."""

import os
from pathlib import Path

import pytest
import torch

from lineament.model.experts import ExpertUse
from lineament.training.examples import ExampleList
from lineament.training.guard import (
    SpikeGuard,
    StageClock,
    limit_kernel_cache,
    rate_factor,
    seed_step,
)
from lineament.training.journal import (
    Journal,
    LossTable,
    plot_experts,
    plot_losses,
    read_log,
    write_expert_table,
    write_loss_table,
)
from lineament.training.objectives import open_objective
from lineament.training.processes import (
    any_process,
    gather_objects,
    is_shared,
    largest,
    mean_of,
)
from lineament.training.stream import Order, Stream
from lineament.training.tensorboard import CurveWriter
from lineament.training.validation import add_clips, validate
from test_model_toys import _one_thread, toy_model, toy_processor  # noqa: F401
from test_training_toys import toy_example, toy_stage


def table() -> LossTable:
    losses = LossTable()
    losses.add(
        torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0, 0, 1]), [("yes_no", 1), ("timed", 3)]
    )
    return losses


def test_losses_are_means_over_labels_by_kind_and_level():
    means = table().means()
    assert means["loss"] == 3.0
    assert means["by_kind"] == {"timed": 5.0, "yes_no": 2.0}
    assert means["by_level"] == {"1": 2.0, "3": 5.0}
    both = table()
    both.merge(table().sums)
    assert both.means() == means


def test_a_process_alone_shares_with_itself_and_tells_nothing_twice(tmp_path: Path):
    assert table().shared().sums == table().sums
    assert any_process([True, False]) == [True, False]
    assert (mean_of(2.5), largest(2.5), gather_objects("x")) == (2.5, 2.5, ["x"])
    assert not is_shared()
    journal = Journal(tmp_path)
    journal.note_skipped([("a", "broken"), ("b", "empty")], "one", 1)
    journal.share_skipped()
    assert journal.num_skipped == 2
    rows = read_log(tmp_path / "skipped.jsonl")
    assert [(row["id"], row["reason"]) for row in rows] == [("a", "broken"), ("b", "empty")]


def write_rows(folder: Path) -> Journal:
    journal = Journal(folder)
    for stage in ("one", "two"):
        for step in (2, 4, 6):
            row = {"stage": stage, "step": step, "set": "train", **table().means()}
            journal.write(row)
    return journal


def test_rows_behind_the_step_that_is_resumed_are_forgotten(tmp_path: Path):
    journal = write_rows(tmp_path)
    with journal.path.open("a") as lines:
        lines.write('{"stage": "two", "st')  # killed while writing
    journal.cut("two", 4)
    kept = [(row["stage"], row["step"]) for row in read_log(journal.path)]
    assert kept == [("one", 2), ("one", 4), ("one", 6), ("two", 2), ("two", 4)]


def test_the_validation_that_a_stage_ends_with_is_forgotten_where_it_comes_again(tmp_path: Path):
    journal = write_rows(tmp_path)
    for stage in ("one", "two"):
        journal.write({"stage": stage, "step": 6, "set": "validation", "is_final": True})
    journal.cut("two", 6)
    kept = [(row["stage"], row["step"], row["set"]) for row in read_log(journal.path)]
    assert [row[:2] for row in kept if row[2] == "validation"] == [("one", 6)]
    assert [row[:2] for row in kept if row[2] == "train"][-1] == ("two", 6)


def test_what_was_skipped_behind_the_step_is_forgotten_and_the_rest_counted(tmp_path: Path):
    journal = Journal(tmp_path)
    for stage, step in (("one", 9), ("two", 1), ("two", 3)):
        journal.note_skipped([(f"train {stage} {step}", "broken")], stage, step)
        journal.note_held_out([(f"held out {step}", "broken"), ("often", "broken")], stage, step)
    assert journal.num_skipped == 3 + 3 + 2  # the one that comes often: once a stage
    resumed, other = Journal(tmp_path), Journal(tmp_path, is_writer=False)
    for one in (other, resumed):
        one.cut("two", 2)
        assert one.num_skipped == 6
    resumed.note_held_out([("often", "broken")], "two", 3)
    assert resumed.num_skipped == 6
    steps = [(row["stage"], row["step"]) for row in read_log(tmp_path / "skipped.jsonl")]
    assert steps == [("one", 9)] * 3 + [("two", 1)] * 3


def test_numbers_that_are_not_finite_are_written_as_null(tmp_path: Path):
    journal = Journal(tmp_path)
    row = {"stage": "one", "step": 1, "set": "train", "loss": float("nan")}
    journal.write(row | {"by_kind": {"timed": float("inf")}, "expert_use": [0.5, float("nan")]})
    journal.cut("one", 1)
    text = journal.path.read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    (read,) = read_log(journal.path)
    assert (read["loss"], read["by_kind"], read["expert_use"]) == (
        None,
        {"timed": None},
        [0.5, None],
    )
    assert LossTable().means() == {"loss": None, "by_kind": {}, "by_level": {}}
    write_loss_table(journal.path, tmp_path / "losses.csv")
    assert "one,1,train,timed,\r" in (tmp_path / "losses.csv").read_bytes().decode()
    pytest.importorskip("matplotlib")
    plot_losses(journal.path, tmp_path / "losses.png")


def read_events(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {
        name: [(event.step, event.value) for event in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


def test_curves_hold_what_the_log_does_and_no_step_twice(tmp_path: Path):
    curves = CurveWriter(tmp_path / "tensorboard")
    journal = Journal(tmp_path, curves=curves)
    journal.cut("one", 0)
    for step in (1, 2, 3):
        row = {"stage": "one", "step": step, "set": "train", "grad_norm": 0.5, **table().means()}
        journal.write(row)
    journal.write({"stage": "one", "step": 3, "set": "left_out", "grad_norm": "nan"})
    journal.write({"stage": "one", "step": 3, "set": "validation", **table().means()})
    journal.write({"stage": "one", "step": 4, "set": "validation", **LossTable().means()})
    journal.cut("one", 2)
    journal.write({"stage": "one", "step": 3, "set": "validation", **table().means()})
    journal.close()
    found = read_events(tmp_path / "tensorboard" / "one")
    assert found["train/loss"] == [(1, 3.0), (2, 3.0)]
    assert found["train/grad_norm"] == [(1, 0.5), (2, 0.5)]
    assert found["validation/loss"] == [(3, 3.0)]
    assert found["validation/kind/timed"] == [(3, 5.0)]
    assert found["train/level/3"] == [(1, 5.0), (2, 5.0)]


def test_losses_become_a_table_and_a_plot(tmp_path: Path):
    pytest.importorskip("matplotlib")
    journal = write_rows(tmp_path)
    write_loss_table(journal.path, tmp_path / "losses.csv")
    lines = (tmp_path / "losses.csv").read_text().splitlines()
    assert lines[0] == "stage,step,set,kind,loss"
    assert "one,2,train,timed,5.0" in lines
    assert len(lines) == 1 + 6 * 3
    plot_losses(journal.path, tmp_path / "losses.png")
    assert (tmp_path / "losses.png").read_bytes()[:4] == b"\x89PNG"


def test_use_of_experts_becomes_a_table_and_a_plot_where_there_are_experts(tmp_path: Path):
    pytest.importorskip("matplotlib")
    journal = write_rows(tmp_path)
    files = tmp_path / "experts.csv", tmp_path / "experts.png"
    write_expert_table(journal.path, files[0])
    plot_experts(journal.path, files[1])
    assert not any(path.exists() for path in files)  # a model without any
    use = {"yes_no": [0.25, 0.75], "timed": [1.0, 0.0]}
    journal.write({"stage": "two", "step": 6, "set": "validation", "expert_use_by_kind": use})
    write_expert_table(journal.path, files[0])
    lines = files[0].read_text().splitlines()
    assert lines[1:] == [
        "two,6,yes_no,0,0.25", "two,6,yes_no,1,0.75", "two,6,timed,0,1.0", "two,6,timed,1,0.0"
    ]  # fmt: skip
    plot_experts(journal.path, files[1])
    assert files[1].read_bytes()[:4] == b"\x89PNG"


def test_a_clips_experts_count_for_each_kind_of_what_is_said_about_it():
    use = ExpertUse(3)
    ids = torch.tensor([[[0, 1], [0, 2], [-1, -1]], [[2, 1], [2, 1], [2, 0]]])
    add_clips(use, ids, [["yes_no", "timed"], ["timed", "timed"]])
    assert use.counts() == {"timed": [2 + 2, 1 + 4, 1 + 6], "yes_no": [2, 1, 1]}


def test_the_experts_of_a_batch_are_those_of_its_examples_one_by_one():
    model = toy_model().eval()
    stage = toy_stage(row_tokens=90, share_prefix=False)
    objective = open_objective(stage, model, toy_processor(model.config))
    examples = ExampleList([toy_example(n, 1 + n % 2) for n in range(6)])  # rows mix their order
    stream = Stream([examples], Order([6], [1.0], 6, 0), objective.encode)
    together, apart = (
        validate(objective.learner(), objective, stream, batch_size=size)["expert_use_by_kind"]
        for size in (6, 1)
    )
    assert together == apart
    assert len(together) == 3
    assert len({tuple(shares) for shares in together.values()}) > 1


def test_a_step_without_finite_loss_or_with_a_spike_is_left_out():
    guard = SpikeGuard(factor=10.0, max_bad_steps=3)
    assert all(guard.allows(1.0, 1.0, where="x") for _ in range(25))
    assert not guard.allows(float("nan"), 1.0, where="x")
    assert not guard.allows(1.0, 11.0, where="x")
    assert guard.allows(1.0, 1.1, where="x")
    assert (guard.num_bad, guard.num_bad_in_row) == (2, 0)


def test_too_many_bad_steps_in_a_row_are_an_error():
    from lineament.errors import LineamentError

    guard = SpikeGuard(factor=10.0, max_bad_steps=2)
    assert not guard.allows(float("inf"), 1.0, where="stage a, step 1")
    with pytest.raises(LineamentError, match="stage a, step 2: the loss is not finite for 2"):
        guard.allows(1.0, float("nan"), where="stage a, step 2")


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_rates_rise_over_the_warm_up_and_then_fall(schedule):
    stage = toy_stage(schedule=schedule, warmup=0.1, final_rate=0.2)
    assert rate_factor(0.05, stage) == pytest.approx(0.5)
    assert rate_factor(0.1, stage) == pytest.approx(1.0)
    assert rate_factor(1.0, stage) == pytest.approx(1.0 if schedule == "constant" else 0.2)


def test_progress_is_by_steps_or_by_time_whichever_is_further():
    assert StageClock(toy_stage(num_steps=10)).progress(5) == 0.5
    clock = StageClock(toy_stage(num_steps=10, max_minutes=1.0), earlier_seconds=54.0)
    assert 0.9 <= clock.progress(5) < 0.95
    assert not clock.is_over


def test_a_steps_random_numbers_follow_from_its_own_number():
    seed_step(1, 2, 3, 0)
    first = torch.rand(3)
    seed_step(1, 2, 4, 0)
    other = torch.rand(3)
    seed_step(1, 2, 3, 0)
    assert torch.equal(torch.rand(3), first)
    assert not torch.equal(first, other)


def test_few_kernels_are_kept_unless_the_environment_says_how_many(monkeypatch):
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    monkeypatch.setenv(name, "5")
    limit_kernel_cache()
    assert os.environ[name] == "5"
    monkeypatch.delenv(name)
    limit_kernel_cache()
    assert int(os.environ[name]) < 1024
