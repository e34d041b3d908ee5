"""Looking: a clip or picture decoded within limits, its faces found, its frames sampled."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from lineament.describe.annotate import AnnotatedClip
from lineament.describe.look import look_at_media
from lineament.describe.visual import NUM_FRAMES, visual_from_followed
from lineament.errors import BadMedia, LineamentError
from lineament.faces.follow import FinderFactory
from lineament.model.hub import LoadedModel
from lineament.model.processor import VisualInput
from lineament.serving.settings import MediaLimits
from lineament.video import Limits, open_clip


@dataclass(frozen=True, slots=True)
class Sight:
    """What a model wants to see of a clip.

    Attributes:
        num_samples: Of the landmarks of each frame.
        crop_size_px: Side of the face crops.
        frame_size_px: Height and width to which whole frames are stretched.
    """

    num_samples: int
    crop_size_px: int
    frame_size_px: tuple[int, int]

    @classmethod
    def of(cls, loaded: LoadedModel) -> "Sight":
        """Return what a loaded model wants to see."""
        processor = loaded.processor
        height, width = processor.frame_size_px
        return cls(processor.landmark_samples, processor.face_size_px[0], (height, width))


@dataclass(frozen=True, slots=True)
class Looked:
    """What one look found.

    Attributes:
        annotated: Everybody's tracks and facts; no path is left in it.
        visual: What the model sees; None when none was asked for.
    """

    annotated: AnnotatedClip
    visual: VisualInput | None


@runtime_checkable
class Looker(Protocol):
    """Looks at media."""

    def look(self, path: Path, sight: Sight | None) -> Looked:
        """Look at one clip or picture.

        Raises:
            BadMedia: It cannot be used, or is beyond the limits.
        """
        ...

    def close(self) -> None:
        """Free what it holds."""
        ...


def look_once(
    path: Path, sight: Sight | None, limits: MediaLimits, make_finder: FinderFactory
) -> Looked:
    """Look at one clip or picture in this process.

    Raises:
        BadMedia: It cannot be used, or is beyond the limits.
    """
    clip = open_clip(
        path,
        limits=Limits(
            max_side_px=limits.max_side_px,
            max_pixels=limits.max_pixels,
            max_seconds=limits.max_seconds,
        ),
    )
    _check_frames(clip.num_frames, limits)
    num_seen = 0

    def count(_: float) -> None:  # a container may hold more frames than it says
        nonlocal num_seen
        num_seen += 1
        _check_frames(num_seen, limits)

    annotated = look_at_media(path, make_finder=make_finder, num_workers=1, on_frame=count)
    visual = None
    if sight is not None:
        visual = visual_from_followed(
            annotated.followed,
            num_frames=NUM_FRAMES,
            num_samples=sight.num_samples,
            crop_size_px=sight.crop_size_px,
        )
        visual = replace(visual, frames=stretch_frames(visual.frames, sight.frame_size_px))
    return Looked(_without_path(annotated), visual)


def stretch_frames(
    frames: UInt8[np.ndarray, "frames height width 3"], size_px: tuple[int, int]
) -> UInt8[np.ndarray, "frames out_height out_width 3"]:
    """Bring frames to the size that the model reads, exactly as its processor would."""
    height, width = size_px
    if frames.shape[1:3] == (height, width):
        return frames
    sized = [
        np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC))
        for frame in frames
    ]
    return np.stack(sized) if sized else np.zeros((0, height, width, 3), np.uint8)


def _check_frames(num_frames: int, limits: MediaLimits) -> None:
    if num_frames > limits.max_frames:
        raise BadMedia(
            f"the clip has more than {limits.max_frames:,} frames", hint="send a shorter clip"
        )


def _without_path(annotated: AnnotatedClip) -> AnnotatedClip:
    followed = annotated.followed
    return AnnotatedClip(
        replace(annotated.annotation, media=""),
        replace(followed, clip=replace(followed.clip, path=Path())),
    )


def without_mesh(annotated: AnnotatedClip) -> AnnotatedClip:
    """Leave the mesh out, a hundred times the rest: nothing that a server does later needs it."""
    tracks = tuple(
        replace(track, landmarks_px=np.broadcast_to(np.float32(np.nan), track.landmarks_px.shape))
        for track in annotated.followed.tracks
    )
    return AnnotatedClip(annotated.annotation, replace(annotated.followed, tracks=tracks))


def hide_path(error: LineamentError, path: Path) -> LineamentError:
    """Return the same error without the place where the server keeps the file."""
    for text in (str(path), path.name):
        error.message = error.message.replace(text, "media")
        error.hint = error.hint.replace(text, "media")
    error.args = (error.message,)
    return error
