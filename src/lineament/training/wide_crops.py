"""Wide crops: faces cut upright with room for hair and hats, and their labels as states."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8
from PIL import Image

from lineament.faces.landmarks import POINTS
from lineament.model.attributes import UNKNOWN
from lineament.training.gallery import Gallery
from lineament.training.hair_guesses import read_hair_guesses
from lineament.training.labels import age_span, read_states
from lineament.training.windows import freeze_annotation

SIZE_PX = 112
EYES_APART, EYES_AT = 0.30, 0.46  # of a wide crop's side: room for hair and hats
NAMES = (
    "male", "smile", "eyeglasses", "sunglasses", "beard", "mustache", "goatee", "sideburns",
    "black_hair", "brown_hair", "blonde_hair", "gray_hair", "red_hair", "bald",
    "wearing_lipstick", "eye_makeup", "wearing_hat", "happy", "neutral", "surprise", "anger",
    "sadness", "forehead_occluded", "wearing_mask", "bangs", "long_hair", "curly_hair",
    "wearing_earrings", "wearing_necktie", "open_mouth",
)  # fmt: skip
# How often a data set's pictures come up against FairFace's.
SHARES = {"ffhq-train": 6.0, "fairface-train": 1.0, "lfw-train": 0.6, "rendered": 1.0}
FRAMES_A_CLIP = 6
_EYES = [POINTS.index(point) for point in (33, 133, 362, 263)]


@dataclass(frozen=True)
class Crops:
    """Labelled wide crops."""

    pixels: UInt8[np.ndarray, "pictures size size 3"]
    states: Int[np.ndarray, "pictures names"]
    age_spans: Int[np.ndarray, "pictures 2"]
    shares: Float[np.ndarray, " pictures"]


def crop_wide(
    frame: UInt8[np.ndarray, "height width 3"], row: Float[np.ndarray, "rows 3"]
) -> UInt8[np.ndarray, "size size 3"]:
    """Cut an upright crop with room around the face.

    Args:
        frame: A square frame.
        row: The frame's landmark rows, which tell place, size and axes of the head.
    """
    side = frame.shape[0]
    nose = (row[-1, :2] + 1) / 2 * side
    size = float(np.exp(row[-1, 2])) * side
    eyes = row[_EYES] @ row[-4:-1] * size  # out of the head's own axes
    left, right = eyes[:2].mean(axis=0), eyes[2:].mean(axis=0)
    across = (right - left)[:2]
    direction = across / max(float(np.linalg.norm(across)), 1e-6)
    scale = float(np.linalg.norm(right - left)) / (EYES_APART * SIZE_PX)
    turn = scale * np.array([[direction[0], -direction[1]], [direction[1], direction[0]]])
    at = np.array([SIZE_PX / 2, EYES_AT * SIZE_PX])
    matrix = np.concatenate([turn, ((left + right)[:2] / 2 + nose - turn @ at)[:, None]], axis=1)
    image = Image.fromarray(np.asarray(frame)).transform(
        (SIZE_PX, SIZE_PX),
        Image.Transform.AFFINE,
        tuple(matrix.ravel().tolist()),
        resample=Image.Resampling.BILINEAR,
    )
    return np.asarray(image)


def read_crops(folders: Sequence[Path]) -> Crops:
    """Cut the labelled crops of some galleries; items without landmarks are left out."""
    pixels, states, spans, shares = [], [], [], []
    for folder in folders:
        gallery = Gallery(folder)
        relaxed = read_hair_guesses(folder)
        for index in range(len(gallery)):
            look, annotation = gallery.look(index), gallery.annotation(index)
            if not len(look.rows):
                continue
            for place in _places(index, len(look.frames), look.face_mask):
                time = float(look.frame_seconds[place])
                nearest = int(np.abs(look.row_seconds - time).argmin())
                pixels.append(crop_wide(look.frames[place], np.asarray(look.rows[nearest])))
                shown = freeze_annotation(annotation, time) if len(look.frames) > 1 else annotation
                known = read_states(shown) | (relaxed[index] if relaxed else {})
                states.append([int(known[n]) if n in known else UNKNOWN for n in NAMES])
                span = age_span(shown)
                spans.append(span if span[0] >= 0 else (UNKNOWN, UNKNOWN))
                shares.append(SHARES[gallery.origin])
    return Crops(np.stack(pixels), np.array(states), np.array(spans), np.array(shares))


def _places(index: int, num_frames: int, face_mask: np.ndarray) -> list[int]:
    if num_frames == 1:
        return [0] if face_mask[0] else []
    count = min(FRAMES_A_CLIP, num_frames)
    chosen = np.random.default_rng(index).choice(num_frames, count, replace=False)
    return [int(place) for place in chosen if face_mask[place]]
