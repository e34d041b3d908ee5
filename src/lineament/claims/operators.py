"""Function words at work: negation, reserve, clauses, subjects, looks and turns."""

from collections.abc import Callable

from lineament.claims.content import (
    WORN,
    attach,
    flush_pending,
    resolve_pending,
    say,
    take_content,
    take_head,
    take_quality,
)
from lineament.claims.lexicon import Entry, Reading, compile_lexicon
from lineament.claims.people import say_gender, take_number, take_person
from lineament.claims.state import State

# An operator reads the item at an index and may return the index to go on from.
Operator = Callable[[State, int], int | None]
_FINITE = frozenset(("cop", "have", "wear", "aux"))
_NEW_CLAUSE = frozenset(("pron", "person", "quant", "one", "one1", "sub", "rel"))
_COMMA_MUTES = frozenset(("if", "like", "i"))
_HEAD_LIKE = frozenset(("head", "face", "pose", "chin", "light"))
_GAZE_LIKE = frozenset(("gaze", "eyes"))
_LINKS = frozenset(("but", "comma", "not", "or", "and", "sub", "nor", "prep", "det"))
_TO = frozenset(("to", "towards", "toward", "the"))
_OCCLUDED = frozenset(("forehead", "mouth", "eyes", "lips"))


def is_finite(state: State, index: int) -> bool:
    """Say whether the phrase at an index is a finite verb."""
    entry = state.items[index].entry
    return entry.op in _FINITE or entry.pos == "v" or entry.op in ("look",) or (
        entry.pos == "x" and bool(entry.readings) and entry.word.endswith("s")
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
        if op in _FINITE or (entry.pos == "v" and place > index + 1 and False):
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
    elif state.mute and op in ("pron", "poss", "person", "but", "det") and (
        state.mute != "other" or op == "pron"
    ):
        if _has_verb_ahead(state, place):
            state.mute = ""
    if state.pending and (entry is None or not (entry.quals or entry.head or entry.pos in ("n", "x"))):
        flush_pending(state)
    if state.negated and not _goes_on(state, index):
        if not (op in ("sub",) and not state.is_negation_used) or state.is_negation_used:
            state.negated = False
        state.is_negation_used = False
    if state.hedged and state.is_hedge_used and not _goes_on(state, index):
        if not state.has_verb or op == "prep" or (entry and entry.pos == "g"):
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
    state.degree_name = state.degree_name
    return None


def _has_verb_ahead(state: State, place: int) -> bool:
    items = state.items
    for later in range(place, len(items)):
        entry = items[later].entry
        if entry.op in _FINITE or entry.op in ("hedge", "look", "orient", "not") or entry.pos == "v":
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
        if op == "hedge" or entry.op == "poss" and not state.has_verb and state.bare_heads:
            if op == "hedge":
                _end_list(state)
            return None
        start_clause(state)
        state.is_predicate = False
        if state.mute in ("clause", "whether", "post", "like", "if"):
            state.mute = ""
        return None
    if is_finite(state, place) and not _is_noun_here(state, place):
        _end_list(state)
        state.segment += 1
        state.is_predicate = False
        state.subject = state.clause_subject
        if state.mute in ("like", "other"):
            state.mute = "" if state.mute == "like" else state.mute
        return None
    if op in ("prep", "not", "wear") or entry.pos == "g":
        _end_list(state)
        if entry.pos == "g":
            state.segment += 1
            state.subject = state.clause_subject or state.subject
        return None
    if state.negated and state.is_negation_used and not _is_bare_noun(state, place):
        if state.negator not in ("none",) and not (
            state.negator == "vp" and entry.quals and not entry.head and not entry.readings
        ):
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
    return entry.pos in ("n", "x") and bool(entry.readings) and state.negator in ("np", "lack", "vp")


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


def _end_list(state: State) -> None:
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
        if last.index >= index - 2 and last.name != "male" and (
            following.is_content or following.op == "det"
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
    is_next = entry.word in ("then", "and then", "after that", "afterwards", "later", "finally", "next", "before", "after", "subsequently", "thereafter")
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
    return None


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


def act_double(state: State, index: int) -> int | None:
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
    if place < len(items) and items[place].entry.op == "person" and index == state.clause_start:
        state.quantity = "none"
        state.negator = "none"
    else:
        state.negator = "neither"
    state.negated = True
    state.is_negation_used = False
    return None


def act_nor(state: State, index: int) -> int | None:
    """Go on denying."""
    if state.pending and state.has_unknown:
        flush_pending(state)
    state.negated = True
    if state.negator not in ("neither", "none"):
        state.negator = "vp"
    state.is_negation_used = state.negator == "neither" and state.is_negation_used
    return None


def act_except(state: State, index: int) -> int | None:
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
    if not state.hedged or state.is_hedge_used:
        state.hedger = entry.variant
    state.hedged = True
    state.is_hedge_used = False
    if entry.variant == "unlikely":
        state.negated = True
        state.negator = "raised"
        state.is_negation_used = False
    if entry.variant == "modal":
        state.has_verb = True
        if entry.word.endswith(" be") or True:
            _set_predicate(state, index)
    elif entry.word.endswith(" be"):
        _set_predicate(state, index)
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
            _retract_nouns(state)
        state.mute = "post"
        return None
    flush_pending(state)
    if state.mute != "other":
        state.mute = variant
    return None


def _compare(state: State, index: int) -> int | None:
    items = state.items
    following = items[index + 1].entry if index + 1 < len(items) else None
    if following is None:
        return None
    after_look = state.last_op == "look" or (index and items[index - 1].entry.op in ("look", "cop"))
    if items[index].entry.word == "like" and after_look:
        if following.op == "pron" or following.op == "det" and following.word in ("a", "an", "the"):
            state.is_predicate = True
            return None
    if following.op == "dir" or items[index].entry.word == "as much as":
        return None
    flush_pending(state)
    if state.mute != "other":
        state.mute = "like"
    return None


def act_other(state: State, index: int) -> int | None:
    """Silence what is said of posters, statues and animals."""
    state.pending.clear()
    state.acts.clear()
    state.mute = "other"
    return None


def _set_predicate(state: State, index: int) -> None:
    heads = tuple(dict.fromkeys(state.bare_heads)) or ((state.head,) if state.head else ())
    state.predicate_heads = heads or ("person",)
    state.is_predicate = True


def act_cop(state: State, index: int) -> int | None:
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
    _set_predicate(state, index)
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


def act_pron(state: State, index: int) -> int | None:
    """Take a pronoun as the subject."""
    entry = state.items[index].entry
    variant = entry.variant
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


def _same_person(state: State, gender: str) -> str:
    known = state.clause_subject or state.context.subject
    place, _, known_gender = known.partition("|")
    if place in ("one", "other", "first", "second") or (place in ("left", "right") and known_gender in ("", gender)):
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
            _set_predicate(state, index)
            state.last_op = "prep"
            return None
    else:
        state.is_predicate = False
        if entry.word == "in" and state.last_op in ("person", "cop", "pron"):
            state.is_wearing = True
    state.determiner = ""
    state.last_op = "prep" if entry.variant != "beside" else "beside"
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
            _deny_nouns(state)
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
    _deny_nouns(state)
    return None


def _deny_nouns(state: State) -> None:
    for draft in state.drafts[state.clause_drafts :]:
        if draft.is_noun and draft.value is not False and draft.name != "male":
            draft.deny()
            draft.hedged = draft.hedged or state.hedged


def _retract_nouns(state: State) -> None:
    kept = [d for d in state.drafts[state.clause_drafts :] if not d.is_noun or d.name == "male"]
    state.drafts[state.clause_drafts :] = kept


def act_there(state: State, index: int) -> int | None:
    """Visible, present: a denial before it turns to the subject."""
    item = state.items[index]
    if item.entry.word.endswith(" be seen") and state.bare_heads and not state.negated:
        visible = _find_visible()
        for head in state.bare_heads:
            readings = visible.quals.get(head)
            if readings:
                say(state, readings, item.start, item.stop, index)
                return None
    if item.entry.quals and state.is_predicate:
        take_quality(state, item, index)
        if not state.pending:
            return None
        state.pending.clear()
    if state.negated and not state.is_negation_used and state.negator == "vp":
        _deny_nouns(state)
        state.negated = False
    elif state.hedged and not state.is_hedge_used:
        for draft in state.drafts[state.clause_drafts :]:
            if draft.is_noun and draft.name != "male":
                draft.hedged = True
    return None


def _find_visible() -> Entry:
    entry = compile_lexicon().root["visible"].entry
    assert entry is not None
    return entry


def act_look(state: State, index: int) -> int | None:
    """Read where the eyes go; without a direction, ``looks`` opens a predicate."""
    item = state.items[index]
    word = item.entry.word
    before = state.items[index - 1].entry.op if index else ""
    is_noun = word in ("gaze", "look", "stare", "glance") and (
        before in ("det", "poss") or bool(state.pending) or index == state.clause_start
    )
    if is_noun:
        resolve_pending(state, "expression" if word == "look" else "gaze", item)
        state.head = state.last_head = "expression" if word == "look" else "gaze"
        state.bare_heads.append(state.head)
        state.last_op = "head"
        return None
    found = _find_direction(state, index)
    if found is None:
        if item.entry.readings:
            take_content(state, index)
        else:
            act_cop(state, index)
            state.last_op = "look"
        return None
    direction, place = found
    flush_pending(state)
    state.has_verb = True
    stop = state.items[place].stop
    if state.head in ("head", "face"):
        pose = "frontal" if direction == "camera" else direction
        say(state, (("head_pose", pose),), item.start, stop, index)
    else:
        readings: tuple[Reading, ...] = (("gaze_direction", direction),)
        if word.startswith("star"):
            is_ahead = state.items[place].entry.word.endswith("ahead")
            readings = (("gaze", True),) if is_ahead else (*readings, ("gaze", True))
        say(state, readings, item.start, stop, index)
    return place + 1


def act_orient(state: State, index: int) -> int | None:
    """Read where head, face or gaze are turned to."""
    item = state.items[index]
    found = _find_direction(state, index)
    word = item.entry.word
    heads = {state.head, *(state.predicate_heads if state.is_predicate else ())}
    if found is None:
        if item.entry.is_content:
            take_content(state, index)
        elif state.head == "person" or heads & _HEAD_LIKE or word.endswith("ing"):
            state.last_op = "orient"
        return None
    direction, place = found
    stop = state.items[place].stop
    if heads & _GAZE_LIKE:
        say(state, (("gaze_direction", direction),), item.start, stop, index)
    elif heads & _HEAD_LIKE or word.startswith(("facing", "faces")):
        pose = "frontal" if direction == "camera" else direction
        say(state, (("head_pose", pose),), item.start, stop, index)
    elif word == "turned" and not state.is_predicate and state.head == "person":
        say(state, (("turn", True),), item.start, stop, index)
    elif item.entry.is_content:
        take_content(state, index)
        return None
    else:
        return None
    return place + 1


def _find_direction(state: State, index: int) -> tuple[str, int] | None:
    items = state.items
    for place in range(index + 1, min(index + 9, len(items))):
        entry = items[place].entry
        if entry.op == "pron" and entry.word in ("us", "me", "you"):
            return "camera", place
        if entry.op == "dir" and entry.word != "above":
            following = items[place + 1].entry if place + 1 < len(items) else None
            if entry.word in ("right", "straight") and following is not None and (
                following.op in ("prep", "dir") and following.word not in ("of", "in", "from", "at")
                or following.word in ("at", "into")
            ):
                continue
            if entry.word in ("up", "down", "straight ahead", "ahead") and following is not None and following.op == "prep":
                later = _find_direction(state, place)
                if later is not None and later[0] in ("camera",):
                    return later
            return entry.variant, place
        if entry.op in ("position", "not") or entry.measure_like:
            if entry.op == "position":
                return (entry.variant, place) if entry.variant in ("left", "right") else None
            return None
        if entry.op in ("prep", "det", "poss", "fill", "aux"):
            continue
        if entry.word in ("direction", "side", "straight"):
            continue
        return None
    return None


def act_dir(state: State, index: int) -> int | None:
    """Read a bare direction after a part that has one."""
    item = state.items[index]
    variant = item.entry.variant
    if item.entry.quals:
        take_quality(state, item, index)
        if not state.pending or state.pending[-1].index != index:
            return None
        state.pending.pop()
    following = state.items[index + 1].entry if index + 1 < len(state.items) else None
    if following is not None and following.op == "person" and variant in ("left", "right"):
        state.position = variant
        return None
    heads = {state.head, *(state.predicate_heads if state.is_predicate else ())}
    if "gaze" in heads:
        say(state, (("gaze_direction", variant),), item.start, item.stop, index)
    elif state.direction_name and state.items[index - 1].entry.op in _LINKS:
        value = variant
        if state.direction_name == "head_pose" and variant == "camera":
            value = "frontal"
        say(state, ((state.direction_name, value),), item.start, item.stop, index)
    elif "face" in heads and variant == "camera" and state.items[index - 1].entry.word in _TO:
        say(state, (("head_pose", "frontal"),), item.start, item.stop, index)
    elif heads & {"head", "pose", "face"} and (state.is_predicate or state.head != "face"):
        if following is not None and following.head:
            return None
        pose = "frontal" if variant == "camera" else variant
        say(state, (("head_pose", pose),), item.start, item.stop, index)
    return None


def act_position(state: State, index: int) -> int | None:
    """Read which of several people is meant."""
    item = state.items[index]
    if item.entry.quals and "light" in (*state.bare_heads, state.head):
        state.is_predicate = True
        take_quality(state, item, index)
        state.pending.clear()
        return None
    variant = item.entry.variant
    if variant not in ("left", "right"):
        return None
    if state.direction_name and index and state.items[index - 1].entry.op in _LINKS:
        say(state, ((state.direction_name, variant),), item.start, item.stop, index)
        return None
    if state.locked_until >= index - 3 and state.last_op in ("person", "cop") and not (
        state.last_op == "cop" and index != state.locked_until + 2
    ):
        gender = state.subject if state.subject in ("man", "woman") else ""
        state.subject = state.clause_subject = f"{variant}|{gender}"
    elif index == state.clause_start or not state.has_verb:
        state.position = variant
    flush_pending(state)
    return None


def act_colon(state: State, index: int) -> int | None:
    """Read ``key: value``."""
    items = state.items
    value = items[index + 1].entry.word if index + 1 < len(items) else ""
    if state.has_verb and state.last_op != "key" and not (
        items[state.clause_start].entry.word in ("wearing", "wears")
        or items[state.clause_start].entry.pos == "g"
        and (value in compile_lexicon().no_words or value in compile_lexicon().yes_words)
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
    is_alone = place + 1 >= len(items) or items[place + 1].entry.op in ("stop", "comma", "and", "dash", "fill")
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
    if op == "hedge" and place + 1 < len(items) and items[place + 1].entry.word in (words.no_words | words.yes_words):
        for key in keys:
            key.hedged = True
        if items[place + 1].entry.word in words.no_words:
            _deny_keys(state, keys, index)
        return place + 2
    heads = tuple(dict.fromkeys(state.bare_heads)) or ((state.head,) if state.head else ())
    if any(k.value is True and k.name in ("close_eyes",) for k in keys) and False:
        return None
    state.predicate_heads = heads or ("person",)
    state.is_predicate = True
    state.is_wearing = "clothes" in heads
    state.negated = state.is_negation_used = False
    state.last_op = "key"
    state.key_start = index + 1
    return None


def _deny_keys(state: State, keys: list, index: int) -> None:
    for key in keys:
        key.deny()
    if not keys and state.bare_heads:
        item = state.items[index]
        head = state.bare_heads[-1]
        state.negated, state.negator, state.is_negation_used, state.determiner = True, "np", False, ""
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
    if not state.has_verb and index - state.key_start <= 3 and (
        is_value or (state.bare_heads and entry.quals) or entry.op == "mute"
        or (entry.measure_like and (state.says_age or state.says_count))
    ):
        return act_colon(state, index)
    act_but(state, index)
    state.is_predicate = False
    return None


def act_degree(state: State, index: int) -> int | None:
    """Read which angle of the head is meant."""
    name = state.items[index].entry.variant
    if state.degrees is not None:
        say(state, ((name, state.degrees.value),), state.degrees.start, state.items[index].stop, index)  # type: ignore[list-item]
        state.degrees = None
    else:
        state.degree_name = name
    return None


def act_age(state: State, index: int) -> int | None:
    """Read that a number is an age."""
    state.says_age = True
    return None


def act_count(state: State, index: int) -> int | None:
    """Read that a number counts people."""
    state.says_count = True
    return None


def act_idiom(state: State, index: int) -> int | None:
    """Pass over words that mean something else together."""
    state.pending.clear()
    state.has_verb = True
    return None


def act_null(state: State, index: int) -> int | None:
    """Pass over words without effect."""
    if state.mute == "i":
        state.mute = ""
    return None


def act_fill(state: State, index: int) -> int | None:
    """Pass over adverbs; read adjectives among them."""
    if state.items[index].entry.is_content:
        take_content(state, index)
    return None


def act_attribute(state: State, index: int) -> int | None:
    """Read ``a gray tint``, ``an oval shape``: the quality is that of the subject."""
    if state.items[index].entry.is_content:
        take_content(state, index)
    heads = state.predicate_heads or tuple(state.bare_heads)
    for waiting in state.pending if heads and heads != ("person",) else ():
        attach(state, waiting.item, waiting.index, heads)
    if heads and heads != ("person",):
        state.pending.clear()
    return None


def act_alone(state: State, index: int) -> int | None:
    """Read that nobody else is there."""
    item = state.items[index]
    count = (0, 1) if item.entry.variant == "nobody" else (1, 2)
    say(state, (("num_people", count),), item.start, item.stop, index, negated=False)  # type: ignore[list-item]
    state.head = "person"
    return None


def act_hold(state: State, index: int) -> int | None:
    """Read that what follows is held or handled, not worn."""
    act_have(state, index)
    state.is_holding = True
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


def act_unknown(state: State, index: int) -> int | None:
    """Remember that a waiting quality may belong to a word we do not know."""
    state.has_unknown = True
    if state.last_op not in ("have", "cop"):
        state.last_op = "unknown"
    if state.is_predicate and state.pending:
        state.pending.clear()
    return None


def act_content(state: State, index: int) -> int | None:
    """Read a phrase that can carry a claim."""
    take_content(state, index)
    return None


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


OPERATORS: dict[str, Operator] = {
    "": act_content,
    "unknown": act_unknown,
    "measure": take_number,
    "person": take_person,
    "one": take_person,
    "one1": take_person,
    "comma": act_comma,
    "and": act_and,
    "or": act_or,
    "stop": act_stop,
    "but": act_but,
    "sub": act_sub,
    "rel": act_rel,
    "not": act_not,
    "double": act_double,
    "neither": act_neither,
    "nor": act_nor,
    "except": act_except,
    "hedge": act_hedge,
    "mute": act_mute,
    "other": act_other,
    "cop": act_cop,
    "have": act_have,
    "wear": act_wear,
    "aux": act_aux,
    "pron": act_pron,
    "poss": act_poss,
    "obj": act_obj,
    "det": act_det,
    "prep": act_prep,
    "quant": act_quant,
    "gone": act_gone,
    "there": act_there,
    "look": act_look,
    "orient": act_orient,
    "dir": act_dir,
    "position": act_position,
    "colon": act_colon,
    "dash": act_dash,
    "degree": act_degree,
    "age": act_age,
    "count": act_count,
    "idiom": act_idiom,
    "null": act_null,
    "fill": act_fill,
    "attribute": act_attribute,
    "alone": act_alone,
    "hold": act_hold,
    "away": act_away,
    "genitive": act_genitive,
}
