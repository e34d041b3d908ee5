"""Faces from words, and changed by words: prompt, drawing model, marked files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from lineament.claims import Claim, read_claims
from lineament.describe.face_prompt import read_face_prompt
from lineament.describe.mark import Origin, check_place, check_suffix, write_marked
from lineament.describe.prompt import Prompt, shorten
from lineament.errors import BadInput, BadMedia, MissingExtra
from lineament.video import open_clip
from lineament.video import read_picture as read_pixels

if TYPE_CHECKING:
    from lineament.model.drawing import DrawingModel
    from lineament.model.unmasking import Unmasking

DEFAULT_MODEL = "draw-tiny"
MAX_COUNT = 10_000
MAX_SEED = 2**63 - 1
_CHANGED_SHARE = 0.25  # of the codes, where a change of words chooses them itself

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Drawn:
    """Files that were written, and what of the prompt they could not follow.

    Attributes:
        prompt: As read.
        told: What the model was told.
        is_cut: Whether the model reads less than was asked.
        files: What was written.
        model: Which one drew.
        seconds: How long all of it took.
        ancestry: Words left out because they say where somebody's family comes from.
        remarks: What else is to be known of the files.
    """

    prompt: Prompt
    told: str
    is_cut: bool
    files: tuple[Path, ...]
    model: str
    seconds: float
    ancestry: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def notes(self) -> list[str]:
        """Say in plain sentences what is not drawn as asked."""
        said = []
        if self.ancestry:
            said.append(f"no ancestry or religion is drawn: {', '.join(self.ancestry)} ignored")
        said += self.prompt.notes()
        if _are_several(self.prompt.claims):
            said.append("the prompt speaks of several people: one face is drawn")
        if self.is_cut:
            said.append("the prompt is longer than the model reads: a part of it is drawn")
        return [*said, *self.remarks]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON shape of ``lineament generate``."""
        return {
            "prompt": self.prompt.text,
            "files": [str(path) for path in self.files],
            "ignored": [*self.prompt.names, *self.ancestry, *self.prompt.ignored],
            "names": list(self.prompt.names),
            "ancestry": list(self.ancestry),
            "conflicts": [list(pair) for pair in self.prompt.conflicts],
            "drawn": [
                {"name": c.name, "value": c.value, "negated": c.negated} for c in self._find_told()
            ],
            "told": self.told,
            "notes": self.notes(),
            "model": self.model,
            "seconds": round(self.seconds, 3),
        }

    def _find_told(self) -> tuple[Claim, ...]:
        """Return the claims that reached the model."""
        if not self.is_cut:
            return self.prompt.claims
        told = {(c.name, c.value, c.negated) for c in read_claims(self.told)}
        return tuple(c for c in self.prompt.claims if (c.name, c.value, c.negated) in told)


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
        BadInput: The prompt, the file or a number cannot be used, or a child is asked for.
    """
    began = perf_counter()
    prompt, ancestry = read_face_prompt(text)
    paths = number_files(out, count)
    check_seed(seed, count)
    loaded = load_model(model)
    told, is_cut = _tell(prompt, loaded)
    from lineament.model.drawing import BATCH

    for start in range(0, count, BATCH):
        seeds = range(seed + start, seed + min(count, start + BATCH))
        pictures = loaded.draw([told] * len(seeds), list(seeds), settings)
        _write(paths[start:], pictures, "drawn", is_visibly_marked)
        report_done(start + len(pictures))
    seconds = perf_counter() - began
    return Drawn(prompt, told, is_cut, tuple(paths), loaded.name, seconds, ancestry)


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
        BadInput: The prompt, a file or the region cannot be used, or a child is asked for.
    """
    began = perf_counter()
    prompt, ancestry = read_face_prompt(text)
    earlier = read_face_prompt(before)[0] if before.strip() else None
    check_place(out)
    check_seed(seed)
    if region is not None:
        check_region(region)
    elif not prompt.claims:
        raise BadInput(
            "the prompt asks for nothing that is known: nothing would change",
            hint='say what is to be seen, such as "a smiling woman", or give a region',
        )
    pixels = read_picture(picture)
    loaded = load_model(model)
    told, is_cut = _tell(prompt, loaded)
    from lineament.model.unmasking import find_affected, region_mask

    if region is not None:
        redraw = region_mask(region, loaded.network.config.grid_side).unsqueeze(0)
    else:
        old = _tell(earlier, loaded)[0] if earlier is not None else ""
        ids = [[loaded.read_text(words)] for words in (old, told)]
        codes = loaded.encode(pixels[None])
        redraw = find_affected(loaded.network, codes, *ids, share=_CHANGED_SHARE)
    pictures = loaded.edit(pixels[None], [told], redraw, [seed], settings)
    _write([out], pictures, "edited", is_visibly_marked)
    is_whole = pixels.shape[:2] == pictures.shape[1:3]
    remarks = () if is_whole else (_say_cut(picture, pixels, loaded),)
    seconds = perf_counter() - began
    return Drawn(prompt, told, is_cut, (out,), loaded.name, seconds, ancestry, remarks)


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


