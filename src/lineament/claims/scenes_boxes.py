"""Boxes in answers: which object a box is said to hold, and whether it does."""

import re
from collections.abc import Iterator, Sequence

from lineament.claims.claim import Claim
from lineament.claims.scenes_objects import Answer, SceneObject
from lineament.claims.scenes_words import split_scene_tokens

BOX = "object_box"
ROUNDING = 0.0011  # three decimals, and a last digit that was rounded the other way
SAME_OVERLAP, OTHER_OVERLAP = 0.9, 0.5
_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_BOX = re.compile(rf"\[+\s*({_NUMBER}(?:\s*,\s*{_NUMBER}){{3}})\s*\]+")
_YES_NO = re.compile(r"^\W*(?:yes|no)\b", re.IGNORECASE)
Corners = tuple[float, float, float, float]


def read_boxed(question: str, answer: str, asked: Sequence[str]) -> Iterator[Claim]:
    """Read a box for words, or words for a box; numbers are fractions of the picture's sides.

    Args:
        question: ``Give the box of: the ship.``, or ``What is inside the box [...]?``.
        answer: A box, or words.
        asked: The objects that the question is about.
    """
    given = list(_BOX.finditer(answer))
    boxes = list(_BOX.finditer(question))
    if given and not boxes and len(asked) == 1:
        for match in given:
            yield _claim(match[1], asked[0], answer, match.span())
    if len(boxes) == 1 and not given and not _YES_NO.match(answer):
        nouns = [token for token in split_scene_tokens(answer) if token.kind == "noun"]
        if nouns and nouns[0].value.count != (0, 1):
            span = nouns[0].start, nouns[0].stop
            yield _claim(boxes[0][1], nouns[0].value.designator, answer, span)


def _claim(numbers: str, subject: str, text: str, span: tuple[int, int]) -> Claim:
    corners = ", ".join(f"{float(number):.3f}" for number in numbers.split(","))
    said = text[slice(*span)]
    return Claim(BOX, f"[{corners}]", subject=subject, text=said, start=span[0], stop=span[1])


def judge_box(
    box: str, sure: Sequence[SceneObject], unsure: Sequence[SceneObject], *, is_listed: bool
) -> Answer:
    """Say whether a box holds one of the objects; None where it is half right.

    Corners equal but for rounding, or an intersection over union of 0.9, is right; one below 0.5
    is wrong where every object of the class is known.

    Args:
        box: As `read_boxed` writes it.
        sure: Objects that the words pick.
        unsure: Objects that they may pick.
        is_listed: No object of the class can be missing.
    """
    x0, y0, x1, y1 = (float(number) for number in box.strip("[] ").split(","))
    corners = (x0, y0, x1, y1)
    if any(one.points and _is_same(corners, one.box) for one in sure):
        return True
    if not is_listed or not all(one.points for one in (*sure, *unsure)):
        return None
    shares = [overlap(corners, one.box) for one in (*sure, *unsure)]
    return False if all(share < OTHER_OVERLAP for share in shares) else None


def _is_same(one: Corners, other: Corners) -> bool:
    is_close = all(abs(a - b) <= ROUNDING for a, b in zip(one, other, strict=True))
    return is_close or overlap(one, other) >= SAME_OVERLAP


def overlap(one: Corners, other: Corners) -> float:
    """Return the intersection of two boxes over their union."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    if across <= 0 or down <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return across * down / (sum(areas) - across * down)
