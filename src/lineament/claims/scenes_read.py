"""Any text about an aerial scene to claims: counts, places, relations, colours, sizes, cover."""

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from lineament.claims.claim import Claim
from lineament.claims.scenes_boxes import read_boxed
from lineament.claims.scenes_conclusions import is_comparing, read_conclusions, take_comparisons
from lineament.claims.scenes_objects import RELATIONS
from lineament.claims.scenes_sentence import TAGS, read_scene_sentence
from lineament.claims.scenes_words import NUMBERS, Noun, split_scene_tokens

_SENTENCE = re.compile(r"[^.!?]*(?:\.(?=\d)[^.!?]*)*[.!?]?")
_SILENT = re.compile(r"^\W*(?:if|suppose|imagine|whether|assuming)\b", re.IGNORECASE)
# What takes back a part of what is said, or says it of nothing that is seen.
_EXCEPTS = re.compile(
    r"\b(?:except|excepting|excluding|other\s+than|apart\s+from|aside\s+from|(?:all|none|nothing)\s+but|whether|unless"
    r"|hardly|barely|scarcely|(?:almost|nearly|virtually|practically)\s+no)\b",
    re.IGNORECASE,
)
_INSTEAD = re.compile(r"\b(?:instead\s+of|rather\s+than|unlike|as\s+opposed\s+to)\b.*", re.I | re.S)
_YES_NO = re.compile(r"^\W*(yes|no)\b[\s,.!:;-]*", re.IGNORECASE)
_HOW_MANY = re.compile(r"\bhow many\b|\bnumber of\b|\bcount\b", re.IGNORECASE)
_WHERE = re.compile(r"\bwhere\b|\bwhich part\b|\bposition\b", re.IGNORECASE)
_COLOR = re.compile(r"\bcolou?r\b", re.IGNORECASE)
# Yes and No to these say nothing of a single claim.
_EITHER = re.compile(
    r"\bor\b|\b(?:more|fewer|less)\s+(?!than\b)[^?]*\bthan\b|\bas many\b|\bnumber of\b",
    re.IGNORECASE,
)
_OF_THE = re.compile(
    r"\b(how many|number of|count)\s+(?:of\s+)?(?:all\s+)?(?:the|these|those)\s+", re.IGNORECASE
)
_BARE_NUMBER = re.compile(rf"^\W*(\d+|{'|'.join(NUMBERS)})\W*$", re.IGNORECASE)


@lru_cache(maxsize=16384)
def read_scene_claims(text: str) -> tuple[Claim, ...]:
    """Read what a text says about an aerial scene; questions and conditions say nothing."""
    found: list[Claim] = []
    subject: Noun | None = None
    for match in _SENTENCE.finditer(text):
        sentence = match.group()
        if not sentence.strip() or sentence.endswith("?"):
            continue
        if _SILENT.match(sentence) or _EXCEPTS.search(sentence):
            continue
        compared, rest = take_comparisons(_INSTEAD.sub("", sentence))
        claims, subject = read_scene_sentence(rest, subject)
        found += (
            replace(c, start=c.start + match.start(), stop=c.stop + match.start())
            for c in (*claims, *compared)
        )
    return tuple(dict.fromkeys(found))


def read_scene_answer(question: str, answer: str) -> tuple[Claim, ...]:
    """Read an answer together with its question: ``Three.``, ``Yes.``, ``In the top left.``.

    What it concludes of two kinds or objects, and the boxes that it gives or names, are read too.
    """
    concluded, rest = read_conclusions(question, answer)
    boxed = read_boxed(question, answer, find_asked_objects(question) if "[" in answer else ())
    verdict = _YES_NO.match(rest)
    # Blanks, not nothing: claims keep their places.
    said = read_scene_claims(_YES_NO.sub(lambda match: " " * len(match[0]), rest))
    told = {_meaning(claim) for claim in said}
    said = (*said, *(claim for claim in concluded if _meaning(claim) not in told), *boxed)
    if verdict is None:
        return said or tuple(_complete(question, answer))
    if _EITHER.search(question) or is_comparing(question):
        return said
    asked, _ = read_scene_sentence(question.rstrip("? "), None, is_question=True)
    is_no = verdict[1].lower() == "no"
    if is_no and len(asked) > 1:
        return said  # one of them is not so, which of them is not told
    return (*(_deny(claim) if is_no else claim for claim in asked), *said)


