"""Any text to claims in the words of the vocabulary."""

import re
from collections.abc import Iterable
from functools import lru_cache

from lineament.claims.claim import Claim, Statement, statement_of
from lineament.claims.people import is_pointed_at
from lineament.claims.question_forms import answered, asks_denied, without_preface, without_tag
from lineament.claims.scan import Key, Reading, name_subject, read_sentence
from lineament.claims.state import Context
from lineament.claims.tokens import (
    Sentence,
    split_pieces,
    split_sentences,
    trim_piece,
    without_quotes,
)

_TELLS_OTHER = re.compile(r"\b(?:other|another|second|latter)\b", re.IGNORECASE)
# A sentence sees of the one before only what it refers to, so that equal sentences share a
# cached reading.
_REFERS_TO_PART = re.compile(
    r"\b(?:it|its|they|them|one|ones|that|this|these|those)\b|n't", re.IGNORECASE
)
_LEAVES_OUT = re.compile(
    r"(?:n't|\b(?:not|is|are|does|do|did|has|have|can|too|none))\s*(?:[.,;!]|$)"
    r"|\b(?:neither|nor|so)\b",
    re.IGNORECASE,
)
_ANSWER = re.compile(
    r"^\W*(yes|yeah|yep|yup|no|nope|nah|correct|right|indeed|exactly|not really|not at all"
    r"|certainly|of course|absolutely|definitely)\b(?=\W*$|\s*[,.;:!-])",
    re.IGNORECASE,
)
_NAY = frozenset(("no", "nope", "nah", "not really", "not at all"))
_EMPTY = Context()


def read_claims(text: str) -> tuple[Claim, ...]:
    """Read what a text says about a face, a person or the picture.

    Questions, conditions, wishes, comparisons and quoted speech claim nothing. A question
    followed by a yes or no is read as that answer.
    """
    return _read_short(text) if len(text) <= SHORT_CHARS else _read(text)


def read_statements(text: str) -> tuple[Statement, ...]:
    """Read the same without the words and their places: much quicker where sentences repeat."""
    return _state_short(text) if len(text) <= SHORT_CHARS else _state(text)


def _read(text: str) -> tuple[Claim, ...]:
    if "?" in text:
        return merge_claims(_read_asking(text))
    found: list[Claim] = []
    for reading, start in _read_plain(text):
        found += _moved(reading.claims, start)
    return merge_claims(found)


def _state(text: str) -> tuple[Statement, ...]:
    if "?" in text:
        return tuple(statement_of(claim) for claim in _read(text))
    readings = [reading for reading, _ in _read_plain(text)]
    is_mixed = len(frozenset().union(*[reading.genders for reading in readings])) > 1
    merged: dict[Key, Statement] = {}
    for reading in readings:
        for key, said in reading.mixed if is_mixed else reading.single:
            known = merged.setdefault(key, said)
            if known.hedged and not said.hedged:
                merged[key] = said
    return tuple(merged.values())


# Long texts seldom come twice, and would push the short ones out.
SHORT_CHARS = 240
_read_short = lru_cache(maxsize=32768)(_read)
_state_short = lru_cache(maxsize=65536)(_state)


def forget_readings() -> None:
    """Empty the caches of texts and sentences that were read."""
    for cached in (_read_short, _state_short, _prepare, read_sentence):
        cached.cache_clear()


class _Piece:
    """A sentence as it stands in a text, and how it reads after nothing.

    Attributes:
        text: Without bullet and blanks; empty where there is no letter.
        lead: What stood before it.
        refers_to_part: It may speak of a part that the sentence before named.
        leaves_out: It may leave out what the sentence before said.
        plain: Its reading where it refers to nothing.
    """

    __slots__ = ("lead", "leaves_out", "plain", "refers_to_part", "text")

    def __init__(self, piece: str) -> None:
        self.text, self.lead = trim_piece(piece)
        self.refers_to_part = bool(_REFERS_TO_PART.search(self.text))
        self.leaves_out = bool(_LEAVES_OUT.search(self.text))
        self.plain = read_sentence(self.text)


_prepare = lru_cache(maxsize=65536)(_Piece)
_SEXES = frozenset(("man", "woman", ""))  # subjects that no later sentence needs to know


def _read_plain(text: str) -> list[tuple[Reading, int]]:
    """Read a text without questions: each sentence, and where it starts."""
    has_other = _tells_other(text)
    context = _EMPTY
    found: list[tuple[Reading, int]] = []
    for part, start in split_pieces(without_quotes(text)):
        piece = _prepare(part)
        if not piece.text:
            continue
        refers = piece.refers_to_part or piece.leaves_out or context.subject not in _SEXES
        if has_other or (refers and context is not _EMPTY):
            reading = _read_after(piece, context if refers else _EMPTY, has_other=has_other)
        else:
            reading = piece.plain
        found.append((reading, start + piece.lead))
        after = reading.context
        context = after if context is _EMPTY else _carried(context, after)
    return found


