"""Faces and aerial scenes drawn from an annotation: unlimited data with exact truth."""

from lineament.render.edit import edit_annotation, edit_region
from lineament.render.face import FaceRenderer, draw_clip
from lineament.render.regions import DRAWN_NAMES, find_region
from lineament.render.sample import sample_face

__all__ = [
    "DRAWN_NAMES",
    "FaceRenderer",
    "draw_clip",
    "edit_annotation",
    "edit_region",
    "find_region",
    "sample_face",
]
