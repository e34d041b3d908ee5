"""Questions about an aerial scene answered by rule, from its annotation alone."""

import re
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from lineament.annotation import Annotation
from lineament.claims import Checked, Claim
from lineament.claims.scenes_check import check_scene_claims, choose_objects
from lineament.claims.scenes_objects import SceneObject, find_position, is_related
from lineament.claims.scenes_read import find_asked_objects, read_scene_answer
from lineament.claims.scenes_say import say_designator, say_scene_claim
from lineament.claims.scenes_words import Token, split_scene_tokens
from lineament.describe.scene_asks import (
    ALL,
    BOX,
    COLOR,
    COUNT,
    COVER,
    FILLERS,
    FILLERS_OF_GROUND,
    FILLERS_OF_NUMBER,
    FILLERS_OF_SIZE,
    KIND,
    LARGER,
    LENGTH,
    MORE,
    OR,
    OR_WORD,
    SIZE,
    URBAN,
    WHERE,
    WHETHER,
)
from lineament.records.sources.scenes.boxes import read_boxes, write_box
from lineament.records.write.grammar import capital, join_words, number_word, with_article
from lineament.records.write.scenes.phrase import SceneView, say_place, say_scene
from lineament.records.write.scenes.sentences import write_cover, write_global

CANNOT_TELL = "I cannot tell from what is known of this picture."
MAX_LISTED = 6


def answer_scene_question(question: str, annotation: Annotation) -> str:
    """Answer from the annotation alone; what it does not tell is not told."""
    view = SceneView(annotation)
    if boxes := read_boxes(question, "1", (1.0, 1.0)):
        return _tell_region(boxes[0], view) or CANNOT_TELL
    tokens = split_scene_tokens(question)
    nouns = [token.value.designator for token in tokens if token.kind == "noun"]
    found: str | None = None
    if nouns:
        found = _tell_objects(question, tokens, nouns, view)
    elif URBAN.search(question):
        is_urban = view.has("urban")
        found = None if is_urban is None else f"It is {'an urban' if is_urban else 'a rural'} area."
    elif WHETHER.match(question):
        found = _tell_whether(question, view) if _is_read_whole(question, tokens, OR_WORD) else None
    elif KIND.search(question):
        scene = say_scene(annotation)
        found = f"The picture shows {with_article(scene)} area." if scene else None
    elif COVER.search(question) and _is_read_whole(question, tokens, FILLERS_OF_GROUND):
        found = " ".join(write_cover(view)) or None
    elif ALL.search(question):
        found = " ".join(write_global(view, Random(0))) or None
    return found or CANNOT_TELL


def _tell_objects(
    question: str, tokens: Sequence[Token], nouns: Sequence[str], view: SceneView
) -> str | None:
    """Answer a question that names objects; None where it is not understood whole."""
    if len(nouns) == 2 and MORE.search(question) and not SIZE.search(question):
        is_whole = _is_read_whole(question, tokens, FILLERS_OF_NUMBER)
        return _tell_more(question, nouns[0], nouns[1], view) if is_whole else None
    is_either = bool(OR.search(question))
    if len(nouns) == 2 and LARGER.search(question) and (is_either or not WHETHER.match(question)):
        is_whole = _is_read_whole(question, tokens, FILLERS_OF_SIZE)
        return _tell_larger(nouns[0], nouns[1], view) if is_whole else None
    if len(re.findall(r"\bnumbers?\b", question, re.IGNORECASE)) > 1:
        return None  # of a sum or difference
    if not _is_read_whole(question, tokens, OR_WORD):
        return None
    asked = find_asked_objects(question)
    if BOX.search(question):
        return _tell_boxes(asked[0], view) if len(asked) == 1 else None
    if COUNT.search(question):
        return None if is_either else _tell_count(asked, view)
    if WHETHER.match(question):
        return _tell_whether(question, view)
    if len(asked) != 1:
        return None
    for pattern, tell in (
        (WHERE, _tell_where), (COLOR, _tell_colors), (LENGTH, _tell_length),
    ):  # fmt: skip
        if pattern.search(question):
            return tell(asked[0], view)
    return None


