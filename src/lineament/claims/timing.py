"""Times to claims: a time before its clause or after it, and verbs that share one."""

from lineament.claims.claim import Range
from lineament.claims.state import Draft, State
from lineament.vocabulary import read_vocabulary

_TIMED = frozenset(n.id for n in read_vocabulary().names.values() if n.is_timed)
# What may come and go though its name is not timed: a hat, a hand over the mouth, blur.
_PASSING = frozenset(
    n.id
    for n in read_vocabulary().names.values()
    if n.family in ("accessory", "occlusion", "picture", "light", "background")
)
_BORDERS = frozenset(("comma", "and", "stop", "but", "sub", "rel", "colon", "dash"))
_SILENT = frozenset(("and", "fill", "sub", "not"))
_CLAUSE_STARTS = frozenset(
    ("pron", "det", "poss", "person", "quant", "one", "one1", "cop", "have", "wear", "look",
     "unknown", "colon", "", "neither", "hedge", "null", "orient", "prep", "not")
)  # fmt: skip


def place_times(state: State) -> None:
    """Give every time to the claims it stands with."""
    for number, (index, segment, span) in enumerate(state.times):
        before = state.times[number - 1][0] if number else -1
        after = state.times[number + 1][0] if number + 1 < len(state.times) else 10**6
        is_leading = _is_leading(state, index)
        if is_leading and _give_span(_following(state, index, after), span):
            continue
        trailing = [d for d in state.drafts if d.segment == segment and before < d.index < index]
        if _give_span(trailing, span):
            _give_joined(state, segment, before, span)
            continue
        earlier = [d for d in state.drafts if before < d.index < index and d.span is None]
        if _give_span(earlier, span) or _give_span(_following(state, index, after), span):
            continue
        _repeat(state, index, before, span)


def _is_leading(state: State, index: int) -> bool:
    """Say whether a time opens a clause: at 4 s she laughs."""
    items = state.items
    place = index - 1
    while place >= 0 and items[place].entry.op in _SILENT and items[place].entry.op != "and":
        place -= 1
    if place >= 0 and items[place].entry.op not in _BORDERS:
        return False
    if index + 1 >= len(items):
        return False
    following = items[index + 1].entry
    if following.op in ("comma", "stop"):
        is_opening = place < 0 or items[place].entry.op in ("and", "stop", "but", "sub")
        is_joined = (
            place > 0 and items[place].entry.op == "comma" and items[place - 1].entry.op == "and"
        )
        return (is_opening or is_joined) and index + 2 < len(items)
    return following.op in _CLAUSE_STARTS or following.is_content


def _following(state: State, index: int, after: int) -> list[Draft]:
    """Return the claims between a leading time and the next time or hard break."""
    items = state.items
    first = next((d.segment for d in state.drafts if d.index > index), 0)
    hard = min((s for s in state.hard_segments if s > first), default=10**6)
    last = after
    if after < len(items) and not _is_leading(state, after):
        own = [d.segment for d in state.drafts if index < d.index < after]
        if len(set(own)) > 1:
            closing = max(own)
            return [d for d in state.drafts if index < d.index < last and d.segment < closing]
    drafts = [d for d in state.drafts if index < d.index < last and d.segment < hard]
    between = [i.entry.word for i in items[index + 1 : drafts[0].index]] if drafts else []
    if any(word in (";", ".", "then") for word in between):
        return []
    return drafts


def _give_joined(state: State, segment: int, before: int, span: Range) -> None:
    """Give the time also to a verb joined by a bare ``and``: smiles and nods from 1 to 2 s."""
    own = [d.index for d in state.drafts if d.segment == segment and d.name in _TIMED]
    first = min(own, default=0)
    items = state.items
    if first < 2 or items[first - 1].entry.op != "and" or segment in state.hard_segments:
        return
    joined = [
        d
        for d in state.drafts
        if d.segment == segment - 1 and before < d.index == first - 2 and d.span is None
    ]
    _give_span([d for d in joined if d.name in _TIMED], span)


def _repeat(state: State, index: int, before: int, span: Range) -> None:
    """Say the last timed claim again for a further time: at 1 s and at 2 s."""
    gap = state.items[before + 1 : index] if before >= 0 else []
    if before < 0 or any(i.entry.op not in ("and", "comma", "fill", "or", "sub") for i in gap):
        return
    previous = next(span for place, _, span in state.times if place == before)
    drafts = [d for d in state.drafts if d.name in _TIMED and d.span == previous]
    if drafts:
        again = drafts[-1].copy(index, drafts[-1].segment)
        again.span = span
        state.drafts.append(again)


def _give_span(drafts: list[Draft], span: Range) -> bool:
    chosen = [d for d in drafts if d.name in _TIMED] or [d for d in drafts if d.name in _PASSING]
    chosen = [d for d in chosen if d.span is None]
    for draft in chosen:
        draft.span = span
    return bool(chosen)
