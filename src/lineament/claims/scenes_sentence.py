"""One sentence about an aerial scene to claims: the words in order, and what they hang on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lineament.claims.claim import Claim, ClaimValue
from lineament.claims.scenes_words import Noun, Token, split_scene_tokens

TAGS = {"position": "at", "side": "side"}  # how a place stands in a designator
# Tokens that may stand between a noun and what is said of it.
_LINKS = frozenset(("be", "hedge"))


@dataclass(slots=True)
class _State:
    """What one sentence has said so far."""

    subject: Noun | None = None
    subject_token: Token | None = None
    pending_relation: Token | None = None
    pending_place: Token | None = None
    is_negated: bool = False
    is_hedged: bool = False
    negation_start: int = 0


def read_scene_sentence(
    sentence: str, subject: Noun | None, *, is_question: bool = False
) -> tuple[list[Claim], Noun | None]:
    """Read one sentence.

    Args:
        sentence: With its full stop or without.
        subject: What the sentence before was about, for ``it`` and ``they``.
        is_question: Nouns with ``the`` then claim nothing, and plurals ask for one or more.

    Returns:
        Its claims, and what it is about.
    """
    tokens = split_scene_tokens(sentence)
    state = _State(subject=subject)
    claims: list[Claim] = []
    skip = 0
    for place, token in enumerate(tokens):
        if skip:
            skip -= 1
            continue
        if token.kind == "noun":
            made, skip = _take_noun(state, tokens, place, sentence, is_question=is_question)
            claims += made
        else:
            claims += _take_other(state, token, sentence)
    return claims, state.subject


def _take_other(state: _State, token: Token, sentence: str) -> Iterator[Claim]:
    """Read one token that is no noun."""
    kind = token.kind
    if kind == "not":
        state.is_negated, state.negation_start = True, token.start
    elif kind == "hedge":
        state.is_hedged = True
    elif kind in ("stop", "and"):
        state.pending_relation = None
        if kind == "stop":
            state.is_negated = state.is_hedged = False
            state.pending_place = None
    elif kind == "it":
        if state.subject is not None:
            state.subject = replace(state.subject, count=None)
    elif kind == "relation":
        state.pending_relation = token
    elif kind == "urban":
        yield _claim(state, "urban", token.value is not state.is_negated, token, sentence, "")
    elif kind == "cover":
        name, is_there = token.value
        value = is_there is not state.is_negated
        yield _claim(state, name, value, token, sentence, "")
    elif kind in ("scene", "density"):
        name = "scene_class" if kind == "scene" else "density"
        yield _claim(state, name, token.value, token, sentence, "")
    elif state.subject is None:
        if kind in ("position", "side"):
            state.pending_place = token
    else:
        yield from _tell(state, token, sentence)


def _tell(state: _State, token: Token, sentence: str) -> Iterator[Claim]:
    """Read what is said of the subject."""
    assert state.subject is not None
    subject = state.subject.designator
    if token.kind == "size":
        size, is_so = token.value
        if not state.subject.is_all and not state.subject.size:
            claim = _claim(state, "object_count", (1, None), token, sentence, f"{size} {subject}")
            yield replace(claim, negated=state.is_negated or not is_so)
        return
    if token.kind == "length":
        slack = max(1.0, 0.1 * token.value)
        value: ClaimValue = (token.value - slack, token.value + slack)
        yield _claim(state, "length_meters", value, token, sentence, subject)
        return
    if token.kind == "orientation":
        yield _claim(
            state, "orientation_degrees", _DIRECTIONS[token.value], token, sentence, subject
        )
        return
    name = {
        "position": "object_position", "side": "object_side", "color": "object_color",
    }.get(token.kind)  # fmt: skip
    if name is not None:
        yield _claim(state, name, token.value, token, sentence, subject)


_DIRECTIONS: dict[str, ClaimValue] = {
    "horizontal": (-22.5, 22.5),
    "falling": (22.5, 67.5),
    "vertical": (67.5, 112.5),
    "rising": (112.5, 157.5),
}


def _take_noun(
    state: _State, tokens: list[Token], place: int, sentence: str, *, is_question: bool
) -> tuple[list[Claim], int]:
    """Read a noun: the other end of a relation, or something new that is spoken of.

    Returns:
        Its claims, and how many tokens after it are used up.
    """
    token = tokens[place]
    noun: Noun = token.value
    if state.pending_relation is not None and state.subject is not None:
        relation, state.pending_relation = state.pending_relation, None
        subject = state.subject.designator
        claim = _claim(state, relation.value, noun.designator, relation, sentence, subject)
        return [replace(claim, text=sentence[relation.start : token.stop], stop=token.stop)], 0
    after, offset = _next_of(tokens, place)
    prefix, used = _restriction(noun, after, tokens, place, offset)
    if state.pending_place is not None and not noun.is_definite:
        prefix = f"{TAGS[state.pending_place.kind]}:{state.pending_place.value} "
    claims: list[Claim] = []
    count = noun.count
    is_denied = state.is_negated and count is not None and count[1] is None
    if is_denied:
        count, state.is_negated = (0, 1), False
    if is_question and count == (2, None):
        count = (1, None)  # "are there ships" asks for one, too
    if count is not None:
        claim = _claim(state, "object_count", count, token, sentence, prefix + noun.designator)
        claims.append(replace(claim, negated=False))
    elif not is_question:
        claims.append(
            _claim(state, "object_count", (1, None), token, sentence, noun.designator, is_firm=True)
        )
    if state.pending_place is not None and noun.is_definite:
        name = {"position": "object_position", "side": "object_side"}[state.pending_place.kind]
        claims.append(
            _claim(state, name, state.pending_place.value, token, sentence, noun.designator)
        )
    state.pending_place = None
    state.subject, state.subject_token = noun, token
    return claims, used


def _next_of(tokens: list[Token], place: int) -> tuple[Token | None, int]:
    """Return the next token that is no link, and how far off it is."""
    for offset, token in enumerate(tokens[place + 1 :], start=1):
        if token.kind not in _LINKS:
            return token, offset
    return None, 0


def _restriction(
    noun: Noun, after: Token | None, tokens: list[Token], place: int, offset: int
) -> tuple[str, int]:
    """Return what narrows down a counted noun: ``two ships in the top left``, ``near a pier``."""
    if noun.is_definite or after is None:
        return "", 0
    if after.kind in TAGS:
        return f"{TAGS[after.kind]}:{after.value} ", offset
    if after.kind == "relation":
        other = tokens[place + offset + 1] if place + offset + 1 < len(tokens) else None
        if other is not None and other.kind == "noun" and " " not in other.value.designator:
            return f"{after.value}:{other.value.designator} ", offset + 1
    if after.kind == "color" and offset > 0:
        return f"{after.value} ", offset
    return "", 0


def _claim(
    state: _State,
    name: str,
    value: ClaimValue,
    token: Token,
    sentence: str,
    subject: str,
    *,
    is_firm: bool = False,
) -> Claim:
    is_flag = isinstance(value, bool)
    is_all = state.subject is not None and bool(subject) and state.subject.is_all
    if state.is_negated and not _is_denied_before(state):
        is_all = False  # "the ships are not white" denies it of each one, "not all ..." of some
    return Claim(
        name=name,
        value=value,
        negated=state.is_negated and not is_flag and not is_firm,
        hedged=state.is_hedged,
        subject=subject,
        quantity="all" if is_all and name != "object_count" else "",
        text=sentence[token.start : token.stop],
        start=token.start,
        stop=token.stop,
    )


def _is_denied_before(state: _State) -> bool:
    """Say whether the negation stands before the noun: ``not all ships``."""
    noun = state.subject_token
    return noun is not None and state.negation_start < noun.start
