"""What is worn on the face: glasses, sunglasses, mask, eye patch."""

from typing import Any

import numpy as np

from lineament.render.brush import (
    fill_points,
    load_skia,
    make_gradient,
    make_paint,
    make_path,
    pack_color,
    scale_color,
    smooth_points,
    stroke_points,
)
from lineament.render.camera import Camera, Pose
from lineament.render.expression import Expression
from lineament.render.head import EYE_X
from lineament.render.look import Look
from lineament.render.streams import open_stream

LENSES = {
    "square": "-2.3,-1.2 -0.2,-1.45 2.2,-1.35 2.5,-0.7 2.2,1.2 0.2,1.6 -1.9,1.2 -2.4,0",
    "round": "-2.05,0 -1.45,-1.45 0,-2 1.45,-1.45 2.05,0 1.45,1.45 0,2 -1.45,1.45",
    "pilot": "-2.1,-1.2 0,-1.4 2.4,-1.2 2.6,0.1 1.9,1.7 0.2,2.2 -1.4,1.6 -2.3,0",
}


LENS_Z = 1.6


def _choose_frame(look: Look) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Choose the outline of the lenses and the colour of the frame."""
    is_dark = "sunglasses" in look.worn
    rng = open_stream(look.seed, "sunglasses" if is_dark else "eyeglasses")
    kinds = ("square", "pilot", "round") if is_dark else ("square", "round", "square")
    outline = LENSES[kinds[int(rng.integers(3))]].replace(",", " ").split()
    shape = np.asarray(outline, np.float32).reshape(-1, 2)
    frames = [(24, 22, 24), (70, 40, 24), (150, 120, 70), (44, 50, 72), (120, 122, 128)]
    return shape, frames[int(rng.integers(5 if not is_dark else 3))]


def draw_temples(canvas: Any, camera: Camera, pose: Pose, look: Look) -> None:
    """Draw the arms of the glasses, which pass under the hair."""
    _, color = _choose_frame(look)
    scale = camera.px_per_cm
    for sign in (-1.0, 1.0):
        hinge = np.array([[sign * 5.75, -0.7, LENS_Z - 1.0], [sign * 7.4, -0.4, -7.0]], np.float32)
        line = camera.project(hinge, pose)
        if sign * (line[1, 0] - line[0, 0]) > -0.6 * scale or sign * pose.yaw_degrees < 0:
            stroke_points(canvas, line, color, 0.36 * scale)


def draw_glasses(
    canvas: Any, camera: Camera, pose: Pose, look: Look, *, is_dark: bool, is_flat: bool
) -> None:
    """Draw glasses with clear or dark lenses."""
    shape, color = _choose_frame(look)
    width = (0.24 if sum(color) > 300 else 0.36) * (1.15 if is_flat else 1.0)
    scale = camera.px_per_cm
    size = 1.12 if is_dark else 1.0
    for sign in (-1.0, 1.0):
        xy = shape * size * [sign, 1] + [sign * (EYE_X + 0.25), 0.15]
        z = LENS_Z - 0.02 * xy[:, 0] ** 2
        points = camera.project(np.column_stack([xy, z]).astype(np.float32), pose)
        curve = smooth_points(points, is_closed=True, steps=4)
        low, high = float(curve[:, 1].min()), float(curve[:, 1].max())
        if is_dark:
            paint = make_paint((16, 16, 20), 0.97)
            tones = [pack_color((14, 14, 18), 0.98), pack_color((58, 54, 56), 0.93)]
            paint.setShader(make_gradient((0, low), (0, high), tones, (0, 1)))
            canvas.drawPath(make_path(curve), paint)
        else:
            fill_points(canvas, curve, (205, 225, 240), 0.09)
            if not is_flat:
                shade = curve + np.array([0, 0.25 * scale], np.float32)
                stroke_points(
                    canvas,
                    shade,
                    (40, 20, 16),
                    width * scale,
                    0.3,
                    blur_px=0.12 * scale,
                    is_closed=True,
                )
        _draw_glare(canvas, curve, scale, 0.3 if is_dark else 0.16)
        stroke_points(canvas, curve, color, width * scale, is_closed=True)
        if not is_flat:
            stroke_points(
                canvas, curve[8:20] - [0, 0.04 * scale], scale_color(color, 2.2), 0.07 * scale, 0.7
            )
    bridge = np.array([[-0.85, -0.25, 1.9], [0, -0.62, 2.2], [0.85, -0.25, 1.9]], np.float32)
    stroke_points(canvas, smooth_points(camera.project(bridge, pose)), color, width * 1.1 * scale)


def _draw_glare(canvas: Any, curve: np.ndarray, scale: float, strength: float) -> None:
    skia = load_skia()
    canvas.save()
    canvas.clipPath(make_path(curve), skia.ClipOp.kIntersect, True)
    x, y = (float(part) for part in curve.mean(axis=0))
    band = np.array([[-1.9, 2], [-0.6, -2], [0.1, -2], [-1.2, 2]], np.float32) * scale + [x, y]
    fill_points(canvas, band, (255, 255, 255), strength, blur_px=0.1 * scale)
    canvas.restore()


def draw_mask(
    canvas: Any, camera: Camera, pose: Pose, look: Look, expression: Expression, *, is_flat: bool
) -> None:
    """Draw a mask over nose, mouth and chin, with its straps."""
    rng = open_stream(look.seed, "wearing_mask")
    colors = [(164, 200, 222), (238, 240, 240), (44, 46, 52), (206, 168, 190)]
    color = colors[int(rng.integers(4))]
    scale = camera.px_per_cm
    jaw = expression.get("jaw", 0.0)
    drop = 2.6 * jaw
    nose = [[0, 1.5, 3.35], [1.3, 2.0, 2.5], [3.4, 2.9, 1.5], [5.6, 3.5, -0.6], [6.35, 4.3, -2.2]]
    chin = [[6.1, 6.8, -2.4], [5.3, 8.7, -1.4], [3.6, 10.4, 0.4], [1.6, 11.6, 1.6], [0, 11.8, 1.9]]
    right = nose + chin
    outline = np.asarray(right, np.float32)
    outline[:, 1] += np.interp(outline[:, 1], [4, 9], [0, drop])
    full = np.concatenate([outline, (outline * [-1, 1, 1])[::-1][1:-1]]).astype(np.float32)
    for sign in (-1.0, 1.0):
        if sign * pose.yaw_degrees > 14:
            continue
        for y, ear_y in ((4.4, -0.8), (7.6 + drop * 0.5, 3.4)):
            strap = np.array([[sign * 6.2, y, -2.2], [sign * 7.35, ear_y, -7.2]], np.float32)
            stroke_points(canvas, camera.project(strap, pose), (236, 236, 238), 0.22 * scale)
    points = smooth_points(camera.project(full, pose), is_closed=True, steps=3)
    lean = look.light.direction[0]
    level = 0.55 + 0.45 * min(look.light.key, 1.0)
    paint = make_paint(color)
    if not is_flat:
        left, stop = float(points[:, 0].min()), float(points[:, 0].max())
        tones = [
            pack_color(scale_color(color, level * (1 - 0.35 * part**2 + 0.4 * lean * part)))
            for part in (-1, -0.5, 0, 0.5, 1)
        ]
        paint.setShader(make_gradient((left, 0), (stop, 0), tones, (0, 0.25, 0.5, 0.75, 1)))
        fill_points(
            canvas,
            points + np.array([0, 0.3 * scale], np.float32),
            (30, 14, 10),
            0.3,
            blur_px=0.35 * scale,
        )
    canvas.drawPath(make_path(points), paint)
    for y in (4.6, 6.2, 7.8):
        x = np.linspace(-5.4, 5.4, 11, dtype=np.float32)
        pleat = np.column_stack(
            [x, y + 0.025 * x**2 + np.interp(y, [4, 9], [0, drop]), 3.1 - 0.14 * x**2]
        )
        line = camera.project(pleat.astype(np.float32), pose)
        stroke_points(canvas, line, scale_color(color, 0.6), 0.13 * scale, 0.6)
        stroke_points(
            canvas,
            line + np.array([0, 0.14 * scale, 0], np.float32),
            scale_color(color, 1.2),
            0.1 * scale,
            0.5,
        )
    stroke_points(canvas, points, scale_color(color, 0.6), 0.12 * scale, 0.7, is_closed=True)


def draw_eye_patch(canvas: Any, camera: Camera, pose: Pose, look: Look) -> None:
    """Draw a patch over one eye and its band."""
    sign = float(open_stream(look.seed, "one_eyed").choice([-1, 1]))
    scale = camera.px_per_cm
    band = np.array(
        [[7.2, 0.6, -4.5], [4.4, -0.8, 0.6], [0, -3.0, 2.0], [-4.6, -5.0, 0.0], [-7.3, -6.2, -5.0]],
        np.float32,
    ) * np.array([sign, 1, 1], np.float32)
    stroke_points(canvas, smooth_points(camera.project(band, pose)), (20, 20, 22), 0.4 * scale)
    right = [
        [-2.0, -0.9, 1.6],
        [0, -1.5, 1.8],
        [2.1, -0.9, 1.0],
        [1.7, 1.2, 1.0],
        [0, 2.0, 1.5],
        [-1.6, 1.1, 1.6],
    ]
    patch = np.asarray(right, np.float32) * [sign, 1, 1] + [sign * (EYE_X + 0.1), 0, 0]
    curve = smooth_points(camera.project(patch.astype(np.float32), pose), is_closed=True)
    fill_points(canvas, curve, (18, 18, 20))
    stroke_points(canvas, curve, (62, 60, 60), 0.12 * scale, 0.8, is_closed=True)
