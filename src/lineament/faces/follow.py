"""Follow all faces of a clip; long clips are shared over processes."""

import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context, parent_process

import numpy as np
from jaxtyping import Float64

from lineament.faces.finder import FaceFinder
from lineament.faces.padding import PaddedFinder
from lineament.faces.track import (
    FaceTrack,
    follow_faces,
    is_new_shot,
    iterate_spans,
    join_tracks,
    shrink_frame,
)
from lineament.video import Clip, require_whole, with_counted_frames

MIN_PART_SECONDS = 10.0  # a shorter part does not pay for starting a process

FinderFactory = Callable[[], FaceFinder]


@dataclass(frozen=True)
class FollowedPart:
    """The tracks of one part of a clip, and thumbnails of its first and last frame."""

    tracks: list[FaceTrack]
    times_seconds: Float64[np.ndarray, " frames"]
    ends: list[np.ndarray]


@dataclass(frozen=True)
class FollowedClip:
    """A clip whose every frame has been looked at.

    Attributes:
        clip: With the frame count and length that reading it showed.
        tracks: The faces, those first seen first.
        times_seconds: Presentation time of every frame.
    """

    clip: Clip
    tracks: tuple[FaceTrack, ...]
    times_seconds: Float64[np.ndarray, " frames"]


def follow_clip(
    clip: Clip,
    make_finder: FinderFactory,
    *,
    num_workers: int | None = None,
    on_frame: Callable[[float], None] | None = None,
) -> FollowedClip:
    """Follow all faces of a clip or picture.

    Args:
        clip: What to look at.
        make_finder: Makes a finder; called once in every process, so it must be importable.
        num_workers: Processes at most; the machine's cores by default.
        on_frame: Called with the time of each frame this process has looked at.

    Raises:
        BadMedia: The clip cannot be decoded, or holds no frame.
    """
    num_parts = _count_parts(clip, num_workers)
    if num_parts == 1:
        parts = [_follow_part(clip, (0.0, math.inf), make_finder, on_frame)]
    else:
        parts = _follow_parts(clip, num_parts, make_finder, on_frame)
    times = np.concatenate([part.times_seconds for part in parts])
    if not clip.is_picture:
        require_whole(clip, len(times))
    tracks = join_tracks(
        ((part.tracks, len(part.times_seconds)) for part in parts), find_seam_cuts(parts)
    )
    return FollowedClip(with_counted_frames(clip, times), tuple(tracks), times)


def _count_parts(clip: Clip, num_workers: int | None) -> int:
    num_cores = num_workers or len(os.sched_getaffinity(0))
    return max(1, min(num_cores, int(clip.duration_seconds // MIN_PART_SECONDS)))


def _follow_parts(
    clip: Clip,
    num_parts: int,
    make_finder: FinderFactory,
    on_frame: Callable[[float], None] | None,
) -> list[FollowedPart]:
    first, *others = iterate_spans(clip.duration_seconds, num_parts)
    # Fresh processes: a copy of this one would share native threads that do not survive it.
    with ProcessPoolExecutor(
        len(others), mp_context=get_context("spawn"), initializer=leave_with_parent
    ) as pool:
        futures = [pool.submit(_follow_part, clip, span, make_finder) for span in others]
        # This process takes the first part itself.
        parts = [_follow_part(clip, first, make_finder, on_frame)]
        parts += [future.result() for future in futures]
    return parts


def leave_with_parent() -> None:
    """End this worker process when the one that started it is gone.

    A pool's workers outlive a parent that was killed: they would wait for ever, each with its
    finder's memory.
    """
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()


def _follow_part(
    clip: Clip,
    span_seconds: tuple[float, float],
    make_finder: FinderFactory,
    on_frame: Callable[[float], None] | None = None,
) -> FollowedPart:
    ends: list[np.ndarray] = []

    def frames() -> Iterator[tuple[float, np.ndarray]]:
        pixels = None
        for time, pixels in clip.frames(*span_seconds):
            if not ends:
                ends.append(shrink_frame(pixels))
            yield time, pixels
        if pixels is not None:
            ends.append(shrink_frame(pixels))

    finder = make_finder()
    if clip.is_picture:
        finder = PaddedFinder(finder)
    try:
        tracks, times = follow_faces(frames(), finder, on_frame=on_frame)
    finally:
        finder.close()
    return FollowedPart(tracks, np.array(times, np.float64), ends)


def find_seam_cuts(parts: Sequence[FollowedPart]) -> set[int]:
    """Return the numbers of the parts that begin with a new shot."""
    return {
        number
        for number, (before, part) in enumerate(zip(parts, parts[1:], strict=False), start=1)
        if before.ends and part.ends and is_new_shot(before.ends[-1], part.ends[0])
    }
