"""Times, ages, counts and angles in a sentence: numbers with their bounds and units."""

import re
from typing import NamedTuple

from lineament.claims.claim import Range

_ONES = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WORDS = {word: number for number, word in enumerate(_ONES, start=1)}
_WORDS |= {word: 10 * number for number, word in enumerate(_TENS, start=2)}
_WORDS |= {"fourty": 40, "zero": 0}
_DECADES = {
    word: 10 * number
    for number, word in enumerate(
        [
            "twenties",
            "thirties",
            "forties",
            "fifties",
            "sixties",
            "seventies",
            "eighties",
            "nineties",
        ],
        start=2,
    )
} | {"teens": 10}
_MAYBE = re.compile(
    r"\d|\b(?:" + "|".join([*_ONES[1:], *_TENS, "fourty", *_DECADES]) + r")\b", re.IGNORECASE
)
_NUMBER_WORD = (
    rf"(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_ONES[:9])}))?\b"
    rf"|(?:{'|'.join([*_ONES[::-1], 'zero', 'fourty'])})\b"
)
_N = rf"(?:[-−+]?\d+(?:[.,]\d+)?|{_NUMBER_WORD})"
_CLOCK = r"\d{1,2}:\d\d(?:\.\d+)?"
_S = r"(?:\s*-?(?:s|secs?|seconds?)\b\.?)"
_SECOND = r"(?:(?:the\s+)?(?:seconds?|secs?|time|timestamps?|minute|sec\.|t\s*=|marks?)\s*)"
_T = rf"(?:{_CLOCK}(?:\s*(?:min|minutes?))?|{_N})"
_TO = r"\s*(?:-|–|—|to|and|until|till|through|up\s+to|\.\.+)\s*"
_FROM = r"(?:(?:from|between|during|in|within|throughout|of|at|around)\s+)"
_ABOUT = r"(?:(?:about|around|roughly|approximately|exactly|approx\.?|ca\.?|circa|~|nearly)\s*)?"
_CLIP = r"into\s+(?:the\s+|this\s+)?(?:clip|video|recording|footage)"