def _read_after(piece: _Piece, context: Context, *, has_other: bool) -> Reading:
    """Read a sentence with what it refers to; what others said, only where it looks for that."""
    used = _needed(context, refers_to_part=piece.refers_to_part, leaves_out=False)
    is_plain = used is _EMPTY and not has_other
    reading = piece.plain if is_plain else read_sentence(piece.text, used, has_other=has_other)
    if piece.leaves_out and reading.looks_back:
        used = _needed(context, refers_to_part=piece.refers_to_part, leaves_out=True)
        reading = read_sentence(piece.text, used, has_other=has_other)
    return reading


def _tells_other(text: str) -> bool:
    lower = text.lower()
    is_likely = "other" in lower or "second" in lower or "latter" in lower
    return is_likely and bool(_TELLS_OTHER.search(text))


def _read_asking(text: str) -> list[Claim]:
    """Read a text with questions, and the answers to them."""
    context = _EMPTY
    has_other = bool(_TELLS_OTHER.search(text))
    found: list[Claim] = []
    asked: tuple[Claim, ...] = ()
    supposed: tuple[Claim, ...] = ()
    for sentence in split_sentences(text):
        is_question = sentence.text.endswith("?")
        if is_question:
            sentence = Sentence(without_preface(sentence.text), sentence.start)
        statement = without_tag(sentence.text) if is_question else sentence.text
        is_denied = is_question and asks_denied(sentence.text)
        is_tagged = statement != sentence.text
        if is_tagged:
            sentence = Sentence(statement, sentence.start)
            is_question = False
        answer = _ANSWER.match(sentence.text) if asked else None
        used = context
        if used is not _EMPTY:
            used = _needed(
                context,
                refers_to_part=bool(_REFERS_TO_PART.search(sentence.text)),
                leaves_out=bool(_LEAVES_OUT.search(sentence.text)),
            )
        reading = read_sentence(sentence.text, used, has_other=has_other)
        if is_question:
            asked = tuple(_moved(reading.claims, sentence.start))
            supposed = ()
            if is_denied:
                asked = tuple(c if c.name == "male" else answered(c, is_no=True) for c in asked)
            found += (
                c
                for c in asked
                if c.name == "male" and c.text.lower() in ("he", "she", "his", "her")
            )
            continue
        if answer:
            is_no = answer[1].lower() in _NAY
            found = [c for c in found if c not in supposed]
            found += (answered(c, is_no=is_no) for c in asked if c.name != "male")
        said = tuple(_moved(reading.claims, sentence.start))
        found += said
        supposed = tuple(c for c in said if c.name != "male") if is_tagged else ()
        asked = tuple(answered(c, is_no=True) for c in supposed) if is_denied else supposed
        context = _carried(context, reading.context)
    return found


def _needed(context: Context, *, refers_to_part: bool, leaves_out: bool) -> Context:
    """Return what of the context a sentence refers to."""
    subject = context.subject if is_pointed_at(context.subject) else ""
    head = context.head if refers_to_part else ""
    if leaves_out:
        return Context(subject, head, context.predicate, context.qualities)
    return Context(subject, head) if subject or head else _EMPTY


def _carried(before: Context, after: Context) -> Context:
    """Join two contexts: what the later sentence leaves open stays."""
    return Context(
        after.subject or before.subject,
        after.head or before.head,
        after.predicate or before.predicate,
        after.qualities or before.qualities,
    )


def _moved(claims: tuple[Claim, ...], start: int) -> Iterable[Claim]:
    if not start:
        return claims
    return [
        Claim(
            c.name, c.value, c.negated, c.hedged, c.span_seconds, c.subject, c.quantity, c.text,
            c.start + start, c.stop + start,
        )
        for c in claims
    ]  # fmt: skip


def merge_claims(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Say everything once, and name subjects only where the text tells several apart."""
    claims = list(claims)
    genders = {c.subject for c in claims if c.name == "male"} & {"man", "woman"}
    is_mixed = len(genders) > 1
    merged: dict[Key, Claim] = {}
    for claim in claims:
        subject = name_subject(claim.subject, is_mixed=is_mixed)
        key = (claim.name, claim.value, claim.negated, claim.span_seconds, subject)
        known = merged.get(key)
        if known is None or (known.hedged and not claim.hedged):
            merged[key] = _with_subject(claim, subject)
    return tuple(merged.values())


def _with_subject(claim: Claim, subject: str) -> Claim:
    if subject == claim.subject:
        return claim
    return Claim(
        claim.name, claim.value, claim.negated, claim.hedged, claim.span_seconds, subject,
        claim.quantity, claim.text, claim.start, claim.stop,
    )  # fmt: skip
