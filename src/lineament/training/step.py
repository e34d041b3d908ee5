"""The joints of a step: random numbers, harmful steps left out, the log, and when to end."""

from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lineament.training.checkpoint import complete_checkpoint
from lineament.training.guard import seed_step
from lineament.training.journal import LossTable
from lineament.training.stage_run import StageRun, inner_model, write_validation


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
            run.average.update(inner_model(kwargs["model"]), step)
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
        """Complete the checkpoint, once for all processes."""
        del control, kwargs
        if not state.is_world_process_zero:
            return
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        complete_checkpoint(self.run, folder)

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
