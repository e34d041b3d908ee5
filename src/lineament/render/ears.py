"""Ears, and what hangs from them or covers them."""

from typing import Any

import numpy as np

from lineament.render.brush import (
    Color,
    fill_points,
    make_gradient,
    make_paint,
    make_path,
    mix,
    pack_color,
    scale_color,
    smooth_points,
    stroke_points,
)
from lineament.render.camera import Camera, Pose
from lineament.render.look import Look
from lineament.render.streams import jitter, open_stream

# The right ear in a plane that stands off the skull: along it (backwards) and y.
OUTLINE = np.array(
    [[0, 0.6], [0.3, -0.9], [1.3, -1.5], [2.3, -1.1], [2.7, 0.2], [2.4, 1.9], [1.5, 3.2],
     [0.8, 4.3], [0.1, 4.2], [-0.1, 2.8]], np.float32
)  # fmt: skip
INNER = np.array(
    [[0.4, 0.7], [1.1, -0.4], [1.8, 0.1], [1.6, 1.6], [0.9, 2.6], [0.4, 2.0]], np.float32
)
LOBE = np.array([[0.45, 4.15]], np.float32)


def place_on_ear(points: np.ndarray, sign: float) -> np.ndarray:
    """Return points of the ear's plane in head axes."""
    along, y = points[:, 0], points[:, 1]
    x = sign * (6.95 + 0.52 * along)
    return np.column_stack([x, y, -6.6 - 0.85 * along]).astype(np.float32)


def draw_ear(
    canvas: Any, camera: Camera, pose: Pose, look: Look, sign: float, *, is_flat: bool
) -> None:
    """Draw one ear; the head's surface goes over its inner edge."""
    scale = camera.px_per_cm
    skin = look.skin.color
    lit = 0.82 + 0.3 * sign * look.light.direction[0]
    lit *= 0.62 + 0.38 * min(look.light.key, 1.0)
    tone = scale_color(mix(skin, (214, 110, 92), 0.12), lit)
    outline = smooth_points(
        camera.project(place_on_ear(OUTLINE, sign), pose), is_closed=True, steps=3
    )
    paint = make_paint(tone)
    if not is_flat:
        low, high = float(outline[:, 1].min()), float(outline[:, 1].max())
        tones = [pack_color(scale_color(tone, part)) for part in (1.08, 0.92, 1.0)]
        paint.setShader(make_gradient((0, low), (0, high), tones, (0, 0.5, 1)))
    canvas.drawPath(make_path(outline), paint)
    inner = smooth_points(camera.project(place_on_ear(INNER, sign), pose), is_closed=True, steps=3)
    blur = 0 if is_flat else 0.16 * scale
    fill_points(canvas, inner, scale_color(tone, 0.6), 0.75, blur_px=blur)
    stroke_points(canvas, outline, scale_color(tone, 0.5), 0.14 * scale, 0.6, is_closed=True)


