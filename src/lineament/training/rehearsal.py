"""A run rehearsed: what is wrong with any stage is told before the first one trains."""

import copy
import importlib.util
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch import nn

from lineament.config import require_known
from lineament.errors import BadInput, MissingExtra
from lineament.model.lora import find_lora
from lineament.training.examples import ExampleSource, Sources
from lineament.training.folder import check_stage
from lineament.training.freeze import freeze, parameter_groups
from lineament.training.objectives import OBJECTIVES, open_objective
from lineament.training.recipe import Recipe, Stage
from lineament.training.stage_data import open_sources, open_stream, open_validation
from lineament.training.start import adapt_model


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
    opened = {}
    for number in stages:
        stage = recipe.stages[number]
        check_stage(stage, number)
        require_known(stage.objective, OBJECTIVES, "objective")
        opened[number] = open_sources(stage, stage.data, sources)
        open_sources(stage, stage.validation, sources)
    return opened


def rehearse(
    recipe: Recipe, sources: Sources, stages: Sequence[int], model: Any, processor: Any
) -> None:
    """Go through stages on a model without weights: globs, adapters, and a first sample of each.

    Raises:
        LineamentError: Naming the stage and the field.
    """
    with torch.random.fork_rng(devices=[]):  # what follows draws as if this had not been
        hollow = copy_hollow(model)
        for number in stages:
            stage = recipe.stages[number]
            _rehearse_stage(hollow, stage, seed=recipe.seed)
            objective = open_objective(stage, hollow, processor)
            open_stream(recipe, number, sources, objective)[0]
            held_out = open_validation(recipe, number, sources, objective)
            if held_out is not None:
                held_out[0]
            adapted = find_lora(hollow)
            if adapted is not None and adapted.experts == 1:  # as a stage merges them at its end
                _take_adapters_out(hollow)


def _rehearse_stage(model: Any, stage: Stage, *, seed: int) -> None:
    try:
        adapt_model(model, stage.lora, seed=seed)
    except BadInput as error:
        raise BadInput(f"stages.{stage.name}.{error.message}", hint=error.hint) from None
    freeze(model, stage)
    parameter_groups(model, stage)


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
