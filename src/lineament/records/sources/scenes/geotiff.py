"""Headers of pictures from above: their size, the scale of a GeoTIFF, the bands that are chosen."""

import math
import re
import struct
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, TiffImagePlugin

TIFF_SUFFIXES = (".tif", ".tiff")
METERS_PER_DEGREE = 111_320.0
EARTH_RADIUS_METERS = 6_378_137.0
# GeoTIFF: tags, keys and the codes among their values that bear on the scale.
PIXEL_SCALE, TIE_POINTS, TRANSFORM, GEO_KEYS = 33550, 33922, 34264, 34735
WIDTH, HEIGHT, BITS_PER_SAMPLE, SAMPLES_PER_PIXEL = 256, 257, 258, 277
_MODEL, _PROJECTION, _LINEAR_UNIT = 1024, 3072, 3076
_GEOGRAPHIC, _WEB_MERCATOR = 2, (3857, 3785, 900913, 102100, 102113)
_UNITS = {9001: 1.0, 9002: 0.3048, 9003: 1200 / 3937, 9036: 1000.0}
_BANDS = re.compile(r"(\d+),(\d+),(\d+)")
Bands = tuple[int, int, int]
# Damaged files end in errors of many kinds, those of struct and zlib among them.
DAMAGE = (
    OSError, ValueError, IndexError, KeyError, TypeError, RuntimeError, OverflowError,
    struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip
_TAGS = (
    PIXEL_SCALE, TIE_POINTS, TRANSFORM, GEO_KEYS, WIDTH, HEIGHT, BITS_PER_SAMPLE,
    SAMPLES_PER_PIXEL,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measured:
    """What a picture's header says, as far as it does.

    Attributes:
        size_px: Width and height.
        meters_per_pixel: Ground that a pixel covers, of a GeoTIFF.
        num_bands: Of a TIFF; 0 where unknown.
    """

    size_px: tuple[float, float] | None = None
    meters_per_pixel: float | None = None
    num_bands: int = 0


def is_tiff(name: str) -> bool:
    """Say whether a file is a TIFF by its name."""
    return name.lower().endswith(TIFF_SUFFIXES)


def split_bands(reference: str) -> tuple[str, Bands | None]:
    """Return a media reference without its choice of bands, and the choice.

    ``tile.tif/3,2,1`` is the file ``tile.tif`` with bands 3, 2 and 1 as red, green and blue.
    """
    path, _, last = reference.rpartition("/")
    bands = find_bands(last)
    return (path, bands) if bands is not None and is_tiff(path) else (reference, None)


def find_bands(text: str) -> Bands | None:
    """Read a choice of bands, three numbers with commas; None where the text is none."""
    match = _BANDS.fullmatch(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def write_bands(reference: str, bands: Bands | None) -> str:
    """Return a media reference with a choice of bands, where the file is one that has bands."""
    if bands is None or not is_tiff(reference):
        return reference
    return f"{reference}/{bands[0]},{bands[1]},{bands[2]}"


def measure_picture(folder: Path | str, media: str) -> Measured:
    """Read size and scale from a picture's header; nothing of what is not there or damaged."""
    reference, _ = split_bands(media)
    path = Path(folder, reference)
    if is_tiff(reference) and (tags := read_tags(path)):
        sizes = [tags.get(key) for key in (WIDTH, HEIGHT)]
        sides = [float(side) for side in sizes if isinstance(side, int) and side > 0]
        num_bands = tags.get(SAMPLES_PER_PIXEL, 1)
        return Measured(
            (sides[0], sides[1]) if len(sides) == 2 else None,
            scale_from_tags(tags),
            num_bands if isinstance(num_bands, int) else 0,
        )
    try:
        with Image.open(path, formats=("PNG", "JPEG", "BMP")) as image:
            return Measured((float(image.width), float(image.height)))
    except DAMAGE:
        return Measured()


def read_scale(path: Path | str) -> float | None:
    """Return metres per pixel of a GeoTIFF from its tags, without decoding it; None elsewhere."""
    path = Path(path)
    return measure_picture(path.parent, path.name).meters_per_pixel if is_tiff(path.name) else None


def read_tags(path: Path) -> Mapping[int, Any]:
    """Read the tags of a TIFF's first picture; none where it is damaged or not there.

    Pillow reads them of files whose pictures it cannot open: 13 bands, 64 bits.
    """
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of tags that are cut off: they are left out
            header = file.read(8)
            if header[2:4] in (b"+\0", b"\0+"):  # 64-bit offsets
                header += file.read(8)
            directory = TiffImagePlugin.ImageFileDirectory_v2(header)
            file.seek(directory.next)
            directory.load(file)
            return {key: directory[key] for key in _TAGS if key in directory}
    except (*DAMAGE, SyntaxError):
        return {}


def tags_of_page(page: Any) -> dict[int, Any]:
    """Return the same tags of a page that tifffile has opened."""
    return {int(key): page.tags[key].value for key in _TAGS if key in page.tags}


def scale_from_tags(tags: Mapping[int, Any]) -> float | None:
    """Return metres per pixel from the tags of a GeoTIFF; None where they do not say.

    Web Mercator stretches by one over the cosine of the latitude, degrees shrink by it; both are
    undone at the first tie point.
    """
    try:
        scale = _find_scale(tags)
    except DAMAGE:
        return None
    return scale if scale is not None and math.isfinite(scale) and scale > 0 else None


def _find_scale(tags: Mapping[int, Any]) -> float | None:
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
