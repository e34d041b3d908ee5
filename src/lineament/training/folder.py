"""A run's folder and its stages' settings: claimed, checked, and told to the trainer."""

import os
import textwrap
from pathlib import Path
from typing import Any, NoReturn

import torch
from transformers import TrainingArguments

from lineament.config import read_recipe, write_recipe
from lineament.errors import BadInput
from lineament.training.recipe import Recipe, Stage

RECIPE = "recipe.json"
_SHOWN = 80  # characters of a setting that differs
# What a resumed run may change: none of it changes the result.
_FREE = ("num_workers", "num_threads", "log_every", "use_tensorboard", "use_plots", "evaluation")


def claim_folder(recipe: Recipe, out: Path, *, resume: bool) -> None:
    """Make the folder this run's, or see that it is already.

    Raises:
        BadInput: It holds another run, or this one and ``resume`` was not said.
    """
    check_folder(recipe, out, resume=resume)
    if is_first_process() and not (out / RECIPE).is_file():
        out.mkdir(parents=True, exist_ok=True)
        write_recipe(recipe, out / RECIPE)


def check_folder(recipe: Recipe, out: Path, *, resume: bool) -> None:
    """Refuse a folder that this run cannot have; nothing is written.

    Raises:
        BadInput: It holds another run, or this one and ``resume`` was not said.
    """
    saved = _read_saved(out, resume=resume)
    if saved is None:
        return
    free = {name: getattr(recipe, name) for name in _FREE}
    if saved.replace(**free) != recipe:
        _refuse(out, _first_difference(saved.replace(**free), recipe))


def check_name(recipe: Recipe, out: Path, *, resume: bool) -> None:
    """Refuse such a folder by its run's name, before data that settle the rest are prepared.

    Raises:
        BadInput: It holds a run of another name, or any and ``resume`` was not said.
    """
    saved = _read_saved(out, resume=resume)
    if saved is not None and saved.name != recipe.name:
        _refuse(out, f"name was {saved.name!r}, now {recipe.name!r}")


def _read_saved(out: Path, *, resume: bool) -> Recipe | None:
    """Return the recipe of the folder's run, None where there is none."""
    if not is_first_process() or not (out / RECIPE).is_file():
        return None
    if not resume:
        raise BadInput(f"{out}: holds a run already", hint="--resume goes on with it")
    return read_recipe(Recipe, out / RECIPE)


def _refuse(out: Path, difference: str) -> NoReturn:
    raise BadInput(
        f"{out}: was started with other settings: {difference}",
        hint="resume with the same recipe and --set, or choose another folder",
    )


def _first_difference(old: Recipe, new: Recipe) -> str:
    def walk(one: Any, other: Any, path: str) -> str:
        if isinstance(one, dict) and isinstance(other, dict):
            for key in one | other:
                if one.get(key) != other.get(key):
                    return walk(one.get(key), other.get(key), f"{path}.{key}".strip("."))
        if isinstance(one, list) and isinstance(other, list):
            for index, (a, b) in enumerate(zip(one, other, strict=False)):
                if a != b:
                    return walk(a, b, f"{path}.{index}")
            return f"{path} had {len(one)} entries, now {len(other)}"
        was, now = (
            textwrap.shorten(repr(value), _SHOWN, placeholder=" ...") for value in (one, other)
        )
        return f"{path} was {was}, now {now}"

    return walk(old.model_dump(mode="json"), new.model_dump(mode="json"), "")


def check_stage(stage: Stage, number: int) -> None:
    """Refuse settings that contradict each other.

    Raises:
        BadInput: Naming the field.
    """
    where = f"stages.{number} ({stage.name})"
    if not stage.total_steps:
        raise BadInput(f"{where}: num_samples or num_steps must be set")
    if not stage.data:
        raise BadInput(f"{where}.data: no data for this stage")
    if stage.batch_size % stage.accumulate:
        raise BadInput(f"{where}.accumulate: {stage.accumulate} does not divide {stage.batch_size}")
    part = stage.batch_size // stage.accumulate
    if part % num_processes():
        raise BadInput(
            f"{where}.batch_size: {part} at a time on {num_processes()} processes",
            hint="a multiple of processes times accumulate",
        )


def training_arguments(recipe: Recipe, stage: Stage, folder: Path) -> TrainingArguments:
    """Return what the trainer of ``transformers`` is told."""
    part = stage.batch_size // stage.accumulate
    return TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=part // num_processes(),
        gradient_accumulation_steps=stage.accumulate,
        max_steps=stage.total_steps,
        max_grad_norm=stage.max_grad_norm,
        seed=recipe.seed,
        save_strategy="steps",
        save_steps=stage.save_every,
        save_total_limit=2,
        logging_strategy="steps",
        logging_steps=recipe.log_every,
        logging_nan_inf_filter=False,
        report_to=[],  # the journal feeds TensorBoard
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_num_workers=recipe.num_workers,
        dataloader_persistent_workers=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        use_cpu=not torch.cuda.is_available(),
        average_tokens_across_devices=False,
        # A batch without clips, faces or the general stream leaves an encoder without a gradient.
        ddp_find_unused_parameters=True,
        log_level="error",
    )


def num_processes() -> int:
    """Return how many processes a launcher has started for this run."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first_process() -> bool:
    """Say whether this process writes what all have in common."""
    return os.environ.get("RANK", "0") == "0"


def stage_folder(number: int, stage: Stage) -> str:
    """Name a stage's folder."""
    return f"{number}-{stage.name}"
