"""Typed recipes: read, override, refuse unknown keys, write back."""

import difflib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from lineament.errors import BadInput

SettingsType = TypeVar("SettingsType", bound="Settings")


class Settings(BaseModel):
    """Frozen values that know their names: an unknown key or a wrong type is refused."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    def __eq__(self, other: object) -> bool:
        """Say whether all values are written alike: a list and a tuple of equals are."""
        if type(other) is not type(self):
            return NotImplemented
        return self.model_dump_json() == other.model_dump_json()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash(self.model_dump_json())

    def replace(self: SettingsType, **changes: Any) -> SettingsType:
        """Return the same settings with some of them changed, checked again."""
        names = type(self).model_fields
        return type(self).model_validate({name: getattr(self, name) for name in names} | changes)


def read_recipe(kind: type[SettingsType], path: Path | str) -> SettingsType:
    """Read settings that `write_recipe` wrote.

    Raises:
        BadInput: The file is missing or no JSON, or holds an unknown key or a wrong value.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except ValueError as error:
        raise BadInput(f"{path}: is no JSON ({error})") from None
    return settings_from_dict(kind, content, where=str(path))


def write_recipe(recipe: Settings, path: Path | str) -> None:
    """Write settings with every default spelled out."""
    Path(path).write_text(recipe.model_dump_json(indent=2) + "\n", encoding="utf-8")


def settings_from_dict(
    kind: type[SettingsType], content: Any, *, where: str = "recipe"
) -> SettingsType:
    """Check plain values and make settings of them.

    Raises:
        BadInput: Naming the first key that is wrong.
    """
    try:
        return kind.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise _explain(kind, error, where) from None


def override(recipe: SettingsType, assignments: Sequence[str]) -> SettingsType:
    """Return a recipe with some values changed.

    Args:
        recipe: What to change.
        assignments: Texts such as ``stages.0.warmup=0.1``. A member of a list is named by its
            position or its own name; a value is JSON, or else plain text.

    Raises:
        BadInput: A key is unknown, naming the nearest known one, or a value does not fit.
    """
    content = json.loads(recipe.model_dump_json())
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        if not equals or not path:
            raise BadInput(f"{assignment!r}: expected key=value", hint="--set stages.0.warmup=0.1")
        _assign(content, path.strip(), _read_value(value.strip()), type(recipe))
    return settings_from_dict(type(recipe), content, where="--set")


def require_known(word: str, known: Iterable[str], what: str) -> None:
    """Refuse a word that is none of the known ones.

    Raises:
        BadInput: Naming the nearest known word.
    """
    known = list(known)
    if word not in known:
        hint = nearest_hint(word, known, otherwise=f"known: {', '.join(known)}")
        raise BadInput(f"unknown {what} {word!r}", hint=hint)


def nearest_hint(word: str, known: Iterable[str], *, otherwise: str) -> str:
    """Return ``did you mean ...?`` for the nearest known word, or another hint."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else otherwise


def _read_value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _assign(content: Any, path: str, value: Any, kind: type[Settings] | None) -> None:
    """Walk down plain values beside their types, and set the last one.

    Keys of a free mapping may hold dots (globs do): what is left of the path is one key then.
    """
    parts = path.split(".")
    for depth, part in enumerate(parts):
        done, is_last = ".".join(parts[:depth]), depth == len(parts) - 1
        key: Any = part
        if isinstance(content, list):
            key = _find_member(content, part, done)
        elif kind is not None:
            if part not in kind.model_fields:
                _refuse_key(kind, part, done)
            kind = _find_settings(kind.model_fields[part].annotation)
        elif not isinstance(content.get(part), dict | list):
            key, is_last = ".".join(parts[depth:]), True
        if is_last:
            content[key] = value
            return
        if content[key] is None and kind is not None:
            content[key] = {}
        content = content[key]
        if not isinstance(content, dict | list):
            raise BadInput(f"{done}.{part}".strip(".") + " is a value and has no keys below it")


def _find_member(members: list[Any], part: str, done: str) -> int:
    names = [row.get("name") if isinstance(row, dict) else None for row in members]
    if part in names:
        return names.index(part)
    if part.isdigit() and int(part) < len(members):
        return int(part)
    known = ", ".join(str(name or index) for index, name in enumerate(names)) or "none"
    raise BadInput(f"{done} has no member {part!r}", hint=f"it has {known}")


def _find_settings(annotation: Any) -> type[Settings] | None:
    """Find the settings inside ``tuple[X, ...]`` and ``X | None``; None for plain values."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return annotation
    found = (_find_settings(inner) for inner in get_args(annotation))
    return next((kind for kind in found if kind is not None), None)


def _refuse_key(kind: type[Settings], key: str, above: str) -> NoReturn:
    hint = nearest_hint(
        key, kind.model_fields, otherwise=f"known keys: {', '.join(kind.model_fields)}"
    )
    raise BadInput(f"unknown key {f'{above}.{key}'.strip('.')!r}", hint=hint)


def _explain(kind: type[Settings], error: ValidationError, where: str) -> BadInput:
    """Turn the first thing that pydantic found into one line."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    if first["type"] != "extra_forbidden":
        return BadInput(f"{where}: {'.'.join(place)}: {first['msg'].lower()}")
    below: type[Settings] | None = kind
    for part in place[:-1]:
        if below is not None and part in below.model_fields:
            below = _find_settings(below.model_fields[part].annotation)
    known = list(below.model_fields) if below is not None else []
    hint = nearest_hint(place[-1], known, otherwise=f"known keys: {', '.join(known)}")
    return BadInput(f"{where}: unknown key {'.'.join(place)!r}", hint=hint)
