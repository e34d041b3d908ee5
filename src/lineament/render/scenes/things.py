"""Objects seen from above, each painted in metres about its own centre with its front ahead."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lineament.render.brush import Color, load_skia, make_paint, make_path, mix, scale_color
from lineament.render.scenes.geometry import Rect
from lineament.render.scenes.kinds import KINDS, RGB, ROUND

_LINE = (238, 238, 232)
_ASPHALT = (92, 93, 96)


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws one object in its own frame: x ahead, y to its right, in metres.

    Attributes:
        canvas: Already moved, turned and scaled.
        length: Along its front.
        width: Across.
        color: Main colour.
        rng: What no fact tells.
    """

    canvas: Any
    length: float
    width: float
    color: Color
    rng: np.random.Generator

    def box(
        self, x0: float, y0: float, x1: float, y1: float, color: Color, *, round_by: float = 0.0
    ) -> None:
        """Fill a box."""
        rect = load_skia().Rect.MakeLTRB(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))
        self.canvas.drawRoundRect(rect, round_by, round_by, make_paint(color))

    def shape(self, points: list[tuple[float, float]], color: Color, alpha: float = 1.0) -> None:
        """Fill a polygon."""
        self.canvas.drawPath(make_path(np.array(points, np.float64)), make_paint(color, alpha))

    def disc(self, x: float, y: float, radius: float, color: Color, alpha: float = 1.0) -> None:
        """Fill a circle."""
        self.canvas.drawCircle(x, y, radius, make_paint(color, alpha))

    def ring(self, x: float, y: float, radius: float, color: Color, width: float) -> None:
        """Draw a circle."""
        self.canvas.drawCircle(x, y, radius, make_paint(color, width_px=width))

    def line(
        self, points: list[tuple[float, float]], color: Color, width: float, *, closed: bool = False
    ) -> None:
        """Draw a line."""
        path = make_path(np.array(points, np.float64), is_closed=closed)
        self.canvas.drawPath(path, make_paint(color, width_px=width))


def paint_thing(
    canvas: Any,
    name: str,
    rect: Rect,
    color: str,
    meter_px: float,
    rng: np.random.Generator,
    shadow: tuple[float, float],
) -> None:
    """Paint one object with its shadow.

    Args:
        canvas: What is drawn on.
        name: Its class; classes without a look of their own become a roof.
        rect: Where, in canvas pixels.
        color: Its main colour, or empty.
        meter_px: Canvas pixels to a metre.
        rng: What no fact tells.
        shadow: Where shadows fall, in shares of the height.
    """
    kind = KINDS.get(name)
    rgb = RGB[color] if color else (176, 172, 166)
    pen = Pen(canvas, rect.length / meter_px, rect.width / meter_px, rgb, rng)
    height = kind.height_meters if kind else 4.0
    if height and name not in ("bridge",):
        _paint_shadow(canvas, name, rect, height * meter_px, shadow)
    canvas.save()
    canvas.translate(rect.x, rect.y)
    canvas.rotate(rect.degrees)
    canvas.scale(meter_px, meter_px)
    _PAINTERS.get(name, _building)(pen)
    canvas.restore()


def _paint_shadow(
    canvas: Any, name: str, rect: Rect, height_px: float, shadow: tuple[float, float]
) -> None:
    dx, dy = shadow[0] * height_px, shadow[1] * height_px
    paint = make_paint((8, 10, 16), 0.42, blur_px=0.8)
    if name in ROUND:
        for step in np.linspace(0, 1, 5):
            canvas.drawCircle(rect.x + step * dx, rect.y + step * dy, rect.length / 2, paint)
        return
    shares = _OUTLINES.get(name, ((0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5)))
    points = rect.place(shares)
    steps = 4 if name == "building" else 1
    for step in range(1, steps + 1):
        canvas.drawPath(make_path(points + np.array([dx, dy]) * step / steps), paint)


