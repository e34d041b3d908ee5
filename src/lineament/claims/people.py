"""People in a sentence: who is spoken of, of what sex and age, and how many."""

from lineament.claims.content import take_head
from lineament.claims.drafts import say
from lineament.claims.qualities import flush_pending, resolve_pending
from lineament.claims.state import Draft, State

_POINTED_AT = frozenset(("one", "other", "first", "second", "left", "right", ""))


def say_gender(state: State, gender: str, index: int) -> None:
    """Draft what a pronoun or a definite noun says of somebody's sex."""
    item = state.items[index]
    state.drafts.append(
        Draft(
            "male", gender == "man", False, False, gender, "", index, state.segment,
            item.start, item.stop, True,
        )
    )  # fmt: skip


def is_pointed_at(subject: str) -> bool:
    """Say whether a subject is told apart by place or order rather than by sex."""
    return subject.partition("|")[0] in _POINTED_AT


def take_person(state: State, index: int) -> int | None:
    """Read a person, ``one``, ``the other``: sex, number, and whom the clause is about."""
    entry = state.items[index].entry
    if entry.op == "one1":
        return _take_one(state, index)
    if entry.op == "one":
        _set_subject(state, index, entry.variant, is_locked=True)
        return None
    if state.mute == "other":
        return None
    if state.mute == "i" and state.determiner == "the":
        state.mute = ""
    if entry.is_relation and state.determiner == "poss":
        return _take_relation(state, index)
    if entry.is_relation and entry.gender == "person" and state.mute == "i":
        return None
    gender = entry.gender
    is_known = state.determiner in ("the", "poss") or state.quantity != ""
    is_denied = state.negated and not state.is_negation_used
    _take_count(state, index)
    if gender != "person":
        _say_noun_gender(state, gender, index, is_known=is_known, is_denied=is_denied)
    subject = gender if gender != "person" else ""
    if state.position:
        subject, state.position = f"{state.position}|{subject}", ""
    if state.locked_until >= index and is_pointed_at(state.subject):
        subject = state.subject or subject
    if state.is_excepted:
        state.is_excepted = False
        state.negated, state.negator, state.quantity = True, "vp", ""
    state.subject = subject
    resolve_pending(state, "person", state.items[index])
    if is_denied and not is_known and not state.is_contrast and state.negator in ("np", "none"):
        state.quantity = "none"
        state.negator = "none"
        if state.is_existential or not state.is_predicate:
            state.negated = True
            state.is_negation_used = False
    is_object = state.last_op in ("prep", "beside") and (
        state.has_verb or state.last_op == "beside"
    )
    _set_subject(state, index, subject, is_locked=False, is_object=is_object)
    return None


def _say_noun_gender(
    state: State, gender: str, index: int, *, is_known: bool, is_denied: bool
) -> None:
    item = state.items[index]
    if state.mute and not is_known:
        return
    if is_denied and not is_known and (state.is_existential or state.negator == "none"):
        return
    if is_denied and state.negator == "np" and not state.is_contrast:
        return
    scoped = not is_known
    say_gender(state, gender, index)
    draft = state.drafts[-1]
    if scoped and state.negated:
        draft.value = not draft.value
        draft.subject = ""
        state.is_negation_used = True
    if scoped and state.hedged:
        draft.hedged = True
        state.is_hedge_used = True
    draft.stop = item.stop


def _take_count(state: State, index: int) -> None:
    entry = state.items[index].entry
    item = state.items[index]
    if state.number is not None:
        place, measure = state.number
        if entry.is_plural and index - place <= 4 and not state.mute:
            say(state, (("num_people", measure.value),), measure.start, item.stop, index)
            state.is_negation_used = False
        state.number = None
    elif state.says_count and not entry.is_plural:
        say(state, (("num_people", (1, 2)),), item.start, item.stop, index)
        state.says_count = False


def _take_relation(state: State, index: int) -> int | None:
    entry = state.items[index].entry
    state.is_relation = True
    if state.mute == "i":
        state.pending.clear()
        return None
    if state.mute:
        state.pending.clear()
        return None
    subject = entry.word.split()[-1]
    state.subject = subject
    resolve_pending(state, "person", state.items[index])
    if state.last_op not in ("prep", "beside"):
        state.clause_subject = subject
        state.has_subject = True
    state.head = "person"
    state.bare_heads = ["person"]
    return None