def _pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern written over several lines; blanks in it are written as escapes."""
    return re.compile(re.sub(r"\n\s*", "", text), re.IGNORECASE)


_RANGE = _pattern(rf"""
    [\[(]?\b{_FROM}?{_ABOUT}(?P<s1>{_SECOND})?{_ABOUT}(?P<a>{_T})(?P<u1>{_S})?
    {_TO}{_ABOUT}(?P<s2>{_SECOND})?(?P<b>{_T})(?P<u2>{_S})?(?:\s+(?:mark|{_CLIP}))?
""")
_AFTER = _pattern(rf"""
    \b(?P<p>not\s+(?:until|before)|after|since|starting\s+(?:at|from)|beginning\s+(?:at|from)
    |later\s+than|past|from)\s+(?:about\s+|around\s+)?(?P<s1>{_SECOND})?{_ABOUT}(?P<a>{_T})
    (?P<u1>{_S})?(?P<on>\s*(?:on\b|onwards?\b|and\s+later))?
""")
_UNTIL = _pattern(rf"""
    \b(?:until|till|up\s+to|before|up\s+until|not\s+later\s+than|earlier\s+than
    |for\s+the\s+first|(?:with)?in\s+the\s+first|during\s+the\s+first|the\s+first|prior\s+to)\s+
    (?:about\s+)?(?P<s1>{_SECOND})?{_ABOUT}(?P<a>{_T})(?P<u1>{_S})?
""")
_AT = _pattern(rf"""
    (?:\b(?:at|around|near|by|on|in|@)|@)?\s*
    (?:exactly\s+|about\s+|around\s+|precisely\s+|roughly\s+|approximately\s+|the\s+)?
    (?P<s1>{_SECOND})?(?P<a>{_T})(?P<u1>{_S})?
    (?P<mark>\s+(?:mark|in\b(?=[\s,.;]|$)(?!\s+(?:a|the|his|her)\b)|{_CLIP}))?
""")
_LENGTH = _pattern(rf"""
    \b(?:for|over|lasting|lasts?|takes?|every|each|all|another|next|last|past|a\s+few|several
    |after\s+every)\s+
    (?:about\s+|around\s+|some\s+|the\s+(?:next|last)\s+|roughly\s+|more\s+than\s+|the\s+|nearly\s+
    |at\s+least\s+)?{_N}\s*-?(?:s|secs?|seconds?|minutes?|hours?|days?)\b|{_N}\s+times\b
    |{_N}\s*-?\s*(?:fps|frames?|hz|px|pixels?|%|percent|meters?|metres?|cm|kg|mb|gb|euros?|dollars?
    |minutes?|hours?|days?(?![-\s](?:beard|stubble))|weeks?|months?)\b(?:\s+per\s+seconds?
    |[-\s]+olds?\b)?
    |per\s+seconds?
""")
_UPPER = r"(?:(?:early|mid|middle|late)(?:[\s-]+to[\s-]+(?:early|mid|late))?[\s-]+)"
_DECADE = rf"(?:{'|'.join(_DECADES)}|[1-9]0'?s|(?:{'|'.join(_TENS)}|[2-9]0)[- ]something)"
_AGE_DECADE = _pattern(rf"""
    (?:\b(?:in|of|from|between|into|well\s+into|about|around)\s+)?
    (?:(?:his|her|their|the|one's)\s+)?{_UPPER}?(?P<a>{_DECADE})\b
    (?:(?:\s*(?:or|to|-|–|and)\s*)(?:(?:his|her|their|the|in)\s+)*{_UPPER}?(?P<b>{_DECADE})\b)?
""")
_BOUND = r"""
    (?P<about>about|around|roughly|approximately|approx\.?|circa|ca\.?|some|~|nearly|almost
    |close\s+to|or\s+so|an\s+estimated|somewhere\s+around|in\s+the\s+region\s+of|more\s+or\s+less
    |approaching|give\s+or\s+take)
    |(?P<over>over|above|(?:more|older|greater|larger|higher|bigger)\s+than|past|beyond
    |upwards\s+of|in\s+excess\s+of|>|on\s+the\s+far\s+side\s+of|well\s+over)
    |(?P<least>at\s+least|(?:no|not)\s+(?:less|fewer|younger)\s+than|not\s+(?:under|below)
    |minimum\s+of|≥|>=|a\s+minimum\s+of)
    |(?P<under>under|below|(?:less|fewer|younger|smaller|lower)\s+than|<|not\s+yet|not\s+quite
    |well\s+under)
    |(?P<most>at\s+most|(?:no|not)\s+(?:more|older)\s+than|up\s+to|not\s+(?:over|above)|≤|<=
    |a\s+maximum\s+of|maximum\s+of)
"""
_UNIT = r"""
    (?P<unit>\s*[-\s]?\s*(?:years?[-\s]olds?|years?[-\s]of[-\s]age|years?|yrs?(?:\s+old)?|y/?o
    |degrees?|deg|°))
"""
_AMOUNT = _pattern(rf"""
    (?P<aged>\b(?:aged?(?:\s+of)?|age\s*[:=]|at\s+the\s+age\s+of)\s+)?
    (?P<between>\b(?:between|from|anywhere\s+from)\s+)?(?:(?:{_BOUND})\s*)?
    (?<![\w.:])(?P<a>{_N})(?:(?P<link>\s*(?:-|–|to|and|or)\s*)(?P<b>{_N})(?![:\w]))?
    (?P<plus>\s*\+|\s+or\s+(?:older|more|over)|\s+and\s+(?:over|older))?
    (?P<minus>\s+or\s+(?:younger|less|fewer|under))?{_UNIT}?
    (?![\w.:]*\d|\s*o'?\s?clock|[-\s]days?\b)
""")


# Cheap signs that a sentence may hold a time or a decade at all.
_TIME_SIGN = re.compile(
    r"\d:\d|\d\s*-?s|secs?\b|second|\bt\s*=|mark\b|times?\b|fps|hz|px|pixel|%|percent|met(?:er|re)"
    r"|\d\s?(?:cm|kg|mb|gb)|euro|dollar|minute|hour|day|week|month|frame|\bs\b",
    re.IGNORECASE,
)
_CLAUSE_SIGN = re.compile(r"[,;.!?]|\b(?:and|then|but)\b", re.IGNORECASE)
_DECADE_SIGN = re.compile(r"ies\b|\d0'?s\b|teens|something", re.IGNORECASE)


class Measure(NamedTuple):
    """A time, an age or an amount, and its place in the sentence.

    `kind` is ``time``, ``age``, ``degrees``, ``amount`` (a number with no unit), ``around`` (the
    same, approximate) or ``length`` (a duration or a rate, which says nothing of when).
    """

    kind: str
    value: Range
    start: int
    stop: int


def find_measures(text: str) -> list[Measure]:
    """Return the measures of a sentence, first to last, without overlaps."""
    if not _MAYBE.search(text):
        return []
    found: list[Measure] = []
    finders = [_find_amounts]
    if _TIME_SIGN.search(text):
        finders = [_find_lengths, _find_ranges, _find_open, _find_moments, _find_amounts]
    if _DECADE_SIGN.search(text):
        finders.insert(0, _find_decades)
    for find in finders:
        for measure in find(text):
            if all(measure.stop <= m.start or m.stop <= measure.start for m in found):
                found.append(measure)
    found.sort(key=lambda m: m.start)
    return _drop_durations(text, found) if len(found) > 1 else found


def parse_number(text: str) -> float:
    """Read ``12``, ``1.5``, ``0:05`` or ``forty-five``."""
    text = text.strip().lower().replace("−", "-")
    if ":" in text:
        minutes, seconds = text.split(":", 1)
        return _tidy(60 * int(minutes) + float(re.split(r"\s|m", seconds)[0]))
    if text[:1].isdigit() or text[:1] in "+-":
        return _tidy(float(text.replace(",", ".")))
    return sum(_WORDS[word] for word in re.split(r"[\s-]+", text))


def _tidy(number: float) -> float:
    return int(number) if number == int(number) else number


def _find_lengths(text: str) -> list[Measure]:
    return [Measure("length", (None, None), *m.span()) for m in _LENGTH.finditer(text)]


def _is_time(match: re.Match[str], *groups: str) -> bool:
    if ":" in match["a"]:
        return True
    return any(match[group] for group in groups)


def _find_ranges(text: str) -> list[Measure]:
    return [
        Measure("time", (abs(parse_number(m["a"])), abs(parse_number(m["b"]))), *_trim(m))
        for m in _RANGE.finditer(text)
        if _is_time(m, "s1", "s2", "u1", "u2") and not _is_pair(m)
    ]


def _is_pair(match: re.Match[str]) -> bool:
    """Say whether ``1 s and 2 s`` names two moments rather than a span."""
    link = match.group().lower()
    return " and " in link and not re.match(r"\W*(?:between|from|seconds)", link)


def _trim(match: re.Match[str]) -> tuple[int, int]:
    start, stop = match.span()
    text = match.group()
    return start + len(text) - len(text.lstrip()), stop


def _find_open(text: str) -> list[Measure]:
    found = [
        Measure("time", (parse_number(match["a"]), None), *match.span())
        for match in _AFTER.finditer(text)
        if _is_time(match, "s1", "u1")
    ]
    for match in _UNTIL.finditer(text):
        if _is_time(match, "s1", "u1"):
            low = 0 if "first" in match.group().lower() else None
            found.append(Measure("time", (low, parse_number(match["a"])), *match.span()))
    return found


def _find_moments(text: str) -> list[Measure]:
    found = []
    for match in _AT.finditer(text):
        if not _is_time(match, "s1", "u1"):
            continue
        moment = parse_number(match["a"])
        rest = text[match.end() :].lstrip()
        is_moment = (
            ":" in match["a"]
            or match["s1"]
            or match["mark"]
            or match.start("a") > _trim(match)[0]
            or rest[:1] in (":", "]", ")", "-")
        )
        kind = "time" if is_moment else "length"
        found.append(Measure(kind, (moment, moment), *_trim(match)))
    return found


def _drop_durations(text: str, found: list[Measure]) -> list[Measure]:
    """Read ``1.4 seconds: from 3.0 to 4.4 s`` as a duration and its span, not as a moment."""
    kept = list(found)
    for place, measure in enumerate(found):
        low, high = measure.value
        if measure.kind != "time" or low != high or low is None:
            continue
        later = next((m for m in found[place + 1 :] if m.kind == "time"), None)
        if later is None or text[measure.stop :].lstrip()[:1] not in (":", "-", "–", "—"):
            continue
        first, last = later.value
        is_within = first is not None and last is not None and first <= low <= last
        if first == last or is_within or _CLAUSE_SIGN.search(text[measure.stop : later.start]):
            continue
        kept[place] = measure._replace(kind="length", value=(None, None))
    return kept


def _find_decades(text: str) -> list[Measure]:
    found = []
    for match in _AGE_DECADE.finditer(text):
        before = text[: match.start()].rstrip().lower()
        if match.group().lower().startswith(("the ", "from the ")) or before.endswith("'"):
            continue
        if before[-2:].isdigit():
            continue
        low = _decade(match["a"])
        high = _decade(match["b"]) + 10 if match["b"] else low + 10
        found.append(Measure("age", (13 if low == 10 else low, high), *_trim(match)))
    return found


def _decade(word: str) -> int:
    word = word.lower()
    if word.endswith("something"):
        return int(parse_number(word[:-10]))
    return _DECADES[word] if word in _DECADES else int(word[:2])


def _find_amounts(text: str) -> list[Measure]:
    found = []
    for match in _AMOUNT.finditer(text):
        unit = (match["unit"] or "").lower()
        kind = "degrees" if "deg" in unit or "°" in unit else "age" if unit else "amount"
        if kind == "amount" and match["aged"]:
            kind = "age"
        if kind == "amount" and match["a"].lower() in ("one", "zero"):
            continue
        if kind == "amount" and match["about"]:
            kind = "around"
        found.append(Measure(kind, _amount_range(match, kind), *_trim(match)))
    return found


def _amount_range(match: re.Match[str], kind: str) -> Range:
    low = parse_number(match["a"])
    step = 1
    if match["b"]:
        high = parse_number(match["b"])
        is_count = kind == "amount" or (match["link"].strip() == "or" and kind == "age")
        return (low, high + (step if is_count and not match["between"] else 0))
    if match["about"]:
        return (low - 5, low + 5)
    if match["over"]:
        return (low, None)
    if match["least"] or match["plus"]:
        return (low, None)
    if match["under"]:
        return (None, low)
    if match["most"] or match["minus"]:
        return (None, low + step)
    return (low, low + step)