_PLANE = (
    (0.5, 0.0), (0.44, 0.045), (0.12, 0.05), (-0.16, 0.5), (-0.24, 0.5), (-0.1, 0.05),
    (-0.38, 0.035), (-0.47, 0.19), (-0.5, 0.19), (-0.46, 0.0), (-0.5, -0.19), (-0.47, -0.19),
    (-0.38, -0.035), (-0.1, -0.05), (-0.24, -0.5), (-0.16, -0.5), (0.12, -0.05), (0.44, -0.045),
)  # fmt: skip
_HULL = (
    (0.5, 0.0), (0.36, 0.3), (0.2, 0.46), (-0.4, 0.5), (-0.5, 0.36), (-0.5, -0.36), (-0.4, -0.5),
    (0.2, -0.46), (0.36, -0.3),
)  # fmt: skip
_OUTLINES: Mapping[str, tuple[tuple[float, float], ...]] = {"airplane": _PLANE, "ship": _HULL}


def _scaled(pen: Pen, shares: tuple[tuple[float, float], ...], by: float = 1.0) -> list:
    return [(x * pen.length * by, y * pen.width * by) for x, y in shares]


def _vehicle(pen: Pen) -> None:
    l, w = pen.length / 2, pen.width / 2  # noqa: E741
    pen.box(-l, -w, l, w, pen.color, round_by=0.5)
    glass = (30, 36, 44) if sum(pen.color) > 200 else (96, 108, 120)
    pen.box(0.12 * l, -0.82 * w, 0.46 * l, 0.82 * w, glass, round_by=0.25)
    pen.box(-0.78 * l, -0.78 * w, -0.56 * l, 0.78 * w, glass, round_by=0.2)
    pen.box(-0.52 * l, -0.72 * w, 0.1 * l, 0.72 * w, scale_color(pen.color, 1.12), round_by=0.2)


def _airplane(pen: Pen) -> None:
    pen.shape(_scaled(pen, _PLANE), pen.color)
    shade = scale_color(pen.color, 0.8)
    l, w = pen.length, pen.width  # noqa: E741
    for side in (-1, 1):
        tip = side * 0.5 * w
        root = side * 0.05 * w
        wing = [(0.12 * l, root), (-0.16 * l, tip), (-0.2 * l, tip), (-0.02 * l, root)]
        pen.shape(wing, shade, 0.55)
        pen.box(-0.02 * l, side * 0.17 * w, 0.07 * l, side * 0.21 * w, (70, 74, 80), round_by=0.4)
    stripe = RGB[str(pen.rng.choice(("red", "blue", "green", "yellow")))]
    pen.line([(-0.36 * l, 0), (-0.47 * l, 0)], stripe, 0.03 * l)
    pen.box(0.41 * l, -0.022 * w, 0.45 * l, 0.022 * w, (40, 46, 54), round_by=0.3)
    pen.line([(-0.34 * l, 0), (0.4 * l, 0)], scale_color(pen.color, 1.1), 0.025 * w)


def _helicopter(pen: Pen) -> None:
    l, w = pen.length, pen.width  # noqa: E741
    pen.line([(-0.05 * l, 0), (-0.46 * l, 0)], pen.color, 0.09 * w)
    pen.line([(-0.46 * l, -0.14 * w), (-0.46 * l, 0.14 * w)], pen.color, 0.06 * w)
    oval = load_skia().Rect.MakeLTRB(-0.12 * l, -0.22 * w, 0.42 * l, 0.22 * w)
    pen.canvas.drawOval(oval, make_paint(pen.color))
    pen.disc(0.3 * l, 0, 0.11 * w, (40, 48, 58))
    turn = pen.rng.uniform(0, math.pi)
    for angle in (turn, turn + math.pi / 2):
        x, y = 0.48 * w * math.cos(angle), 0.48 * w * math.sin(angle)
        pen.line([(0.14 * l - x, -y), (0.14 * l + x, y)], (54, 56, 60), 0.35)


