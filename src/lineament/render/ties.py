"""What is worn about the neck: necklace, necktie, bow tie."""

from typing import Any

import numpy as np

from lineament.render.brush import (
    Color,
    fill_points,
    make_paint,
    scale_color,
    smooth_points,
    stroke_points,
)
from lineament.render.camera import Camera
from lineament.render.look import COLORS, Look
from lineament.render.streams import open_stream


def place_flat(camera: Camera, points: Any, z: float = -5.0) -> np.ndarray:
    """Return pixels of points of the frontal plane at depth `z`."""
    xy = np.asarray(points, np.float32)
    return camera.project(np.column_stack([xy, np.full(len(xy), z, np.float32)]))[:, :2]


def draw_necklace(canvas: Any, camera: Camera, look: Look, neck: float) -> None:
    """Draw a chain of beads and its pendant."""
    rng = open_stream(look.seed, "wearing_necklace")
    scale = camera.px_per_cm
    gold = (226, 184, 84) if rng.random() < 0.6 else (222, 226, 232)
    x = neck + 0.4
    line = place_flat(
        camera, [[-x, 14.2], [-x * 0.62, 16.6], [0, 18.3], [x * 0.62, 16.6], [x, 14.2]], -3.6
    )
    curve = smooth_points(line, steps=6)
    stroke_points(canvas, curve, (60, 34, 20), 0.5 * scale, 0.4, blur_px=0.15 * scale)
    stroke_points(canvas, curve, gold, 0.3 * scale)
    for px, py in curve[::2].tolist():
        canvas.drawCircle(px, py, 0.24 * scale, make_paint(gold))
        canvas.drawCircle(px, py, 0.1 * scale, make_paint((255, 250, 226)))
    px, py = (float(part) for part in place_flat(camera, [[0, 18.9]], -3.6)[0])
    canvas.drawCircle(px, py, 0.75 * scale, make_paint(scale_color(gold, 0.7)))
    canvas.drawCircle(px, py, 0.5 * scale, make_paint((250, 240, 214)))


def _choose_color(look: Look, name: str) -> Color:
    rng = open_stream(look.seed, name)
    choices = [COLORS[key] for key in ("red", "blue", "purple", "green", "black", "orange")]
    return choices[int(rng.integers(len(choices)))]


def draw_necktie(canvas: Any, camera: Camera, look: Look) -> None:
    """Draw a striped necktie."""
    scale = camera.px_per_cm
    color = _choose_color(look, "wearing_necktie")
    knot = place_flat(camera, [[-1.5, 17.0], [1.5, 17.0], [1.0, 19.4], [-1.0, 19.4]])
    blade = place_flat(camera, [[-1.0, 19.3], [1.0, 19.3], [2.6, 33], [0, 36], [-2.6, 33]])
    fill_points(canvas, blade, scale_color(color, 0.9))
    for step in range(5):
        y = 20.5 + 2.4 * step
        stripe = place_flat(camera, [[-1.2 - 0.1 * step, y + 1], [1.2 + 0.1 * step, y]])
        stroke_points(canvas, stripe, scale_color(color, 1.6), 0.45 * scale, 0.8)
    fill_points(canvas, knot, color)
    for points in (knot, blade):
        stroke_points(canvas, points, scale_color(color, 0.4), 0.12 * scale, 0.8, is_closed=True)


def draw_bow_tie(canvas: Any, camera: Camera, look: Look) -> None:
    """Draw a bow tie."""
    scale = camera.px_per_cm
    color = _choose_color(look, "wearing_bow_tie")
    for sign in (-1, 1):
        wing = np.array([[0.6, 17.6], [4.2, 16.1], [4.6, 17.8], [4.2, 19.6], [0.6, 18.4]]) * [
            sign,
            1,
        ]
        points = smooth_points(place_flat(camera, wing, -3.0), is_closed=True, steps=3)
        fill_points(canvas, points, scale_color(color, 0.95))
        stroke_points(canvas, points, scale_color(color, 0.4), 0.12 * scale, 0.8, is_closed=True)
        fold = place_flat(camera, np.array([[0.9, 18.0], [3.0, 17.7]]) * [sign, 1], -3.0)
        stroke_points(canvas, fold, scale_color(color, 0.5), 0.3 * scale, 0.6)
    fill_points(
        canvas,
        place_flat(camera, [[-0.9, 17.2], [0.9, 17.2], [0.9, 18.8], [-0.9, 18.8]], -3.0),
        scale_color(color, 1.2),
    )
