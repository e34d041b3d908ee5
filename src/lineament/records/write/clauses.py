"""Every name of the vocabulary as clauses: said, denied and asked, in every voice."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from lineament.records.write.grammar import VOICES, Voice, gerund, read_words, third_person

PLURAL_PARTS = frozenset(("cheekbones", "cheeks", "eyebrows", "eyes", "lips"))
SINGULAR_NOUNS = frozenset(("hair", "skin"))


@dataclass(frozen=True, slots=True)
class Word:
    """How a name is said.

    Attributes:
        say: ``wear``, ``have``, ``be``, ``look``, ``part``, ``do``, ``picture`` or ``sex``.
        phrases: Synonyms; noun phrases, adjectives or bare verbs, as `say` wants.
        part: What a quality is said of.
        is_predicate_only: The quality cannot stand before its noun.
        rate: How often the name is true where it is known.
    """

    say: str
    phrases: tuple[str, ...]
    part: str = ""
    is_predicate_only: bool = False
    rate: float = 0.2
    nouns: tuple[str, ...] = field(default=())


class Clause(NamedTuple):
    """One way to say, deny and ask a thing."""

    pos: str
    neg: str
    ask: str
    ask_not: str
    ask_nt: str


@functools.cache
def read_word_table() -> Mapping[str, Word]:
    """Read words.toml."""
    return {
        name: Word(
            say=row["say"],
            phrases=tuple(row["x"]),
            part=row.get("part", ""),
            is_predicate_only=row.get("is_predicate_only", False),
            rate=row["rate"],
            nouns=_noun_phrases(row),
        )
        for name, row in read_words("words.toml").items()
    }


@functools.cache
def names_said(*says: str) -> frozenset[str]:
    """Return the names that are said in one of these ways."""
    return frozenset(name for name, word in read_word_table().items() if word.say in says)


def _noun_phrases(row: dict) -> tuple[str, ...]:
    """Return the thing as noun phrases: a beard, arched eyebrows, a round face."""
    if row["say"] in ("wear", "have"):
        return tuple(row["x"])
    if row["say"] != "part" or row.get("is_predicate_only"):
        return ()
    part = row["part"]
    article = "" if part in PLURAL_PARTS or part in SINGULAR_NOUNS else "a"
    nouns = []
    for quality in row["x"]:
        lead = article and ("an " if quality[0] in "aeiou" else "a ")
        nouns.append(f"{lead}{quality} {part}")
    return tuple(nouns)


@functools.cache
def find_clauses(name: str, voice: str, media: str) -> tuple[Clause, ...]:
    """Return every clause of a name, written out; empty for names without words."""
    word = read_word_table().get(name)
    if word is None:
        return ()
    called = VOICES[voice]
    clauses: list[Clause] = []
    for phrase in word.phrases:
        x = called.fill(phrase)
        clauses += _CLAUSE_MAKERS[word.say](x, called, word, media)
    return tuple(clauses)


def _be(subject: str, rest: str, *, plural: bool = False) -> Clause:
    verb = "are" if plural else "is"
    return Clause(
        f"{subject} {verb} {rest}",
        f"{subject} {verb} not {rest}",
        f"{verb} {subject} {rest}",
        f"{verb} {subject} not {rest}",
        f"{verb}n't {subject} {rest}",
    )


def _act(subject: str, base: str) -> Clause:
    return Clause(
        f"{subject} {'has' + base[4:] if base.startswith('have ') else third_person(base)}",
        f"{subject} does not {base}",
        f"does {subject} {base}",
        f"does {subject} not {base}",
        f"doesn't {subject} {base}",
    )


def _wear(x: str, voice: Voice, _: Word, __: str) -> list[Clause]:
    return [_be(voice.s, f"wearing {x}"), _act(voice.s, f"wear {x}")]


def _have(x: str, voice: Voice, _: Word, __: str) -> list[Clause]:
    return [_act(voice.s, f"have {x}")]


def _are(x: str, voice: Voice, _: Word, __: str) -> list[Clause]:
    return [_be(voice.s, x)]


def _look(x: str, voice: Voice, _: Word, __: str) -> list[Clause]:
    return [_act(voice.s, f"look {x}"), _act(voice.s, f"look {x}"), _act(voice.s, f"appear {x}")]


def _part(x: str, voice: Voice, word: Word, _: str) -> list[Clause]:
    plural = word.part in PLURAL_PARTS
    clauses = [_be(f"{voice.p} {word.part}", x, plural=plural)]
    if not word.is_predicate_only:
        article = "" if plural or word.part in SINGULAR_NOUNS else "a "
        if article and x[0] in "aeiou":
            article = "an "
        clauses.append(_act(voice.s, f"have {article}{x} {word.part}"))
    return clauses


def _do(x: str, voice: Voice, _: Word, __: str) -> list[Clause]:
    return [_act(voice.s, x), _be(voice.s, gerund(x))]


def _picture(x: str, _: Voice, __: Word, media: str) -> list[Clause]:
    return [_be(f"the {media}", x)]


def _sex(x: str, _: Voice, __: Word, media: str) -> list[Clause]:
    in_media = Clause(
        f"the {media} shows {x}", f"the {media} does not show {x}", f"does the {media} show {x}",
        f"does the {media} not show {x}", f"doesn't the {media} show {x}",
    )  # fmt: skip
    return [_be("this", x), _be("the person", x), in_media]


_CLAUSE_MAKERS = {
    "sex": _sex,
    "wear": _wear,
    "have": _have,
    "be": _are,
    "look": _look,
    "part": _part,
    "do": _do,
    "picture": _picture,
}
