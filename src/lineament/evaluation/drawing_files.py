"""A folder of drawings: captions.jsonl beside the pictures, and what they are compared with."""

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineament.claims import read_claims
from lineament.errors import BadInput
from lineament.vocabulary import nearest_hint, read_vocabulary

CAPTIONS, SETTINGS = "captions.jsonl", "drawings.toml"
_SHAPE = 'a line is {"id": "1", "file": "1.png", "caption": "a smiling man"}, attributes if known'
_STYLE = re.compile(
    r"^\s*(?:an?\s+)?(?:\w+\s+)?(?:drawing|photo|photograph|picture|image|portrait)\s+of\s+", re.I
)


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture and what it was to show.

    Attributes:
        id: Unique in the folder.
        file: Relative to the folder.
        caption: What was asked for.
        attributes: Flags of the vocabulary that the caption fixes, true or false.
        is_read: The attributes were read from the caption, as the file gives none.
    """

    id: str
    file: str
    caption: str
    attributes: Mapping[str, bool]
    is_read: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``drawings.toml`` says.

    Attributes:
        real: Folder of real pictures; None where distances are not wanted.
        features: Name of the feature space; see `open_extractor`.
    """

    real: Path | None = None
    features: str = "pixels"


def read_drawings(folder: Path) -> list[Drawing]:
    """Read the captions of a folder; the pictures are opened when they are asked about.

    Raises:
        BadInput: A line cannot be used, names an unknown attribute or doubles an id; the message
            names file and line.
    """
    path = folder / CAPTIONS
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is not UTF-8 text", hint="save it as UTF-8") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadInput(f"{path}: {reason}", hint=_SHAPE) from None
    drawings: list[Drawing] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        drawing = _read_line(line, f"{path}, line {number}")
        if drawing.id in seen:
            raise BadInput(
                f"{path}, line {number}: id {drawing.id!r} is there twice, "
                f"first in line {seen[drawing.id]}",
                hint="every drawing counts once: remove one of the two",
            )
        seen[drawing.id] = number
        drawings.append(drawing)
    if not drawings:
        raise BadInput(f"{path}: holds no captions", hint=_SHAPE)
    return drawings


def _read_line(line: str, where: str) -> Drawing:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{where}: not JSON ({error})", hint=_SHAPE) from None
    if not isinstance(row, Mapping):
        raise BadInput(f"{where}: expected an object, got {type(row).__name__}", hint=_SHAPE)
    for key in ("id", "file", "caption"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise BadInput(f"{where}: field {key!r} is no text", hint=_SHAPE)
    given = row.get("attributes")
    is_read = given is None
    flags = read_caption(row["caption"]) if is_read else _check_attributes(given, where)
    return Drawing(row["id"], row["file"], row["caption"].strip(), flags, is_read)


def _check_attributes(given: Any, where: str) -> dict[str, bool]:
    names = read_vocabulary()
    hint = '"attributes": {"smile": true, "eyeglasses": false}'
    if not isinstance(given, Mapping):
        raise BadInput(f"{where}: field 'attributes' is no object", hint=hint)
    flags: dict[str, bool] = {}
    for name, value in given.items():
        if name not in names:
            raise BadInput(
                f"{where}: unknown attribute {name!r}", hint=nearest_hint(name, names.names)
            )
        if not isinstance(value, bool):
            raise BadInput(f"{where}: attribute {name!r} is neither true nor false", hint=hint)
        positive, stated = names.canonical(name, value)
        flags[positive] = bool(stated)
    return flags


def read_caption(caption: str) -> dict[str, bool]:
    """Read the flags that a caption states plainly; what it hedges or says of several is left."""
    flags: dict[str, bool] = {}
    for claim in read_claims(_STYLE.sub("", caption)):
        if isinstance(claim.value, bool) and not claim.hedged and claim.quantity == "":
            flags[claim.name] = claim.value is not claim.negated
    return flags


def read_settings(folder: Path) -> Settings:
    """Read what the drawings are compared with.

    Raises:
        BadInput: The file cannot be read, holds an unknown key, or names no folder.
    """
    path = folder / SETTINGS
    if not path.is_file():
        return Settings()
    try:
        row = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: not TOML ({error})") from None
    for key, value in row.items():
        if key not in ("real", "features") or not isinstance(value, str):
            raise BadInput(
                f"{path}: {key!r} is not known, or no text", hint='real = "real", features = "..."'
            )
    real = None
    if "real" in row:
        real = folder / row["real"]
        if not real.is_dir():
            raise BadInput(f"{path}: real: {real} is no folder")
    return Settings(real, row.get("features", "pixels"))


def find_folder_of(media: str) -> Path | None:
    """Return the nearest folder above a picture that has captions."""
    return next((p for p in Path(media).parents if (p / CAPTIONS).is_file()), None)
