"""Claims about aerial scenes in words: ``2 white ships``, ``the ship is near a bridge``."""

from lineament.claims.claim import Claim
from lineament.claims.scenes_boxes import BOX
from lineament.claims.scenes_conclusions import AS_MANY, COMPARISONS, SAME_HALF
from lineament.claims.scenes_measures import DISTANCE, HEIGHT, LENGTH, WIDTH
from lineament.claims.scenes_phrases import RELATED
from lineament.claims.scenes_words import read_scene_words

_RELATION_TABLE = "relation"
_SHARES = {"half": "half of the", "part": "some share of the"}
_MEASURES = {LENGTH: "long", WIDTH: "wide", HEIGHT: "high", DISTANCE: "off"}


def say_scene_claim(claim: Claim) -> str:
    """Return what a claim says of objects in words; empty where it is about none."""
    if not claim.subject or claim.subject.split()[-1] not in read_scene_words()["noun"]:
        return ""
    if claim.name == "object_count":
        return _say_count(claim)
    if claim.name in COMPARISONS:
        return _say_pair(claim)
    is_all = bool(claim.quantity)
    who = say_designator(claim.subject, 2 if is_all else 1)
    lead = f"{_SHARES.get(claim.quantity, claim.quantity)} {who}" if is_all else f"the {who}"
    said = _say_predicate(claim)
    if not said:
        return ""
    if is_all and claim.negated:
        return f"not {lead} are {said}"
    return f"{lead} {'are' if is_all else 'is'} {'not ' if claim.negated else ''}{said}"


def say_designator(designator: str, count: int = 1) -> str:
    """Return the words that pick objects: ``at:top_left white ship`` becomes English.

    Args:
        designator: Words in the reader's order: places, extreme, size, colour, class.
        count: Decides between singular and plural.
    """
    table = read_scene_words()
    *qualities, name = designator.split() or [""]
    singular, plural = table["noun"].get(name, [[name, name]])[0]
    before, behind = [], ""
    for quality in qualities:
        kind, colon, rest = quality.partition(":")
        if not colon:
            before.append(quality.replace("/", " or "))
        elif kind in ("at", "side"):
            behind = f" {_say_places('position' if kind == 'at' else 'side', rest)}"
        else:
            behind = f" {table[_RELATION_TABLE][kind][0]} {_with_article(say_designator(rest))}"
    return " ".join((*before, singular if count == 1 else plural)) + behind


def _say_count(claim: Claim) -> str:
    low, high = claim.value if isinstance(claim.value, tuple) else (None, None)
    number = low if low is not None else (high or 0) - 1
    who = say_designator(claim.subject, 1 if number == 1 and high in (None, 2) else 2)
    if (low, high) == (0, 1):
        said = f"no {who}"
    elif high is None:
        said = f"at least {low or 0:g} {who}"
    elif low is None:
        said = f"fewer than {high:g} {who}"
    else:
        said = f"{low:g} {who}" if high - low <= 1 else f"{low:g} to {high - 1:g} {who}"
    return f"not {said}" if claim.negated else said


def _say_pair(claim: Claim) -> str:
    denied = "not " if claim.negated else ""
    if claim.name == SAME_HALF:
        one, other = say_designator(claim.subject), say_designator(str(claim.value))
        return f"the {one} and the {other} are {denied}in the same half"
    one, other = say_designator(claim.subject, 2), say_designator(str(claim.value), 2)
    said = f"as many {one} as {other}" if claim.name == AS_MANY else f"more {one} than {other}"
    return f"there are {denied}{said}"


def _say_predicate(claim: Claim) -> str:
    table, value = read_scene_words(), str(claim.value)
    if claim.name == "object_color":
        return value.replace("/", " or ")
    if claim.name == BOX:
        return f"in the box {value}"
    if claim.name in ("object_position", "object_side"):
        return _say_places(claim.name.removeprefix("object_"), value)
    if claim.name == RELATED:
        return f"in some relation to {_with_article(say_designator(value))}"
    if claim.name in table[_RELATION_TABLE]:
        other = _with_article(say_designator(value))
        return f"{table[_RELATION_TABLE][claim.name][0]} {other}"
    if isinstance(claim.value, tuple) and claim.name in _MEASURES:
        return f"{_say_meters(*claim.value)} meters {_MEASURES[claim.name]}"
    if isinstance(claim.value, tuple) and None not in claim.value:
        low, high = claim.value
        if claim.name == "orientation_degrees":
            return f"turned by {low:g} to {high:g} degrees"
    return ""


def _say_meters(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"at least {low:g}" if low is not None else f"at most {high or 0:g}"
    return f"{low:g} to {high:g}"


def _say_places(table: str, places: str) -> str:
    return " or ".join(read_scene_words()[table][place][0] for place in places.split("/"))


def _with_article(words: str) -> str:
    if words.split()[0].endswith("est") or words.split()[0].endswith("most"):
        return f"the {words}"
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"
