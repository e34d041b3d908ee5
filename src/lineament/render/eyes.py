"""Eyes and brows: lids, white, iris, lashes, folds, and the hairs of the brows."""

from typing import Any

import numpy as np
from jaxtyping import Float

from lineament.render.brows import SIDES, BrowPainter, list_brow, sample_brow_hairs
from lineament.render.brush import (
    load_skia,
    make_gradient,
    make_paint,
    make_path,
    make_radial,
    mix,
    pack_color,
    scale_color,
    smooth_points,
    stroke_points,
    stroke_tapered,
)
from lineament.render.camera import Camera, Pose
from lineament.render.expression import Expression, MovingHead
from lineament.render.head import EYE_X
from lineament.render.look import Look

IRIS_CM, BALL_CM = 0.6, 1.2
# Along an eye, from the inner to the outer corner: place, and height of the upper and lower lid
# as a share of the full opening.
LID_PLACE = np.array([0.0, 0.1, 0.25, 0.42, 0.6, 0.78, 0.92, 1.0], np.float32)
UPPER_SHARE = np.array([0.0, 0.52, 0.9, 1.0, 0.97, 0.76, 0.34, 0.0], np.float32)
LOWER_SHARE = np.array([0.0, 0.3, 0.62, 0.9, 1.0, 0.82, 0.4, 0.0], np.float32)


