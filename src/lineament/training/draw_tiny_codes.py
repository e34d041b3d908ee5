"""Codes of portraits and of their mirror images, and what the experts look at, kept on disk."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int

from lineament.model.image_tokenizer import ImageTokenizer
from lineament.model.portrait_eyes import PortraitEyes, pixel_values_of
from lineament.training.draw_tiny_portraits import Portraits

CODES, WHOLE, FACE = "codes.npy", "whole.npy", "face.npy"
BATCH = 64

Report = Callable[[str, int], None]


@torch.no_grad()
def write_codes(
    portraits: Portraits, tokenizer: ImageTokenizer, folder: Path, report: Report | None = None
) -> None:
    """Encode every portrait and its mirror image; an array that is there is left alone."""
    if (folder / CODES).is_file():
        return
    tokenizer = tokenizer.eval()
    rows = []
    for start in range(0, len(portraits), BATCH):
        values = pixel_values_of(portraits.pixels[start : start + BATCH])
        both = torch.stack([tokenizer.encode(values), tokenizer.encode(values.flip(-1))], dim=1)
        rows.append(both.to(torch.int16).numpy())
        if report is not None:
            report(f"codes of {portraits.name}", start + len(values))
    _save(folder, CODES, np.concatenate(rows))


@torch.no_grad()
def write_features(
    portraits: Portraits, eyes: PortraitEyes, folder: Path, report: Report | None = None
) -> None:
    """Keep what the eyes see in every portrait, in 16 bits."""
    if (folder / FACE).is_file() and (folder / WHOLE).is_file():
        return
    wholes, faces = [], []
    for start in range(0, len(portraits), BATCH):
        whole, face = eyes.look(portraits.pixels[start : start + BATCH])
        wholes.append(whole.half().numpy())
        faces.append(face.half().numpy())
        if report is not None:
            report(f"features of {portraits.name}", start + len(face))
    _save(folder, WHOLE, np.concatenate(wholes))
    _save(folder, FACE, np.concatenate(faces))


def read_codes(folder: Path) -> Int[np.ndarray, "pictures 2 codes"]:
    """Open the codes of a folder: of each picture, and of its mirror image."""
    return np.load(folder / CODES, mmap_mode="r")


def read_features(
    folder: Path,
) -> tuple[Float[np.ndarray, "pictures cells dim"], Float[np.ndarray, "pictures face_dim"]] | None:
    """Open the features of a folder; None where there are none."""
    if not (folder / FACE).is_file():
        return None
    return np.load(folder / WHOLE, mmap_mode="r"), np.load(folder / FACE, mmap_mode="r")


def _save(folder: Path, name: str, values: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"draft-{name}"
    np.save(draft, values)
    draft.replace(folder / name)
