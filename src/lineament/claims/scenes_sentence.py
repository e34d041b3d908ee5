"""One sentence about an aerial scene to claims: the words in order, and what they hang on."""

import re
from collections.abc import Iterator
from dataclasses import replace

from lineament.claims.claim import Claim, ClaimValue
from lineament.claims.scenes_lists import arrange_lists
from lineament.claims.scenes_phrases import RELATED, split_phrases
from lineament.claims.scenes_state import State, make_claim
from lineament.claims.scenes_things import (
    TAGS,
    count_things,
    find_restriction,
    narrow_strangely,
    tag_quality,
)
from lineament.claims.scenes_words import Noun, Token

_TOLD = {"position": "object_position", "side": "object_side", "color": "object_color"}
_NOT_ALL = re.compile(r"\s*(?:all|both|every|each)\b", re.IGNORECASE)
_DIRECTIONS: dict[str, ClaimValue] = {
    "horizontal": (-22.5, 22.5),
    "falling": (22.5, 67.5),
    "vertical": (67.5, 112.5),
    "rising": (112.5, 157.5),
}


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
    tokens = arrange_lists(list(split_phrases(sentence)), sentence, is_question=is_question)
    state = State(subject=subject, group=subject)
    claims: list[Claim] = []
    skip = 0
    for place, token in enumerate(tokens):
        if skip:
            skip -= 1
            continue
        if token.kind in ("noun", "one"):
            made, skip = _take_noun(state, tokens, place, sentence, is_question=is_question)
            claims += made
        else:
            claims += _take_other(state, token, sentence)
    return claims, state.subject


def _take_other(state: State, token: Token, sentence: str) -> Iterator[Claim]:
    """Read one token that is no noun."""
    kind = token.kind
    if kind == "not":
        state.is_negated, state.negation_start, state.is_spent = True, token.start, False
        state.denies_some = state.denies_some or bool(_NOT_ALL.match(sentence, token.stop))
    elif kind == "hedge":
        state.is_hedged = True
    elif kind in ("stop", "and"):
        state.pending_relation, state.is_holding, state.is_astray = None, False, False
        if kind == "stop":
            state.is_negated = state.is_hedged = state.is_spent = False
            if token.value != ",":  # "in the top left, two ships lie"
                state.pending_place = None
    elif kind == "it":
        if state.subject is not None:
            state.subject = replace(state.subject, count=None)
    elif kind == "lost":
        state.subject = state.subject_token = state.pending_relation = None
    elif kind == "holds":
        state.is_holding = True
    elif kind in ("relation", "denies"):
        state.pending_relation = token
    elif kind == "urban":
        yield make_claim(state, "urban", token.value is not state.is_negated, token, sentence, "")
    elif kind == "cover":
        name, is_there = token.value
        value = is_there is not state.is_negated
        yield make_claim(state, name, value, token, sentence, "")
    elif kind in ("scene", "density"):
        name = "scene_class" if kind == "scene" else "density"
        yield make_claim(state, name, token.value, token, sentence, "")
    elif kind == "be" or state.is_astray:
        state.is_astray = state.is_astray and kind != "be"
    elif state.subject is None:
        if kind in TAGS:
            state.pending_place = token
    else:
        yield from _tell(state, token, sentence)


def _tell(state: State, token: Token, sentence: str) -> Iterator[Claim]:
    """Read what is said of the subject."""
    assert state.subject is not None
    subject = state.subject.designator
    state.is_spent = state.is_negated
    if token.kind == "size":
        size, is_so = token.value
        if not state.subject.is_all and not state.subject.size:
            claim = make_claim(
                state, "object_count", (1, None), token, sentence, f"{size} {subject}"
            )
            yield replace(claim, negated=state.is_negated or not is_so)
    elif token.kind == "measure":
        name, value = token.value
        yield make_claim(state, name, value, token, sentence, subject)
    elif token.kind == "orientation":
        value = _DIRECTIONS[token.value]
        yield make_claim(state, "orientation_degrees", value, token, sentence, subject)
    elif token.kind == "choice":
        yield from _tell_choice(state, token, sentence)
    elif token.kind in _TOLD:
        yield make_claim(state, _TOLD[token.kind], token.value, token, sentence, subject)


def _tell_choice(state: State, token: Token, sentence: str) -> Iterator[Claim]:
    """Read ``the ships are white and red``: each is one of the two, and both are there."""
    assert state.subject is not None
    kind, values, is_either = token.value
    subject = state.subject.designator
    if not state.subject.is_all and not is_either:
        for value in values:
            yield make_claim(state, _TOLD[kind], value, token, sentence, subject)
        return
    yield make_claim(state, _TOLD[kind], "/".join(values), token, sentence, subject)
    if not is_either and not state.subject.share and not state.is_negated:
        for value in values:
            who = f"{tag_quality(kind, value)} {subject}"
            yield make_claim(state, "object_count", (1, None), token, sentence, who)


