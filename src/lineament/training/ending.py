"""How a stage ends: its model written whole or not at all, its checkpoints let go."""

import json
import shutil
from pathlib import Path
from typing import Any

from lineament.config import write_recipe
from lineament.model.lora import SETTINGS, find_lora, merge_lora
from lineament.training.features import drop_features
from lineament.training.folder import RECIPE, is_first_process
from lineament.training.journal import (
    plot_experts,
    plot_losses,
    write_expert_table,
    write_loss_table,
)
from lineament.training.recipe import Recipe
from lineament.training.shard import is_sharded, save_whole
from lineament.training.stage_run import StageRun, write_validation
from lineament.training.start import save_trained
from lineament.training.trainer import StageTrainer
from lineament.training.unified_family import open_family

DONE = "done.json"


def finish_stage(
    run: StageRun, trainer: StageTrainer, model: Any, processor: Any, folder: Path, steps: int
) -> None:
    """Put averaged weights in, validate, merge adapters, and write the stage's model."""
    if run.average is not None:
        run.average.put_into(model)
    write_validation(run, steps, is_final=True)
    if run.recipe.model.family == "favchat":
        drop_features(model)
    draft = folder / "draft"
    if is_first_process():
        shutil.rmtree(draft, ignore_errors=True)
    if is_sharded(model):
        save_whole(model, processor, draft)
        if is_first_process() and _is_merged(model):
            whole, _ = open_family(run.recipe.model).load(run.recipe.model, draft)
            save_trained(merge_lora(whole), processor, draft)
            (draft / SETTINGS).unlink()
    else:
        if _is_merged(model):  # exact, and the model is a plain one again
            merge_lora(model)
        save_whole(model, processor, draft)
    if is_first_process():
        _write_final(run, draft, folder, steps)
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.free_memory()


def _is_merged(model: Any) -> bool:
    """Say whether a stage's adapters end in its weights; experts depend on the input."""
    adapted = find_lora(model)
    return adapted is not None and adapted.experts == 1


def _write_final(run: StageRun, draft: Path, folder: Path, steps: int) -> None:
    """Put the stage's model in its place, then let its checkpoints go."""
    write_recipe(run.recipe, draft / RECIPE)
    shutil.rmtree(folder / "final", ignore_errors=True)
    draft.rename(folder / "final")
    row = {"steps": steps, "seconds": run.clock.seconds, "left_out": run.guard.num_bad}
    mark = folder / f"{DONE}.draft"
    mark.write_text(json.dumps(row), encoding="utf-8")
    mark.replace(folder / DONE)
    for checkpoint in folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint, ignore_errors=True)


def finish_run(recipe: Recipe, last: Path, out: Path, log: Path) -> None:
    """Let ``model`` lead to the last stage's, and put the log into tables and pictures."""
    link_final(last / "final", out / "model")
    write_loss_table(log, out / "losses.csv")
    write_expert_table(log, out / "experts.csv")
    if recipe.use_plots:
        plot_losses(log, out / "losses.png")
        plot_experts(log, out / "experts.png")


def link_final(final: Path, out: Path) -> None:
    """Let ``out`` lead to the last model."""
    if out.is_symlink():
        out.unlink()
    if not out.exists():
        out.symlink_to(final.relative_to(out.parent))
