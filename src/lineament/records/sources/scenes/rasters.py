"""Pictures from above: PNG, JPEG, TIFF and GeoTIFF, any depth, chosen bands, and their scale."""

import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image

from lineament.errors import BadMedia, MissingExtra
from lineament.video import read_picture

TIFF_SUFFIXES = (".tif", ".tiff")
LIMIT_PIXELS = 400_000_000
METERS_PER_DEGREE = 111_320.0
EARTH_RADIUS_METERS = 6_378_137.0
# GeoTIFF: tags, keys and the codes among their values that bear on the scale.
PIXEL_SCALE, TIE_POINTS, TRANSFORM, GEO_KEYS = 33550, 33922, 34264, 34735
_BITS_PER_SAMPLE = 258
_MODEL, _PROJECTION, _LINEAR_UNIT = 1024, 3072, 3076
_GEOGRAPHIC, _WEB_MERCATOR = 2, (3857, 3785, 900913, 102100, 102113)
_UNITS = {9001: 1.0, 9002: 0.3048, 9003: 1200 / 3937, 9036: 1000.0}


@dataclass(frozen=True, slots=True)
class Raster:
    """A decoded picture.

    Attributes:
        pixels: Three chosen bands in eight bits.
        meters_per_pixel: Ground that a pixel covers at the picture's corner; None where the file
            does not say.
        num_bands: How many the file has.
        depth_bits: Of one value in the file.
    """

    pixels: UInt8[np.ndarray, "height width 3"]
    meters_per_pixel: float | None
    num_bands: int
    depth_bits: int


def read_raster(path: Path | str, bands: tuple[int, int, int] | None = None) -> Raster:
    """Decode a picture from above.

    Values of more than eight bits are stretched, each band from its 2nd to its 98th percentile.

    Args:
        path: PNG, JPEG, TIFF or GeoTIFF.
        bands: Which become red, green and blue, from 0; by default the first three, or the only
            one three times. Sentinel-2 files of 13 bands want (3, 2, 1).

    Raises:
        BadMedia: The file is damaged, too large, or has no such band.
        MissingExtra: A TIFF, and tifffile is not installed.
    """
    path = Path(path)
    if path.suffix.lower() not in TIFF_SUFFIXES:
        pixels = read_picture(path)
        return Raster(_choose_bands(pixels, bands or (0, 1, 2), path), None, 3, 8)
    values, tags = _read_tiff(path)
    if values.ndim == 2:
        values = values[..., None]
    num_bands = values.shape[2]
    chosen = bands or ((0, 1, 2) if num_bands >= 3 else (0, 0, 0))
    return Raster(
        _to_eight_bits(_choose_bands(values, chosen, path)),
        scale_from_tags(tags),
        num_bands,
        8 * values.dtype.itemsize,
    )


def read_shown(path: Path | str) -> UInt8[np.ndarray, "height width 3"]:
    """Decode a picture for eyes and models: a deep TIFF is stretched, the rest is as it is.

    Pillow takes the upper half of 16 bits alone, and satellites fill 10 to 12 of them: black.

    Raises:
        BadMedia: The file is damaged or too large.
        MissingExtra: A TIFF of more than eight bits, and tifffile is not installed.
    """
    path = Path(path)
    if path.suffix.lower() in TIFF_SUFFIXES and _is_deep(path):
        return read_raster(path).pixels
    return read_picture(path)


def _is_deep(path: Path) -> bool:
    try:
        with Image.open(path, formats=("TIFF",)) as image:
            depths = image.tag_v2.get(_BITS_PER_SAMPLE, (1,))  # type: ignore[attr-defined]
    except (*_DAMAGE, SyntaxError):
        return False  # whoever decodes it says what is wrong
    return max(depths if isinstance(depths, tuple) else (depths,)) > 8


def read_scale(path: Path | str) -> float | None:
    """Return metres per pixel of a GeoTIFF from its tags, without decoding it; None elsewhere."""
    path = Path(path)
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return None
    try:
        import tifffile
    except ImportError:
        raise MissingExtra("tifffile", "scenes") from None
    try:
        with tifffile.TiffFile(path) as file:
            return scale_from_tags(_find_tags(file.pages[0]))
    except _DAMAGE:
        return None


def _find_tags(page: Any) -> dict[int, Any]:
    return {int(key): page.tags[key].value for key in _TAGS if key in page.tags}


