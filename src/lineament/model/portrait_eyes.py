"""What the drawing model looks with: two frozen towers over a portrait, face and whole."""

import json
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from lineament.errors import BadModel
from lineament.faces import crop, portrait
from lineament.model.convnet import ConvVisionModel
from lineament.model.foreign import first_line
from lineament.model.loading import quiet_loading

FOLDERS = {"face": "face_eye", "whole": "whole_eye"}
SETTINGS = "eyes.json"
BATCH = 64


class PortraitEyes(nn.Module):
    """Two convolutional towers, which hold attributes and no identity.

    Args:
        face: Sees the face alone, cut as aligned crops are.
        whole: Sees the portrait.
        means: Of their pixels' colours in 0..1, by tower.
        stds: Likewise.
    """

    def __init__(
        self,
        face: ConvVisionModel,
        whole: ConvVisionModel,
        means: dict[str, list[float]],
        stds: dict[str, list[float]],
    ) -> None:
        super().__init__()
        self.face, self.whole = face, whole
        self.means, self.stds = means, stds
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> "PortraitEyes":
        """Stay as it is."""
        del mode
        return super().train(False)

    @property
    def whole_dim(self) -> int:
        """Width of a cell of the whole portrait."""
        return int(self.whole.config.hidden_size)

    @property
    def face_dim(self) -> int:
        """Width of all cells of the face, one behind the other."""
        config = self.face.config
        return int(config.hidden_size) * (config.image_size // config.patch_size) ** 2

    def place_face(
        self, pixel_values: Float[Tensor, "pictures 3 side side"]
    ) -> Float[Tensor, "pictures 3 small small"]:
        """Cut the aligned face out of portraits in -1..1, as the face's tower takes it."""
        side = pixel_values.shape[-1]
        top, left, size = face_box(side)
        cut = pixel_values[..., top : top + size, left : left + size]
        return self._prepare("face", cut, self.face.config.image_size)

    def place_whole(
        self, pixel_values: Float[Tensor, "pictures 3 side side"]
    ) -> Float[Tensor, "pictures 3 small small"]:
        """Bring portraits in -1..1 to what the other tower takes."""
        return self._prepare("whole", pixel_values, self.whole.config.image_size)

    @torch.no_grad()
    def look(
        self, pixels: UInt8[np.ndarray, "pictures side side 3"]
    ) -> tuple[Float[Tensor, "pictures cells dim"], Float[Tensor, "pictures face_dim"]]:
        """Return what the CLIP and the face expert are given: the whole by cells, and the face."""
        wholes, faces = [], []
        for start in range(0, len(pixels), BATCH):
            values = pixel_values_of(pixels[start : start + BATCH]).to(self.face.dtype)
            wholes.append(self.whole(self.place_whole(values)).last_hidden_state)
            faces.append(self.face(self.place_face(values)).last_hidden_state.flatten(1))
        return torch.cat(wholes), torch.cat(faces)

    def save(self, folder: Path) -> None:
        """Write both towers into folders of their own."""
        self.face.save_pretrained(folder / FOLDERS["face"])
        self.whole.save_pretrained(folder / FOLDERS["whole"])
        text = json.dumps({"means": self.means, "stds": self.stds}, indent=1)
        (folder / SETTINGS).write_text(text + "\n", encoding="utf-8")

    def _prepare(self, name: str, pixel_values: Tensor, side: int) -> Tensor:
        small = functional.interpolate(
            pixel_values.float(), (side, side), mode="bilinear", antialias=True, align_corners=False
        )
        mean = torch.tensor(self.means[name], device=small.device).view(3, 1, 1)
        std = torch.tensor(self.stds[name], device=small.device).view(3, 1, 1)
        return (((small + 1) / 2 - mean) / std).to(pixel_values.dtype)


def face_box(side: int) -> tuple[int, int, int]:
    """Return top, left and size of the aligned face in a portrait of some side."""
    share = portrait.EYES_APART / crop.EYES_APART
    size = round(share * side)
    top = round((portrait.EYES_AT - crop.EYES_AT * share) * side)
    return max(0, top), (side - size) // 2, size


def pixel_values_of(
    pixels: UInt8[np.ndarray, "pictures side side 3"],
) -> Float[Tensor, "pictures 3 side side"]:
    """Scale pictures to -1..1."""
    values = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float()
    return values / 127.5 - 1


def find_eyes_folder(folder: Path) -> bool:
    """Say whether a drawing model brings eyes."""
    return (folder / SETTINGS).is_file()


def load_portrait_eyes(folder: Path) -> PortraitEyes:
    """Load what `PortraitEyes.save` wrote.

    Raises:
        BadModel: It is damaged.
    """
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        with quiet_loading():
            towers = [
                ConvVisionModel.from_pretrained(
                    folder / name, local_files_only=True, dtype=torch.float32
                )
                for name in (FOLDERS["face"], FOLDERS["whole"])
            ]
        return PortraitEyes(towers[0], towers[1], settings["means"], settings["stds"])
    except Exception as error:  # damaged files raise whatever their readers raise
        raise BadModel(
            f"{folder}: what it looks with cannot be read ({first_line(error)})",
            hint="copy or train the model again",
        ) from error
