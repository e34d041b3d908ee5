"""Faces with MediaPipe 0.10.21: its detectors and its 478-point mesh, all in its wheel."""

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image

from lineament.errors import MissingExtra
from lineament.faces.finder import (
    NUM_MESH_POINTS,
    Box,
    FoundFace,
    box_area,
    box_iou,
    box_of_landmarks,
)

log = logging.getLogger(__name__)

LEFT_EYE_OUTER, RIGHT_EYE_OUTER = 33, 263  # as seen in the picture
ROI_SCALE = 1.5  # side of the mesh's square input, in sides of the landmarks' box
MIN_DETECTION_SCORE = 0.5
MIN_BOX_ONLY_SCORE = 0.7  # a face that the mesh does not confirm must be surer
MIN_MESH_SIDE_PX = 24.0  # below this the mesh answers at random
TILE_PX = 384
TILE_SCALE = 2

ScoredBox = tuple[float, Box]

_DETECTOR = """
input_stream: "image"
output_stream: "detections"
node {{ calculator: "{calculator}" input_stream: "IMAGE:image"
  output_stream: "DETECTIONS:detections" }}
"""
_MESH = """
input_stream: "image"
input_stream: "roi"
output_stream: "landmarks"
node { calculator: "ConstantSidePacketCalculator" output_side_packet: "PACKET:with_attention"
  options: { [mediapipe.ConstantSidePacketCalculatorOptions.ext] {
    packet { bool_value: true } } } }
node { calculator: "FaceLandmarkCpu" input_stream: "IMAGE:image" input_stream: "ROI:roi"
  input_side_packet: "WITH_ATTENTION:with_attention" output_stream: "LANDMARKS:landmarks" }
"""


