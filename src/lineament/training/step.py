"""The joints of a step: random numbers, harmful steps left out, the log, and when to end."""

import math
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lineament.training.checkpoint import complete_checkpoint
from lineament.training.guard import seed_step
from lineament.training.journal import LossTable
from lineament.training.processes import any_process, gather_objects, mean_of
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
        run.last_loss = mean_of(run.last_loss)  # so that all processes decide alike
        if math.isfinite(run.last_loss):
            run.losses.merge(run.step_losses.sums)
        run.step_losses = LossTable()
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
        # A signal may reach one process alone, and no two clocks tell the same time.
        run.is_over = bool(run.stage.max_minutes) and any_process([run.clock.is_over])[0]
        is_last = run.is_over or step == run.stage.total_steps
        if step % run.recipe.log_every == 0 or is_last:
            self._log(step, kwargs["lr_scheduler"].get_last_lr()[-1])
        every = run.stage.validate_every
        if every and step % every == 0 and not is_last:  # the end of the stage validates, too
            write_validation(run, step)
        if run.on_progress is not None:
            run.on_progress(run.stage.name, step, run.last_loss)
        is_asked = any_process([run.is_asked])[0]
        if run.is_over or is_asked:
            control.should_training_stop = True
        if is_asked and not run.is_over:
            run.is_paused = step < run.stage.total_steps
            control.should_save = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Complete the checkpoint, once for all processes."""
        del control, kwargs
        self.run.journal.share_skipped()  # what this run resumes behind is not told again
        folder = Path(str(args.output_dir)) / f"checkpoint-{state.global_step}"
        complete_checkpoint(self.run, folder)

    def _log(self, step: int, rate: float) -> None:
        run = self.run
        run.journal.share_skipped()
        use = None if run.uses is None else run.uses.counts().get(run.stage.name)
        shared = gather_objects((run.num_tokens, use))
        row = {
            "stage": run.stage.name,
            "step": step,
            "set": "train",
            **run.losses.shared().means(),
            "learning_rate": rate,
            "grad_norm": run.last_norm,
            "tokens": sum(num_tokens for num_tokens, _ in shared),
            "seconds": round(run.clock.seconds, 3),
            "skipped": run.journal.num_skipped,
        }
        counts = [sum(parts) for parts in zip(*(use for _, use in shared if use), strict=True)]
        if counts:
            row["expert_use"] = [count / max(1, sum(counts)) for count in counts]
        run.journal.write(row)
        run.losses, run.num_tokens, run.uses = LossTable(), 0, None
