"""Brows: their line on the face and their hairs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from lineament.render.brush import load_skia, make_paint, make_path, smooth_points, stroke_tapered
from lineament.render.camera import Camera, Pose
from lineament.render.expression import Expression, MovingHead
from lineament.render.look import Look
from lineament.render.streams import open_stream

SIDES = {"left": -1.0, "right": 1.0}


def list_brow(side: str, look: Look) -> Float[np.ndarray, "points 2"]:
    """Return the resting middle line of a brow, from the nose outwards."""
    place = np.linspace(0, 1, 7, dtype=np.float32)
    x = 1.35 + 4.0 * place
    y = -1.62 - 0.42 * np.sin(np.pi * np.clip(place * 0.9, 0, 1)) ** 1.2
    arch = look.features.brow_arch
    y = y - arch * (1.1 * np.exp(-(((place - 0.62) / 0.24) ** 2)) - 0.25) + 0.3 * place**3
    return np.stack([x * SIDES[side], y], -1).astype(np.float32)


def sample_brow_hairs(side: str, look: Look) -> tuple[np.ndarray, np.ndarray]:
    """Choose roots and tips of a brow's hairs on the resting face."""
    rng = open_stream(look.seed, "brow hairs", side)
    spine = list_brow(side, look)
    thick = look.features.brow_thickness
    count = 84
    place = np.sort(rng.uniform(0, 0.97, count)).astype(np.float32)
    knots = np.linspace(0, 1, len(spine))
    x = np.interp(place, knots, spine[:, 0])
    y = np.interp(place, knots, spine[:, 1])
    half = 0.28 * thick * np.interp(place, [0, 0.15, 0.6, 1], [0.7, 1, 0.8, 0.1])
    roots = np.stack([x, y + rng.uniform(-0.4, 1.0, count) * half], -1)
    length = 0.46 * (0.6 + 0.4 * min(thick, 1.4)) * rng.uniform(0.7, 1.1, count)
    angle = np.interp(place, [0, 0.3, 0.7, 1], [-1.25, -0.55, 0.05, 0.45])
    step = np.stack([np.cos(angle) * length * SIDES[side], np.sin(angle) * length * 0.75], -1)
    return roots.astype(np.float32), (roots + step).astype(np.float32)


@dataclass(frozen=True)
class BrowPainter:
    """Draws one brow."""

    look: Look
    head: MovingHead
    spine: Float[np.ndarray, "points 2"]
    hairs: tuple[np.ndarray, np.ndarray]
    is_flat: bool

    def draw(self, canvas: Any, camera: Camera, pose: Pose, expression: Expression) -> None:
        """Draw it under an expression."""
        features = self.look.features
        scale = camera.px_per_cm
        spine = self.head.move_points(self.spine, expression, lift=0.1)
        line = smooth_points(camera.project(spine, pose), steps=3)
        place = np.linspace(0, 1, len(line))
        widths = (
            0.52
            * features.brow_thickness
            * np.interp(place, [0, 0.12, 0.55, 1], [0.55, 1, 0.9, 0.12])
        )
        if self.is_flat:
            stroke_tapered(canvas, line, features.brow_color, widths * scale, 1.0)
            return
        middle = make_paint(
            features.brow_color, 0.56, width_px=0.3 * scale * features.brow_thickness
        )
        middle.setMaskFilter(
            load_skia().MaskFilter.MakeBlur(load_skia().kNormal_BlurStyle, 0.1 * scale)
        )
        canvas.drawPath(make_path(line[1:-2], is_closed=False), middle)
        roots, tips = self.hairs
        root = camera.project(self.head.move_points(roots, expression, lift=0.12), pose)
        tip = camera.project(self.head.move_points(tips, expression, lift=0.2), pose)
        path = load_skia().Path()
        for (x0, y0, _), (x1, y1, _) in zip(root.tolist(), tip.tolist(), strict=True):
            path.moveTo(x0, y0)
            path.lineTo(x1, y1)
        canvas.drawPath(path, make_paint(features.brow_color, 0.72, width_px=0.06 * scale))
