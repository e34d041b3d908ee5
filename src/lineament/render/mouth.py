"""The mouth: lips, teeth, tongue, and the nostrils above it."""

from typing import Any

import numpy as np
from jaxtyping import Float

from lineament.render.brush import (
    fill_points,
    load_skia,
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
from lineament.render.expression import Expression, MovingHead
from lineament.render.head import STOMION_Y
from lineament.render.look import Look

# From the left to the right corner: places, and heights about the line where the lips meet.
LIP_X = np.array([-2.5, -2.05, -1.45, -0.72, 0.0, 0.72, 1.45, 2.05, 2.5], np.float32)
UPPER_HEIGHT = np.array([0.0, 0.3, 0.58, 0.8, 0.68, 0.8, 0.58, 0.3, 0.0], np.float32)
LOWER_HEIGHT = np.array([0.0, 0.4, 0.74, 0.97, 1.03, 0.97, 0.74, 0.4, 0.0], np.float32)
SEAM = np.array([0.05, 0.03, 0.0, -0.03, 0.02, -0.03, 0.0, 0.03, 0.05], np.float32)


class MouthPainter:
    """Draws the lips and what they open on."""

    def __init__(self, look: Look, head: MovingHead, *, is_flat: bool) -> None:
        self.look, self.head, self.is_flat = look, head, is_flat
        full = look.features.lip_fullness
        width = 1 + (0.02 if look.is_male else -0.03)
        seam = STOMION_Y + SEAM
        x = LIP_X * width
        above, below = seam - UPPER_HEIGHT * full**0.9, seam + LOWER_HEIGHT * full
        inner = x * 0.985
        self._lines = {
            "upper": np.stack([x, above], -1).astype(np.float32),
            "lower": np.stack([x, below], -1).astype(np.float32),
            "inner_upper": np.stack([inner, seam - 0.01], -1).astype(np.float32),
            "inner_lower": np.stack([inner, seam + 0.01], -1).astype(np.float32),
        }
        corner = np.clip(np.abs(LIP_X) / 2.5, 0, 1)
        self._follow = {
            "upper": 0.46 * corner**3 - 0.05,
            "inner_upper": 0.46 * corner**3 - 0.05,
            "lower": 1 - 0.59 * corner**3.4,
            "inner_lower": 1 - 0.59 * corner**3.4,
        }

    def measure(self, expression: Expression) -> dict[str, Float[np.ndarray, "9 3"]]:
        """Return the four lip lines in head axes, left to right."""
        jaw = expression.get("jaw", 0.0)
        rest = {key: value for key, value in expression.items() if key != "jaw"}
        lines = {}
        for name, places in self._lines.items():
            points = self.head.move_points(places, rest, lift=0.03)
            follow = self._follow[name]
            points[:, 1] += 4.0 * jaw * follow
            points[:, 2] -= 1.2 * jaw * follow
            points[:, 0] *= 1 - 0.24 * jaw
            lines[name] = points
        gap = lines["inner_lower"][:, 1] - lines["inner_upper"][:, 1]
        short = np.clip(-gap, 0, None)
        lines["inner_lower"][:, 1] += short
        lines["lower"][:, 1] = np.maximum(lines["lower"][:, 1], lines["inner_lower"][:, 1] + 0.0)
        press = expression.get("press", 0.0)
        for outer, inner in (("upper", "inner_upper"), ("lower", "inner_lower")):
            lines[outer][:, 1] += 0.35 * press * (lines[inner][:, 1] - lines[outer][:, 1])
        return lines

    def draw(self, canvas: Any, camera: Camera, pose: Pose, expression: Expression) -> None:
        """Draw the nostrils and the mouth."""
        self._draw_nostrils(canvas, camera, pose, expression)
        lines = {
            name: smooth_points(camera.project(points, pose), steps=3)
            for name, points in self.measure(expression).items()
        }
        gap = float((lines["inner_lower"] - lines["inner_upper"])[:, 1].max())
        if gap > 0.1 * camera.px_per_cm:
            self._draw_inside(canvas, camera, pose, expression, lines)
        self._draw_lips(canvas, camera, lines, gap)

    def _draw_lips(
        self, canvas: Any, camera: Camera, lines: dict[str, np.ndarray], gap: float
    ) -> None:
        scale = camera.px_per_cm
        look = self.look
        color = look.features.lip_color
        tone = 1.0 if look.light.key > 0.5 else 0.8
        upper = np.concatenate([lines["upper"], lines["inner_upper"][::-1]])
        lower = np.concatenate([lines["inner_lower"], lines["lower"][::-1]])
        if self.is_flat:
            fill_points(canvas, upper, scale_color(color, 0.82 * tone))
            fill_points(canvas, lower, scale_color(color, tone))
            dark = scale_color(color, 0.4)
            stroke_points(canvas, lines["inner_upper"], dark, 0.12 * scale)
            return
        soft = 0.05 * scale
        for points, tones in ((upper, (0.92, 0.8, 0.6)), (lower, (0.74, 1.08, 0.78))):
            top, bottom = float(points[:, 1].min()), float(points[:, 1].max())
            paint = make_paint(color, 0.9, blur_px=soft)
            shades = [pack_color(scale_color(color, tone * part), 0.9) for part in tones]
            paint.setShader(make_gradient((0, top), (0, bottom), shades, (0, 0.5, 1)))
            canvas.drawPath(make_path(points), paint)
        gloss = 0.55 if look.makeup.has_lipstick else 0.26
        middle = (lines["inner_lower"] * 0.5 + lines["lower"] * 0.5)[8:17]
        shine = mix(color, (255, 255, 255), 0.65)
        push = np.array([0.4 * scale * look.light.direction[0], 0], np.float32)
        stroke_points(
            canvas, middle + push, shine, 0.16 * scale, gloss * tone, blur_px=0.12 * scale
        )
        seam = mix(scale_color(color, 0.28), (30, 10, 10), 0.4)
        stroke_points(canvas, lines["inner_upper"], seam, 0.12 * scale, 0.85, blur_px=0.02 * scale)
        if gap > 0.1 * scale:
            stroke_points(canvas, lines["inner_lower"], seam, 0.07 * scale, 0.5)
        for index in (0, -1):
            x, y = (float(part) for part in lines["inner_upper"][index])
            spot = make_paint((40, 14, 12), 0.4, blur_px=0.1 * scale)
            canvas.drawCircle(x, y, 0.15 * scale, spot)
        under = lines["lower"][6:-6] + np.array([0, 0.24 * scale], np.float32)
        shadow = scale_color(look.skin.color, 0.35)
        stroke_points(canvas, under, shadow, 0.25 * scale, 0.3, blur_px=0.18 * scale)

    def _draw_inside(
        self,
        canvas: Any,
        camera: Camera,
        pose: Pose,
        expression: Expression,
        lines: dict[str, np.ndarray],
    ) -> None:
        """Draw throat, teeth and tongue between the inner lips."""
        skia = load_skia()
        scale = camera.px_per_cm
        top, bottom = lines["inner_upper"], lines["inner_lower"]
        opening = make_path(np.concatenate([top, bottom[::-1]]))
        canvas.save()
        canvas.clipPath(opening, skia.ClipOp.kIntersect, True)
        canvas.drawPaint(make_paint((52, 14, 16)))
        tongue = camera.project(
            np.array([[0, STOMION_Y + 1.0 + 3.6 * expression.get("jaw", 0.0), 0.4]], np.float32),
            pose,
        )[0]
        out = expression.get("tongue", 0.0)
        pink = (186, 84, 84) if self.look.light.key > 0.5 else (140, 62, 62)
        wide = (1.35 + 0.1 * out) * scale
        canvas.drawOval(
            skia.Rect.MakeXYWH(
                float(tongue[0]) - wide, float(tongue[1]) - 0.75 * scale, 2 * wide, 2.2 * scale
            ),
            make_paint(pink, 0.9, blur_px=0.0 if self.is_flat else 0.15 * scale),
        )
        quiet = {key: value for key, value in expression.items() if key.startswith("upper")}
        arc = np.linspace(-1, 1, 9, dtype=np.float32)
        gum = np.stack([arc * 2.25, 6.22 - 0.25 * quiet.get("upper_lip_up", 0) + 0.1 * arc**2], -1)
        upper = np.column_stack([gum, 0.95 - 0.9 * arc**2]).astype(np.float32)
        edge = upper + np.array([0, 0.88, 0], np.float32)
        edge[:, 1] -= 0.35 * arc**2
        self._draw_teeth(
            canvas, camera.project(upper, pose), camera.project(edge, pose), scale, 1.0
        )
        drop = 4.0 * expression.get("jaw", 0.0) + 0.55 * expression.get("lower_lip_down", 0.0)
        foot = upper + np.array([0, 1.55 + drop, -0.35], np.float32)
        crown = foot + np.array([0, -0.72, 0], np.float32)
        if drop < 2.0:
            self._draw_teeth(
                canvas, camera.project(crown, pose), camera.project(foot, pose), scale, 0.8
            )
        if not self.is_flat:
            height = min(float((bottom - top)[:, 1].max()) * 0.4, 0.34 * scale)
            stroke_points(canvas, top, (30, 6, 8), height, 0.5, blur_px=0.4 * height)
        canvas.restore()

    def _draw_teeth(
        self, canvas: Any, top: np.ndarray, bottom: np.ndarray, scale: float, tone: float
    ) -> None:
        lit = 0.94 if self.look.light.key > 0.5 else 0.7
        color = scale_color((238, 232, 222), tone * lit)
        outline = np.concatenate([top[:, :2], bottom[::-1, :2]])
        left, right = float(outline[:, 0].min()), float(outline[:, 0].max())
        paint = make_paint(color)
        if not self.is_flat:
            shades = [
                pack_color(scale_color(color, part)) for part in (0.35, 0.95, 1.0, 0.95, 0.35)
            ]
            paint.setShader(make_gradient((left, 0), (right, 0), shades, (0, 0.28, 0.5, 0.72, 1)))
        canvas.drawPath(make_path(outline), paint)
        for index in range(1, len(top) - 1):
            gap = np.stack([top[index, :2], bottom[index, :2]])
            stroke_points(canvas, gap, scale_color(color, 0.72), 0.035 * scale, 0.5)

    def _draw_nostrils(
        self, canvas: Any, camera: Camera, pose: Pose, expression: Expression
    ) -> None:
        scale = camera.px_per_cm
        size = 1 + 0.22 * self.look.shape.nose_size
        dark = scale_color(self.look.skin.color, 0.24)
        for sign in (-1.0, 1.0):
            places = np.array(
                [[0.42, 4.36], [0.75, 4.14], [1.12, 4.2], [1.22, 4.36], [0.85, 4.44]], np.float32
            ) * np.array([sign * size, 1.0], np.float32)
            points = camera.project(self.head.move_points(places, expression, lift=0.0), pose)
            curve = smooth_points(points, is_closed=True, steps=3)
            blur = 0.0 if self.is_flat else 0.09 * scale
            fill_points(canvas, curve, dark, 0.7, blur_px=blur)
            if self.is_flat:
                continue
            wing = np.array([[1.55, 3.3], [1.98, 3.7], [1.95, 4.1], [1.6, 4.35]], np.float32)
            wing = wing * np.array([sign * size, 1.0], np.float32)
            line = smooth_points(
                camera.project(self.head.move_points(wing, expression), pose), steps=3
            )
            shade = scale_color(self.look.skin.color, 0.42)
            stroke_points(canvas, line, shade, 0.16 * scale, 0.42, blur_px=0.11 * scale)