def _ship(pen: Pen) -> None:
    pen.shape(_scaled(pen, _HULL), pen.color)
    deck = mix(pen.color, (206, 190, 160), 0.55)
    pen.shape(_scaled(pen, _HULL, 0.82), deck)
    l, w = pen.length, pen.width  # noqa: E741
    cabin = (240, 240, 238) if sum(pen.color) < 640 else (196, 202, 208)
    if pen.length > 30 and pen.rng.random() < 0.7:
        for place in np.arange(-0.16, 0.3, 0.11):
            tone = RGB[str(pen.rng.choice(("orange", "brown", "gray", "green")))]
            pen.box(place * l, -0.32 * w, (place + 0.09) * l, 0.32 * w, mix(tone, deck, 0.35))
        pen.box(-0.42 * l, -0.34 * w, -0.24 * l, 0.34 * w, cabin)
    else:
        pen.box(-0.3 * l, -0.3 * w, 0.12 * l, 0.3 * w, cabin, round_by=0.06 * l)
        pen.box(0.02 * l, -0.24 * w, 0.08 * l, 0.24 * w, (56, 68, 80))


def _building(pen: Pen) -> None:
    l, w = pen.length / 2, pen.width / 2  # noqa: E741
    is_gabled = tuple(pen.color) in (RGB["red"], RGB["brown"]) or pen.rng.random() < 0.25
    if is_gabled:
        ridge = max(l - w, 0.0) if pen.rng.random() < 0.5 else l
        pen.shape([(-l, -w), (l, -w), (ridge, 0), (-ridge, 0)], scale_color(pen.color, 1.14))
        pen.shape([(-l, w), (l, w), (ridge, 0), (-ridge, 0)], scale_color(pen.color, 0.82))
        if ridge < l:
            pen.shape([(l, -w), (l, w), (ridge, 0)], scale_color(pen.color, 0.95))
            pen.shape([(-l, -w), (-l, w), (-ridge, 0)], scale_color(pen.color, 1.02))
        pen.line([(-ridge, 0), (ridge, 0)], scale_color(pen.color, 1.3), 0.35)
        return
    pen.box(-l, -w, l, w, scale_color(pen.color, 0.84))
    pen.box(-l + 0.6, -w + 0.6, l - 0.6, w - 0.6, pen.color)
    for _ in range(int(pen.rng.integers(1, 5))):
        x, y = pen.rng.uniform(-0.7, 0.6) * l, pen.rng.uniform(-0.7, 0.6) * w
        pen.box(x + 0.5, y + 0.5, x + 2.3, y + 2.1, scale_color(pen.color, 0.55))
        pen.box(x, y, x + 1.8, y + 1.6, scale_color(mix(pen.color, (200, 200, 200), 0.5), 1.05))


def _tank(pen: Pen) -> None:
    radius = pen.length / 2
    pen.disc(0, 0, radius, scale_color(pen.color, 0.7))
    pen.disc(0, 0, 0.94 * radius, pen.color)
    turn = pen.rng.uniform(0, 2 * math.pi)
    spot = (-0.25 * radius, -0.3 * radius)
    pen.disc(*spot, 0.5 * radius, scale_color(pen.color, 1.1), 0.5)
    pen.ring(0, 0, 0.62 * radius, scale_color(pen.color, 0.86), 0.3)
    end = (0.9 * radius * math.cos(turn), 0.9 * radius * math.sin(turn))
    pen.line([(0, 0), end], scale_color(pen.color, 0.62), 0.6)
    pen.disc(0, 0, 0.09 * radius, scale_color(pen.color, 0.6))


