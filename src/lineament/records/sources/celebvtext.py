"""CelebV-Text: timed actions, marks of the face and the light of clips."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, final

from lineament.annotation import CLIP, Annotation, Fact, Subject
from lineament.errors import BadInput
from lineament.records.sources.celebvhq import split_of
from lineament.records.sources.pickled import read_plain_pickle
from lineament.records.sources.rows import read_json_file, require_file, require_inside
from lineament.records.sources.source import (
    DUPLICATE,
    NO_LABEL,
    UNREADABLE,
    Dropped,
    require_split,
)
from lineament.records.sources.stored import StoredFacts, join_facts
from lineament.vocabulary import read_label_sets, read_vocabulary

INFO, LABELS = "celebvtext_info.json", "annotations.pkl"
SETS = ("clips_set1", "clips_set2", "clips")
MARKS = ("scar", "mole", "freckle", "dimple", "one_eyed")
LIGHTS: Mapping[str, str] = {
    "frontal": "frontal", "front": "frontal", "left45": "left", "left90": "left",
    "right45": "right", "right90": "right", "back": "back",
}  # fmt: skip
FPS = 25.0  # where a cut is given in frames


@final
class CelebvText:
    """``celebvtext_info.json`` and ``annotations.pkl``; clips beside them as ``<name>.mp4``.

    Actions were marked with their times, all thirty-seven of them, so they are closed, as are the
    marks of the face. Times are whole seconds of the source video and become the clip's own.
    """

    name = "celebvtext"
    licence = "non-commercial research only"
    splits = ("all", "train", "val", "test")
    needs_folder = True

    def read(self, folder: Path, split: str = "all") -> Iterator[Annotation | Dropped]:
        """Yield every clip of the split that has labels."""
        require_split(self, split)
        path = require_file(folder, INFO)
        repeated: list[str] = []
        info = read_json_file(path, repeated)
        sets = [info[key] for key in SETS if key in info]
        if not sets or not all(isinstance(clips, Mapping) for clips in sets):
            raise BadInput(f"{path}: holds none of {', '.join(SETS)}, or they are no objects")
        labels = read_plain_pickle(require_file(folder, LABELS))
        acts, looks = _read_tables(labels, folder / LABELS)
        stored = StoredFacts(folder)
        yield from (Dropped(key, DUPLICATE) for key in repeated if any(key in s for s in sets))
        for clips in sets:
            for name, clip in clips.items():
                try:
                    key = str(clip["ytb_id"])
                    if split == "all" or split_of(key) == split:
                        yield _annotate_clip(name, clip, acts, looks, stored)
                except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
                    yield Dropped(name, UNREADABLE, f"{type(error).__name__}: {error}")


Table = Mapping[str, Any]


def _read_tables(labels: Any, path: Path) -> tuple[Table, Table]:
    """Return actions and looks by the clip's name; keys there end in one more number."""
    tables = []
    for part in ("act", "app"):
        table = labels.get(part) if isinstance(labels, Mapping) else None
        if not isinstance(table, Mapping):
            raise BadInput(f"{path}: holds no table {part!r}")
        named = {str(key): value for key, value in table.items()}
        for key, value in table.items():
            head, _, number = str(key).rpartition("_")
            if number.isdecimal():
                named.setdefault(head, value)
        tables.append(named)
    return tables[0], tables[1]


def _annotate_clip(
    name: str, clip: Mapping[str, Any], acts: Table, looks: Table, stored: StoredFacts
) -> Annotation | Dropped:
    name = name.removesuffix(".mp4")
    media = require_inside(f"{name}.mp4")
    if name not in acts and name not in looks:
        return Dropped(name, NO_LABEL, f"not in {LABELS}")
    start, stop = _read_cut(clip["duration"])
    facts: list[Fact] = []
    closed: set[str] = set()
    if name in acts:
        facts += _facts_from_acts(acts[name], start, stop - start)
        lists = read_label_sets().lists
        closed |= {*lists["celebvhq_action"], *lists["celebvtext_action_extra"]}
    if name in looks:
        facts += _facts_from_looks(looks[name])
        closed |= set(MARKS)
    labels = Annotation(
        media=media,
        subjects=(Subject("face 0", "face", 0.0, round(stop - start, 3)),),
        facts=tuple(facts),
        closed=frozenset(closed),
        duration_seconds=round(stop - start, 3),
        licence=CelebvText.licence,
        split_key=str(clip["ytb_id"]),
    )
    return join_facts(labels, stored.find(media))


def _read_cut(duration: Mapping[str, Any]) -> tuple[float, float]:
    """Return start and end in seconds of the source; either may be given in frames."""
    ends = []
    for end in ("start", "end"):
        if f"{end}_sec" in duration:
            ends.append(float(duration[f"{end}_sec"]))
        else:
            ends.append(float(duration[f"{end}_frame"]) / FPS)
    if not 0 <= ends[0] < ends[1] < 1e6:
        raise ValueError(f"duration from {ends[0]:g} to {ends[1]:g}")
    return ends[0], ends[1]


def _facts_from_acts(rows: Any, start: float, length: float) -> list[Fact]:
    sets = read_label_sets()
    facts = []
    for row in rows:
        said, times = str(row[0]).strip().casefold().replace(" ", "_"), row[1]
        name = sets.spelling.get(said, said)
        entry = read_vocabulary().names.get(name)
        if entry is None or entry.family != "action":
            raise ValueError(f"unknown action {said!r}")
        # Whole seconds of the source: an action may seem to begin just before its clip.
        span = [min(max(_read_clock(time) - start, 0.0), length) for time in times[:2]]
        if span[0] < span[1]:
            facts.append(Fact(name, True, span_seconds=(round(span[0], 3), round(span[1], 3))))
    return facts


def _read_clock(text: Any) -> float:
    """Read ``h:mm:ss``, or seconds."""
    if isinstance(text, int | float):
        return float(text)
    parts = [float(part) for part in str(text).split(":")]
    if not 1 <= len(parts) <= 3 or min(parts) < 0:
        raise ValueError(f"no time: {text!r}")
    return sum(part * 60**place for place, part in enumerate(reversed(parts)))


def _facts_from_looks(looks: Mapping[str, Any]) -> list[Fact]:
    spelling = read_label_sets().spelling
    facts = []
    for said, where in looks.items():
        name = spelling.get(said, said)
        if name in MARKS and where:
            facts.append(Fact(name, True))
    sides = {LIGHTS.get(str(row[0]).casefold().replace("_", "")) for row in looks["lighting"] or ()}
    if len(sides) == 1 and None not in sides:  # it may change; then nothing holds throughout
        facts.append(Fact("light_direction", str(sides.pop()), subject=CLIP))
    return facts
