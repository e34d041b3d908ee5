"""Lists in a sentence about a scene: what ``no``, ``or`` and ``and`` reach over."""

import re
from collections.abc import Iterator
from dataclasses import replace

from lineament.claims.scenes_nouns import NONE, OTHER
from lineament.claims.scenes_words import Noun, Token

_SEEN = re.compile(
    r"\s*(?:(?:be\s+)?(?:visible|seen|found|present|shown|spotted|detected|observed|there)\b"
    r"|in\s+(?:the|this)\s+(?:picture|image|photo|scene)\b)",
    re.IGNORECASE,
)
_ABSENT = re.compile(r"\s*(?:is|are)\s+(?:absent|missing)\b", re.IGNORECASE)
# What may stand between "not" and the noun that it denies.
_PLAIN = frozenset((
    "a", "an", "any", "be", "been", "can", "contain", "do", "does", "find", "have", "image",
    "in", "of", "picture", "scene", "see", "seen", "show", "the", "there", "to", "visible",
    "you",
))  # fmt: skip
_OR_ELSE = re.compile(r"\s*,?\s*or\s+(?!more\b|less\b|fewer\b)", re.IGNORECASE)
_OPPOSITE = frozenset((frozenset(("left", "right")), frozenset(("top", "bottom"))))
_NOUNS = ("noun", "one")


def arrange_lists(tokens: list[Token], sentence: str, *, is_question: bool) -> list[Token]:
    """Return the tokens with each member of a list told what the list is told.

    ``No ships or airplanes`` denies both; of ``ships or airplanes`` neither is claimed; colours
    and places in a row become one token ``choice``.
    """
    tokens = _swap_measures(tokens, sentence)
    tokens = _deny_absent(tokens, sentence)
    tokens = _deny_lists(tokens, sentence)
    tokens = _doubt_strange(tokens, sentence)
    if not is_question:
        tokens = list(_join_either(tokens, sentence))
    return list(_join_choices(tokens, sentence))


def _gap(tokens: list[Token], first: int, second: int, sentence: str) -> list[str]:
    """Return the words between two tokens that are in no token, commas left out."""
    rest = list(sentence)
    for token in tokens[first + 1 : second]:
        rest[token.start : token.stop] = " " * (token.stop - token.start)
    return re.findall(r"[^\s,]+", "".join(rest[tokens[first].stop : tokens[second].start]).lower())


def _next(tokens: list[Token], place: int) -> int:
    """Return the place of the next token that is no comma and no ``and``."""
    place += 1
    while place < len(tokens) and (tokens[place].kind == "and" or tokens[place].value == ","):
        place += 1
    return place


def _swap_measures(tokens: list[Token], sentence: str) -> list[Token]:
    """Put ``30 meter long`` behind the ship that it is said of."""
    found = list(tokens)
    for place in range(len(found) - 1):
        one, other = found[place], found[place + 1]
        is_close = not sentence[one.stop : other.start].strip()
        if (one.kind, other.kind) == ("measure", "noun") and is_close and other.value.is_bare:
            found[place], found[place + 1] = other, one
    return found


def _deny(token: Token) -> Token:
    if token.kind == "cover":
        return replace(token, value=(token.value[0], False))
    return replace(token, value=replace(token.value, count=NONE, is_all=False))


def _is_open(token: Token) -> bool:
    """Say whether a phrase has no article or number of its own."""
    if token.kind == "cover":
        return bool(token.value[1])
    return token.kind in _NOUNS and token.value.is_bare


def _deny_absent(tokens: list[Token], sentence: str) -> list[Token]:
    """Read ``ships and airplanes are not visible`` as ``no ships and no airplanes``."""
    found = list(tokens)
    drop: set[int] = set()
    for place, token in enumerate(tokens):
        if not _is_open(token):
            continue
        after = place + 1
        while after < len(tokens) and tokens[after].kind in ("be", "hedge"):
            after += 1
        is_denied = (
            after < len(tokens)
            and tokens[after].kind == "not"
            and bool(_SEEN.match(sentence, tokens[after].stop))
        )
        if not is_denied and not _ABSENT.match(sentence, token.stop):
            continue
        if is_denied:
            drop.add(after)
        found[place] = _deny(token)
        first = place
        while (first := _before(tokens, first, sentence)) >= 0:
            found[first] = _deny(tokens[first])
    return [token for place, token in enumerate(found) if place not in drop]


def _before(tokens: list[Token], place: int, sentence: str) -> int:
    """Return the place of the open phrase before this one in a list; -1 where there is none."""
    first = place - 1
    while first >= 0 and (tokens[first].kind == "and" or tokens[first].value == ","):
        first -= 1
    if first < 0 or not _is_open(tokens[first]):
        return -1
    words = _gap(tokens, first, place, sentence)
    is_listed = first < place - 1 or words == ["or"]
    return first if is_listed and set(words) <= {"or"} else -1


def _deny_lists(tokens: list[Token], sentence: str) -> list[Token]:
    """Carry ``no`` and ``not any`` over the list that follows: ``no ships or airplanes``."""
    found = list(tokens)
    drop: set[int] = set()
    for place, token in enumerate(tokens):
        denier = _find_denier(tokens, place, sentence)
        if denier is None:
            continue
        members = _members(tokens, place, sentence)
        if denier >= 0:
            if not members:
                continue  # a single one is denied in its turn
            drop.add(denier)
            found[place] = _deny(token)
        for member in members:
            found[member] = _deny(tokens[member])
    return [token for place, token in enumerate(found) if place not in drop]


