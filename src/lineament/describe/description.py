"""Descriptions and long answers: which of a model's sentences are passed on."""

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from lineament.claims import Claim, read_answer, read_claims
from lineament.describe.bearing import (
    SENTENCE_END,
    Validation,
    is_validated_real,
    split_sentences,
)
from lineament.records.write.clauses import find_clauses, read_word_table
from lineament.records.write.grammar import gerund, sentence

Ask = Callable[[str], str]


class OwnWord:
    """What a model answers about single names, asked outright and once each.

    The next sentence of a description follows those before it as much as what is seen; a question
    about one name does not.

    Args:
        ask: Puts a question to the model.
        media: ``clip`` or ``picture``.
    """

    def __init__(self, ask: Ask, media: str) -> None:
        self._ask, self._media = ask, media
        self._answers: dict[str, bool | None] = {}

    def denies(self, claims: Iterable[Claim]) -> bool:
        """Say whether the model denies any of these flags when asked about it."""
        return any(
            self._find(claim.name) is (not claim.value)
            for claim in claims
            if isinstance(claim.value, bool)
        )

    def _find(self, name: str) -> bool | None:
        if name not in self._answers:
            self._answers[name] = self._ask_about(name)
        return self._answers[name]

    def _ask_about(self, name: str) -> bool | None:
        clauses = find_clauses(name, "the person", self._media)
        if not clauses:
            return None
        question = f"{sentence(clauses[0].ask)}?"
        values = (
            claim.value for claim in read_answer(question, self._ask(question))
            if claim.name == name and isinstance(claim.value, bool)
        )  # fmt: skip
        return next(values, None)


class Description:
    """Judges the sentences of a description one after the other.

    Args:
        own_word: What the model says of single names.
        validation: On what media answers are validated; None passes on what is not validated, too.

    Attributes:
        kept: What is passed on.
        num_left_out: Sentences that claim what is not validated on real media.
        num_denied: Sentences that the model denies when asked outright.
        num_malformed: Sentences that are no English.
    """

    def __init__(self, own_word: OwnWord, validation: Validation | None) -> None:
        self.own_word, self.validation = own_word, validation
        self.kept: list[str] = []
        self.num_left_out = self.num_denied = self.num_malformed = 0
        self._said: set[tuple[str, object, bool]] = set()

    def choose(self, sentences: Sequence[str]) -> Iterator[str]:
        """Yield the sentences that are passed on.

        One is left to a longer one after it that says all of it and more, where that holds.
        """
        for place, text in enumerate(sentences):
            longer = (other for other in sentences[place + 1 :] if covers(other, text))
            if not any(self._holds(other) for other in longer) and self.keeps(text):
                yield text

    def _holds(self, text: str) -> bool:
        if is_malformed(text):
            return False
        if self.validation is not None and not is_validated_real(text, self.validation):
            return False
        return not self.own_word.denies(read_claims(text))

    def keeps(self, text: str) -> bool:
        """Say whether a sentence is passed on, and remember what it claims if it is."""
        claims = read_claims(text)
        said = {(claim.name, claim.value, claim.negated) for claim in claims}
        if text in self.kept or (said and said <= self._said):
            return False
        if is_malformed(text):
            self.num_malformed += 1
            return False
        if self.validation is not None and not is_validated_real(text, self.validation):
            self.num_left_out += 1
            return False
        if self.own_word.denies(claims):
            self.num_denied += 1
            return False
        self._said |= said
        self.kept.append(text)
        return True


def read_sentences(pieces: Iterable[str]) -> list[str]:
    """Cut what a model writes into sentences; where it says one again, it is taken to be done."""
    text = ""
    for piece in pieces:
        text += piece
        whole = split_sentences(text)[:-1]
        if len(set(whole)) < len(whole):
            return whole[:-1]
    return split_sentences(text)


def tell_answer(
    pieces: Iterable[str],
    found: Description,
    names: Iterable[str],
    tell: Callable[[str], None],
    *,
    is_open: bool = False,
) -> str:
    """Pass on an answer as it comes; of several sentences those that are asked for or hold.

    Args:
        pieces: Of the answer.
        found: Judges the sentences that say what was not asked for.
        names: What was asked for; sentences about it are passed on.
        tell: Called with each piece that is sure.
        is_open: Whether the first sentence, too, has to be asked for or hold where there are
            more. It is told as it comes otherwise: it is the answer.

    Returns:
        All that was told.
    """
    rest, asked = iter(pieces), set(names)
    said, left = ("", "") if is_open else _tell_first(rest, tell)
    later = read_sentences(chain([left], rest))
    is_short = is_open and len(later) < 2
    seen = {said}
    for text in later:
        is_asked = not asked.isdisjoint(claim.name for claim in read_claims(text))
        is_plain = is_short or (is_asked and not is_malformed(text))
        if text not in seen and (is_plain or found.keeps(text)):
            tell(f" {text}" if said else text)
            said += f" {text}" if said else text
        seen.add(text)
    return said


