"""Data of a stage: its samples in their order, and those that are held out."""

from collections.abc import Sequence
from typing import Any

from lineament.training.examples import ExampleSource, Sources
from lineament.training.mixes import check_mix, open_mix
from lineament.training.recipe import Mix, Recipe, Stage
from lineament.training.stream import Order, Stream


def open_sources(stage: Stage, mixes: Sequence[Mix], sources: Sources) -> list[ExampleSource]:
    """Open some of a stage's mixes.

    Raises:
        BadInput: There is nothing of a mix's name, or nothing in it, or its source cannot go by
            what the mix says.
    """
    where = f"stages.{stage.name}"
    part = "data" if mixes is stage.data else "validation"
    for number, mix in enumerate(mixes):
        check_mix(mix, sources, where=f"{where}.{part}.{number}")
    return [open_mix(mix, sources, where=where) for mix in mixes]


def open_stream(recipe: Recipe, number: int, sources: Sources, objective: Any) -> Stream:
    """Return a stage's samples in the order in which they are learned."""
    stage = recipe.stages[number]
    count = stage.total_steps * stage.batch_size
    return _open(stage, stage.data, sources, objective, count, recipe.seed * 1000 + number)


def open_validation(recipe: Recipe, number: int, sources: Sources, objective: Any) -> Stream | None:
    """Return a stage's held-out samples, the same ones every time."""
    stage = recipe.stages[number]
    if not stage.validation:
        return None
    return _open(stage, stage.validation, sources, objective, stage.validation_samples, 0, True)


def _open(
    stage: Stage,
    mixes: Sequence[Mix],
    sources: Sources,
    objective: Any,
    count: int,
    seed: int,
    is_once: bool = False,
) -> Stream:
    opened = open_sources(stage, mixes, sources)
    lengths = [len(source) for source in opened]
    count = min(count, sum(lengths)) if is_once else count
    order = Order(lengths, [mix.weight for mix in mixes], count, seed)
    return Stream(opened, order, objective.encode)
