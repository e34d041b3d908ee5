"""Follow faces from frame to frame: through short occlusions, never across a cut."""

import logging
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8

from lineament.errors import EmptyTrack
from lineament.faces.finder import NUM_MESH_POINTS, Box, FaceFinder, FoundFace, box_iou

log = logging.getLogger(__name__)

SEARCH_SECONDS = 1.0  # how often to look for somebody new while all known faces are in view
LOST_SEARCH_SECONDS = 0.2  # how often while somebody known is out of view, or nobody is in view
OCCLUSION_SECONDS = 1.5  # how long a lost face keeps its track
SAME_FACE_IOU = 0.5  # two tracks this close are one
MIN_TRACK_FRAMES = 3  # shorter tracks are flickers, unless the clip is that short
CUT_DIFFERENCE = 0.06  # mean change of a thumbnail, as a share of full range, that may be a cut
CUT_RATIO = 6.0  # and how many times the usual change it must be
USUAL_CHANGE = 0.008  # neighbours in one shot change at least so much: noise
MAX_SEAM_SECONDS = OCCLUSION_SECONDS  # a face may be out of view across the seam of two parts
THUMBNAIL_STEPS = 32


@dataclass(frozen=True)
class FaceTrack:
    """Where one face is, frame by frame.

    Attributes:
        id: 0 for the first face of the clip.
        frame_index: Position in the clip of each frame in which it was seen, rising.
        times_seconds: Presentation time of those frames.
        boxes_xyxy_px: Box around the face.
        landmarks_px: Mesh points; NaN in frames where only the box is known.
        scores: How sure the finder was.
    """

    id: int
    frame_index: Int64[np.ndarray, " frames"]
    times_seconds: Float64[np.ndarray, " frames"]
    boxes_xyxy_px: Float32[np.ndarray, "frames 4"]
    landmarks_px: Float32[np.ndarray, "frames 478 3"]
    scores: Float32[np.ndarray, " frames"]

    def __len__(self) -> int:
        return len(self.frame_index)

    @property
    def has_landmarks(self) -> Bool[np.ndarray, " frames"]:
        """Tell for each frame whether the mesh was fitted."""
        return ~np.isnan(self.landmarks_px[:, 0, 0])

    @property
    def start_seconds(self) -> float:
        """Return when the face is first seen."""
        self._require_frames()
        return float(self.times_seconds[0])

    @property
    def stop_seconds(self) -> float:
        """Return when the face is last seen: the end of that frame."""
        self._require_frames()
        return float(self.times_seconds[-1]) + self.frame_seconds

    @property
    def frame_seconds(self) -> float:
        """Return the usual time between two frames."""
        if len(self.times_seconds) < 2:
            return 0.0
        steps = np.diff(self.times_seconds) / np.maximum(np.diff(self.frame_index), 1)
        return float(np.median(steps))

    def _require_frames(self) -> None:
        if not len(self.frame_index):
            raise EmptyTrack(f"face {self.id} was seen in no frame")


@dataclass(eq=False)
class _OpenTrack:
    """A track that is being written."""

    id: int
    last: FoundFace
    last_seconds: float
    is_lost: bool = False
    frame_index: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    faces: list[FoundFace] = field(default_factory=list)

    def add(self, index: int, time: float, face: FoundFace) -> None:
        self.last, self.last_seconds, self.is_lost = face, time, False
        self.frame_index.append(index)
        self.times.append(time)
        self.faces.append(face)

    def close(self) -> FaceTrack:
        blank = np.full((NUM_MESH_POINTS, 3), np.nan, np.float32)
        landmarks = [blank if f.landmarks_px is None else f.landmarks_px for f in self.faces]
        return FaceTrack(
            id=self.id,
            frame_index=np.array(self.frame_index, np.int64),
            times_seconds=np.array(self.times, np.float64),
            boxes_xyxy_px=np.array([f.box_xyxy_px for f in self.faces], np.float32),
            landmarks_px=np.stack(landmarks).astype(np.float32),
            scores=np.array([f.score for f in self.faces], np.float32),
        )


