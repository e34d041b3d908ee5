"""Pictures from above: PNG, JPEG, TIFF and GeoTIFF decoded, of any depth, in chosen bands."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image

from lineament.errors import BadMedia, MissingExtra
from lineament.records.sources.scenes.geotiff import (
    BITS_PER_SAMPLE,
    DAMAGE,
    SAMPLES_PER_PIXEL,
    Bands,
    is_tiff,
    measure_picture,
    read_tags,
    scale_from_tags,
    tags_of_page,
)
from lineament.video import Clip, open_clip, read_picture

LIMIT_PIXELS = 400_000_000
MAX_COLORS = 4  # bands that Pillow opens


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


def read_raster(path: Path | str, bands: Bands | None = None) -> Raster:
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
    if not is_tiff(path.name):
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


def read_shown(path: Path | str, bands: Bands | None = None) -> UInt8[np.ndarray, "height width 3"]:
    """Decode a picture for eyes and models: a deep TIFF is stretched, the rest is as it is.

    Pillow takes the upper half of 16 bits alone, and satellites fill 10 to 12 of them: black. It
    opens no file of more than four bands at all.

    Args:
        path: Any picture.
        bands: Which become red, green and blue, from 0; by default the first three.

    Raises:
        BadMedia: The file is damaged, too large, or has no such band.
        MissingExtra: A TIFF of more than eight bits, or with chosen bands, and tifffile is not
            installed.
    """
    path = Path(path)
    if bands is not None or (is_tiff(path.name) and _is_deep(path)):
        return read_raster(path, bands).pixels
    return read_picture(path)


def is_raster(path: Path | str) -> bool:
    """Say whether a TIFF has more bands or bits than pictures have: only `read_shown` opens it."""
    path = Path(path)
    return is_tiff(path.name) and _exceeds(read_tags(path), 16)


def open_shown(path: Path | str) -> Clip:
    """Open a clip or picture as `open_clip` does; a TIFF of any number of bands, too.

    Raises:
        BadMedia: The file is missing, empty, no media, or beyond the limits.
    """
    path = Path(path)
    size = measure_picture(path.parent, path.name).size_px if is_raster(path) else None
    if size is None:
        return open_clip(path)
    return Clip(path, int(size[0]), int(size[1]), 0.0, 1, 0.0, is_picture=True)


def _is_deep(path: Path) -> bool:
    """Say whether Pillow would darken a TIFF or refuse it; damage is for whoever decodes it."""
    return _exceeds(read_tags(path), 8)


def _exceeds(tags: Mapping[int, Any], num_bits: int) -> bool:
    """Say whether tags tell of deeper values, or of more bands than Pillow opens."""
    depths = tags.get(BITS_PER_SAMPLE, 1)
    try:
        is_deep = max(depths if isinstance(depths, tuple) else (depths,)) > num_bits
        return is_deep or tags.get(SAMPLES_PER_PIXEL, 1) > MAX_COLORS
    except (TypeError, ValueError):
        return False


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
            tags = tags_of_page(page)
            values = _decode_page(page, path)
            if values.ndim == 3 and page.planarconfig == 2:
                values = np.moveaxis(values, 0, -1)
    except DAMAGE as error:
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


def _choose_bands(values: np.ndarray, bands: Bands, path: Path) -> np.ndarray:
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
