"""Layouts: what stands where in a residential area, an airport, a harbour, on farmland, ..."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from lineament.render.scenes.geometry import Points, Rect, clip_to_square, is_apart, is_within
from lineament.render.scenes.kinds import KINDS, ROUND

BORDER_METERS = 2.0


@dataclass(frozen=True, slots=True)
class Thing:
    """An object of a layout.

    Attributes:
        name: Its class.
        rect: On the ground, in metres.
        color: Its main colour, or empty.
        host: Number of the thing it stands on, or -1.
    """

    name: str
    rect: Rect
    color: str = ""
    host: int = -1


@dataclass(slots=True)
class Layout:
    """A layout that grows: no two things overlap unless one stands on the other.

    Attributes:
        rng: Where every choice comes from.
        side_meters: Of the square ground.
        things: In the order in which they are drawn.
        covers: Land cover: name and area, in the order in which they are drawn.
        blocked: Areas that nothing is put into, beside the things themselves.
    """

    rng: np.random.Generator
    side_meters: float
    things: list[Thing] = field(default_factory=list)
    covers: list[tuple[str, Points]] = field(default_factory=list)
    blocked: list[Points] = field(default_factory=list)

    def cover(self, name: str, points: Points, *, is_blocked: bool = False) -> None:
        """Lay out land cover, cut at the border."""
        cut = clip_to_square(points, self.side_meters)
        if len(cut) >= 3:
            self.covers.append((name, cut))
            if is_blocked:
                self.blocked.append(cut)

    def cover_all(self, name: str) -> None:
        """Cover the whole ground."""
        self.cover(name, self.square)

    @property
    def square(self) -> Points:
        """The whole ground."""
        side = self.side_meters
        return np.array([[0.0, 0.0], [side, 0.0], [side, side], [0.0, side]])

    def put(self, name: str, rect: Rect, *, color: str | None = None, host: int = -1) -> int:
        """Put a thing where it is wanted; return its number."""
        if color is None:
            colors = KINDS[name].colors
            color = str(self.rng.choice(colors)) if colors else ""
        self.things.append(Thing(name, rect, color, host))
        return len(self.things) - 1

    def is_free(self, name: str, rect: Rect, hosts: frozenset[int] = frozenset()) -> bool:
        """Say whether a thing fits: within the picture, apart from others and blocked areas."""
        corners = rect.corners
        low, high = BORDER_METERS, self.side_meters - BORDER_METERS
        if corners.min() < low or corners.max() > high:
            return False
        grown = rect.grown(KINDS[name].gap_meters).corners
        others = (t.rect.corners for i, t in enumerate(self.things) if i not in hosts)
        areas = () if hosts else self.blocked
        return all(is_apart(grown, other) for other in (*others, *areas))

    def try_put(
        self,
        name: str,
        *,
        degrees: float | None = None,
        within: Points | None = None,
        host: int = -1,
        is_afloat: bool = False,
        tries: int = 40,
    ) -> int:
        """Put a thing at a random free place; return its number, or -1 where none was found."""
        kind = KINDS[name]
        for _ in range(tries):
            length = self.rng.uniform(*kind.length_meters)
            turn = self.rng.uniform(0, 360) if degrees is None else degrees
            turn = 0.0 if name in ROUND else turn
            x, y = self.rng.uniform(0, self.side_meters, 2)
            if within is not None:
                x, y = self._pick_within(within)
            rect = Rect(x, y, length, length * self.rng.uniform(*kind.ratio), turn)
            is_placed = within is None or is_within(rect.corners, within)
            hosts = frozenset((host,)) if host >= 0 else frozenset((-1,)) if is_afloat else None
            if is_placed and self.is_free(name, rect, hosts or frozenset()):
                return self.put(name, rect, host=host)
        return -1

    def put_some(self, name: str, low: int, high: int, **options: object) -> int:
        """Put a random number of things; return how many found a place."""
        count = int(self.rng.integers(low, high + 1))
        return sum(self.try_put(name, **options) >= 0 for _ in range(count))  # type: ignore[arg-type]

    def _pick_within(self, area: Points) -> tuple[float, float]:
        low, high = area.min(0), area.max(0)
        x, y = low + (high - low) * self.rng.uniform(0, 1, 2)
        return float(x), float(y)


def lay_road(layout: Layout, degrees: float, width: float, offset: float = 0.0) -> int:
    """Lay a straight road through the picture, `offset` metres beside its middle."""
    middle, turn = layout.side_meters / 2, math.radians(degrees)
    x, y = middle - offset * math.sin(turn), middle + offset * math.cos(turn)
    return layout.put("road", Rect(x, y, 3 * layout.side_meters, width, degrees))


def fill_road(layout: Layout, road: int, count: int, lanes: tuple[float, ...]) -> None:
    """Put vehicles on the lanes of a road, driving on the right."""
    rect = layout.things[road].rect
    for _ in range(count * 3):
        lane = float(layout.rng.choice(lanes))
        length = layout.rng.uniform(*KINDS["vehicle"].length_meters)
        along = layout.rng.uniform(-0.5, 0.5) * layout.side_meters * 1.3 / rect.length
        x, y = rect.place(((along, lane),))[0]
        degrees = rect.degrees if lane > 0 else rect.degrees + 180
        found = Rect(x, y, length, length * layout.rng.uniform(0.42, 0.48), degrees)
        if layout.is_free("vehicle", found, _roads(layout)):
            layout.put("vehicle", found, host=road)
            count -= 1
        if count <= 0:
            return


def _roads(layout: Layout) -> frozenset[int]:
    return frozenset(i for i, t in enumerate(layout.things) if t.name in ("road", "bridge"))


def plant_trees(layout: Layout, clumps: int) -> None:
    """Put clumps of trees where nothing stands."""
    for _ in range(clumps * 3):
        size = layout.rng.uniform(6, 16)
        x, y = layout.rng.uniform(size, layout.side_meters - size, 2)
        rect = Rect(x, y, size, size)
        taken = (*(t.rect.grown(1.5).corners for t in layout.things), *layout.blocked)
        if all(is_apart(rect.corners, other) for other in taken):
            layout.covers.append(("trees", rect.corners))
            layout.blocked.append(rect.corners)
            clumps -= 1
        if clumps <= 0:
            return


def _residential(layout: Layout) -> None:
    layout.cover_all("grass")
    degrees = float(layout.rng.uniform(-20, 20)) + float(layout.rng.choice((0, 90)))
    road = lay_road(layout, degrees, 8.0, layout.rng.uniform(-0.15, 0.15) * layout.side_meters)
    if layout.rng.random() < 0.5:
        lay_road(layout, degrees + 90, 8.0, layout.rng.uniform(-0.2, 0.2) * layout.side_meters)
    fill_road(layout, road, int(layout.rng.integers(0, 5)), (-0.24, 0.24))
    layout.put_some("building", 3, 11, degrees=degrees)
    layout.put_some("swimming_pool", 0, 2, degrees=degrees)
    plant_trees(layout, int(layout.rng.integers(0, 9)))


def _airport(layout: Layout) -> None:
    layout.cover_all(str(layout.rng.choice(("grass", "bare_land"))))
    degrees = float(layout.rng.uniform(0, 180))
    lay_road(layout, degrees, 18.0, -0.32 * layout.side_meters)
    stand = degrees + float(layout.rng.choice((60, 90, 120)))
    layout.put_some("airplane", 2, 6, degrees=stand)
    layout.put_some("building", 1, 2, degrees=degrees)
    layout.put_some("helicopter", 0, 1)
    layout.put_some("vehicle", 0, 5, degrees=degrees)


def _harbor(layout: Layout) -> None:
    layout.cover_all(str(layout.rng.choice(("grass", "bare_land"))))
    degrees = float(layout.rng.choice((0, 90, 180, 270))) + float(layout.rng.uniform(-12, 12))
    side = layout.side_meters
    sea = Rect(side / 2, side / 2, 3 * side, 1.5 * side, degrees)
    x, y = sea.place(((0.0, 0.42),))[0]
    water = Rect(x, y, 3 * side, 1.5 * side, degrees)
    layout.cover("water", water.corners[::1], is_blocked=True)
    sea_area = layout.blocked[-1]
    shore = water.place(((0.0, -0.5),))[0]
    for along in (-0.25, 0.25):
        length = layout.rng.uniform(0.28, 0.36) * side
        turn = math.radians(degrees)
        x = shore[0] + along * side * math.cos(turn) - length * 0.5 * math.sin(turn)
        y = shore[1] + along * side * math.sin(turn) + length * 0.5 * math.cos(turn)
        layout.put("harbor", Rect(float(x), float(y), length, length * 0.14, degrees + 90))
    layout.put_some("ship", 2, 8, within=sea_area, is_afloat=True,
                    degrees=degrees + float(layout.rng.choice((90, 270))))  # fmt: skip
    layout.put_some("building", 0, 4, degrees=degrees)
    layout.put_some("vehicle", 0, 4, degrees=degrees)


def _tanks(layout: Layout) -> None:
    layout.cover_all("bare_land")
    degrees = float(layout.rng.choice((0, 90)))
    road = lay_road(layout, degrees, 8.0, layout.rng.uniform(-0.3, 0.3) * layout.side_meters)
    fill_road(layout, road, int(layout.rng.integers(0, 4)), (-0.24, 0.24))
    layout.put_some("storage_tank", 3, 10)
    layout.put_some("building", 0, 3, degrees=degrees)
    plant_trees(layout, int(layout.rng.integers(0, 3)))


def _farmland(layout: Layout) -> None:
    layout.cover_all("grass")
    side, degrees = layout.side_meters, float(layout.rng.uniform(-10, 10))
    cells = int(layout.rng.integers(2, 4))
    for row in range(cells):
        for column in range(cells):
            x, y = (column + 0.5) * side / cells, (row + 0.5) * side / cells
            if layout.rng.random() < 0.85:
                size = 0.9 * side / cells
                layout.cover("fields", Rect(x, y, size, size, degrees).corners)
    if layout.rng.random() < 0.6:
        road = lay_road(layout, degrees + float(layout.rng.choice((0, 90))), 6.0)
        fill_road(layout, road, int(layout.rng.integers(0, 3)), (-0.2, 0.2))
    layout.put_some("building", 0, 3)
    plant_trees(layout, int(layout.rng.integers(0, 5)))


def _sports(layout: Layout) -> None:
    layout.cover_all("grass")
    degrees = float(layout.rng.choice((0, 90))) + float(layout.rng.uniform(-8, 8))
    layout.put_some("soccer_field", 0, 1, degrees=degrees, tries=200)
    layout.put_some("baseball_field", 0, 1, degrees=float(layout.rng.uniform(0, 360)), tries=200)
    layout.put_some("tennis_court", 0, 4, degrees=degrees)
    layout.put_some("basketball_court", 0, 3, degrees=degrees + 90)
    layout.put_some("swimming_pool", 0, 1, degrees=degrees)
    layout.put_some("building", 0, 2, degrees=degrees)
    layout.put_some("vehicle", 0, 4, degrees=degrees)
    plant_trees(layout, int(layout.rng.integers(0, 7)))


def _parking(layout: Layout) -> None:
    layout.cover_all(str(layout.rng.choice(("grass", "bare_land"))))
    degrees = float(layout.rng.choice((0, 90))) + float(layout.rng.uniform(-10, 10))
    lot = layout.try_put("parking_lot", degrees=degrees, tries=200)
    if lot >= 0:
        rect = layout.things[lot].rect
        rows, columns = max(int(rect.width // 11), 1), int(rect.length // 3.6)
        for row in range(rows):
            for column in range(columns):
                if layout.rng.random() < 0.3:
                    share = ((column + 0.5) / columns - 0.5, (row + 0.5) / rows - 0.5)
                    x, y = rect.place((share,))[0]
                    length = layout.rng.uniform(4.4, 5.2)
                    turn = degrees + float(layout.rng.choice((90, 270)))
                    layout.put("vehicle", Rect(x, y, length, length * 0.45, turn), host=lot)
    layout.put_some("building", 0, 4, degrees=degrees)
    plant_trees(layout, int(layout.rng.integers(0, 6)))


def _river(layout: Layout) -> None:
    layout.cover_all("grass")
    degrees, side = float(layout.rng.uniform(-35, 35)), layout.side_meters
    degrees += float(layout.rng.choice((0, 90)))
    width = layout.rng.uniform(0.22, 0.34) * side
    water = Rect(side / 2, side / 2, 3 * side, width, degrees)
    layout.cover("water", water.corners, is_blocked=True)
    stream = layout.blocked[-1]
    if layout.rng.random() < 0.7:
        road = lay_road(layout, degrees + 90, 9.0, layout.rng.uniform(-0.2, 0.2) * side)
        rect = layout.things[road].rect
        x, y = water.place(((0.0, 0.0),))[0]
        turn = math.radians(degrees)
        shift = (rect.x - x) * math.cos(turn) + (rect.y - y) * math.sin(turn)
        x, y = x + shift * math.cos(turn), y + shift * math.sin(turn)
        layout.put("bridge", Rect(float(x), float(y), width * 1.12, 12.0, degrees + 90), host=road)
        fill_road(layout, road, int(layout.rng.integers(0, 4)), (-0.24, 0.24))
    layout.put_some("ship", 0, 3, within=stream, is_afloat=True, degrees=degrees)
    layout.put_some("building", 0, 6)
    plant_trees(layout, int(layout.rng.integers(0, 8)))


Lay = Callable[[Layout], None]


@dataclass(frozen=True, slots=True)
class Theme:
    """A kind of scene.

    Attributes:
        scene_class: What the vocabulary calls it.
        side_meters: How much ground the picture shows.
        is_urban: Whether it counts as urban; None where it may be either.
        lay: Puts everything in place.
    """

    scene_class: str
    side_meters: tuple[float, float]
    is_urban: bool | None
    lay: Lay


THEMES: Mapping[str, Theme] = {
    "residential": Theme("residential", (110, 160), True, _residential),
    "airport": Theme("airport", (150, 210), None, _airport),
    "harbor": Theme("harbor", (130, 190), None, _harbor),
    "tanks": Theme("storage_tanks", (120, 180), None, _tanks),
    "farmland": Theme("farmland", (130, 200), False, _farmland),
    "sports": Theme("playground", (165, 215), None, _sports),
    "parking": Theme("parking", (100, 140), True, _parking),
    "river": Theme("river", (120, 180), None, _river),
}
