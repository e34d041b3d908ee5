"""Qualities: kept until the part comes that they are said of, or said of the person."""

from lineament.claims.drafts import say
from lineament.claims.lexicon import Entry, Reading
from lineament.claims.state import Item, Pending, State
from lineament.vocabulary import read_vocabulary

# Parts of which a quality of the whole person can be said: a sad face, a happy look.
PERSON_LIKE = frozenset(("person", "face", "expression", "eyes", "mouth", "head", "gaze", "cheeks"))
_NAMES = read_vocabulary().names


def readings_for(entry: Entry, head: str) -> tuple[Reading, ...]:
    """Return what a quality says of a part; nothing when it says nothing known."""
    readings = entry.quals.get(head)
    if readings:
        return readings
    if head in PERSON_LIKE:
        return entry.quals.get("person", ())
    return ()


def attach(state: State, item: Item, index: int, heads: tuple[str, ...]) -> bool:
    """Say a quality of every part in the list that it can be said of."""
    said = [head for head in heads if attach_to(state, item, index, head)]
    if said:
        return True
    if "person" not in heads and heads and all(h in _NAMES for h in heads):
        return False
    return attach_to(state, item, index, "person") if state.head in PERSON_LIKE else False


def attach_to(state: State, item: Item, index: int, head: str) -> bool:
    """Say a quality of one part, if it can be said of it; return whether it could."""
    readings = readings_for(item.entry, head)
    if not readings:
        return False
    say(state, readings, item.start, item.stop, index)
    return True


def pend(state: State, item: Item, index: int) -> Pending:
    """Keep a quality or a verb, with its scope, for the noun it waits for."""
    return Pending(item.entry, item, index, state.negated, state.hedged)


def flush_pending(state: State, *, is_noun: bool = False) -> None:
    """Give up waiting: qualities of a person are said, others are dropped.

    Before a noun of its own (``is_noun``) only those cut off by a comma are said.
    """
    pending = state.pending
    if not pending:
        return
    if not state.has_unknown:
        for waiting in pending:
            _say_alone(state, waiting, is_noun=is_noun)
    state.pending = []
    state.has_unknown = False


def resolve_pending(
    state: State, head: str, item: Item, only: frozenset[str] | None = None
) -> bool:
    """Say the waiting qualities of the part they lead to; return whether any was said."""
    said = False
    for waiting in state.pending:
        readings = readings_for(waiting.entry, head)
        if only is not None:
            readings = tuple(r for r in readings if r[0] in only)
        if readings:
            say(
                state, readings, waiting.item.start, item.stop, waiting.place,
                negated=waiting.negated or state.negated, hedged=waiting.hedged or state.hedged,
            )  # fmt: skip
            state.qualities = (*state.qualities, waiting.entry.word)
            said = True
        else:
            _say_alone(state, waiting, is_noun=head != "person")
    state.pending = []
    state.has_unknown = False
    return said


def _say_alone(state: State, waiting: Pending, *, is_noun: bool) -> None:
    readings = waiting.entry.quals.get("person")
    if state.is_wearing and not readings:
        readings = tuple(
            r for r in waiting.entry.quals.get("clothes", ()) if r[0] == "clothes_color"
        )
    if not readings:
        return
    if is_noun and not _is_cut_off(state, waiting):
        return
    say(
        state, readings, waiting.item.start, waiting.item.stop, waiting.place,
        negated=waiting.negated, hedged=waiting.hedged,
    )  # fmt: skip


def _is_cut_off(state: State, waiting: Pending) -> bool:
    place = waiting.place + 1
    return place < len(state.items) and state.items[place].entry.op == "comma"