def _meaning(claim: Claim) -> tuple[object, ...]:
    return claim.name, claim.value, claim.subject, claim.negated


def find_asked_objects(question: str) -> list[str]:
    """Return the designators of the objects that a question is about, narrowed as it says.

    ``How many ships are near the bridge?`` asks about ``near:bridge ship``. The list is empty
    where the question names no object, or says of it what no designator can.
    """
    question = _OF_THE.sub(r"\1 ", question.rstrip("? "))
    tokens = split_scene_tokens(question)
    nouns: list[Noun] = [token.value for token in tokens if token.kind == "noun"]
    if not nouns:
        return []
    claims, _ = read_scene_sentence(question, None, is_question=True)
    counted = [claim.subject for claim in claims if claim.name == "object_count"]
    asked = counted or [nouns[0].designator]
    for claim in claims:
        if claim.name != "object_count":
            narrowed = _narrow(asked[0], claim) if len(asked) == 1 else ""
            if not narrowed:
                return []
            asked = [narrowed]
    num_relations = sum(f"{word}:" in one for one in asked for word in RELATIONS)
    if len(nouns) != len(asked) + num_relations:
        return []
    place = _place_in(question)
    return [f"{place}{one}" if place and place not in one else one for one in asked]


def _narrow(designator: str, claim: Claim) -> str:
    """Return a designator with what a question says of the object; empty where it cannot be."""
    value = str(claim.value)
    if claim.negated or claim.hedged or claim.subject != designator or " " in value:
        return ""
    if claim.name in RELATIONS:
        return f"{claim.name}:{value} {designator}"
    if claim.name == "object_color":
        return f"{value} {designator}"
    tag = {"object_position": "at", "object_side": "side"}.get(claim.name)
    return f"{tag}:{value} {designator}" if tag else ""


def _complete(question: str, answer: str) -> Iterator[Claim]:
    """Yield what a bare answer says of the objects that were asked about."""
    asked = find_asked_objects(question)
    if len(asked) != 1:
        return
    span = {"text": answer.strip(), "start": 0, "stop": len(answer), "subject": asked[0]}
    number = _BARE_NUMBER.match(answer)
    if number and _HOW_MANY.search(question):
        value = int(number[1]) if number[1].isdecimal() else NUMBERS[number[1].lower()]
        yield Claim("object_count", (value, value + 1), **span)
    for token in split_scene_tokens(answer):
        if token.kind == "position" and _WHERE.search(question):
            yield Claim("object_position", token.value, **span)
        elif token.kind == "side" and _WHERE.search(question):
            yield Claim("object_side", token.value, **span)
        elif token.kind == "color" and _COLOR.search(question):
            yield Claim("object_color", token.value, **span)


def _place_in(question: str) -> str:
    for token in split_scene_tokens(question):
        if token.kind in ("position", "side"):
            return f"{TAGS[token.kind]}:{token.value} "
    return ""


def _deny(claim: Claim) -> Claim:
    """Return what No says of a question's claim."""
    if claim.name == "object_count" and isinstance(claim.value, tuple):
        low, high = claim.value
        if high is None and low is not None:
            # No to "are there ships?" denies even one.
            return replace(claim, value=(0, 1 if low <= 2 else int(low)))
    if isinstance(claim.value, bool):
        return replace(claim, value=not claim.value)
    return replace(claim, negated=not claim.negated)
