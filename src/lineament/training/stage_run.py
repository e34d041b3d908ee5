"""One stage on its way: what its trainer and the joints of its steps share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from lineament.model.experts import ExpertUse
from lineament.training.guard import SpikeGuard, StageClock, StopSignal, WeightAverage
from lineament.training.journal import Journal, LossTable
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
        validate: Returns rows of validation losses.
        on_progress: Told stage, step and loss.
        average: Averaged weights, with ``ema``.
        pause_seconds: Stop, to be resumed, after so long; 0 never.
        critic: What the learner trains beside the model, such as a discriminator.
    """

    recipe: Recipe
    stage: Stage
    number: int
    journal: Journal
    clock: StageClock
    guard: SpikeGuard
    stop: StopSignal
    processor: Any
    validate: Callable[[], dict[str, Any]] | None = None
    on_progress: Callable[[str, int, float], None] | None = None
    average: WeightAverage | None = None
    pause_seconds: float = 0.0
    critic: nn.Module | None = None
    losses: LossTable = field(default_factory=LossTable)
    uses: ExpertUse | None = None
    num_tokens: int = 0
    last_loss: float = 0.0
    last_norm: float = 0.0
    is_paused: bool = False


def write_validation(run: StageRun, step: int) -> None:
    """Validate and log it."""
    if run.validate is not None:
        run.journal.write(
            {"stage": run.stage.name, "step": step, "set": "validation", **run.validate()}
        )


def inner_model(model: Any) -> Any:
    """Return the model inside learner and wrappers."""
    while not hasattr(model, "save_pretrained"):
        model = model.module if hasattr(model, "module") else model.model
    return model
