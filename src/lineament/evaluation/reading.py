"""Reading answers: what a text says to a question, in the kind of answer that is scored."""

import re
from collections.abc import Iterable, Sequence

from lineament.annotation import Annotation, Fact
from lineament.claims import Claim, check_claims, read_answer

Span = tuple[float, float]
# An age band said without a number is read as the middle of its adult years.
BAND_YEARS = {"young": 29.0, "middle_aged": 50.0, "elderly": 70.0}
OLDEST_YEARS, YOUNGEST_YEARS = 90.0, 18.0
MOMENT_SECONDS = 0.12  # "at 1.3 s" is read as a span of this length about it

_LETTER = re.compile(
    r"^\W*(?:(?:the\s+)?(?:correct\s+)?(?:answer|option)\s*(?:is|:)?\s*)?"
    r"\(?([A-Za-z])\)?(?=[\s).:,]|$)",
    re.IGNORECASE,
)
_NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen", "twenty",
)  # fmt: skip
_NUMBER_WORDS = {word: str(number) for number, word in enumerate(_NUMBERS)}


def read_flag(question: str, answer: str, name: str) -> bool | None:
    """Return what an answer says of a flag: holds, does not, or None where it does not say.

    ``Yes`` and ``no`` are read in the question's polarity. A statement of something else counts
    where one follows from the other: brown hair is not black hair. An answer that says both
    says nothing. Cautious answers are answers: ``probably yes`` says yes.
    """
    return decide_flag(read_answer(question, answer), name)


def decide_flag(claims: Iterable[Claim], name: str) -> bool | None:
    """Return what claims say of a flag; those that name it win over those that imply it."""
    claims = tuple(claims)
    own = tuple(claim for claim in claims if claim.name == name)
    holds = Annotation(media="", facts=(Fact(name, True),))
    lacks = Annotation(media="", facts=(Fact(name, False),), closed=frozenset({name}))
    for group in (own, claims):
        verdicts: set[bool] = set()
        for claim in group:
            with_it = check_claims((claim,), holds).claims[0].verdict
            without = check_claims((claim,), lacks).claims[0].verdict
            if "contradicted" in (with_it, without) and with_it != without:
                verdicts.add(without == "contradicted")
        if verdicts:
            return verdicts.pop() if len(verdicts) == 1 else None
    return None


def read_older(question: str, answer: str, years: float) -> bool | None:
    """Return whether an answer says that somebody is older than so many years.

    A range that lies across the border is read by its middle; a band by `BAND_YEARS`.
    """
    claims = read_answer(question, answer)
    for claim in claims:
        if claim.name != "age_years" or not isinstance(claim.value, tuple):
            continue
        low, high = claim.value
        if low is not None and low >= years - 1:
            return not claim.negated
        if high is not None and high <= years + 1:
            return claim.negated
        if not claim.negated and low is not None and high is not None:
            return (low + high) / 2 > years
    band = find_band(claims)
    return None if band is None else BAND_YEARS[band] > years


def read_years(question: str, answer: str) -> float | None:
    """Return the age an answer states: the middle of a range, or of a band's adult years."""
    claims = read_answer(question, answer)
    for claim in claims:
        if claim.name != "age_years" or claim.negated or not isinstance(claim.value, tuple):
            continue
        low, high = claim.value
        if low is None and high is None:
            continue
        # An open end reaches half a decade: "over 70" is 75, "under 30" is 25.
        low = max(YOUNGEST_YEARS, (high or 0) - 10) if low is None else low
        high = min(OLDEST_YEARS, low + 10) if high is None else high
        return (low + max(high, low)) / 2
    band = find_band(claims)
    return None if band is None else BAND_YEARS[band]


def find_band(claims: Iterable[Claim]) -> str | None:
    """Return the age band that is stated, or None."""
    for claim in claims:
        if claim.name in BAND_YEARS and claim.value is True and not claim.negated:
            return claim.name
    return None


def read_spans(question: str, answer: str, name: str, duration_seconds: float) -> list[Span] | None:
    """Return when an answer says that something happens; None where it does not say.

    ``Never`` gives no span, ``throughout`` the whole clip, a moment a short span about it.
    """
    claims = [c for c in read_answer(question, answer) if c.name == name]
    if not claims:
        return None
    spans: list[Span] = []
    for claim in claims:
        if claim.value is False or claim.negated:
            continue
        low, high = claim.span_seconds or (None, None)
        start, stop = low or 0.0, duration_seconds if high is None else high
        if stop - start < MOMENT_SECONDS and claim.span_seconds is not None:
            middle = (start + stop) / 2
            start, stop = middle - MOMENT_SECONDS / 2, middle + MOMENT_SECONDS / 2
        spans.append((max(start, 0.0), min(stop, duration_seconds)))
    return [span for span in dict.fromkeys(spans) if span[1] > span[0]]


def read_choice(answer: str, options: Sequence[str]) -> int | None:
    """Return the option an answer chooses: its letter in front, or an option's exact words.

    Where several options' words stand in the answer, only one that holds the others counts.
    """
    text = answer.strip()
    folded = fold(text)
    for place, option in enumerate(options):
        if folded == fold(option):
            return place
    letter = _LETTER.match(text)
    if letter and not _is_article(text, letter.group(1)):
        place = ord(letter.group(1).upper()) - ord("A")
        if place < len(options):
            return place
    return find_label(answer, options)


def find_label(answer: str, labels: Sequence[str]) -> int | None:
    """Return the one label whose words stand in the answer, or None if none or several do."""
    folded = f" {fold(answer)} "
    found = [place for place, label in enumerate(labels) if f" {fold(label)} " in folded]
    longest = [
        place
        for place in found
        if not any(
            other != place and f" {fold(labels[place])} " in f" {fold(labels[other])} "
            for other in found
        )
    ]
    return longest[0] if len(longest) == 1 else None


def fold(text: str) -> str:
    """Write a text in lower case, letters and digits alone, single spaces."""
    return " ".join(re.findall(r"[^\W_]+", text.lower()))


def read_short(answer: str) -> str:
    """Return the first line of an answer, folded for exact match; number words as digits."""
    line = next((line for line in answer.strip().splitlines() if line.strip()), "")
    line = line.strip().lower().removesuffix(".").strip()
    return _NUMBER_WORDS.get(line, line)


def _is_article(text: str, letter: str) -> bool:
    """Say whether a leading ``A`` or ``I`` is a word of a sentence: ``A man stands there``."""
    return letter in "AaIi" and bool(re.match(r"^\W*[AaIi]\s+[a-z]", text))


_LIST = re.compile(r"[\[({<]\s*(-?\d[-\d.,eE+\s]*)[\])}>]")


def find_lists(text: str) -> list[list[float]]:
    """Return the innermost bracketed lists of numbers that stand in a text."""
    lists: list[list[float]] = []
    for match in _LIST.finditer(text):
        try:
            lists.append([float(part) for part in re.split(r"[,\s]+", match.group(1).strip(" ,"))])
        except ValueError:
            continue
    return lists
