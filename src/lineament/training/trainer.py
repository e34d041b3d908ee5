"""The trainer: that of ``transformers``, with our order, losses, guards and checkpoints."""

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import SequentialSampler
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from lineament.config import write_recipe
from lineament.errors import BadModel
from lineament.model.experts import ExpertUse
from lineament.model.lora import write_lora_settings
from lineament.training.folder import RECIPE
from lineament.training.freeze import frozen_modules, parameter_groups
from lineament.training.guard import (
    SpikeGuard,
    StageClock,
    StopSignal,
    WeightAverage,
    rate_factor,
    seed_step,
)
from lineament.training.journal import Journal, LossTable
from lineament.training.recipe import Recipe, Stage

COMPLETE = "complete"  # written last, so that a checkpoint cut short is told from a whole one
STATE = "run_state.json"
AVERAGE = "average.safetensors"
_NOT_FOR_MODEL = ("groups", "skipped", "num_samples", "num_items")


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
    losses: LossTable = field(default_factory=LossTable)
    uses: ExpertUse | None = None
    num_tokens: int = 0
    last_loss: float = 0.0
    last_norm: float = 0.0
    is_paused: bool = False


class StageTrainer(Trainer):
    """One stage: samples in the stream's order, losses from the learner, our checkpoints."""

    def __init__(
        self,
        run: StageRun,
        learner: nn.Module,
        arguments: TrainingArguments,
        stream: Any,
        collate: Callable[[Any], dict[str, Any]],
        callbacks: Sequence[TrainerCallback] = (),
    ) -> None:
        self.run = run
        super().__init__(
            model=learner,
            args=arguments,
            data_collator=collate,
            train_dataset=stream,
            callbacks=[StageCallback(run), *callbacks],
        )
        self.remove_callback(PrinterCallback)  # stdout is for data; the journal keeps the log
        self.loss_is_scaled_for_ga = True  # losses are divided by the labels of the whole step
        self._still: list[nn.Module] = frozen_modules(learner)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Make AdamW with a rate for every group of weights."""
        if self.optimizer is None:
            trained = self.model if model is None else model
            stage = self.run.stage
            groups = parameter_groups(_inner(trained), stage)
            for group in groups:
                group.pop("names")
            self.optimizer = torch.optim.AdamW(
                groups, betas=stage.betas, eps=self.run.recipe.adam_epsilon, fused=True
            )
        return self.optimizer

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> Any:
        """Let the rates follow the stage's clock."""
        del num_training_steps
        if self.lr_scheduler is None:
            run = self.run

            def factor(step: int) -> float:
                # Step 0 of a warm-up would have no rate at all.
                return rate_factor(
                    run.clock.progress(step + 1 if run.stage.warmup else step), run.stage
                )

            self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(
                optimizer or self.optimizer, factor
            )
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        stream: Any = train_dataset or self.train_dataset
        return SequentialSampler(stream)

    def get_batch_samples(
        self, epoch_iterator: Iterator, num_batches: int, device: torch.device
    ) -> tuple[list, Tensor | int | None]:
        """Read the parts of one step and count its labels, over all processes."""
        batches = list(itertools.islice(epoch_iterator, num_batches))
        if not batches:
            return batches, None
        total = torch.stack([batch["num_items"].to(device).float() for batch in batches]).sum()
        every: Any = self.accelerator.gather(total.reshape(1))
        return batches, every.sum().clamp(min=1e-9)

    def training_step(
        self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None
    ) -> Tensor:
        """Compute one part of a step; a bad one is told to the guard."""
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.run.last_loss += float(loss)
        return loss

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Divide the learner's summed loss by the labels of the whole step."""
        if model.training:
            for module in self._still:
                module.eval()
        outputs = model(**{k: v for k, v in inputs.items() if k not in _NOT_FOR_MODEL})
        num_items = inputs["num_items"]
        total = num_items if num_items_in_batch is None else num_items_in_batch
        loss = (outputs["loss_sum"] + outputs["extra"] * num_items) / total
        loss = loss * self.accelerator.num_processes  # which average their gradients
        self._note(inputs, outputs)
        return (loss, outputs) if return_outputs else loss

    def _note(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        run = self.run
        run.losses.add(outputs["losses"], outputs["group_ids"], inputs["groups"])
        run.num_tokens += int(inputs["num_items"])
        if inputs["skipped"]:
            run.journal.note_skipped(inputs["skipped"], run.stage.name)
        expert_ids = outputs.get("expert_ids")
        if expert_ids is not None:
            experts = int(_inner(self.model).config.num_experts)
            run.uses = run.uses or ExpertUse(experts)
            run.uses.add(expert_ids, run.stage.name)

    def compute_loss_context_manager(self) -> contextlib.ExitStack:
        """Work in 16 bits where the recipe says so."""
        stack = super().compute_loss_context_manager()
        if self.run.recipe.precision == "bf16":
            stack.enter_context(torch.autocast(self.args.device.type, torch.bfloat16))
        return stack

    def _clip_grad_norm(self, model: nn.Module) -> Any:
        norm: Any = super()._clip_grad_norm(model)
        self.run.last_norm = float(norm)
        return norm

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        """Write the model inside the learner as ``transformers`` writes models."""
        if state_dict is not None:
            state_dict = {k.removeprefix("model."): v for k, v in state_dict.items()}
        folder = Path(output_dir or str(self.args.output_dir))
        model = _inner(self.model)
        model.save_pretrained(folder, state_dict=state_dict)
        write_lora_settings(model, folder)
        if self.run.processor is not None:
            self.run.processor.save_pretrained(folder)

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: nn.Module | None = None
    ) -> None:
        """Leave the weights alone: the run has built the model from the checkpoint already."""


