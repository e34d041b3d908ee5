"""Clauses and lists: where a scope ends, where a list goes on, where a new clause starts."""

from lineament.claims.content import take_content
from lineament.claims.qualities import flush_pending
from lineament.claims.state import State

_FINITE = frozenset(("cop", "have", "wear", "aux"))
_COMMA_MUTES = frozenset(("if", "like", "i"))


def is_finite(state: State, index: int) -> bool:
    """Say whether the phrase at an index is a finite verb."""
    entry = state.items[index].entry
    return (
        entry.op in _FINITE
        or entry.pos == "v"
        or entry.op in ("look",)
        or (entry.pos == "x" and bool(entry.readings) and entry.word.endswith("s"))
    )


def next_place(state: State, index: int) -> int:
    """Return the place of the next phrase that is no filler, comma or coordination."""
    place = index + 1
    items = state.items
    while place < len(items) and items[place].entry.op in ("fill", "comma", "and"):
        if items[place].entry.quals or items[place].entry.readings:
            break
        place += 1
    return place


def start_clause(state: State, *, is_hard: bool = False) -> None:
    """Begin a clause: scopes end, waiting words are let go."""
    flush_pending(state)
    state.acts.clear()
    state.segment += 1
    if is_hard:
        state.hard_segments.add(state.segment)
    if not (state.negated and state.negator in ("raised", "none") and not state.is_negation_used):
        state.negated = False
    state.is_negation_used = False
    if state.is_hedge_used or is_hard:
        state.hedged = False
    state.is_wearing = state.is_holding = False
    state.bare_heads.clear()
    state.degree_name = ""
    state.says_age = False


def _goes_on(state: State, index: int) -> bool:
    """Say whether a list under negation goes on after a comma, up to its ``or`` or ``nor``."""
    items = state.items
    for place in range(index + 1, len(items)):
        entry = items[place].entry
        op = entry.op
        if op in ("or", "nor"):
            return True
        if op in ("comma", "fill", "det", "unknown", "poss"):
            continue
        if op in ("and", "but", "stop", "not", "sub", "rel", "pron", "prep", "colon", "neither"):
            return False
        if op in _FINITE:
            return False
        if not entry.is_content and op:
            return False
    return False


def act_comma(state: State, index: int) -> int | None:
    """End phrases, and scopes unless a list goes on."""
    place = next_place(state, index)
    items = state.items
    op = items[place].entry.op if place < len(items) else "stop"
    entry = items[place].entry if place < len(items) else None
    state.last_op = "comma"
    if state.mute in _COMMA_MUTES:
        if not (state.mute == "like" and op == "rel"):
            state.mute = ""
    elif (
        state.mute
        and op in ("pron", "poss", "person", "but", "det")
        and (state.mute != "other" or op == "pron")
        and _has_verb_ahead(state, place)
    ):
        state.mute = ""
    if state.pending and (
        entry is None or not (entry.quals or entry.head or entry.pos in ("n", "x"))
    ):
        flush_pending(state)
    if state.negated and not _goes_on(state, index):
        if op != "sub" or state.is_negation_used:
            state.negated = False
        state.is_negation_used = False
    is_new_phrase = not state.has_verb or op == "prep" or (entry is not None and entry.pos == "g")
    if state.hedged and state.is_hedge_used and is_new_phrase and not _goes_on(state, index):
        state.hedged = False
    if op in ("pron", "poss", "person", "quant", "one", "det") and _has_verb_ahead(state, place):
        start_clause(state)
        state.is_predicate = False
        state.bare_heads.clear()
    elif entry is not None and place < len(items) and is_finite(state, place):
        state.segment += 1
        state.subject = state.clause_subject
    elif entry is not None and entry.pos == "g":
        state.segment += 1
    elif op == "prep":
        state.is_predicate = False
    if state.subject != state.clause_subject and state.clause_subject and op != "and":
        state.subject = state.clause_subject
    if items[index].entry.op == "comma":
        state.key_start = index + 1
        state.key_drafts = len(state.drafts)
    return None


def _has_verb_ahead(state: State, place: int) -> bool:
    items = state.items
    for later in range(place, len(items)):
        entry = items[later].entry
        if (
            entry.op in _FINITE
            or entry.op in ("hedge", "look", "orient", "not")
            or entry.pos == "v"
        ):
            return True
        if entry.pos == "x" and entry.readings and items[later - 1].entry.op in ("pron", "person"):
            return True
        if entry.op == "unknown" and entry.word.endswith(("s", "ed")) and later > place:
            return True
        if entry.op in ("comma", "stop", "but"):
            return False
    return False


