"""Where things of a picture lie to each other, measured a second way, for `scenes_check.py`.

Nothing of the project is imported. The rules are those that ``docs/remote-sensing.md`` states.
"""

import math
import re
from typing import Any

RELATIONS = {
    "to the left of": ("x", -1), "to the right of": ("x", 1), "above": ("y", -1),
    "below": ("y", 1), "near": "near", "inside": "inside", "on": "on", "parallel to": "parallel",
    "larger than": "larger",
}  # fmt: skip
RUNS = {
    "horizontally": (0, 22.5), "vertically": (67.5, 112.5),
    "diagonally from the top left to the bottom right": (22.5, 67.5),
    "diagonally from the bottom left to the top right": (112.5, 157.5),
}  # fmt: skip
MIN_OFFSET, MAX_OVERLAP = 0.10, 0.20  # of the picture's side; of the smaller box
NEAR, FAR = 0.5, 1.0  # gap, of the larger side of the two
LARGER = 1.4  # stated as 1.44; areas are rounded
SLACK = 1e-6


def stands_out(one: dict[str, Any], other: dict[str, Any]) -> bool:
    areas = sorted((one["area"], other["area"]))
    return areas[1] > LARGER * areas[0]


def lies_in(row: dict[str, Any], match: re.Match[str], first: int) -> bool:
    rows, columns = ("top", "middle", "bottom"), ("left", "center", "right")
    place = (1, 1)
    if not match[first + 2]:
        place = rows.index(match[first].lower()), columns.index(match[first + 1].lower())
    return (min(int(row["y"] * 3), 2), min(int(row["x"] * 3), 2)) == place


def on_side(row: dict[str, Any], side: str) -> bool:
    return {"left": row["x"] < 0.5, "right": row["x"] > 0.5, "top": row["y"] < 0.5,
            "bottom": row["y"] > 0.5}[side.lower()]  # fmt: skip


def covered(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Return the share of points of a thing that lie within the other's outline."""
    corners = list(zip(one["xs"], one["ys"], strict=True))
    if len(corners) != 4:
        x0, y0, x1, y1 = one["box"]
        corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    (ax, ay), (bx, by), _, (dx, dy) = corners
    inside = 0
    for i in range(15):
        for j in range(15):
            u, v = (i + 0.5) / 15, (j + 0.5) / 15
            x, y = ax + u * (bx - ax) + v * (dx - ax), ay + u * (by - ay) + v * (dy - ay)
            hit, xs, ys = False, other["xs"], other["ys"]
            for k in range(len(xs)):
                if (ys[k] > y) != (ys[k - 1] > y):
                    at = (xs[k - 1] - xs[k]) * (y - ys[k]) / (ys[k - 1] - ys[k]) + xs[k]
                    hit ^= x < at
            inside += hit
    return inside / 225


def overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Return the share of the smaller box that both have in common."""
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return max(across, 0.0) * max(down, 0.0) / smaller if smaller > 0 else 1.0


def holds(one: dict[str, Any], relation: str, other: dict[str, Any]) -> bool | None:
    """Say whether a relation holds; None between holding and not holding."""
    a, b = one["box"], other["box"]
    rule = RELATIONS[relation]
    if isinstance(rule, tuple):
        axis, sign = rule
        ahead = sign * (one[axis] - other[axis])
        if ahead > MIN_OFFSET - SLACK and overlap(a, b) <= MAX_OVERLAP + SLACK:
            return True
        return False if ahead <= SLACK else None
    if rule == "near":
        gap = math.hypot(max(a[0] - b[2], b[0] - a[2], 0), max(a[1] - b[3], b[1] - a[3], 0))
        gap /= max(a[2] - a[0], a[3] - a[1], b[2] - b[0], b[3] - b[1])
        return True if gap < NEAR + SLACK else False if gap > FAR - SLACK else None
    if rule in ("inside", "on"):
        if rule == "on" and one["on"] is not None and one["on"] == other["id"]:
            return True
        share = covered(one, other)  # stated as 0.9 and 0.5; both sides sample points
        return True if share >= 0.85 else False if share <= 0.55 else None
    if rule == "parallel":
        apart = [abs(x - y) % 180 for x in one["ways"] for y in other["ways"]]
        least = min((min(x, 180 - x) for x in apart), default=math.nan)
        return True if least < 12.5 else False if least > 24.5 else None
    if one["area"] < other["area"]:
        return False
    return True if stands_out(one, other) else None


def runs(one: dict[str, Any], way: str) -> bool:
    low, high = RUNS[way.lower()]
    return any(low <= x % 180 <= high or (low == 0 and x % 180 >= 157.5) for x in one["ways"])


def is_long(one: dict[str, Any], meters: float) -> bool:
    return any(abs(x - meters) <= max(1.0, 0.1 * x) for x in one["lengths"])
