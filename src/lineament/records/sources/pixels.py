"""Media references to pixels: files, chosen bands, members of .zip shards, entries of .npz."""

import functools
import io
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from lineament.errors import BadMedia
from lineament.records.sources.scenes.geotiff import split_bands
from lineament.records.sources.scenes.rasters import read_shown


def open_pixels(reference: str, folder: Path | str) -> UInt8[np.ndarray, "height width 3"]:
    """Open one picture by its reference.

    Args:
        reference: A path below the folder: ``images/00001.jpg``, ``images-3.zip/train_00012.jpg``
            (a member of a shard), ``faces.npz/17`` (the 17th JPEG of ``blob`` and ``offsets``) or
            ``tile.tif/3,2,1`` (bands of a TIFF as red, green and blue, from 0). TIFFs of more
            than eight bits are stretched.
        folder: The data set's folder.

    Raises:
        BadMedia: There is no such picture or band, it is damaged, or the reference leaves the
            folder.
        MissingExtra: A TIFF of more than eight bits or with chosen bands needs tifffile.
    """
    parts = PurePosixPath(reference).parts
    if not parts or parts[0] == "/" or ".." in parts:
        raise BadMedia(f"{reference}: not a path below the data folder")
    for place, part in enumerate(parts[:-1], start=1):
        container = Path(folder, *parts[:place])
        member = "/".join(parts[place:])
        if part.endswith(".zip"):
            return _decode(_read_zip_member(container, member), reference)
        if part.endswith(".npz"):
            return _decode(_read_npz_entry(container, member), reference)
    path, bands = split_bands("/".join(parts))
    return read_shown(Path(folder, path), bands)


def has_media(reference: str, folder: Path | str) -> bool:
    """Say whether the file that holds the picture is there; members are not looked at."""
    parts = PurePosixPath(split_bands(reference)[0]).parts
    for place, part in enumerate(parts, start=1):
        if part.endswith((".zip", ".npz")):
            return Path(folder, *parts[:place]).is_file()
    return Path(folder, *parts).is_file()


def _decode(data: bytes, reference: str) -> UInt8[np.ndarray, "height width 3"]:
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise BadMedia(f"{reference}: damaged ({error})") from None


@functools.lru_cache(maxsize=32)
def _open_zip(path: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)


def _read_zip_member(path: Path, member: str) -> bytes:
    try:
        return _open_zip(path).read(member)
    except KeyError:
        raise BadMedia(f"{path}: holds no {member}") from None
    except (OSError, zipfile.BadZipFile, RuntimeError) as error:
        raise BadMedia(f"{path}: {error}") from None


@functools.lru_cache(maxsize=2)
def _open_npz(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return arrays["blob"], arrays["offsets"]


def _read_npz_entry(path: Path, member: str) -> bytes:
    try:
        blob, offsets = _open_npz(path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise BadMedia(f"{path}: {error}") from None
    if not member.isdecimal() or int(member) >= len(offsets) - 1:
        raise BadMedia(f"{path}: holds no picture {member}")
    return blob[offsets[int(member)] : offsets[int(member) + 1]].tobytes()
