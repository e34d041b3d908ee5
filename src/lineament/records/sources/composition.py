"""Composition: several sources, filtered, and how much of what is written about them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import final

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.sources.celebvhq import split_of
from lineament.records.sources.source import Dropped, Source, require_split
from lineament.records.sources.stored import FACE_PX
from lineament.records.write.quota import QUOTA, QuotaWriter, find_askable
from lineament.vocabulary import read_vocabulary

# Why annotations are left out of a composition.
SMALL_FACE = "face too small"
SHORT_TRACK = "no main track over enough frames"
LENGTH = "clip too short or too long"
LABELLED_OUT = "labelled blurry"
FEW_FACTS = "too few positive attributes"


@dataclass(frozen=True, slots=True)
class Filters:
    """What an annotation must be like; what nobody measured passes.

    Attributes:
        min_face_px: Smallest median side of the main face.
        min_coverage: Smallest share of the frames in which the main face is tracked.
        min_seconds: Shortest clip.
        max_seconds: Longest clip.
        excluded: Flags that must not be stated.
        min_positive: Fewest names that are stated to hold, apparent sex included.
    """

    min_face_px: float = 0.0
    min_coverage: float = 0.0
    min_seconds: float = 0.0
    max_seconds: float = float("inf")
    excluded: tuple[str, ...] = ()
    min_positive: int = 0

    def find_fault(self, annotation: Annotation) -> tuple[str, str] | None:
        """Return why an annotation is left out, and the detail; None if it may stay."""
        side = annotation.extra.get(FACE_PX)
        if side is not None and side < self.min_face_px:
            return SMALL_FACE, f"{side:g} px"
        seconds = annotation.duration_seconds
        if seconds and not self.min_seconds <= seconds <= self.max_seconds:
            return LENGTH, f"{seconds:g} s"
        coverage = find_coverage(annotation)
        if coverage is not None and coverage < self.min_coverage:
            return SHORT_TRACK, f"{coverage:.2f} of the frames"
        for name in self.excluded:
            if any(fact.value is True for fact in annotation.facts_named(name)):
                return LABELLED_OUT, name
        if (count := count_positive(annotation)) < self.min_positive:
            return FEW_FACTS, f"{count}"
        return None


def find_coverage(annotation: Annotation) -> float | None:
    """Return the share of frames in which the main face is tracked; None if nobody tracked it."""
    frames = [face.num_frames for face in annotation.subjects if face.kind == "face"]
    if annotation.num_frames <= 1 or not frames:
        return None
    return max(frames) / annotation.num_frames


def count_positive(annotation: Annotation) -> int:
    """Count the different names that are stated to hold."""
    return len({fact.name for fact in annotation.facts if fact.value is not False or _is_sex(fact)})


def _is_sex(fact: object) -> bool:
    return getattr(fact, "name", "") == "male"  # false says: female


@dataclass(frozen=True, slots=True)
class Part:
    """One source of a composition.

    Attributes:
        source: Where annotations come from.
        folder: The data set's folder below ``--data``.
        filters: What may stay.
        as_pictures: Take one frame of every clip; only what holds throughout is kept.
    """

    source: Source
    folder: str
    filters: Filters = Filters()
    as_pictures: bool = False


@final
@dataclass(frozen=True)
class Composition:
    """Sources mixed to a composition; a source itself, and it brings the writer for its quotas.

    Every annotation carries in ``extra`` its part's name, its split, and a quota: how many
    records of which kinds. Quotas follow the order of annotations alone, so that any number of
    workers writes the same.

    Attributes:
        name: What people type.
        parts: In the order in which they are read.
        descriptions: Kind of description.
        num_descriptions: How many in all, where there are `num_annotations`.
        num_questions: How many questions in all.
        num_annotations: For which the two numbers hold; with others they scale.
        shares: Of the questions, by kind; what an annotation cannot give goes to others.
    """

    name: str
    parts: tuple[Part, ...]
    descriptions: str
    num_descriptions: int
    num_questions: int
    num_annotations: int
    shares: Mapping[str, float] = field(default_factory=dict)
    splits: tuple[str, ...] = ("all", "train", "val", "test")
    needs_folder: bool = True

    @property
    def licence(self) -> str:
        """The terms of all parts together."""
        return "; ".join(dict.fromkeys(part.source.licence for part in self.parts))

    def read(self, folder: Path, split: str = "all") -> Iterator[Annotation | Dropped]:
        """Yield what passes the filters, with its quota; splits are cut by the split key."""
        require_split(self, split)
        missing = [part.folder for part in self.parts if not (folder / part.folder).is_dir()]
        if missing:
            hint = f"a folder each: {', '.join(part.folder for part in self.parts)}"
            raise BadInput(f"{folder}: holds no folder {missing[0]}", hint=hint)
        planner = _Planner(self)
        for part in self.parts:
            for item in part.source.read(folder / part.folder, _whole_split(part.source)):
                found = item if isinstance(item, Dropped) else _filter(item, part)
                if isinstance(found, Dropped):
                    yield found
                    continue
                own_split = split_of(found.split_key)
                if split in ("all", own_split):
                    yield planner.plan(found, part.source.name, own_split)

    def make_writer(self, seed: int = 0) -> QuotaWriter:
        """Return the writer that fills the quotas."""
        return QuotaWriter(fallbacks=tuple(self.shares), seed=seed)


class _Planner:
    """Hands out quotas so that totals and shares come out, annotation by annotation."""

    def __init__(self, composition: Composition) -> None:
        self.composition = composition
        self.given = dict.fromkeys(composition.shares, 0)
        self.num_planned = 0

    def plan(self, annotation: Annotation, source: str, split: str) -> Annotation:
        """Return the annotation with its quota."""
        composition, number = self.composition, self.num_planned
        self.num_planned += 1
        quota = {composition.descriptions: self._due(composition.num_descriptions, number)}
        askable = find_askable(annotation)
        for _ in range(self._due(composition.num_questions, number)):
            kind = self._choose(askable, quota)
            self.given[kind] += 1
            quota[kind] = quota.get(kind, 0) + 1
        extra = {**annotation.extra, "source": source, "split": split, QUOTA: quota}
        return replace(annotation, extra=extra)

    def _due(self, total: int, number: int) -> int:
        """Return how many of a total fall on one annotation, spread evenly."""
        num_annotations = self.composition.num_annotations
        return (number + 1) * total // num_annotations - number * total // num_annotations

    def _choose(self, askable: frozenset[str], quota: Mapping[str, int]) -> str:
        """Return the kind that lies farthest behind its share among those that can be asked."""
        total = sum(self.given.values()) + 1
        behind = {
            kind: share * total - self.given[kind]
            for kind, share in self.composition.shares.items()
            if kind in askable and (kind not in quota or kind == "yes_no")
        }
        return max(behind, key=behind.__getitem__) if behind else "yes_no"


def _whole_split(source: Source) -> str:
    return "all" if "all" in source.splits else source.splits[0]


def _filter(annotation: Annotation, part: Part) -> Annotation | Dropped:
    if part.as_pictures:
        annotation = take_frame(annotation)
    fault = part.filters.find_fault(annotation)
    if fault is not None:
        return Dropped(annotation.media, *fault)
    return replace(annotation, media=f"{part.folder}/{annotation.media}")


def take_frame(annotation: Annotation) -> Annotation:
    """Return what a single frame of a clip surely shows: facts that hold throughout.

    Actions happen at some time of the clip, so of one frame they are neither known nor denied.
    The frame is a picture of the clip's name: ``x.mp4`` becomes ``frames/x.jpg``.
    """
    names = read_vocabulary().names
    facts = tuple(
        replace(fact, span_seconds=None)
        for fact in annotation.facts
        if fact.span_seconds is None and not names[fact.name].is_timed
    )
    told = {fact.name for fact in facts}
    closed = set()
    for word in annotation.closed:
        entries = [n for n in names.values() if word in (n.id, n.family)]
        closed |= {n.id for n in entries if not n.is_timed}
    # Emotions that come and go are not known of one frame either.
    emotions = {entry.id for entry in read_vocabulary().of_family("emotion")}
    if not told & emotions:
        closed -= emotions
    return replace(
        annotation,
        media=f"frames/{Path(annotation.media).with_suffix('.jpg').as_posix()}",
        subjects=tuple(
            replace(subject, start_seconds=0.0, stop_seconds=0.0, num_frames=1)
            for subject in annotation.subjects
        ),
        facts=facts,
        closed=frozenset(closed),
        duration_seconds=0.0,
        num_frames=1,
        fps=0.0,
    )


__all__ = ["Composition", "Filters", "Part", "count_positive", "find_coverage", "take_frame"]
