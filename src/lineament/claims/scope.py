"""Negation, reserve and silence: where they begin and what they cover."""

from lineament.claims.lexicon import Entry, find_entry
from lineament.claims.people import say_gender
from lineament.claims.qualities import flush_pending
from lineament.claims.state import Item, State
from lineament.claims.verbs import retract_nouns, set_predicate

# What may stand before the picture that is shown itself: "this is clearly a ...".
_PRESENTING = frozenset(("cop", "have", "fill", "hedge", "null", "genitive", "aux"))
_PRESENTED = frozenset(("it", "this", "here", "that is"))
_BEFORE_NOUN = frozenset(("", "unknown", "fill", "and"))
_CLAUSE_ENDS = frozenset(("stop", "but", "comma", "rel", "sub", "colon", "dash"))
_PLACES = frozenset(("away", "prep", "hold", "position", "unknown", "dir"))
_FURNITURE = frozenset(
    ("wall", "desk", "shelf", "table", "hook", "peg", "nightstand", "windowsill", "counter")
)


def act_not(state: State, index: int) -> int | None:
    """Open, or close again, the scope of a negation."""
    item = state.items[index]
    entry = item.entry
    following = state.items[index + 1].entry.op if index + 1 < len(state.items) else "stop"
    is_answer = entry.word == "no" and following in ("comma", "stop", "dash") and not state.has_verb
    if is_answer and index == state.clause_start:
        return index + 2
    if state.pending and not (entry.variant == "vp" and state.last_op == "comma"):
        flush_pending(state)
    if entry.variant in ("instead",):
        state.segment += 1
        state.hedged = False
    if state.negated and not state.is_negation_used and entry.word != "not" + state.negator:
        is_list = state.negator in ("none", "np") and entry.variant == "np"
        state.negated = is_list
        return None
    state.negated = True
    state.negator = entry.variant
    state.is_negation_used = False
    state.determiner = "a" if entry.word.endswith((" a", " an")) else ""
    state.is_contrast = entry.word in ("not a", "not an", "not the")
    if entry.variant in ("np", "lack", "instead", "stop"):
        state.is_predicate = state.is_predicate and entry.variant == "instead"
    if state.mute == "like":
        state.mute = ""
    if entry.variant in ("lack", "stop"):
        state.has_verb = True
    return None


def act_double(state: State, _: int) -> int | None:
    """Two negations make none."""
    flush_pending(state)
    state.negated = False
    state.has_verb = True
    return None


def act_neither(state: State, index: int) -> int | None:
    """Deny both of a pair."""
    flush_pending(state)
    place = index + 1
    items = state.items
    # "No, neither man ...": the answer before it is no part of the clause.
    is_after_no = index == state.clause_start + 2 and items[state.clause_start].entry.word == "no"
    is_first = index == state.clause_start or is_after_no
    if place < len(items) and items[place].entry.op == "person" and is_first:
        state.quantity = "none"
        state.negator = "none"
    else:
        state.negator = "neither"
    state.negated = True
    state.is_negation_used = False
    return None


def act_nor(state: State, _: int) -> int | None:
    """Go on denying."""
    if state.pending and state.has_unknown:
        flush_pending(state)
    state.negated = True
    if state.negator not in ("neither", "none"):
        state.negator = "vp"
    state.is_negation_used = state.negator == "neither" and state.is_negation_used
    return None


def act_except(state: State, _: int) -> int | None:
    """What is excepted from a denial holds; who is excepted from all does not."""
    flush_pending(state)
    state.negated = False
    state.is_excepted = state.quantity == "all"
    return None


def act_hedge(state: State, index: int) -> int | None:
    """Open the scope of a reserve."""
    entry = state.items[index].entry
    if entry.variant == "modal" and state.pending:
        flush_pending(state)
    if state.mute in ("like",):
        state.mute = ""
    state.hedged = True
    state.is_hedge_used = False
    if entry.variant == "unlikely":
        state.negated = True
        state.negator = "raised"
        state.is_negation_used = False
    if entry.variant == "modal":
        state.has_verb = True
        set_predicate(state)
    elif entry.word.endswith(" be"):
        set_predicate(state)
    return None


def act_mute(state: State, index: int) -> int | None:
    """Silence a clause that claims nothing: doubt, wishes, conditions, comparisons."""
    item = state.items[index]
    variant = item.entry.variant
    if item.entry.word.endswith((" he", " she")):
        say_gender(state, "man" if item.entry.word.endswith(" he") else "woman", index)
    if variant == "like":
        return _compare(state, index)
    if variant == "post":
        flush_pending(state)
        if not state.negated:
            retract_nouns(state)
        state.mute = "post"
        return None
    flush_pending(state)
    if variant == "enough":
        # Clear enough to say that she smiles: said. Not clear enough to say: doubt.
        if not state.negated:
            return None
        variant = "whether"
    if state.mute != "other":
        state.mute = variant
    return None


def _compare(state: State, index: int) -> int | None:
    items = state.items
    following = items[index + 1].entry if index + 1 < len(items) else None
    if following is None:
        return None
    after_look = state.last_op == "look" or (index and items[index - 1].entry.op in ("look", "cop"))
    is_likeness = following.op == "pron" or following.word in ("a", "an", "the")
    if items[index].entry.word == "like" and after_look and is_likeness:
        state.is_predicate = True
        return None
    if following.op == "dir" or items[index].entry.word == "as much as":
        return None
    flush_pending(state)
    if state.mute != "other":
        state.mute = "like"
    return None


def act_other(state: State, _: int) -> int | None:
    """Silence what is said of posters, statues and animals."""
    state.pending.clear()
    state.acts.clear()
    state.mute = "other"
    return None


def open_shown(items: list[Item]) -> list[Item]:
    """Read ``this is a picture of ...`` as speaking of what is shown, not of a thing in it."""
    for index, item in enumerate(items):
        if item.entry.op == "other" and item.entry.variant == "of":
            if not _is_presented(items, index) or _is_elsewhere(items, index):
                return items
            entries = [find_entry(word) for word in item.entry.word.split()]
            words = [Item(entry, item.start, item.stop) for entry in entries if entry]
            return [*items[:index], *words, *items[index + 1 :]]
    return items


def _is_presented(items: list[Item], index: int) -> bool:
    """Say whether all that stands before a picture presents it: ``here is an old ...``."""
    place = index
    is_whole = items[index].entry.word.startswith("a ")
    while place and not is_whole and _is_modifier(items[place - 1].entry):
        place -= 1
    if place and items[place - 1].entry.op == "det":
        place -= 1
    while place and items[place - 1].entry.op not in ("stop", "but"):
        place -= 1
        entry = items[place].entry
        is_pointing = entry.op == "pron" and entry.word in _PRESENTED
        if not is_pointing and entry.op not in _PRESENTING:
            return False
    return True


def _is_modifier(entry: Entry) -> bool:
    return entry.op in _BEFORE_NOUN and entry.head in ("", "picture")


def _is_elsewhere(items: list[Item], index: int) -> bool:
    """Say whether a picture hangs or lies somewhere in what is shown."""
    for place in range(index + 1, len(items)):
        entry, before = items[place].entry, items[place - 1].entry
        if entry.op in _CLAUSE_ENDS:
            return False
        if entry.op == "cop":
            return place + 1 < len(items) and items[place + 1].entry.op in _PLACES
        is_at_rest = before.op != "away" and not before.word.endswith("ing")
        if entry.op == "away" and is_at_rest and entry.word.split()[-1] in _FURNITURE:
            return True
    return False
