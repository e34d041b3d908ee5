"""Checkpoints: what we add to those of ``transformers``, and which of them are whole."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from pickle import PickleError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import TrainerState

from lineament.config import write_recipe
from lineament.errors import BadModel
from lineament.training.folder import RECIPE, is_first_process
from lineament.training.guard import SpikeGuard
from lineament.training.shard import gather_full, shard_like
from lineament.training.stage_run import StageRun

COMPLETE = "complete"  # written last, so that a checkpoint cut short is told from a whole one
STATE = "run_state.json"
AVERAGE = "average.safetensors"
CRITIC = "critic.safetensors"
# Names that ``transformers`` gives.
OPTIMISER, SCHEDULE, TRAINER = "optimizer.pt", "scheduler.pt", "trainer_state.json"
# What reading a file that is cut short or overwritten may raise.
_DAMAGE = (
    OSError, ValueError, LookupError, TypeError, RuntimeError, EOFError, PickleError,
    SafetensorError,
)  # fmt: skip


def complete_checkpoint(run: StageRun, folder: Path) -> None:
    """Add what we need to resume, and mark the checkpoint as whole.

    All processes must call this; the first one writes.
    """
    average = None if run.average is None else gather_full(run.average.shadow)
    critic = None if run.critic is None else gather_full(run.critic.state_dict())
    if not is_first_process():
        return
    guard = asdict(run.guard)
    row = {"seconds": run.clock.seconds, "guard": guard}
    (folder / STATE).write_text(json.dumps(row), encoding="utf-8")
    write_recipe(run.recipe, folder / RECIPE)
    if average is not None:
        save_file(average, folder / AVERAGE)
    if critic is not None:
        save_file(critic, folder / CRITIC)
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
    with refuse_damaged(checkpoint, STATE):
        row = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
        run.clock.earlier_seconds = float(row["seconds"])
        run.guard = SpikeGuard(**row["guard"])
    if run.average is not None:
        with refuse_damaged(checkpoint, AVERAGE):
            run.average.shadow = _read_like(checkpoint / AVERAGE, run.average.shadow)
    if run.critic is not None:
        with refuse_damaged(checkpoint, CRITIC):
            state = _read_like(checkpoint / CRITIC, run.critic.state_dict())
            run.critic.load_state_dict(state)
    with refuse_damaged(checkpoint, TRAINER):
        TrainerState.load_from_json(str(checkpoint / TRAINER))
    for name in (OPTIMISER, SCHEDULE):  # without them the trainer would begin anew in silence
        with refuse_damaged(checkpoint, name):
            (checkpoint / name).stat()


@contextmanager
def refuse_damaged(checkpoint: Path, *names: str) -> Iterator[None]:
    """Say which file of a checkpoint cannot be read, where reading them fails inside the block.

    Raises:
        BadModel: It fails.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except _DAMAGE as error:
        name = next((name for name in names if not _is_whole(checkpoint / name)), names[0])
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadModel(
            f"{checkpoint / name}: the checkpoint is damaged ({first})",
            hint=f"remove {checkpoint}: --resume goes on from an earlier one, or begins the stage",
        ) from None


def _is_whole(path: Path) -> bool:
    """Say whether a file of tensors can be read; one of another kind is passed over."""
    if path.suffix not in (".pt", ".pth"):
        return True
    try:
        torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGE:
        return False
    return True


def lay_anew(model: nn.Module) -> None:
    """Copy every weight to memory of its own.

    In the file that they are read from they lie at odd addresses, where products of matrices
    round otherwise: a run that was stopped would not end in the bits of one that was not.
    """
    for weight in (*model.parameters(), *model.buffers()):
        weight.data = weight.data.clone()


def _read_like(path: Path, now: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Read tensors, each sharded as that of its name is now."""
    return {name: shard_like(value, now[name]) for name, value in load_file(path).items()}
