"""CelebV-HQ: 40 appearance and 35 action labels of clips, and timed emotions."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from lineament.annotation import CLIP, Annotation, Fact, Subject
from lineament.errors import BadInput
from lineament.records.sources.rows import read_json_file, require_file, require_inside
from lineament.records.sources.source import DUPLICATE, UNREADABLE, Dropped, require_split, share_of
from lineament.vocabulary import nearest_hint, read_label_sets, read_vocabulary

FILE = "celebvhq_info.json"
# Shares of the hash of a YouTube id; there is no official split and no identity label.
TRAIN_SHARE, VAL_SHARE = 0.70, 0.15
_LISTS = {"appearance": "celebvhq_appearance", "action": "celebvhq_action"}


@final
class CelebvHq:
    """``celebvhq_info.json``; the clips lie beside it as ``<id>.mp4`` where the user has them.

    Every label of the two lists is 0 or 1, so all are closed. Actions have no times.
    """

    name = "celebvhq"
    licence = "non-commercial research only"
    splits = ("all", "train", "val", "test")
    needs_folder = True

    def read(self, folder: Path, split: str = "all") -> Iterator[Annotation | Dropped]:
        """Yield every clip of the split."""
        require_split(self, split)
        path = require_file(folder, FILE)
        repeated: list[str] = []
        table = read_json_file(path, repeated)
        names = {part: _read_names(table, part, path) for part in _LISTS}
        clips = table.get("clips")
        if not isinstance(clips, Mapping):
            raise BadInput(f"{path}: clips is no object")
        yield from (Dropped(key, DUPLICATE) for key in repeated if key in clips)
        for clip_id, clip in clips.items():
            try:
                if split == "all" or split_of(str(clip["ytb_id"])) == split:
                    yield _annotate_clip(clip_id, clip, names)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                yield Dropped(clip_id, UNREADABLE, f"{type(error).__name__}: {error}")


def split_of(ytb_id: str) -> str:
    """Return the split of a YouTube id: 70 % train, 15 % val, 15 % test."""
    share = share_of(ytb_id)
    if share < TRAIN_SHARE:
        return "train"
    return "val" if share < TRAIN_SHARE + VAL_SHARE else "test"


def _read_names(table: Mapping[str, Any], part: str, path: Path) -> tuple[str, ...]:
    """Read a name list of ``meta_info``: any case, but complete and known."""
    listed = (table.get("meta_info") or {}).get(f"{part}_mapping")
    expected = read_label_sets().lists[_LISTS[part]]
    if not isinstance(listed, list) or len(listed) != len(expected):
        got = len(listed) if isinstance(listed, list) else "no"
        raise BadInput(f"{path}: {part}_mapping has {got} names, expected {len(expected)}")
    names = tuple(str(name).casefold() for name in listed)
    for name in names:
        if name not in expected:
            raise BadInput(
                f"{path}: {part}_mapping: unknown name {name!r}", hint=nearest_hint(name, expected)
            )
    if len(set(names)) != len(names):
        raise BadInput(f"{path}: {part}_mapping names something twice")
    return names


def _annotate_clip(
    clip_id: str, clip: Mapping[str, Any], names: Mapping[str, tuple[str, ...]]
) -> Annotation:
    labels = clip["attributes"]
    flags: dict[str, bool] = {}
    for part, listed in names.items():
        values = labels[part]
        if len(values) != len(listed) or any(value not in (0, 1) for value in values):
            raise ValueError(f"{part}: expected {len(listed)} labels of 0 or 1")
        flags.update(zip(listed, map(bool, values), strict=True))
    length = float(clip["duration"]["end_sec"]) - float(clip["duration"]["start_sec"])
    if not length > 0:
        raise ValueError(f"duration {length}")
    facts, closed = facts_from_flags(flags)
    facts += _facts_from_emotion(labels["emotion"], length)
    emotions = frozenset(entry.id for entry in read_vocabulary().of_family("emotion"))
    return Annotation(
        media=require_inside(f"{clip_id}.mp4"),
        subjects=(Subject("face 0", "face", 0.0, round(length, 3)),),
        facts=tuple(facts),
        closed=frozenset(closed) | emotions,
        duration_seconds=round(length, 3),
        licence=CelebvHq.licence,
        split_key=str(clip["ytb_id"]),
    )


def facts_from_flags(flags: Mapping[str, bool]) -> tuple[list[Fact], set[str]]:
    """State what is 1; two labels that exclude each other are both left open."""
    vocabulary = read_vocabulary()
    known = {}
    for name, flag in flags.items():
        positive, value = vocabulary.canonical(name, flag)
        known[positive] = bool(value)
    # A goatee is a beard, whatever the other label says.
    for name in [name for name, value in known.items() if value]:
        known.update(dict.fromkeys(vocabulary.names[name].implies, True))
    stated = {name for name, value in known.items() if value}
    clashing = {name for name in stated if stated & vocabulary.excluded_by(name)}
    facts = []
    for name, value in known.items():
        if name not in clashing and (value or name == "male"):
            is_of_clip = vocabulary.names[name].subject == "clip"
            facts.append(Fact(name, value, subject=CLIP if is_of_clip else "face 0"))
    return facts, set(known) - clashing


def _facts_from_emotion(emotion: Mapping[str, Any], length: float) -> list[Fact]:
    listed = emotion["labels"]
    if not emotion["sep_flag"]:
        return [Fact(_emotion_name(listed), True)]
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise ValueError("emotion.labels is no list")
    facts = []
    for entry in listed:
        start, stop = float(entry["start_sec"]), float(entry["end_sec"])
        if not 0 <= start < stop:
            raise ValueError(f"emotion from {start} to {stop} s")
        span = (round(start, 3), round(min(stop, max(length, stop)), 3))
        facts.append(Fact(_emotion_name(entry["emotion"]), True, span_seconds=span))
    return facts


def _emotion_name(label: Any) -> str:
    sets = read_label_sets()
    name = str(label).casefold()
    name = sets.spelling.get(name, name)
    if name not in sets.lists["celebvhq_emotion"]:
        raise ValueError(f"unknown emotion {label!r}")
    return name
