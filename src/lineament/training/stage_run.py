"""One stage on its way: what its trainer and the joints of its steps share."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from lineament.model.experts import ExpertUse
from lineament.training.guard import SpikeGuard, StageClock, StopSignal, WeightAverage
from lineament.training.journal import FINAL, VALIDATION, Journal, LossTable
from lineament.training.recipe import Recipe, Stage


@dataclass
class StageRun:
    """What the trainer and its callback share about one stage.

    Attributes:
        recipe: The whole run.
        stage: Its stage.
        number: The stage's position.
        journal: The run's log.
        clock: How far the stage is.
        guard: Leaves harmful steps out.
        stop: Asks for an end.
        processor: Saved beside the weights.
        validate: Returns rows of validation losses, and what could not be used: id and reason.
        on_progress: Told stage, step and loss.
        average: Averaged weights, with ``ema``.
        deadline: When to stop, to be resumed, by `time.monotonic`.
        critic: What the learner trains beside the model, such as a discriminator.
        step_losses: Those of the step on its way, which count when it has a finite one.
        is_over: Whether the stage's time is used up, and this step its last.
    """

    recipe: Recipe
    stage: Stage
    number: int
    journal: Journal
    clock: StageClock
    guard: SpikeGuard
    stop: StopSignal
    processor: Any
    validate: Callable[[], tuple[dict[str, Any], list[tuple[str, str]]]] | None = None
    on_progress: Callable[[str, int, float], None] | None = None
    average: WeightAverage | None = None
    deadline: float = math.inf
    critic: nn.Module | None = None
    losses: LossTable = field(default_factory=LossTable)
    step_losses: LossTable = field(default_factory=LossTable)
    uses: ExpertUse | None = None
    num_tokens: int = 0
    last_loss: float = 0.0
    last_norm: float = 0.0
    is_over: bool = False
    is_paused: bool = False

    @property
    def is_asked(self) -> bool:
        """Whether a signal or the time of this call says to stop."""
        return self.stop.is_set or time.monotonic() >= self.deadline


def write_validation(run: StageRun, step: int, *, is_final: bool = False) -> None:
    """Validate and log it; the final one is of the stage's model, averaged where it is."""
    if run.validate is None:
        return
    losses, skipped = run.validate()
    run.journal.note_held_out(skipped, run.stage.name, step)
    row = {"stage": run.stage.name, "step": step, "set": VALIDATION, **losses}
    run.journal.write(row | {"skipped": len(skipped)} | ({FINAL: True} if is_final else {}))


def inner_model(model: Any) -> Any:
    """Return the model inside learner and wrappers."""
    while not hasattr(model, "save_pretrained"):
        model = model.module if hasattr(model, "module") else model.model
    return model