class FaceTracker:
    """Follow every face of a stream of frames.

    Each known face is found again by the finder's cheap means; the dear search for anybody new
    runs at intervals, after a loss, and after a cut. A lost face that comes back within
    `OCCLUSION_SECONDS` near its old place keeps its track. Faces are never matched by looks.
    """

    def __init__(self, finder: FaceFinder) -> None:
        self._finder = finder
        self._open: list[_OpenTrack] = []
        self._closed: list[_OpenTrack] = []
        self._num_tracks = 0
        self._num_frames = 0
        self._next_search = -np.inf
        self._cuts = CutDetector()
        self.cut_seconds: list[float] = []

    def add_frame(
        self, index: int, time_seconds: float, pixels: UInt8[np.ndarray, "height width 3"]
    ) -> None:
        """Take in the next frame."""
        self._num_frames += 1
        if self._cuts.is_cut(pixels):
            self.cut_seconds.append(time_seconds)
            self._closed += self._open
            self._open = []
            self._next_search = -np.inf
        has_lost = self._follow(index, time_seconds, pixels)
        if time_seconds >= self._next_search or (has_lost and self._just_lost(time_seconds)):
            self._search(index, time_seconds, pixels)
        self._drop_old(time_seconds)

    def finish(self) -> list[FaceTrack]:
        """Return all tracks, those first seen first, numbered from 0."""
        tracks = [track for track in self._closed + self._open if track.frame_index]
        least = min(MIN_TRACK_FRAMES, self._num_frames)
        kept = [track for track in tracks if len(track.frame_index) >= least]
        kept.sort(key=lambda track: (track.frame_index[0], -len(track.frame_index)))
        for number, track in enumerate(kept):
            track.id = number
        return [track.close() for track in kept]

    def _follow(self, index: int, time: float, pixels: np.ndarray) -> bool:
        for track in self._open:
            if track.is_lost:
                continue
            face = self._finder.find_again(pixels, track.last)
            if face is None or not _is_near(face, track.last):
                track.is_lost = True
            else:
                track.add(index, time, face)
        self._merge_doubles(index)
        return any(track.is_lost for track in self._open)

    def _just_lost(self, time: float) -> bool:
        return any(t.is_lost and time - t.last_seconds < 0.1 for t in self._open)

    def _search(self, index: int, time: float, pixels: np.ndarray) -> None:
        for track in self._open:
            if track.is_lost:  # an occluded face often reappears where it was
                face = self._finder.find_again(pixels, track.last)
                if face is not None and _is_near(face, track.last):
                    track.add(index, time, face)
        seen = [track for track in self._open if not track.is_lost]
        for face in self._finder.find(pixels, [track.last for track in seen]):
            if any(_is_same_place(face, track.last) for track in seen):
                continue
            track = self._find_lost(face) or self._new_track(face, time)
            track.add(index, time, face)
            seen.append(track)
        is_settled = bool(seen) and not any(track.is_lost for track in self._open)
        self._next_search = time + (SEARCH_SECONDS if is_settled else LOST_SEARCH_SECONDS) - 1e-6

    def _find_lost(self, face: FoundFace) -> _OpenTrack | None:
        near = [t for t in self._open if t.is_lost and _is_near(face, t.last, reach=1.0)]
        return min(near, key=lambda t: _distance(face, t.last), default=None)

    def _new_track(self, face: FoundFace, time: float) -> _OpenTrack:
        track = _OpenTrack(self._num_tracks, face, time)
        self._num_tracks += 1
        self._open.append(track)
        return track

    def _merge_doubles(self, index: int) -> None:
        """Drop the younger of two tracks that have slid onto one face."""
        seen = [t for t in self._open if t.frame_index and t.frame_index[-1] == index]
        for older_position, older in enumerate(seen):
            for younger in seen[older_position + 1 :]:
                overlap = box_iou(older.last.box_xyxy_px, younger.last.box_xyxy_px)
                if overlap > SAME_FACE_IOU and older in self._open and younger in self._open:
                    self._open.remove(younger)
                    for rows in (younger.frame_index, younger.times, younger.faces):
                        rows.pop()
                    self._closed.append(younger)

    def _drop_old(self, time: float) -> None:
        gone = [t for t in self._open if t.is_lost and time - t.last_seconds > OCCLUSION_SECONDS]
        for track in gone:
            self._open.remove(track)
            self._closed.append(track)


