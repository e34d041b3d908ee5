"""What the tests share: shapes checked at run time, the real clips, clips and faces made here."""

import os
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import jaxtyping
import numpy as np
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch reads it when a test imports torch
# An int may stand where a float is asked for (PEP 484); the shapes are what is checked here.
jaxtyping.install_import_hook(
    "lineament", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
)

# These start real servers and processes, and a busy machine can come between two of their steps:
# one that fails is run once more, and pytest's summary names it. All others have one try.
REAL_PROCESSES = ("test_serving_", "test_build_kill", "test_training_sharded")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name.startswith(REAL_PROCESSES):
            item.add_marker(pytest.mark.flaky(reruns=1))


CLIPS = Path(__file__).resolve().parents[2] / "shared" / "data" / "face" / "clips"


@pytest.fixture(scope="session")
def clips_folder() -> Path:
    if not CLIPS.is_dir():
        pytest.skip(f"the real clips are not here: {CLIPS}")
    return CLIPS


def pattern(number: int, height: int = 96, width: int = 160) -> np.ndarray:
    """Return a smooth picture whose corners differ and whose blue tells the frame's number."""
    y, x = np.mgrid[:height, :width]
    red, green = x * 255 // max(width - 1, 1), y * 255 // max(height - 1, 1)
    return np.stack([red, green, np.full_like(x, number * 5 % 256)], axis=-1).astype(np.uint8)


@pytest.fixture(scope="session")
def make_pattern() -> Callable[..., np.ndarray]:
    return pattern


@pytest.fixture(scope="session")
def encode_clip() -> Callable[..., Path]:
    """Return a function that writes pattern frames with given time stamps through PyAV."""
    import av

    def encode(
        path: Path,
        stamps: Iterable[int] = range(10),
        *,
        codec: str = "libx264",
        format_name: str | None = None,
        pixel_format: str = "yuv420p",
        size: tuple[int, int] = (96, 160),
        ticks_a_second: int = 25,
        target: Any = None,
        frames: Sequence[np.ndarray] | None = None,
        container_options: dict[str, str] | None = None,
        **options: str,
    ) -> Path:
        if codec not in av.codecs_available:
            pytest.skip(f"this FFmpeg has no {codec}")
        tick = Fraction(1, ticks_a_second)
        with av.open(
            target or str(path), "w", format=format_name, options=container_options or {}
        ) as container:
            stream: Any = container.add_stream(codec, rate=25)
            stream.height, stream.width = size
            stream.pix_fmt = pixel_format
            stream.codec_context.time_base = tick
            stream.options = {key.replace("_", "-"): value for key, value in options.items()}
            for number, stamp in enumerate(stamps):
                pixels = pattern(number, *size) if frames is None else frames[number]
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = stamp, tick
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return encode


def frontal_face(
    centre: tuple[float, float] = (200.0, 150.0), eye_px: float = 90.0, seed: int = 0
) -> np.ndarray:
    """Return 478 points shaped like a face that looks straight ahead: symmetric, mouth shut."""
    rng = np.random.default_rng(seed)
    points = rng.normal(0.0, 0.2, (478, 3))
    points[:, 1] += 0.4
    places = {
        33: (-0.50, 0.00, 0.05), 133: (-0.18, 0.00, 0.0),
        263: (0.50, 0.00, 0.05), 362: (0.18, 0.00, 0.0),
        160: (-0.42, -0.05, 0.0), 144: (-0.42, 0.05, 0.0),
        159: (-0.34, -0.06, 0.0), 145: (-0.34, 0.06, 0.0),
        158: (-0.26, -0.05, 0.0), 153: (-0.26, 0.05, 0.0),
        385: (0.26, -0.05, 0.0), 380: (0.26, 0.05, 0.0),
        386: (0.34, -0.06, 0.0), 374: (0.34, 0.06, 0.0),
        387: (0.42, -0.05, 0.0), 373: (0.42, 0.05, 0.0),
        468: (-0.34, 0.0, 0.0), 473: (0.34, 0.0, 0.0),
        13: (0.0, 0.76, -0.15), 14: (0.0, 0.78, -0.15),
        82: (-0.08, 0.76, -0.14), 87: (-0.08, 0.78, -0.14),
        312: (0.08, 0.76, -0.14), 317: (0.08, 0.78, -0.14),
        61: (-0.26, 0.77, -0.05), 291: (0.26, 0.77, -0.05),
        0: (0.0, 0.70, -0.16), 17: (0.0, 0.84, -0.16),
        1: (0.0, 0.45, -0.35), 2: (0.0, 0.52, 0.0), 10: (0.0, -0.60, 0.0), 152: (0.0, 1.2, 0.0),
        234: (-0.75, 0.2, 0.5), 454: (0.75, 0.2, 0.5),
        55: (-0.15, -0.2, -0.05), 285: (0.15, -0.2, -0.05),
        105: (-0.38, -0.28, 0.0), 334: (0.38, -0.28, 0.0),
        172: (-0.6, 0.8, 0.05), 397: (0.6, 0.8, 0.05),
    }  # fmt: skip
    for point, place in places.items():
        points[point] = place
    points *= eye_px
    points[:, :2] += centre
    return points.astype(np.float32)


