"""Backgrounds: studio, room, office, outdoors, street, car; out of focus like a photograph's."""

from collections.abc import Callable
from typing import Any

import numpy as np

from lineament.render.brush import (
    Color,
    fill_points,
    load_skia,
    make_gradient,
    make_paint,
    make_radial,
    mix,
    pack_color,
    scale_color,
)
from lineament.render.look import COLORS, Look
from lineament.render.streams import open_stream

DEFAULT_COLORS = {"outdoors": "green", "street": "gray", "car": "black", "office": "white"}


def draw_background(canvas: Any, size_px: int, look: Look, *, is_flat: bool) -> None:
    """Draw what lies behind the person onto a canvas of `size_px` a side."""
    skia = load_skia()
    scene = look.scene
    place = scene.place or "studio"
    color = COLORS[scene.color or DEFAULT_COLORS.get(place, "gray")]
    rng = open_stream(look.seed, "background")
    painter: Callable[..., None] = {
        "studio": _draw_studio,
        "indoors": _draw_room,
        "office": _draw_office,
        "outdoors": _draw_outdoors,
        "street": _draw_street,
        "car": _draw_car,
    }[place]
    blur = 0.0 if is_flat else float(rng.uniform(0.008, 0.022)) * size_px
    paint = skia.Paint()
    if blur:
        paint.setImageFilter(skia.ImageFilters.Blur(blur, blur, skia.TileMode.kClamp))
    canvas.save()
    canvas.translate(-0.05 * size_px, -0.05 * size_px)
    canvas.scale(1.1, 1.1)  # the blur's pale rim stays outside
    canvas.saveLayer(None, paint)
    canvas.drawPaint(make_paint(color))
    painter(canvas, float(size_px), color, look, rng)
    canvas.restore()
    canvas.restore()
    if not is_flat:
        edge = [pack_color((0, 0, 0), 0.0), pack_color((0, 0, 0), 0.3)]
        shade = skia.Paint(Shader=make_radial((size_px / 2,) * 2, size_px * 0.78, edge, (0.45, 1)))
        canvas.drawPaint(shade)


def _box(canvas: Any, size: float, box: tuple[float, ...], color: Color, alpha: float = 1) -> None:
    skia = load_skia()
    x0, y0, x1, y1 = (part * size for part in box)
    canvas.drawRect(skia.Rect.MakeLTRB(x0, y0, x1, y1), make_paint(color, alpha))


def _draw_studio(
    canvas: Any, size: float, color: Color, look: Look, rng: np.random.Generator
) -> None:
    centre = (size * rng.uniform(0.3, 0.7), size * rng.uniform(0.25, 0.55))
    tones = [pack_color(scale_color(color, part)) for part in (1.22, 1.0, 0.62)]
    shader = make_radial(centre, size * 0.95, tones, (0, 0.4, 1))
    canvas.drawPaint(load_skia().Paint(Shader=shader))
    if look.light.direction[0] < -0.5 or look.light.direction[0] > 0.5:
        left = look.light.direction[0] < 0
        tones = [
            pack_color((0, 0, 0), 0.0 if left else 0.4),
            pack_color((0, 0, 0), 0.4 if left else 0.0),
        ]
        canvas.drawPaint(load_skia().Paint(Shader=make_gradient((0, 0), (size, 0), tones, (0, 1))))


def _draw_room(
    canvas: Any, size: float, color: Color, look: Look, rng: np.random.Generator
) -> None:
    _draw_studio(canvas, size, color, look, rng)
    x = rng.uniform(0.02, 0.12) if rng.random() < 0.5 else rng.uniform(0.7, 0.82)
    frame = mix(color, (60, 40, 26), 0.75)
    _box(canvas, size, (x, 0.1, x + 0.2, 0.36), frame)
    _box(canvas, size, (x + 0.02, 0.12, x + 0.18, 0.34), scale_color(color, 1.35))
    _box(canvas, size, (x + 0.02, 0.25, x + 0.18, 0.34), mix(color, (70, 110, 80), 0.5))
    other = 0.9 - x
    shelf = mix(color, (82, 56, 36), 0.8)
    _box(canvas, size, (other - 0.16, 0.58, other + 0.2, 0.61), shelf)
    place = other - 0.14
    while place < other + 0.16:
        width = rng.uniform(0.018, 0.04)
        tone = tuple(rng.uniform(50, 190, 3))
        _box(
            canvas,
            size,
            (place, 0.58 - rng.uniform(0.12, 0.2), place + width, 0.58),
            mix(color, tone, 0.6),
        )
        place += width + 0.004