class MeshFinder:
    """Find faces with the detectors, then follow each with the mesh alone.

    The stock ``FaceMesh`` searches every frame anew while fewer faces than it was asked for are
    in view. Here the graph's parts are run by themselves: the detectors when somebody new may
    have come, the mesh once per face and frame.

    Raises:
        MissingExtra: mediapipe is not installed.
    """

    name = "mediapipe-0.10.21"

    def __init__(self) -> None:
        self._parts = _load_parts()
        # The short-range model sees faces that fill the frame, the full-range one small ones.
        near = _DETECTOR.format(calculator="FaceDetectionShortRangeCpu")
        far = _DETECTOR.format(calculator="FaceDetectionFullRangeCpu")
        with _silent_stderr():
            self._near, self._far, self._mesh = (
                _Graph(self._parts, text) for text in (near, far, _MESH)
            )
            self._warm_up()

    def __enter__(self) -> "MeshFinder":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def find(
        self, pixels: UInt8[np.ndarray, "height width 3"], known: Sequence[FoundFace] = ()
    ) -> list[FoundFace]:
        """Find every face: in the whole frame, and in enlarged tiles when that shows none."""
        boxes = self._detect(pixels)
        taken = [face.box_xyxy_px for face in known]
        has_new = any(not any(_is_same(box, other) for other in taken) for _, box in boxes)
        # Where the known faces are small, or there are none, others may be small too.
        if not has_new and all(face.landmarks_px is None for face in known):
            boxes = self._detect_in_tiles(pixels)
        found: list[FoundFace] = []
        for score, box in boxes:
            if any(_is_same(box, other) for other in taken):
                continue
            face = self._confirm(pixels, box, score)
            if face and not any(_is_same(face.box_xyxy_px, other) for other in taken):
                found.append(face)
                taken.append(face.box_xyxy_px)
        return found

    def find_again(
        self, pixels: UInt8[np.ndarray, "height width 3"], last: FoundFace
    ) -> FoundFace | None:
        """Run the mesh where the face was; for a box-only face, the detector around it."""
        if last.landmarks_px is None:
            return self._detect_near(pixels, last.box_xyxy_px)
        landmarks = self._landmarks(pixels, *_roi_of_landmarks(last.landmarks_px))
        if landmarks is None:
            return None
        return FoundFace(box_of_landmarks(landmarks), landmarks, 1.0)

    def close(self) -> None:
        """Stop the graphs and free their memory."""
        for graph in (self._near, self._far, self._mesh):
            graph.close()

    def _warm_up(self) -> None:
        """Run every graph once, so that their native start-up notices come now, unheard."""
        blank = np.zeros((64, 64, 3), np.uint8)
        self._detect(blank)
        self._landmarks(blank, 32.0, 32.0, 48.0, 0.0)

    def _detect(self, pixels: np.ndarray) -> list[ScoredBox]:
        near = self._run_detector(self._near, pixels)
        return _keep_surest(near + self._run_detector(self._far, pixels))

    def _detect_in_tiles(self, pixels: np.ndarray) -> list[ScoredBox]:
        return _keep_surest(
            [
                (score, _unscaled(box, left, top))
                for left, top, tile in _tiles(pixels)
                for score, box in self._run_detector(self._far, tile)
            ]
        )

    def _detect_near(self, pixels: np.ndarray, box: Box) -> FoundFace | None:
        side = TILE_PX / TILE_SCALE / 2
        x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        height, width = pixels.shape[:2]
        left, top = int(max(x - side, 0)), int(max(y - side, 0))
        crop = pixels[top : int(min(y + side, height)), left : int(min(x + side, width))]
        found = [
            (score, _unscaled(near, left, top))
            for score, near in self._run_detector(self._far, _enlarged(crop))
        ]
        found = [(score, near) for score, near in found if box_iou(near, box) > 0.2]
        if not found:
            return None
        score, near = max(found)
        return self._confirm(pixels, near, score, is_known=True)

    def _run_detector(self, graph: "_Graph", pixels: np.ndarray) -> list[ScoredBox]:
        packet = graph.run(image=self._parts.image_packet(pixels))
        height, width = pixels.shape[:2]
        boxes = []
        for detection in self._parts.proto_list(packet):
            box = detection.location_data.relative_bounding_box
            score = detection.score[0]
            if score >= MIN_DETECTION_SCORE:
                x0, y0 = box.xmin * width, box.ymin * height
                boxes.append((score, (x0, y0, x0 + box.width * width, y0 + box.height * height)))
        return boxes

    def _confirm(
        self,
        pixels: np.ndarray,
        box: Box,
        score: float,
        *,
        is_known: bool = False,
    ) -> FoundFace | None:
        """Fit the mesh to a detection; keep a face too small for it as a box when it is sure."""
        side = max(box[2] - box[0], box[3] - box[1])
        landmarks = None
        if side >= MIN_MESH_SIDE_PX:
            centre = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
            landmarks = self._landmarks(pixels, *centre, side * ROI_SCALE, 0.0)
        if landmarks is not None:  # once more, upright: the first fit tells the tilt
            upright = self._landmarks(pixels, *_roi_of_landmarks(landmarks))
            landmarks = upright if upright is not None else landmarks
            return FoundFace(box_of_landmarks(landmarks), landmarks, score)
        if score >= MIN_BOX_ONLY_SCORE or is_known:
            return FoundFace(box, None, score)
        return None

    def _landmarks(
        self, pixels: np.ndarray, x: float, y: float, side: float, angle: float
    ) -> Float32[np.ndarray, "478 3"] | None:
        height, width = pixels.shape[:2]
        packet = self._mesh.run(
            image=self._parts.image_packet(pixels),
            roi=self._parts.rect_packet(
                x_center=x / width,
                y_center=y / height,
                width=side / width,
                height=side / height,
                rotation=angle,
            ),
        )
        return self._parts.landmarks(packet, width, height)


def _roi_of_landmarks(landmarks: np.ndarray) -> Box:
    x0, y0, x1, y1 = box_of_landmarks(landmarks)
    across = landmarks[RIGHT_EYE_OUTER] - landmarks[LEFT_EYE_OUTER]
    angle = float(np.arctan2(across[1], across[0]))
    return (x0 + x1) / 2, (y0 + y1) / 2, max(x1 - x0, y1 - y0) * ROI_SCALE, angle


def _keep_surest(
    boxes: list[ScoredBox],
) -> list[ScoredBox]:
    """Keep the surest of each group of detections that are one face, surest first."""
    kept: list[ScoredBox] = []
    for score, box in sorted(boxes, key=lambda item: -item[0]):
        if not any(_is_same(box, other) for _, other in kept):
            kept.append((score, box))
    return kept


def _is_same(first: Box, second: Box) -> bool:
    """Say whether two detections are one face; the two models draw boxes of different size."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return False
    return width * height > 0.5 * min(box_area(first), box_area(second))


def _tiles(pixels: np.ndarray) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield overlapping tiles, enlarged, with the corner each was cut at."""
    height, width = pixels.shape[:2]
    side = TILE_PX // TILE_SCALE
    for top in _starts(height, side):
        for left in _starts(width, side):
            yield left, top, _enlarged(pixels[top : top + side, left : left + side])


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    num = int(np.ceil((length - side) / (side * 0.7))) + 1
    return [int(start) for start in np.linspace(0, length - side, num)]


