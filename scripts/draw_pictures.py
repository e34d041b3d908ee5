"""Draw the pictures of README and docs with the renderer."""

from pathlib import Path

import numpy as np
from PIL import Image

from lineament.render import FaceRenderer, sample_face

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
SHADED = (0, 3, 6, 4, 5, 13, 21, 34, 40, 47, 52, 58)
FLAT = (0, 3, 6, 4, 5, 13)


def draw_row(seeds: tuple[int, ...], style: str, size_px: int) -> np.ndarray:
    pictures = [
        FaceRenderer(sample_face(seed, is_picture=True), style, size_px, seed).draw(0.0)  # type: ignore
        for seed in seeds
    ]
    return np.hstack(pictures)


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    rows = [draw_row(SHADED[:6], "shaded", 200), draw_row(SHADED[6:], "shaded", 200)]
    rows.append(draw_row(FLAT, "flat", 200))
    Image.fromarray(np.vstack(rows)).save(PICTURES / "faces.jpg", quality=88)


if __name__ == "__main__":
    main()
