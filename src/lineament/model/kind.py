"""Which kind of model a folder holds, without loading it."""

import json
from pathlib import Path

from lineament.errors import BadModel
from lineament.model.hub import find_folder

DRAWING_KIND = "unif2ace"


def find_kind(name_or_path: str | Path) -> str:
    """Return the ``model_type`` of an installed model or a folder; empty where there is none."""
    try:
        path = find_folder(name_or_path) / "config.json"
        return str(json.loads(path.read_text(encoding="utf-8"))["model_type"])
    except (BadModel, OSError, ValueError, KeyError, TypeError):
        return ""  # whoever loads it says what is wrong
