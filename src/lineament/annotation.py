"""Fact and Annotation: what is known of one picture or clip, and which families are closed."""

import json
import math
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lineament.errors import BadAnnotation, BadVocabulary
from lineament.vocabulary import Value, nearest_hint, read_vocabulary

Validated = Literal["real", "rendered", "none"]
VALIDATED: tuple[Validated, ...] = ("real", "rendered", "none")
CLIP = "clip"  # the subject of facts about the picture or clip as a whole


@dataclass(frozen=True, slots=True)
class Fact:
    """One fine-grained, checkable statement about a picture or clip, with its evidence.

    Attributes:
        name: A name of the vocabulary.
        value: True or False for a flag, one of the choices, or a number in the name's unit.
        family: The name's family; filled in from the vocabulary when left empty.
        subject: Whom or what it is about: ``face 0``, ``object 3``, or ``clip``.
        span_seconds: Half-open span in which it holds; None means throughout.
        region: Where it can be seen, in unit coordinates: a box ``x0, y0, x1, y1`` or a polygon
            ``x, y, x, y, ...`` of at least three points (rotated boxes are polygons).
        confidence: How sure the source is, 0 to 1.
        source: Who says so: ``landmarks``, ``labels``, ``renderer``, a model's name.
        validated: On what media this kind of fact from this source has been measured.
    """

    name: str
    value: Value
    family: str = ""
    subject: str = "face 0"
    span_seconds: tuple[float, float] | None = None
    region: tuple[float, ...] | None = None
    confidence: float = 1.0
    source: str = "labels"
    validated: Validated = "none"

    def __post_init__(self) -> None:
        if not self.family:
            entry = read_vocabulary().names.get(self.name)
            negative = read_vocabulary().negatives.get(self.name)
            if entry is None and negative is not None:
                entry = read_vocabulary().names[negative]
            object.__setattr__(self, "family", entry.family if entry else "")

    def to_dict(self) -> dict[str, Any]:
        """Return the fact in the JSON shape of ``lineament annotate``."""
        start, stop = self.span_seconds or (None, None)
        row: dict[str, Any] = {
            "name": self.name,
            "family": self.family,
            "value": self.value,
            "confidence": round(self.confidence, 4),
            "start_seconds": start,
            "stop_seconds": stop,
            "source": self.source,
            "validated": self.validated,
        }
        if self.region is not None:
            row["region"] = list(self.region)
        return row


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody or something that facts are about, and when it is in view."""

    id: str
    kind: str = "face"
    start_seconds: float = 0.0
    stop_seconds: float = 0.0
    num_frames: int = 1


@dataclass(frozen=True, slots=True)
class Annotation:
    """All facts known of one picture or clip.

    Attributes:
        media: Path or id of the picture or clip.
        subjects: Everyone and everything the facts are about.
        facts: In no particular order; several may share a name at different times.
        closed: Families and single names that are closed: what is not listed is false. All
            others are open: what is not listed is unknown.
        duration_seconds: 0 for a picture.
        num_frames: 1 for a picture.
        fps: Mean frame rate; 0 for a picture.
        licence: Under what terms the media and labels come.
        split_key: What train and test must not share: the YouTube id, the person.
    """

    media: str
    subjects: tuple[Subject, ...] = ()
    facts: tuple[Fact, ...] = ()
    closed: frozenset[str] = frozenset()
    duration_seconds: float = 0.0
    num_frames: int = 1
    fps: float = 0.0
    licence: str = ""
    split_key: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def is_closed(self, name: str) -> bool:
        """Say whether the absence of a name means that it is false."""
        name = read_vocabulary().negatives.get(name, name)
        if name in self.closed:
            return True
        entry = read_vocabulary().names.get(name)
        return entry is not None and entry.family in self.closed

    def facts_named(self, name: str, subject: str | None = None) -> tuple[Fact, ...]:
        """Return the facts of one name, of one subject or of all."""
        return tuple(
            fact
            for fact in self.facts
            if fact.name == name and (subject is None or fact.subject == subject)
        )

    def facts_of(self, subject: str) -> tuple[Fact, ...]:
        """Return the facts about one subject."""
        return tuple(fact for fact in self.facts if fact.subject == subject)

    def to_dict(self) -> dict[str, Any]:
        """Return the annotation in the JSON shape of ``lineament annotate``."""
        known = {subject.id for subject in self.subjects}
        return {
            "media": self.media,
            "duration_seconds": self.duration_seconds,
            "num_frames": self.num_frames,
            "fps": self.fps,
            "subjects": [
                {
                    "id": subject.id,
                    "kind": subject.kind,
                    "start_seconds": subject.start_seconds,
                    "stop_seconds": subject.stop_seconds,
                    "num_frames": subject.num_frames,
                    "facts": [fact.to_dict() for fact in self.facts_of(subject.id)],
                }
                for subject in self.subjects
            ],
            "facts": [
                fact.to_dict() | {"subject": fact.subject}
                for fact in self.facts
                if fact.subject not in known
            ],
            "closed": sorted(self.closed),
            "licence": self.licence,
            "split_key": self.split_key,
            **dict(self.extra),
        }


def annotation_from_dict(row: Any, *, where: str = "annotation") -> Annotation:
    """Read the JSON shape of ``lineament annotate``.

    Facts may also stand flat, under ``facts``, each with its own ``subject`` (``face 0`` when
    left out).

    Args:
        row: The parsed JSON object.
        where: How to call it in error messages: the file's name, and the line.

    Raises:
        BadAnnotation: A name, choice or type is wrong; the message says which.
    """
    if not isinstance(row, Mapping):
        raise BadAnnotation(f"{where}: expected an object, got {type(row).__name__}")
    subjects: list[Subject] = []
    facts: list[Fact] = []
    for index, entry in enumerate(_list(row, "subjects", where)):
        at = f"{where}: subjects[{index}]"
        subject = _subject_from_dict(entry, at)
        if any(subject.id == other.id for other in subjects):
            raise BadAnnotation(f"{at}.id: {subject.id!r} is there twice")
        subjects.append(subject)
        for number, fact in enumerate(_list(entry, "facts", at)):
            facts.append(fact_from_dict(fact, where=f"{at}.facts[{number}]", subject=subject.id))
    for number, fact in enumerate(_list(row, "facts", where)):
        facts.append(fact_from_dict(fact, where=f"{where}: facts[{number}]"))
    return Annotation(
        media=_text(row, "media", where, required=False),
        subjects=tuple(subjects),
        facts=tuple(facts),
        closed=_closed_from_list(_list(row, "closed", where), where),
        duration_seconds=_number(row, "duration_seconds", where, default=0.0),
        num_frames=_count(row, "num_frames", where),
        fps=_number(row, "fps", where, default=0.0),
        licence=_text(row, "licence", where, required=False),
        split_key=_text(row, "split_key", where, required=False),
    )


def fact_from_dict(row: Any, *, where: str, subject: str = "face 0") -> Fact:
    """Read one fact; see `Fact.to_dict` for the shape.

    Raises:
        BadAnnotation: The name is unknown or its value has the wrong type.
    """
    if not isinstance(row, Mapping):
        raise BadAnnotation(f"{where}: expected an object, got {type(row).__name__}")
    name = _text(row, "name", where)
    value = row.get("value", True)
    check_value(name, value, where=where)
    validated = row.get("validated", "none")
    if validated not in VALIDATED:
        raise BadAnnotation(
            f"{where}.validated: expected one of {', '.join(VALIDATED)}, got {_shown(validated)}"
        )
    return Fact(
        name=name,
        value=value,
        subject=_text(row, "subject", where, required=False) or subject,
        span_seconds=_span_from_dict(row, where),
        region=_region_from_list(row.get("region"), where),
        confidence=_number(row, "confidence", where, default=1.0, most=1.0),
        source=_text(row, "source", where, required=False) or "labels",
        validated=validated,
    )


def check_value(name: str, value: object, *, where: str) -> None:
    """Refuse a value that the name cannot have.

    Raises:
        BadAnnotation: The name is unknown, or the value has the wrong type or is no choice.
    """
    vocabulary = read_vocabulary()
    flag_name = vocabulary.negatives.get(name, name)
    try:
        entry = vocabulary.require(flag_name)
    except BadVocabulary as error:
        raise BadAnnotation(f"{where}.name: {error.message}", hint=error.hint) from None
    if entry.kind == "flag" and not isinstance(value, bool):
        raise BadAnnotation(f"{where}.value: {name} is true or false, got {_shown(value)}")
    if entry.kind == "choice" and value not in entry.choices:
        all_of_them = f"one of {', '.join(entry.choices)}"
        text = value if isinstance(value, str) else ""
        hint = nearest_hint(text, entry.choices, otherwise=all_of_them)
        raise BadAnnotation(f"{where}.value: {name} cannot be {_shown(value)}", hint=hint)
    if entry.kind == "number" and not _is_number(value):
        raise BadAnnotation(f"{where}.value: {name} is a number, got {_shown(value)}")
    if entry.kind == "relation" and not isinstance(value, str):
        raise BadAnnotation(f"{where}.value: {name} is the id of a subject, got {_shown(value)}")


def read_annotations(path: Path | str) -> Iterator[Annotation]:
    """Read a .json file (one object or a list) or a .jsonl file (an object a line), lazily.

    Raises:
        BadAnnotation: The file is missing, is not JSON, or holds a wrong annotation.
    """
    path = Path(path)
    try:
        if path.suffix == ".jsonl":
            yield from _read_lines(path)
            return
        rows = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadAnnotation(f"{path}: {error.strerror or error}") from None
    except (ValueError, RecursionError) as error:  # ValueError: also numbers of 5,000 digits
        raise BadAnnotation(f"{path}: not JSON ({error})") from None
    for number, row in enumerate(rows if isinstance(rows, list) else [rows]):
        where = f"{path}[{number}]" if isinstance(rows, list) else str(path)
        yield annotation_from_dict(row, where=where)


def _read_lines(path: Path) -> Iterator[Annotation]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise BadAnnotation(f"{path}, line {number}: not JSON ({error})") from None
            yield annotation_from_dict(row, where=f"{path}, line {number}")


def _subject_from_dict(row: Any, where: str) -> Subject:
    if not isinstance(row, Mapping):
        raise BadAnnotation(f"{where}: expected an object, got {type(row).__name__}")
    return Subject(
        id=_text(row, "id", where),
        kind=_text(row, "kind", where, required=False) or "face",
        start_seconds=_number(row, "start_seconds", where, default=0.0),
        stop_seconds=_number(row, "stop_seconds", where, default=0.0),
        num_frames=_count(row, "num_frames", where),
    )


def _span_from_dict(row: Mapping[str, Any], where: str) -> tuple[float, float] | None:
    start, stop = row.get("start_seconds"), row.get("stop_seconds")
    if start is None and stop is None:
        return None
    start = _number(row, "start_seconds", where)
    stop = _number(row, "stop_seconds", where)
    if stop < start:
        raise BadAnnotation(f"{where}: stop_seconds {stop} lies before start_seconds {start}")
    return (start, stop)


def _region_from_list(value: Any, where: str) -> tuple[float, ...] | None:
    if value is None:
        return None
    is_numbers = isinstance(value, list | tuple) and all(_is_number(x) for x in value)
    if not is_numbers or (len(value) != 4 and (len(value) < 6 or len(value) % 2)):
        raise BadAnnotation(
            f"{where}.region: expected 4 numbers (a box) or x, y pairs (a polygon), got "
            f"{_shown(value)}"
        )
    return tuple(float(x) for x in value)


def _closed_from_list(values: Iterable[Any], where: str) -> frozenset[str]:
    vocabulary = read_vocabulary()
    known = [*vocabulary.families, *vocabulary.names]
    for value in values:
        if not isinstance(value, str) or value not in known:
            raise BadAnnotation(
                f"{where}.closed: {_shown(value)} is neither a family nor a name",
                hint=nearest_hint(str(value), known),
            )
    return frozenset(values)


def _list(row: Mapping[str, Any], key: str, where: str) -> list[Any]:
    value = row.get(key, [])
    if not isinstance(value, list):
        raise BadAnnotation(f"{where}.{key}: expected a list, got {type(value).__name__}")
    return value


def _text(row: Mapping[str, Any], key: str, where: str, *, required: bool = True) -> str:
    value = row.get(key, None if required else "")
    if not isinstance(value, str):
        got = "nothing" if value is None else _shown(value)
        raise BadAnnotation(f"{where}.{key}: expected text, got {got}")
    return value


def _number(
    row: Mapping[str, Any],
    key: str,
    where: str,
    *,
    default: float | None = None,
    most: float = math.inf,
) -> float:
    value = row.get(key, default)
    if not _is_number(value):
        raise BadAnnotation(f"{where}.{key}: expected a number, got {_shown(value)}")
    if not 0 <= value <= most:
        limit = "0 or more" if math.isinf(most) else f"0 to {most:g}"
        raise BadAnnotation(f"{where}.{key}: expected {limit}, got {value!r}")
    return value


def _count(row: Mapping[str, Any], key: str, where: str) -> int:
    value = _number(row, key, where, default=1)
    if value != int(value):
        raise BadAnnotation(f"{where}.{key}: expected a whole number, got {value!r}")
    return int(value)


def _is_number(value: object) -> bool:
    try:
        is_finite = isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # a whole number beyond what a float can hold
        return False
    return is_finite and not isinstance(value, bool)


def _shown(value: object) -> str:
    """Return a value as it is shown in a message: in one line, shortened, however deep it is."""
    return reprlib.repr(value)
