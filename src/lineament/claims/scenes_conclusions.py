"""What texts conclude about two kinds of objects: more of one, as many, in one half or not."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lineament.claims.claim import Claim
from lineament.claims.scenes_objects import Answer, SceneObject, lies_on_side
from lineament.claims.scenes_words import NUMBERS, Token, split_scene_tokens

MORE, AS_MANY, SAME_HALF, LARGER_THAN = "more_than", "as_many_as", "same_half", "larger_than"
COMPARISONS = (MORE, AS_MANY, SAME_HALF)
# Objects that words pick: surely, perhaps, and whether none can be missing.
Chosen = tuple[Sequence[SceneObject], Sequence[SceneObject], bool]

# Noun phrases stand as one private sign each, stretched to their length, so that places are kept.
_FIRST, _REST = 0xE000, "\uf8ff"
_OWN = re.compile("[\ue000-\uf8ff]")
_A, _B = (f"(?P<{name}>[\ue000-\uf8fe]){_REST}*" for name in "ab")
_ANY_NUMBER = rf"(?:\d+|{'|'.join(NUMBERS)})"
_THAN = r"(?:\s+\w+){0,4}?\s+than\s+(?:there\s+(?:are|is)\s+)?"
_COMMON = r"(?:numerous|common|frequent)"


def _compile(*rows: tuple[str, str]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in rows)


# Of two kinds that both are named; "fewer" turns them round.
_PAIRS = _compile(
    (MORE, rf"\bmore\s+{_A}{_THAN}{_B}"),
    ("fewer", rf"\b(?:fewer|less)\s+{_A}{_THAN}{_B}"),
    (MORE, rf"{_A}\s+(?P<no>(?:do|does)\s+not\s+)?outnumbers?\s+{_B}"),
    (MORE, rf"{_A}\s+(?:are|is)\s+(?P<no>not\s+)?more\s+{_COMMON}\s+than\s+{_B}"),
    (AS_MANY, rf"(?<!twice\s)(?<!half\s)(?<!times\s)\bas\s+{_A}(?:\s+\w+){{0,4}}?\s+as\s+"
              rf"(?:there\s+(?:are|is)\s+)?{_B}"),
    (AS_MANY, rf"\b(?:same|equal)\s+numbers?\s+of\s+{_A}\s+and\s+(?:of\s+)?{_B}"),
)  # fmt: skip
# Of the two that a question names: what an answer says of one of them, or of both.
_ONE_OF_TWO = _compile(
    ("first", r"\bthe\s+former\b"),
    ("second", r"\bthe\s+latter\b"),
    (AS_MANY, r"\b(?:numbers|counts|both|they)\s+(?:are|is)\s+(?P<no>not\s+)?"
              r"(?:equal|the\s+same)\b|\bequally\s+(?:many|numerous|often)\b"
              r"|\bneither\b[^.]*\b(?:majority|more|wins?)\b"),
    (MORE, rf"\bmore\s+{_A}|{_A.replace('<a>', '<c>')}\s+(?:(?:are|is)\s+(?P<no>not\s+)?"
           rf"(?:in\s+the\s+majority|more\b)|(?:occurs?|appears?)\s+more\b|wins?\b)"),
    ("fewer", rf"\b(?:fewer|less)\s+{_A}"),
)  # fmt: skip
_SUM = re.compile(
    rf"\b(?P<x>{_ANY_NUMBER})\s+is\s+(?P<how>more|greater|larger|fewer|less|smaller)\s+than\s+"
    rf"(?P<y>{_ANY_NUMBER})\b",
    re.IGNORECASE,
)
_HALVES = _compile(
    ("yes", r"^\W*yes\b|\bso,?\s+yes\b"),
    ("no", r"^\W*no\b|\bso,?\s+no\b"),
    ("same", r"\bshare\s+(?:a|one|the\s+same)\s+(?:half|side)\b"
             r"|\b(?:in|on)\s+(?:one|the\s+same)\s+(?:half|side)\b"),
    ("apart", r"\b(?:are|is)\s+(?P<no>not\s+)?(?:parted|separated)\b"
              r"|\b(?:in|on)\s+(?:different|opposite)\s+(?:halves|sides)\b"),
)  # fmt: skip
_ASKS_HALF = re.compile(
    r"\bsame\b|\bshare\b|\binto\s+one\b|\bone\s+(?:side|half)\b|\b(?:middle|vertical)\s+line\b"
    r"|\b(?:different|opposite)\s+(?:halves|sides)\b",
    re.IGNORECASE,
)
_ASKS_ACROSS = re.compile(r"\bleft\b|\bright\b|\b(?:middle|vertical)\s+line\b", re.IGNORECASE)
_ASKS_DOWN = re.compile(r"\b(?:top|upper|lower|bottom|horizontal)\b", re.IGNORECASE)
_ASKS_PARTED = re.compile(
    r"\bline\b.*\b(?:part|between|separate|divide)\b|\b(?:different|opposite)\b", re.IGNORECASE
)
_ASKS_NUMBER = re.compile(
    r"\b(?:more|fewer|less|majority|numerous|numbers|counts|win)\b", re.IGNORECASE
)
_ASKS_FEWER = re.compile(r"\b(?:fewer|less|fewest)\b(?!.*\bmore\b)", re.IGNORECASE)
_ASKS_SIZE = re.compile(
    r"\b(?:ground|space|larger|bigger|smaller|size|large|small)\b", re.IGNORECASE
)
_ASKS_SMALLER = re.compile(r"\bsmaller\b", re.IGNORECASE)
_DENIED = re.compile(r"(?:\bnot|n't|\bno)\s+$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Marked:
    """A text of the same length in which every noun phrase is one sign."""

    text: str
    nouns: tuple[Token, ...]

    def designator(self, sign: str) -> str:
        """Return which objects a sign stands for."""
        return self.nouns[ord(sign) - _FIRST].value.designator


def _mark(text: str) -> _Marked:
    nouns = tuple(token for token in split_scene_tokens(text) if token.kind == "noun")
    signs = list(_OWN.sub("?", text))
    for number, noun in enumerate(nouns):
        length = noun.stop - noun.start
        signs[noun.start : noun.stop] = chr(_FIRST + number) + _REST * (length - 1)
    return _Marked("".join(signs), nouns)


def take_comparisons(sentence: str) -> tuple[list[Claim], str]:
    """Read what a sentence says of the numbers of two kinds: ``more ships than bridges``.

    Returns:
        The claims, and the sentence with blanks where they were read.
    """
    marked = _mark(sentence)
    found: list[Claim] = []
    if len(marked.nouns) < 2:
        return found, sentence
    rest = sentence
    for name, pattern in _PAIRS:
        for match in pattern.finditer(marked.text):
            one, other = (marked.designator(match[key]) for key in "ab")
            is_denied = _is_denied(marked.text, match)
            if name == AS_MANY and " as" in match[0]:
                noun = marked.nouns[ord(match["a"]) - _FIRST]
                if not sentence[noun.start : noun.stop].lower().startswith("many"):
                    continue
                if is_denied:  # "not as many ships as bridges" says which are more
                    found.append(_claim(MORE, other, one, sentence, match.span()))
                    rest = _blank(rest, match.span())
                    continue
            if name == "fewer":
                one, other = other, one
            said = AS_MANY if name == AS_MANY else MORE
            claim = _claim(said, one, other, sentence, match.span())
            found.append(replace(claim, negated=is_denied))
            rest = _blank(rest, match.span())
    return found, rest


def is_comparing(question: str) -> bool:
    """Say whether yes or no to a question is about two kinds or two objects together."""
    return _asks_half(_mark(question).text) or bool(take_comparisons(question)[0])


def read_conclusions(question: str, answer: str) -> tuple[list[Claim], str]:
    """Read what an answer concludes of the two that its question names.

    ``The former`` and ``both share a half`` say nothing without the question.

    Returns:
        The claims, and the answer with blanks where nouns were read as part of them.
    """
    marked = _mark(question)
    plain = marked.text  # "small vehicles" asks for no size
    asked = list(dict.fromkeys(noun.value.designator for noun in marked.nouns))
    if len(asked) != 2:
        return [], answer
    if _asks_half(plain):
        return list(_unique(_read_half(plain, answer, asked))), answer
    if _ASKS_SIZE.search(plain):
        return list(
            _read_size(answer, asked[::-1] if _ASKS_SMALLER.search(plain) else asked)
        ), answer
    pairs, _ = take_comparisons(question)
    verdict = re.match(r"\W*(yes|no)\b", answer, re.IGNORECASE)
    if pairs and verdict:
        is_no = verdict[1].lower() == "no"
        span = {"text": verdict[1], "start": verdict.start(1), "stop": verdict.end(1)}
        return [replace(c, negated=c.negated is not is_no, **span) for c in pairs], answer
    if not _ASKS_NUMBER.search(plain):
        return [], answer
    return _read_number(plain, answer, asked)


def _asks_half(question: str) -> bool:
    return bool(
        _ASKS_HALF.search(question)
        and _ASKS_ACROSS.search(question)
        and not _ASKS_DOWN.search(question)
        and not _ASKS_SIZE.search(question)
    )


def _read_half(question: str, answer: str, asked: Sequence[str]) -> Iterator[Claim]:
    is_parted = bool(_ASKS_PARTED.search(question))
    for name, pattern in _HALVES:
        for match in pattern.finditer(answer):
            holds = name == "same" or (name in ("yes", "no") and (name == "yes") is not is_parted)
            if name in ("same", "apart") and _is_denied(answer, match):
                holds = not holds
            claim = _claim(SAME_HALF, asked[0], asked[1], answer, match.span())
            yield replace(claim, negated=not holds)


def _read_size(answer: str, asked: Sequence[str]) -> Iterator[Claim]:
    for (one, other), (_, pattern) in zip((asked, asked[::-1]), _ONE_OF_TWO[:2], strict=True):
        for match in pattern.finditer(answer):
            claim = _claim(LARGER_THAN, one, other, answer, match.span())
            yield replace(claim, negated=_is_denied(answer, match))


def _read_number(question: str, answer: str, asked: Sequence[str]) -> tuple[list[Claim], str]:
    marked = _mark(answer)
    found: list[Claim] = []
    rest = answer
    is_fewer = bool(_ASKS_FEWER.search(question))
    for name, pattern in _ONE_OF_TWO:
        for match in pattern.finditer(marked.text):
            sign = next((s for s in (match.groupdict().get(k) for k in "ac") if s), "")
            one, other = asked
            if sign:
                said = marked.designator(sign)
                if said not in asked or _names_second(marked.text, match):
                    continue
                one, other = said, asked[1 - asked.index(said)]
                rest = _blank(rest, match.span())
            if name in ("second", "fewer"):
                one, other = other, one
            if is_fewer and name in ("first", "second"):
                one, other = other, one
            claim = _claim(AS_MANY if name == AS_MANY else MORE, one, other, answer, match.span())
            found.append(replace(claim, negated=_is_denied(marked.text, match)))
    found = list(_unique(found))
    winner = next((c for c in found if c.name == MORE and not c.negated), None)
    return [*found, *_read_sums(answer, winner)], rest


def _names_second(text: str, match: re.Match[str]) -> bool:
    """Say whether the other kind is named, too: read as a pair, with no need of the question."""
    return bool(re.match(r"(?:\s+\w+){0,4}?\s+than\b|\s+outnumber", text[match.end() :]))


def _read_sums(answer: str, winner: Claim | None) -> Iterator[Claim]:
    """Read ``four is more than two`` as the two numbers of what there is more and fewer of."""
    if winner is None:
        return
    for match in _SUM.finditer(answer):
        more, fewer = _number(match["x"]), _number(match["y"])
        if match["how"].lower() in ("fewer", "less", "smaller"):
            more, fewer = fewer, more
        for subject, number in ((winner.subject, more), (str(winner.value), fewer)):
            yield Claim(
                "object_count", (number, number + 1), subject=subject, text=match[0],
                start=match.start(), stop=match.end(),
            )  # fmt: skip


def _number(word: str) -> int:
    return int(word) if word.isdecimal() else NUMBERS[word.lower()]


def _is_denied(text: str, match: re.Match[str]) -> bool:
    return bool(match.groupdict().get("no") or _DENIED.search(text[: match.start()]))


def _blank(text: str, span: tuple[int, int]) -> str:
    return text[: span[0]] + " " * (span[1] - span[0]) + text[span[1] :]


def _claim(name: str, one: str, other: str, text: str, span: tuple[int, int]) -> Claim:
    return Claim(name, other, subject=one, text=text[slice(*span)], start=span[0], stop=span[1])


def _unique(claims: Iterator[Claim] | Sequence[Claim]) -> Iterator[Claim]:
    seen: set[tuple[object, ...]] = set()
    for claim in claims:
        said = (claim.name, claim.subject, claim.value, claim.negated)
        if said not in seen:
            seen.add(said)
            yield claim


def judge_comparison(name: str, first: Chosen, second: Chosen) -> Answer:
    """Say whether a comparison of two kinds holds; None where numbers or places are not sure.

    Args:
        name: One of `COMPARISONS`.
        first: The objects that the subject's words pick.
        second: Those of the other.
    """
    if name == SAME_HALF:
        return _share_half(first, second)
    (least, most), (other_least, other_most) = _bounds(first), _bounds(second)
    if name == MORE:
        if other_most is not None and least > other_most:
            return True
        return False if most is not None and most <= other_least else None
    if least == most and other_least == other_most:
        return least == other_least
    is_above = other_most is not None and least > other_most
    is_below = most is not None and most < other_least
    return False if is_above or is_below else None


def _bounds(chosen: Chosen) -> tuple[int, int | None]:
    sure, unsure, is_listed = chosen
    return len(sure), len(sure) + len(unsure) if is_listed else None


def _share_half(first: Chosen, second: Chosen) -> Answer:
    for sure, unsure, is_listed in (first, second):
        if not sure:
            return False if is_listed and not unsure else None
        if unsure:
            return None
    sides = {lies_on_side(one, "left") for one in (*first[0], *second[0])}
    return None if None in sides else len(sides) == 1
