"""Textured sheets: a grid of projected points with pixels on it, drawn far to near."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, UInt8

from lineament.render.brush import load_skia, make_image

Side = Literal["front", "back", "both"]


@dataclass
class Sheet:
    """A grid of vertices and where each lies on the texture.

    Attributes:
        rows: Rows of the texture that carry vertices.
        columns: Columns of the texture that carry vertices.
        is_smooth: Blend neighbouring texels; twice as slow, and needless for fine textures.
    """

    rows: np.ndarray
    columns: np.ndarray
    is_smooth: bool = True

    def __post_init__(self) -> None:
        skia = load_skia()
        height, width = len(self.rows), len(self.columns)
        self._places = [
            skia.Point(float(column) + 0.5, float(row) + 0.5)
            for row in self.rows
            for column in self.columns
        ]
        corner = (np.arange(height - 1)[:, None] * width + np.arange(width - 1)).reshape(-1)
        self._corners = corner
        self._quads = np.stack(
            [corner, corner + 1, corner + width, corner + 1, corner + width + 1, corner + width],
            axis=-1,
        )
        self._width = width

    def draw(
        self,
        canvas: Any,
        screen: Float[np.ndarray, "rows columns 3"],
        texture: UInt8[np.ndarray, "height width 4"] | Any,
        *,
        side: Side = "front",
        visible_mask: np.ndarray | None = None,
    ) -> None:
        """Draw the sheet.

        Args:
            canvas: Where to.
            screen: Pixels and depth of every vertex.
            texture: Premultiplied pixels, or an image made of them.
            side: Which quads: those that face the viewer, those that do not, or both.
            visible_mask: True for the quads that hold anything at all.
        """
        skia = load_skia()
        flat = screen.reshape(-1, 3)
        i, width = self._corners, self._width
        diagonal_1 = flat[i + width + 1, :2] - flat[i, :2]
        diagonal_2 = flat[i + width, :2] - flat[i + 1, :2]
        area = diagonal_1[:, 0] * diagonal_2[:, 1] - diagonal_1[:, 1] * diagonal_2[:, 0]
        if side == "both":
            keep = np.ones(len(i), bool)
        else:
            keep = area > 0 if side == "front" else area <= 0
        if visible_mask is not None:
            keep = keep & visible_mask.reshape(-1)
        chosen = np.flatnonzero(keep)
        if not len(chosen):
            return
        depth = flat[i[chosen], 2] + flat[i[chosen] + width + 1, 2]
        quads = self._quads[chosen[np.argsort(depth, kind="stable")]]
        points = list(map(skia.Point, flat[:, 0].tolist(), flat[:, 1].tolist()))
        vertices = skia.Vertices(
            skia.Vertices.kTriangles_VertexMode, points, self._places, None,
            quads.reshape(-1).tolist(),
        )  # fmt: skip
        image = make_image(texture) if isinstance(texture, np.ndarray) else texture
        blend = skia.FilterMode.kLinear if self.is_smooth else skia.FilterMode.kNearest
        shader = image.makeShader(skia.SamplingOptions(blend))
        canvas.drawVertices(vertices, skia.Paint(Shader=shader), skia.BlendMode.kModulate)


def choose_lines(length: int, count: int) -> np.ndarray:
    """Choose `count` rows or columns of a texture for vertices, ends included."""
    return np.unique(np.round(np.linspace(0, length - 1, count)).astype(int))
