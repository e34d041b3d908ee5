"""Every function word at work: one table from operators to what they do."""

from collections.abc import Callable

from lineament.claims.clauses import act_and, act_but, act_comma, act_or, act_rel, act_stop, act_sub
from lineament.claims.content import take_content, take_quality
from lineament.claims.directions import act_degree, act_dir, act_look, act_orient, act_position
from lineament.claims.drafts import say
from lineament.claims.keys import act_colon, act_dash
from lineament.claims.lexicon import find_entry
from lineament.claims.people import take_number, take_person
from lineament.claims.qualities import attach
from lineament.claims.scope import (
    act_double,
    act_except,
    act_hedge,
    act_mute,
    act_neither,
    act_nor,
    act_not,
    act_other,
)
from lineament.claims.state import Item, State
from lineament.claims.subjects import (
    act_alone,
    act_det,
    act_obj,
    act_poss,
    act_pron,
    act_quant,
    act_several,
)
from lineament.claims.verbs import (
    act_aux,
    act_away,
    act_cop,
    act_genitive,
    act_gone,
    act_have,
    act_hold,
    act_prep,
    act_there,
    act_wear,
)

# An operator reads the item at an index and may return the index to go on from.
Operator = Callable[[State, int], int | None]


def act_age(state: State, _: int) -> int | None:
    """Read that a number is an age."""
    state.says_age = True
    return None


def act_count(state: State, _: int) -> int | None:
    """Read that a number counts people."""
    state.says_count = True
    return None


def act_idiom(state: State, _: int) -> int | None:
    """Pass over words that mean something else together."""
    state.pending.clear()
    state.has_verb = True
    return None


def act_null(state: State, _: int) -> int | None:
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
        attach(state, waiting.item, waiting.place, heads)
    if heads and heads != ("person",):
        state.pending.clear()
    return None


def act_bags(state: State, index: int) -> int | None:
    """Read bags, circles or rings as those under the eyes, where eyes are near."""
    words = {item.entry.word for item in state.items}
    is_below = words & {"under", "below", "beneath", "underneath"}
    is_theirs = "eyes" in state.bare_heads or "eyes" in state.predicate_heads
    if is_theirs or (is_below and any(item.entry.head == "eyes" for item in state.items)):
        item = state.items[index]
        state.pending.clear()
        say(state, (("bags_under_eyes", True),), item.start, item.stop, index, is_noun=True)
        return None
    return act_unknown(state, index)


def act_unknown(state: State, _: int) -> int | None:
    """Remember that a waiting quality may belong to a word we do not know."""
    state.has_unknown = True
    if state.last_op not in ("have", "cop"):
        state.last_op = "unknown"
    if state.is_predicate and state.pending:
        state.pending.clear()
    return None


def act_content(state: State, index: int) -> int | None:
    """Read a phrase that can carry a claim."""
    if not (item := state.items[index]).entry.word.startswith("look") or not _looks_so(state, item):
        take_content(state, index)
    return None


def _looks_so(state: State, item: Item) -> bool:
    """Read ``her face looks round``: no look around, but a quality of the part named."""
    quality = find_entry(item.entry.word.partition(" ")[2])
    heads = [head for head in state.bare_heads if quality and head in quality.quals]
    if quality is None or not heads:
        return False
    index = state.items.index(item)
    act_cop(state, index)
    take_quality(state, Item(quality, item.start, item.stop), index)
    return True


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
    "bags": act_bags,
    "several": act_several,
    "away": act_away,
    "genitive": act_genitive,
}
