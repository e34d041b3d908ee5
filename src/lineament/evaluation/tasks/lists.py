"""Lists: label files that are one JSON list of rows, read whole and within limits."""

import json
from pathlib import Path
from typing import Any

from lineament.errors import BadInput
from lineament.records.sources.rows import LIMIT_JSON_BYTES, open_text


def read_list(path: Path) -> list[Any]:
    """Read a file that is one JSON list; its rows may be anything.

    Args:
        path: Plain or .zst.

    Raises:
        BadInput: It is too large, no JSON, or no list.
    """
    try:
        if (size := path.stat().st_size) > LIMIT_JSON_BYTES:
            raise BadInput(f"{path}: {size} bytes, more than {LIMIT_JSON_BYTES}")
        with open_text(path) as text:
            rows = json.load(text)
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not JSON ({error})", hint="is the file whole?") from None
    if not isinstance(rows, list):
        raise BadInput(f"{path}: expected a list, got {type(rows).__name__}")
    return rows
