"""One sentence to claims: tokens to phrases, phrases to drafts, then times and ellipses."""

import functools
from typing import NamedTuple, TypeAlias

from lineament.claims.claim import (
    Claim,
    ClaimValue,
    Range,
    Statement,
    share_statement,
    statement_of,
)
from lineament.claims.drafts import say
from lineament.claims.lexicon import Entry, compile_lexicon, find_entry
from lineament.claims.measures import Measure, find_measures
from lineament.claims.operators import OPERATORS, act_stop
from lineament.claims.people import is_pointed_at, say_gender
from lineament.claims.qualities import flush_pending
from lineament.claims.scope import open_shown
from lineament.claims.state import Context, Draft, Item, State
from lineament.claims.timing import place_times
from lineament.claims.tokens import Token, split_tokens
from lineament.claims.typos import correct_word

_MEASURE = Entry("")
_MEASURE.op = "measure"
_MEASURE.measure_like = True
_UNKNOWN: dict[str, Entry] = {}


EMPTY = Context()
_JOINTS = frozenset(("comma", "and"))
_SHORT_PARTS = frozenset(("aux", "cop", "have", "not", "measure", "fill", "position", "hedge"))
_CLAUSE_ENDS = frozenset(("stop", "but"))
_GENDERS = frozenset(("man", "woman"))


# What makes two claims of a text one: name, value, denial, time, subject.
Key: TypeAlias = tuple[str, ClaimValue, bool, Range | None, str]


class Reading(NamedTuple):
    """What one sentence says, with offsets in the sentence, and what it hands on.

    Attributes:
        claims: In the order of the words.
        context: For the next sentence.
        genders: ``man``, ``woman`` or both, where the sentence tells somebody's sex.
        single: What is said, by key, in a text about one person.
        mixed: The same in a text about a man and a woman.
        looks_back: The sentence leaves out what one before it may have said.
    """

    claims: tuple[Claim, ...]
    context: Context
    genders: frozenset[str]
    single: tuple[tuple[Key, Statement], ...]
    mixed: tuple[tuple[Key, Statement], ...]
    looks_back: bool


@functools.lru_cache(maxsize=65536)
def read_sentence(text: str, context: Context = EMPTY, *, has_other: bool = False) -> Reading:
    """Read one sentence; a pure function, so sentences that repeat cost nothing."""
    items = open_shown(find_items(text))
    state = State(items, context, has_other)
    if is_pointed_at(context.subject):
        state.subject = state.clause_subject = context.subject
    state.head = "person"
    index, end = 0, len(items)
    while index < end:
        entry = items[index].entry
        op = entry.op
        if entry.possessor and op not in ("poss", "away") and state.mute != "other":
            say_gender(state, entry.possessor, index)
            if not state.has_subject:
                state.subject = state.clause_subject = entry.possessor
        if op in _CLAUSE_ENDS:
            _fill_ellipsis(state, index, state.clause_start, state.clause_drafts)
        elif op in _JOINTS and _starts_short_clause(items, index):
            _fill_ellipsis(state, index, state.clause_start, state.clause_drafts)
            act_stop(state, index)
            index += 1
            continue
        jump = OPERATORS[op](state, index)
        index = index + 1 if jump is None else jump
    flush_pending(state)
    _fill_ellipsis(state, end, state.clause_start, state.clause_drafts)
    place_times(state)
    claims = _claims_from_drafts(state.drafts, text)
    genders = frozenset(c.subject for c in claims if c.name == "male") & _GENDERS
    single = _statements(claims, is_mixed=False)
    mixed = _statements(claims, is_mixed=True)
    return Reading(claims, _context_after(state), genders, single, mixed, state.looks_back)


def name_subject(subject: str, *, is_mixed: bool) -> str:
    """Name a man and a woman by sex, people of one sex by place, a single person not at all."""
    place, _, gender = subject.partition("|")
    if place in _GENDERS:
        return place if is_mixed else ""
    return gender if is_mixed and gender else place


def _statements(claims: tuple[Claim, ...], *, is_mixed: bool) -> tuple[tuple[Key, Statement], ...]:
    said = [
        share_statement(statement_of(c, name_subject(c.subject, is_mixed=is_mixed))) for c in claims
    ]
    return tuple(((s.name, s.value, s.negated, s.span_seconds, s.subject), s) for s in said)


def find_items(text: str) -> list[Item]:
    """Cut a sentence into the longest phrases the lexicon knows, measures and unknown words."""
    measures = find_measures(text)
    tokens = split_tokens(text)
    items: list[Item] = []
    if not measures:
        _match_tokens(tokens, items)
        return items
    start = 0
    for measure in measures:
        before = [t for t in tokens if start <= t.start < measure.start]
        _match_tokens(before, items)
        items.append(Item(_MEASURE, measure.start, measure.stop, measure))
        start = measure.stop
    _match_tokens([t for t in tokens if t.start >= start], items)
    return items


def _match_tokens(tokens: list[Token], items: list[Item]) -> None:
    root = compile_lexicon().root
    index, end = 0, len(tokens)
    while index < end:
        token = tokens[index]
        node = root.get(token.word)
        if node is None:
            corrected = correct_word(token.word)
            node = root.get(corrected) if corrected else None
            if node is None:
                items.append(Item(_unknown(token.word), token.start, token.stop))
                index += 1
                continue
        entry, stop = node.entry, index + 1
        place = stop
        while place < end and node.further:
            node = node.further.get(tokens[place].word)  # type: ignore[assignment]
            if node is None:
                break
            place += 1
            if node.entry is not None:
                entry, stop = node.entry, place
        if entry is None:
            entry = _unknown(token.word)
        items.append(Item(entry, token.start, tokens[stop - 1].stop))
        index = stop


