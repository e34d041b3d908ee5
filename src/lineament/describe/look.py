"""One look at a clip or picture before anybody asks about it: the same for every model."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from lineament.describe.annotate import AnnotatedClip, annotate_clip
from lineament.faces.finder import FaceFinder
from lineament.faces.follow import FinderFactory
from lineament.faces.mesh import MeshFinder
from lineament.faces.padding import PaddedFinder
from lineament.records.sources.scenes.rasters import open_shown


def look_at_media(
    media: Path | str,
    *,
    make_finder: FinderFactory = MeshFinder,
    num_workers: int | None = None,
    on_frame: Callable[[float], None] | None = None,
) -> AnnotatedClip:
    """Find the faces and facts of a clip or picture; pictures get a second, padded search.

    Needs no model and none of its packages, so it can run while those are being loaded.

    Raises:
        BadMedia: The file cannot be used.
        MissingExtra: mediapipe is not installed.
    """
    if open_shown(media).is_picture:
        make_finder = partial(_make_padded, make_finder)
    return annotate_clip(media, make_finder=make_finder, num_workers=num_workers, on_frame=on_frame)


def _make_padded(make_finder: FinderFactory) -> FaceFinder:
    return PaddedFinder(make_finder())