def make_settings(num_steps: int, guidance: float) -> "Unmasking":
    """Return how to draw.

    Raises:
        BadInput: A number is out of range.
        MissingExtra: The packages that run models are not installed.
    """
    try:
        from lineament.model.unmasking import Unmasking
    except ModuleNotFoundError as error:
        raise MissingExtra(error.name or "torch", "model") from error
    return Unmasking(num_steps=num_steps, guidance=guidance)


def number_files(out: Path, count: int) -> list[Path]:
    """Return the file itself for one picture, or ``face-0001.png`` and so on.

    Raises:
        BadInput: The count is out of range, or a file cannot be written.
    """
    if not 1 <= count <= MAX_COUNT:
        raise BadInput(f"count: expected 1 to {MAX_COUNT:,}, got {count}")
    if count == 1:
        check_place(out)
        return [out]
    check_suffix(out)
    paths = [out.with_stem(f"{out.stem}-{number:04d}") for number in range(1, count + 1)]
    for path in paths:
        check_place(path)
    return paths


def check_seed(seed: int, count: int = 1) -> None:
    """Refuse seeds that are out of range, the last picture's included.

    Raises:
        BadInput: Naming the seed.
    """
    if not 0 <= seed <= MAX_SEED - count:
        raise BadInput(
            f"seed: expected 0 to {MAX_SEED - count:,}, got {seed}", hint="any number does"
        )


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
    """Read one picture as RGB, upright, what is transparent on white.

    Raises:
        BadMedia: It is none, or cannot be opened.
    """
    if not open_clip(path).is_picture:
        raise BadMedia(f"{path}: is a clip", hint="give a picture: PNG, JPEG or WebP")
    return read_pixels(path)


def _tell(prompt: Prompt, model: "DrawingModel") -> tuple[str, bool]:
    """Return what fits of the prompt, and whether something did not."""

    def count_tokens(text: str) -> int:
        return len(model.read_text(text))

    room = model.count_room()
    told = shorten(prompt, room, count_tokens)
    if count_tokens(told) > room:  # one sentence that is too long by itself
        told = model.cut_text(told, room)
    return told, told != prompt.told


def _are_several(claims: tuple[Claim, ...]) -> bool:
    counts = [c.value for c in claims if c.name == "num_people" and not c.negated]
    return len({c.subject for c in claims}) > 1 or any(
        isinstance(count, tuple) and (count[0] or 0) >= 2 for count in counts
    )


def _say_cut(path: Path, pixels: UInt8[np.ndarray, "height width 3"], model: "DrawingModel") -> str:
    height, width = pixels.shape[:2]
    side = model.size_px
    return f"{path.name}: {width}x{height} px; its middle is seen and drawn in {side}x{side} px"


def _write(
    paths: list[Path],
    pictures: UInt8[np.ndarray, "pictures height width 3"],
    origin: Origin,
    is_visible: bool,
) -> None:
    for path, pixels in zip(paths, pictures, strict=False):
        write_marked(path, pixels, origin=origin, is_visible=is_visible)
