"""Files of CelebA and CelebV-HQ, to pictures and clips with their labels."""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineament.errors import BadInput
from lineament.evaluation.prompts import read_prompts
from lineament.records.sources.celebvhq import FILE, split_of
from lineament.records.sources.rows import (
    read_json_file,
    read_lines,
    require_file,
    require_inside,
)
from lineament.records.sources.source import UNREADABLE, Dropped
from lineament.vocabulary import nearest_hint, read_label_sets, read_vocabulary

NOT_ASKED = {"attractive": "an opinion: attractive"}
NUM_CELEBA = 40
_PARTITION = {"val": "1", "test": "2"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture or clip with its labels.

    Attributes:
        media: The file's name.
        subject: Whom it is about, as far as the set tells.
        parts: For each part, whether each of its labels holds.
    """

    media: str
    subject: str
    parts: Mapping[str, Mapping[str, bool]]

    @property
    def audit(self) -> dict[str, str]:
        """Sex and age by the set's own labels, for the audit of gaps alone."""
        known = self.parts["appearance"]
        words = {"sex": ("male", "male", "female"), "age": ("young", "young", "not young")}
        return {
            audit: yes if known[label] else no
            for audit, (label, yes, no) in words.items()
            if label in known
        }


def read_celeba(folder: Path, split: str) -> Iterator[Labelled | Dropped]:
    """Yield ``list_attr_celeba.txt`` rows of one part of ``list_eval_partition.txt``."""
    part = require_file(folder, "list_eval_partition.txt", "Eval/list_eval_partition.txt")
    parted = (line.split() for _, line in read_lines(part) if isinstance(line, str))
    kept = {fields[0] for fields in parted if fields[1:] == [_PARTITION[split]]}
    path = require_file(folder, "list_attr_celeba.txt", "Anno/list_attr_celeba.txt")
    names: tuple[str, ...] = ()
    for number, line in read_lines(path):
        if isinstance(line, Dropped):
            yield line
        elif number == 2:
            names = _name_celeba(line, path)
        elif number > 2 and (fields := line.split()) and fields[0] in kept:
            if len(fields) != len(names) + 1 or set(fields[1:]) - {"1", "-1"}:
                yield Dropped(fields[0], UNREADABLE, f"expected {len(names)} labels of 1 or -1")
                continue
            flags = {n: f == "1" for n, f in zip(names, fields[1:], strict=True)}
            yield Labelled(require_inside(fields[0]), fields[0], {"appearance": flags})


def _name_celeba(line: str, path: Path) -> tuple[str, ...]:
    spelling = {**read_label_sets().spelling, **read_prompts("attributes")["spelling"]}
    names = tuple(spelling.get(name, name) for name in line.casefold().split())
    if len(set(names)) != NUM_CELEBA:
        raise BadInput(f"{path}: names {len(set(names))} attributes, expected {NUM_CELEBA}")
    for name in names:
        if name not in read_vocabulary() and name not in NOT_ASKED:
            raise BadInput(f"{path}: unknown attribute {name!r}")
    return names


def read_celebvhq(folder: Path, split: str) -> Iterator[Labelled | Dropped]:
    """Yield the clips of ``celebvhq_info.json`` that fall to one part by their YouTube id."""
    path = require_file(folder, FILE)
    repeated: list[str] = []
    table = read_json_file(path, repeated)
    clips = table.get("clips")
    if not isinstance(clips, Mapping):
        raise BadInput(f"{path}: clips is no object")
    twice = [key for key in repeated if key in clips]
    if twice:
        raise BadInput(f"{path}: clip {twice[0]!r} is there twice", hint="remove one of the two")
    sets = read_label_sets()
    names: dict[str, list[str]] = {}
    for part in ("appearance", "action"):
        listed = (table.get("meta_info") or {}).get(f"{part}_mapping") or ()
        names[part] = [str(name).casefold() for name in listed]
        expected = sets.lists[f"celebvhq_{part}"]
        if sorted(names[part]) != sorted(expected):
            odd = next(iter(set(names[part]) ^ set(expected)), "a name twice")
            hint = nearest_hint(odd, expected)
            raise BadInput(f"{path}: {part}_mapping is not the set's list: {odd!r}", hint=hint)
    for clip_id, clip in clips.items():
        try:
            if split_of(str(clip["ytb_id"])) == split:
                yield _label_clip(clip_id, clip, names)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            yield Dropped(clip_id, UNREADABLE, f"{type(error).__name__}: {error}")


def _label_clip(clip_id: str, clip: Mapping[str, Any], names: Mapping[str, list[str]]) -> Labelled:
    sets = read_label_sets()
    labels = clip["attributes"]
    parts: dict[str, dict[str, bool]] = {}
    for part, listed in names.items():
        if any(value not in (0, 1) for value in labels[part]):
            raise ValueError(f"{part}: a label that is neither 0 nor 1")
        parts[part] = dict(zip(listed, map(bool, labels[part]), strict=True))
    emotion = labels["emotion"]
    said = [e["emotion"] for e in emotion["labels"]] if emotion["sep_flag"] else [emotion["labels"]]
    shown = {sets.spelling.get(name, name) for name in (str(e).casefold() for e in said)}
    emotions = sets.lists["celebvhq_emotion"]
    if shown - set(emotions):
        raise ValueError(f"unknown emotion {sorted(shown - set(emotions))[0]!r}")
    parts["emotion"] = {name: name in shown for name in emotions}
    return Labelled(require_inside(f"{clip_id}.mp4"), str(clip["ytb_id"]), parts)


@functools.cache
def celeba_labels() -> tuple[str, ...]:
    """Return CelebA's attributes in our names: CelebV-HQ's but two, and two of its own."""
    ours = read_label_sets().lists["celebvhq_appearance"]
    own = [name for name in ours if name not in ("long_hair", "sunglasses", "wearing_mask")]
    return (*own, "smile", "open_mouth")