def _draw_office(
    canvas: Any, size: float, color: Color, look: Look, rng: np.random.Generator
) -> None:
    _draw_studio(canvas, size, color, look, rng)
    x = rng.uniform(-0.1, 0.1) if rng.random() < 0.5 else rng.uniform(0.6, 0.72)
    _box(canvas, size, (x, 0.06, x + 0.36, 0.6), scale_color(color, 0.55))
    for row in range(2):
        for column in range(2):
            left, top = x + 0.02 + 0.17 * column, 0.08 + 0.26 * row
            _box(canvas, size, (left, top, left + 0.15, top + 0.24), (205, 226, 240))
    y = 0.1
    while y < 0.58:
        _box(canvas, size, (x + 0.01, y, x + 0.35, y + 0.012), (235, 238, 240), 0.8)
        y += 0.035
    _box(canvas, size, (0, 0.72, 1, 0.76), mix(color, (90, 70, 52), 0.7))


def _draw_outdoors(
    canvas: Any, size: float, color: Color, look: Look, rng: np.random.Generator
) -> None:
    sky = [pack_color(part) for part in ((150, 190, 226), (222, 232, 236))]
    canvas.drawPaint(load_skia().Paint(Shader=make_gradient((0, 0), (0, size * 0.6), sky, (0, 1))))
    horizon = rng.uniform(0.3, 0.45) if look.scene.color != "blue" else 0.72
    _box(canvas, size, (0, horizon + 0.1, 1, 1), scale_color(mix(color, (84, 120, 60), 0.35), 0.9))
    for _ in range(44):
        x, y = rng.uniform(0, 1), horizon + rng.uniform(-0.12, 0.25)
        tone = scale_color(mix(color, (58, 96, 48), 0.4), rng.uniform(0.5, 1.35))
        radius = rng.uniform(0.04, 0.12) * size
        canvas.drawCircle(x * size, y * size, radius, make_paint(tone, 0.75))
    _draw_bokeh(canvas, size, (250, 250, 225), 14, rng)


def _draw_street(canvas: Any, size: float, color: Color, _: Look, rng: np.random.Generator) -> None:
    sky = [pack_color(part) for part in ((186, 198, 208), (226, 224, 218))]
    canvas.drawPaint(load_skia().Paint(Shader=make_gradient((0, 0), (0, size * 0.6), sky, (0, 1))))
    left = -0.1
    while left < 1:
        width, top = rng.uniform(0.16, 0.34), rng.uniform(0.0, 0.28)
        tone = scale_color(color, rng.uniform(0.75, 1.25))
        _box(canvas, size, (left, top, left + width, 0.85), tone)
        y = top + 0.04
        while y < 0.66:
            for column in range(3):
                x = left + width * (0.12 + 0.3 * column)
                lit = (244, 214, 150) if rng.random() < 0.3 else scale_color(tone, 0.55)
                _box(canvas, size, (x, y, x + width * 0.18, y + 0.055), lit)
            y += 0.1
        left += width
    _box(canvas, size, (0, 0.82, 1, 1), (92, 92, 96))
    _draw_bokeh(canvas, size, (255, 206, 140), 9, rng)


def _draw_car(canvas: Any, size: float, color: Color, _: Look, rng: np.random.Generator) -> None:
    canvas.drawPaint(make_paint(scale_color(color, 0.9)))
    sign = 1 if rng.random() < 0.5 else -1
    window = np.array([[0.04, 0.1], [0.42, 0.06], [0.46, 0.5], [0.0, 0.54]]) * size
    other = np.array([[0.66, 0.08], [1.05, 0.14], [1.05, 0.46], [0.7, 0.46]]) * size
    for shape in (window, other):
        points = shape if sign > 0 else np.array([size, 0]) + shape * [-1, 1]
        fill_points(canvas, points, (196, 212, 220))
        strip = points.copy()
        strip[:2, 1] += 0.25 * size
        fill_points(canvas, strip, (122, 142, 122))
    seat = scale_color(mix(color, (90, 86, 84), 0.5), 0.9)
    _box(canvas, size, (0.22, 0.3, 0.78, 0.62), seat)
    _box(canvas, size, (0.1, 0.64, 0.9, 1.0), scale_color(seat, 0.85))
    belt = np.array([[0.74, 0.5], [0.79, 0.5], [1.0, 1.0], [0.93, 1.0]]) * size
    fill_points(canvas, belt if sign > 0 else np.array([size, 0]) + belt * [-1, 1], (40, 40, 44))


def _draw_bokeh(
    canvas: Any, size: float, color: Color, count: int, rng: np.random.Generator
) -> None:
    for _ in range(count):
        x, y = rng.uniform(0, 1) * size, rng.uniform(0, 0.7) * size
        paint = make_paint(color, rng.uniform(0.12, 0.35))
        canvas.drawCircle(x, y, rng.uniform(0.012, 0.035) * size, paint)
