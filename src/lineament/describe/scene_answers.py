"""Questions about an aerial scene answered by rule, from its annotation alone."""

import re
from collections.abc import Callable
from random import Random

from lineament.annotation import Annotation
from lineament.claims import Checked
from lineament.claims.scenes_check import check_scene_claims
from lineament.claims.scenes_conclusions import is_comparing
from lineament.claims.scenes_objects import SceneObject, find_position, is_related
from lineament.claims.scenes_read import read_scene_answer
from lineament.claims.scenes_say import say_designator
from lineament.claims.scenes_words import split_scene_tokens
from lineament.describe.scene_asks import (
    ALL,
    BOX,
    COLOR,
    COUNT,
    COVER,
    FILLERS_OF_BOX,
    FILLERS_OF_COLOR,
    FILLERS_OF_COUNT,
    FILLERS_OF_GROUND,
    FILLERS_OF_LENGTH,
    FILLERS_OF_NUMBER,
    FILLERS_OF_SIZE,
    FILLERS_OF_URBAN,
    FILLERS_OF_WHERE,
    KIND,
    LARGER,
    LENGTH,
    MORE,
    OR,
    SIZE,
    UNTOLD,
    URBAN,
    WHERE,
    WHETHER,
    WORDS_OF_COLORS,
)
from lineament.describe.scene_counts import (
    choose_surely,
    lead_with,
    say_colors,
    say_number,
    say_numbers,
    say_places,
)
from lineament.describe.scene_parse import (
    PLAIN_LEADS,
    Ask,
    designate,
    leads_of,
    parse_question,
    split_list,
)
from lineament.describe.scene_whether import AS_MANY_AS, is_single_claim, tell_whether
from lineament.records.sources.scenes.boxes import read_boxes, write_box
from lineament.records.write.grammar import capital, number_word, with_article
from lineament.records.write.scenes.phrase import SceneView, say_place, say_scene
from lineament.records.write.scenes.sentences import write_cover, write_global

CANNOT_TELL = "I cannot tell from what is known of this picture."
MAX_LISTED = 6
_YES_NO = re.compile(r"\W*(?:yes|no)\b", re.IGNORECASE)


def answer_scene_question(question: str, annotation: Annotation) -> str:
    """Answer from the annotation alone; what it does not tell is not told."""
    view = SceneView(annotation)
    if boxes := read_boxes(question, "1", (1.0, 1.0)):
        return _tell_region(boxes[0], view) or CANNOT_TELL
    found: str | None = None
    if any(token.kind == "noun" for token in split_scene_tokens(question)):
        found = _tell_objects(question, view)
    elif (ask := parse_question(question)) and ("X" in ask.order or ask.words & UNTOLD):
        pass  # what is not there, or not so
    elif URBAN.search(question):
        is_urban = view.has("urban") if ask.words <= FILLERS_OF_URBAN else None
        found = None if is_urban is None else f"It is {'an urban' if is_urban else 'a rural'} area."
    elif WHETHER.match(question):
        found = tell_whether(ask, view)
    elif KIND.search(question):
        scene = say_scene(annotation)
        found = f"The picture shows {with_article(scene)} area." if scene else None
    elif COVER.search(question) and ask.words <= FILLERS_OF_GROUND:
        found = " ".join(write_cover(view)) or None
    elif ALL.search(question):
        found = " ".join(write_global(view, Random(0))) or None
    return found or CANNOT_TELL


def _tell_objects(question: str, view: SceneView) -> str | None:
    """Answer a question that names objects; None where it is not understood whole."""
    ask = parse_question(question)
    if "unknown" in leads_of(ask):
        return None
    is_pair = re.fullmatch(r"N[SAO]*N", ask.order) is not None
    if is_pair and MORE.search(question) and not SIZE.search(question):
        is_whole = ask.words <= FILLERS_OF_NUMBER and set(leads_of(ask)) <= {"", "the"}
        return _tell_more(question, ask, view) if is_whole else None
    is_either = bool(OR.search(question))
    if is_pair and LARGER.search(question) and (is_either or not WHETHER.match(question)):
        is_whole = ask.words <= FILLERS_OF_SIZE and set(leads_of(ask)) <= PLAIN_LEADS
        return _tell_larger(ask, view) if is_whole else None
    if len(re.findall(r"\bnumbers?\b", question, re.IGNORECASE)) > 1:
        return None  # of a sum or difference
    if BOX.search(question) and not WHETHER.match(question):
        return _tell_one(ask, FILLERS_OF_BOX, _tell_boxes, view)
    if COUNT.search(question):
        is_of_colors = COLOR.search(question) is not None
        return _tell_color_numbers(ask, view) if is_of_colors else _tell_count(ask, view)
    if WHETHER.match(question):
        return tell_whether(ask, view)
    for pattern, fillers, tell in (
        (WHERE, FILLERS_OF_WHERE, _tell_where),
        (COLOR, FILLERS_OF_COLOR, _tell_colors),
        (LENGTH, FILLERS_OF_LENGTH, _tell_length),
    ):
        if pattern.search(question):
            return _tell_one(ask, fillers, tell, view)
    return None


def _tell_one(
    ask: Ask, fillers: frozenset[str], tell: Callable[[str, SceneView], str | None], view: SceneView
) -> str | None:
    """Tell something of the objects that one noun means."""
    designator = designate(ask.tokens, ask.order)
    if not designator or not ask.words <= fillers:
        return None
    first, *others = leads_of(ask)
    is_plain = first in PLAIN_LEADS | {"every"} and PLAIN_LEADS.issuperset(others)
    return tell(designator, view) if is_plain else None


