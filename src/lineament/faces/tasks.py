"""Faces with MediaPipe's newer Tasks interface and a `.task` file that the user brings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from lineament.errors import BadInput, MissingExtra
from lineament.faces.finder import Box, FoundFace, box_iou, box_of_landmarks

MAX_FACES = 8
SEARCH_SIDES = 2.0  # side of the square in which a known face is looked for, in sides of its box
MIN_OVERLAP = 0.25


class TaskFinder:
    """Find faces with a Face Landmarker bundle (`face_landmarker.task`).

    Slower than `MeshFinder`, since every look runs the bundle's detector; made for those whose
    mediapipe has no legacy solutions. The bundle is not part of any wheel, so this class has
    been tested against a stand-in for the interface only.

    Args:
        model_path: The bundle.

    Raises:
        BadInput: The file is missing or is no Face Landmarker bundle.
        MissingExtra: mediapipe is not installed.
    """

    name = "mediapipe-tasks"

    def __init__(self, model_path: Path | str) -> None:
        path = Path(model_path)
        if not path.is_file():
            raise BadInput(f"{path}: no such file", hint="give a face_landmarker.task file")
        try:
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision
        except ImportError:
            raise MissingExtra("mediapipe", "face") from None
        options = vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(path)),
            running_mode=vision.RunningMode.IMAGE,
            num_faces=MAX_FACES,
        )
        self._mediapipe: Any = mediapipe
        try:
            self._landmarker: Any = vision.FaceLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            raise BadInput(
                f"{path}: no Face Landmarker bundle ({str(error).splitlines()[0]})",
                hint="give a face_landmarker.task file",
            ) from None

    def find(
        self, pixels: UInt8[np.ndarray, "height width 3"], known: Sequence[FoundFace] = ()
    ) -> list[FoundFace]:
        """Find every face of a frame but those already known in it."""
        return [
            face
            for face in self._detect(pixels)
            if all(box_iou(face.box_xyxy_px, k.box_xyxy_px) < MIN_OVERLAP for k in known)
        ]

    def find_again(
        self, pixels: UInt8[np.ndarray, "height width 3"], last: FoundFace
    ) -> FoundFace | None:
        """Look in a square around the last place; the face that overlaps it most is taken."""
        left, top, right, bottom = _square_around(last.box_xyxy_px, pixels.shape)
        near = [_moved(face, left, top) for face in self._detect(pixels[top:bottom, left:right])]
        best = max(near, key=lambda f: box_iou(f.box_xyxy_px, last.box_xyxy_px), default=None)
        if best is None or box_iou(best.box_xyxy_px, last.box_xyxy_px) < MIN_OVERLAP:
            return None
        return best

    def close(self) -> None:
        """Free the landmarker."""
        self._landmarker.close()

    def _detect(self, pixels: np.ndarray) -> list[FoundFace]:
        image = self._mediapipe.Image(
            image_format=self._mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(pixels)
        )
        height, width = pixels.shape[:2]
        scale = np.array([width, height, width], np.float32)
        faces = []
        for points in self._landmarker.detect(image).face_landmarks:
            landmarks = np.array([(p.x, p.y, p.z) for p in points], np.float32) * scale
            faces.append(FoundFace(box_of_landmarks(landmarks), landmarks, 1.0))
        return faces


def _square_around(box: Box, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    half = max(box[2] - box[0], box[3] - box[1]) * SEARCH_SIDES / 2
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    left, top = int(max(x - half, 0)), int(max(y - half, 0))
    right, bottom = int(min(x + half, shape[1])), int(min(y + half, shape[0]))
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _moved(face: FoundFace, left: int, top: int) -> FoundFace:
    x0, y0, x1, y1 = face.box_xyxy_px
    landmarks = face.landmarks_px
    if landmarks is not None:
        landmarks = landmarks + np.array([left, top, 0], np.float32)
    return FoundFace((x0 + left, y0 + top, x1 + left, y1 + top), landmarks, face.score)
