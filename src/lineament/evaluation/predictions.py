"""Anybody's predictions: JSON Lines read strictly, one clear error that names file and line."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lineament.errors import BadInput

Row = Mapping[str, Any]
SHAPES: Mapping[str, str] = {
    "captions": '{"id": "1", "prediction": "a plane", "references": ["one plane", "a jet"]}',
    "vqa": '{"id": "1", "prediction": "yes", "answer": "yes", "type": "presence"}',
    "grounding": '{"id": "1", "prediction": "[[0, 0, 9, 9]]", "box": [0, 0, 9, 9]}',
    "classes": '{"id": "1", "prediction": "beach", "label": "beach"}',
    "claims": '{"id": "1", "prediction": "She smiles.", "annotation": {"facts": [...]}}',
}


def read_rows(path: Path, kind: str) -> list[Row]:
    """Read every row of a file and check its fields.

    Raises:
        BadInput: The file is missing or empty, a line is malformed, an id is there twice, or a
            field is missing or of the wrong type; the message names file and line.
    """
    check = _CHECKS[kind]
    hint = f"expected lines like {SHAPES[kind]}"
    first_line: dict[str, int] = {}
    rows: list[Row] = []
    for number, text in _read_lines(path):
        where = f"{path}, line {number}"
        row = _parse(text, where, hint)
        id = row.get("id")
        if not isinstance(id, str | int) or isinstance(id, bool):
            raise BadInput(f"{where}: {_missing(row, 'id')}", hint=hint)
        if str(id) in first_line:
            before = first_line[str(id)]
            raise BadInput(
                f"{where}: id {id!r} is there twice, first in line {before}",
                hint="every item counts once: remove one of the two",
            )
        first_line[str(id)] = number
        fault = check(row)
        if fault:
            raise BadInput(f"{where}: {fault}", hint=hint)
        rows.append(row)
    if not rows:
        raise BadInput(f"{path}: holds no predictions", hint=hint)
    return rows


def _read_lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: is not UTF-8 text", hint="save it as UTF-8") from error
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise BadInput(f"{path}: {reason}", hint="check the path") from None
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line


def _parse(text: str, where: str, hint: str) -> Row:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: not JSON ({error})", hint=hint) from None
    if not isinstance(row, dict):
        raise BadInput(f"{where}: expected an object, got {type(row).__name__}", hint=hint)
    return row


def _missing(row: Row, key: str) -> str:
    return f"has no field {key!r}" if key not in row else f"field {key!r} has the wrong type"


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _find_fault(row: Row, key: str, is_right: Callable[[Any], bool]) -> str:
    return "" if key in row and is_right(row[key]) else _missing(row, key)


def _check_captions(row: Row) -> str:
    def is_right(value: Any) -> bool:
        return (
            isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)
        )

    return _find_fault(row, "prediction", lambda v: isinstance(v, str)) or _find_fault(
        row, "references", is_right
    )


def _check_vqa(row: Row) -> str:
    fault = _find_fault(row, "prediction", _is_text) or _find_fault(row, "answer", _is_text)
    return fault or ("" if isinstance(row.get("type", ""), str) else _missing(row, "type"))


def _check_classes(row: Row) -> str:
    key = "label" if "label" in row or "answer" not in row else "answer"
    return _find_fault(row, "prediction", _is_text) or _find_fault(row, key, _is_text)


def _check_claims(row: Row) -> str:
    fault = _find_fault(row, "prediction", lambda v: isinstance(v, str))
    return fault or _find_fault(row, "annotation", lambda v: isinstance(v, dict))


def _check_grounding(row: Row) -> str:
    fault = _find_fault(row, "prediction", lambda v: isinstance(v, str | list))
    if fault:
        return fault
    if "box" not in row:
        return _missing(row, "box")
    return "" if parse_boxes(row["box"]) else "field 'box' holds no box of 4, 5 or 8 numbers"


_CHECKS: Mapping[str, Callable[[Row], str]] = {
    "captions": _check_captions,
    "vqa": _check_vqa,
    "grounding": _check_grounding,
    "classes": _check_classes,
    "claims": _check_claims,
}


def parse_boxes(value: Any) -> list[tuple[float, ...]] | None:
    """Return the boxes of a list, a list of lists, or a text in which lists stand; else None.

    A box has 4 numbers, 5 with an angle in degrees, or 8 as corners.
    """
    if isinstance(value, str):
        from lineament.evaluation.reading import find_lists

        lists = find_lists(value)
    elif isinstance(value, Sequence):
        lists = [value] if value and not isinstance(value[0], Sequence) else list(value)
    else:
        return None
    boxes: list[tuple[float, ...]] = []
    for entry in lists:
        if not isinstance(entry, Sequence) or isinstance(entry, str):
            return None
        if len(entry) and isinstance(entry[0], Sequence):
            inner = parse_boxes(entry)
            if inner is None:
                return None
            boxes += inner
            continue
        numbers = [n for n in entry if isinstance(n, int | float) and not isinstance(n, bool)]
        if len(numbers) != len(entry) or len(numbers) not in (4, 5, 8):
            return None
        if not all(abs(n) < 1e9 for n in numbers):  # also refuses nan and infinity
            return None
        boxes.append(tuple(float(n) for n in numbers))
    return boxes or None
