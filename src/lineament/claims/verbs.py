"""Verbs of being, having, wearing and being gone, and prepositions after them."""

from lineament.claims.content import take_content, take_quality
from lineament.claims.drafts import WORN, say
from lineament.claims.people import say_gender
from lineament.claims.qualities import PERSON_LIKE, flush_pending
from lineament.claims.state import State

_OCCLUDED = frozenset(("forehead", "mouth", "eyes", "lips"))


def set_predicate(state: State) -> None:
    """Open a predicate on the parts named since the clause began."""
    heads = tuple(dict.fromkeys(state.bare_heads)) or ((state.head,) if state.head else ())
    if "light" in heads:
        others = PERSON_LIKE if heads[:1] == ("light",) else ("person",)
        heads = tuple(head for head in heads if head not in others)
        state.head = "light" if state.head in ("person", "face") else state.head
    state.predicate_heads = heads or ("person",)
    state.is_predicate = True


def act_cop(state: State, _: int) -> int | None:
    """Open a predicate on the subject of the clause."""
    flush_pending(state)
    state.has_verb = True
    state.is_holding = False
    if state.negated and state.is_negation_used and state.negator not in ("none",):
        state.negated = state.is_negation_used = False
    if state.hedged and state.is_hedge_used:
        state.hedged = False
    if state.mute == "like":
        state.mute = ""
    set_predicate(state)
    state.subject = state.clause_subject or state.subject
    state.last_op = "cop"
    state.determiner = ""
    return None


def act_have(state: State, index: int) -> int | None:
    """Open the object of having or showing."""
    act_cop(state, index)
    state.is_predicate = False
    state.bare_heads.clear()
    state.last_op = "have"
    return None


def act_wear(state: State, index: int) -> int | None:
    """Open the object of wearing; a bare colour is that of the clothes."""
    if state.items[index].entry.word in ("in a", "in an"):
        act_prep(state, index)
        state.determiner = "a"
        return None
    act_have(state, index)
    state.is_wearing = True
    return None


def act_aux(state: State, index: int) -> int | None:
    """Pass over an auxiliary."""
    if state.items[index].entry.word != "to":
        state.has_verb = True
        if state.negated and state.is_negation_used and state.negator != "none":
            state.negated = state.is_negation_used = False
        if not state.bare_heads and state.head:
            state.bare_heads = [state.head]
    return None


def act_hold(state: State, index: int) -> int | None:
    """Read that what follows is held or handled, not worn."""
    act_have(state, index)
    state.is_holding = True
    return None


def act_prep(state: State, index: int) -> int | None:
    """Begin a prepositional phrase; used-up scopes end."""
    entry = state.items[index].entry
    if entry.acts or entry.quals:
        take_content(state, index)
        if entry.quals and not state.pending:
            return None
    flush_pending(state)
    if state.negated and state.is_negation_used and state.negator not in ("none", "raised"):
        state.negated = state.is_negation_used = False
    if state.hedged and state.is_hedge_used:
        state.hedged = False
    if entry.word == "of" or (entry.word == "in" and state.head == "clothes"):
        if state.last_op == "head" and not state.is_predicate:
            set_predicate(state)
            state.last_op = "prep"
            return None
    else:
        state.is_predicate = False
        if entry.word == "in" and state.last_op in ("person", "cop", "pron"):
            state.is_wearing = True
    state.determiner = ""
    state.last_op = "prep" if entry.variant != "beside" else "beside"
    return None


def act_away(state: State, index: int) -> int | None:
    """Take back what lies on a table or is in a hand: it is not worn."""
    word = state.items[index].entry.word
    for draft in state.drafts[-2:]:
        is_near = draft.index >= index - 4 and not any(
            i.entry.is_content for i in state.items[draft.index + 1 : index]
        )
        if is_near and draft.is_noun and draft.name in WORN and not state.is_wearing:
            state.drafts.remove(draft)
    flush_pending(state)
    if word.endswith((" his hand", " his hands", " him", " his arm", " his pocket", " his bag")):
        say_gender(state, "man", index)
    elif " her" in word:
        say_gender(state, "woman", index)
    return act_prep(state, index)


def act_genitive(state: State, index: int) -> int | None:
    """Read ``'s`` as ``is``, ``has`` or a possessive."""
    following = state.items[index + 1].entry if index + 1 < len(state.items) else None
    before = state.items[index - 1].entry.op if index else ""
    if following is None:
        return None
    if before in ("pron", "one", "quant", "rel", "one1") or following.op in (
        "not", "det", "hedge", "cop", "prep", "measure",
    ) or following.pos == "g":  # fmt: skip
        if following.word == "got":
            act_have(state, index)
            return index + 2
        act_cop(state, index)
    else:
        state.determiner = "poss"
        state.bare_heads.clear()
    return None


def act_gone(state: State, index: int) -> int | None:
    """Absent, missing, not visible: what the subject named is denied."""
    item = state.items[index]
    flush_pending(state)
    if item.entry.variant == "frame":
        if state.is_relation:
            state.drafts[state.clause_drafts :] = [
                d for d in state.drafts[state.clause_drafts :] if d.name == "male"
            ]
        elif any(d.is_noun for d in state.drafts[state.clause_drafts :]):
            deny_nouns(state)
        return None
    heads = [h for h in (*state.predicate_heads, state.head) if h in _OCCLUDED]
    if heads and item.entry.quals and not (state.negated and not state.is_negation_used):
        take_quality(state, item, index)
        return None
    if state.negated and not state.is_negation_used:
        state.negated = False
        return None
    is_ending = item.entry.word.startswith(("disappear", "vanish", "fade", "end", "has "))
    if is_ending and any(t[0] > state.clause_start for t in state.times):
        for draft in [d for d in state.drafts[state.clause_drafts :] if d.is_noun]:
            if draft.name != "male" and isinstance(draft.value, bool):
                say(state, ((draft.name, not draft.value),), item.start, item.stop, index)
        return None
    deny_nouns(state)
    return None


def deny_nouns(state: State) -> None:
    """Turn round what the nouns of this clause said."""
    for draft in state.drafts[state.clause_drafts :]:
        if draft.is_noun and draft.value is not False and draft.name != "male":
            draft.deny()
            draft.hedged = draft.hedged or state.hedged


def retract_nouns(state: State) -> None:
    """Take back what the nouns of this clause said."""
    kept = [d for d in state.drafts[state.clause_drafts :] if not d.is_noun or d.name == "male"]
    state.drafts[state.clause_drafts :] = kept


def act_there(state: State, index: int) -> int | None:
    """Visible, present: a denial before it turns to the subject."""
    item = state.items[index]
    if item.entry.quals and state.is_predicate:
        take_quality(state, item, index)
        if not state.pending:
            return None
        state.pending.clear()
    if state.negated and not state.is_negation_used and state.negator == "vp":
        deny_nouns(state)
        state.negated = False
    elif state.hedged and not state.is_hedge_used:
        for draft in state.drafts[state.clause_drafts :]:
            if draft.is_noun and draft.name != "male":
                draft.hedged = True
    return None
