"""Clips as face sets have them, files or folders of frames; and names found in answers."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from lineament.errors import BadMedia
from lineament.evaluation.item import Visual
from lineament.evaluation.reading import fold
from lineament.video import PICTURE_SUFFIXES, open_clip, read_picture, sample_frames

NUM_FRAMES = 16
FOLDER_FPS = 25.0  # folders of frames carry no times
JOIN = " | "  # between the names of pictures that are shown together
DENIAL_REACH = 2  # words: not happy, does not look happy
_NEGATIONS = frozenset(("not", "no", "without", "never", "neither", "nor", "isn", "doesn", "non"))


def find_named(answer: str, words: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the labels whose words stand in an answer undenied, in the order of the labels.

    Words inside longer words of another label do not count: ``no beard`` is not ``beard``. A
    word is denied by a ``not`` close before it, in the same clause and with no label between.
    """
    tokens, is_first = _split_clauses(answer)
    phrases = [(name, tuple(fold(word).split())) for name, own in words.items() for word in own]
    taken: dict[int, str] = {}
    starts: dict[int, str] = {}
    for name, phrase in sorted(phrases, key=lambda pair: -len(pair[1])):
        for start in range(len(tokens) - len(phrase) + 1):
            span = range(start, start + len(phrase))
            if tuple(tokens[start : span.stop]) == phrase and not any(n in taken for n in span):
                taken.update(dict.fromkeys(span, name))
                starts[start] = name
    found = {
        name for start, name in starts.items() if not _is_denied(tokens, is_first, taken, start)
    }
    return [name for name in words if name in found]


def _split_clauses(answer: str) -> tuple[list[str], list[bool]]:
    """Return the words of a text as `fold` does, and which of them begin a clause."""
    tokens: list[str] = []
    is_first: list[bool] = []
    stop = 0
    for match in re.finditer(r"[^\W_]+", answer.lower()):
        is_cut = bool(re.search(r"[,;:.!?\n]", answer[stop : match.start()]))
        tokens.append(match.group())
        is_first.append(is_cut or match.group() == "but")
        stop = match.end()
    return tokens, is_first


def _is_denied(
    tokens: Sequence[str], is_first: Sequence[bool], taken: Mapping[int, str], start: int
) -> bool:
    for place in range(start, max(0, start - DENIAL_REACH), -1):
        if is_first[place] or place - 1 in taken:
            return False
        if tokens[place - 1] in _NEGATIONS:
            return True
    return False


def open_first(paths: Sequence[Path]) -> Visual:
    """Open the first of several places that is there: a file, or a folder of frames.

    Raises:
        BadMedia: None is there, or what is there is damaged.
    """
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        raise BadMedia(f"{paths[0]}: no such file", hint="are the media beside the labels?")
    if path.is_file():
        frames = sample_frames(open_clip(path), NUM_FRAMES)
        return Visual(frames.pixels, tuple(frames.times_seconds.tolist()), path)
    pictures = sorted(p for p in path.iterdir() if p.suffix.lower() in PICTURE_SUFFIXES)
    if not pictures:
        raise BadMedia(f"{path}: holds no frames")
    # Some copies number frames without zeros in front.
    pictures.sort(key=lambda picture: (len(picture.stem), picture.stem))
    count = min(NUM_FRAMES, len(pictures))
    places = [int((n + 0.5) * len(pictures) / count) for n in range(count)]
    pixels = [read_picture(pictures[place]) for place in places]
    if len({frame.shape for frame in pixels}) > 1:
        raise BadMedia(f"{path}: frames of several sizes")
    return Visual(np.stack(pixels), tuple(place / FOLDER_FPS for place in places))


def open_joined(media: str, bases: Sequence[Path]) -> Visual:
    """Open a picture, or several as one: side by side, as high as the highest.

    Args:
        media: File names, with `JOIN` between them.
        bases: Folders in which they may lie.

    Raises:
        BadMedia: One of them is nowhere, or damaged.
    """
    names = media.split(JOIN)
    pixels = [open_first([base / name for base in bases]).frames[0] for name in names]
    if len(pixels) == 1:
        return Visual(pixels[0][None])
    height = max(picture.shape[0] for picture in pixels)
    resized = [_resize_to(picture, height) for picture in pixels]
    return Visual(np.concatenate(resized, axis=1)[None])


def _resize_to(
    pixels: UInt8[np.ndarray, "height width 3"], height_px: int
) -> UInt8[np.ndarray, "{height_px} new_width 3"]:
    height, width = pixels.shape[:2]
    if height == height_px:
        return pixels
    size = (max(1, round(width * height_px / height)), height_px)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
