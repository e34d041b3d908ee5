"""Stopping and starting: interrupts, time used up, folders that are refused or stay free."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from transformers import TrainerCallback

from lineament.cli.app import run
from lineament.cli.train import ABORTED, STOPPED
from lineament.config import write_recipe
from lineament.errors import LineamentError
from lineament.recipes.smoke import smoke
from lineament.training.checkpoint import find_checkpoint
from lineament.training.folder import check_name, claim_folder
from lineament.training.guard import catch_stop_signals
from lineament.training.journal import read_log
from lineament.training.recipe import Mix
from lineament.training.run import run_recipe
from test_model_toys import _one_thread  # noqa: F401
from test_training_toys import TOY_SOURCES, toy_recipe, toy_stage

TESTS = Path(__file__).resolve().parent
PREPARED: list[str] = []


def prepare_and_note(recipe, out, report):
    """Prepare nothing, and tell that it was asked to."""
    del out, report
    PREPARED.append(recipe.name)
    return recipe


def prepare_for_long(recipe, out, report):
    """Say that it is there, and wait to be interrupted."""
    del report
    (out / "preparing").touch()
    time.sleep(120)
    return recipe


def test_a_refused_start_leaves_the_folder_to_the_corrected_one(tmp_path):
    out = tmp_path / "run"
    wrong = toy_recipe(toy_stage(data=(Mix(source="nothere"),)))
    late = toy_recipe(toy_stage(row_tokens=10))  # what only the rehearsal finds
    for recipe in (wrong, late):
        with pytest.raises(LineamentError):
            run_recipe(recipe, out, sources=TOY_SOURCES)
    assert run_recipe(toy_recipe(toy_stage(num_steps=1)), out, sources=TOY_SOURCES).status == "done"


def test_a_folder_is_refused_before_anything_is_prepared_or_its_cost_shown(tmp_path, capsys):
    recipe = smoke().replace(prepare="test_training_stopping:prepare_and_note")
    claim_folder(recipe, tmp_path / "other", resume=False)
    full = recipe.replace(name="large", model=recipe.model.replace(size="full"))
    write_recipe(full, tmp_path / "recipe.json")
    words = ["train", str(tmp_path / "recipe.json"), "--out", str(tmp_path / "other")]
    assert run(words) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'other'}: holds a run already")
    assert run([*words, "--resume"]) == 2
    assert "name was 'smoke', now 'large'" in capsys.readouterr().err
    assert PREPARED == []
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["recipe.json"]
    check_name(recipe, tmp_path / "other", resume=True)
    check_name(recipe, tmp_path / "nowhere", resume=False)
    assert not (tmp_path / "nowhere").exists()


class Slow(TrainerCallback):
    """Makes a step last a while."""

    def on_step_end(self, args, state, control, **kwargs) -> None:
        time.sleep(0.2)


def test_the_time_of_a_call_is_one_for_all_its_stages(tmp_path):
    stages = tuple(toy_stage(name, num_steps=3) for name in ("one", "two", "three"))
    minutes, began = 3.0, time.monotonic() - 3.0 * 60 + 0.5  # half a second is left
    told = []

    def run_on(**more):
        return run_recipe(
            toy_recipe(*stages), tmp_path / "run", sources=TOY_SOURCES, resume=True,
            callbacks=[Slow()], on_progress=lambda *step: told.append(step[:2]),
            pause_minutes=minutes, began=began, **more,
        )  # fmt: skip

    assert run_on().status == "stopped"
    assert len(told) <= 3  # a first step at least, and no stage with a time of its own
    result = run_on()
    while result.status != "done" and len(told) < 20:
        result = run_on()
    assert (result.status, result.num_steps) == ("done", 9)
    assert told == [(stage.name, step) for stage in stages for step in (1, 2, 3)]


def test_a_first_interrupt_stops_and_a_second_one_aborts(caplog):
    before = signal.getsignal(signal.SIGINT)
    with catch_stop_signals() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.is_set
        assert "interrupt again to abort" in caplog.text
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_that_is_to_be_ignored_stays_so():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with catch_stop_signals() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert not stop.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def start_apart(recipe: Path, out: Path, *words: str) -> subprocess.Popen:
    """Start the command as a terminal does: an interrupt reaches all its processes."""
    code = f"import sys; sys.path.insert(0, {str(TESTS)!r})\nfrom lineament.cli import main\nmain()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "train", str(recipe), "--out", str(out), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def interrupt_when(process: subprocess.Popen, is_due, *, pause: float = 0.0) -> tuple[int, str]:
    """Interrupt a process and what it has started, and return how it ended."""
    try:
        end = time.monotonic() + 240
        while not is_due():
            assert process.poll() is None, process.communicate()[1][-2000:]
            assert time.monotonic() < end
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        if pause:
            time.sleep(pause)
            os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=120)
        return process.returncode, errors
    finally:
        process.kill()


@pytest.mark.slow
def test_an_interrupted_command_saves_and_says_how_to_go_on(tmp_path):
    recipe = smoke()
    stages = (recipe.stages[0].replace(validation=(), num_steps=2000, save_every=2000),)
    write_recipe(recipe.replace(stages=stages, num_workers=1), tmp_path / "recipe.json")
    out = tmp_path / "run"
    log = out / "log.jsonl"
    process = start_apart(tmp_path / "recipe.json", out)
    code, errors = interrupt_when(process, lambda: log.is_file() and bool(read_log(log)))
    assert code == STOPPED, errors
    lines = errors.splitlines()
    assert lines[0] == "stopping behind this step; interrupt again to abort"
    assert lines[1].endswith("; --resume goes on")
    assert len(lines) == 2
    assert find_checkpoint(out / "0-summaries") is not None


@pytest.mark.slow
def test_an_interrupt_amid_preparation_is_told_in_one_line(tmp_path):
    recipe = smoke().replace(prepare="test_training_stopping:prepare_for_long")
    write_recipe(recipe, tmp_path / "recipe.json")
    out = tmp_path / "run"
    process = start_apart(tmp_path / "recipe.json", out)
    code, errors = interrupt_when(process, (out / "preparing").is_file)
    assert (code, errors.strip().splitlines()[-1]) == (ABORTED, "aborted; nothing was trained")


def test_a_second_interrupt_of_the_command_is_told_in_one_line(tmp_path, capsys, monkeypatch):
    def interrupt(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("lineament.training.run.run_recipe", interrupt)
    out = tmp_path / "run"
    claim_folder(smoke(), out, resume=False)
    assert run(["train", "smoke", "--out", str(out), "--resume"]) == ABORTED
    told = capsys.readouterr().err.splitlines()
    assert told == ["aborted; --resume goes on from the last checkpoint"]


def test_an_interrupted_command_that_keeps_its_work_says_so(capsys, monkeypatch):
    def interrupt(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("lineament.cli.build.find_source", interrupt)
    assert run(["build", "rendered", "--out", "nowhere"]) == 130
    assert capsys.readouterr().err.splitlines() == [
        "error: stopped", "hint: run the same command again to go on"
    ]  # fmt: skip
