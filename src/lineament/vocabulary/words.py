"""The vocabulary reader: names of facts, their families, opposites, groups and label maps."""

import difflib
import functools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

from lineament.errors import BadVocabulary

Kind = Literal["flag", "choice", "number", "relation"]
Value = bool | str | float
DOMAINS = ("faces", "scenes")


@dataclass(frozen=True, slots=True)
class Name:
    """One thing that may be said of a face, a clip or an aerial object.

    Attributes:
        id: The word in annotations and JSON, such as ``wearing_hat``.
        family: The family's id; families are closed or open as a whole or name by name.
        kind: ``flag`` is true or false, ``choice`` one of `choices`, ``number`` in `unit`,
            ``relation`` the id of another subject.
        means: One sentence of definition.
        negative: The name of the opposite of a flag: ``female`` for ``male``.
        group: Flags of one group exclude each other.
        excludes: Further flags that this one excludes when true.
        implies: Flags that are true whenever this one is.
        subject: What it is said of: ``face``, ``clip`` or ``object``.
        is_timed: Whether it holds for a span of seconds rather than always.
        phrases: English surface forms by grammatical role, as the reader and writer use them;
            from phrases.toml, which explains its keys.
    """

    id: str
    family: str
    kind: Kind
    means: str
    choices: tuple[str, ...] = ()
    unit: str = ""
    negative: str = ""
    group: str = ""
    excludes: tuple[str, ...] = ()
    implies: tuple[str, ...] = ()
    subject: str = "face"
    is_timed: bool = False
    phrases: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)


@dataclass(frozen=True)
class Vocabulary:
    """All names of the domains read, and how they bear on each other."""

    names: Mapping[str, Name]
    families: Mapping[str, str]
    negatives: Mapping[str, str]
    exclusions: Mapping[str, frozenset[str]]
    implied_by: Mapping[str, frozenset[str]]

    def __contains__(self, name: str) -> bool:
        return name in self.names or name in self.negatives

    def require(self, name: str) -> Name:
        """Return the entry of a name.

        Raises:
            BadVocabulary: No table knows the name; the nearest known one is the hint.
        """
        try:
            return self.names[name]
        except KeyError:
            raise BadVocabulary(
                f"unknown name {name!r}", hint=nearest_hint(name, self.names)
            ) from None

    def canonical(self, name: str, value: Value) -> tuple[str, Value]:
        """Write an opposite as its positive name: ``female`` true becomes ``male`` false."""
        positive = self.negatives.get(name)
        if positive is None:
            return name, value
        return positive, not value

    def excluded_by(self, name: str) -> frozenset[str]:
        """Return the flags that cannot be true while `name` is."""
        return self.exclusions.get(name, frozenset())

    def of_family(self, family: str) -> tuple[Name, ...]:
        """Return the names of a family, in table order."""
        return tuple(entry for entry in self.names.values() if entry.family == family)


def nearest_hint(
    word: str, known: Iterable[str], *, otherwise: str = "see docs/vocabulary.md for all names"
) -> str:
    """Return ``did you mean ...?`` for the nearest known word, or another hint."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else otherwise


def read_table(file_name: str) -> dict[str, Any]:
    """Read one .toml table that is installed with this package."""
    text = (resources.files("lineament.vocabulary") / file_name).read_text(encoding="utf-8")
    return tomllib.loads(text)


@functools.cache
def read_vocabulary(domains: tuple[str, ...] = DOMAINS) -> Vocabulary:
    """Read and link the tables of the given domains.

    Raises:
        BadVocabulary: A table names an unknown family, group member or kind.
    """
    names: dict[str, Name] = {}
    families: dict[str, str] = {}
    phrases = read_table("phrases.toml")
    for domain in domains:
        table = read_table(f"{domain}.toml")
        families.update({key: entry["title"] for key, entry in table["family"].items()})
        for key, entry in table["name"].items():
            names[key] = _name_from_entry(key, entry, phrases.get(key, {}))
    _check_links(names, families)
    return Vocabulary(
        names=MappingProxyType(names),
        families=MappingProxyType(families),
        negatives=MappingProxyType({n.negative: n.id for n in names.values() if n.negative}),
        exclusions=MappingProxyType(_link_exclusions(names)),
        implied_by=MappingProxyType(_link_implied(names)),
    )


@dataclass(frozen=True, slots=True)
class Threshold:
    """How a score of a data set becomes a flag: true, false, or left out in between."""

    column: str
    true_from: float
    false_below: float

    def flag(self, score: float) -> bool | None:
        """Return True, False, or None where the score is too near the border."""
        if score >= self.true_from:
            return True
        return False if score < self.false_below else None


@dataclass(frozen=True)
class LabelSets:
    """Label lists of public data sets, in their order, and how they map to our names."""

    lists: Mapping[str, tuple[str, ...]]
    spelling: Mapping[str, str]
    emotions: Mapping[str, Mapping[str, str]]
    thresholds: Mapping[str, Mapping[str, Threshold]]


@functools.cache
def read_label_sets() -> LabelSets:
    """Read the label lists of the data sets."""
    table = read_table("label_sets.toml")
    return LabelSets(
        lists={key: tuple(entry["names"]) for key, entry in table["list"].items()},
        spelling=table["spelling"],
        emotions=table["emotions"],
        thresholds={
            source: {name: Threshold(**entry) for name, entry in rows.items()}
            for source, rows in table["threshold"].items()
        },
    )


def _name_from_entry(key: str, entry: dict[str, Any], phrases: dict[str, Any]) -> Name:
    return Name(
        id=key,
        family=entry["family"],
        kind=entry.get("kind", "flag"),
        means=entry["means"],
        choices=tuple(entry.get("choices", ())),
        unit=entry.get("unit", ""),
        negative=entry.get("negative", ""),
        group=entry.get("group", ""),
        excludes=tuple(entry.get("excludes", ())),
        implies=tuple(entry.get("implies", ())),
        subject=entry.get("subject", "face"),
        is_timed=entry.get("timed", False),
        phrases=entry.get("phrases", phrases),
    )


def _check_links(names: Mapping[str, Name], families: Mapping[str, str]) -> None:
    for entry in names.values():
        if entry.family not in families:
            raise BadVocabulary(f"{entry.id}: unknown family {entry.family!r}")
        for other in (*entry.excludes, *entry.implies):
            if other not in names:
                raise BadVocabulary(f"{entry.id}: unknown name {other!r}")
        if (entry.kind == "choice") != bool(entry.choices):
            raise BadVocabulary(f"{entry.id}: kind {entry.kind!r} and its choices disagree")


def _link_exclusions(names: Mapping[str, Name]) -> dict[str, frozenset[str]]:
    exclusions: dict[str, set[str]] = {key: set(entry.excludes) for key, entry in names.items()}
    for key, entry in names.items():
        if entry.group:
            exclusions[key] |= {
                other.id for other in names.values() if other.group == entry.group
            } - {key}
        for other in entry.excludes:
            exclusions[other].add(key)
    return {key: frozenset(others) for key, others in exclusions.items() if others}


def _link_implied(names: Mapping[str, Name]) -> dict[str, frozenset[str]]:
    implied: dict[str, set[str]] = {}
    for key, entry in names.items():
        for other in entry.implies:
            implied.setdefault(other, set()).add(key)
    return {key: frozenset(causes) for key, causes in implied.items()}
