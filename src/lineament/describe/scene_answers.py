"""Questions about an aerial scene answered by rule, from its annotation alone."""

import re
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from lineament.annotation import Annotation
from lineament.claims import Checked, Claim
from lineament.claims.scenes_check import check_scene_claims, choose_objects
from lineament.claims.scenes_objects import SceneObject, find_position, is_related
from lineament.claims.scenes_read import read_scene_answer
from lineament.claims.scenes_say import say_designator, say_scene_claim
from lineament.claims.scenes_words import split_scene_tokens
from lineament.records.sources.scenes.boxes import read_boxes, write_box
from lineament.records.write.grammar import capital, join_words, number_word, with_article
from lineament.records.write.scenes.phrase import SceneView, say_place, say_scene
from lineament.records.write.scenes.sentences import write_cover, write_global

CANNOT_TELL = "I cannot tell from what is known of this picture."
MAX_LISTED = 6
_COUNT = re.compile(r"\bhow many\b|\bnumber of\b|\bcount\b", re.IGNORECASE)
_WHETHER = re.compile(
    r"^\W*(?:\w+[,:]\s+|(?:please|tell me)\W+)*(?:is|are|was|were|does|do|can|could|has|have)\b",
    re.IGNORECASE,
)
_BOX = re.compile(r"\bbox\b|\blocate\b|\bbounding\b", re.IGNORECASE)
_WHERE = re.compile(r"\bwhere\b|\bwhich part\b|\bwhat part\b|\bposition of\b", re.IGNORECASE)
_COLOR = re.compile(r"\bcolou?r\b", re.IGNORECASE)
_LENGTH = re.compile(r"\bhow long\b|\blength\b", re.IGNORECASE)
_LARGER = re.compile(r"\blarger\b|\bbigger\b|\bcompare\b|\bmore (?:space|ground)\b", re.IGNORECASE)
_KIND = re.compile(
    r"\b(?:kind|sort|type) of (?:scene|area|place|picture|image)\b|\bsetting\b|\bclassify\b"
    r"|\bwhat (?:scene|area|place)\b",
    re.IGNORECASE,
)
_COVER = re.compile(r"\bland cover\b|\bground\b|\bcovers?\b", re.IGNORECASE)
_ALL = re.compile(
    r"\bdescri|\bsummar|\btell me about\b|\bwhat do you see\b|\bwhat (?:is|are|can|does)\b[^?]*"
    r"\b(?:see|seen|shown?|there|visible|picture|image|scene)\b",
    re.IGNORECASE,
)


def answer_scene_question(question: str, annotation: Annotation) -> str:
    """Answer from the annotation alone; what it does not tell is not told."""
    view = SceneView(annotation)
    nouns = [token.value for token in split_scene_tokens(question) if token.kind == "noun"]
    found: str | None = None
    if boxes := read_boxes(question, "1", (1.0, 1.0)):
        found = _tell_region(boxes[0], view)
    elif _BOX.search(question) and nouns:
        found = _tell_boxes(nouns[0].designator, view)
    elif _COUNT.search(question) and nouns:
        found = _tell_count(question, view)
    elif _LARGER.search(question) and len(nouns) > 1:
        found = _tell_larger(nouns[0].designator, nouns[1].designator, view)
    elif _WHETHER.match(question):
        found = _tell_whether(question, view)
    elif nouns and _WHERE.search(question):
        found = _tell_where(nouns[0].designator, view)
    elif nouns and _COLOR.search(question):
        found = _tell_colors(nouns[0].designator, view)
    elif nouns and _LENGTH.search(question):
        found = _tell_length(nouns[0].designator, view)
    elif _KIND.search(question):
        scene = say_scene(annotation)
        found = f"The picture shows {with_article(scene)} area." if scene else None
    elif _COVER.search(question):
        found = " ".join(write_cover(view)) or None
    elif not nouns and _ALL.search(question):
        found = " ".join(write_global(view, Random(0))) or None
    return found or CANNOT_TELL


def check_scene_answer(question: str, answer: str, annotation: Annotation) -> Checked:
    """Check what an answer says, read together with its question."""
    return check_scene_claims(read_scene_answer(question, answer), annotation)


def _choose(designator: str, view: SceneView) -> tuple[Sequence[SceneObject], bool]:
    """Return the objects that the words surely mean, and whether none can be missing."""
    chosen = choose_objects(designator, view.scene)
    if chosen is None:
        return (), False
    sure, unsure, is_listed = chosen
    return sure, is_listed and not unsure


