"""Headwear: cap, beanie, brimmed hat and headscarf, as painted shells."""

from typing import Any

import numpy as np

from lineament.render.brush import (
    Color,
    fill_points,
    make_image,
    make_paint,
    make_path,
    premultiply,
    scale_color,
    smooth_points,
    stroke_points,
)
from lineament.render.camera import Camera, Pose
from lineament.render.head import ease
from lineament.render.light import shade_simply
from lineament.render.look import COLORS, Look
from lineament.render.sheet import Sheet, choose_lines
from lineament.render.shell import Shell, build_shell, swell
from lineament.render.streams import open_stream, sample_noise

KINDS = ("cap", "beanie", "brim")


class HatPainter:
    """Draws a hat or a headscarf in two halves, behind and in front."""

    def __init__(self, look: Look, *, detail: float, is_flat: bool) -> None:
        self.look, self.is_flat = look, is_flat
        self.is_scarf = "wearing_headscarf" in look.worn
        name = "wearing_headscarf" if self.is_scarf else "wearing_hat"
        rng = open_stream(look.seed, name)
        self.kind = "scarf" if self.is_scarf else KINDS[int(rng.integers(3))]
        names = ("red", "blue", "green", "black", "gray", "purple", "brown", "pink", "white")
        self.color: Color = COLORS[names[int(rng.integers(len(names)))]]
        height, width = int(120 * detail), int(200 * detail)
        self.shell, alpha, tone = self._shape(height, width, rng)
        color = np.ones((height, width, 3), np.float32) * np.asarray(self.color, np.float32) / 255
        color = np.clip(color * tone[..., None], 0, 1)
        if is_flat:
            facing = self.shell.find_normals() @ np.asarray(look.light.direction, np.float32)
            lit = color * (0.68 + 0.32 * ease(facing, 0.0, 0.12))[..., None]
        else:
            lit = shade_simply(color, self.shell.find_normals(), look.light)
        rows, columns = choose_lines(height, 17), choose_lines(width, 31)
        self._pick = np.ix_(rows, columns)
        self._sheet = Sheet(rows, columns)
        self._front = make_image(premultiply(lit, alpha))
        self._back = make_image(premultiply(lit * 0.4, alpha))

    def _shape(
        self, height: int, width: int, rng: np.random.Generator
    ) -> tuple[Shell, np.ndarray, np.ndarray]:
        """Return the shell, its cover and its tone."""
        if self.is_scarf:
            return self._shape_scarf(height, width, rng)
        bottom, top, side = {
            "cap": (-3.6, 1.9, 1.0),
            "beanie": (-2.2, 2.6, 1.1),
            "brim": (-4.2, 3.6, 1.1),
        }[self.kind]
        shell = build_shell(height, width, bottom_y=bottom + 3.0, top_cm=top, side_cm=side)
        y, turn = shell.points[..., 1], np.abs(shell.turn_degrees)[None, :]
        dip = bottom + 2.0 * ease(turn, 40, 140)
        alpha = ease(dip - y, 0, 0.25) * np.ones_like(y)
        tone = 1 + 0.05 * sample_noise(rng, (height, width), (60, 90))
        if self.kind == "beanie":
            cuff = ease(y, dip - 4.6, dip - 4.4)
            shell = swell(shell, (0.35 * cuff).astype(np.float32))
            ribs = np.sin(np.radians(shell.turn_degrees) * 60)[None, :]
            tone = tone * (1 + 0.16 * ribs) * (1 - 0.3 * np.exp(-(((y - dip + 4.6) / 0.2) ** 2)))
        elif self.kind == "cap":
            seams = np.cos(np.radians(shell.turn_degrees) * 6)[None, :]
            tone = tone * (1 - 0.3 * (seams > 0.985))
        else:
            band = ease(y, dip - 2.6, dip - 2.5)
            tone = tone * (1 - 0.6 * band)
            crease = np.exp(-((shell.points[..., 0] / 2.2) ** 2)) * ease(-y, 9, 12)
            shell = swell(shell, (-1.2 * crease).astype(np.float32))
        return shell, alpha, tone

    def _shape_scarf(
        self, height: int, width: int, rng: np.random.Generator
    ) -> tuple[Shell, np.ndarray, np.ndarray]:
        shell = build_shell(
            height, width, bottom_y=21, top_cm=1.2, side_cm=0.75, nape=0.0, flare=2.2
        )
        y, turn = shell.points[..., 1], np.abs(shell.turn_degrees)[None, :]
        draw_in = ease(y, 9.5, 12.5) * (1 - ease(y, 14, 20))
        points = shell.points.copy()
        points[..., 0] *= 1 - 0.18 * draw_in
        points[..., 2] -= (3.4 * ease(y, 10, 13) * (1 - 0.5 * ease(y, 15, 21))) * (
            points[..., 2] > -8
        )
        folds = sample_noise(rng, (height, width), (5, 26)) * 0.3 * ease(y, -4, 8)
        shell = swell(Shell(points, shell.turn_degrees), folds.astype(np.float32))
        oval = np.sqrt((shell.points[..., 0] / 6.9) ** 2 + ((y - 2.9) / 9.4) ** 2)
        alpha = np.where(turn < 90, ease(oval, 0.985, 1.015), 1.0).astype(np.float32)
        tone = 1 + 0.16 * sample_noise(rng, (height, width), (6, 30)) * ease(y, -6, 4)
        edge = np.exp(-(((oval - 1.03) / 0.03) ** 2)) * (turn < 90)
        return shell, alpha, tone * (1 - 0.22 * edge)

    def draw(self, canvas: Any, camera: Camera, pose: Pose, *, is_behind: bool) -> None:
        """Draw one half."""
        screen = camera.project(self.shell.points[self._pick], pose)
        if is_behind:
            if self.kind == "brim":
                self._draw_brim(canvas, camera, pose, is_behind=True)
            self._sheet.draw(canvas, screen, self._back, side="back")
            return
        scale = camera.px_per_cm
        if self.kind == "brim":
            self._sheet.draw(canvas, screen, self._front, side="front")
            self._draw_brim(canvas, camera, pose, is_behind=False)
        else:
            self._sheet.draw(canvas, screen, self._front, side="front")
        if self.kind == "cap":
            self._draw_visor(canvas, camera, pose, scale)

    def _draw_brim(self, canvas: Any, camera: Camera, pose: Pose, *, is_behind: bool) -> None:
        """Draw a ring about the hat: its far half behind, its near half in front."""
        turn = np.radians(np.linspace(90, 270, 25) if is_behind else np.linspace(-90, 90, 25))
        outer = _ring(turn, 12.6, 13.6, -4.0)
        inner = _ring(turn, 8.7, 10.2, -4.4)
        band = np.concatenate([camera.project(outer, pose), camera.project(inner, pose)[::-1]])
        scale = camera.px_per_cm
        tone = 0.5 if is_behind else 0.92
        if not is_behind and not self.is_flat:
            drop = np.array([0, 0.6 * scale, 0], np.float32)
            fill_points(canvas, band + drop, (10, 6, 6), 0.35, blur_px=0.5 * scale)
        fill_points(canvas, band, scale_color(self.color, tone * self._level()))
        edge = camera.project(outer, pose)
        stroke_points(
            canvas, edge, scale_color(self.color, 1.3 * tone * self._level()), 0.22 * scale, 0.8
        )

    def _level(self) -> float:
        return 0.55 + 0.45 * min(self.look.light.key + 0.3 * self.look.light.ambient, 1.05)

    def _draw_visor(self, canvas: Any, camera: Camera, pose: Pose, scale: float) -> None:
        turn = np.radians(np.linspace(-62, 62, 17))
        inner = _ring(turn, 8.5, 10.7, -4.2)
        reach = 5.2 * np.cos(np.linspace(-1.5, 1.5, 17)) ** 0.7
        outer = inner + np.column_stack([0 * reach, 0.34 * reach, reach]).astype(np.float32)
        outer[:, 1] += 0.9 * np.abs(np.linspace(-1, 1, 17)) ** 2
        shape = np.concatenate([camera.project(inner, pose), camera.project(outer, pose)[::-1]])
        if not self.is_flat:
            drop = np.array([0, 0.8 * scale, 0], np.float32)
            fill_points(canvas, shape + drop, (10, 6, 6), 0.4, blur_px=0.6 * scale)
        canvas.drawPath(make_path(shape), make_paint(scale_color(self.color, 0.82 * self._level())))
        rim = smooth_points(camera.project(outer, pose))
        stroke_points(canvas, rim, scale_color(self.color, 0.5), 0.3 * scale)
        stroke_points(
            canvas, camera.project(inner, pose), scale_color(self.color, 0.45), 0.2 * scale
        )


def _ring(turn: np.ndarray, wide: float, deep: float, y: float) -> np.ndarray:
    x, z = wide * np.sin(turn), -8.5 + deep * np.cos(turn)
    return np.column_stack([x, np.full_like(x, y), z]).astype(np.float32)