def _tennis(pen: Pen) -> None:
    l, w = pen.length / 2, pen.width / 2  # noqa: E741
    pen.box(-l, -w, l, w, scale_color(pen.color, 0.82))
    a, b = 11.9 / 17.5 * l, 5.5 / 8.9 * w
    pen.box(-a, -b, a, b, scale_color(pen.color, 1.15))
    pen.line([(-a, -b), (a, -b), (a, b), (-a, b)], _LINE, 0.45, closed=True)
    for side in (-0.76, 0.76):
        pen.line([(-a, side * b), (a, side * b)], _LINE, 0.35)
    for x in (-0.54 * a, 0.54 * a):
        pen.line([(x, -0.76 * b), (x, 0.76 * b)], _LINE, 0.35)
    pen.line([(-0.54 * a, 0), (0.54 * a, 0)], _LINE, 0.35)
    pen.line([(0, -1.1 * b), (0, 1.1 * b)], (40, 44, 46), 0.4)


def _basketball(pen: Pen) -> None:
    l, w = pen.length / 2, pen.width / 2  # noqa: E741
    pen.canvas.save()
    pen.canvas.clipRect(load_skia().Rect.MakeLTRB(-l, -w, l, w))
    pen.box(-l, -w, l, w, pen.color)
    key = mix(pen.color, (236, 196, 120), 0.55)
    for side in (-1, 1):
        pen.box(side * l, -0.3 * w, side * 0.58 * l, 0.3 * w, key)
        pen.ring(side * 0.58 * l, 0, 0.24 * w, _LINE, 0.4)
        pen.ring(side * 0.9 * l, 0, 0.84 * w, _LINE, 0.4)
    pen.line([(-l, -w), (l, -w), (l, w), (-l, w)], _LINE, 0.8, closed=True)
    pen.line([(0, -w), (0, w)], _LINE, 0.45)
    pen.ring(0, 0, 0.24 * w, _LINE, 0.45)
    pen.canvas.restore()


def _soccer(pen: Pen) -> None:
    l, w = pen.length / 2, pen.width / 2  # noqa: E741
    greens = ((84, 138, 66), (96, 150, 74))
    for stripe in range(10):
        x = -l + stripe * l / 5
        pen.box(x, -w, x + l / 5, w, greens[stripe % 2])
    a, b = 0.95 * l, 0.93 * w
    pen.line([(-a, -b), (a, -b), (a, b), (-a, b)], _LINE, 0.7, closed=True)
    pen.line([(0, -b), (0, b)], _LINE, 0.7)
    pen.ring(0, 0, 0.28 * w, _LINE, 0.7)
    for side in (-1, 1):
        pen.line([(side * a, -0.6 * b), (side * 0.66 * a, -0.6 * b), (side * 0.66 * a, 0.6 * b),
                  (side * a, 0.6 * b)], _LINE, 0.7)  # fmt: skip


def _baseball(pen: Pen) -> None:
    side = min(pen.length, pen.width)
    home = (-0.42 * side, 0.0)
    reach = 0.92 * side
    arc = [(home[0] + reach * math.cos(t), reach * math.sin(t) * 0.76)
           for t in np.linspace(-math.pi / 4, math.pi / 4, 17)]  # fmt: skip
    pen.shape([home, *arc], (92, 140, 70))
    inner = [(home[0] + 0.46 * side * math.cos(t), 0.46 * side * math.sin(t) * 0.9)
             for t in np.linspace(-math.pi / 4, math.pi / 4, 13)]  # fmt: skip
    pen.shape([home, *inner], (184, 142, 98))
    base = 0.13 * side
    middle = home[0] + 0.2 * side
    pen.shape([(middle - base, 0), (middle, -base), (middle + base, 0), (middle, base)],
              (98, 146, 76))  # fmt: skip
    pen.disc(middle, 0, 0.022 * side, (190, 150, 106))
    pen.disc(*home, 0.05 * side, (184, 142, 98))
    pen.line([arc[0], home, arc[-1]], _LINE, 0.5)


