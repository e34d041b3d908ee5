"""The attribute reader as an answerer: it reads back from a picture what a question asks."""

from collections.abc import Sequence
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from lineament.claims import read_question
from lineament.describe.visual import keep_finder
from lineament.errors import BadInput, BadModel
from lineament.evaluation.answerer import Asked, Failure, group_by_visual
from lineament.evaluation.foreign import hash_folder
from lineament.faces.follow import FinderFactory
from lineament.faces.mesh import MeshFinder
from lineament.faces.padding import PaddedFinder
from lineament.model.attributes import AttributeReader
from lineament.model.foreign import first_line
from lineament.model.loading import quiet_loading
from lineament.training.attribute_reader import read_probabilities
from lineament.training.wide_crops import EYES_APART, EYES_AT, SIZE_PX

# Corners of both eyes in the face mesh: the picture's left eye, then its right one.
_EYES = (33, 133, 362, 263)


@final
class ReaderAnswerer:
    """Answers yes/no questions about one flag from what the reader sees in the aligned face.

    What it cannot be asked, and pictures in which no face is found, are failures: they count as
    wrong and are listed. It does not know of the prompt, nor of the network that drew.

    Attributes:
        reader: The network.
        make_finder: Makes the face finder.
    """

    is_looking = True
    num_media = 32

    def __init__(
        self,
        reader: AttributeReader,
        *,
        name: str,
        identity: str = "",
        make_finder: FinderFactory = MeshFinder,
    ) -> None:
        self.reader = reader
        self.name = f"attribute reader {name}"
        self.identity = f"reader {identity or name}"
        self.make_finder = keep_finder(make_finder)
        self.names = tuple(reader.config.names)

    def answer(self, batch: Sequence[Asked]) -> list[str | Failure]:
        """Read each picture once, and answer its questions from that; clips by their middle."""
        answers: list[str | Failure] = [Failure("no face was found")] * len(batch)
        groups = group_by_visual(batch)
        finder = PaddedFinder(self.make_finder())
        crops = [find_crop(visual.frames[len(visual.frames) // 2], finder) for visual, _ in groups]
        seen = {place: crop for place, crop in enumerate(crops) if crop is not None}
        if not seen:
            return answers
        chances, _ = read_probabilities(self.reader, np.stack(list(seen.values())))
        for place, row in zip(seen, chances, strict=True):
            for own in groups[place][1]:
                answers[own] = self._say(batch[own].question, row)
        return answers

    def _say(self, question: str, chances: np.ndarray) -> str | Failure:
        found = find_asked_flag(question)
        if found is None:
            return Failure("the reader answers yes/no questions about one flag alone")
        name, value = found
        if name not in self.names:
            return Failure(f"the reader does not know {name}")
        return "Yes." if (chances[self.names.index(name)] > 0.5) is np.bool_(value) else "No."


def find_asked_flag(question: str) -> tuple[str, bool] | None:
    """Return the flag a question asks about, and the value for which yes is right."""
    asked = read_question(question)
    claims = [claim for claim in asked.claims if isinstance(claim.value, bool)]
    if asked.kind != "whether" or len({claim.name for claim in claims}) != 1:
        return None
    return claims[0].name, bool(claims[0].value) is not claims[0].negated


def find_crop(
    pixels: UInt8[np.ndarray, "height width 3"], finder: PaddedFinder
) -> UInt8[np.ndarray, "size size 3"] | None:
    """Cut the largest face as the reader knows faces: upright, with room for hair and hat."""
    faces = [face for face in finder.find(pixels) if face.landmarks_px is not None]
    if not faces:
        return None
    face = max(faces, key=lambda f: f.box_xyxy_px[2] - f.box_xyxy_px[0])
    assert face.landmarks_px is not None
    corners = face.landmarks_px[list(_EYES), :2].astype(np.float64)
    return crop_about_eyes(pixels, corners[:2].mean(0), corners[2:].mean(0))


def crop_about_eyes(
    pixels: UInt8[np.ndarray, "height width 3"], left: np.ndarray, right: np.ndarray
) -> UInt8[np.ndarray, "size size 3"]:
    """Turn and scale a picture so that the eyes lie where the reader expects them.

    Args:
        pixels: The picture.
        left: The picture's left eye, x and y in pixels.
        right: Its right one.
    """
    across = right - left
    apart = max(float(np.linalg.norm(across)), 1e-6)
    scale = apart / (EYES_APART * SIZE_PX)
    cos, sin = across / apart * scale
    turn = np.array([[cos, -sin], [sin, cos]])
    at = np.array([SIZE_PX / 2, EYES_AT * SIZE_PX])
    shift = (left + right) / 2 - turn @ at
    matrix = np.concatenate([turn, shift[:, None]], axis=1)
    image = Image.fromarray(pixels).transform(
        (SIZE_PX, SIZE_PX),
        Image.Transform.AFFINE,
        tuple(matrix.ravel().tolist()),
        resample=Image.Resampling.BILINEAR,
    )
    return np.asarray(image)


def read_reader(folder: Path) -> AttributeReader:
    """Read an attribute reader from its folder.

    Raises:
        BadModel: It is not there, or is no attribute reader.
    """
    if not (folder / "config.json").is_file():
        raise BadModel(f"{folder}: no attribute reader there", hint="reader:FOLDER")
    try:
        with quiet_loading():
            reader = AttributeReader.from_pretrained(folder, local_files_only=True)
    except (BadInput, OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise BadModel(
            f"{folder}: the attribute reader cannot be read ({first_line(error)})"
        ) from error
    return reader.eval()


def load_reader(name: str) -> ReaderAnswerer:
    """Open an attribute reader's folder as an answerer.

    Raises:
        BadModel: It is not there, or is no attribute reader.
    """
    folder = Path(name).expanduser()
    return ReaderAnswerer(read_reader(folder), name=folder.name, identity=hash_folder(folder))