def _enlarged(pixels: np.ndarray) -> np.ndarray:
    height, width = pixels.shape[:2]
    size = (width * TILE_SCALE, height * TILE_SCALE)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))


def _unscaled(box: Box, left: int, top: int) -> Box:
    x0, y0, x1, y1 = (side / TILE_SCALE for side in box)
    return left + x0, top + y0, left + x1, top + y1


class _Graph:
    """One MediaPipe graph, fed one packet set at a time."""

    def __init__(self, parts: "_Parts", text: str) -> None:
        self._graph = parts.calculator_graph(graph_config=text)
        self._packets: dict[int, Any] = {}
        self._time = 0
        output = text.split('output_stream: "')[1].split('"')[0]
        self._graph.observe_output_stream(output, self._keep, False)
        self._graph.start_run()

    def run(self, **inputs: Any) -> Any:
        """Feed the inputs and return the output packet, or None."""
        self._time += 1
        for name, packet in inputs.items():
            self._graph.add_packet_to_input_stream(name, packet.at(self._time))
        self._graph.wait_until_idle()
        return self._packets.pop(self._time, None)

    def close(self) -> None:
        self._graph.close_all_packet_sources()
        self._graph.wait_until_done()

    def _keep(self, _: str, packet: Any) -> None:
        self._packets[packet.timestamp.value] = packet


class _Parts:
    """The parts of the mediapipe package that are used here, looked up once."""

    def __init__(self) -> None:
        import mediapipe

        # Some only have to be known by name: to the graph's text, and to the packet reader.
        from mediapipe.calculators.core import constant_side_packet_calculator_pb2  # noqa: F401
        from mediapipe.framework.formats import (  # noqa: F401
            detection_pb2,
            landmark_pb2,
            rect_pb2,
        )
        from mediapipe.python import packet_creator, packet_getter
        from mediapipe.python._framework_bindings import (
            calculator_graph,
            image_frame,
            resource_util,
        )

        package = os.path.dirname(os.path.abspath(mediapipe.__file__))
        resource_util.set_resource_dir(os.path.dirname(package))
        self.calculator_graph = calculator_graph.CalculatorGraph
        self._rect: Any = getattr(rect_pb2, "NormalizedRect")  # noqa: B009 - made at run time
        self._create = packet_creator
        self._read = packet_getter
        self._srgb = image_frame.ImageFormat.SRGB

    def image_packet(self, pixels: np.ndarray) -> Any:
        return self._create.create_image_frame(
            image_format=self._srgb, data=np.ascontiguousarray(pixels)
        )

    def rect_packet(self, **fields: float) -> Any:
        return self._create.create_proto(self._rect(**fields))

    def proto_list(self, packet: Any) -> list[Any]:
        if packet is None or packet.is_empty():
            return []
        return self._read.get_proto_list(packet)

    def landmarks(
        self, packet: Any, width: int, height: int
    ) -> Float32[np.ndarray, "478 3"] | None:
        if packet is None or packet.is_empty():
            return None
        # A landmark is written as 17 bytes: tag, length, then tag and float for x, y and z.
        # Reading them as one block is far quicker than 1,434 attribute look-ups.
        encoded = self._read.get_proto(packet).SerializeToString()
        rows = np.frombuffer(encoded, np.uint8).reshape(NUM_MESH_POINTS, 17)
        bytes_of_floats = rows[:, [3, 4, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16]]
        floats = np.ascontiguousarray(bytes_of_floats).view("<f4")
        return floats * np.array([width, height, width], np.float32)


def _load_parts() -> _Parts:
    try:
        _defer_package("mediapipe")
        with _silent_stderr():
            return _Parts()
    except ImportError as error:
        if error.name == "mediapipe":
            raise MissingExtra("mediapipe", "face") from None
        raise


def _defer_package(name: str) -> None:
    """Make a package importable part by part; run its own start-up when somebody asks for more.

    mediapipe's start-up loads matplotlib, audio and every solution: half a second in each
    process, for nothing that is used here. Whoever says ``mediapipe.solutions`` still gets it.
    """
    if name in sys.modules:
        return
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    package, loader = module_from_spec(spec), spec.loader

    def start_up(attribute: str) -> Any:
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        vars(package).pop("__getattr__", None)
        loader.exec_module(package)
        return getattr(package, attribute)

    vars(package)["__getattr__"] = start_up
    sys.modules[name] = package


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Keep what native code prints while it starts from the terminal; errors still rise."""
    sys.stderr.flush()
    kept = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
