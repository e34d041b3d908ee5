"""Answers against references by rule: flags, choices, counts, orders, facts, descriptions."""

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lineament.annotation import Annotation, Fact
from lineament.claims import Claim, check_claims, read_answer, read_claims, read_question
from lineament.evaluation.reading import fold, read_choice, read_flag, read_short
from lineament.metrics.classes import f1_from_counts
from lineament.vocabulary import read_vocabulary

Form = Literal["flag", "choice", "count", "order", "fact", "set", "description", "decline"]
LAST_SECOND = 1e6  # where a span has no end
_COUNTS = re.compile(r"\bhow (?:many|often)\b|\bcount\b|\bnumber of\b", re.IGNORECASE)
_ORDERS = re.compile(
    r"\b(?:order|arrange|sort|sequence|first|earlier|by time|before|after)\b", re.IGNORECASE
)
_OPTION = re.compile(r"\(([A-H])\)\s*(.*?)(?=,?\s*\([A-H]\)|[.?!]?\s*$)", re.DOTALL)
_CHOSEN = re.compile(r"^\W*[Ii]t is \(?([A-H])\b|\b[Tt]hat is \(?([A-H])\b|^\W*([A-H]) is right\b")
_TELL = r"(?:tell|say|know|see|judge|determine|identify|guess|make (?:it|that) out)"
_TOLD = r"be (?:told|known|seen|said|judged|determined|made out)"
_DECLINED = re.compile(
    rf"\b(?:cannot|can't|can not|could not|couldn't|unable to|impossible to|no way to)\s+"
    rf"(?:really\s+|be\s+sure\b|{_TELL}\b|{_TOLD}\b)"
    r"|\bdo(?:es)? (?:not|n't) (?:know|tell|guess|identify|judge)\b|\bdon't (?:know|tell|guess)\b"
    r"|\b(?:picture|photo|image|clip|video|frame|face)s? (?:does not|doesn't) show (?:that|it)\b"
    r"|\b(?:is|it's) (?:not clear|unclear|unknown)\b(?!-)|^\W*unclear\b",
    re.IGNORECASE,
)
_NONE = re.compile(r"\b(?:none|nothing|never|no one|nobody|zero|not|no)\b|n't\b", re.IGNORECASE)
_TIMES = {"once": 1, "twice": 2, "thrice": 3}
_NUMBER = re.compile(r"(?<![\d.])\d+(?![\d.]*\s*(?:s\b|sec))(?!\.\d)")


@dataclass(frozen=True, slots=True)
class Reference:
    """A question with its right answer.

    Attributes:
        question: As it was asked, without what was said before.
        answer: The right one.
        form: How another answer is compared with it.
    """

    question: str
    answer: str
    form: Form

    def __str__(self) -> str:
        return self.answer


@dataclass(frozen=True, slots=True)
class Compared:
    """Claims of an answer against those of its reference.

    Attributes:
        families: Of each reference claim: its family, and whether the answer states it.
        num_said: Claims of the answer.
        num_supported: Those the reference supports.
        num_contradicted: Those it contradicts.
    """

    families: tuple[tuple[str, bool], ...]
    num_said: int
    num_supported: int
    num_contradicted: int

    @property
    def num_stated(self) -> int:
        """How many of the reference's claims the answer states."""
        return sum(is_stated for _, is_stated in self.families)

    @property
    def f1(self) -> float:
        """F1 of claims; whatever the reference does not say counts as too much."""
        return f1_from_counts(
            self.num_stated, self.num_said - self.num_supported,
            len(self.families) - self.num_stated,
        )  # fmt: skip


def find_form(question: str, answer: str, *, is_description: bool, is_list: bool) -> Form | None:
    """Return how answers to a question can be compared with its reference; None if not by rule.

    Args:
        question: As it was asked.
        answer: The reference.
        is_description: The whole picture or clip is described.
        is_list: Several things are asked for, however many there turn out to be.
    """
    if is_description:
        return "description" if read_told(question, answer, "description") else None
    if has_declined(answer):
        return "decline"
    if options := find_options(question):
        return "choice" if find_choice(answer, options) is not None else None
    if _COUNTS.search(question) and read_count(answer) is not None:
        return "count"
    claims = read_told(question, answer, "fact")
    if not claims or any(claim.subject for claim in claims):
        return None  # of several people nobody knows who is meant
    if _ORDERS.search(question) and read_order(answer):
        return "order"
    if find_flag(question, answer) is not None:
        return "flag"
    return "set" if is_list or len(claims) > 1 else "fact"


def is_sound(reference: Reference) -> bool:
    """Say whether a reference is right by its own rule, and yes and no are told apart by it."""
    if score_answer(reference, reference.answer) < 1:
        return False
    if reference.form != "flag":
        return True
    return {score_answer(reference, word) for word in ("Yes.", "No.")} == {0.0, 1.0}


@functools.lru_cache(maxsize=200_000)
def score_answer(reference: Reference, answer: str) -> float:
    """Return how right an answer is, 0 to 1; whoever declines what can be told is wrong."""
    question, right = reference.question, reference.answer
    if reference.form == "decline":
        return float(has_declined(answer))
    if reference.form == "flag":
        name, holds = find_flag(question, right) or ("", False)
        return float(read_flag(question, answer, name) is holds)
    if reference.form == "choice":
        options = find_options(question)
        return float(find_choice(answer, options) == find_choice(right, options))
    if reference.form == "count":
        return float(read_count(answer) == read_count(right))
    if reference.form == "order":
        return float(read_order(answer) == read_order(right))
    found = compare_claims(reference, answer)
    if reference.form == "fact":
        is_right = found.num_stated == len(found.families) and not found.num_contradicted
        return float(is_right)
    is_none = all(_is_denied(c) for c in read_told(question, right, reference.form))
    if is_none and not found.num_said and _NONE.search(answer) and not has_declined(answer):
        return 1.0  # none of them is all there is to say
    return found.f1


