"""Frozen prompts: one .toml table a task, read once, with a hash that goes on record."""

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

from lineament.evaluation.item import hash_text


@functools.cache
def read_prompts(task: str) -> Mapping[str, Any]:
    """Read the questions of a task, installed with this package."""
    return tomllib.loads(_text(task))


def prompts_id(task: str) -> str:
    """Return version and hash of a task's prompts: what a score was asked with."""
    return f"{task} {read_prompts(task)['version']} {hash_text(_text(task))[:12]}"


def _text(task: str) -> str:
    return (resources.files("lineament.evaluation.tasks") / f"{task}.toml").read_text("utf-8")
