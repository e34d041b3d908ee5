"""The compiled lexicon: every phrase of the vocabulary and every function word, by first word."""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from lineament.claims.claim import ClaimValue
from lineament.claims.tokens import split_tokens
from lineament.vocabulary.words import read_table

Reading = tuple[str, ClaimValue]
_DETERMINERS = ("his", "her", "their", "its", "the", "a", "an", "my", "one 's", "both", "")
_PARTS_OF_SPEECH = {"noun": "n", "phrase": "p", "adverb": "p", "verb": "v"}
_VOWELS = "aeiou"


class Entry:
    """What a phrase can do: say something by itself, name a part, qualify one, or steer.

    Attributes:
        word: The phrase, as tokens joined by blanks.
        op: Operator among the function words, or empty.
        variant: Variant of the operator.
        readings: What the phrase says by itself.
        pos: How it says so: ``n`` noun, ``v`` finite verb, ``g`` -ing form, ``p`` other
            phrase, ``x`` several of these.
        head: The part it names (``hair``), or empty.
        measure_like: Stands for a measure.
        quals: What it says as a quality, by the part it is said of.
        acts: What it says as a verb, by the part that is its object.
        gender: For people: ``man``, ``woman``, ``person``; else empty.
        possessor: ``man`` or ``woman`` where the phrase holds ``his`` or ``her``.
        is_plural: For people: more than one.
        is_relation: For people: somebody's friend or mother.
    """

    __slots__ = (
        "acts", "gender", "head", "is_plural", "is_relation", "measure_like", "op", "pos",
        "possessor", "quals", "readings", "variant", "word",
    )  # fmt: skip

    def __init__(self, word: str) -> None:
        self.word = word
        words = word.split()
        self.possessor = "man" if "his" in words else "woman" if "her" in words else ""
        self.op = self.variant = self.pos = self.head = self.gender = ""
        self.readings: tuple[Reading, ...] = ()
        self.quals: dict[str, tuple[Reading, ...]] = {}
        self.acts: dict[str, tuple[Reading, ...]] = {}
        self.is_plural = self.is_relation = self.measure_like = False

    @property
    def is_content(self) -> bool:
        """Whether the phrase can carry a claim."""
        return bool(self.readings or self.quals or self.head or self.acts)


class Node:
    """One step of the tree of phrases: the entry that ends here, and the words that go on."""

    __slots__ = ("entry", "further")

    def __init__(self) -> None:
        self.entry: Entry | None = None
        self.further: dict[str, Node] = {}


class Lexicon(NamedTuple):
    """All phrases as a tree by words, and the words that answer yes or no after a key."""

    root: Mapping[str, Node]
    no_words: frozenset[str]
    yes_words: frozenset[str]
    real_words: frozenset[str]


@functools.cache
def compile_lexicon() -> Lexicon:
    """Compile phrases.toml and function_words.toml, once per process."""
    entries: dict[tuple[str, ...], Entry] = {}
    table = read_table("phrases.toml")
    past = table.pop("past")
    functions = read_table("function_words.toml")
    words = functions["words"]
    _add_function_words(entries, words)
    _add_people(entries, table.pop("people"))
    for head, phrases in table.pop("head").items():
        for entry in _entries(entries, phrases):
            entry.head = entry.head or head
    for name, forms in table.items():
        for choice, roles in forms.get("choices", {"": forms}).items():
            for role, phrases in roles.items():
                _add_role(entries, role, phrases, (name, choice or True), past)
    values: dict[str, frozenset[str]] = {
        row["variant"]: frozenset(row["phrases"]) for row in words if row["operator"] == "value"
    }
    return Lexicon(
        _grow_tree(entries), values["no"], values["yes"], frozenset(functions["real_words"])
    )


def find_entry(phrase: str) -> Entry | None:
    """Return the entry of a phrase of the lexicon."""
    further = compile_lexicon().root
    node = None
    for word in phrase.split():
        node = further.get(word)
        if node is None:
            return None
        further = node.further
    return node.entry if node else None