def _find_denier(tokens: list[Token], place: int, sentence: str) -> int | None:
    """Return the place of the ``not`` before a phrase, -1 where the phrase says it; else None."""
    token = tokens[place]
    if token.kind == "cover" and not token.value[1]:
        return -1
    if token.kind in _NOUNS and token.value.count == NONE and not token.value.is_part:
        return -1
    if token.kind not in (*_NOUNS, "cover"):
        return None
    if token.kind in _NOUNS and (token.value.count is None or token.value.is_number):
        return None
    first = place - 1
    while first >= 0 and tokens[first].kind in ("be", "hedge"):
        first -= 1
    if first < 0 or tokens[first].kind != "not":
        return None
    words = _gap(tokens, first, place, sentence)
    return first if set(words) <= _PLAIN else None


def _members(tokens: list[Token], place: int, sentence: str) -> list[int]:
    """Return the places of what follows in the list of a phrase."""
    found: list[int] = []
    is_joined = False
    has_verb = any(token.kind == "be" for token in tokens[:place])
    at = place
    while (after := _next(tokens, at)) < len(tokens):
        token = tokens[after]
        is_open = _is_open(token) or (
            token.kind in _NOUNS and token.value.count == (1, None) and not token.value.is_number
        )
        words = set(_gap(tokens, at, after, sentence))
        kinds = {t.kind for t in tokens[at + 1 : after]}
        if not is_open or not words <= {"or", "any"} or not (words or kinds):
            break
        if not words and "and" in kinds and has_verb and _has_verb(tokens, after):
            break  # "there is no bridge and cars are parked"
        if not words and not _is_open(token):
            break  # "no bridge and a ship"
        found.append(after)
        is_joined = bool(words) or "and" in kinds
        at = after
        if is_joined and not words:
            break
    return found if is_joined else []


def _has_verb(tokens: list[Token], place: int) -> bool:
    return place + 1 < len(tokens) and tokens[place + 1].kind == "be"


def _doubt_strange(tokens: list[Token], sentence: str) -> list[Token]:
    """Mark what is denied together with an unknown word: ``no moored ships``, ``no sign of``."""
    found = list(tokens)
    for place, token in enumerate(tokens):
        is_counted = token.kind in _NOUNS and token.value.is_number
        if not _is_open(token) and not is_counted:
            continue
        start = tokens[place - 1].stop if place else 0
        words = re.findall(r"[^\s,]+", sentence[start : token.start].lower())
        if "no" in words and (is_counted or words != ["no"]):
            found[place] = _doubt(token)
            continue
        first = place - 1
        while first >= 0 and tokens[first].kind in ("be", "hedge"):
            first -= 1
        is_denied = first >= 0 and tokens[first].kind == "not"
        if is_denied and not set(_gap(tokens, first, place, sentence)) <= _PLAIN:
            found[place] = _doubt(token)
            found[first] = replace(tokens[first], kind="be")
    return found


def _doubt(token: Token) -> Token:
    if token.kind == "cover":
        return replace(token, kind="lost")
    return replace(token, value=replace(token.value, count=NONE, place=f"{OTHER} "))


def _join_either(tokens: list[Token], sentence: str) -> Iterator[Token]:
    """Make one phrase of no known class of ``ships or airplanes``: neither is claimed."""
    place = 0
    while place < len(tokens):
        token = tokens[place]
        members = [place]
        is_either = False
        while _is_thing(token) and (after := _next(tokens, members[-1])) < len(tokens):
            words = _gap(tokens, members[-1], after, sentence)
            is_apart = words == ["or"] or (not words and tokens[after - 1].value == ",")
            if not _is_thing(tokens[after]) or not is_apart:
                break
            members.append(after)
            is_either = is_either or words == ["or"]
        if not is_either:
            yield token
            place += 1
            continue
        names = [t.value[0] if t.kind == "cover" else t.value.name or "one"
                 for t in (tokens[m] for m in members)]  # fmt: skip
        noun = Noun("/".join(names), (1, None))
        yield Token("noun", noun, token.start, tokens[members[-1]].stop)
        place = members[-1] + 1


def _is_thing(token: Token) -> bool:
    if token.kind == "cover":
        return bool(token.value[1])
    return token.kind in _NOUNS and token.value.count != NONE


def _join_choices(tokens: list[Token], sentence: str) -> Iterator[Token]:
    """Make one token of colours in a row, or of places of which only one can hold."""
    place = 0
    is_denied = False
    while place < len(tokens):
        token = tokens[place]
        is_denied = token.kind == "not" or (is_denied and token.kind in ("be", token.kind)
                                            and token.kind not in ("stop", *_NOUNS))  # fmt: skip
        run, is_either = [place], False
        while (
            token.kind in ("color", "position", "side")
            and (after := _next(tokens, run[-1])) < len(tokens)
            and tokens[after].kind == token.kind
        ):
            words = set(_gap(tokens, run[-1], after, sentence))
            if not words <= {"or", "partly", "also"} or (after == run[-1] + 1 and not words):
                break
            run.append(after)
            is_either = is_either or "or" in words
        values = [tokens[one].value for one in run]
        is_choice = token.kind != "side" or frozenset(values) in _OPPOSITE
        if len(run) == 1 or not is_choice:
            if token.kind == "color" and not is_denied and _OR_ELSE.match(sentence, token.stop):
                token = replace(token, value=f"{token.value}/{OTHER}")
            yield token
            place += 1
            continue
        if is_denied:
            yield from (tokens[one] for one in run)
        else:
            said = (token.kind, tuple(dict.fromkeys(values)), is_either)
            yield Token("choice", said, token.start, tokens[run[-1]].stop)
        place = run[-1] + 1