def draw_earring(
    canvas: Any, camera: Camera, pose: Pose, look: Look, sign: float, swing: float
) -> None:
    """Draw one earring under the lobe: a hoop, a pearl or a drop."""
    rng = open_stream(look.seed, "wearing_earrings")
    kind = int(rng.integers(3))
    metal = (230, 190, 92) if rng.random() < 0.6 else (226, 230, 236)
    scale = camera.px_per_cm
    at = place_on_ear(LOBE, sign) + np.array([[0.35 * sign, 0.2, 0.6]], np.float32)
    x, y, _ = (float(part) for part in camera.project(at, pose)[0])
    x += swing * scale * 0.2
    if kind == 0:
        canvas.drawCircle(
            x,
            y + 1.25 * scale,
            1.2 * scale,
            make_paint(scale_color(metal, 0.6), 1, width_px=0.5 * scale),
        )
        canvas.drawCircle(
            x, y + 1.25 * scale, 1.2 * scale, make_paint(metal, 1, width_px=0.28 * scale)
        )
    elif kind == 1:
        canvas.drawCircle(x, y + 0.5 * scale, 0.8 * scale, make_paint((206, 200, 192)))
        canvas.drawCircle(
            x - 0.1 * scale, y + 0.4 * scale, 0.6 * scale, make_paint((246, 242, 236))
        )
        canvas.drawCircle(
            x - 0.2 * scale, y + 0.2 * scale, 0.2 * scale, make_paint((255, 255, 255))
        )
    else:
        stone = [(60, 130, 110), (160, 40, 60), (60, 80, 170)][int(rng.integers(3))]
        stroke_points(canvas, np.array([[x, y], [x, y + 1.4 * scale]]), metal, 0.22 * scale)
        drop = np.array([[0, 1.1], [0.65, 2.4], [0, 3.2], [-0.65, 2.4]], np.float32) * scale
        points = drop + np.array([x, y], np.float32)
        fill_points(canvas, points, stone)
        stroke_points(canvas, points, metal, 0.2 * scale, is_closed=True)
        canvas.drawCircle(
            x - 0.15 * scale, y + 2.1 * scale, 0.2 * scale, make_paint((255, 255, 255), 0.9)
        )
    canvas.drawCircle(x, y, 0.28 * scale, make_paint(metal))


def draw_headphones(
    canvas: Any, camera: Camera, pose: Pose, look: Look, *, is_flat: bool, is_behind: bool
) -> None:
    """Draw a band over the crown and a cup on each ear."""
    scale = camera.px_per_cm
    color = (38, 38, 42) if jitter(look.seed, "wearing_headphones") < 0.3 else (205, 208, 212)
    for sign in (-1.0, 1.0):
        turned = sign * pose.yaw_degrees
        if turned < 32 and (turned > 8) == is_behind:
            _draw_cup(canvas, camera, pose, color, sign)
    if is_behind:
        return
    turn = np.radians(np.linspace(-88, 88, 25))
    lift = 1.5 if look.hair.length != "none" else 0.8
    arc = np.column_stack(
        [(8.6 + lift * 0.4) * np.sin(turn), 0.5 - (12.9 + lift) * np.cos(turn), np.full(25, -7.4)]
    ).astype(np.float32)
    band = camera.project(arc, pose)
    stroke_points(canvas, band, scale_color(color, 0.5), 1.25 * scale)
    stroke_points(canvas, band, color, 1.0 * scale)
    if not is_flat:
        shine = scale_color(color, 1.5)
        stroke_points(canvas, band[4:-4], shine, 0.3 * scale, 0.5, blur_px=0.1 * scale)


def _draw_cup(canvas: Any, camera: Camera, pose: Pose, color: Color, sign: float) -> None:
    ring = np.linspace(0, 2 * np.pi, 14, endpoint=False)
    for radius, out, tone in ((2.9, 0.1, 0.35), (2.7, 1.5, 0.9), (1.9, 1.7, 0.65)):
        disc = np.column_stack(
            [
                np.full(14, sign * (7.9 + out)),
                1.6 + 1.2 * radius * np.sin(ring),
                -7.2 + radius * np.cos(ring),
            ]
        ).astype(np.float32)
        inner = disc - np.array([sign * 1.4, 0, 0], np.float32)
        both = np.concatenate([camera.project(disc, pose), camera.project(inner, pose)])
        fill_points(canvas, _find_hull(both[:, :2]), scale_color(color, tone))


def _find_hull(points: np.ndarray) -> np.ndarray:
    """Return the convex hull of points (Andrew's monotone chain)."""
    ordered = points[np.lexsort((points[:, 1], points[:, 0]))].tolist()

    def half(rows: list) -> list:
        chain: list = []
        for row in rows:
            while (
                len(chain) > 1
                and (
                    (chain[-1][0] - chain[-2][0]) * (row[1] - chain[-2][1])
                    - (chain[-1][1] - chain[-2][1]) * (row[0] - chain[-2][0])
                )
                <= 0
            ):
                chain.pop()
            chain.append(row)
        return chain

    return np.asarray(half(ordered)[:-1] + half(ordered[::-1])[:-1], np.float32)
