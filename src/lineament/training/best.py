"""Keep the best model by a score that the recipe's user brings, such as an evaluation's."""

import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, final

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lineament.model.lora import set_task_ids
from lineament.training.folder import is_first_process
from lineament.training.shard import is_sharded, save_whole
from lineament.training.stage_run import StageRun, inner_model
from lineament.training.start import load_trained, save_trained

SCORE = "score.json"
Score = Callable[[Any, Any], float]


@final
class KeepBest(TrainerCallback):
    """Score the model every so many steps and keep a copy of the best one.

    Training knows no evaluation: ``score`` is handed in, and may call ``lineament eval``. It
    must leave the model as it found it. A resumed run goes on comparing with what was kept.

    Args:
        score: Takes model and processor, and returns a number; more is better.
        processor: Saved beside the weights.
        folder: Where the best model lies, with ``score.json`` beside its weights.
        every: Steps between scores; the last step of a stage is scored in any case.
        load: Reads a model back from a folder; of a sharded one, a whole copy is scored.
        run: The stage, which knows an end before its last step, and averaged weights: those
            are scored and kept, since they are what the stage ends with.
    """

    def __init__(
        self,
        score: Score,
        processor: Any,
        folder: Path | str,
        *,
        every: int = 0,
        load: Callable[[Path], tuple[Any, Any]] = load_trained,
        run: StageRun | None = None,
    ) -> None:
        self.score, self.processor, self.load, self.run = score, processor, load, run
        self.folder, self.every = Path(folder), every

    @property
    def best(self) -> float:
        """The best score so far; minus infinity before there is one."""
        try:
            return float(json.loads((self.folder / SCORE).read_text(encoding="utf-8"))["score"])
        except (OSError, ValueError, KeyError):
            return float("-inf")

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Score, and keep the model when it is the best."""
        del control
        is_due = bool(self.every) and state.global_step % self.every == 0
        is_over = self.run is not None and self.run.is_over
        if not is_due and not is_over and state.global_step != state.max_steps:
            return
        model = inner_model(kwargs["model"])
        set_task_ids(model, None)  # those of the last batch do not fit what is asked
        row = {"step": state.global_step, "stage": Path(str(args.output_dir)).name}
        average = None if self.run is None else self.run.average
        with nullcontext() if average is None else average.lend_to(model):
            self._try(model, row)

    def _try(self, model: Any, row: dict[str, Any]) -> None:
        draft = self.folder.with_name(self.folder.name + ".draft")
        if is_sharded(model):
            save_whole(model, self.processor, draft)
            if is_first_process():
                whole, _ = self.load(draft)
                device = "cuda" if torch.cuda.is_available() else "cpu"
                value = float(self.score(whole.to(device).eval(), self.processor))
                self._keep(draft, {"score": value, **row})
        elif is_first_process():
            was_training = model.training
            value = float(self.score(model.eval(), self.processor))
            model.train(was_training)
            if value > self.best:
                shutil.rmtree(draft, ignore_errors=True)
                save_trained(model, self.processor, draft)
                self._keep(draft, {"score": value, **row})

    def _keep(self, draft: Path, row: dict[str, Any]) -> None:
        """Put a written model in the best one's place when it is better."""
        if row["score"] > self.best:
            (draft / SCORE).write_text(json.dumps(row), encoding="utf-8")
            shutil.rmtree(self.folder, ignore_errors=True)
            draft.rename(self.folder)
        else:
            shutil.rmtree(draft)
