"""Overlap: whether a model was trained on what it is tested on, by ids, subjects and pictures."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineament.errors import BadInput, LineamentError
from lineament.evaluation.item import Item, Visual, hash_bytes

KEYS = ("media", "split_key", "picture_hash")


@dataclass(frozen=True, slots=True)
class Overlap:
    """What training and test share.

    Attributes:
        checked: Which of ids, subjects and picture hashes the manifest told, and how many.
        media: Test media whose reference is in the training data.
        subjects: Test subjects that are.
        pictures: Test media whose pixels are.
    """

    checked: Mapping[str, int]
    media: tuple[str, ...]
    subjects: tuple[str, ...]
    pictures: tuple[str, ...]

    @property
    def is_zero_shot(self) -> bool | None:
        """True only where all three were told and nothing is shared; None where one is untold."""
        if self.media or self.subjects or self.pictures:
            return False
        return True if all(self.checked.values()) else None

    def to_dict(self) -> dict[str, Any]:
        """Return counts and a few examples, for the record."""
        return {
            "zero_shot": self.is_zero_shot,
            "checked": dict(self.checked),
            "shared_media": len(self.media),
            "shared_subjects": len(self.subjects),
            "shared_pictures": len(self.pictures),
            "examples": [*self.media[:3], *self.subjects[:3], *self.pictures[:3]],
        }


def find_overlap(
    items: Sequence[Item], manifest: Path, open_media: Callable[[str], Visual]
) -> Overlap:
    """Compare test items with a training manifest.

    Args:
        items: What is tested.
        manifest: JSON Lines of ``{"media", "split_key", "picture_hash"}``, a training example a
            line; `hash_picture` makes the last.
        open_media: From a reference to pixels, for the hashes.

    Raises:
        BadInput: The manifest is missing, empty, or holds a malformed line.
    """
    known: dict[str, set[str]] = {key: set() for key in KEYS}
    for row in _read_manifest(manifest):
        for key in KEYS:
            if row.get(key):
                known[key].add(str(row[key]))
    if not any(known.values()):
        raise BadInput(f"{manifest}: tells nothing of what was trained on", hint=f"keys: {KEYS}")
    names = {Path(media).name for media in known["media"]}
    media = sorted({item.media for item in items if Path(item.media).name in names})
    subjects = sorted({i.subject for i in items if i.subject and i.subject in known["split_key"]})
    pictures = []
    if known["picture_hash"]:
        for reference in dict.fromkeys(item.media for item in items):
            try:
                seen = hash_picture(open_media(reference))
            except LineamentError:
                continue  # what cannot be opened cannot be answered either
            if seen in known["picture_hash"]:
                pictures.append(reference)
    checked = {key: len(values) for key, values in known.items()}
    return Overlap(checked, tuple(media), tuple(subjects), tuple(pictures))


def hash_picture(visual: Visual) -> str:
    """Return a hash of the first frame's pixels."""
    frame = visual.frames[0]
    return hash_bytes(f"{frame.shape}".encode() + frame.tobytes())


def _read_manifest(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read ({error})", hint="check the path") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{path}, line {number}: not JSON ({error})") from None
        if not isinstance(row, dict):
            raise BadInput(f"{path}, line {number}: expected an object")
        yield row
