"""Open a clip or picture, read frames by presentation time, write a clip."""

import math
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from lineament.errors import BadMedia

if TYPE_CHECKING:
    import av.container
    import av.video.frame

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm"})
CLIP_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".gif", ".flv"}
)
FALLBACK_FPS = 25.0
# What may be looked into. Formats that name other files (playlists, concat lists, SDP, EPS) are
# left out: a clip or picture is one file, and opening it must never open a second one.
PICTURE_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "PPM", "GIF")
CLIP_FORMATS = (
    "mov", "matroska", "avi", "mpeg", "mpegts", "mpegvideo", "flv", "asf", "ogg", "gif", "apng",
    "h264", "hevc", "m4v", "h263", "vc1", "av1", "obu", "ivf", "mjpeg", "dv", "mxf", "nut", "rm",
    "yuv4mpegpipe", "jpeg_pipe", "png_pipe", "bmp_pipe", "webp_pipe", "tiff_pipe",
    "wav", "mp3", "flac", "aac", "aiff", "amr",  # sound, to say that it is sound
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused before it can fill the memory.

    Attributes:
        min_side_px: Smallest side that can hold a face at all.
        max_side_px: Longest side accepted.
        max_pixels: Largest frame area accepted.
        max_seconds: Longest clip accepted.
    """

    min_side_px: int = 16
    max_side_px: int = 16_384
    max_pixels: int = 80_000_000
    max_seconds: float = 6 * 3600.0


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Clip:
    """What is known of a clip or picture before its frames are decoded.

    Width and height are those a person sees: the rotation flag is applied. `duration_seconds`
    and `num_frames` may be estimates of the container until all frames have been read; a
    picture has one frame, duration 0 and 0 fps.
    """

    path: Path
    width: int
    height: int
    duration_seconds: float
    num_frames: int
    fps: float
    is_picture: bool = False
    rotation_degrees: int = 0
    limits: Limits = DEFAULT_LIMITS

    def frames(
        self, start_seconds: float = 0.0, stop_seconds: float = math.inf
    ) -> Iterator[tuple[float, UInt8[np.ndarray, "height width 3"]]]:
        """Yield ``(time in seconds, pixels)`` in order of presentation time.

        Times start at 0 with the clip's first frame. Only frames whose time lies in the
        half-open span are given; decoding begins at the key frame before it.

        Raises:
            BadMedia: Nothing could be decoded, or the clip ends before it says it does.
        """
        if self.is_picture:
            yield 0.0, read_picture(self.path, limits=self.limits)
            return
        yield from _read_frames(self, start_seconds, stop_seconds)


@dataclass(frozen=True, slots=True)
class Frames:
    """Some frames of a clip and when each is shown."""

    pixels: UInt8[np.ndarray, "frames height width 3"]
    times_seconds: Float64[np.ndarray, " frames"]


def open_clip(path: Path | str, *, limits: Limits = DEFAULT_LIMITS) -> Clip:
    """Open a clip or picture and read what its container says.

    Args:
        path: A video file of any format FFmpeg reads, or a picture.
        limits: Sizes beyond which media are refused.

    Raises:
        BadMedia: The file is missing, empty, no media, without video, or beyond the limits.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise BadMedia(f"{path}: is a folder", hint="give a clip or a picture")
        with path.open("rb") as file:
            is_empty = not file.read(1)
    except (FileNotFoundError, ValueError):  # ValueError: a zero byte in the name
        raise BadMedia(f"{path}: no such file", hint="check the path") from None
    except OSError as error:
        raise BadMedia(f"{path}: {(error.strerror or str(error)).lower()}") from None
    if is_empty:
        raise BadMedia(f"{path}: the file is empty", hint="copy or download it again")
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return _open_picture(path, limits)
    return _open_video(path, limits)


def sample_frames(clip: Clip, num_frames: int) -> Frames:
    """Sample frames at the centres of equal time bins.

    The frame shown at each centre is taken: the last whose presentation time is not later.
    Short clips give fewer frames rather than repeated ones.

    Args:
        clip: Clip or picture.
        num_frames: How many at most.
    """
    duration = max(clip.duration_seconds, 1e-6)
    centres = (np.arange(num_frames) + 0.5) * duration / num_frames
    return frames_at(clip, centres)


def frames_at(clip: Clip, times_seconds: Iterable[float]) -> Frames:
    """Return the frames shown at the given times, each frame once.

    Times before the first frame give the first, times after the last give the last.
    """
    wanted = sorted(times_seconds)
    if not wanted:
        raise ValueError("no times were given")
    kept: list[tuple[float, np.ndarray]] = []
    shown: tuple[float, np.ndarray] | None = None
    position = 0
    for time, pixels in clip.frames():
        while shown is not None and position < len(wanted) and time > wanted[position] + 1e-6:
            if not kept or kept[-1][0] != shown[0]:
                kept.append(shown)
            position += 1
        shown = (time, pixels)
        if position == len(wanted):
            break
    if position < len(wanted) and shown is not None and (not kept or kept[-1][0] != shown[0]):
        kept.append(shown)
    return Frames(
        pixels=np.stack([pixels for _, pixels in kept]),
        times_seconds=np.array([time for time, _ in kept]),
    )


def read_picture(
    path: Path | str, *, limits: Limits = DEFAULT_LIMITS
) -> UInt8[np.ndarray, "height width 3"]:
    """Decode a picture, turned the way its EXIF flag says, transparency on white.

    Raises:
        BadMedia: The picture is damaged or beyond the limits.
    """
    path = Path(path)
    with _picture_errors(path), Image.open(path, formats=PICTURE_FORMATS) as image:
        _check_size(path, *image.size, limits)
        upright = ImageOps.exif_transpose(image)
        return np.asarray(_flatten(upright))


def write_clip(
    path: Path | str,
    pixels: Iterable[UInt8[np.ndarray, "height width 3"]],
    *,
    fps: float = FALLBACK_FPS,
    crf: int = 18,
) -> Path:
    """Write frames as H.264 mp4; odd sides lose their last row or column.

    Args:
        path: Where to; the suffix chooses the container.
        pixels: Frames of one size, RGB.
        fps: Frames a second.
        crf: Quality of x264: 0 is lossless, 18 hardly visible, 23 its default.
    """
    from fractions import Fraction

    import av

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream: Any = None
        for frame_pixels in pixels:
            height, width = (side - side % 2 for side in frame_pixels.shape[:2])
            if stream is None:
                rate = Fraction(fps).limit_denominator(1001)
                stream = container.add_stream("libx264", rate=rate)
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                stream.options = {"crf": str(crf), "preset": "veryfast"}
            even = np.ascontiguousarray(frame_pixels[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        if stream is None:
            raise ValueError("no frames were given")
        container.mux(stream.encode(None))
    return path


def require_whole(clip: Clip, num_frames_read: int) -> None:
    """Refuse a clip that ended well before the frames its container promised.

    Raises:
        BadMedia: More than a tenth of the frames are missing.
    """
    if num_frames_read < 0.9 * clip.num_frames - 2:
        raise BadMedia(
            f"{clip.path}: cut short: {num_frames_read} of {clip.num_frames} frames can be read",
            hint="copy the file again, or keep what is there: "
            f"ffmpeg -i {clip.path.name} -c:v libx264 whole.mp4",
        )


def find_media(folder: Path | str) -> list[Path]:
    """Return all clips and pictures below a folder, in name order."""
    suffixes = PICTURE_SUFFIXES | CLIP_SUFFIXES
    return sorted(
        path
        for path in Path(folder).rglob("*")
        if path.suffix.lower() in suffixes and path.is_file()
    )


def _open_picture(path: Path, limits: Limits) -> Clip:
    with _picture_errors(path):
        with Image.open(path, formats=PICTURE_FORMATS) as image:
            _check_size(path, *image.size, limits)
            orientation = image.getexif().get(0x0112, 1)
            width, height = image.size
            image.load()
        if orientation in (5, 6, 7, 8):
            width, height = height, width
        return Clip(path, width, height, 0.0, 1, 0.0, is_picture=True, limits=limits)


def _open_video(path: Path, limits: Limits) -> Clip:
    with _video_errors(path), _open_container(path) as container:
        stream = _video_stream(container, path)
        width, height = stream.codec_context.width, stream.codec_context.height
        if not width or not height:
            raise BadMedia(f"{path}: no frame size could be read", hint="re-encode the clip")
        _check_size(path, width, height, limits)
        fps = float(stream.average_rate or stream.guessed_rate or FALLBACK_FPS)
        duration = _container_duration(container, stream)
        declared = stream.frames
        first = next(container.decode(stream), None)
        if first is None:
            raise BadMedia(f"{path}: holds no frame", hint="re-encode the clip")
        rotation = int(getattr(first, "rotation", 0) or 0) % 360
    if duration is None or not declared:
        counted, span = _count_packets(path)
        declared = declared or counted
        # A container without a table of frames often guesses its length from the bit rate.
        duration = span or duration or declared / fps
    if duration > limits.max_seconds:
        raise BadMedia(
            f"{path}: lasts {duration:.0f} s, more than the limit of {limits.max_seconds:.0f} s",
            hint="cut the clip into parts",
        )
    if rotation in (90, 270):
        width, height = height, width
    return Clip(
        path, width, height, duration, declared, fps, rotation_degrees=rotation, limits=limits
    )


def _read_frames(
    clip: Clip, start_seconds: float, stop_seconds: float
) -> Iterator[tuple[float, np.ndarray]]:
    num_decoded, last_time = 0, -math.inf
    with _video_errors(clip.path), _open_container(clip.path) as container:
        stream = _video_stream(container, clip.path)
        stream.thread_type = "AUTO"
        origin = _origin_seconds(container, stream)
        frames = container.decode(stream)
        if start_seconds > 1.0 and origin is not None:
            frames = _decode_from(container, stream, start_seconds + origin)
        for frame in frames:
            num_decoded += 1
            time = frame.time
            if time is None:
                time = max(last_time, -1 / clip.fps) + 1 / clip.fps
            else:
                origin = time if origin is None else origin
                time -= origin
            if time <= last_time:  # repeated or backward stamps: keep order, drop nothing
                time = last_time + 0.5 / clip.fps
            last_time = time
            if time >= stop_seconds:
                return
            if time >= start_seconds - 1e-6:
                yield max(time, 0.0), _pixels_from_frame(frame, clip.rotation_degrees)
    if start_seconds <= 0 and math.isinf(stop_seconds):
        require_whole(clip, num_decoded)


def _decode_from(container: Any, stream: Any, time: float) -> Iterator[Any]:
    """Decode from the key frame before a time on.

    MPEG streams have no table of key frames: a seek lands anywhere, and the decoder then passes
    over everything up to the next one. So the first frame that comes is looked at.
    """
    for back in (0.5, 4.0, 16.0, math.inf):
        target = int(max(time - back, 0.0) / stream.time_base)
        container.seek(target, stream=stream, backward=True, any_frame=False)
        frames = container.decode(stream)
        first = next(frames, None)
        if first is not None and (first.time is None or first.time <= time or math.isinf(back)):
            yield first
            yield from frames
            return


def _pixels_from_frame(frame: "av.video.frame.VideoFrame", rotation_degrees: int) -> np.ndarray:
    pixels = frame.to_ndarray(format="rgb24")
    if rotation_degrees:
        pixels = np.ascontiguousarray(np.rot90(pixels, rotation_degrees // 90))
    return pixels


def _open_container(path: Path) -> Any:
    import av

    # A clip's own path is always a local file: FFmpeg must not follow it as a URL or playlist.
    options = {"protocol_whitelist": "file", "format_whitelist": ",".join(CLIP_FORMATS)}
    return av.open(f"file:{path}", options=options, metadata_errors="replace")


def _video_stream(container: Any, path: Path) -> Any:
    streams = [s for s in container.streams.video if not _is_cover(s)]
    if not streams:
        is_sound = bool(container.streams.audio)
        hint = "sound alone cannot be looked at" if is_sound else "re-encode the clip"
        raise BadMedia(f"{path}: no video in it", hint=hint)
    if streams[0].codec_context is None:
        raise BadMedia(f"{path}: written in an unknown way", hint="save it as mp4 (H.264)")
    return streams[0]


def _is_cover(stream: Any) -> bool:
    return bool(int(stream.disposition) & 0x0400)  # AV_DISPOSITION_ATTACHED_PIC


def _container_duration(container: Any, stream: Any) -> float | None:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if container.duration:
        return container.duration / 1_000_000
    return None


def _origin_seconds(container: Any, stream: Any) -> float | None:
    if stream.start_time is not None:
        return float(stream.start_time * stream.time_base)
    return None if container.start_time is None else container.start_time / 1_000_000


def _count_packets(path: Path) -> tuple[int, float]:
    """Count frames and seconds of a clip whose container does not say (webm streams, GIF)."""
    with _open_container(path) as container:
        stream = _video_stream(container, path)
        count, first, last = 0, math.inf, -math.inf
        for packet in container.demux(stream):
            if not packet.size:
                continue
            count += 1
            if packet.pts is not None:
                first = min(first, float(packet.pts * packet.time_base))
                stop = packet.pts + (packet.duration or 0)
                last = max(last, float(stop * packet.time_base))
    return count, max(last - first, 0.0) if count else 0.0


def _check_size(path: Path, width: int, height: int, limits: Limits) -> None:
    if min(width, height) < limits.min_side_px:
        raise BadMedia(
            f"{path}: {width}x{height} px is too small to show anything",
            hint=f"at least {limits.min_side_px} px a side are needed",
        )
    if max(width, height) > limits.max_side_px or width * height > limits.max_pixels:
        raise BadMedia(
            f"{path}: {width}x{height} px is beyond the limit",
            hint=f"scale it to {limits.max_side_px} px or less on the longer side",
        )


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode in ("I;16", "I;16B", "I", "F"):
        values = np.asarray(image, dtype=np.float32)
        values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
        low, high = float(values.min()), float(values.max())
        scaled = (values - low) * (255.0 / (high - low) if high > low else 0.0)
        return Image.fromarray(np.rint(scaled).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


@contextmanager
def _picture_errors(path: Path) -> Iterator[None]:
    try:
        with warnings.catch_warnings():
            # Our own errors say in one line what Pillow says of sizes and damage in several.
            warnings.simplefilter("ignore")
            yield
    except BadMedia:
        raise
    except UnidentifiedImageError:
        raise BadMedia(
            f"{path}: is not a picture that can be read", hint=_kind_hint(path, "PNG or JPEG")
        ) from None
    except Image.DecompressionBombError as error:
        raise BadMedia(f"{path}: {error}", hint="scale it down first") from None
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error) as error:
        raise BadMedia(
            f"{path}: damaged picture ({error})", hint="copy or download it again"
        ) from None


@contextmanager
def _video_errors(path: Path) -> Iterator[None]:
    from av.error import EOFError, FFmpegError

    try:
        yield
    except EOFError:
        raise BadMedia(f"{path}: holds no frame", hint="copy or download it again") from None
    except FFmpegError as error:
        reason = (error.strerror or str(error)).lower()
        raise BadMedia(
            f"{path}: cannot be read as a clip ({reason})", hint=_kind_hint(path, "mp4 (H.264)")
        ) from None


def _kind_hint(path: Path, wanted: str) -> str:
    with path.open("rb") as file:
        head = file.read(512)
    if head and all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):
        return "the file holds plain text"
    if b"ftyp" in head[:16] and path.suffix.lower() not in PICTURE_SUFFIXES:
        return "the file begins like an mp4 but is incomplete; copy or download it again"
    return f"if another program opens it, save it as {wanted}"


def with_counted_frames(clip: Clip, times_seconds: Float64[np.ndarray, " frames"]) -> Clip:
    """Return the clip with the count and length that reading it showed."""
    if clip.is_picture or not len(times_seconds):
        return clip
    step = float(np.median(np.diff(times_seconds))) if len(times_seconds) > 1 else 1 / clip.fps
    span = float(times_seconds[-1] - times_seconds[0]) + step
    return replace(
        clip, num_frames=len(times_seconds), duration_seconds=span, fps=len(times_seconds) / span
    )