@pytest.fixture(scope="session")
def make_face() -> Callable[..., np.ndarray]:
    return frontal_face


class ScriptedFinder:
    """A finder that sees what a script says; the frame's number is written in its corner.

    Like a real one it finds again whatever lies where the face was, and knows nobody.
    """

    name = "scripted"

    def __init__(self, script: Sequence[Sequence[tuple[float, float, float, float]]]) -> None:
        self.script = script
        self.num_searches = 0
        self.is_closed = False

    def find(self, pixels: np.ndarray, known: Sequence[Any] = ()) -> list[Any]:
        self.num_searches += 1
        return [self._face(box) for box in self._boxes(pixels)]

    def find_again(self, pixels: np.ndarray, last: Any) -> Any:
        from lineament.faces.finder import box_iou

        boxes = self._boxes(pixels)
        best = max(boxes, key=lambda box: box_iou(box, last.box_xyxy_px), default=None)
        if best is None or box_iou(best, last.box_xyxy_px) < 0.1:
            return None
        return self._face(best)

    def close(self) -> None:
        self.is_closed = True

    def _boxes(self, pixels: np.ndarray) -> Sequence[tuple[float, float, float, float]]:
        return self.script[int(pixels[0, 0, 0]) + 256 * int(pixels[0, 0, 1])]

    def _face(self, box: tuple[float, float, float, float]) -> Any:
        from lineament.faces.finder import FoundFace

        centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
        return FoundFace(box, frontal_face(centre, (box[2] - box[0]) / 1.5), 0.9)


@pytest.fixture(scope="session")
def scripted_finder() -> type[ScriptedFinder]:
    return ScriptedFinder


@pytest.fixture(scope="session")
def numbered_frames() -> Callable[..., list[tuple[float, np.ndarray]]]:
    """Return a function giving frames at 25 a second, a new scene where `cuts` say so."""

    def make(count: int, cuts: Sequence[int] = ()) -> list[tuple[float, np.ndarray]]:
        frames = []
        for number in range(count):
            scene = sum(number >= cut for cut in cuts)
            pixels = pattern(0, 240, 320)[:, :: -1 if scene % 2 else 1].copy()
            pixels[..., 1] = pixels[..., 0]
            pixels[0, 0] = (number % 256, number // 256, 0)
            frames.append((number / 25, pixels))
        return frames

    return make


@pytest.fixture
def face_clip(clips_folder: Path) -> Path:
    """Return a real clip of 23 frames with one face."""
    return clips_folder / "intel" / "head-pose-face-detection-female.mp4"


@pytest.fixture
def gradient_picture(tmp_path: Path) -> Path:
    """Return a picture without anybody in it."""
    from PIL import Image

    path = tmp_path / "gradient.png"
    Image.fromarray(pattern(0, 200, 300)).save(path)
    return path
