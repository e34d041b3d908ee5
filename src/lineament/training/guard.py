"""What watches a run from step to step: time, bad steps, stop signals, averaged weights."""

import logging
import math
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

import numpy as np
import torch
from torch import Tensor, nn

from lineament.errors import LineamentError
from lineament.training.folder import num_processes
from lineament.training.recipe import Stage

logger = logging.getLogger(__name__)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

_WARM_STEPS = 20  # gradients of the first steps say nothing about what is usual
_MEMORY = 0.95
_KERNEL_CACHE = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
_NUM_KERNELS = "128"


def limit_kernel_cache() -> None:
    """Let torch keep kernels for fewer shapes, unless the environment says how many.

    Packed rows of every batch have another length, and each length has kernels of its own on a CPU:
    with oneDNN's 1,024, a process of scene-tiny grew to 7 GB. Has to come before the first product.
    """
    os.environ.setdefault(_KERNEL_CACHE, _NUM_KERNELS)


@dataclass
class SpikeGuard:
    """Tells steps that would harm: without a finite loss, or with a far too long gradient.

    Attributes:
        factor: How many times longer than usual is too long.
        max_bad_steps: So many in a row are an error.
        usual_norm: Running average of gradient lengths.
        num_steps: Good steps seen.
        num_bad: Steps left out in all.
        num_bad_in_row: Steps left out since the last good one.
    """

    factor: float
    max_bad_steps: int
    usual_norm: float = 0.0
    num_steps: int = 0
    num_bad: int = 0
    num_bad_in_row: int = 0

    def allows(self, loss: float, grad_norm: float, *, where: str) -> bool:
        """Say whether a step may be taken.

        Raises:
            LineamentError: Too many in a row may not.
        """
        is_finite = math.isfinite(loss) and math.isfinite(grad_norm)
        is_spike = self.num_steps >= _WARM_STEPS and grad_norm > self.factor * self.usual_norm
        if is_finite and not is_spike:
            first = self.num_steps == 0
            self.usual_norm = (
                grad_norm if first else _MEMORY * self.usual_norm + (1 - _MEMORY) * grad_norm
            )
            self.num_steps += 1
            self.num_bad_in_row = 0
            return True
        self.num_bad += 1
        self.num_bad_in_row += 1
        if self.num_bad_in_row >= self.max_bad_steps:
            what = (
                "the gradient is far longer than usual" if is_finite else "the loss is not finite"
            )
            raise LineamentError(
                f"{where}: {what} for {self.num_bad_in_row} steps in a row",
                hint="lower the learning rates, or lengthen the warm-up",
            )
        return False


@dataclass
class StageClock:
    """How far a stage is, by steps and by time, over all the times it was resumed.

    Attributes:
        stage: The stage.
        earlier_seconds: Spent before this process began.
    """

    stage: Stage
    earlier_seconds: float = 0.0
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Time spent in the stage."""
        return self.earlier_seconds + time.monotonic() - self.began

    @property
    def is_over(self) -> bool:
        """Whether the stage's time is used up."""
        return bool(self.stage.max_minutes) and self.seconds >= 60 * self.stage.max_minutes

    def progress(self, step: int) -> float:
        """Return how much of the stage lies behind, 0 to 1."""
        done = step / max(1, self.stage.total_steps)
        if self.stage.max_minutes:
            done = max(done, self.seconds / (60 * self.stage.max_minutes))
        return min(1.0, done)


def rate_factor(progress: float, stage: Stage) -> float:
    """Return the learning rate as a share of its peak; pure in ``progress``."""
    if progress < stage.warmup:
        return progress / stage.warmup
    if stage.schedule == "constant":
        return 1.0
    falling = (progress - stage.warmup) / max(1e-12, 1.0 - stage.warmup)
    shape = 1.0 - falling if stage.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * falling))
    return stage.final_rate + (1.0 - stage.final_rate) * shape


def seed_step(*key: int) -> None:
    """Start all random numbers of a step from its own number, so that resuming repeats them."""
    words = np.random.SeedSequence(list(key)).generate_state(3)
    random.seed(int(words[0]))
    np.random.seed(int(words[1]))
    torch.manual_seed(int(words[2]))


class WeightAverage:
    """A running average of what trains; slow weights that answer better than the last ones.

    The statistics of normalisation layers are averaged with the weights that they belong to.
    """

    def __init__(self, model: nn.Module, memory: float) -> None:
        self.memory = memory
        self.shadow: dict[str, Tensor] = {
            name: value.detach().clone() for name, value in _averaged(model)
        }

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take a step's weights in; early steps count more, since the start is no average."""
        memory = min(self.memory, (1 + step) / (10 + step))
        for name, value in _averaged(model):
            if name in self.shadow:
                self.shadow[name].lerp_(value.detach(), 1 - memory)

    @torch.no_grad()
    def put_into(self, model: nn.Module) -> None:
        """Replace the model's weights by the average."""
        for name, value in _averaged(model):
            if name in self.shadow:
                value.copy_(self.shadow[name])

    @contextmanager
    def lend_to(self, model: nn.Module) -> Iterator[None]:
        """Put the average in while the block runs; behind it every weight has its bits again."""
        kept = [(value, value.detach().clone()) for _, value in _averaged(model)]
        self.put_into(model)
        try:
            yield
        finally:
            with torch.no_grad():
                for value, before in kept:
                    value.copy_(before)


def _averaged(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Yield what a step changes: weights that train, and statistics kept beside them."""
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            yield name, parameter
    for prefix, module in model.named_modules():
        is_trained = any(parameter.requires_grad for parameter in module.parameters(recurse=False))
        if isinstance(module, _NORMS) and module.running_mean is not None and is_trained:
            for name in ("running_mean", "running_var"):
                yield f"{prefix}.{name}", getattr(module, name)


class StopSignal:
    """Set when the process is asked to end; the run then saves and stops."""

    def __init__(self) -> None:
        self.is_set = False
        self._process = os.getpid()

    def set(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Ask the run to stop behind the current step."""
        del number, frame
        self.is_set = True

    def interrupt(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Ask the run to stop, and abort it when it was asked to before.

        Raises:
            KeyboardInterrupt: It was asked to before.
        """
        # A terminal sends it to processes that prepare data, too; the run ends those. A launcher
        # sends it a second time by itself, and kills what does not end.
        if os.getpid() != self._process:
            return
        if self.is_set and num_processes() == 1:
            raise KeyboardInterrupt
        self.set(number, frame)
        logger.warning("stopping behind this step; interrupt again to abort")


@contextmanager
def catch_stop_signals() -> Iterator[StopSignal]:
    """Turn SIGTERM and a first interrupt into a flag while the block runs.

    Outside the main thread nothing is caught, nor an interrupt that the process is told to ignore.
    """
    stop = StopSignal()
    handlers = {signal.SIGTERM: stop.set, signal.SIGINT: stop.interrupt}
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        del handlers[signal.SIGINT]
    before = {}
    try:
        for number, handler in handlers.items():
            before[number] = signal.signal(number, handler)
    except ValueError:
        yield stop
        return
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