def _pool(pen: Pen) -> None:
    l, w = pen.length / 2, pen.width / 2  # noqa: E741
    pen.box(-l, -w, l, w, (214, 206, 190), round_by=0.6)
    pen.box(-l + 1.2, -w + 1.2, l - 1.2, w - 1.2, (70, 178, 206), round_by=1.2)
    pen.box(-l + 1.8, -w + 1.8, 0.2 * l, w - 1.8, (96, 198, 220), round_by=1.0)


def _road(pen: Pen) -> None:
    l, w = pen.length / 2, pen.width / 2  # noqa: E741
    pen.box(-l, -w - 0.5, l, w + 0.5, (150, 148, 140))
    pen.box(-l, -w, l, w, _ASPHALT)
    if pen.width >= 14:
        dash, gap, thick = 12.0, 12.0, 0.9
        for side in (-1, 1):
            pen.line([(-l, side * 0.86 * w), (l, side * 0.86 * w)], _LINE, 0.6)
    else:
        dash, gap, thick = 3.5, 3.5, 0.35
    x = -l
    while x < l:
        pen.line([(x, 0), (min(x + dash, l), 0)], _LINE, thick)
        x += dash + gap


def _bridge(pen: Pen) -> None:
    l, w = pen.length / 2, pen.width / 2  # noqa: E741
    pen.box(-l, -w + 1.5, l, w + 2.5, (20, 30, 40))
    pen.box(-l, -w, l, w, (186, 182, 172))
    pen.box(-l, -0.72 * w, l, 0.72 * w, (104, 104, 106))
    for side in (-1, 1):
        pen.line([(-l, side * 0.9 * w), (l, side * 0.9 * w)], (226, 222, 212), 0.8)
    x = -l
    while x < l:
        pen.line([(x, 0), (min(x + 3.5, l), 0)], _LINE, 0.35)
        x += 7.0


def _pier(pen: Pen) -> None:
    l, w = pen.length / 2, pen.width / 2  # noqa: E741
    pen.box(-l, -w, l, w, (178, 170, 154))
    for x in np.arange(-l + 3, l, 5.0):
        pen.line([(float(x), -w), (float(x), w)], (150, 142, 128), 0.3)
    for x in np.arange(-l + 2, l, 8.0):
        for side in (-1, 1):
            pen.disc(float(x), side * 0.86 * w, 0.5, (70, 66, 60))


def _parking(pen: Pen) -> None:
    l, w = pen.length / 2, pen.width / 2  # noqa: E741
    pen.box(-l, -w, l, w, (112, 112, 114))
    rows, columns = max(int(pen.width // 11), 1), int(pen.length // 3.6)
    for row in range(rows):
        y = ((row + 0.5) / rows - 0.5) * pen.width
        for column in range(columns + 1):
            x = (column / max(columns, 1) - 0.5) * pen.length * 0.995
            pen.line([(x, y - 2.8), (x, y + 2.8)], _LINE, 0.28)


def _roundabout(pen: Pen) -> None:
    radius = pen.length / 2
    pen.disc(0, 0, radius, _ASPHALT)
    pen.ring(0, 0, 0.97 * radius, _LINE, 0.4)
    pen.disc(0, 0, 0.46 * radius, (92, 126, 66))
    pen.ring(0, 0, 0.46 * radius, (206, 204, 196), 0.6)


_PAINTERS: Mapping[str, Callable[[Pen], None]] = {
    "vehicle": _vehicle, "small_vehicle": _vehicle, "large_vehicle": _vehicle,
    "airplane": _airplane, "helicopter": _helicopter, "ship": _ship, "building": _building,
    "storage_tank": _tank, "tennis_court": _tennis, "basketball_court": _basketball,
    "soccer_field": _soccer, "baseball_field": _baseball, "swimming_pool": _pool, "road": _road,
    "bridge": _bridge, "harbor": _pier, "parking_lot": _parking, "roundabout": _roundabout,
}  # fmt: skip
