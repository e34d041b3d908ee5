"""Checkpoints: what we add to those of ``transformers``, and which of them are whole."""

import json
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import load_file, save_file

from lineament.config import write_recipe
from lineament.errors import BadModel
from lineament.training.folder import RECIPE
from lineament.training.guard import SpikeGuard
from lineament.training.stage_run import StageRun

COMPLETE = "complete"  # written last, so that a checkpoint cut short is told from a whole one
STATE = "run_state.json"
AVERAGE = "average.safetensors"
CRITIC = "critic.safetensors"


def complete_checkpoint(run: StageRun, folder: Path) -> None:
    """Add what we need to resume, and mark the checkpoint as whole."""
    guard = asdict(run.guard)
    row = {"seconds": run.clock.seconds, "guard": guard}
    (folder / STATE).write_text(json.dumps(row), encoding="utf-8")
    write_recipe(run.recipe, folder / RECIPE)
    if run.average is not None:
        save_file(run.average.shadow, folder / AVERAGE)
    if run.critic is not None:
        save_file(run.critic.state_dict(), folder / CRITIC)
    (folder / COMPLETE).touch()


def find_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint of a stage."""
    found = [path for path in folder.glob("checkpoint-*") if (path / COMPLETE).is_file()]
    return max(found, key=lambda path: int(path.name.split("-")[1]), default=None)


def restore_state(run: StageRun, checkpoint: Path) -> None:
    """Put clock, guard, averaged weights and a critic back.

    Raises:
        BadModel: The checkpoint is damaged.
    """
    try:
        row = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
        run.clock.earlier_seconds = float(row["seconds"])
        run.guard = SpikeGuard(**row["guard"])
        if run.average is not None:
            run.average.shadow = load_file(checkpoint / AVERAGE)
        if run.critic is not None:
            run.critic.load_state_dict(load_file(checkpoint / CRITIC))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise BadModel(
            f"{checkpoint}: the checkpoint is damaged ({error})", hint="remove this folder"
        ) from None
