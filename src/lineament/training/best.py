"""Keep the best model by a score that the recipe's user brings, such as an evaluation's."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, final

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from lineament.training.folder import is_first_process
from lineament.training.start import save_trained

SCORE = "score.json"


@final
class KeepBest(TrainerCallback):
    """Score the model every so many steps and keep a copy of the best one.

    Training knows no evaluation: ``score`` is handed in, and may call ``lineament eval``. It
    must leave the model as it found it. A resumed run goes on comparing with what was kept.

    Args:
        score: Takes model and processor, and returns a number; more is better.
        processor: Saved beside the weights.
        folder: Where the best model lies, with ``score.json`` beside its weights.
        every: Steps between scores.
    """

    def __init__(
        self, score: Callable[[Any, Any], float], processor: Any, folder: Path | str, *, every: int
    ) -> None:
        self.score, self.processor = score, processor
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
        if state.global_step % self.every or not is_first_process():
            return
        model = kwargs["model"].model  # inside the learner
        was_training = model.training
        value = float(self.score(model.eval(), self.processor))
        model.train(was_training)
        if value <= self.best:
            return
        draft = self.folder.with_name(self.folder.name + ".draft")
        shutil.rmtree(draft, ignore_errors=True)
        save_trained(model, self.processor, draft)
        row = {"score": value, "step": state.global_step, "stage": Path(str(args.output_dir)).name}
        (draft / SCORE).write_text(json.dumps(row), encoding="utf-8")
        shutil.rmtree(self.folder, ignore_errors=True)
        draft.rename(self.folder)
