"""Where head, face and eyes are turned, and on which side somebody stands."""

from lineament.claims.content import take_content, take_quality
from lineament.claims.drafts import say
from lineament.claims.lexicon import Reading
from lineament.claims.qualities import flush_pending, resolve_pending
from lineament.claims.state import State
from lineament.claims.verbs import act_cop

_HEAD_LIKE = frozenset(("head", "face", "pose", "chin", "light"))
_GAZE_LIKE = frozenset(("gaze", "eyes"))
_LINKS = frozenset(("but", "comma", "not", "or", "and", "sub", "nor", "prep", "det"))
_TO = frozenset(("to", "towards", "toward", "the"))


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
            if (
                entry.word in ("right", "straight")
                and following is not None
                and (
                    (
                        following.op in ("prep", "dir")
                        and following.word not in ("of", "in", "from", "at")
                    )
                    or following.word in ("at", "into")
                )
            ):
                continue
            if (
                entry.word in ("up", "down", "straight ahead", "ahead")
                and following is not None
                and following.op == "prep"
            ):
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
        if not state.pending or state.pending[-1].place != index:
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
    if (
        state.locked_until >= index - 3
        and state.last_op in ("person", "cop")
        and not (state.last_op == "cop" and index != state.locked_until + 2)
    ):
        gender = state.subject if state.subject in ("man", "woman") else ""
        state.subject = state.clause_subject = f"{variant}|{gender}"
    elif index == state.clause_start or not state.has_verb:
        state.position = variant
    flush_pending(state)
    return None


def act_degree(state: State, index: int) -> int | None:
    """Read which angle of the head is meant."""
    name = state.items[index].entry.variant
    if state.degrees is not None:
        say(
            state,
            ((name, state.degrees.value),),
            state.degrees.start,
            state.items[index].stop,
            index,
        )
        state.degrees = None
    else:
        state.degree_name = name
    return None