def is_affirmed(reference: Reference) -> bool:
    """Say whether a literal yes is the right answer to a yes/no question."""
    name, holds = find_flag(reference.question, reference.answer) or ("", False)
    return read_flag(reference.question, "Yes.", name) is holds


def has_declined(answer: str) -> bool:
    """Say whether an answer says that it cannot be told."""
    return bool(_DECLINED.search(answer))


@functools.lru_cache(maxsize=200_000)
def read_told(question: str, answer: str, form: Form) -> tuple[Claim, ...]:
    """Return what an answer claims, but for a sex that question or answer take for granted."""
    if form == "description":
        return read_text(answer)  # whatever was asked
    asked = read_question(question)
    said = read_answer(question, answer)
    if asked.kind == "when":  # a time of something else is no time of what was asked
        own = [c for c in read_text(answer) if read_vocabulary().names[c.name].is_timed]
        said = tuple(own) if own and not any(c.name in asked.names for c in own) else said
    return tuple(c for c in said if c.name != "male" or "male" in asked.names)


@functools.lru_cache(maxsize=50_000)
def read_text(text: str) -> tuple[Claim, ...]:
    """Return what a text claims; descriptions are compared with many answers."""
    return read_claims(text)


@functools.lru_cache(maxsize=50_000)
def find_flag(question: str, answer: str) -> tuple[str, bool] | None:
    """Return the name that a yes/no question asks about, and whether it holds by the answer."""
    asked = read_question(question)
    names = [name for name in asked.names if read_vocabulary().names[name].kind == "flag"]
    if asked.kind != "whether" or len(names) != 1 or len(asked.names) != 1:
        return None
    holds = read_flag(question, answer, names[0])
    return None if holds is None else (names[0], holds)


def _is_denied(claim: Claim) -> bool:
    return claim.value is False or claim.negated


def find_options(question: str) -> tuple[str, ...]:
    """Return the options that a question lists by letters in brackets."""
    found = _OPTION.findall(question)
    letters = "".join(letter for letter, _ in found)
    is_whole = len(found) > 1 and letters == "ABCDEFGH"[: len(found)]
    return tuple(text.strip() for _, text in found) if is_whole else ()


def find_choice(answer: str, options: Sequence[str]) -> int | None:
    """Return the option that an answer chooses, by its letter or its words."""
    named = _CHOSEN.search(answer.strip())
    if named:
        place = ord(next(letter for letter in named.groups() if letter)) - ord("A")
        return place if place < len(options) else None
    return read_choice(answer, options)


def read_count(answer: str) -> int | None:
    """Return the number that an answer states; 0 where it denies, None where it has none."""
    words = [read_short(word) for word in fold(answer).split()]
    words = [str(_TIMES.get(word, word)) for word in words]
    if words and words[0].isdecimal():
        return int(words[0])
    if _NONE.search(answer):
        return 0
    plain = _NUMBER.findall(answer)
    if plain:
        return int(plain[0])
    spelt = [
        word
        for word, before in zip(words, fold(answer).split(), strict=True)
        if word.isdecimal() and not before.isdecimal()
    ]
    return int(spelt[0]) if spelt else None


def read_order(answer: str) -> tuple[str, ...]:
    """Return the timed names of an answer in the order in which it says that they happen."""
    timed = read_vocabulary().names
    claims = sorted(
        (c for c in read_claims(answer) if timed[c.name].is_timed and not _is_denied(c)),
        key=lambda claim: claim.start,
    )
    names = list(dict.fromkeys(claim.name for claim in claims))
    if len(names) < 2:
        return ()
    between = answer[claims[0].stop : claims[-1].start].lower()
    is_turned = re.search(r"\bafter (?!that|this|which)", between) or re.match(
        r"\W*before\b", answer.lower()
    )
    return tuple(reversed(names)) if is_turned and len(names) == 2 else tuple(names)


@functools.lru_cache(maxsize=200_000)
def compare_claims(reference: Reference, answer: str) -> Compared:
    """Check an answer's claims against the reference's, and the reverse."""
    right = read_told(reference.question, reference.answer, reference.form)
    said = read_told(reference.question, answer, reference.form)
    forth = check_claims(said, annotation_from_claims(right))
    back = check_claims(right, annotation_from_claims(said))
    names = read_vocabulary().names
    families = tuple(
        (names[checked.name].family, checked.verdict == "supported") for checked in back.claims
    )
    return Compared(families, len(said), forth.supported, forth.contradicted)


def annotation_from_claims(claims: Sequence[Claim]) -> Annotation:
    """Return what a text claims as facts; denied choices and ranges state none."""
    return Annotation(media="", facts=tuple(_facts(claims)))


def _facts(claims: Sequence[Claim]) -> Iterator[Fact]:
    for claim in claims:
        span = claim.span_seconds
        if span is not None:
            span = (span[0] or 0.0, LAST_SECOND if span[1] is None else span[1])
        if isinstance(claim.value, bool):
            yield Fact(claim.name, not _is_denied(claim), span_seconds=span)
        elif not claim.negated and isinstance(claim.value, str):
            yield Fact(claim.name, claim.value, span_seconds=span)
        elif not claim.negated and isinstance(claim.value, tuple):
            low, high = claim.value
            if low is not None and high is not None:
                yield Fact(claim.name, (low + high) / 2, span_seconds=span)