class StageCallback(TrainerCallback):
    """What happens at the joints of a step."""

    def __init__(self, run: StageRun) -> None:
        self.run = run

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the step's random numbers from its own number."""
        del control, kwargs
        run = self.run
        seed_step(run.recipe.seed, run.number, state.global_step, args.process_index)
        run.last_loss = 0.0

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Leave a harmful step out: without gradients the optimiser changes nothing."""
        del args, control
        run = self.run
        where = f"stage {run.stage.name}, step {state.global_step + 1}"
        if not run.guard.allows(run.last_loss, run.last_norm, where=where):
            for parameter in kwargs["model"].parameters():
                parameter.grad = None
            run.journal.write(
                {"stage": run.stage.name, "step": state.global_step + 1, "set": "left_out"}
                | {"grad_norm": repr(run.last_norm)}
            )

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Report, validate, and end where time or a signal says so."""
        del args
        run = self.run
        step = state.global_step
        if run.average is not None:
            run.average.update(_inner(kwargs["model"]), step)
        if step % run.recipe.log_every == 0 or step == run.stage.total_steps:
            self._log(step, kwargs["lr_scheduler"].get_last_lr()[-1])
        if run.validate and run.stage.validate_every and step % run.stage.validate_every == 0:
            write_validation(run, step)
        if run.on_progress is not None:
            run.on_progress(run.stage.name, step, run.last_loss)
        if run.clock.is_over:
            control.should_training_stop = True
        elif run.stop.is_set or (
            run.pause_seconds and run.clock.seconds - run.clock.earlier_seconds > run.pause_seconds
        ):
            run.is_paused = step < run.stage.total_steps
            control.should_training_stop = control.should_save = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Add what we need to resume, and mark the checkpoint as whole."""
        del control, kwargs
        if not state.is_world_process_zero:
            return
        run = self.run
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        guard = asdict(run.guard)
        row = {"seconds": run.clock.seconds, "guard": guard}
        (folder / STATE).write_text(json.dumps(row), encoding="utf-8")
        write_recipe(run.recipe, folder / RECIPE)
        if run.average is not None:
            save_file(run.average.shadow, folder / AVERAGE)
        (folder / COMPLETE).touch()

    def _log(self, step: int, rate: float) -> None:
        run = self.run
        row = {
            "stage": run.stage.name,
            "step": step,
            "set": "train",
            **run.losses.means(),
            "learning_rate": rate,
            "grad_norm": run.last_norm,
            "tokens": run.num_tokens,
            "seconds": round(run.clock.seconds, 3),
            "skipped": run.journal.num_skipped,
        }
        if run.uses is not None:
            row["expert_use"] = run.uses.shares().get(run.stage.name)
            run.uses = None
        run.journal.write(row)
        run.losses, run.num_tokens = LossTable(), 0


def write_validation(run: StageRun, step: int) -> None:
    """Validate and log it."""
    if run.validate is not None:
        run.journal.write(
            {"stage": run.stage.name, "step": step, "set": "validation", **run.validate()}
        )


def find_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint of a stage."""
    found = [path for path in folder.glob("checkpoint-*") if (path / COMPLETE).is_file()]
    return max(found, key=lambda path: int(path.name.split("-")[1]), default=None)


def restore_state(run: StageRun, checkpoint: Path) -> None:
    """Put clock, guard and averaged weights back.

    Raises:
        BadModel: The checkpoint is damaged.
    """
    try:
        row = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
        run.clock.earlier_seconds = float(row["seconds"])
        run.guard = SpikeGuard(**row["guard"])
        if run.average is not None:
            run.average.shadow = load_file(checkpoint / AVERAGE)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadModel(
            f"{checkpoint}: the checkpoint is damaged ({error})", hint="remove this folder"
        ) from None


def _inner(model: Any) -> Any:
    """Return the model inside learner and wrappers."""
    while not hasattr(model, "save_pretrained"):
        model = model.module if hasattr(model, "module") else model.model
    return model
