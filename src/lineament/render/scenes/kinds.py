"""Kinds of objects: how large they are in metres, in which colours they come, what they cover."""

from collections.abc import Mapping
from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Kind:
    """What objects of one class are like.

    Attributes:
        length_meters: Of the longer side.
        ratio: Width over length.
        colors: What the main colour may be; none: the class has a look of its own.
        gap_meters: Free space kept around it.
        height_meters: Casts the shadow.
    """

    length_meters: Range
    ratio: Range
    colors: tuple[str, ...] = ()
    gap_meters: float = 1.5
    height_meters: float = 0.0


KINDS: Mapping[str, Kind] = {
    "vehicle": Kind(
        (4.4, 5.4), (0.42, 0.48), ("white", "black", "red", "blue", "yellow", "gray"), 0.7, 1.4
    ),
    "airplane": Kind((22, 42), (0.88, 1.0), ("white", "gray"), 5.0, 4.0),
    "helicopter": Kind((12, 15), (0.5, 0.6), ("white", "red", "yellow"), 4.0, 2.5),
    "ship": Kind((16, 46), (0.24, 0.32), ("white", "red", "blue", "gray", "brown"), 3.0, 2.5),
    "building": Kind((12, 34), (0.5, 0.95), ("red", "gray", "white", "brown", "blue"), 4.0, 6.0),
    "storage_tank": Kind((14, 30), (1.0, 1.0), ("white", "gray", "brown"), 4.0, 7.0),
    "tennis_court": Kind((34, 36), (0.5, 0.52), ("blue", "green", "red"), 3.0),
    "basketball_court": Kind((28, 30), (0.53, 0.56), ("blue", "green", "red", "orange"), 3.0),
    "soccer_field": Kind((88, 104), (0.62, 0.66), (), 6.0),
    "baseball_field": Kind((62, 74), (1.0, 1.0), (), 6.0),
    "swimming_pool": Kind((11, 25), (0.42, 0.6), (), 3.0),
    "harbor": Kind((60, 90), (0.12, 0.16), (), 0.0, 1.5),
    "parking_lot": Kind((58, 90), (0.5, 0.75), (), 4.0),
    "roundabout": Kind((34, 42), (1.0, 1.0), (), 0.0),
    "bridge": Kind((40, 80), (0.2, 0.3), (), 0.0, 3.0),
    "road": Kind((100, 300), (0.03, 0.1), (), 0.0),
}
ROUND = frozenset(("storage_tank", "roundabout"))
RGB: Mapping[str, tuple[int, int, int]] = {
    "black": (34, 35, 38),
    "white": (236, 236, 232),
    "gray": (142, 144, 147),
    "red": (178, 52, 42),
    "orange": (214, 118, 44),
    "yellow": (226, 190, 52),
    "green": (62, 128, 78),
    "blue": (46, 92, 168),
    "brown": (122, 84, 58),
}
