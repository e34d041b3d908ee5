"""How many objects of a scene words mean, at least and at most, and sentences that say so."""

from collections.abc import Sequence

from lineament.claims.scenes_check import choose_objects
from lineament.claims.scenes_objects import Answer, SceneObject, find_position
from lineament.claims.scenes_say import say_designator
from lineament.describe.scene_parse import color_of
from lineament.records.write.grammar import join_words, number_word
from lineament.records.write.scenes.phrase import SceneView


def choose_surely(designator: str, view: SceneView) -> tuple[Sequence[SceneObject], bool]:
    """Return the objects that the words surely mean, and whether none can be missing."""
    chosen = choose_objects(designator, view.scene)
    if chosen is None:
        return (), False
    sure, unsure, is_listed = chosen
    return sure, is_listed and not unsure


def find_bounds(designator: str, view: SceneView) -> tuple[int, int | None]:
    """Return how many objects the words mean at least, and at most; None where no limit is."""
    chosen = choose_objects(designator, view.scene)
    if chosen is None:
        return 0, None
    sure, unsure, is_listed = chosen
    return len(sure), len(sure) + len(unsure) if is_listed else None


def judge_range(bounds: tuple[int, int | None], low: float | None, high: float | None) -> Answer:
    """Say whether a number within bounds is at least ``low`` and below ``high``."""
    least, most = bounds
    if (high is not None and least >= high) or (
        low is not None and most is not None and most < low
    ):
        return False
    is_enough = low is None or least >= low
    is_few = high is None or (most is not None and most < high)
    return True if is_enough and is_few else None


def count_in_words(number: int, designator: str) -> str:
    """Return ``three white ships``."""
    return f"{number_word(number)} {say_designator(designator, number)}"


def say_number(designator: str, view: SceneView) -> str | None:
    """Say how many there are; None where not one is sure, and some may be there."""
    least, most = find_bounds(designator, view)
    if most != least and not least:
        return None
    said = count_in_words(least, designator)
    return f"There {'is' if least == 1 else 'are'} {'' if most == least else 'at least '}{said}."


def say_numbers(designators: Sequence[str], view: SceneView) -> str | None:
    """Say the numbers of several kinds in one sentence; None where one is not sure."""
    chosen = [choose_surely(designator, view) for designator in designators]
    if not chosen or not all(is_sure for _, is_sure in chosen):
        return None
    said = [count_in_words(len(sure), one)
            for (sure, _), one in zip(chosen, designators, strict=True)]  # fmt: skip
    return f"There {'is' if len(chosen[0][0]) == 1 else 'are'} {join_words(said)}."


def say_colors(designator: str, view: SceneView, objects: Sequence[SceneObject]) -> tuple[str, int]:
    """Say how many objects are of which color, and return the number of colours.

    One sentence that says it of all would say it of each.
    """
    numbers: dict[str, int] = {}
    for one in objects:
        if one.color:
            numbers[one.color] = numbers.get(one.color, 0) + 1
    if not numbers:
        return "", 0
    _, is_sure = choose_surely(designator, view)
    is_whole = is_sure and sum(numbers.values()) == len(objects)
    bound = "" if is_whole else "at least "
    said = [f"{bound}{count_in_words(number, color_of(designator, color))}"
            for color, number in numbers.items()]  # fmt: skip
    verb = "is" if next(iter(numbers.values())) == 1 else "are"
    return f"There {verb} {join_words(said)}.", len(numbers)


def say_places(designator: str, placed: Sequence[SceneObject], bound: str) -> str:
    """Say how many objects lie in which ninth of the picture."""
    numbers: dict[str, int] = {}
    for one in placed:
        position = find_position(one)
        numbers[position] = numbers.get(position, 0) + 1
    said = [f"{bound}{count_in_words(number, f'at:{position} {designator}')}"
            for position, number in numbers.items()]  # fmt: skip
    verb = "is" if next(iter(numbers.values())) == 1 else "are"
    return f"There {verb} {join_words(said)}."


def lead_with(lead: str, sentence: str | None) -> str:
    """Put Yes or No before a sentence."""
    return f"{lead}, {sentence[0].lower()}{sentence[1:]}" if sentence else f"{lead}."
