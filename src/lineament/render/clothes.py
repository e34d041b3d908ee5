"""The body: neck, shoulders, clothes, ties and necklaces; it stands still while the head moves."""

from typing import Any

import numpy as np

from lineament.render.brush import (
    Color,
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
from lineament.render.camera import Camera
from lineament.render.look import Look
from lineament.render.streams import open_stream
from lineament.render.ties import draw_bow_tie, draw_necklace, draw_necktie, place_flat

WITH_COLLAR = ("shirt", "suit", "uniform", "blouse")
NECKLINE_Y = {
    "t_shirt": 17.6, "sweater": 15.9, "hoodie": 16.6, "shirt": 18.6, "suit": 18.2, "jacket": 15.8,
    "coat": 18.6, "dress": 20.4, "blouse": 20.0, "uniform": 17.6,
}  # fmt: skip


class BodyPainter:
    """Draws everything below the head in centimetres of the resting camera."""

    def __init__(self, look: Look, camera: Camera, *, is_flat: bool) -> None:
        self.look, self.camera, self.is_flat = look, camera, is_flat
        self.neck = 5.7 if look.is_male else 4.7
        self.shoulder = 22.0 if look.is_male else 18.5

    def place(self, points: Any, z: float = -5.0) -> np.ndarray:
        """Return pixels of points of the frontal plane at depth `z`."""
        return place_flat(self.camera, points, z)

    def mirror(self, points: Any) -> np.ndarray:
        """Return pixels of a closed outline given by its right half, from the top down."""
        right = np.asarray(points, np.float32)
        return self.place(np.concatenate([right, (right * [-1, 1])[::-1]]))

    def draw(self, canvas: Any) -> None:
        """Draw neck, clothes and what is worn there."""
        self._draw_neck(canvas)
        kind = self.look.clothes_type
        color = self.look.clothes_color
        if kind in ("suit", "coat", "jacket"):
            inner = (
                (236, 236, 238)
                if kind == "suit"
                else scale_color(mix(color, (210, 208, 204), 0.6), 1)
            )
            self._draw_torso(canvas, inner, NECKLINE_Y["shirt"] - 1.2, "inner")
            if kind == "suit":
                self._draw_collar(canvas, inner)
            self._draw_front(canvas, color, kind)
        else:
            self._draw_torso(canvas, color, NECKLINE_Y[kind], kind)
            if kind in ("shirt", "uniform", "blouse"):
                self._draw_collar(canvas, color)
            self._draw_details(canvas, color, kind)
        if "wearing_necklace" in self.look.worn:
            draw_necklace(canvas, self.camera, self.look, self.neck)
        if "wearing_necktie" in self.look.worn:
            draw_necktie(canvas, self.camera, self.look)
        if "wearing_bow_tie" in self.look.worn:
            draw_bow_tie(canvas, self.camera, self.look)

    def find_neck_path(self) -> Any:
        """Return the outline of the neck, down to where clothes cover it."""
        n = self.neck
        side = [[n - 0.2, 4], [n, 10], [n + 0.1, 13], [n + 1.2, 15.2], [n + 4.2, 17.6], [n + 6, 20]]
        outline = self.mirror([*side, [n + 6, 32]])
        return make_path(smooth_points(outline, is_closed=True, steps=3))

    def _shade(self, paint: Any, color: Color, left: float, right: float, depth: float) -> None:
        """Give a paint the light's fall from one side to the other."""
        if self.is_flat:
            return
        lean = self.look.light.direction[0]
        level = 0.55 + 0.45 * min(self.look.light.key + 0.4 * self.look.light.ambient, 1.1)
        tones = []
        for part in (-1.0, -0.55, 0.0, 0.55, 1.0):
            tone = 1 - depth * part * part + 0.42 * lean * part
            tones.append(pack_color(scale_color(color, level * max(tone, 0.15))))
        paint.setShader(make_gradient((left, 0), (right, 0), tones, (0, 0.22, 0.5, 0.78, 1)))

    def _draw_neck(self, canvas: Any) -> None:
        skin = self.look.skin.color
        n = self.neck
        paint = make_paint(scale_color(skin, 0.86))
        left, right = self.place([[-n - 1, 12], [n + 1, 12]])[:, 0]
        self._shade(paint, scale_color(skin, 0.9), float(left), float(right), 0.42)
        canvas.drawPath(self.find_neck_path(), paint)
        scale = self.camera.px_per_cm
        dark = scale_color(skin, 0.55)
        blur = 0 if self.is_flat else 0.4 * scale
        for sign in (-1, 1):
            cord = self.place([[sign * (n - 1), 11], [sign * 2.6, 15.6], [sign * 1.1, 17.4]])
            stroke_points(canvas, cord, dark, 0.5 * scale, 0.3, blur_px=blur)
            bone = self.place([[sign * 1.6, 17.8], [sign * 5, 17.6], [sign * 9, 17.0]])
            stroke_points(canvas, bone, dark, 0.6 * scale, 0.3, blur_px=blur)
        if self.look.is_male:
            apple = self.place([[0, 13.6]])[0]
            canvas.drawCircle(
                float(apple[0]),
                float(apple[1]) + 0.5 * scale,
                0.8 * scale,
                make_paint(dark, 0.4, blur_px=blur),
            )
            canvas.drawCircle(
                float(apple[0]),
                float(apple[1]) - 0.2 * scale,
                0.5 * scale,
                make_paint(scale_color(skin, 1.0), 0.4, blur_px=blur),
            )

    def _outline(self, neckline: float, kind: str) -> np.ndarray:
        n, s = self.neck, self.shoulder
        open_x = {"dress": n + 5.5, "blouse": n + 2.4, "t_shirt": n + 1.4}.get(kind, n + 0.9)
        start = 15.6 if kind not in ("dress", "blouse") else 17.0
        if kind in ("sweater", "jacket", "hoodie"):
            start = 14.4
        vee = kind in ("shirt", "blouse", "inner", "uniform")
        low = [
            [0, neckline + (1.6 if vee else 0)],
            [open_x * 0.55, neckline - (0.6 if vee else 0.7)],
        ]
        top = [
            [open_x, start],
            [n + 5, 17.1],
            [s * 0.78, 19.4],
            [s, 22.5],
            [s + 1.8, 30],
            [s + 2, 46],
        ]
        return self.mirror([*low, *top])

    def _draw_torso(self, canvas: Any, color: Color, neckline: float, kind: str) -> None:
        skia = load_skia()
        path = make_path(smooth_points(self._outline(neckline, kind)[:-1], is_closed=True, steps=3))
        scale = self.camera.px_per_cm
        paint = make_paint(color)
        left, right = self.place([[-self.shoulder, 20], [self.shoulder, 20]])[:, 0]
        self._shade(paint, color, float(left), float(right), 0.3)
        if not self.is_flat:
            shadow = make_paint((20, 10, 8), 0.4, blur_px=0.5 * scale)
            canvas.save()
            canvas.translate(0, -0.3 * scale)
            canvas.drawPath(path, shadow)
            canvas.restore()
        canvas.drawPath(path, paint)
        canvas.save()
        canvas.clipPath(path, skia.ClipOp.kIntersect, True)
        self._draw_folds(canvas, color)
        canvas.restore()

    def _draw_folds(self, canvas: Any, color: Color) -> None:
        rng = open_stream(self.look.seed, "folds")
        scale = self.camera.px_per_cm
        for _ in range(9):
            x, y = rng.uniform(-18, 18), rng.uniform(18, 27)
            end = [x * rng.uniform(0.7, 1.1), y + rng.uniform(3, 8)]
            line = self.place(
                [[x, y], [(x + end[0]) / 2 + rng.uniform(-1, 1), (y + end[1]) / 2], end]
            )
            tone = scale_color(color, 0.5 if rng.random() < 0.6 else 1.5)
            blur = 0 if self.is_flat else 0.45 * scale
            stroke_points(
                canvas, smooth_points(line), tone, rng.uniform(0.3, 0.9) * scale, 0.3, blur_px=blur
            )

    def _draw_collar(self, canvas: Any, color: Color) -> None:
        scale = self.camera.px_per_cm
        n = self.neck
        edge = scale_color(color, 0.5)
        for sign in (-1, 1):
            wing = [
                [n + 0.5, 13.9],
                [n + 1.4, 15.4],
                [4.6, 19.8],
                [2.4, 18.8],
                [0.4, 17.4],
                [2.6, 16.6],
            ]
            points = self.place(np.asarray(wing) * [sign, 1])
            lit = 1.06 + 0.25 * sign * self.look.light.direction[0]
            if not self.is_flat:
                fill_points(
                    canvas,
                    points + np.array([0, 0.4 * scale], np.float32),
                    (10, 8, 8),
                    0.35,
                    blur_px=0.4 * scale,
                )
            fill_points(canvas, points, scale_color(color, lit * (1 if self.is_flat else 0.95)))
            stroke_points(canvas, points, edge, 0.1 * scale, 0.6, is_closed=True)

    def _draw_front(self, canvas: Any, color: Color, kind: str) -> None:
        """Draw an open jacket: two fronts with lapels, or a zip with a stand-up collar."""
        scale = self.camera.px_per_cm
        n, s = self.neck, self.shoulder
        dark = scale_color(color, 0.55)
        left, right = (float(part) for part in self.place([[-s, 20], [s, 20]])[:, 0])
        gap = {"suit": 0.4, "coat": 1.6, "jacket": 2.6}[kind]
        for sign in (-1, 1):
            half = [
                [n + 0.7, 14.6], [n + 5, 17.0], [s * 0.78, 19.3], [s, 22.5], [s + 1.8, 30],
                [s + 2, 46], [gap, 46], [gap, 29 if kind == "suit" else 27], [3.6, 20.5],
            ]  # fmt: skip
            paint = make_paint(color)
            self._shade(paint, color, left, right, 0.3)
            canvas.drawPath(make_path(self.place(np.asarray(half) * [sign, 1])), paint)
            lapel = _list_lapel(kind, n)
            points = self.place(np.asarray(lapel) * [sign, 1])
            lit = 1.18 + 0.3 * sign * self.look.light.direction[0]
            if not self.is_flat:
                fill_points(
                    canvas,
                    points + np.array([0, 0.4 * scale], np.float32),
                    (0, 0, 0),
                    0.35,
                    blur_px=0.5 * scale,
                )
            fill_points(canvas, points, scale_color(color, lit * 0.9))
            stroke_points(canvas, points, dark, 0.12 * scale, 0.7, is_closed=True)
        self._draw_folds(canvas, color)

    def _draw_details(self, canvas: Any, color: Color, kind: str) -> None:
        scale = self.camera.px_per_cm
        n = self.neck
        dark, light = scale_color(color, 0.5), scale_color(color, 1.35)
        if kind in ("shirt", "uniform"):
            stroke_points(canvas, self.place([[0, 19.5], [0, 46]]), dark, 0.12 * scale, 0.6)
            for y in (21.5, 25.0, 28.5):
                x, at = (float(part) for part in self.place([[0.5, y]])[0])
                canvas.drawCircle(x, at, 0.28 * scale, make_paint(light))
        if kind == "uniform":
            for sign in (-1, 1):
                strap = self.place(
                    np.array([[n + 6, 16.6], [n + 13, 19.2], [n + 12.6, 20.8], [n + 5.6, 18.2]])
                    * [sign, 1]
                )
                fill_points(canvas, strap, (206, 170, 70))
            fill_points(
                canvas,
                self.place([[6, 23], [10, 23], [10, 25.5], [8, 27], [6, 25.5]]),
                (214, 180, 80),
            )
        if kind in ("t_shirt", "sweater"):
            y = NECKLINE_Y[kind]
            x = n + (1.2 if kind == "t_shirt" else 0.8)
            top = 15.7 if kind == "t_shirt" else 14.5
            rim = self.place(
                [[-x, top], [-x * 0.55, y - 0.6], [0, y + 0.1], [x * 0.55, y - 0.6], [x, top]]
            )
            width = (0.55 if kind == "t_shirt" else 1.5) * scale
            stroke_points(canvas, smooth_points(rim), scale_color(color, 0.84), width)
            if kind == "sweater":
                stroke_points(canvas, smooth_points(rim), dark, 0.08 * scale, 0.6)
        if kind == "hoodie":
            for sign in (-1, 1):
                hood = np.array(
                    [
                        [n + 0.2, 11.5],
                        [n + 4.2, 13.2],
                        [n + 4, 17.5],
                        [3, 20.5],
                        [0, 18.9],
                        [n - 1.4, 16.6],
                    ]
                )
                fill_points(
                    canvas,
                    smooth_points(self.place(hood * [sign, 1]), is_closed=True),
                    scale_color(color, 0.8),
                )
                stroke_points(
                    canvas,
                    self.place(np.array([[n - 1.4, 16.6], [0, 18.9]]) * [sign, 1]),
                    dark,
                    0.25 * scale,
                )
                stroke_points(
                    canvas,
                    self.place(np.array([[2, 19], [2.3, 26]]) * [sign, 1]),
                    light,
                    0.35 * scale,
                )


def _list_lapel(kind: str, n: float) -> list[list[float]]:
    """List the right lapel's outline; `n` is half the neck's width."""
    if kind == "suit":
        inner = [[n + 0.6, 14.2], [n + 2.4, 16.2], [9.0, 20.2], [7.4, 20.8]]
        return [*inner, [8.6, 22.4], [0.6, 29.5], [3.4, 20.5]]
    if kind == "coat":
        inner = [[n + 0.4, 13.2], [n + 4, 16.0], [11.5, 20.6], [9, 22.0]]
        return [*inner, [10, 24], [2, 29], [3.2, 20]]
    inner = [[n + 0.2, 12.6], [n + 1.8, 14.6], [5.8, 18.4], [2.6, 21.5]]
    return [*inner, [2.6, 19.0], [n - 0.8, 15.4]]