def _tell_first(pieces: Iterator[str], tell: Callable[[str], None]) -> tuple[str, str]:
    """Tell the first sentence as it comes; return it and what was read of the next one."""
    text = said = ""
    for piece in pieces:
        text += piece
        end = SENTENCE_END.search(text)
        sure = text[: end.start()] if end else text.rstrip()
        if len(sure) > len(said):
            tell(sure[len(said) :])
            said = sure
        if end:
            return said, text[end.end() :]
    if len(text) > len(said):
        tell(text[len(said) :])
    return text, ""


def covers(longer: str, text: str) -> bool:
    """Say whether a longer sentence says all that another one does, and more.

    Whether ``he`` or ``the woman`` does it is not counted; a sentence that says no more than the
    sex is never covered.
    """
    own = _said_in(text)
    return bool(own) and len(longer) > len(text) and own < _said_in(longer)


def _said_in(text: str) -> frozenset[tuple[object, ...]]:
    return frozenset(
        (claim.name, claim.value, claim.negated, claim.span_seconds)
        for claim in read_claims(text)
        if claim.name != "male"
    )


_TIME = r"\d[\d.]*(?:\s*(?:s|seconds?))?"
_TIMES = re.compile(
    rf"\s*\b(?:from|between|at|after|until|for)\s+(?:about\s+)?{_TIME}"
    rf"(?:\s+(?:to|and|until)\s+{_TIME})?(?<=[sd])\b,?",
    re.IGNORECASE,
)
_BEGINNING = re.compile(r"(?:^|(?<=[.!?]))\s*[a-z]")


def without_times(text: str) -> str:
    """Return what is said of a picture without times in seconds: it has none."""
    if not _TIMES.search(text):
        return text
    text = _TIMES.sub("", text).lstrip()
    return _BEGINNING.sub(lambda found: found[0].upper(), text)


_NOR = re.compile(r"\bnor\b", re.IGNORECASE)
_BEFORE_NOR = re.compile(
    r"\b(?:neither|not|no|never|nobody|nothing|without)\b|n't\b", re.IGNORECASE
)
_TWO_VERBS = re.compile(
    r"^\W*there\s+(?:is|are)\s+[\w-]+(?:\s+[\w-]+)?'s\s+[\w\s-]*\b(?:is|are|has|have|does|do)\b",
    re.IGNORECASE,
)
_BREAKS_OFF = re.compile(
    r"\b(?:and|or|nor|the|an?|of|with|from|between|until)\W*$|^\W*(?:at|by|for|in|on|to)\W*$",
    re.IGNORECASE,
)
_ADJECTIVES = frozenset(("open", "close", "look", "cry", "frown", "read"))  # may follow "is", too


def is_malformed(text: str) -> bool:
    """Say whether a sentence is plainly no English, such as ``He is not blink``."""
    nor = _NOR.search(text)
    if nor is not None and not _BEFORE_NOR.search(text, 0, nor.start()):
        return True
    is_cut = _BREAKS_OFF.search(text) is not None
    return is_cut or bool(_TWO_VERBS.search(text.replace("’", "'")) or _wrong_verb().search(text))


@functools.cache
def _wrong_verb() -> re.Pattern[str]:
    """Compile ``is blink``, ``is not smile`` and ``does not smiling``."""
    phrases = (word.phrases for word in read_word_table().values() if word.say == "do")
    verbs = {phrase.split()[0] for several in phrases for phrase in several} | {"wear", "have"}
    bare = "|".join(sorted(verbs - _ADJECTIVES))
    doing = "|".join(sorted(gerund(verb) for verb in verbs))
    return re.compile(
        rf"\b(?:is|are|was)(?:\s+not|n't)?\s+(?:{bare})\b(?!-)|\b(?:do|does)\s+not\s+(?:{doing})\b"
        rf"|\b(?:do|does)n't\s+(?:{doing})\b",
        re.IGNORECASE,
    )