def _take_noun(
    state: State, tokens: list[Token], place: int, sentence: str, *, is_question: bool
) -> tuple[list[Claim], int]:
    """Read a noun: the other end of a relation, or something new that is spoken of.

    Returns:
        Its claims, and how many tokens after it are used up.
    """
    token = tokens[place]
    noun: Noun = token.value
    if token.kind == "one":
        group = _find_ahead(tokens, place, sentence) or state.group
        if group is None:
            state.subject = None
            return [], 0
        color = noun.color or ("" if group.share else group.color)
        noun = replace(noun, name=group.name, place=noun.place or group.place, color=color)
    if state.is_holding and state.subject is not None:
        return _hold(state, token, noun, sentence, is_question=is_question), 0
    if state.pending_relation is not None and state.subject is not None:
        return _relate(state, token, noun, sentence, is_question=is_question), 0
    if state.is_spent:
        state.is_negated = state.is_spent = False
    state.denies_some = False
    found = find_restriction(noun, tokens, place, is_question=is_question)
    if token.kind == "one" and found.kind in ("color", "choice"):
        noun = replace(noun, color=token.value.color)
    noun = replace(noun, place=found.place + noun.place) if found.place else noun
    noun = narrow_strangely(noun, tokens, place, sentence, is_question=is_question)
    prefix = found.prefix
    if state.pending_place is not None and not noun.is_definite:
        prefix = f"{TAGS[state.pending_place.kind]}:{state.pending_place.value} "
    state.subject = state.subject_token = None
    things = count_things(noun, prefix, found, is_denied=state.is_negated, is_question=is_question)
    if things.takes_negation:
        state.is_negated = False
    claims = [
        replace(_count(state, token, sentence, who, count), negated=negated)
        for who, count, negated in things.counts
    ]
    state.subject, state.subject_token = noun, token
    if state.pending_place is not None and noun.is_definite:
        name = _TOLD[state.pending_place.kind]
        value = state.pending_place.value
        claims.append(make_claim(state, name, value, token, sentence, noun.designator))
    state.pending_place = None
    if token.kind == "noun":
        state.group = noun
    if things.denies_all:
        state.is_negated, state.negation_start = True, token.stop
    state.denies_some = things.denies_some
    return claims, found.used


def _find_ahead(tokens: list[Token], place: int, sentence: str) -> Noun | None:
    """Return the noun that ends a list: ``three white, one red and one blue ship``."""
    own = tokens[place]
    if not own.value.color or re.search(r"ones?$", sentence[own.start : own.stop], re.IGNORECASE):
        return None
    for token in tokens[place + 1 :]:
        if token.kind == "noun":
            noun: Noun = token.value
            return replace(noun, place="", color="") if noun.color else None
        if token.kind not in ("one", "and") and token.value != ",":
            return None
    return None


def _hold(
    state: State, token: Token, noun: Noun, sentence: str, *, is_question: bool
) -> list[Claim]:
    """Read ``the field contains a building``: so many buildings lie inside it."""
    assert state.subject is not None
    holder = state.subject.designator
    state.is_holding = False
    span = (state, token, sentence)
    is_denied = state.is_negated
    state.is_negated = False
    if " " not in holder:
        within = replace(noun, place=f"inside:{holder} ")
        found = find_restriction(within, [token], 0, is_question=is_question)
        things = count_things(within, "", found, is_denied=is_denied, is_question=is_question)
        return [
            replace(_count(*span, who, count), negated=negated)
            for who, count, negated in things.counts
        ]
    is_none = noun.count == (0, 1)
    claim = make_claim(state, "inside", holder, token, sentence, noun.designator)
    return [replace(claim, negated=is_none is not is_denied, quantity="")]


def _count(state: State, token: Token, sentence: str, who: str, count: ClaimValue) -> Claim:
    return make_claim(state, "object_count", count, token, sentence, who, is_firm=True)


def _relate(
    state: State, token: Token, noun: Noun, sentence: str, *, is_question: bool
) -> list[Claim]:
    """Read the other end of a relation: ``near the bridge``, ``far from it``."""
    assert state.subject is not None
    relation, state.pending_relation = state.pending_relation, None
    assert relation is not None
    is_turned = (relation.kind == "denies") is not (noun.count == (0, 1))
    was_negated = state.is_negated
    if is_turned:
        state.is_negated, state.negation_start = not was_negated, relation.start
    claim = make_claim(
        state, relation.value, noun.designator, relation, sentence, state.subject.designator
    )
    state.is_negated, state.is_spent = was_negated, was_negated
    claims = [replace(claim, text=sentence[relation.start : token.stop], stop=token.stop)]
    state.is_astray = relation.value == RELATED
    is_told = state.is_astray and not claim.negated and not is_question
    if is_told and noun.count is not None and noun.count[0] is not None:
        claims.append(_count(state, token, sentence, noun.designator, (noun.count[0], None)))
    return claims
