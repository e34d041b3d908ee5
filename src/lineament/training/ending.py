"""How a stage ends: its model written whole or not at all, its checkpoints let go."""

import json
import shutil
from pathlib import Path
from typing import Any

from lineament.config import write_recipe
from lineament.model.lora import find_lora, merge_lora
from lineament.training.features import drop_features
from lineament.training.folder import RECIPE, is_first_process
from lineament.training.stage_run import StageRun, write_validation
from lineament.training.start import save_trained
from lineament.training.trainer import StageTrainer

DONE = "done.json"


def finish_stage(
    run: StageRun, trainer: StageTrainer, model: Any, processor: Any, folder: Path, steps: int
) -> None:
    """Put averaged weights in, validate, merge adapters, and write the stage's model."""
    if run.average is not None:
        run.average.put_into(model)
    if run.validate is not None:
        write_validation(run, steps)
    if run.recipe.model.family == "favchat":
        drop_features(model)
    adapted = find_lora(model)
    if adapted is not None and adapted.experts == 1:  # exact, and the model is a plain one again
        merge_lora(model)
    if is_first_process():
        _write_final(run, model, processor, folder, steps)
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.free_memory()


def _write_final(run: StageRun, model: Any, processor: Any, folder: Path, steps: int) -> None:
    """Write the stage's model whole or not at all, then let its checkpoints go."""
    draft = folder / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    save_trained(model, processor, draft)
    write_recipe(run.recipe, draft / RECIPE)
    shutil.rmtree(folder / "final", ignore_errors=True)
    draft.rename(folder / "final")
    row = {"steps": steps, "seconds": run.clock.seconds, "left_out": run.guard.num_bad}
    mark = folder / f"{DONE}.draft"
    mark.write_text(json.dumps(row), encoding="utf-8")
    mark.replace(folder / DONE)
    for checkpoint in folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint, ignore_errors=True)


def link_final(final: Path, out: Path) -> None:
    """Let ``out`` lead to the last model."""
    if out.is_symlink():
        out.unlink()
    if not out.exists():
        out.symlink_to(final.relative_to(out.parent))
