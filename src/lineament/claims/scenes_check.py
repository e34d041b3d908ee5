"""Claims about an aerial scene against its annotation: by facts where told, else by geometry."""

from collections.abc import Iterable

from lineament.annotation import Annotation, Fact
from lineament.claims.check import Checked, CheckedClaim, Verdict, check_text
from lineament.claims.claim import Claim
from lineament.claims.scenes_boxes import BOX, judge_box
from lineament.claims.scenes_choose import (
    choose_objects,
    has_color,
    is_any,
    is_sized,
    is_so_of,
)
from lineament.claims.scenes_conclusions import COMPARISONS, judge_comparison
from lineament.claims.scenes_faults import refuse_impossible_objects
from lineament.claims.scenes_measures import DISTANCE, HEIGHT, WIDTH
from lineament.claims.scenes_objects import (
    RELATIONS,
    Answer,
    Scene,
    SceneObject,
    find_density,
    is_related,
    is_scene,
    lies_in,
    lies_on_side,
    read_scene,
)
from lineament.claims.scenes_phrases import RELATED
from lineament.claims.scenes_read import read_scene_claims
from lineament.claims.scenes_say import say_designator
from lineament.errors import refuse_half_characters

__all__ = [
    "check_any_text",
    "check_scene_claims",
    "check_scene_text",
    "choose_objects",
    "is_sized",
]
UNTOLD = (RELATED, WIDTH, HEIGHT, DISTANCE)
_COVERS = ("water", "trees", "grass", "bare_land", "fields", "urban")


def check_any_text(text: str, annotation: Annotation, subject: str | None = None) -> Checked:
    """Read a text and check every claim of it, about faces or about a scene, as fits.

    Raises:
        BadAnnotation: Objects of the scene can be in no picture.
        BadInput: It is no text in UTF-8.
    """
    refuse_half_characters(text, "the text")
    if is_scene(annotation):
        refuse_impossible_objects(annotation, annotation.media or "annotation")
        return check_scene_text(text, annotation)
    return check_text(text, annotation, subject)


def check_scene_text(text: str, annotation: Annotation, scene: Scene | None = None) -> Checked:
    """Read a text about an aerial scene and check every claim of it."""
    return check_scene_claims(read_scene_claims(text), annotation, scene)


def check_scene_claims(
    claims: Iterable[Claim], annotation: Annotation, scene: Scene | None = None
) -> Checked:
    """Check claims about an aerial scene.

    What cannot be told from the facts, or lies too near a border of position, size or distance, is
    unknown.

    Args:
        claims: As `read_scene_claims` returns them.
        annotation: What is known.
        scene: The annotation's objects, where they have been read before.
    """
    scene = scene or read_scene(annotation)
    return Checked(tuple(_check(claim, scene, annotation) for claim in claims))


def _check(claim: Claim, scene: Scene, annotation: Annotation) -> CheckedClaim:
    if claim.name in _COVERS or claim.name in ("scene_class", "density"):
        answer, rule, fact = _judge_picture(claim, scene, annotation)
    elif claim.name == "object_count":
        answer, rule, fact = _judge_count(claim, scene, annotation)
    elif claim.name in COMPARISONS:
        answer, rule, fact = _judge_pair(claim, scene, annotation)
    elif claim.name in UNTOLD:
        answer, rule, fact = _judge_untold(claim, scene)
    elif claim.name == BOX:
        answer, rule, fact = _judge_box(claim, scene, annotation)
    else:
        answer, rule, fact = _judge_objects(claim, scene, annotation)
    if answer is None:
        return CheckedClaim(claim, "unknown", rule, fact)
    verdict: Verdict = "supported" if answer is not claim.negated else "contradicted"
    return CheckedClaim(claim, verdict, rule, fact)


_Judged = tuple[Answer, str, Fact | None]


def _judge_picture(claim: Claim, scene: Scene, annotation: Annotation) -> _Judged:
    if claim.name == "density":
        found = find_density(scene)
        answer = None if found is None else found == claim.value
        return answer, f"objects lie {found or 'alone'}", None
    facts = annotation.facts_named(claim.name, "clip")
    if facts:
        return facts[0].value == claim.value, "stated", facts[0]
    if annotation.is_closed(claim.name):
        return claim.value is False, f"{claim.name} is closed and not listed", None
    return None, f"nothing says {claim.name}", None


