"""View: what an annotation tells about one subject, ready to be written about."""

import functools
from collections.abc import Mapping

from lineament.annotation import CLIP, Annotation
from lineament.records.write.clauses import read_word_table
from lineament.vocabulary import Value, read_vocabulary

Span = tuple[float, float]


class View:
    """One subject of an annotation.

    Attributes:
        values: What is stated, by name; flags also with what follows from them.
        spans: When timed names hold, in order of time; absent where no time is known.
        closed: Names whose absence means false.
        held: Flags that hold.
        denied: Flags that are known not to hold.
        male: Apparent sex, or None.
        media: ``picture`` or ``clip``.
        is_alone: Nobody else is annotated, so *the person* can only be this one.
        is_steady: Answers keep to one form and call everybody *the person*: a small model then
            learns what is seen, and not which of eight ways of saying it comes next.
    """

    __slots__ = (
        "_false_names", "_true_names", "annotation", "closed", "denied", "held", "is_alone",
        "is_steady", "male", "media", "spans", "subject", "values",
    )  # fmt: skip

    def __init__(self, annotation: Annotation, subject: str, *, is_steady: bool = False) -> None:
        vocabulary = read_vocabulary()
        implies = _implications()
        self.annotation = annotation
        self.subject = subject
        self.is_steady = is_steady
        self.values: dict[str, Value] = {}
        self.spans: dict[str, list[Span]] = {}
        for fact in annotation.facts:
            if fact.subject not in (subject, CLIP):
                continue
            name, value = fact.name, fact.value
            if name in vocabulary.negatives:
                name, value = vocabulary.canonical(name, value)
            if value is True or name not in self.values:
                self.values[name] = value
            if value is True and name in implies:
                self.values.update(dict.fromkeys(implies[name], True))
            if value is not False and fact.span_seconds is not None:
                self.spans.setdefault(name, []).append(fact.span_seconds)
        for spans in self.spans.values():
            spans.sort()
        self.closed = _closed_names(annotation.closed)
        self.held = frozenset([n for n, value in self.values.items() if value is True])
        told_false = [name for name, value in self.values.items() if value is False]
        self.denied = self.closed.difference(self.values).union(told_false)
        self._true_names: tuple[str, ...] | None = None
        self._false_names: tuple[str, ...] | None = None
        male = self.values.get("male")
        self.male = male if isinstance(male, bool) else None
        self.is_alone = sum(other.kind == "face" for other in annotation.subjects) < 2
        self.media = "clip" if annotation.duration_seconds > 0 else "picture"

    def state(self, name: str) -> Value | None:
        """Return what is known of a name: a value, False where it is closed, or None."""
        value = self.values.get(name)
        if value is None and name in self.closed:
            return False
        return value

    def true_names(self) -> tuple[str, ...]:
        """Return the flags that hold and have words, in the order of the facts."""
        if self._true_names is None:
            held = self.held & read_word_table().keys()
            self._true_names = tuple([name for name in self.values if name in held])
        return self._true_names

    def false_names(self) -> tuple[str, ...]:
        """Return the flags that are known not to hold and have words, in table order."""
        if self._false_names is None:
            denied = self.denied
            self._false_names = tuple([name for name in read_word_table() if name in denied])
        return self._false_names


@functools.cache
def _implications() -> Mapping[str, tuple[str, ...]]:
    return {n: entry.implies for n, entry in read_vocabulary().names.items() if entry.implies}


@functools.lru_cache(maxsize=1024)
def _closed_names(closed: frozenset[str]) -> frozenset[str]:
    """Write closed families out as their names."""
    vocabulary = read_vocabulary()
    families = closed & vocabulary.families.keys()
    if not families:
        return closed
    names = {n for n, entry in vocabulary.names.items() if entry.family in families}
    return frozenset(names | (closed - families))
