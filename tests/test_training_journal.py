"""The log: losses by kind and level, rows of a step done again, tables and plots."""

from pathlib import Path

import pytest
import torch

from lineament.training.guard import SpikeGuard, StageClock, rate_factor, seed_step
from lineament.training.journal import Journal, LossTable, plot_losses, read_log, write_loss_table
from lineament.training.processes import (
    any_process,
    gather_objects,
    is_shared,
    largest,
    mean_of,
)
from test_training_toys import toy_stage


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
    journal.note_skipped([("a", "broken"), ("b", "empty")], "one")
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