class EyeLids:
    """The lid lines of one eye in head axes, open or closed."""

    def __init__(self, side: str, look: Look) -> None:
        sign = SIDES[side]
        size = look.features.eye_size
        inner, outer = EYE_X - 1.36 * size, EYE_X + 1.36 * size
        x = inner + (outer - inner) * LID_PLACE
        base = 0.26 - (0.2 if not look.is_male else 0.14) * LID_PLACE
        self.sign = sign
        self.x = (x * sign).astype(np.float32)
        self.base = base.astype(np.float32)
        self.upper = 0.64 * look.features.eye_height * UPPER_SHARE
        self.lower = 0.36 * look.features.eye_height * LOWER_SHARE

    def find_lids(
        self, closure: float, widen: float, squint: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return resting x and y of the upper and the lower lid line.

        Args:
            closure: 0 open to 1 shut.
            widen: How far the lids are torn apart, 0 to 1.
            squint: How far the lower lid is raised, 0 to 1.
        """
        lower = self.lower * (1 + 0.22 * widen - 0.75 * squint)
        upper = self.upper * (1 + 0.42 * widen - 0.3 * squint)
        shut = 0.75 * self.lower + 0.02
        upper_y = self.base - upper + (shut + upper) * closure
        lower_y = self.base + lower + (shut - lower) * closure
        return (
            np.stack([self.x, upper_y], -1).astype(np.float32),
            np.stack([self.x, lower_y], -1).astype(np.float32),
        )


class EyePainter:
    """Draws both eyes and brows of one face."""

    def __init__(self, look: Look, head: MovingHead, *, is_flat: bool) -> None:
        self.look, self.head, self.is_flat = look, head, is_flat
        self.lids = {side: EyeLids(side, look) for side in SIDES}
        self.brows = {side: list_brow(side, look) for side in SIDES}
        self._hairs = {side: sample_brow_hairs(side, look) for side in SIDES}
        lines = smooth_points(np.stack([LID_PLACE * 7, LID_PLACE], -1), steps=3)
        self._num_curve = len(lines)

    def measure(
        self, side: str, expression: Expression
    ) -> tuple[np.ndarray, np.ndarray, Float[np.ndarray, "3"]]:
        """Return upper lid, lower lid and pupil of one eye in head axes."""
        closure = float(np.clip(expression.get(f"blink_{side}", 0.0), 0, 1))
        widen = expression.get("widen", 0.0)
        squint = min(expression.get("squint", 0.0), 1.0)
        upper_xy, lower_xy = self.lids[side].find_lids(closure, widen, squint)
        quiet = {key: 0.25 * value for key, value in expression.items() if "smile" in key}
        rest = self.head.move_points(np.concatenate([self.lids[side].find_lids(0, 0, 0)[0]]), quiet)
        z = rest[:, 2] * 0 + _lid_depth(self.lids[side].x, self.lids[side].sign)
        upper = np.column_stack([upper_xy, z]).astype(np.float32)
        lower = np.column_stack([lower_xy, z]).astype(np.float32)
        gaze_x = np.radians(32 * expression.get("gaze_x", 0.0))
        gaze_y = np.radians(26 * expression.get("gaze_y", 0.0))
        centre = np.array([self.lids[side].sign * EYE_X, 0.03, z.max() - BALL_CM], np.float32)
        ahead = np.array(
            [np.sin(gaze_x) * np.cos(gaze_y), -np.sin(gaze_y), np.cos(gaze_x) * np.cos(gaze_y)]
        )
        return upper, lower, centre + (BALL_CM * ahead).astype(np.float32)

    def draw(self, canvas: Any, camera: Camera, pose: Pose, expression: Expression) -> None:
        """Draw the eyes; glasses and the like come later."""
        for side in SIDES:
            self._draw_eye(canvas, camera, pose, expression, side)
            spine, hairs = self.brows[side], self._hairs[side]
            brow = BrowPainter(self.look, self.head, spine, hairs, self.is_flat)
            brow.draw(canvas, camera, pose, expression)

    def _draw_eye(
        self, canvas: Any, camera: Camera, pose: Pose, expression: Expression, side: str
    ) -> None:
        upper, lower, pupil = self.measure(side, expression)
        scale = camera.px_per_cm
        top = smooth_points(camera.project(upper, pose), steps=3)
        bottom = smooth_points(camera.project(lower, pose), steps=3)
        gap = float(np.abs(bottom - top).max())
        skin = self.look.skin.color
        lash = (34, 24, 22) if not self.is_flat else (30, 22, 26)
        if gap > 0.05 * scale:
            self._draw_ball(canvas, camera, pose, pupil, top, bottom)
        self._draw_folds(canvas, camera, pose, upper, lower, expression, side)
        liner = self.look.makeup.liner
        female = 0.0 if self.look.is_male else 1.0
        place = np.linspace(0, 1, len(top))
        heavy = 0.13 + 0.05 * female + 0.14 * liner + (0.05 if self.is_flat else 0)
        widths = scale * heavy * (0.35 + 0.65 * np.sin(np.pi * np.clip(place * 0.85 + 0.1, 0, 1)))
        line = top.copy()
        if female or liner:
            line[-1] += (top[-1] - top[-2]) * (0.3 + 0.9 * liner) - [0, 0.1 * scale * (1 + liner)]
        stroke_tapered(canvas, line, lash, widths, 0.92)
        rim = mix(skin, (120, 50, 46), 0.35)
        if gap <= 0.05 * scale:
            pass
        elif self.is_flat:
            stroke_points(canvas, bottom[3:], scale_color(skin, 0.55), 0.07 * scale, 0.8)
        else:
            stroke_points(canvas, bottom, scale_color(rim, 0.62), 0.09 * scale, 0.6)
        if liner:
            stroke_points(canvas, bottom[4:], lash, 0.11 * scale, 0.7, blur_px=0.04 * scale)
        if (female or liner) and not self.is_flat:
            self._draw_lashes(canvas, top, scale, 0.5 + 0.5 * liner)

    def _draw_ball(
        self,
        canvas: Any,
        camera: Camera,
        pose: Pose,
        pupil: np.ndarray,
        top: np.ndarray,
        bottom: np.ndarray,
    ) -> None:
        skia = load_skia()
        scale = camera.px_per_cm
        opening = make_path(np.concatenate([top, bottom[::-1]]))
        low, high = float(top[:, 1].min()), float(bottom[:, 1].max())
        warm = mix((240, 236, 232), self.look.skin.color, 0.12)
        tone = 0.95 if self.look.light.key > 0.5 else 0.72
        canvas.save()
        canvas.clipPath(opening, skia.ClipOp.kIntersect, True)
        paint = make_paint(scale_color(warm, tone))
        if not self.is_flat:
            shades = [pack_color(scale_color(warm, tone * part)) for part in (0.52, 0.9, 1.0, 0.86)]
            paint.setShader(make_gradient((0, low), (0, high), shades, (0, 0.4, 0.75, 1)))
        canvas.drawPaint(paint)
        x, y, _ = camera.project(pupil[None], pose)[0]
        radius = IRIS_CM * scale * (1.04 if self.is_flat else 1.0)
        canvas.save()
        canvas.translate(float(x), float(y))
        canvas.scale(max(float(np.cos(np.radians(pose.yaw_degrees))), 0.5), 1)
        iris = self.look.features.iris_color
        paint = make_paint(iris)
        if not self.is_flat:
            stops = [0.95, 1.12, 0.85, 0.34]
            colors = [pack_color(scale_color(iris, part * tone)) for part in stops]
            paint.setShader(make_radial((0, 0), radius, colors, (0, 0.5, 0.78, 1.0)))
        canvas.drawCircle(0, 0, radius, paint)
        if self.is_flat:
            canvas.drawCircle(
                0, 0, radius, make_paint(scale_color(iris, 0.5), 1, width_px=scale * 0.1)
            )
        canvas.drawCircle(0, 0, radius * 0.4, make_paint((12, 9, 9)))
        canvas.restore()
        if not self.is_flat:
            shade = top + np.array([0, 0.1 * scale], np.float32)
            stroke_points(canvas, shade, (40, 22, 20), 0.24 * scale, 0.42, blur_px=0.09 * scale)
            corner = top[0] + np.array([np.sign(top[-1, 0] - top[0, 0]) * 0.1 * scale, 0])
            canvas.drawCircle(
                float(corner[0]), float(corner[1]), 0.17 * scale,
                make_paint((196, 118, 112), 0.75, blur_px=0.05 * scale),
            )  # fmt: skip
        glint = np.asarray(self.look.light.direction) * 0.28 * scale
        canvas.drawCircle(
            float(x + glint[0]),
            float(y + glint[1] * 0.9),
            0.13 * scale,
            make_paint((255, 255, 255), 0.92),
        )
        canvas.restore()

    def _draw_folds(
        self,
        canvas: Any,
        camera: Camera,
        pose: Pose,
        upper: np.ndarray,
        lower: np.ndarray,
        expression: Expression,
        side: str,
    ) -> None:
        """Draw the crease above the upper lid and the soft edge under the lower one."""
        scale = camera.px_per_cm
        open_top = self.lids[side].find_lids(0, 0, 0)[0]
        crease = upper.copy()
        crease[:, 1] = np.minimum(open_top[:, 1], upper[:, 1]) - 0.05 - 0.2 * UPPER_SHARE
        crease[1:-1, 1] += 0.25 * expression.get("squint", 0.0) * UPPER_SHARE[1:-1] * 0.5
        line = smooth_points(camera.project(crease, pose), steps=3)
        dark = scale_color(self.look.skin.color, 0.46)
        blur = 0.0 if self.is_flat else 0.06 * scale
        closure = min(expression.get(f"blink_{side}", 0.0), 1.0)
        depth = 0.62 - 0.42 * closure
        stroke_points(canvas, line[2:-1], dark, 0.11 * scale, depth, blur_px=blur)
        if not self.is_flat:
            pouch = lower.copy()
            pouch[:, 1] += 0.32
            line = smooth_points(camera.project(pouch, pose), steps=3)
            strength = 0.16 - 0.1 * closure + 0.25 * min(expression.get("squint", 0.0), 1)
            stroke_points(canvas, line[3:-3], dark, 0.16 * scale, strength, blur_px=0.12 * scale)

    def _draw_lashes(self, canvas: Any, top: np.ndarray, scale: float, strength: float) -> None:
        skia = load_skia()
        path = skia.Path()
        sign = float(np.sign(top[-1, 0] - top[0, 0]))
        length = 0.26 * scale * (0.6 + 0.6 * strength)
        for index in range(6, len(top), 2):
            x, y = float(top[index, 0]), float(top[index, 1])
            lean = sign * (index / len(top) - 0.45) * 1.1
            path.moveTo(x, y)
            path.quadTo(
                x + lean * length * 0.3, y - length * 0.3, x + lean * length, y - length * 0.6
            )
        canvas.drawPath(path, make_paint((24, 17, 16), 0.75, width_px=0.05 * scale))


def _lid_depth(x: np.ndarray, sign: float) -> np.ndarray:
    """Return how far forward the lids lie: they wrap about the ball of the eye."""
    offset = np.abs(x * sign - EYE_X + 0.12)
    return (0.28 - 0.32 * offset**2 - 0.16 * np.maximum(x * sign - EYE_X, 0)).astype(np.float32)


def draw_tears(
    canvas: Any, camera: Camera, pose: Pose, head: MovingHead, strength: float, phase: float
) -> None:
    """Draw wet tracks under both eyes, and a drop that runs down them."""
    scale = camera.px_per_cm
    for sign in (-1.0, 1.0):
        y = np.linspace(0.75, 5.4, 9, dtype=np.float32)
        x = sign * (3.3 + 0.12 * np.sin(y * 1.3 + sign))
        track = camera.project(
            head.move_points(np.stack([x, y], -1).astype(np.float32), {}, 0.1), pose
        )
        stroke_points(canvas, track, (235, 244, 252), 0.26 * scale, 0.42 * strength)
        stroke_points(canvas, track, (255, 255, 255), 0.09 * scale, 0.75 * strength)
        part = (phase + 0.3 * (sign > 0)) % 1.0
        at = track[min(int(part * 8), 8)]
        fill = make_paint((240, 248, 255), 0.85 * strength)
        canvas.drawCircle(float(at[0]), float(at[1]), 0.24 * scale, fill)