def _judge_count(claim: Claim, scene: Scene, annotation: Annotation) -> _Judged:
    chosen = choose_objects(claim.subject, scene)
    if chosen is None or not isinstance(claim.value, tuple):
        return None, "not a class of objects", None
    sure, unsure, is_listed = chosen
    low, high = claim.value
    least = len(sure)
    most = least + len(unsure) if is_listed else None
    number = str(least) if most == least else f"{least} to {most}"
    if most is None:
        number = f"at least {least}"
    rule = f"{number} {say_designator(claim.subject, 2 if number != '1' else 1)} counted"
    if most is None and not least:
        rule = f"no {say_designator(claim.subject)} is known of, but not all are listed"
    fact = _fact_of(sure[0], annotation) if sure else None
    is_above = high is not None and least >= high
    is_below = low is not None and most is not None and most < low
    if is_above or is_below:
        return False, rule, fact
    is_enough = low is None or least >= low
    is_few = high is None or (most is not None and most < high)
    return (True if is_enough and is_few else None), rule, fact


def _judge_pair(claim: Claim, scene: Scene, annotation: Annotation) -> _Judged:
    first, second = (choose_objects(str(who), scene) for who in (claim.subject, claim.value))
    if first is None or second is None:
        return None, "not a class of objects", None
    counted = (
        f"{len(sure)}{' or more' if unsure or not is_listed else ''} "
        f"{say_designator(str(who), 1 if len(sure) == 1 else 2)}"
        for who, (sure, unsure, is_listed) in ((claim.subject, first), (claim.value, second))
    )
    rule = f"{' and '.join(counted)} looked at"
    fact = _fact_of(first[0][0], annotation) if first[0] else None
    return judge_comparison(claim.name, first, second), rule, fact


def _judge_box(claim: Claim, scene: Scene, annotation: Annotation) -> _Judged:
    chosen = choose_objects(claim.subject, scene)
    if chosen is None:
        return None, "not a class of objects", None
    sure, unsure, is_listed = chosen
    rule = f"box: {len(sure)} {say_designator(claim.subject, len(sure))} looked at"
    fact = _fact_of(sure[0], annotation) if len(sure) == 1 else None
    return judge_box(str(claim.value), sure, unsure, is_listed=is_listed), rule, fact


def _judge_objects(claim: Claim, scene: Scene, annotation: Annotation) -> _Judged:
    chosen = choose_objects(claim.subject, scene)
    if chosen is None:
        return None, "not a class of objects", None
    sure, unsure, is_listed = chosen
    candidates = (*sure, *unsure)
    if not candidates:
        return (False if is_listed else None), f"no {say_designator(claim.subject)} is listed", None
    if claim.name in RELATIONS:
        others = choose_objects(str(claim.value), scene)
        if others is None:
            return None, "not a class of objects", None
        targets = (*others[0], *others[1])
        if not targets:
            return (
                (False if others[2] else None),
                f"no {say_designator(str(claim.value))} is listed",
                None,
            )
        answers = [is_any([is_related(one, claim.name, o) for o in targets]) for one in candidates]
    else:
        answers = [_tell(one, claim) for one in candidates]
    joined = is_so_of(answers, claim.quantity)
    place = answers.index(joined) if joined in answers else 0
    if claim.quantity and not is_listed and (joined or claim.quantity != "all"):
        joined = None  # one that is not listed may be otherwise
    name = claim.name.removeprefix("object_").replace("_", " ")
    rule = f"{name}: {len(candidates)} {say_designator(claim.subject, len(candidates))} looked at"
    return joined, rule, _fact_of(candidates[place], annotation)


def _judge_untold(claim: Claim, scene: Scene) -> _Judged:
    """Judge what no fact tells: only where there is no such object can it be wrong."""
    for who in (claim.subject, claim.value):
        chosen = choose_objects(who, scene) if isinstance(who, str) else None
        if chosen is not None and chosen[2] and not (*chosen[0], *chosen[1]):
            return False, f"no {say_designator(str(who))} is listed", None
    return None, "no fact tells of it", None


def _tell(found: SceneObject, claim: Claim) -> Answer:
    """Say whether one object is as claimed."""
    value = claim.value
    if claim.name == "object_color":
        return has_color(found, str(value))
    if claim.name == "object_position":
        return is_any([lies_in(found, one) for one in str(value).split("/")])
    if claim.name == "object_side":
        return is_any([lies_on_side(found, one) for one in str(value).split("/")])
    number = found.length_meters if claim.name == "length_meters" else found.degrees
    if number is None or not isinstance(value, tuple):
        return None
    low, high = value
    if claim.name == "orientation_degrees" and low is not None and low < 0 and number > 90:
        number -= 180
    return (low is None or number >= low) and (high is None or number < high)


def _fact_of(found: SceneObject, annotation: Annotation) -> Fact | None:
    return next((f for f in annotation.facts_of(found.id) if f.name == "object_class"), None)