def _is_read_whole(
    question: str, tokens: Sequence[Token], more: frozenset[str] = frozenset()
) -> bool:
    """Say whether nothing in a question is left that might change its meaning."""
    rest = list(question.lower())
    for token in tokens:
        rest[token.start : token.stop] = " " * (token.stop - token.start)
    words = re.findall(r"[^\W_]+", "".join(rest))
    return all(word in FILLERS or word in more for word in words)


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


def _tell_count(asked: Sequence[str], view: SceneView) -> str | None:
    if not asked:
        return None
    if len(asked) > 1:
        return _say_numbers(asked, view)
    sure, is_sure = _choose(asked[0], view)
    if is_sure:
        return _say_number(len(sure), asked[0])
    return f"At least {_number_of(len(sure), asked[0])}." if sure else None


def _say_numbers(asked: Sequence[str], view: SceneView) -> str | None:
    """Say the numbers of several kinds in one sentence; None where one is not sure."""
    chosen = [_choose(designator, view) for designator in asked]
    if not all(is_sure for _, is_sure in chosen):
        return None
    said = [_number_of(len(sure), one) for (sure, _), one in zip(chosen, asked, strict=True)]
    return f"There {'is' if len(chosen[0][0]) == 1 else 'are'} {join_words(said)}."


def _tell_more(question: str, first: str, second: str, view: SceneView) -> str | None:
    said = _say_numbers((first, second), view)
    if said is None or first == second:
        return None
    one, other = (len(_choose(designator, view)[0]) for designator in (first, second))
    if WHETHER.match(question) and re.search(r"\bthan\b", question, re.IGNORECASE):
        is_fewer = bool(re.search(r"\b(?:fewer|less)\b", question, re.IGNORECASE))
        holds = one < other if is_fewer else one > other
        return f"{'Yes' if holds else 'No'}, {said[0].lower()}{said[1:]}"
    if one == other:
        return f"{said[:-1]}, so the numbers are equal."
    if max(one, other) == 1:
        return said
    return f"{said[:-1]}, so there are more {say_designator(first if one > other else second, 2)}."


def _say_number(number: int, designator: str) -> str:
    return f"There {'is' if number == 1 else 'are'} {_number_of(number, designator)}."


def _number_of(number: int, designator: str) -> str:
    return f"{number_word(number)} {say_designator(designator, number)}"


def _tell_whether(question: str, view: SceneView) -> str | None:
    if OR.search(question):
        return _tell_either(question, view)
    claims = read_scene_answer(question, "Yes.")
    checked = check_scene_claims(claims, view.annotation).claims
    verdicts = [row.verdict for row in checked]
    if not claims or not _is_related_whole(question, claims):
        return None
    if "contradicted" in verdicts:
        return _say_verdict("No", claims[verdicts.index("contradicted")], view, holds=False)
    return _say_verdict("Yes", claims[-1], view, holds=True) if "unknown" not in verdicts else None


def _tell_either(question: str, view: SceneView) -> str | None:
    """Answer ``Is there a ship or a bridge?``: one of them is enough."""
    claims = read_scene_answer(OR.sub(" and ", question), "Yes.")
    verdicts = [row.verdict for row in check_scene_claims(claims, view.annotation).claims]
    if any(claim.name != "object_count" and claim.subject for claim in claims):
        return None
    if "supported" in verdicts:
        return _say_verdict("Yes", claims[verdicts.index("supported")], view, holds=True)
    if not claims or "unknown" in verdicts:
        return None
    return _say_verdict("No", claims[0], view, holds=False) if len(claims) == 1 else "No."


def _is_related_whole(question: str, claims: Sequence[Claim]) -> bool:
    """Say whether every relation that a question names is in its claims."""
    words = re.sub(r"\bfrom\s+above\b", "", question, flags=re.IGNORECASE)
    named = [token.value for token in split_scene_tokens(words) if token.kind == "relation"]
    said = [claim.name for claim in claims]
    tagged = [part.split(":")[0] for claim in claims for part in claim.subject.split()]
    return all(name in said or name in tagged for name in named)


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
