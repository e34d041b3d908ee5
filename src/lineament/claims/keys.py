"""Lines such as ``Glasses: none`` and ``Hair - black``."""

from lineament.claims.clauses import act_but, act_stop
from lineament.claims.content import take_head
from lineament.claims.lexicon import compile_lexicon
from lineament.claims.qualities import flush_pending
from lineament.claims.state import Draft, State


def act_colon(state: State, index: int) -> int | None:
    """Read ``key: value``."""
    items = state.items
    value = items[index + 1].entry.word if index + 1 < len(items) else ""
    if (
        state.has_verb
        and state.last_op != "key"
        and not (
            items[state.clause_start].entry.word in ("wearing", "wears")
            or (
                items[state.clause_start].entry.pos == "g"
                and (value in compile_lexicon().no_words or value in compile_lexicon().yes_words)
            )
        )
    ):
        act_stop(state, index)
        return None
    flush_pending(state)
    keys = state.drafts[state.key_drafts :]
    state.says_count = state.says_count or any(
        i.entry.op == "person" and i.entry.is_plural for i in items[state.key_start : index]
    )
    for key in keys:
        if key.index < state.key_start:
            return None
    place = index + 1
    words = compile_lexicon()
    value = items[place].entry.word if place < len(items) else ""
    op = items[place].entry.op if place < len(items) else ""
    is_alone = place + 1 >= len(items) or items[place + 1].entry.op in (
        "stop",
        "comma",
        "and",
        "dash",
        "fill",
    )
    if value in words.no_words and is_alone:
        _deny_keys(state, keys, index)
        state.last_op = "key"
        return place + 1
    if value in words.yes_words and is_alone:
        return place + 1
    if op == "mute":
        del state.drafts[state.key_drafts :]
        return place + 1
    if op == "hedge" and is_alone:
        for key in keys:
            key.hedged = True
        return place + 1
    if (
        op == "hedge"
        and place + 1 < len(items)
        and items[place + 1].entry.word in (words.no_words | words.yes_words)
    ):
        for key in keys:
            key.hedged = True
        if items[place + 1].entry.word in words.no_words:
            _deny_keys(state, keys, index)
        return place + 2
    heads = tuple(dict.fromkeys(state.bare_heads)) or ((state.head,) if state.head else ())
    state.predicate_heads = heads or ("person",)
    state.is_predicate = True
    state.is_wearing = "clothes" in heads
    state.negated = state.is_negation_used = False
    state.last_op = "key"
    state.key_start = index + 1
    return None


def _deny_keys(state: State, keys: list[Draft], index: int) -> None:
    for key in keys:
        key.deny()
    if not keys and state.bare_heads:
        item = state.items[index]
        head = state.bare_heads[-1]
        state.negated, state.negator, state.is_negation_used, state.determiner = (
            True,
            "np",
            False,
            "",
        )
        take_head(state, item, index, head)
        state.negated = False


def act_dash(state: State, index: int) -> int | None:
    """Read a dash as ``key - value`` or as the end of a clause."""
    place = index + 1
    items = state.items
    if place >= len(items):
        return None
    words = compile_lexicon()
    entry = items[place].entry
    is_value = entry.word in words.no_words or entry.word in words.yes_words
    if (
        not state.has_verb
        and index - state.key_start <= 3
        and (
            is_value
            or (state.bare_heads and entry.quals)
            or entry.op == "mute"
            or (entry.measure_like and (state.says_age or state.says_count))
        )
    ):
        return act_colon(state, index)
    act_but(state, index)
    state.is_predicate = False
    return None
