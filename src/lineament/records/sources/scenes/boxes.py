"""Boxes in text: fractions of the picture with three decimals; every scale declared."""

import re

from lineament.errors import BadInput

Box = tuple[float, float, float, float]
SCALES = ("1", "100", "1000", "pixels")
_FACTORS: dict[str, float] = {"1": 1.0, "100": 100.0, "1000": 1000.0}
_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_BOX = re.compile(rf"\[+\s*({_NUMBER}(?:\s*,\s*{_NUMBER}){{3,4}})\s*\]+")


def write_box(box_px: Box, size_px: tuple[float, float]) -> str:
    """Write a box as ``[x1, y1, x2, y2]``: fractions of the picture's own sides, no padding."""
    width, height = size_px
    x0, y0, x1, y1 = box_px
    return f"[{x0 / width:.3f}, {y0 / height:.3f}, {x1 / width:.3f}, {y1 / height:.3f}]"


def read_boxes(text: str, scale: str, size_px: tuple[float, float]) -> list[Box]:
    """Read every box of a text into pixels; a fifth number, an angle, is left out.

    Args:
        text: Any text; boxes stand in brackets, single or double.
        scale: What the numbers count: parts of 1, 100 or 1000, or pixels. Never guessed.
        size_px: Width and height of the picture.

    Raises:
        BadInput: The scale is none of these.
    """
    if scale not in SCALES:
        raise BadInput(f"unknown scale {scale!r}", hint=f"one of {', '.join(SCALES)}")
    width, height = size_px
    if scale == "pixels":
        across = down = 1.0
    else:
        across, down = width / _FACTORS[scale], height / _FACTORS[scale]
    boxes: list[Box] = []
    for match in _BOX.finditer(text):
        x0, y0, x1, y1 = (float(number) for number in match[1].split(",")[:4])
        boxes.append((x0 * across, y0 * down, x1 * across, y1 * down))
    return boxes


def is_box(box_px: Box) -> bool:
    """Say whether the corners are in order, so that the box has an area."""
    x0, y0, x1, y1 = box_px
    return x0 < x1 and y0 < y1


def clip_box(box_px: Box, size_px: tuple[float, float]) -> Box:
    """Cut a box at the borders of the picture."""
    width, height = size_px
    x0, y0, x1, y1 = box_px
    return max(x0, 0.0), max(y0, 0.0), min(x1, width), min(y1, height)


def is_inside(box_px: Box, size_px: tuple[float, float], *, slack_px: float = 1.0) -> bool:
    """Say whether a box keeps within the picture, but for rounding."""
    x0, y0, x1, y1 = box_px
    return (
        x0 >= -slack_px
        and y0 >= -slack_px
        and x1 <= size_px[0] + slack_px
        and y1 <= size_px[1] + slack_px
    )
