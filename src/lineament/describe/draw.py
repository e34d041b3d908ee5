"""Faces from words, and changed by words: prompt, drawing model, marked files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from lineament.describe.mark import Origin, check_suffix, write_marked
from lineament.describe.prompt import Prompt, read_prompt, shorten
from lineament.errors import BadInput, BadMedia, MissingExtra

if TYPE_CHECKING:
    from lineament.model.drawing import DrawingModel
    from lineament.model.unmasking import Unmasking

DEFAULT_MODEL = "draw-tiny"
MAX_COUNT = 10_000
_CHANGED_SHARE = 0.25  # of the codes, where a change of words chooses them itself

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Files that were written, and what of the prompt they could not follow.

    Attributes:
        prompt: As read.
        told: What the model was told.
        is_cut: Whether the end of that went beyond what the model reads.
        files: What was written.
        model: Which one drew.
        seconds: How long all of it took.
    """

    prompt: Prompt
    told: str
    is_cut: bool
    files: tuple[Path, ...]
    model: str
    seconds: float

    def notes(self) -> list[str]:
        """Say in plain sentences what is not drawn as asked."""
        cut = ["the prompt is longer than the model reads: its end is ignored"]
        return [*self.prompt.notes(), *(cut if self.is_cut else [])]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON shape of ``lineament generate``."""
        return {
            "prompt": self.prompt.text,
            "files": [str(path) for path in self.files],
            "ignored": [*self.prompt.names, *self.prompt.ignored],
            "names": list(self.prompt.names),
            "conflicts": [list(pair) for pair in self.prompt.conflicts],
            "drawn": [
                {"name": c.name, "value": c.value, "negated": c.negated} for c in self.prompt.claims
            ],
            "told": self.told,
            "notes": self.notes(),
            "model": self.model,
            "seconds": round(self.seconds, 3),
        }


def draw_faces(
    text: str,
    out: Path,
    *,
    count: int = 1,
    seed: int = 0,
    model: "DrawingModel | str" = DEFAULT_MODEL,
    settings: "Unmasking | None" = None,
    is_visibly_marked: bool = False,
    report_done: Callable[[float], None] = lambda _: None,
) -> Drawn:
    """Draw faces and write them; picture number k has seed + k, whatever the count.

    Args:
        text: What to draw, in English.
        out: The file; several get numbers before the suffix.
        count: How many.
        seed: Of the first.
        model: A loaded one, or its name or folder.
        settings: Of the unmasking.
        is_visibly_marked: Also say so in the picture.
        report_done: Told after each picture how many are written.

    Raises:
        BadInput: The prompt, the file or a number cannot be used.
    """
    began = perf_counter()
    prompt = read_prompt(text)
    paths = number_files(out, count)
    if seed < 0:
        raise BadInput(f"seed: expected a number from 0, got {seed}")
    loaded = load_model(model)
    told, is_cut = _tell(prompt, loaded)
    from lineament.model.drawing import BATCH

    for start in range(0, count, BATCH):
        seeds = range(seed + start, seed + min(count, start + BATCH))
        pictures = loaded.draw([told] * len(seeds), list(seeds), settings)
        _write(paths[start:], pictures, "drawn", is_visibly_marked)
        report_done(start + len(pictures))
    return Drawn(prompt, told, is_cut, tuple(paths), loaded.name, perf_counter() - began)


def edit_face(
    picture: Path,
    text: str,
    out: Path,
    *,
    region: Box | None = None,
    before: str = "",
    seed: int = 0,
    model: "DrawingModel | str" = DEFAULT_MODEL,
    settings: "Unmasking | None" = None,
    is_visibly_marked: bool = False,
) -> Drawn:
    """Draw a part of a face anew and keep the rest.

    Args:
        picture: A face crop, as the model knows them.
        text: What the whole picture shall show.
        out: The file to write.
        region: Left, top, right, bottom in 0..1; where left out, the codes that the text makes
            unlikely are drawn anew: change one attribute and keep the other words.
        before: What describes the picture as it is; the model's own chance when empty.
        seed: Of the drawing.
        model: A loaded one, or its name or folder.
        settings: Of the unmasking.
        is_visibly_marked: Also say so in the picture.

    Raises:
        BadInput: The prompt, a file or the region cannot be used.
    """
    began = perf_counter()
    prompt = read_prompt(text)
    check_suffix(out)
    pixels = read_picture(picture)
    if region is not None:
        check_region(region)
    loaded = load_model(model)
    told, is_cut = _tell(prompt, loaded)
    from lineament.model.unmasking import find_affected, region_mask

    if region is not None:
        redraw = region_mask(region, loaded.network.config.grid_side).unsqueeze(0)
    else:
        old = _tell(read_prompt(before), loaded)[0] if before.strip() else ""
        ids = [[loaded.read_text(words)] for words in (old, told)]
        codes = loaded.encode(pixels[None])
        redraw = find_affected(loaded.network, codes, *ids, share=_CHANGED_SHARE)
    pictures = loaded.edit(pixels[None], [told], redraw, [seed], settings)
    _write([out], pictures, "edited", is_visibly_marked)
    return Drawn(prompt, told, is_cut, (out,), loaded.name, perf_counter() - began)


def load_model(model: "DrawingModel | str") -> "DrawingModel":
    """Return a loaded model; a name is looked up among installed ones and folders.

    Raises:
        BadModel: There is none of that name, or it is damaged.
        MissingExtra: The packages that run models are not installed.
    """
    if not isinstance(model, str):
        return model
    try:
        from lineament.model.drawing import load_drawing_model
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "torch", "model") from error
    return load_drawing_model(model)


def number_files(out: Path, count: int) -> list[Path]:
    """Return the file itself for one picture, or ``face-0001.png`` and so on.

    Raises:
        BadInput: The count is out of range, or the file's kind cannot carry the mark.
    """
    if not 1 <= count <= MAX_COUNT:
        raise BadInput(f"count: expected 1 to {MAX_COUNT:,}, got {count}")
    if out.is_dir():
        raise BadInput(f"{out}: is a folder", hint=f"--out {out / 'face.png'}")
    check_suffix(out)
    if count == 1:
        return [out]
    return [out.with_stem(f"{out.stem}-{number:04d}") for number in range(1, count + 1)]


def check_region(region: Box) -> None:
    """Refuse boxes that are empty or leave the picture.

    Raises:
        BadInput: Naming the region.
    """
    left, top, right, bottom = region
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise BadInput(
            f"region: expected left,top,right,bottom in 0..1, got {','.join(map(str, region))}",
            hint="0,0,1,0.4 is the upper part",
        )


def read_picture(path: Path) -> UInt8[np.ndarray, "height width 3"]:
    """Read one picture as RGB.

    Raises:
        BadMedia: It cannot be opened.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB")).copy()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or "is no picture that can be read"
        raise BadMedia(f"{path}: {reason.lower()}", hint="give a PNG or JPEG file") from error


def _tell(prompt: Prompt, model: "DrawingModel") -> tuple[str, bool]:
    """Return what fits of the prompt, and whether something did not."""

    def count_tokens(text: str) -> int:
        return len(model.read_text(text))

    room = model.count_room()
    told = shorten(prompt, room, count_tokens)
    return told, told != prompt.told or count_tokens(told) > room


def _write(
    paths: list[Path],
    pictures: UInt8[np.ndarray, "pictures height width 3"],
    origin: Origin,
    is_visible: bool,
) -> None:
    for path, pixels in zip(paths, pictures, strict=False):
        write_marked(path, pixels, origin=origin, is_visible=is_visible)
