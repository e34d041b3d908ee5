"""Hair of the head: strands painted on a shell that follows the skull and hangs from it."""

from typing import Any

import numpy as np

from lineament.render.brush import (
    load_skia,
    make_image,
    make_paint,
    make_radial,
    pack_color,
    premultiply,
    scale_color,
)
from lineament.render.camera import Camera, Pose
from lineament.render.hairline import (
    BOTTOM_Y,
    PARTING_DEGREES_PER_CM,
    find_hairline,
    find_parting,
    has_parting,
)
from lineament.render.head import ease
from lineament.render.look import Look
from lineament.render.sheet import Sheet, choose_lines
from lineament.render.shell import Shell, build_shell, swell
from lineament.render.streams import jitter, open_stream, sample_noise


class HairPainter:
    """Paints hair once, then draws it in two halves: behind the head and in front of it."""

    def __init__(self, look: Look, *, detail: float, is_flat: bool) -> None:
        self.look, self.is_flat = look, is_flat
        hair = look.hair
        height = int((260 if hair.length == "long" else 180) * detail)
        width = int(420 * detail)
        self.shell = self._shape_shell(height, width)
        rgb, alpha = self._paint(self.shell)
        self._rows, self._columns = choose_lines(height, 19), choose_lines(width, 35)
        self._sheet = Sheet(self._rows, self._columns, is_smooth=False)
        self._front = make_image(premultiply(rgb, alpha))
        self._back = make_image(premultiply(rgb * 0.42, alpha))
        top = [
            alpha[r0 : r1 + 1].max(axis=0)
            for r0, r1 in zip(self._rows, self._rows[1:], strict=False)
        ]
        self._visible = np.array(
            [
                [
                    row[c0 : c1 + 1].max() > 0.02
                    for c0, c1 in zip(self._columns, self._columns[1:], strict=False)
                ]
                for row in top
            ]
        )

    def _shape_shell(self, height: int, width: int) -> Shell:
        look = self.look
        hair = look.hair
        rng = open_stream(look.seed, "hair shape")
        curly = {"straight": 0.0, "loose": 0.2, "wavy": 0.45, "curly": 1.0}[hair.form]
        volume = 0.5 + 0.5 * rng.random()
        top = {"short": 1.3, "medium": 1.1, "long": 1.0}[hair.length] * (0.6 + 0.7 * volume)
        side = {"short": 0.4, "medium": 1.25, "long": 1.15}[hair.length] * (0.7 + 0.6 * volume)
        if hair.is_tied:
            top, side = 0.45, 0.25
        else:
            top, side = top + 0.9 * curly, side + 0.8 * curly
        if hair.length == "short" and look.is_male:
            side = min(side, 0.9)
        if "wearing_hat" in look.worn:
            top = min(top, 0.6)
        loose = hair.length != "short" and not hair.is_tied
        shell = build_shell(
            height,
            width,
            bottom_y=BOTTOM_Y[hair.length if not hair.is_tied else "short"],
            top_cm=top,
            side_cm=side,
            nape=0.15 if loose else 1.0,
            flare=(0.4 + 1.6 * curly) if loose else 0.0,
        )
        lumps = sample_noise(rng, (height, width), (9, 22)) * (0.1 + 0.55 * curly)
        waves = np.sin(
            shell.points[..., 1] * 1.15 + 2.2 * sample_noise(rng, (height, width), (2, 8))
        )
        amount = lumps + waves * {"wavy": 0.3, "loose": 0.15}.get(hair.form, 0.0) * ease(
            shell.points[..., 1], -6, 4
        )
        if hair.length == "short" and not hair.is_tied:
            strand, _ = self._place_strands(shell)
            tufts = _read_line(open_stream(look.seed, "tufts"), strand * 0.8)
            amount = amount + 0.3 * tufts * ease(-shell.points[..., 1], 5, 9)
        if not (hair.has_bangs or has_parting(look)):
            line = find_hairline(shell.turn_degrees, look)[None, :]
            rise = np.exp(-np.clip(line - shell.points[..., 1], 0, None) / 1.6)
            front = (1 - ease(np.abs(shell.turn_degrees), 60, 78))[None, :]
            amount = amount - 0.75 * max(top, side) * rise * front
        if hair.has_bangs:
            front = 1 - ease(np.abs(shell.turn_degrees), 35, 65)
            amount = amount + 0.35 * front[None, :] * ease(shell.points[..., 1], -9, -6)
        edge = np.minimum(np.arange(width), np.arange(width)[::-1]) / (0.04 * width)
        return swell(shell, (amount * np.clip(edge, 0, 1)[None, :]).astype(np.float32))

    def _place_strands(self, shell: Shell) -> tuple[np.ndarray, float]:
        """Return the strand coordinate of every point, and the x of the parting."""
        x, y, z = (shell.points[..., axis] for axis in range(3))
        part = find_parting(self.look)
        front_z = -1.0 if has_parting(self.look) else -8.0
        fade = 1 - ease(y, -6, 0)
        spine = np.clip(z, -11.5, front_z) * fade
        angle = np.arctan2(x - part * fade, z - spine - (1 - fade) * -8.5)
        strand = angle * 7 - np.sign(x - part * fade) * (spine + 11.5 * fade) * 0.9
        return strand.astype(np.float32), part

    def _paint(self, shell: Shell) -> tuple[np.ndarray, np.ndarray]:
        look = self.look
        hair = look.hair
        rng = open_stream(look.seed, "hair strands")
        height, width = shell.points.shape[:2]
        y = shell.points[..., 1]
        strand, part = self._place_strands(shell)
        if hair.form in ("wavy", "loose"):
            strand = strand + (0.5 if hair.form == "wavy" else 0.2) * np.sin(
                y * 1.1 + 0.6 * np.sin(strand * 0.9)
            )
        if hair.form == "curly":
            strand = (
                strand
                + 0.5 * np.sin(y * 3.2 + 2.0 * np.sin(strand * 1.3))
                + 0.45 * sample_noise(rng, (height, width), (22, 44))
            )
        fine = _read_line(rng, strand * 7.0)
        middle = _read_line(rng, strand * 2.6)
        broad = _read_line(rng, strand * 0.9)
        tone = 0.85 + 0.2 * fine + 0.24 * middle + 0.16 * broad
        if hair.form == "curly":
            tone = tone + 0.2 * sample_noise(rng, (height, width), (30, 64))
        alpha = self._find_cover(shell, strand, fine, middle, rng)
        rgb = self._light(shell, tone, fine + 0.6 * middle)
        if has_parting(look) and hair.form != "curly":
            x, z = shell.points[..., 0], shell.points[..., 2]
            seam = np.exp(-(((x - part) / 0.16) ** 2)) * ease(z, -10, -7) * (y < -5)
            rgb = rgb * (1 - 0.45 * seam[..., None])
        return rgb, alpha

    def _light(self, shell: Shell, tone: np.ndarray, streak: np.ndarray) -> np.ndarray:
        """Light the strands: soft body shading and a broken band of shine."""
        look = self.look
        color = np.asarray(look.hair.color, np.float32) / 255
        normals = shell.find_normals()
        direction = np.asarray(look.light.direction, np.float32)
        facing = normals @ direction
        if self.is_flat:
            band = ease(facing + 0.12 * streak, 0.35, 0.42)
            dark = ease(facing + 0.1 * streak, -0.15, -0.05)
            level = 0.62 + 0.38 * dark + 0.32 * band
            return np.clip(color * (level * (0.7 + 0.3 * look.light.key))[..., None], 0, 1)
        tangent = np.gradient(shell.points, axis=0)
        tangent /= np.linalg.norm(tangent, axis=-1, keepdims=True) + 1e-6
        half = direction + np.array([0, 0, 1], np.float32)
        half /= np.linalg.norm(half)
        along = tangent @ half + 0.10 * streak
        shine = np.sqrt(np.clip(1 - along**2, 0, 1)) ** 26 * ease(facing, -0.1, 0.5)
        body = look.light.key * (0.22 + 0.78 * np.clip(facing, 0, 1)) + look.light.ambient * 0.7
        rim = look.light.rim * np.clip(1 - np.abs(normals[..., 2]), 0, 1) ** 2
        depth = 1 - 0.25 * ease(shell.points[..., 1], 4, 14)
        lit = color**2 * (np.clip(tone, 0.1, 2) ** 2 * depth * (body + rim))[..., None]
        glow = (0.10 + 0.45 * color) * (0.5 + 0.5 * np.clip(tone, 0, 1.4))[..., None]
        strength = {"straight": 0.34, "loose": 0.3, "wavy": 0.28, "curly": 0.14}[look.hair.form]
        return np.sqrt(np.clip(lit + glow * (strength * shine * look.light.key)[..., None], 0, 1))

    def _find_cover(
        self,
        shell: Shell,
        strand: np.ndarray,
        fine: np.ndarray,
        middle: np.ndarray,
        rng: np.random.Generator,
    ) -> np.ndarray:
        """Return how much hair covers each point: a soft, stranded edge along the hairline."""
        hair = self.look.hair
        y = shell.points[..., 1]
        turn = np.abs(shell.turn_degrees)
        line = find_hairline(shell.turn_degrees, self.look, 36.0)[None, :]
        grain = rng.uniform(-1, 1, y.shape).astype(np.float32)
        ragged, soft = 0.4 * fine + 0.3 * middle + 0.25 * grain, 1.1
        if has_parting(self.look):
            ragged, soft = 0.12 * fine + 0.08 * middle, 0.6
        cover = ease(line + ragged - y, -0.15, soft)
        if hair.length != "short" and not hair.is_tied:
            bottom = BOTTOM_Y[hair.length] - 0.8
            cover = cover * ease(bottom + 1.1 * middle + 0.5 * fine - y, -0.1, 0.8)
            open_to = 43 + 9 * ease(y, 0, 8) + 3 * sample_noise(rng, y.shape, (5, 2)) + 2 * middle
            opened = ease(turn[None, :], open_to - 3, open_to + 1)
            away = np.abs(shell.turn_degrees - PARTING_DEGREES_PER_CM * find_parting(self.look))
            swept = -8.0 + 4.6 * ease(away, 2, 62) if has_parting(self.look) else -5.5
            below = ease(y - swept, -0.2, 0.3)
            cover = cover * (1 - below * (1 - opened))
        if hair.has_bangs:
            tips = -2.2 + 0.45 * middle + 0.3 * fine + 0.4 * np.sin(strand * 0.55)
            bangs = ease(tips - y, -0.1, 0.5) * (1 - ease(turn, 58, 70))[None, :]
            cover = np.maximum(cover, bangs)
        return np.clip(cover, 0, 1)

    def draw(self, canvas: Any, camera: Camera, pose: Pose, *, is_behind: bool) -> None:
        """Draw one half of the hair; the half behind shows its inner side."""
        points = self.shell.points[np.ix_(self._rows, self._columns)]
        screen = camera.project(points, pose)
        if is_behind:
            if self.look.hair.is_tied:
                self._draw_bun(canvas, camera, pose)
            if self.look.hair.length == "short":
                return  # it would lie hidden behind the head and neck
            self._sheet.draw(canvas, screen, self._back, side="back", visible_mask=self._visible)
        else:
            self._sheet.draw(canvas, screen, self._front, side="front", visible_mask=self._visible)

    def _draw_bun(self, canvas: Any, camera: Camera, pose: Pose) -> None:
        """Draw a bun on the crown, its strands wound about it."""
        skia = load_skia()
        centre = camera.project(np.array([[0.0, -13.2, -10.5]], np.float32), pose)[0]
        x, y = float(centre[0]), float(centre[1])
        radius = camera.px_per_cm * (3.0 + 0.3 * jitter(self.look.seed, "bun"))
        color = self.look.hair.color
        light = self.look.light.direction
        paint = make_paint(color)
        if not self.is_flat:
            tones = [pack_color(scale_color(color, part)) for part in (1.5, 1.0, 0.45)]
            at = (x + light[0] * radius * 0.4, y + light[1] * radius * 0.5)
            paint.setShader(make_radial(at, radius * 1.4, tones, (0, 0.5, 1)))
        canvas.drawOval(
            skia.Rect.MakeLTRB(
                x - radius * 1.1, y - radius * 0.9, x + radius * 1.1, y + radius * 0.9
            ),
            paint,
        )
        rng = open_stream(self.look.seed, "bun")
        for _ in range(9):
            part = float(rng.uniform(0.3, 0.95))
            box = skia.Rect.MakeLTRB(
                x - radius * 1.1 * part,
                y - radius * 0.88 * part,
                x + radius * 1.1 * part,
                y + radius * 0.88 * part,
            )
            start = float(rng.uniform(0, 360))
            tone = scale_color(color, float(rng.uniform(0.45, 1.45)))
            canvas.drawArc(
                box, start, 150, False, make_paint(tone, 0.6, width_px=0.1 * camera.px_per_cm)
            )


def _read_line(rng: np.random.Generator, place: np.ndarray) -> np.ndarray:
    """Read smooth one-dimensional noise in about -1 to 1 at each place."""
    values = rng.uniform(-1, 1, 512).astype(np.float32)
    start = np.floor(place).astype(int)
    part = place - start
    part = part * part * (3 - 2 * part)
    return values[start % 512] * (1 - part) + values[(start + 1) % 512] * part
