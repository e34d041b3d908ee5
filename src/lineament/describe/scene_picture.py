"""The pixels that a question about a scene is asked of."""

from pathlib import Path

import numpy as np

from lineament.records.sources.scenes.rasters import open_shown, read_shown
from lineament.video import frames_at


def read_picture(media: Path | str) -> np.ndarray:
    """Return the pixels of a picture as a person sees it, or of the first frame of a clip.

    Raises:
        BadMedia: The file cannot be used.
        MissingExtra: It is a deep TIFF, and tifffile is not installed.
    """
    clip = open_shown(media)
    return read_shown(clip.path) if clip.is_picture else frames_at(clip, [0.0]).pixels[0]