def _set_subject(
    state: State, index: int, subject: str, *, is_locked: bool, is_object: bool = False
) -> None:
    flush_pending(state)
    if is_locked:
        state.locked_until = index + 4
        if state.is_negation_used:
            state.negated = state.is_negation_used = False
        state.is_predicate = False
        state.quantity = ""
    else:
        state.locked_until = index
    state.subject = subject
    if not is_object:
        state.clause_subject = subject
        state.has_subject = True
    state.head = "person"
    is_owner = any(i.entry.word == "of" for i in state.items[max(index - 2, 0) : index])
    if is_owner and state.bare_heads:
        state.is_predicate = False
        state.bare_heads.append("person")
    elif not state.is_predicate:
        state.bare_heads = ["person"]
    state.last_op = "person"


def _take_one(state: State, index: int) -> int | None:
    """Read ``one`` and ``ones``: a person, the noun before, or a number."""
    items = state.items
    following = items[index + 1].entry if index + 1 < len(items) else None
    before = items[index - 1].entry if index else None
    if state.pending:
        head = state.last_head or state.context.head
        if head:
            take_head(state, items[index], index, head)
            state.pending.clear()
            return None
    if following is None or items[index].entry.word == "ones":
        return None
    if following.op == "person":
        is_number = before is not None and (
            before.word in ("only", "just", "exactly", "but")
            or state.says_count
            or state.is_existential
        )
        if is_number and not state.has_other:
            state.says_count = True
        elif state.has_other:
            _set_subject(state, index, "one", is_locked=True)
        elif not any(
            i.entry.head not in ("", "picture", "scene") or i.entry.readings for i in items
        ):
            state.says_count = True
        return None
    if following.op in ("cop", "have", "wear", "look", "hedge", "aux") or following.pos in (
        "v",
        "x",
    ):
        if state.has_other or state.context.subject:
            _set_subject(state, index, "one", is_locked=True)
        elif following.op in ("aux", "hedge"):
            state.mute = state.mute or "clause"
        else:
            _set_subject(state, index, "one", is_locked=True)
    return None


def take_number(state: State, index: int) -> int | None:
    """Read a measure: a time for its clause, an age, a count, an angle."""
    item = state.items[index]
    measure = item.measure
    if measure is None:
        return None
    kind = measure.kind
    if kind == "time":
        flush_pending(state)
        state.times.append((index, state.segment, measure.value))
        if state.negated and state.is_negation_used and state.negator == "stop":
            state.negated = False
    elif kind == "age":
        flush_pending(state)
        _say_age(state, index, measure.value)
    elif kind == "degrees":
        if state.degree_name:
            say(state, ((state.degree_name, measure.value),), item.start, item.stop, index)
        else:
            state.degrees = measure
    elif kind in ("amount", "around"):
        _take_amount(state, index)
    return None


def _take_amount(state: State, index: int) -> None:
    measure = state.items[index].measure
    if measure is None:
        return
    low, high = measure.value
    items = state.items
    following = items[index + 1].entry if index + 1 < len(items) else None
    is_end = following is None or following.op in (
        "stop", "comma", "but", "and", "sub", "rel", "prep", "have", "wear", "dash", "fill", "age",
    )  # fmt: skip
    biggest = high if high is not None else low
    is_plausible = biggest is not None and 10 <= biggest <= 115
    is_said = state.says_age or (
        is_end
        and is_plausible
        and state.head == "person"
        and (
            state.is_predicate
            or (
                index
                and items[index - 1].entry.word in ("turned", "passed", "past", "reached", "hit")
            )
            or state.last_op in ("person", "comma", "prep", "of", "look", "cop")
        )
    )
    if state.says_count and is_end:
        value = (low, high if high is None or low is None or measure.kind == "amount" else low + 1)
        say(state, (("num_people", value),), measure.start, measure.stop, index)
    elif (is_end is False and state.is_existential and following and following.word == "of") or (
        is_end
        and state.drafts
        and state.drafts[-1].name == "num_people"
        and state.drafts[-1].negated
    ):
        say(state, (("num_people", measure.value),), measure.start, measure.stop, index)
    elif (
        is_said
        or (
            is_end
            and is_plausible
            and len(items) <= 12
            and not state.has_verb
            and state.last_op in ("comma", "")
        )
    ) and is_end:
        _say_age(state, index, measure.value)
    else:
        value = measure.value
        if measure.kind == "around" and low is not None:
            value = (low + 5, low + 6)
        state.number = (index, measure._replace(value=value))


def _say_age(state: State, index: int, value: tuple[float | None, float | None]) -> None:
    item = state.items[index]
    say(state, (("age_years", value),), item.start, item.stop, index)
