"""Media to what a model sees: sampled frames, the person's aligned crops and landmarks.

Training and answering prepare their input here, so that both see the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8

from lineament.describe.annotate import AnnotatedClip
from lineament.describe.look import look_at_media
from lineament.faces.crop import crop_aligned
from lineament.faces.finder import FaceFinder, FoundFace
from lineament.faces.follow import FinderFactory, FollowedClip
from lineament.faces.landmarks import NUM_ROWS, describe_landmarks, sample_rows
from lineament.faces.mesh import MeshFinder
from lineament.faces.track import FaceTrack
from lineament.model.processor import VisualInput
from lineament.video import Clip, frames_at

NUM_FRAMES = 8
CROP_SIZE_PX = 128
SEEK_SECONDS = 2.0  # frames farther apart than this are sought one by one
NUM_SAMPLES = 8  # of the landmarks, within each frame's share of the clip


@dataclass(frozen=True)
class OpenedVisual:
    """A clip or picture as a model sees it, and what that was made from.

    Attributes:
        visual: Frames, crops and landmarks of the person.
        annotated: Everybody's tracks and facts.
        person: The track that the crops show: the face that fills most of the clip; None when
            no face was found.
    """

    visual: VisualInput
    annotated: AnnotatedClip
    person: FaceTrack | None


def open_visual(
    media: Path | str,
    *,
    num_frames: int = NUM_FRAMES,
    num_samples: int = NUM_SAMPLES,
    crop_size_px: int = CROP_SIZE_PX,
    make_finder: FinderFactory = MeshFinder,
    num_workers: int | None = None,
    on_frame: Callable[[float], None] | None = None,
) -> OpenedVisual:
    """Look at a clip or picture once, for its facts and for a model.

    Args:
        media: A clip or picture.
        num_frames: Frames at most; a picture has one, and a short clip all that it has.
        num_samples: Landmark samples per frame, see `visual_from_followed`.
        crop_size_px: Side of the aligned crops.
        make_finder: Makes the face finder; `keep_finder` shares one among many media.
        num_workers: Processes at most, for long clips.
        on_frame: Called with the time of each frame looked at, for progress.

    Raises:
        BadMedia: The file cannot be used.
        MissingExtra: mediapipe is not installed.
    """
    annotated = look_at_media(
        media, make_finder=make_finder, num_workers=num_workers, on_frame=on_frame
    )
    visual = visual_from_followed(
        annotated.followed,
        num_frames=num_frames,
        num_samples=num_samples,
        crop_size_px=crop_size_px,
    )
    return OpenedVisual(visual, annotated, find_person(annotated.followed.tracks))


def visual_from_followed(
    followed: FollowedClip,
    *,
    num_frames: int = NUM_FRAMES,
    num_samples: int = NUM_SAMPLES,
    crop_size_px: int = CROP_SIZE_PX,
) -> VisualInput:
    """Sample a clip whose faces have been followed already.

    Each frame is the one shown at the centre of its share of the clip. Where the person is not
    in it, its crop is black and ``face_mask`` False.

    Args:
        followed: The clip and its tracks, of this run or from a store.
        num_frames: Frames at most.
        num_samples: How many times within each frame's share the landmarks are read, for
            motion between frames.
        crop_size_px: Side of the aligned crops.
    """
    person = find_person(followed.tracks)
    edges, frame_index = choose_frames(followed.clip, followed.times_seconds, num_frames)
    pixels = read_frames(followed.clip, followed.times_seconds, frame_index)
    faces, face_mask = crop_person(pixels, frame_index, person, crop_size_px)
    landmarks, landmark_mask = sample_person(person, edges, followed.clip, num_samples)
    return VisualInput(
        frames=pixels,
        times_seconds=followed.times_seconds[frame_index].tolist(),
        faces=faces,
        face_mask=face_mask,
        landmarks=landmarks,
        landmark_mask=landmark_mask,
    )


def keep_finder(make_finder: FinderFactory = MeshFinder) -> FinderFactory:
    """Return a factory that gives one finder to all media of this process, one at a time.

    Starting a finder takes as long as looking at several pictures. It is never closed.
    """
    kept: list[FaceFinder] = []

    def make() -> FaceFinder:
        if not kept:
            kept.append(_KeptFinder(make_finder()))
        return kept[0]

    return make


class _KeptFinder:
    """A finder that stays open."""

    def __init__(self, finder: FaceFinder) -> None:
        self._finder = finder
        self.name = finder.name
        self.find = finder.find
        self.find_again = finder.find_again

    def close(self) -> None:
        """Leave it open for the next clip."""


def find_person(tracks: Sequence[FaceTrack]) -> FaceTrack | None:
    """Return the face that fills most of the clip, by area and time; None without faces."""
    return max(tracks, key=_fill, default=None)


def _fill(track: FaceTrack) -> float:
    sides = track.boxes_xyxy_px[:, 2:] - track.boxes_xyxy_px[:, :2]
    return float(np.clip(sides, 0, None).prod(axis=1).sum())


def choose_frames(
    clip: Clip, times_seconds: Float[np.ndarray, " clip_frames"], num_frames: int
) -> tuple[Float[np.ndarray, "frames 2"], Int[np.ndarray, " frames"]]:
    """Cut a clip into equal bins and return them with the frame shown at each one's centre.

    A frame that is shown at several centres stands once, with the first bin.
    """
    count = min(num_frames, len(times_seconds))
    borders = np.linspace(0.0, max(clip.duration_seconds, times_seconds[-1], 1e-6), count + 1)
    shown = _shown_at(times_seconds, (borders[:-1] + borders[1:]) / 2)
    frame_index, first = np.unique(shown, return_index=True)
    edges = np.stack([borders[:-1], borders[1:]], axis=1)[first]
    return edges, frame_index


def _shown_at(times_seconds: np.ndarray, wanted_seconds: np.ndarray) -> np.ndarray:
    """Return the last frame that is not later, the first one before that."""
    place = np.searchsorted(times_seconds, wanted_seconds + 1e-6, side="right") - 1
    return np.clip(place, 0, len(times_seconds) - 1)


def read_frames(
    clip: Clip,
    times_seconds: Float[np.ndarray, " clip_frames"],
    frame_index: Int[np.ndarray, " frames"],
) -> UInt8[np.ndarray, "frames height width 3"]:
    """Decode some frames of a clip, in one pass or, where they lie far apart, by seeking."""
    wanted = times_seconds[frame_index]
    is_near = len(wanted) < 2 or (wanted[-1] - wanted[0]) / (len(wanted) - 1) < SEEK_SECONDS
    if not is_near:
        sought = [next(clip.frames(float(time)), None) for time in wanted]
        if all(found is not None for found in sought):
            return np.stack([found[1] for found in sought if found is not None])
    chosen = frames_at(clip, wanted.tolist()).pixels
    assert len(chosen) == len(wanted), "the frames at their own times are those frames"
    return chosen


def crop_person(
    pixels: UInt8[np.ndarray, "frames height width 3"],
    frame_index: Int[np.ndarray, " frames"],
    person: FaceTrack | None,
    size_px: int,
) -> tuple[UInt8[np.ndarray, "frames {size_px} {size_px} 3"], Bool[np.ndarray, " frames"]]:
    """Cut the person's face out of each frame, turned upright; black where it is not seen."""
    faces = np.zeros((len(pixels), size_px, size_px, 3), np.uint8)
    face_mask = np.zeros(len(pixels), bool)
    if person is None:
        return faces, face_mask
    place, face_mask = _places(person, frame_index)
    for number in np.flatnonzero(face_mask):
        face = _face_at(person, int(place[number]))
        faces[number] = crop_aligned(pixels[number], face, size_px=size_px)
    return faces, face_mask


def sample_person(
    person: FaceTrack | None,
    edges: Float[np.ndarray, "frames 2"],
    clip: Clip,
    num_samples: int,
) -> tuple[
    Float32[np.ndarray, "frames {num_samples} rows 3"],
    Bool[np.ndarray, "frames {num_samples}"],
]:
    """Return the person's normalised landmarks at times spread over each frame's share."""
    if person is None:
        shape = (len(edges), num_samples)
        return np.zeros((*shape, NUM_ROWS, 3), np.float32), np.zeros(shape, bool)
    rows = describe_landmarks(person.landmarks_px, clip.height, clip.width)
    return sample_rows(rows, person.times_seconds, edges, num_samples=num_samples)


def _places(track: FaceTrack, frame_index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where in the track each frame stands, and whether it does."""
    place = np.searchsorted(track.frame_index, frame_index).clip(0, len(track) - 1)
    return place, track.frame_index[place] == frame_index


def _face_at(track: FaceTrack, place: int) -> FoundFace:
    x0, y0, x1, y1 = (float(side) for side in track.boxes_xyxy_px[place])
    points = track.landmarks_px[place] if track.has_landmarks[place] else None
    return FoundFace((x0, y0, x1, y1), points, float(track.scores[place]))
