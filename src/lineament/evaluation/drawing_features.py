"""Feature spaces for distances between sets of pictures: each has a name that goes on record."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, final, runtime_checkable

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from lineament.errors import BadInput, BadModel

Pixels = UInt8[np.ndarray, "height width 3"]
SIDE_PX = 16  # of the plain pixel space
BATCH = 16


@runtime_checkable
class FeatureExtractor(Protocol):
    """Turns pictures into vectors."""

    @property
    def name(self) -> str:
        """What it is, weights included: distances compare only within one name."""
        ...

    def extract(
        self, pictures: Sequence[UInt8[np.ndarray, "height width 3"]]
    ) -> Float[np.ndarray, "pictures dim"]:
        """Return one vector for each picture."""
        ...


def open_extractor(name: str) -> FeatureExtractor:
    """Open a feature space by its name.

    Args:
        name: ``pixels``; ``reader:FOLDER``, what an attribute reader's heads see;
            ``hf:NAME``, the pooled features of a picture encoder of transformers;
            ``torchscript:FILE``, for example an Inception network.

    Raises:
        BadInput: There is no such kind, or its files cannot be used.
    """
    kind, _, place = name.partition(":")
    if kind not in _OPENERS or (kind != "pixels") != bool(place):
        raise BadInput(
            f"unknown features {name!r}",
            hint="pixels, reader:FOLDER, hf:FOLDER_OR_NAME or torchscript:FILE",
        )
    return _OPENERS[kind](place)


@final
class PixelFeatures:
    """Colours on a grid of 16 x 16: needs nothing, and says little about how real a face looks."""

    name = f"pixels {SIDE_PX}x{SIDE_PX}"

    def extract(
        self, pictures: Sequence[UInt8[np.ndarray, "height width 3"]]
    ) -> Float[np.ndarray, "pictures dim"]:
        """Shrink every picture by area and flatten it."""
        return np.stack([self._flatten(pixels) for pixels in pictures])

    def _flatten(self, pixels: Pixels) -> Float[np.ndarray, " dim"]:
        image = Image.fromarray(pixels).resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
        return np.asarray(image, np.float64).ravel() / 255


@final
class ReaderFeatures:
    """What the heads of an attribute reader see: appearance, with no identity label in it.

    The face is cut out as the reader knows faces; where none is found the whole picture is seen.
    """

    def __init__(self, reader: Any, name: str, *, make_finder: Callable[[], Any]) -> None:
        self.reader, self.name, self.make_finder = reader, name, make_finder

    def extract(
        self, pictures: Sequence[UInt8[np.ndarray, "height width 3"]]
    ) -> Float[np.ndarray, "pictures dim"]:
        """Cut, and average over a crop and its mirror."""
        import torch

        from lineament.evaluation.drawing_reader import find_crop
        from lineament.faces.padding import PaddedFinder
        from lineament.training.attribute_reader import pixel_values_of
        from lineament.training.wide_crops import SIZE_PX

        finder = PaddedFinder(self.make_finder())
        crops = []
        for pixels in pictures:
            crop = find_crop(pixels, finder)
            crops.append(_shrink(pixels, SIZE_PX) if crop is None else crop)
        found = []
        with torch.inference_mode():
            for start in range(0, len(crops), BATCH):
                values = pixel_values_of(np.stack(crops[start : start + BATCH]))
                both = [self.reader(side).features for side in (values, values.flip(-1))]
                found.append((both[0] + both[1]).div(2).double())
        return torch.cat(found).numpy()


@final
class EncoderFeatures:
    """The pooled features of a transformers picture encoder, such as CLIP's or DINO's."""

    def __init__(self, model: Any, processor: Any, name: str) -> None:
        self.model, self.processor, self.name = model.eval(), processor, name

    def extract(
        self, pictures: Sequence[UInt8[np.ndarray, "height width 3"]]
    ) -> Float[np.ndarray, "pictures dim"]:
        """Encode in batches; without a pooled output the mean over places is taken."""
        import torch

        found = []
        with torch.inference_mode():
            for start in range(0, len(pictures), BATCH):
                images = [Image.fromarray(p) for p in pictures[start : start + BATCH]]
                inputs = self.processor(images=images, return_tensors="pt")
                vision = getattr(self.model, "vision_model", self.model)
                output = vision(pixel_values=inputs["pixel_values"].to(self.model.dtype))
                pooled = getattr(output, "pooler_output", None)
                if pooled is None:
                    pooled = output.last_hidden_state.mean(1)
                found.append(pooled.flatten(1).double())
        return torch.cat(found).numpy()


@final
class ScriptFeatures:
    """A TorchScript file: pictures of any one size as bytes (N, 3, height, width) to vectors."""

    def __init__(self, model: Any, name: str) -> None:
        self.model, self.name = model.eval(), name

    def extract(
        self, pictures: Sequence[UInt8[np.ndarray, "height width 3"]]
    ) -> Float[np.ndarray, "pictures dim"]:
        """Run picture by picture, so that sizes may differ."""
        import torch

        found = []
        with torch.inference_mode():
            for pixels in pictures:
                values = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]
                found.append(self.model(values).flatten(1).double())
        return torch.cat(found).numpy()


def _shrink(pixels: Pixels, side: int) -> UInt8[np.ndarray, "{side} {side} 3"]:
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR))


def _open_pixels(_: str) -> FeatureExtractor:
    return PixelFeatures()


def _open_reader(place: str) -> FeatureExtractor:
    from lineament.describe.visual import keep_finder
    from lineament.evaluation.drawing_reader import read_reader
    from lineament.evaluation.foreign import hash_folder

    folder = Path(place).expanduser()
    reader = read_reader(folder)
    name = f"reader {folder.name} {hash_folder(folder)}"
    return ReaderFeatures(reader, name, make_finder=keep_finder())


def _open_encoder(place: str) -> FeatureExtractor:
    from transformers import AutoImageProcessor, AutoModel

    from lineament.evaluation.foreign import hash_folder
    from lineament.model.foreign import first_line

    folder = Path(place).expanduser()
    try:
        processor = AutoImageProcessor.from_pretrained(place)
        model = AutoModel.from_pretrained(place)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        raise BadModel(
            f"{place}: no picture encoder can be loaded ({first_line(error)})"
        ) from error
    mark = hash_folder(folder) if folder.is_dir() else getattr(model.config, "_commit_hash", "")
    return EncoderFeatures(model, processor, f"hf {folder.name} {mark}".rstrip())


def _open_script(place: str) -> FeatureExtractor:
    import torch

    from lineament.evaluation.item import hash_bytes
    from lineament.model.foreign import first_line

    path = Path(place).expanduser()
    try:
        model = torch.jit.load(str(path), map_location="cpu")
    except (OSError, ValueError, RuntimeError) as error:
        raise BadModel(f"{path}: no TorchScript network ({first_line(error)})") from error
    return ScriptFeatures(model, f"torchscript {path.name} {hash_bytes(path.read_bytes())[:12]}")


_OPENERS: Mapping[str, Callable[[str], FeatureExtractor]] = {
    "pixels": _open_pixels, "reader": _open_reader, "hf": _open_encoder,
    "torchscript": _open_script,
}  # fmt: skip
