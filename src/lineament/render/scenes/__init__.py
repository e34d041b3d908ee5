"""Aerial scenes drawn from an annotation: exact boxes, relations and counts."""

from lineament.render.scenes.layout import THEMES
from lineament.render.scenes.painter import draw_scene
from lineament.render.scenes.sample import sample_scene

__all__ = ["THEMES", "draw_scene", "sample_scene"]