_DAMAGE = (
    OSError, ValueError, IndexError, KeyError, TypeError, RuntimeError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip
_TAGS = (PIXEL_SCALE, TIE_POINTS, TRANSFORM, GEO_KEYS)


def scale_from_tags(tags: Mapping[int, Any]) -> float | None:
    """Return metres per pixel from the tags of a GeoTIFF.

    Web Mercator stretches by one over the cosine of the latitude, degrees shrink by it; both are
    undone at the first tie point.
    """
    keys = _read_geo_keys(tags.get(GEO_KEYS))
    if PIXEL_SCALE in tags:
        across, down = (abs(float(x)) for x in tuple(tags[PIXEL_SCALE])[:2])
    elif TRANSFORM in tags and len(tags[TRANSFORM]) >= 6:
        matrix = [float(x) for x in tags[TRANSFORM]]
        across, down = math.hypot(matrix[0], matrix[4]), math.hypot(matrix[1], matrix[5])
    else:
        return None
    if not across or not down or not keys:
        return None
    north = _find_north(tags)
    if keys.get(_MODEL) == _GEOGRAPHIC:
        cosine = math.cos(math.radians(north if north is not None else 0.0))
        return math.sqrt(across * down * max(cosine, 1e-6)) * METERS_PER_DEGREE
    size = math.sqrt(across * down) * _UNITS.get(keys.get(_LINEAR_UNIT, 9001), 1.0)
    if keys.get(_PROJECTION) in _WEB_MERCATOR and north is not None:
        return size / math.cosh(north / EARTH_RADIUS_METERS)
    return size


def _read_geo_keys(directory: Any) -> dict[int, int]:
    """Return the keys whose value stands in the directory itself."""
    values = [int(x) for x in directory] if directory is not None else []
    rows = (values[i : i + 4] for i in range(4, len(values) - 3, 4))
    return {key: value for key, place, count, value in rows if place == 0 and count == 1}


def _find_north(tags: Mapping[int, Any]) -> float | None:
    if TIE_POINTS in tags and len(tags[TIE_POINTS]) >= 6:
        return float(tags[TIE_POINTS][4])
    if TRANSFORM in tags and len(tags[TRANSFORM]) >= 8:
        return float(tags[TRANSFORM][7])
    return None


def _read_tiff(path: Path) -> tuple[Shaped[np.ndarray, "..."], dict[int, Any]]:
    try:
        import tifffile
    except ImportError:
        raise MissingExtra("tifffile", "scenes") from None
    try:
        with tifffile.TiffFile(path) as file:
            page: Any = file.pages[0]
            if page.imagewidth * page.imagelength > LIMIT_PIXELS:
                raise BadMedia(f"{path}: {page.imagewidth} x {page.imagelength} pixels, too large")
            tags = _find_tags(page)
            values = _decode_page(page, path)
            if values.ndim == 3 and page.planarconfig == 2:
                values = np.moveaxis(values, 0, -1)
    # Damaged files end in errors of many kinds, those of struct and zlib among them.
    except _DAMAGE as error:
        raise BadMedia(f"{path}: damaged ({error})") from None
    if values.ndim not in (2, 3) or values.dtype.kind not in "uifb":
        raise BadMedia(f"{path}: {values.ndim} axes of {values.dtype}, expected a picture")
    return values, tags


def _decode_page(page: Any, path: Path) -> np.ndarray:
    """Decode with tifffile; a compression it has no codec for is Pillow's where that knows it."""
    try:
        return page.asarray()
    except ValueError:
        with Image.open(path, formats=("TIFF",)) as image:
            return np.asarray(image if image.mode in ("L", "RGB", "I;16") else image.convert("RGB"))


def _choose_bands(values: np.ndarray, bands: tuple[int, int, int], path: Path) -> np.ndarray:
    for band in bands:
        if not 0 <= band < values.shape[2]:
            raise BadMedia(
                f"{path}: no band {band}", hint=f"it has {values.shape[2]}, numbered from 0"
            )
    return np.ascontiguousarray(values[..., list(bands)])


def _to_eight_bits(values: np.ndarray) -> UInt8[np.ndarray, "height width 3"]:
    if values.dtype == np.uint8:
        return values
    levels = np.nan_to_num(values.astype(np.float32))
    flat = levels.reshape(-1, levels.shape[2])
    low, high = np.percentile(flat, (2, 98), axis=0)
    spread = np.maximum(high - low, 1e-6)
    return (np.clip((levels - low) / spread, 0, 1) * 255 + 0.5).astype(np.uint8)