def _unknown(word: str) -> Entry:
    entry = _UNKNOWN.get(word)
    if entry is None:
        entry = Entry(word)
        entry.op = "unknown"
        if word == "'s":
            entry.op = "genitive"
        if len(_UNKNOWN) < 50_000:
            _UNKNOWN[word] = entry
    return entry


def _fill_ellipsis(state: State, end: int, clause_start: int, first_draft: int) -> None:
    """Complete ``the woman does not``, ``hers aren't``, ``the woman at 4 s``."""
    said = tuple(
        (d.name, d.value, d.negated) for d in state.drafts[first_draft:] if d.name != "male"
    )
    if said:
        state.previous_predicate = said
        return
    items = state.items[clause_start:end]
    while items and items[-1].entry.op in ("comma", "fill", "stop", "but", "unknown_end", "and"):
        items.pop()
    if not items or state.mute or not any(
        i.entry.op in ("not", "person", "one", "pron", "quant", "poss", "neither", "nor", "one1")
        or i.entry.head for i in items
    ):  # fmt: skip
        return
    last = items[-1]
    is_bare_time = last.entry.op == "measure" and len(items) == 2 and items[0].entry.op == "not"
    verbs = [i for i in items if i.entry.op in ("cop", "aux", "have", "hedge", "wear", "look")]
    is_gap = (
        last.entry.op == "measure"
        and not verbs
        and _has_time(state, end)
        and (len(items) <= 6 and not any(i.entry.op == "unknown" for i in items))
    )
    has_none = last.entry.op == "quant" and bool(verbs)
    is_short = (
        has_none
        or last.entry.op in ("cop", "aux", "have")
        or (last.entry.op == "not" and bool(verbs))
        or (
            (items[0].entry.op in ("nor", "neither") or items[0].entry.word == "so") and bool(verbs)
        )
    )
    if not is_gap and not is_short and not is_bare_time:
        return
    _copy_predicate(state, items)


def _starts_short_clause(items: list[Item], index: int) -> bool:
    """Say whether ``the woman does not`` or ``the woman at 4 s`` follows a comma or ``and``."""
    place, end = index + 1, len(items)
    while place < end and items[place].entry.op in ("det", "and", "fill", "dir"):
        place += 1
    if place < end and (
        items[place].entry.op in ("neither", "nor") or items[place].entry.word == "so"
    ):
        return _is_inverted(items, place + 1)
    is_denial = place < end and items[place].entry.word == "not" and place + 1 < end
    if is_denial and items[place + 1].entry.op == "measure":
        return place + 2 >= end or items[place + 2].entry.op in ("stop", "comma", "but")
    if place >= end or items[place].entry.op not in ("person", "one", "pron"):
        return False
    place += 1
    num_parts = 0
    while place < end and items[place].entry.op in _SHORT_PARTS:
        num_parts += items[place].entry.op not in ("fill", "position")
        place += 1
    return num_parts > 0 and (
        place >= end or items[place].entry.op in ("stop", "comma", "but", "sub")
    )


def _is_inverted(items: list[Item], place: int) -> bool:
    """Say whether ``is the man`` ends the clause, as in ``neither is the man``."""
    ops = [item.entry.op for item in items[place : place + 4]]
    if not ops or ops[0] not in ("aux", "cop", "have"):
        return False
    rest = [op for op in ops[1:] if op not in ("det", "fill", "position")]
    return (
        bool(rest)
        and rest[0] in ("person", "pron", "one")
        and (len(rest) == 1 or rest[1] in ("stop", "comma", "but"))
    )


def _has_time(state: State, end: int) -> bool:
    return bool(state.times) and state.times[-1][0] < end


def _copy_predicate(state: State, items: list[Item]) -> None:
    is_denied = any(
        i.entry.op in ("not", "nor", "neither") or i.entry.word == "none" for i in items
    )
    place = state.clause_start
    state.looks_back = True
    heads = [h for h in (*state.predicate_heads, *state.bare_heads) if h != "person"]
    subject = state.clause_subject
    if heads and state.context.qualities:
        for word in state.context.qualities:
            entry = find_entry(word)
            readings = entry.quals.get(heads[0], ()) if entry else ()
            say(state, readings, items[0].start, items[-1].stop, place, negated=is_denied)
        return
    for name, value, _ in state.previous_predicate or state.context.predicate:
        if isinstance(value, bool):
            readings = ((name, not is_denied),)
            say(state, readings, items[0].start, items[-1].stop, place, negated=False)
        else:
            say(state, ((name, value),), items[0].start, items[-1].stop, place, negated=False)
            state.drafts[-1].negated = is_denied
    state.subject = subject


def _claims_from_drafts(drafts: list[Draft], text: str) -> tuple[Claim, ...]:
    return tuple(
        Claim(
            d.name, d.value, d.negated, d.hedged, d.span, d.subject, d.quantity,
            text[d.start : d.stop], d.start, d.stop,
        )
        for d in drafts
    )  # fmt: skip


def _context_after(state: State) -> Context:
    return Context(
        state.clause_subject or state.context.subject,
        state.last_head or state.context.head,
        state.previous_predicate or state.context.predicate,
        state.qualities,
    )


__all__ = ["ClaimValue", "Measure", "Reading", "find_items", "read_sentence"]
