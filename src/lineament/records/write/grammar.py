"""English forms: voices, verbs, articles, lists, numbers and times."""

import functools
import re
import tomllib
from collections.abc import Sequence
from importlib import resources
from typing import Any, NamedTuple

_VOWELS = "aeiou"
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_TIMES = ("never", "once", "twice")
_DOUBLED = frozenset(("nod", "chat", "hum", "sip", "shed"))


class Voice(NamedTuple):
    """How somebody is called.

    Attributes:
        s: As the subject of a clause.
        p: As an owner, before anything else was said of them.
        r: As an owner once they were named in the clause: the man closes *his* eyes.
        o: As an object.
        n: By the other way of calling them.
    """

    s: str
    p: str
    r: str
    o: str
    n: str

    def fill(self, template: str) -> str:
        """Put the voice into a template; a slot in capitals begins with one."""
        if "{" not in template:
            return template
        return _SLOT.sub(lambda match: self._word(match, template), template)

    def _word(self, match: re.Match[str], template: str) -> str:
        slot = match[1]
        if slot in "pP" and _NAMED.search(template, 0, match.start()):
            return self.r
        word = getattr(self, slot.lower())
        return capital(word) if slot.isupper() else word


_SLOT = re.compile(r"\{([sproSPRO]|[nN])\}")
_NAMED = re.compile(r"\{[snoSNO]\}")

VOICES: dict[str, Voice] = {
    "he": Voice("he", "his", "his", "him", "the man"),
    "she": Voice("she", "her", "her", "her", "the woman"),
    "the man": Voice("the man", "the man's", "his", "the man", "he"),
    "the woman": Voice("the woman", "the woman's", "her", "the woman", "she"),
    "the person": Voice("the person", "the person's", "their", "the person", "this person"),
    "they": Voice("the person", "their", "their", "the person", "this person"),
}
# By apparent sex: voices of questions, which may leave it open, and of answers.
ASKED: dict[bool | None, tuple[str, ...]] = {
    True: ("he", "the man", "the person"),
    False: ("she", "the woman", "the person"),
    None: ("the person", "they"),
}
ANSWERED: dict[bool | None, tuple[str, ...]] = {
    True: ("he", "he", "the man"),
    False: ("she", "she", "the woman"),
    None: ("the person", "they"),
}


def read_words(file_name: str) -> dict[str, Any]:
    """Read one of the writer's tables."""
    text = (resources.files("lineament.records.write") / file_name).read_text(encoding="utf-8")
    return tomllib.loads(text)


def capital(text: str) -> str:
    """Return a text with a capital first letter."""
    return text[:1].upper() + text[1:]


def sentence(text: str) -> str:
    """Capitalise every sentence of a finished text."""
    text = text[:1].upper() + text[1:]
    for mark in (". ", "? "):
        if mark in text:
            head, *rest = text.split(mark)
            text = mark.join((head, *(part[:1].upper() + part[1:] for part in rest)))
    return text


@functools.lru_cache(maxsize=4096)
def third_person(phrase: str) -> str:
    """Inflect the first word: smile becomes smiles."""
    verb, space, rest = phrase.partition(" ")
    if verb.endswith(("s", "sh", "ch", "x", "z", "o")):
        verb += "es"
    elif verb.endswith("y") and verb[-2] not in _VOWELS:
        verb = verb[:-1] + "ies"
    else:
        verb += "s"
    return verb + space + rest


@functools.lru_cache(maxsize=4096)
def gerund(phrase: str) -> str:
    """Inflect the first word: smile becomes smiling."""
    verb, space, rest = phrase.partition(" ")
    if verb in _DOUBLED:
        verb += verb[-1]
    elif verb.endswith("e") and not verb.endswith("ee"):
        verb = verb[:-1]
    return verb + "ing" + space + rest


def with_article(phrase: str) -> str:
    """Put a or an before a phrase."""
    return ("an " if phrase[:1] in _VOWELS else "a ") + phrase


def is_plural(phrase: str) -> bool:
    """Say whether a noun phrase takes a plural verb: glasses do, a pair of glasses does not."""
    if phrase.startswith(("a ", "an ")):
        return False
    return phrase.split(" under ")[0].endswith("s")


def join_words(parts: Sequence[str], word: str = "and") -> str:
    """Join as in a list: a, b and c."""
    if len(parts) < 2:
        return parts[0] if parts else ""
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def number_word(number: int) -> str:
    """Return a number as a word where it is short."""
    return _WORDS[number] if 0 <= number < len(_WORDS) else str(number)


def times_word(number: int) -> str:
    """Return once, twice, three times."""
    return _TIMES[number] if number < len(_TIMES) else f"{number_word(number)} times"


def seconds_text(seconds: float) -> str:
    """Return seconds with one decimal, as every time is written."""
    return f"{seconds:.1f}"


SPANS = (
    "from {a} to {b} seconds", "between {a} and {b} seconds", "from {a} s to {b} s",
    "from second {a} to second {b}",
)  # fmt: skip


def span_text(span: tuple[float, float], place: float) -> str:
    """Write a span in one of several ways; very short ones as a moment.

    Args:
        span: In seconds.
        place: 0 to 1, chooses the way.
    """
    start, stop = span
    if stop - start < 0.45:
        return f"at {(start + stop) / 2:.1f} seconds"
    return SPANS[int(place * 3)].format(a=f"{start:.1f}", b=f"{stop:.1f}")
