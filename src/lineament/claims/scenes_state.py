"""What one sentence about a scene has said so far, and claims as it then makes them."""

import re
from dataclasses import dataclass

from lineament.claims.claim import Claim, ClaimValue
from lineament.claims.scenes_words import Noun, Token

_MOSTLY = re.compile(r"\b(?:mostly|mainly|predominantly|largely|typically|generally)\s+$", re.I)
_PARTLY = re.compile(r"\b(?:partly|partially|often|sometimes|usually|nearly|almost)\s+(?:all\s+)?$",
                     re.I)  # fmt: skip


@dataclass(slots=True)
class State:
    """What one sentence has said so far.

    Attributes:
        subject: What the words are told of.
        subject_token: Its token, where it stands in this sentence.
        group: What ``one`` and ``some`` are taken from.
        pending_relation: A relation that waits for its other end.
        pending_place: A place that waits for what lies there.
        is_holding: The subject is said to contain what comes next.
        is_astray: What follows is said of the far end of a relation: ``with a road in the center``.
        is_negated: A negation reaches up to here.
        is_hedged: So does a word of reserve.
        negation_start: Where the negation stands.
        is_spent: The negation has denied something: it does not reach the next noun.
        denies_some: It denies that all are so, or says it of some: ``a ship is not white``.
    """

    subject: Noun | None = None
    subject_token: Token | None = None
    group: Noun | None = None
    pending_relation: Token | None = None
    pending_place: Token | None = None
    is_holding: bool = False
    is_astray: bool = False
    is_negated: bool = False
    is_hedged: bool = False
    negation_start: int = 0
    is_spent: bool = False
    denies_some: bool = False


def make_claim(
    state: State,
    name: str,
    value: ClaimValue,
    token: Token,
    sentence: str,
    subject: str,
    *,
    is_firm: bool = False,
) -> Claim:
    """Return a claim as the sentence has it so far: denied, with reserve, of all or of some.

    Args:
        state: What the sentence has said.
        name: Of the vocabulary.
        value: What is claimed.
        token: The words that carry it.
        sentence: Where they stand.
        subject: Which objects, as a designator.
        is_firm: A negation does not reach it.
    """
    is_flag = isinstance(value, bool)
    quantity = ""
    if state.subject is not None and subject and name != "object_count":
        quantity = state.subject.share or ("all" if state.subject.is_all else "")
        if quantity == "all" and _MOSTLY.search(sentence[: token.start]):
            quantity = "most"
        elif quantity and _PARTLY.search(sentence[: token.start]):
            quantity = "part"
    if state.is_negated and state.denies_some:
        quantity = quantity or "all"  # "a ship is not white" denies it of all together
    elif state.is_negated and not _is_denied_before(state):
        # "the ships are not white" denies it of each one, "not all ..." of some
        quantity = {"all": "", "half": "part"}.get(quantity, quantity)
    return Claim(
        name=name,
        value=value,
        negated=state.is_negated and not is_flag and not is_firm,
        hedged=state.is_hedged,
        subject=subject,
        quantity=quantity,
        text=sentence[token.start : token.stop],
        start=token.start,
        stop=token.stop,
    )


def _is_denied_before(state: State) -> bool:
    """Say whether the negation stands before the noun: ``not all ships``."""
    noun = state.subject_token
    return noun is not None and state.negation_start < noun.start
