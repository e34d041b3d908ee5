"""A run rehearsed: what is wrong with any stage is told before the first one trains."""

import copy
import importlib.util
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import nn

from lineament.config import require_known
from lineament.errors import BadInput, MissingExtra
from lineament.model.lora import find_lora
from lineament.training.examples import ExampleSource, Sources
from lineament.training.features import frozen_encoders
from lineament.training.folder import check_stage
from lineament.training.freeze import freeze, parameter_groups
from lineament.training.mixes import find_kinds
from lineament.training.model_settings import check_model
from lineament.training.objectives import OBJECTIVES, open_objective
from lineament.training.recipe import Recipe, Stage
from lineament.training.stage_data import open_sources, open_stream, open_validation
from lineament.training.start import adapt_model, fit_landmarks

# What models of each family can learn.
LEARNED_BY: Mapping[str, tuple[str, ...]] = {
    "favchat": ("answers", "labels"),
    "image-tokenizer": ("tokenizer", "painting"),
    "unif2ace": ("unified",),
}


def check_recipe(
    recipe: Recipe, sources: Sources, stages: Sequence[int]
) -> dict[int, list[ExampleSource]]:
    """Check what needs no model: names, settings that contradict each other, and all data.

    Args:
        recipe: The run.
        sources: What names in its mixes stand for.
        stages: Positions of the stages that are still to be done.

    Returns:
        What each of them trains on.

    Raises:
        BadInput: Naming the stage and the field.
        MissingExtra: Plots are asked for and cannot be drawn.
    """
    name, count = Counter(stage.name for stage in recipe.stages).most_common(1)[0]
    if count > 1:
        raise BadInput(
            f"stages: {count} of them are named {name!r}", hint="the log tells them by their names"
        )
    if recipe.use_plots and importlib.util.find_spec("matplotlib") is None:
        raise MissingExtra("matplotlib", "plot")
    for number in stages:
        check_stage(recipe.stages[number], number)
        _check_objective(recipe, recipe.stages[number])
    if 0 in stages:
        check_model(recipe.model)
    opened = {}
    for number in stages:
        stage = recipe.stages[number]
        opened[number] = open_sources(stage, stage.data, sources)
        open_sources(stage, stage.validation, sources)
        _check_tasks(stage, opened[number])
    return opened


def _check_objective(recipe: Recipe, stage: Stage) -> None:
    require_known(stage.objective, OBJECTIVES, "objective")
    fitting = LEARNED_BY[recipe.model.family]
    if stage.objective not in fitting:
        raise BadInput(
            f"stages.{stage.name}.objective: {stage.objective!r} is not for models of the family "
            f"{recipe.model.family}",
            hint=f"these learn {' or '.join(fitting)}",
        )


def _check_tasks(stage: Stage, opened: Sequence[ExampleSource]) -> None:
    """Refuse routes of kinds that none of the data bring, as far as data tell their kinds."""
    if stage.lora is None or not stage.lora.tasks:
        return
    kinds: set[str] = set()
    for mix, source in zip(stage.data, opened, strict=True):
        found = find_kinds(mix, source)
        if found is None:
            return
        kinds |= found
    for task in stage.lora.tasks:
        require_known(task, sorted(kinds), f"kind in stages.{stage.name}.lora.tasks")


def rehearse(
    recipe: Recipe, sources: Sources, stages: Sequence[int], model: Any, processor: Any
) -> None:
    """Go through stages on a model without weights: globs, adapters, and a first sample of each.

    What the model itself gets is the scale of landmarks, where its start found none in the first
    stage's data and a later one brings them.

    Raises:
        LineamentError: Naming the stage and the field.
    """
    if 0 in stages:
        _fit_landmarks(recipe, sources, model)
    with torch.random.fork_rng(devices=[]):  # what follows draws as if this had not been
        hollow = copy_hollow(model)
        for number in stages:
            stage = recipe.stages[number]
            begin_stage(hollow, stage, seed=recipe.seed)
            objective = open_objective(stage, hollow, processor)
            open_stream(recipe, number, sources, objective)[0]
            held_out = open_validation(recipe, number, sources, objective)
            if held_out is not None:
                held_out[0]
            end_stage(hollow)


def begin_stage(model: Any, stage: Stage, *, seed: int) -> None:
    """Adapt and freeze a model without weights as a stage does.

    Raises:
        BadInput: Naming the stage and the field.
    """
    try:
        adapt_model(model, stage.lora, seed=seed)
        freeze(model, stage)
        parameter_groups(model, stage)
        if stage.cache_features:
            frozen_encoders(model)
    except BadInput as error:
        where = f"stages.{stage.name}."
        message = error.message.removeprefix(where)
        raise BadInput(f"{where}{message}", hint=error.hint) from None


def end_stage(model: nn.Module) -> None:
    """Take adapters out that a stage merges at its end; experts stay."""
    adapted = find_lora(model)
    if adapted is not None and adapted.experts == 1:
        _take_adapters_out(model)


def _fit_landmarks(recipe: Recipe, sources: Sources, model: Any) -> None:
    stream = getattr(getattr(model, "media", None), "landmark_stream", None)
    count = recipe.model.fit_landmarks
    if stream is None or not count or bool(stream.mean.any()):
        return
    for stage in recipe.stages[1:]:
        if fit_landmarks(model, open_sources(stage, stage.data, sources), count):
            return
    raise BadInput("model.fit_landmarks: no example has landmarks", hint="set it to 0")


def _take_adapters_out(model: nn.Module) -> None:
    """Put the layers back that adapters stand in for; weights without content cannot be merged."""
    for name, module in list(model.named_modules()):
        if isinstance(module, LoraLayer):
            parent, _, own = name.rpartition(".")
            setattr(model.get_submodule(parent), own, module.get_base_layer())
    object.__setattr__(model, "lora_settings", None)
    model.__dict__.pop("peft_config", None)


def copy_hollow(model: nn.Module) -> Any:
    """Return a copy of a network whose weights have shapes and names, and no content."""
    known: dict[int, Any] = {}
    for parameter in model.parameters():
        known[id(parameter)] = nn.Parameter(
            torch.empty_like(parameter, device="meta"), requires_grad=parameter.requires_grad
        )
    for buffer in model.buffers():
        known[id(buffer)] = torch.empty_like(buffer, device="meta")
    return copy.deepcopy(model, known)
