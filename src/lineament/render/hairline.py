"""The hairline: where hair grows on the head, parts, and hangs loose."""

import numpy as np
from jaxtyping import Float

from lineament.render.head import HeadGrid, ease
from lineament.render.look import Look
from lineament.render.streams import jitter, open_stream, sample_noise

HAIRLINE_DEGREES = (0.0, 18.0, 34.0, 46.0, 56.0, 64.0, 71.0, 78.0, 84.0, 100.0, 116.0, 180.0)
HAIRLINE_Y = (-7.5, -7.6, -7.5, -6.8, -5.0, -2.2, 0.4, 1.4, -1.2, -1.4, 4.6, 6.2)
RECEDING_Y = (-9.2, -9.9, -10.5, -10.2, -7.6, -3.6, 0.0, 1.4, -1.2, -1.4, 4.6, 6.2)
PARTING_DEGREES_PER_CM = 7.0
BOTTOM_Y = {"short": 7.0, "medium": 10.0, "long": 23.0}


def find_hairline(turn_degrees: np.ndarray, look: Look, loose_from: float = 70.0) -> np.ndarray:
    """Return the y above which hair grows, for each angle about the head.

    Args:
        turn_degrees: Angles; 0 is the front.
        look: The look.
        loose_from: From which angle on long hair hangs down.
    """
    hair = look.hair
    turn = np.abs(turn_degrees)
    line = np.interp(turn, HAIRLINE_DEGREES, RECEDING_Y if hair.is_receding else HAIRLINE_Y)
    line = line + 0.4 * jitter(look.seed, "hairline") * (turn < 60)
    if has_parting(look):
        away = np.abs(turn_degrees - PARTING_DEGREES_PER_CM * find_parting(look))
        swept = -8.0 + 4.6 * ease(away, 2, 62)
        line = np.where(turn < 66, np.maximum(line, swept), line)
    if not look.is_male:
        line = np.where((turn > 66) & (turn < 82), np.minimum(line, 0.2), line)
    if hair.has_sideburns:
        line = np.where((turn > 66) & (turn < 83), 5.2, line)
    if hair.length in ("medium", "long") and not hair.is_tied:
        line = np.where(turn > loose_from, BOTTOM_Y[hair.length], line)
    return line.astype(np.float32)


def has_parting(look: Look) -> bool:
    """Say whether the hair falls to both sides of a parting."""
    hair = look.hair
    free = not (hair.has_bangs or hair.is_receding or hair.is_tied)
    return free and (hair.length in ("medium", "long") or not look.is_male)


def find_parting(look: Look) -> float:
    """Return the x at which hair parts, in centimetres."""
    return jitter(look.seed, "parting", 3.2)


def shade_under_hair(grid: HeadGrid, look: Look) -> Float[np.ndarray, "height width"]:
    """Return the shadow that hair casts on the skin beside it, 0 to 1."""
    line = find_hairline(grid.turn_degrees, look)
    if look.hair.has_bangs:
        line = np.where(np.abs(grid.turn_degrees) < 58, np.maximum(line, -2.6), line)
    below = grid.points[..., 1] - line[None, :]
    strength = 0.5 if look.hair.has_bangs or has_parting(look) else 0.28
    return (strength * np.exp(-np.clip(below, 0, None) / 0.7) * (below > -1)).astype(np.float32)


def find_scalp(grid: HeadGrid, look: Look) -> Float[np.ndarray, "height width"]:
    """Return where hair grows on the skin itself, 0 to 1."""
    line = np.minimum(find_hairline(grid.turn_degrees, look), 0.5)
    noise = sample_noise(open_stream(look.seed, "scalp"), grid.points.shape[:2], (4, 70))
    return ease(line[None, :] - grid.points[..., 1] + 0.35 * noise, -0.1, 0.8)
