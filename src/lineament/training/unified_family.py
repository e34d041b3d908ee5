"""Families: how models of each kind begin a run, imported when a recipe asks for them."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineament.training.recipe import Model
from lineament.training.start import load_trained, start_model

Started = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Family:
    """How models of one kind begin; either way a model and what prepares its input.

    Attributes:
        start: From a recipe's settings, the first stage's sources and a seed.
        load: From the settings and the folder of a stage or checkpoint.
    """

    start: Callable[[Model, Sequence[Any], int], Started]
    load: Callable[[Model, Path], Started]


def open_family(settings: Model) -> Family:
    """Return how a recipe's model begins."""
    module, _, name = FAMILIES[settings.family].partition(":")
    return getattr(importlib.import_module(module), name)


def _start_favchat(settings: Model, sources: Sequence[Any], seed: int) -> Started:
    return start_model(settings, sources, seed=seed)


def _load_favchat(settings: Model, folder: Path) -> Started:
    del settings  # the folder says it all
    return load_trained(folder)


FAVCHAT = Family(_start_favchat, _load_favchat)
FAMILIES: Mapping[str, str] = {
    "favchat": "lineament.training.unified_family:FAVCHAT",
    "image-tokenizer": "lineament.training.unified_start:IMAGE_TOKENIZER",
    "unif2ace": "lineament.training.unified_start:UNIF2ACE",
}