def check_scene_answer(question: str, answer: str, annotation: Annotation) -> Checked:
    """Check what an answer says, read together with its question.

    Yes and No say by themselves only what the question holds if it holds a single thing: No to
    ``Is there a car and a ship?`` denies neither.
    """
    if lead := _YES_NO.match(answer):
        ask = parse_question(question)
        if is_single_claim(ask):
            question = f"{ask.text.rstrip('? ')}?"
        elif not _is_of_pair(question, ask):
            question = ""
        elif AS_MANY_AS.search(answer):
            answer = answer[: lead.end()]  # the rest is the question again
    return check_scene_claims(read_scene_answer(question, answer), annotation)


def _is_of_pair(question: str, ask: Ask) -> bool:
    """Say whether the reader takes yes and no to a question as said of two kinds or objects."""
    return len(ask.nouns) == 2 and (is_comparing(question) or MORE.search(question) is not None)


def _tell_count(ask: Ask, view: SceneView) -> str | None:
    if not ask.words <= FILLERS_OF_COUNT or not set(leads_of(ask)) <= {"", "the", "a", "many"}:
        return None
    if designator := designate(ask.tokens, ask.order):
        return say_number(designator, view)
    is_list = split_list(ask.order) == "A" or _are_colors_of_one(ask)
    return say_numbers([one.value.designator for one in ask.nouns], view) if is_list else None


def _are_colors_of_one(ask: Ask) -> bool:
    """Say whether a question is about objects of one class in one colour or another."""
    nouns = [token.value for token in ask.nouns]
    is_one = len({noun.name for noun in nouns}) == 1 and all(noun.color for noun in nouns)
    return is_one and split_list(ask.order) == "O"


def _tell_color_numbers(ask: Ask, view: SceneView) -> str | None:
    """Answer ``How many ship colors are there?`` and ``How many ships of each color?``."""
    if ask.order != "N" or not ask.words <= FILLERS_OF_COUNT | WORDS_OF_COLORS:
        return None
    (noun,) = ask.nouns
    sure, is_sure = choose_surely(noun.value.designator, view)
    if noun.value.color or not is_sure or ask.lead(noun) not in ("", "the", "every", "many"):
        return None
    said, number = say_colors(noun.value.designator, view, sure)
    if not said or not all(one.color for one in sure):
        return None
    if ask.words & {"each", "every", "per"}:
        return said
    return f"{said[:-1]}: {number_word(number)} color{'' if number == 1 else 's'}."


def _tell_more(question: str, ask: Ask, view: SceneView) -> str | None:
    first, second = (token.value.designator for token in ask.nouns)
    said = say_numbers((first, second), view)
    if said is None or first == second:
        return None
    one, other = (len(choose_surely(designator, view)[0]) for designator in (first, second))
    if WHETHER.match(question) and re.search(r"\bthan\b", question, re.IGNORECASE):
        is_fewer = bool(re.search(r"\b(?:fewer|less)\b", question, re.IGNORECASE))
        return lead_with("Yes" if (one < other if is_fewer else one > other) else "No", said)
    if one == other:
        return f"{said[:-1]}, so the numbers are equal."
    if max(one, other) == 1:
        return said
    return f"{said[:-1]}, so there are more {say_designator(first if one > other else second, 2)}."


def _tell_where(designator: str, view: SceneView) -> str | None:
    sure, is_sure = choose_surely(designator, view)
    placed = [one for one in sure if one.points]
    if not placed:
        return f"There is no {say_designator(designator)}." if is_sure and not sure else None
    if len(placed) > 1:
        is_whole = is_sure and len(placed) == len(sure)
        return say_places(designator, placed, "" if is_whole else "at least ")
    return f"The {say_designator(designator)} is {say_place(find_position(placed[0]))}."


def _tell_colors(designator: str, view: SceneView) -> str | None:
    sure, is_sure = choose_surely(designator, view)
    colors = {one.color for one in sure}
    if len(colors - {""}) > 1:
        return say_colors(designator, view, sure)[0]
    if not sure:
        return f"There is no {say_designator(designator)}." if is_sure else None
    if len(colors) > 1 or colors == {""}:
        return None
    verb = "is" if len(sure) == 1 else "are"
    return f"The {say_designator(designator, len(sure))} {verb} {colors.pop()}."


def _tell_length(designator: str, view: SceneView) -> str | None:
    sure, is_sure = choose_surely(designator, view)
    if not sure:
        return f"There is no {say_designator(designator)}." if is_sure else None
    if len(sure) > 1 or not sure[0].length_meters:
        return None
    return f"The {say_designator(designator)} is about {sure[0].length_meters:g} meters long."


def _tell_larger(ask: Ask, view: SceneView) -> str | None:
    first, second = (token.value.designator for token in ask.nouns)
    (one, *others), (other, *more) = (choose_surely(words, view)[0] or (None,) for words in
                                      (first, second))  # fmt: skip
    if one is None or other is None or others or more:
        return None
    for large, small, words in ((one, other, (first, second)), (other, one, (second, first))):
        if is_related(large, "larger_than", small):
            said, than = (say_designator(word) for word in words)
            return f"The {said} is larger than the {than}."
    return None


def _tell_boxes(designator: str, view: SceneView) -> str | None:
    sure, is_sure = choose_surely(designator, view)
    placed = [one for one in sure if one.points][:MAX_LISTED]
    if not placed:
        return f"There is no {say_designator(designator)}." if is_sure and not sure else None
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
