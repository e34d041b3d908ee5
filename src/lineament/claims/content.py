"""Nouns, verbs and qualities at work: which words of a clause belong together."""

from lineament.claims.drafts import say
from lineament.claims.lexicon import Reading
from lineament.claims.qualities import attach, attach_to, flush_pending, pend, resolve_pending
from lineament.claims.state import Item, State
from lineament.vocabulary import read_vocabulary

_HAIR_NOUNS = frozenset(("curly_hair", "short_hair", "wavy_hair"))
_FRAMES = frozenset(("picture", "scene"))
_WITHIN = frozenset(("in", "within", "on", "at", "for", "throughout", "inside", "across"))
_COLOURS = frozenset(("black_hair", "blonde_hair", "brown_hair", "gray_hair", "red_hair"))
_NAMES = read_vocabulary().names
_EMOTIONS = frozenset(n.id for n in read_vocabulary().of_family("emotion"))
_PLACES = frozenset(("place", "light_level", "light_direction", "light_temperature"))
# What a bare noun under "no" denies: no hair, no make-up, no facial hair.
_BARE_DENIED: dict[str, tuple[Reading, ...]] = {
    "hair": (("bald", True),),
    "makeup": (("heavy_makeup", False),),
    "facial_hair": (("beard", False),),
    "expression": (("neutral", True),),
}
# After these a word like "arched" or "closed" is a verb with an object to come.
_SUBJECT_OPS = frozenset(("pron", "person", "unknown", "content", "look", "orient"))
_BARE_SAID: dict[str, tuple[Reading, ...]] = {"facial_hair": (("beard", True),)}


def take_content(state: State, index: int) -> None:
    """Read one phrase that can carry a claim."""
    item = state.items[index]
    entry = item.entry
    if entry.acts and not (entry.quals and state.last_op not in _SUBJECT_OPS):
        state.acts.append(pend(state, item, index))
        if not entry.quals and not entry.head and (not entry.readings or _has_object(state, index)):
            state.has_verb = True
            return
    if entry.quals and (
        not (entry.readings or entry.head)
        or _is_before_noun(state, index)
        or (state.is_predicate and any(h in entry.quals for h in state.predicate_heads))
    ):
        take_quality(state, item, index)
    elif entry.head:
        take_head(state, item, index, entry.head)
    elif entry.readings:
        take_readings(state, item, index)


def take_quality(state: State, item: Item, index: int) -> None:
    """Attach a quality to what it is said of, or keep it for the noun that follows."""
    entry = item.entry
    if "light" in entry.quals and entry.word.startswith("from") and "light" in state.bare_heads:
        attach_to(state, item, index, "light")
        return
    leads = leads_to_noun(state, index)
    if state.is_predicate and not leads:
        state.qualities = (*state.qualities, entry.word)
        if attach(state, item, index, state.predicate_heads):
            return
    elif not leads and _is_apposed(state, index) and attach_to(state, item, index, state.head):
        state.is_predicate, state.predicate_heads = True, (state.head,)
        return
    elif (
        not leads
        and state.head
        and state.last_op == "head"
        and attach_to(state, item, index, state.head)
    ):
        return
    if not leads and state.acts and state.is_wearing is False and entry.acts:
        return
    state.pending.append(pend(state, item, index))
    state.has_unknown = False


def take_head(state: State, item: Item, index: int, head: str) -> None:
    """Close a noun phrase: its qualities are said of this part, and verbs act on it."""
    entry = item.entry
    said = resolve_pending(state, head, item)
    for act in state.acts:
        readings = act.entry.acts.get(head)
        if readings:
            negated = act.negated or (state.negated and not state.is_negation_used)
            say(
                state,
                readings,
                act.item.start,
                item.stop,
                index,
                negated=negated,
                hedged=act.hedged,
            )
            said = True
    if head != "clothes" or entry.readings:
        state.acts.clear()
    if entry.readings:
        say(state, entry.readings, item.start, item.stop, index, is_noun=True)
    elif not said and state.negated and head in _BARE_DENIED:
        following = state.items[index + 1].entry if index + 1 < len(state.items) else None
        is_free = state.determiner not in ("the", "poss") and not (following and following.acts)
        if not state.is_negation_used and is_free:
            say(state, _BARE_DENIED[head], item.start, item.stop, index, negated=False)
    elif not said and head in _BARE_SAID:
        say(state, _BARE_SAID[head], item.start, item.stop, index, is_noun=True)
    if head == "eyes" and not said and state.number and state.number[0] == index - 1:
        is_pair = state.number[1].value == (2, 3)
        say(state, (("one_eyed", False),) if is_pair else (), item.start, item.stop, index)
    if state.is_predicate:
        state.predicate_heads = (head,)
    state.head = state.last_head = head
    if (not said or entry.readings) and not (head in _FRAMES and _is_place(state, index)):
        state.bare_heads.append(head)
    state.last_op = "head"


