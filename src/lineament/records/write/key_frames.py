"""Key frames as data URLs, as chat servers take them."""

import base64
import io
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from lineament.errors import BadMedia
from lineament.records.sources.pixels import open_pixels
from lineament.records.sources.rows import require_inside
from lineament.video import find_media, open_clip, sample_frames

SIDE_PX = 512
QUALITY = 85
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff")


def read_key_frames(reference: str, folder: Path, num_frames: int = 4) -> tuple[str, ...]:
    """Return frames of a clip or picture at centres of equal time bins, as JPEG data URLs.

    Args:
        reference: Below the folder: a file, a member of a shard, or a folder of frames.
        folder: The data folder.
        num_frames: Of clips; pictures give one.

    Raises:
        BadMedia: It is missing, damaged, or the reference leaves the folder.
    """
    try:
        require_inside(reference)
    except ValueError as error:
        raise BadMedia(f"{reference}: {error}") from None
    path = folder / reference
    if path.is_dir():
        frames = find_media(path)
        if not frames:
            raise BadMedia(f"{path}: holds no frames")
        chosen = [frames[(2 * n + 1) * len(frames) // (2 * num_frames)] for n in range(num_frames)]
        return tuple(
            encode_frame(open_pixels(frame.relative_to(folder).as_posix(), folder))
            for frame in dict.fromkeys(chosen)
        )
    if path.suffix.lower() in PICTURES or not path.is_file():
        return (encode_frame(open_pixels(reference, folder)),)
    sampled = sample_frames(open_clip(path), num_frames)
    return tuple(encode_frame(pixels) for pixels in sampled.pixels)


def encode_frame(pixels: UInt8[np.ndarray, "height width 3"]) -> str:
    """Return pixels as a data URL, shrunk to a side of 512 px where larger."""
    image = Image.fromarray(pixels)
    image.thumbnail((SIDE_PX, SIDE_PX))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
