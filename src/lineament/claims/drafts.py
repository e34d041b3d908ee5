"""Drafts: what is said in the present scope, as claims in the making."""

from collections.abc import Iterable

from lineament.claims.lexicon import Reading
from lineament.claims.state import Draft, State
from lineament.vocabulary import read_vocabulary

# What may lie on a table as well as be worn.
WORN = frozenset(
    n.id for n in read_vocabulary().names.values() if n.family in ("accessory", "clothes")
)
_DIRECTED = frozenset(("gaze_direction", "head_pose"))


def say(
    state: State,
    readings: Iterable[Reading],
    start: int,
    stop: int,
    index: int,
    *,
    negated: bool | None = None,
    hedged: bool | None = None,
    is_noun: bool = False,
) -> None:
    """Draft claims in the present scope; muted text drafts nothing."""
    if negated is None:
        negated = state.negated
    if hedged is None:
        hedged = state.hedged
    if state.negated:
        state.is_negation_used = True
    if state.hedged:
        state.is_hedge_used = True
    if state.mute:
        return
    for name, value in readings:
        if state.is_holding and name in WORN:
            continue
        if name in _DIRECTED:
            state.direction_name = name
        is_flag = isinstance(value, bool)
        if is_flag and negated:
            value = not value
        state.drafts.append(
            Draft(
                name, value, negated and not is_flag, hedged, state.subject,
                "none" if negated and state.quantity == "none" else state.quantity,
                index, state.segment, start, stop, is_noun,
            )
        )  # fmt: skip