def _add_role(
    entries: dict[tuple[str, ...], Entry],
    role: str,
    phrases: list[str],
    reading: Reading,
    past: Mapping[str, list[str]],
) -> None:
    name, value = reading
    if role.startswith("not_"):
        role, value = role[4:], False
    said: Reading = (name, value)
    if role == "adjective":
        role = "person"
    is_act = role.startswith("act_")
    if role == "verb" or is_act:
        for form, pos in _verb_forms(phrases, past):
            for entry in _entries(entries, (form,)):
                if is_act:
                    entry.acts[role[4:]] = _plus(entry.acts.get(role[4:], ()), said)
                else:
                    entry.readings = _plus(entry.readings, said)
                    entry.pos = pos if not entry.pos or entry.pos == pos else "x"
        return
    for entry in _entries(entries, phrases):
        if role in _PARTS_OF_SPEECH:
            entry.readings = _plus(entry.readings, said)
            pos = _PARTS_OF_SPEECH[role]
            entry.pos = pos if not entry.pos or entry.pos == pos else "x"
            if name == "clothes_type":
                entry.head, entry.pos = "clothes", "n"
        else:
            entry.quals[role] = _plus(entry.quals.get(role, ()), said)


def _plus(readings: tuple[Reading, ...], reading: Reading) -> tuple[Reading, ...]:
    return readings if reading in readings else (*readings, reading)


def _entries(entries: dict[tuple[str, ...], Entry], phrases: Iterable[str]) -> Iterator[Entry]:
    """Yield the entry of every phrase, written out and made where it is new."""
    for phrase in phrases:
        for variant in _write_out(phrase):
            words = tuple(token.word for token in split_tokens(variant))
            entry = entries.get(words)
            if entry is None:
                entry = entries[words] = Entry(" ".join(words))
            yield entry


def _write_out(phrase: str) -> Iterator[str]:
    if "~" not in phrase:
        yield phrase
        return
    for determiner in _DETERMINERS:
        yield re.sub(r"\s+", " ", phrase.replace("~", determiner))


def _verb_forms(phrases: Iterable[str], past: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    for phrase in phrases:
        verb, _, rest = phrase.partition(" ")
        rest = f" {rest}" if rest else ""
        if verb == "briefly":
            yield phrase.replace("close", "closes"), "v"
            continue
        yield verb + rest, "v"
        yield _third_person(verb) + rest, "v"
        stem = verb[:-1] if verb.endswith("e") and not verb.endswith(("ee", "ye")) else verb
        doubled = _doubled(verb)
        yield (doubled or stem) + "ing" + rest, "g"
        if verb == "turn" and "head" not in rest and "face" not in rest:
            continue
        for form in past.get(verb) or [_past(verb, doubled)]:
            yield form + rest, "v"


def _third_person(verb: str) -> str:
    if verb == "have":
        return "has"
    if verb == "be":
        return "is"
    if verb.endswith(("s", "sh", "ch", "x", "z", "o")):
        return verb + "es"
    if verb.endswith("y") and verb[-2] not in _VOWELS:
        return verb[:-1] + "ies"
    return verb + "s"


def _doubled(verb: str) -> str:
    if len(verb) < 3 or len(verb) > 5 or verb[-1] in "wxyaeiou" or verb[-2] not in _VOWELS:
        return ""
    if verb[-3] in _VOWELS or sum(c in _VOWELS for c in verb) > 1:
        return ""
    return verb + verb[-1]


def _past(verb: str, doubled: str) -> str:
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in _VOWELS:
        return verb[:-1] + "ied"
    return (doubled or verb) + "ed"


def _add_function_words(entries: dict[tuple[str, ...], Entry], rows: list[Any]) -> None:
    for row in rows:
        if row["operator"] == "value":
            continue
        for phrase in row["phrases"]:
            for entry in _entries(entries, (phrase,)):
                if not entry.op:
                    entry.op, entry.variant = row["operator"], row["variant"]


def _add_people(entries: dict[tuple[str, ...], Entry], people: Mapping[str, Any]) -> None:
    genders = {"male": "man", "males": "man", "female": "woman", "females": "woman"}
    for kind, phrases in people.items():
        for entry in _entries(entries, phrases):
            entry.op = "person"
            if kind == "relation":
                entry.is_relation = True
                entry.gender = entry.gender or "person"
            else:
                entry.gender = genders.get(kind, "person")
                entry.is_plural = kind in ("males", "females", "people")
    for word, gender in (
        ("male", "man"),
        ("female", "woman"),
        ("males", "man"),
        ("females", "woman"),
    ):
        entry = next(_entries(entries, (word,)))
        entry.op, entry.gender, entry.is_plural = "person", gender, word.endswith("s")


def _grow_tree(entries: Mapping[tuple[str, ...], Entry]) -> dict[str, Node]:
    root = Node()
    for words, entry in entries.items():
        node = root
        for word in words:
            node = node.further.setdefault(word, Node())
        node.entry = entry
    return root.further
