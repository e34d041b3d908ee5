"""The camera: head pose and perspective, from centimetres to pixels."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from lineament.render.streams import jitter

VIEW_CM = 34.0  # height of the picture at the depth of the eyes
PIVOT = np.array([0.0, 6.0, -8.5], np.float32)  # where the skull sits on the spine


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the head points; yaw to the right of the picture, pitch up, roll clockwise."""

    yaw_degrees: float = 0.0
    pitch_degrees: float = 0.0
    roll_degrees: float = 0.0
    shift_x: float = 0.0
    shift_y: float = 0.0

    def rotation(self) -> Float[np.ndarray, "3 3"]:
        """Return the matrix that turns head axes into camera axes."""
        return find_rotation(self.yaw_degrees, self.pitch_degrees, self.roll_degrees)


@lru_cache(maxsize=16)
def find_rotation(
    yaw_degrees: float, pitch_degrees: float, roll_degrees: float
) -> Float[np.ndarray, "3 3"]:
    """Return the matrix that nods, then turns, then tilts the head."""
    yaw, pitch, roll = np.radians([yaw_degrees, pitch_degrees, roll_degrees])
    turn = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    nod = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    tilt = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    return (np.array(tilt) @ np.array(turn) @ np.array(nod)).astype(np.float32)


@lru_cache(maxsize=16)
def find_transform(pose: Pose) -> tuple[np.ndarray, np.ndarray]:
    """Return the matrix (for rows on its left) and the shift that a pose is."""
    rotation = pose.rotation()
    shift = PIVOT - rotation @ PIVOT + np.array([pose.shift_x, pose.shift_y, 0], np.float32)
    return np.ascontiguousarray(rotation.T), shift


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera in front of the face.

    Attributes:
        centre_x: Where the resting eyes' midpoint lies, in pixels.
        centre_y: As `centre_x`, from the top.
        px_per_cm: Scale at the depth of the eyes.
        distance_cm: From the lens to the eyes; shorter is more perspective.
    """

    centre_x: float
    centre_y: float
    px_per_cm: float
    distance_cm: float = 95.0

    def project(
        self, points: Float[np.ndarray, "... 3"], pose: Pose | None = None
    ) -> Float[np.ndarray, "... 3"]:
        """Return x and y in pixels, and depth in centimetres (larger is nearer).

        Args:
            points: In head axes; without a pose, in camera axes.
            pose: The head's pose.
        """
        if pose is not None:
            turn, shift = find_transform(pose)
            points = points @ turn + shift
        scale = (self.px_per_cm * self.distance_cm) / (self.distance_cm - points[..., 2])
        result = np.empty(points.shape, np.float32)
        result[..., 0] = points[..., 0] * scale + self.centre_x
        result[..., 1] = points[..., 1] * scale + self.centre_y
        result[..., 2] = points[..., 2]
        return result


def place_camera(size_px: int, seed: int) -> Camera:
    """Place the camera; where the face lies and how large it is comes from the seed."""
    view = VIEW_CM * (1 + jitter(seed, "view", 0.1))
    return Camera(
        size_px * (0.5 + jitter(seed, "view x", 0.04)),
        size_px * (0.455 + jitter(seed, "view y", 0.035)),
        size_px / view,
        90 + jitter(seed, "lens", 25),
    )