class CutDetector:
    """Tell whether a frame begins a new shot, from thumbnails alone."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._usual = USUAL_CHANGE

    def is_cut(self, pixels: UInt8[np.ndarray, "height width 3"]) -> bool:
        """Compare with the frame before; the first frame is no cut."""
        thumbnail = shrink_frame(pixels)
        last, self._last = self._last, thumbnail
        if last is None or last.shape != thumbnail.shape:
            return False
        is_cut = is_new_shot(last, thumbnail, self._usual)
        change = float(np.abs(thumbnail - last).mean())
        self._usual = max(0.9 * self._usual + 0.1 * min(change, CUT_DIFFERENCE), USUAL_CHANGE)
        return is_cut


def shrink_frame(
    pixels: UInt8[np.ndarray, "height width 3"],
) -> Float32[np.ndarray, "rows columns"]:
    """Return a thumbnail of the frame's green, 0 to 1, for telling shots apart."""
    height, width = pixels.shape[:2]
    down, across = max(height // THUMBNAIL_STEPS, 1), max(width // THUMBNAIL_STEPS, 1)
    return pixels[::down, ::across, 1].astype(np.float32) / np.float32(255.0)


def is_new_shot(
    last: Float32[np.ndarray, "rows columns"],
    thumbnail: Float32[np.ndarray, "rows columns"],
    usual_change: float = 0.0,
) -> bool:
    """Say whether two neighbouring thumbnails belong to different shots.

    Args:
        last: The earlier one.
        thumbnail: The later one.
        usual_change: Mean change of late between neighbours, as a share of full range.
    """
    change = float(np.abs(thumbnail - last).mean())
    # A brightness flash shifts everything alike; a new shot also changes the pattern.
    pattern = float(np.abs((thumbnail - thumbnail.mean()) - (last - last.mean())).mean())
    enough = max(CUT_DIFFERENCE, CUT_RATIO * max(usual_change, USUAL_CHANGE))
    return change > enough and pattern > enough / 2


def follow_faces(
    frames: Iterable[tuple[float, UInt8[np.ndarray, "height width 3"]]],
    finder: FaceFinder,
    *,
    on_frame: Callable[[float], None] | None = None,
) -> tuple[list[FaceTrack], list[float]]:
    """Follow every face of a clip.

    Args:
        frames: Times and pixels in order, as `Clip.frames` gives them.
        finder: What finds faces.
        on_frame: Called with each frame's time, for progress.

    Returns:
        The tracks, and the times of all frames.
    """
    tracker = FaceTracker(finder)
    times: list[float] = []
    for index, (time, pixels) in enumerate(frames):
        tracker.add_frame(index, time, pixels)
        times.append(time)
        if on_frame:
            on_frame(time)
    return tracker.finish(), times


def join_tracks(
    parts: Iterable[tuple[list[FaceTrack], int]], cuts: Container[int] = ()
) -> list[FaceTrack]:
    """Join the tracks of successive parts of a clip, followed apart.

    A track that ends near the end of its part goes on in the track of the next part that begins
    near its start, if their boxes overlap and no cut lies between.

    Args:
        parts: For each part its tracks, counted from its own first frame, and its frame count.
        cuts: Numbers of the parts that begin with a new shot.
    """
    joined: list[list[FaceTrack]] = []
    offset = 0
    for number, (tracks, num_frames) in enumerate(parts):
        earlier = [pieces for pieces in joined if pieces[-1].frame_index[-1] < offset]
        for track in (_shifted(track, offset) for track in tracks):
            before = None if number in cuts else _find_predecessor(earlier, track)
            if before is None:
                joined.append([track])
            else:
                before.append(track)
                earlier = [pieces for pieces in earlier if pieces is not before]
        offset += num_frames
    whole = [_concatenated(pieces) for pieces in joined]
    whole.sort(key=lambda track: (int(track.frame_index[0]), -len(track)))
    return [_renumbered(track, number) for number, track in enumerate(whole)]


def _find_predecessor(joined: list[list[FaceTrack]], track: FaceTrack) -> list[FaceTrack] | None:
    best, best_overlap = None, 0.3
    for pieces in joined:
        gap = int(track.frame_index[0]) - int(pieces[-1].frame_index[-1])
        if gap * max(track.frame_seconds, pieces[-1].frame_seconds) > MAX_SEAM_SECONDS:
            continue
        overlap = box_iou(_box(pieces[-1].boxes_xyxy_px[-1]), _box(track.boxes_xyxy_px[0]))
        if overlap > best_overlap:
            best, best_overlap = pieces, overlap
    return best


def _box(row: Float32[np.ndarray, "4"]) -> Box:
    x0, y0, x1, y1 = (float(side) for side in row)
    return x0, y0, x1, y1


def _shifted(track: FaceTrack, offset: int) -> FaceTrack:
    return replace(track, frame_index=track.frame_index + offset)


def _renumbered(track: FaceTrack, number: int) -> FaceTrack:
    return replace(track, id=number)


def _concatenated(pieces: list[FaceTrack]) -> FaceTrack:
    if len(pieces) == 1:
        return pieces[0]
    return FaceTrack(
        id=pieces[0].id,
        frame_index=np.concatenate([p.frame_index for p in pieces]),
        times_seconds=np.concatenate([p.times_seconds for p in pieces]),
        boxes_xyxy_px=np.concatenate([p.boxes_xyxy_px for p in pieces]),
        landmarks_px=np.concatenate([p.landmarks_px for p in pieces]),
        scores=np.concatenate([p.scores for p in pieces]),
    )


def _distance(face: FoundFace, other: FoundFace) -> float:
    """Return how far two boxes' centres lie apart, in sides of the larger."""
    first, second = face.box_xyxy_px, other.box_xyxy_px
    side = max(first[2] - first[0], first[3] - first[1], second[2] - second[0], 1.0)
    across = (first[0] + first[2] - second[0] - second[2]) / 2
    down = (first[1] + first[3] - second[1] - second[3]) / 2
    return float(np.hypot(across, down)) / side


def _is_near(face: FoundFace, last: FoundFace, *, reach: float = 0.75) -> bool:
    ratio = _side(face) / max(_side(last), 1.0)
    return _distance(face, last) < reach and 0.5 < ratio < 2.0


def _is_same_place(face: FoundFace, other: FoundFace) -> bool:
    return box_iou(face.box_xyxy_px, other.box_xyxy_px) > 0.25 or _distance(face, other) < 0.35


def _side(face: FoundFace) -> float:
    x0, y0, x1, y1 = face.box_xyxy_px
    return max(x1 - x0, y1 - y0)


def iterate_spans(stop_seconds: float, num_parts: int) -> Iterator[tuple[float, float]]:
    """Yield equal half-open spans that cover a clip; the last has no end."""
    edges = np.linspace(0.0, stop_seconds, num_parts + 1)
    for number in range(num_parts):
        last = number == num_parts - 1
        yield float(edges[number]), float("inf") if last else float(edges[number + 1])