def _is_place(state: State, index: int) -> bool:
    """Say whether a noun closes ``in this picture``: it tells where, and is no subject."""
    for item in reversed(state.items[max(index - 4, 0) : index]):
        if item.entry.op == "prep":
            return item.entry.word in _WITHIN
        if item.entry.op not in ("det", "poss", "fill", "pron", "measure", "unknown") and not (
            item.entry.quals
        ):
            return False
    return False


def take_readings(state: State, item: Item, index: int) -> None:
    """Say what a phrase says by itself: a beard, smiles, in an office."""
    entry = item.entry
    readings = entry.readings
    name = readings[0][0]
    if name == "turn" and state.head in ("eyes", "gaze"):
        side = entry.word.split()[-1]
        readings = (
            (("gaze_direction", side),) if side in ("left", "right") else (("gaze_away", True),)
        )
    if entry.pos == "v" and state.last_op == "cop" and state.is_predicate:
        flush_pending(state)
        return
    if name.startswith("light_"):
        resolve_pending(state, "light", item)
    elif entry.pos in ("n", "x"):
        if name in _HAIR_NOUNS:
            resolve_pending(state, "hair", item)
        elif name == "tied_hair":
            resolve_pending(state, "hair", item, only=_COLOURS)
        elif _NAMES[name].family in ("action", "emotion"):
            resolve_pending(state, "person", item, only=_EMOTIONS)
        else:
            flush_pending(state, is_noun=True)
    else:
        flush_pending(state)
        state.acts.clear()
    if name in _PLACES and state.is_negation_used and state.negated:
        state.negated = False
    if entry.pos in ("v", "g"):
        state.has_verb = True
        state.is_holding = False
    if name.startswith("light_"):
        state.bare_heads.append("light")
    say(state, readings, item.start, item.stop, index, is_noun=entry.pos in ("n", "x"))
    if entry.pos == "n":
        state.head = name
        state.bare_heads.append(name)
        state.is_predicate = False
    state.last_op = "content"


def leads_to_noun(state: State, index: int) -> bool:
    """Say whether only qualities and fillers stand between here and the next noun."""
    items = state.items
    entry = items[index].entry
    for place in range(index + 1, len(items)):
        following = items[place].entry
        op = following.op
        if following.head and not (
            following.quals
            and place + 1 < len(items)
            and following.head == "light"
            and _is_before_noun(state, place)
        ):
            return following.head in entry.quals or not following.quals or place == index + 1
        if following.pos in ("n", "x") and following.readings:
            return True
        if op == "person":
            return True
        if op == "one1":
            return True
        if op == "fill" or (following.quals and op in ("", "dir", "attribute")):
            continue
        return False
    return False


def _is_apposed(state: State, index: int) -> bool:
    """Say whether a quality stands between commas after its noun: eyes, brown and narrow,."""
    if index < 2 or state.items[index - 1].entry.op != "comma":
        return False
    before = state.items[index - 2].entry
    return before.head == state.head and state.head in state.bare_heads


def _has_object(state: State, index: int) -> bool:
    """Say whether the part that a verb acts on follows it: ties her hair."""
    acts = state.items[index].entry.acts
    for item in state.items[index + 1 : index + 4]:
        if item.entry.head:
            return item.entry.head in acts
        if item.entry.op not in ("det", "poss", "fill"):
            return False
    return False


def _is_before_noun(state: State, index: int) -> bool:
    """Say whether a word that could be a noun itself qualifies the noun after it."""
    items = state.items
    if index + 1 >= len(items):
        return False
    entry, following = items[index].entry, items[index + 1].entry
    if following.head:
        return following.head in entry.quals or (entry.head == "light" and bool(following.head))
    if following.op == "person" and "person" in entry.quals:
        return True
    if following.quals and not following.readings:
        return leads_to_noun(state, index)
    is_noun = bool(following.readings) and following.pos != "p"
    return entry.head == "light" and (is_noun or bool(following.quals))
