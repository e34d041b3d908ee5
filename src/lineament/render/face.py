"""The face renderer: an annotation and a seed become pictures and their landmarks."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, UInt8

from lineament.annotation import Annotation
from lineament.render.accessories import draw_eye_patch, draw_glasses, draw_mask, draw_temples
from lineament.render.background import draw_background
from lineament.render.beard import grow_beard
from lineament.render.brush import load_skia, make_paint
from lineament.render.camera import Camera, Pose, place_camera
from lineament.render.clothes import BodyPainter
from lineament.render.creases import draw_creases, sum_creases
from lineament.render.ears import draw_ear, draw_earring, draw_headphones
from lineament.render.expression import Expression, MovingHead
from lineament.render.eyes import EyePainter, draw_tears
from lineament.render.hair import HairPainter
from lineament.render.hairline import find_scalp, shade_under_hair
from lineament.render.hats import HatPainter
from lineament.render.head import build_head
from lineament.render.look import Look, read_look
from lineament.render.motion import plan_motion
from lineament.render.mouth import MouthPainter
from lineament.render.sheet import Sheet, choose_lines
from lineament.render.skin import cover_with_hair, paint_skin, shade_skin
from lineament.render.streams import jitter, open_stream

Style = Literal["shaded", "flat"]
OVERSAMPLING = 2
BROW_NAMES = ("brow_inner", "brow_middle", "brow_outer")


@dataclass
class FaceRenderer:
    """Draws one annotated face at any moment; equal arguments give equal pixels.

    Attributes:
        annotation: What to draw.
        style: ``shaded`` like a photograph, ``flat`` like a cartoon.
        size_px: Side of the square picture.
        seed: Everything that the facts leave open.

    Raises:
        MissingExtra: skia-python is not installed.
    """

    annotation: Annotation
    style: Style = "shaded"
    size_px: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        self.is_flat = self.style == "flat"
        self.look: Look = read_look(self.annotation, self.seed)
        self.motion = plan_motion(self.annotation, self.seed)
        self.camera = place_camera(self.size_px * OVERSAMPLING, self.seed)
        detail = min(max(self.size_px / 128, 0.6), 1.0) if self.size_px <= 160 else 1.6
        self._build_head(detail)
        worn = self.look.worn
        has_hair = self.look.hair.length != "none" and "wearing_headscarf" not in worn
        has_hat = bool(worn & {"wearing_hat", "wearing_headscarf"})
        self._hair = (
            HairPainter(self.look, detail=detail, is_flat=self.is_flat) if has_hair else None
        )
        self._hat = HatPainter(self.look, detail=detail, is_flat=self.is_flat) if has_hat else None
        self._eyes = EyePainter(self.look, self.head, is_flat=self.is_flat)
        self._mouth = MouthPainter(self.look, self.head, is_flat=self.is_flat)
        self._paint_still_layers()
        self._blur_px = self._find_blur()
        rng = open_stream(self.seed, "sensor")
        noise = rng.normal(0, 1.6, (self.size_px + 64, self.size_px + 64, 3))
        self._noise = np.round(noise + rng.normal(0, 1.0, (*noise.shape[:2], 1))).astype(np.int16)

    def _build_head(self, detail: float) -> None:
        height, width = int(160 * detail), int(144 * detail)
        grid = build_head(self.look.shape, height, width)
        self._skin = paint_skin(grid, self.look, self.seed, is_flat=self.is_flat)
        if self.look.hair.length != "none" and "wearing_headscarf" not in self.look.worn:
            self._skin.shade *= 1 - shade_under_hair(grid, self.look)
            cover_with_hair(self._skin, 0.92 * find_scalp(grid, self.look), self.look.hair.color)
        self._creases = draw_creases(grid, self.look.shape.age)
        grow_beard(self._skin, grid, self.look, is_flat=self.is_flat)
        self.head = MovingHead(self.look.shape, grid)
        rows, columns = choose_lines(height, 31), choose_lines(width, 27)
        self._pick = np.ix_(rows, columns)
        self._sheet = Sheet(rows, columns)

    def _paint_still_layers(self) -> None:
        skia = load_skia()
        side = self.size_px * OVERSAMPLING
        self._surface = skia.Surface(side, side)
        canvas = self._surface.getCanvas()
        draw_background(canvas, side, self.look, is_flat=self.is_flat)
        self._background = self._surface.makeImageSnapshot()
        layer = skia.Surface(side, side)
        layer.getCanvas().clear(0)
        body = BodyPainter(self.look, self.camera, is_flat=self.is_flat)
        body.draw(layer.getCanvas())
        self._neck_path = body.find_neck_path()
        self._body = layer.makeImageSnapshot()
        self._small = skia.Surface(self.size_px, self.size_px)

    def _find_blur(self) -> float:
        """Return how soft the lens draws, in pixels; 0 where it would hardly show."""
        unit = self.size_px / 128
        if self.look.scene.is_blurry:
            return unit * (1.9 + jitter(self.seed, "blurry", 0.4))
        soft = unit * (0.25 + jitter(self.seed, "focus", 0.25))
        return 0.0 if self.is_flat or soft < 0.3 else soft

    def draw(self, time_seconds: float) -> UInt8[np.ndarray, "height width 3"]:
        """Draw the picture at one moment, RGB."""
        expression, pose = self.motion.find_state(time_seconds)
        self._draw_scene(self._surface.getCanvas(), expression, pose, time_seconds)
        return self._develop(time_seconds)

    def _draw_scene(
        self, canvas: Any, expression: Expression, pose: Pose, time_seconds: float
    ) -> None:
        look, camera, flat = self.look, self.camera, self.is_flat
        canvas.drawImage(self._background, 0, 0)
        for layer in (self._hair, self._hat):
            if layer is not None:
                layer.draw(canvas, camera, pose, is_behind=True)
        canvas.drawImage(self._body, 0, 0)
        self._shade_neck(canvas, pose)
        self._draw_ears(canvas, pose, is_near=False)
        if "wearing_headphones" in look.worn:
            draw_headphones(canvas, camera, pose, look, is_flat=flat, is_behind=True)
        points = self.head.move_grid(expression)
        texture = shade_skin(
            self._skin, points, look.light, pose.rotation(),
            sum_creases(self._creases, expression), is_flat=flat,
        )  # fmt: skip
        self._sheet.draw(canvas, camera.project(points[self._pick], pose), texture)
        self._draw_ears(canvas, pose, is_near=True)
        self._eyes.draw(canvas, camera, pose, expression)
        self._mouth.draw(canvas, camera, pose, expression)
        if expression.get("tears"):
            draw_tears(canvas, camera, pose, self.head, expression["tears"], time_seconds * 0.7)
        self._dress(canvas, camera, pose, expression)

    def _draw_ears(self, canvas: Any, pose: Pose, *, is_near: bool) -> None:
        """Draw the ears on the near side over the head, those on the far side under it."""
        if "wearing_headscarf" in self.look.worn:
            return
        for sign in (-1.0, 1.0):
            turned = sign * pose.yaw_degrees
            if turned < 28 and (turned < -7) == is_near:
                draw_ear(canvas, self.camera, pose, self.look, sign, is_flat=self.is_flat)

    def _dress(self, canvas: Any, camera: Camera, pose: Pose, expression: Expression) -> None:
        """Draw what lies over the face, from the skin outwards."""
        look, flat = self.look, self.is_flat
        if "wearing_mask" in look.worn:
            draw_mask(canvas, camera, pose, look, expression, is_flat=flat)
        if look.worn & {"eyeglasses", "sunglasses"}:
            draw_temples(canvas, camera, pose, look)
        if self._hair is not None:
            self._hair.draw(canvas, camera, pose, is_behind=False)
        if "one_eyed" in look.worn:
            draw_eye_patch(canvas, camera, pose, look)
        for name in ("eyeglasses", "sunglasses"):
            if name in look.worn:
                draw_glasses(canvas, camera, pose, look, is_dark=name == "sunglasses", is_flat=flat)
        if self._hat is not None:
            self._hat.draw(canvas, camera, pose, is_behind=False)
        if "wearing_headphones" in look.worn:
            draw_headphones(canvas, camera, pose, look, is_flat=flat, is_behind=False)
        if "wearing_earrings" in look.worn:
            for sign in (-1.0, 1.0):
                if sign * pose.yaw_degrees < 28:
                    draw_earring(canvas, camera, pose, look, sign, pose.roll_degrees * -0.1)

    def _shade_neck(self, canvas: Any, pose: Pose) -> None:
        """Draw the shadow of the jaw on the neck."""
        skia = load_skia()
        camera, scale = self.camera, self.camera.px_per_cm
        chin = camera.project(np.array([[0.0, 10.4, -3.0]], np.float32), pose)[0]
        x, y = float(chin[0] - 0.5 * self.look.light.direction[0] * scale), float(chin[1])
        half = (5.2 if self.look.is_male else 4.3) * scale
        box = skia.Rect.MakeLTRB(x - half, y - 3.5 * scale, x + half, y + 3.3 * scale)
        blur = 0.0 if self.is_flat else 0.9 * scale
        paint = make_paint((26, 10, 6), 0.42 if not self.is_flat else 0.25, blur_px=blur)
        canvas.save()
        canvas.clipPath(self._neck_path, skia.ClipOp.kIntersect, True)
        canvas.drawOval(box, paint)
        canvas.restore()

    def _develop(self, time_seconds: float) -> UInt8[np.ndarray, "height width 3"]:
        """Scale down, expose, blur, add the sensor's noise."""
        skia = load_skia()
        look = self.look
        canvas = self._small.getCanvas()
        paint = skia.Paint()
        blur = self._blur_px
        if blur:
            paint.setImageFilter(skia.ImageFilters.Blur(blur, blur, skia.TileMode.kClamp))
        canvas.save()
        canvas.scale(1 / OVERSAMPLING, 1 / OVERSAMPLING)
        sampling = skia.SamplingOptions(skia.FilterMode.kLinear)
        canvas.drawImage(self._surface.makeImageSnapshot(), 0, 0, sampling, paint)
        canvas.restore()
        pixels = self._small.toarray(colorType=skia.kRGBA_8888_ColorType)[..., :3]
        values = pixels.astype(np.int16)
        if look.light.gain != (1.0, 1.0, 1.0):
            for channel, gain in enumerate(look.light.gain):
                level = np.arange(256) / 255
                curve = level * gain / (1 + max(gain - 1, 0) * level)  # highlights roll off
                table = np.round(255 * curve).astype(np.int16)
                values[..., channel] = table[pixels[..., channel]]
        if look.scene.is_gray:
            values = np.repeat((values @ np.array([77, 151, 28]) // 256)[..., None], 3, -1)
        if not self.is_flat:
            noise = self._pick_noise(time_seconds)
            values += noise[..., :1] if look.scene.is_gray else noise
        return np.clip(values, 0, 255).astype(np.uint8)

    def _pick_noise(self, time_seconds: float) -> np.ndarray:
        rng = open_stream(self.seed, "frame noise", round(time_seconds, 4))
        top, left = (int(part) for part in rng.integers(0, 64, 2))
        return self._noise[top : top + self.size_px, left : left + self.size_px]

    def landmarks(self, time_seconds: float) -> Mapping[str, Float[np.ndarray, "..."]]:
        """Return named points in pixels (x, y), and ``box`` (x0, y0, x1, y1), at one moment.

        Sides are sides of the picture. ``left_eye_open`` and ``mouth_open`` are openings divided
        by the width of the eye and of the mouth.
        """
        expression, pose = self.motion.find_state(time_seconds)

        def on_screen(points: Float[np.ndarray, "n 3"]) -> np.ndarray:
            return self.camera.project(points, pose)[:, :2].astype(float) / OVERSAMPLING

        found: dict[str, Any] = {}
        for side in ("left", "right"):
            upper, lower, pupil = self._eyes.measure(side, expression)
            top, bottom = on_screen(upper), on_screen(lower)
            found[f"{side}_eye_inner"], found[f"{side}_eye_outer"] = top[0], top[-1]
            found[f"{side}_eye_top"], found[f"{side}_eye_bottom"] = (
                top[3:5].mean(0),
                bottom[3:5].mean(0),
            )
            found[f"{side}_pupil"] = on_screen(pupil[None])[0]
            gap = np.linalg.norm(bottom[3:5] - top[3:5], axis=1).mean()
            found[f"{side}_eye_open"] = gap / np.linalg.norm(top[-1] - top[0])
            brow = on_screen(self.head.move_points(self._eyes.brows[side], expression))
            found.update(
                zip((f"{side}_{name}" for name in BROW_NAMES), brow[[0, 3, 6]], strict=True)
            )
        lips = {name: on_screen(points) for name, points in self._mouth.measure(expression).items()}
        found["mouth_left"], found["mouth_right"] = lips["upper"][0], lips["upper"][-1]
        found["lip_top"], found["lip_bottom"] = lips["upper"][4], lips["lower"][4]
        found["lip_inner_top"], found["lip_inner_bottom"] = (
            lips["inner_upper"][4],
            lips["inner_lower"][4],
        )
        gap = np.linalg.norm(found["lip_inner_bottom"] - found["lip_inner_top"])
        found["mouth_open"] = gap / np.linalg.norm(found["mouth_right"] - found["mouth_left"])
        middle = np.array([[0.0, 3.92], [0.0, 10.95]], np.float32)
        found["nose_tip"], found["chin"] = on_screen(self.head.move_points(middle, expression))
        grid = self.head.move_grid(expression)
        face = grid[(self.head.grid.front_mask > 0.5) & (self.head.grid.points[..., 1] > -6)]
        outline = on_screen(face)
        found["box"] = np.concatenate([outline.min(0), outline.max(0)])
        return found


def draw_clip(
    annotation: Annotation, *, style: Style = "shaded", size_px: int = 128, seed: int = 0
) -> tuple[UInt8[np.ndarray, "frames height width 3"], Float[np.ndarray, "frames"]]:
    """Draw all frames of a clip, or the one frame of a picture, and their times in seconds."""
    renderer = FaceRenderer(annotation, style=style, size_px=size_px, seed=seed)
    fps = annotation.fps or 1.0
    times = np.arange(annotation.num_frames) / fps
    return np.stack([renderer.draw(float(time)) for time in times]), times
