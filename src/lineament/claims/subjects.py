"""Pronouns, possessors and quantities: of whom a clause speaks."""

from lineament.claims.content import take_quality
from lineament.claims.drafts import say
from lineament.claims.people import say_gender
from lineament.claims.qualities import flush_pending
from lineament.claims.state import State


def act_pron(state: State, index: int) -> int | None:
    """Take a pronoun as the subject."""
    entry = state.items[index].entry
    variant = entry.variant
    if entry.word in ("this", "these", "those") and _is_determiner(state, index):
        act_det(state, index)
        state.determiner = "the"
        return None
    if variant == "i":
        if entry.word in ("me", "us", "you", "your", "our"):
            return None
        if state.mute != "other":
            state.mute = "i"
        flush_pending(state)
        return None
    flush_pending(state)
    if state.mute == "i":
        state.mute = ""
    if index > state.clause_start and state.is_negation_used and state.negator != "raised":
        state.negated = state.is_negation_used = False
    if state.is_hedge_used:
        state.hedged = False
    state.is_predicate = False
    state.quantity = ""
    state.has_subject = True
    if variant in ("he", "she"):
        gender = "man" if variant == "he" else "woman"
        if state.mute != "other" or state.items[index - 1].entry.op == "prep":
            say_gender(state, gender, index)
        state.subject = state.clause_subject = _same_person(state, gender)
        state.head = "person"
        state.bare_heads = ["person"]
    elif variant == "they":
        state.subject = state.clause_subject = ""
        head = state.last_head or state.context.head
        state.bare_heads = [head, "person"] if head else ["person"]
        state.head = "person"
    else:
        head = state.last_head or state.context.head
        state.bare_heads = [head, "picture", "person"] if head else ["person", "picture"]
        state.head = head or "person"
        state.is_existential = entry.word in ("there", "here")
    state.last_op = "pron"
    return None


def _is_determiner(state: State, index: int) -> bool:
    """Say whether ``this`` stands before its noun."""
    following = state.items[index + 1].entry if index + 1 < len(state.items) else None
    return following is not None and bool(following.head)


def _same_person(state: State, gender: str) -> str:
    known = state.clause_subject or state.context.subject
    place, _, known_gender = known.partition("|")
    if place in ("one", "other", "first", "second") or (
        place in ("left", "right") and known_gender in ("", gender)
    ):
        return known
    return gender


def act_poss(state: State, index: int) -> int | None:
    """Take a possessor: what follows is his or hers."""
    variant = state.items[index].entry.variant
    flush_pending(state)
    if state.mute == "i":
        state.mute = ""
    state.determiner = "poss"
    state.is_predicate = False
    if variant in ("he", "she"):
        gender = "man" if variant == "he" else "woman"
        if state.mute != "other":
            say_gender(state, gender, index)
        subject = _same_person(state, gender)
        state.subject = subject
        if not state.has_verb:
            state.clause_subject = subject
            state.has_subject = True
    return None


def act_obj(state: State, index: int) -> int | None:
    """Take a pronoun that is no subject."""
    variant = state.items[index].entry.variant
    flush_pending(state)
    if variant in ("he", "she"):
        say_gender(state, "man" if variant == "he" else "woman", index)
    return None


def act_det(state: State, index: int) -> int | None:
    """Begin a noun phrase."""
    flush_pending(state)
    entry = state.items[index].entry
    state.determiner = entry.variant
    if state.mute == "i" and entry.word in ("the", "this"):
        state.mute = ""
    if state.is_predicate:
        state.bare_heads = list(state.predicate_heads)
    if entry.word in ("a single", "single") and state.is_existential:
        state.says_count = True
    if entry.quals:
        take_quality(state, state.items[index], index)
    return None


def act_quant(state: State, index: int) -> int | None:
    """Speak of everybody or nobody."""
    flush_pending(state)
    variant = state.items[index].entry.variant
    if variant == "none" and state.last_op == "have":
        return None
    if state.is_negation_used:
        state.negated = state.is_negation_used = False
    state.is_predicate = False
    state.subject = state.clause_subject = ""
    state.has_subject = True
    state.head = "person"
    state.bare_heads = ["person"]
    state.locked_until = index + 3
    if variant == "none":
        state.negated = True
        state.negator = "none"
        state.is_negation_used = False
        state.quantity = "none"
    else:
        state.quantity = "all"
    return None


def act_alone(state: State, index: int) -> int | None:
    """Read that nobody else is there."""
    item = state.items[index]
    count = (0, 1) if item.entry.variant == "nobody" else (1, 2)
    if (
        state.negated
        and not state.is_negation_used
        and item.entry.word in ("alone", "the only person")
    ):
        count = (2, None)
    say(state, (("num_people", count),), item.start, item.stop, index, negated=False)
    state.head = "person"
    return None


def act_several(state: State, index: int) -> int | None:
    """Read ``several people`` as two or more."""
    following = [item.entry for item in state.items[index + 1 : index + 4]]
    word = state.items[index].entry.word
    if following and following[0].measure_like:
        return act_det(state, index)
    if "people" in word or any(e.op == "person" for e in following) or "person" in word:
        item = state.items[index]
        high = 3 if state.items[index].entry.variant == "two" else None
        say(state, (("num_people", (2, high)),), item.start, item.stop, index)
        return None
    return act_det(state, index)