def act_and(state: State, index: int) -> int | None:
    """Join two words, two predicates or two clauses."""
    place = next_place(state, index)
    items = state.items
    if place >= len(items):
        return None
    entry = items[place].entry
    op = entry.op
    if state.has_unknown:
        flush_pending(state)
    if op in ("pron", "quant", "one") or (
        op in ("person", "det", "poss", "hedge", "one1") and _has_subject_verb(state, place)
    ):
        if op == "hedge" or (entry.op == "poss" and not state.has_verb and state.bare_heads):
            if op == "hedge":
                end_list(state)
            return None
        start_clause(state)
        state.is_predicate = False
        if state.mute in ("clause", "whether", "post", "like", "if"):
            state.mute = ""
        return None
    if is_finite(state, place) and not _is_noun_here(state, place):
        end_list(state)
        state.segment += 1
        state.is_predicate = False
        state.subject = state.clause_subject
        if state.mute in ("like", "other"):
            state.mute = "" if state.mute == "like" else state.mute
        return None
    if op in ("prep", "not", "wear") or entry.pos == "g":
        end_list(state)
        if entry.pos == "g":
            state.segment += 1
            state.subject = state.clause_subject or state.subject
        return None
    is_quality = bool(entry.quals) and not entry.head and not entry.readings
    keeps = state.negator == "none" or (state.negator == "vp" and is_quality)
    if state.is_negation_used and not keeps and not _is_bare_noun(state, place):
        state.negated = False
    return None


def _is_noun_here(state: State, place: int) -> bool:
    """Say whether ``smiles`` after ``and`` is a noun: the word before was one as well."""
    entry = state.items[place].entry
    if entry.op in _FINITE or entry.pos != "x":
        return False
    return not state.has_verb or state.determiner == "a"


def _is_bare_noun(state: State, place: int) -> bool:
    entry = state.items[place].entry
    return (
        entry.pos in ("n", "x") and bool(entry.readings) and state.negator in ("np", "lack", "vp")
    )


def _has_subject_verb(state: State, place: int) -> bool:
    """Say whether a noun phrase after ``and`` has a verb of its own: it starts a clause."""
    items = state.items
    for later in range(place, len(items)):
        entry = items[later].entry
        if entry.op in ("cop", "have", "wear", "aux", "look", "orient") and later > place:
            return True
        if entry.pos == "v" and later > place:
            return True
        if entry.pos == "x" and later > place and items[later - 1].entry.op == "person":
            return True
        if entry.op == "hedge" and entry.variant == "modal" and later > place:
            return True
        if entry.op in ("comma", "stop", "but", "prep", "and", "sub", "rel", "or"):
            return False
    return False


def end_list(state: State) -> None:
    """End scopes that have done their work."""
    flush_pending(state)
    if state.is_negation_used:
        state.negated = state.is_negation_used = False
    if state.is_hedge_used:
        state.hedged = state.is_hedge_used = False


def act_or(state: State, index: int) -> int | None:
    """Keep every scope; outside a denial, either of two is said with reserve."""
    if not state.negated and not state.mute and state.drafts and index + 1 < len(state.items):
        last = state.drafts[-1]
        following = state.items[index + 1].entry
        if (
            last.index >= index - 2
            and last.name != "male"
            and (following.is_content or following.op == "det")
        ):
            last.hedged = state.hedged = True
            state.is_hedge_used = False
    if state.has_unknown:
        flush_pending(state)
    return None


def act_stop(state: State, index: int) -> int | None:
    """End the clause and everything in it."""
    start_clause(state, is_hard=True)
    state.mute = ""
    state.is_predicate = False
    state.has_verb = False
    state.bare_heads.clear()
    state.subject = state.clause_subject
    state.clause_start = state.key_start = index + 1
    state.key_drafts = state.clause_drafts = len(state.drafts)
    state.negated = False
    state.has_subject = False
    state.is_existential = False
    state.says_count = False
    state.last_op = "stop"
    return None


def act_but(state: State, index: int) -> int | None:
    """Contrast: negation and reserve end, the subject stays."""
    keep = state.negator == "none" and not state.is_negation_used
    flush_pending(state)
    state.negated = state.is_negation_used = False
    state.hedged = state.is_hedge_used = False
    state.mute = ""
    state.segment += 1
    state.subject = state.clause_subject
    if _has_subject_verb(state, next_place(state, index)):
        state.bare_heads.clear()
    if keep:
        state.quantity = ""
        state.says_count = True
    state.last_op = "but"
    state.clause_start = state.key_start = index + 1
    state.clause_drafts = state.key_drafts = len(state.drafts)
    state.has_subject = False
    return None


def act_sub(state: State, index: int) -> int | None:
    """Begin a clause of time or reason."""
    entry = state.items[index].entry
    if entry.acts:
        take_content(state, index)
    is_next = entry.word in (
        "then",
        "and then",
        "after that",
        "afterwards",
        "later",
        "finally",
        "next",
        "before",
        "after",
        "subsequently",
        "thereafter",
    )
    if index == state.clause_start:
        return None
    start_clause(state, is_hard=is_next)
    state.is_predicate = False
    if state.mute in ("clause", "post", "like", "i"):
        state.mute = ""
    return None


def act_rel(state: State, index: int) -> int | None:
    """Begin a relative clause on the noun before it."""
    flush_pending(state)
    word = state.items[index].entry.word
    if word == "that" and index + 1 < len(state.items):
        following = state.items[index + 1].entry
        if following.op == "person" or following.head:
            state.determiner = "the"
            return None
    if state.is_negation_used:
        state.negated = state.is_negation_used = False
    if state.is_hedge_used:
        state.hedged = False
    state.is_predicate = False
    if word in ("who", "whose", "whom"):
        state.head = "person"
        state.bare_heads = ["person"]
    elif state.head:
        state.bare_heads = [state.head]
    if word == "whose":
        state.bare_heads = []
    if state.mute == "i":
        state.mute = ""
    elif state.mute == "like":
        state.mute = "if"
    return None
