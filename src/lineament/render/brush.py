"""The brush: skia, loaded when first used, and a few strokes in numpy's terms."""

from collections.abc import Sequence
from functools import cache, lru_cache
from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from lineament.errors import MissingExtra

Color = Sequence[float]  # red, green, blue in 0 to 255


@cache
def load_skia() -> ModuleType:
    """Load the rasteriser.

    Raises:
        MissingExtra: skia-python is not installed.
    """
    try:
        import skia
    except ImportError:
        raise MissingExtra("skia-python", "render") from None
    return skia


def mix(first: Color, second: Color, part: float) -> tuple[float, float, float]:
    """Blend two colours; `part` 0 is the first, 1 the second."""
    red, green, blue = (a + (b - a) * part for a, b in zip(first, second, strict=True))
    return red, green, blue


def scale_color(color: Color, factor: float) -> tuple[float, float, float]:
    """Make a colour lighter or darker."""
    red, green, blue = color
    return min(red * factor, 255.0), min(green * factor, 255.0), min(blue * factor, 255.0)


def pack_color(color: Color, alpha: float = 1.0) -> int:
    """Return skia's colour number."""
    red, green, blue = color
    opacity = int(min(max(alpha, 0.0), 1.0) * 255)
    return (
        opacity << 24
        | min(max(int(red), 0), 255) << 16
        | min(max(int(green), 0), 255) << 8
        | min(max(int(blue), 0), 255)
    )


def make_paint(
    color: Color, alpha: float = 1.0, *, width_px: float = 0.0, blur_px: float = 0.0
) -> Any:
    """Make a paint; a width makes it a round stroke, a blur a soft edge."""
    # A copy: callers go on to set shaders and filters.
    return load_skia().Paint(_make_paint(pack_color(color, alpha), width_px, blur_px))


@lru_cache(maxsize=4096)
def _make_paint(packed_color: int, width_px: float, blur_px: float) -> Any:
    """Make a paint, once: most of a face is drawn with the same ones in every frame."""
    skia = load_skia()
    paint = skia.Paint(AntiAlias=True, Color=packed_color)
    if width_px > 0:
        paint.setStyle(skia.Paint.kStroke_Style)
        paint.setStrokeWidth(width_px)
        paint.setStrokeCap(skia.Paint.kRound_Cap)
        paint.setStrokeJoin(skia.Paint.kRound_Join)
    if blur_px > 0.2:
        paint.setMaskFilter(skia.MaskFilter.MakeBlur(skia.kNormal_BlurStyle, blur_px))
    return paint


def make_path(points: np.ndarray, *, is_closed: bool = True) -> Any:
    """Join points with straight lines."""
    skia = load_skia()
    path = skia.Path()
    x, y = points[:, 0].tolist(), points[:, 1].tolist()
    path.addPoly(list(map(skia.Point, x, y)), is_closed)
    return path


@cache
def _smoothing_matrix(count: int, steps: int, *, is_closed: bool) -> Float[np.ndarray, "out n"]:
    """Return the matrix that takes points to the points of a Catmull-Rom curve."""
    unit = np.eye(count, dtype=np.float32)
    if is_closed:
        padded = np.concatenate([unit[-1:], unit, unit[:2]])
    else:
        padded = np.concatenate([2 * unit[:1] - unit[1:2], unit, 2 * unit[-1:] - unit[-2:-1]])
    p0, p1, p2, p3 = (padded[i : len(padded) - 3 + i, None] for i in range(4))
    t = (np.arange(steps, dtype=np.float32) / steps)[None, :, None]
    curve = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
        + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )  # fmt: skip
    rows = curve.reshape(-1, count)
    return rows if is_closed else np.concatenate([rows, unit[-1:]])


def smooth_points(points: np.ndarray, *, is_closed: bool = False, steps: int = 4) -> np.ndarray:
    """Lay a Catmull-Rom curve through points, `steps` pieces to a side."""
    xy = np.asarray(points, np.float32)[:, :2]
    return _smoothing_matrix(len(xy), steps, is_closed=is_closed) @ xy


def fill_points(
    canvas: Any, points: np.ndarray, color: Color, alpha: float = 1.0, *, blur_px: float = 0.0
) -> None:
    """Fill a polygon."""
    canvas.drawPath(make_path(points), make_paint(color, alpha, blur_px=blur_px))


def stroke_points(
    canvas: Any,
    points: np.ndarray,
    color: Color,
    width_px: float,
    alpha: float = 1.0,
    *,
    blur_px: float = 0.0,
    is_closed: bool = False,
) -> None:
    """Draw a line through points."""
    paint = make_paint(color, alpha, width_px=max(width_px, 0.05), blur_px=blur_px)
    canvas.drawPath(make_path(points, is_closed=is_closed), paint)


def stroke_tapered(
    canvas: Any, points: np.ndarray, color: Color, widths_px: np.ndarray, alpha: float = 1.0
) -> None:
    """Draw a line whose width changes along it, as one filled outline."""
    xy = np.asarray(points, np.float32)[:, :2]
    along = np.gradient(xy, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], -1)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-6
    half = across * np.asarray(widths_px, np.float32)[:, None] / 2
    fill_points(canvas, np.concatenate([xy + half, (xy - half)[::-1]]), color, alpha)


def make_gradient(
    start: Sequence[float], stop: Sequence[float], colors: Sequence[int], places: Sequence[float]
) -> Any:
    """Make a linear gradient between two points."""
    skia = load_skia()
    return skia.GradientShader.MakeLinear(
        points=[skia.Point(*start), skia.Point(*stop)], colors=list(colors), positions=list(places)
    )


def make_radial(
    centre: Sequence[float], radius: float, colors: Sequence[int], places: Sequence[float]
) -> Any:
    """Make a radial gradient."""
    skia = load_skia()
    return skia.GradientShader.MakeRadial(
        center=skia.Point(*centre), radius=max(radius, 0.1), colors=list(colors),
        positions=list(places),
    )  # fmt: skip


def make_image(pixels: UInt8[np.ndarray, "height width 4"]) -> Any:
    """Wrap premultiplied RGBA pixels as an image."""
    skia = load_skia()
    return skia.Image.fromarray(
        np.ascontiguousarray(pixels),
        colorType=skia.kRGBA_8888_ColorType,
        alphaType=skia.kPremul_AlphaType,
    )


def premultiply(
    color: Float[np.ndarray, "height width 3"], alpha: Float[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width 4"]:
    """Join colour in 0 to 1 and alpha in 0 to 1 to premultiplied bytes."""
    alpha = np.clip(alpha, 0, 1)[..., None]
    joined = np.concatenate([np.clip(color, 0, 1) * alpha, alpha], axis=-1)
    return (joined * 255 + 0.5).astype(np.uint8)