def _tell_count(question: str, view: SceneView) -> str | None:
    counted = [c for c in read_scene_answer(question, "1") if c.name == "object_count"]
    if not counted:
        return None
    designator = counted[0].subject
    sure, is_sure = _choose(designator, view)
    if is_sure:
        return _say_number(len(sure), designator)
    return f"At least {_number_of(len(sure), designator)}." if sure else None


def _say_number(number: int, designator: str) -> str:
    return f"There {'is' if number == 1 else 'are'} {_number_of(number, designator)}."


def _number_of(number: int, designator: str) -> str:
    return f"{number_word(number)} {say_designator(designator, number)}"


def _tell_whether(question: str, view: SceneView) -> str | None:
    claims = read_scene_answer(question, "Yes.")
    if not claims:
        return None
    verdicts = [row.verdict for row in check_scene_claims(claims, view.annotation).claims]
    main = claims[-1]
    if "contradicted" in verdicts:
        return _say_verdict("No", main, view, holds=False)
    return _say_verdict("Yes", main, view, holds=True) if "unknown" not in verdicts else None


def _say_verdict(lead: str, claim: Claim, view: SceneView, *, holds: bool) -> str:
    if claim.name == "object_count":
        sure, is_sure = _choose(claim.subject, view)
        if is_sure or sure:
            said = _say_number(len(sure), claim.subject)
            return f"{lead}, {said[0].lower()}{said[1:]}"
        return f"{lead}."
    said = say_scene_claim(replace(claim, negated=claim.negated is holds))
    return f"{lead}, {said}." if said else f"{lead}."


def _tell_where(designator: str, view: SceneView) -> str | None:
    sure, is_sure = _choose(designator, view)
    placed = [one for one in sure if one.points]
    if not placed:
        return f"There is no {say_designator(designator)}." if is_sure and not sure else None
    places = list(dict.fromkeys(say_place(find_position(one)) for one in placed))[:MAX_LISTED]
    verb = "is" if len(placed) == 1 else "are"
    return f"The {say_designator(designator, len(placed))} {verb} {join_words(places)}."


def _tell_colors(designator: str, view: SceneView) -> str | None:
    sure, _ = _choose(designator, view)
    colors = list(dict.fromkeys(one.color for one in sure if one.color))
    if not colors:
        return None
    verb = "is" if len(sure) == 1 else "are"
    return f"The {say_designator(designator, len(sure))} {verb} {join_words(colors)}."


def _tell_length(designator: str, view: SceneView) -> str | None:
    sure, _ = _choose(designator, view)
    told = [one for one in sure if one.length_meters]
    if len(told) != 1:
        return None
    return f"The {say_designator(designator)} is about {told[0].length_meters:g} meters long."


def _tell_larger(first: str, second: str, view: SceneView) -> str | None:
    (one, *others), (other, *more) = (_choose(words, view)[0] or (None,) for words in
                                      (first, second))  # fmt: skip
    if one is None or other is None or others or more:
        return None
    for large, small, words in ((one, other, (first, second)), (other, one, (second, first))):
        if is_related(large, "larger_than", small):
            said, than = (say_designator(word) for word in words)
            return f"The {said} is larger than the {than}."
    return None


def _tell_boxes(designator: str, view: SceneView) -> str | None:
    sure, is_sure = _choose(designator, view)
    placed = [one for one in sure if one.points][:MAX_LISTED]
    if not placed:
        return f"There is no {say_designator(designator)}." if is_sure else None
    return " ".join(write_box(one.box, (1.0, 1.0)) for one in placed)


def _tell_region(box: tuple[float, float, float, float], view: SceneView) -> str | None:
    best = max(view.scene.objects, key=lambda one: _overlap(one, box), default=None)
    if best is None or _overlap(best, box) < 0.5:
        return None
    named = next((named.words for named in view.named if named.found is best), "")
    return f"{capital(named or with_article(say_designator(best.name)))}."


def _overlap(one: SceneObject, box: tuple[float, float, float, float]) -> float:
    """Return the intersection of two boxes over their union."""
    if not one.points:
        return 0.0
    a = one.box
    across = min(a[2], box[2]) - max(a[0], box[0])
    down = min(a[3], box[3]) - max(a[1], box[1])
    if across <= 0 or down <= 0:
        return 0.0
    both = across * down
    areas = ((x[2] - x[0]) * (x[3] - x[1]) for x in (a, box))
    return both / (sum(areas) - both)
