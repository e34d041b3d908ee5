"""Draw from captions of unseen attribute combinations, and read what was drawn.

In the rendered style every caption holds a pair of attributes that no training picture shows
together; it says all of the measured attributes that shall be seen, and none that shall not. In
the photographic style captions go through all combinations of six coarse attributes. Attribute
readers that had no part in training read the drawings: for the rendered style the one of
``judge_reader.py``; for photographs one that was trained on photographs. Beside them stand the
same readers on pictures whose truth is known, and drawings read against another caption, which is
chance.

    python benchmarks/draw_truth.py draw-tiny --reader READER --photo-reader READER --count 500

Drawings are kept with --kept, so that a stopped run goes on, and another reader reads the same.
"""

import argparse
import hashlib
import itertools
import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from lineament.describe.mark import write_marked
from lineament.faces.portrait import EYES_APART, EYES_AT
from lineament.model.attributes import AttributeReader
from lineament.model.drawing import DrawingModel, load_drawing_model
from lineament.model.unmasking import Unmasking
from lineament.training.attribute_reader import read_probabilities
from lineament.training.draw_tiny_combinations import sample_unseen
from lineament.training.draw_tiny_portraits import cut_portraits, render_portrait
from lineament.training.labels import AGE_EDGES_YEARS, age_span, read_states
from lineament.training.unified_captions import say_style, write_prompt
from lineament.training.wide_crops import EYES_APART as WIDE_APART
from lineament.training.wide_crops import EYES_AT as WIDE_AT
from lineament.training.wide_crops import NAMES, SIZE_PX

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "draw_truth.json"
SHEET = ROOT / "docs" / "pictures" / "drawn.jpg"
# What a portrait of 96 px can show and a caption says.
DRAWN = (
    "male", "smile", "eyeglasses", "sunglasses", "beard", "mustache", "black_hair", "blonde_hair",
    "gray_hair", "red_hair", "brown_hair", "bald", "wearing_hat", "wearing_lipstick", "bangs",
    "long_hair", "curly_hair", "wearing_earrings", "open_mouth",
)  # fmt: skip
OLDER, OLD_YEARS = "older_than_45", 45
PHOTOGRAPHED = ("male", "smile", "eyeglasses", OLDER, "blonde_hair", "black_hair")
FAMILIES: dict[str, tuple[str, ...]] = {
    "person": ("a young woman", "an elderly man", "a bald man", "a middle-aged woman"),
    "hair": ("a woman with long black hair", "a man with curly red hair",
             "a woman with blonde hair and bangs", "an elderly woman with gray hair"),
    "worn": ("a man with glasses", "a woman wearing sunglasses", "a man wearing a hat",
             "a woman with earrings"),
    "beard": ("a man with a beard", "a man with a moustache",
              "a man with gray hair and a beard", "a man with glasses and a goatee"),
    "expression": ("a smiling woman", "an angry man", "a surprised woman", "a sad man"),
}  # fmt: skip
STYLES = ("photo", "drawing")
BATCH = 32
NUM_SHUFFLES = 20  # of the captions, for chance


def wide_from_portrait(pixels: np.ndarray) -> np.ndarray:
    """Bring a portrait to the crop that the reader knows; the eyes lie at one place in both."""
    side = pixels.shape[0]
    scale = EYES_APART * side / (WIDE_APART * SIZE_PX)
    across, down = side / 2 - scale * SIZE_PX / 2, EYES_AT * side - scale * WIDE_AT * SIZE_PX
    image = Image.fromarray(pixels).transform(
        (SIZE_PX, SIZE_PX),
        Image.Transform.AFFINE,
        (scale, 0, across, 0, scale, down),
        resample=Image.Resampling.BILINEAR,
    )
    return np.asarray(image)


def read_pictures(reader: AttributeReader, pictures: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Return for each name, and for being older than 45, whether each picture shows it."""
    crops = np.stack([wide_from_portrait(picture) for picture in pictures])
    flags, ages = read_probabilities(reader, crops)
    names = list(reader.config.names)
    found = {name: flags[:, names.index(name)] > 0.5 for name in NAMES if name in names}
    first_old = AGE_EDGES_YEARS.index(OLD_YEARS) + 1
    return found | {OLDER: ages[:, first_old:].sum(axis=1) > 0.5}


def balanced_accuracy(wanted: Sequence[bool | None], found: np.ndarray) -> float | None:
    """Return the mean of both classes' recalls over what is known; None where one is missing."""
    known = [place for place, value in enumerate(wanted) if value is not None]
    truth = np.array([bool(wanted[place]) for place in known])
    said = found[known] if known else np.zeros(0, bool)
    if not truth.any() or truth.all():
        return None
    return float((said[truth].mean() + (~said[~truth]).mean()) / 2)


def score(
    truths: Sequence[dict[str, bool]],
    names: Sequence[str],
    drawn: dict[str, np.ndarray],
    known: tuple[Sequence[dict[str, bool]], dict[str, np.ndarray]] | None,
) -> dict[str, Any]:
    """Return one style's table: drawings, the reader alone, and chance."""
    rows: dict[str, Any] = {}
    orders = [np.random.default_rng(k).permutation(len(truths)) for k in range(NUM_SHUFFLES)]
    for name in names:
        wanted = [truth.get(name) for truth in truths]
        value = balanced_accuracy(wanted, drawn[name])
        if value is None:
            continue
        reader = None
        if known is not None:
            reader = balanced_accuracy([truth.get(name) for truth in known[0]], known[1][name])
        by_chance = [balanced_accuracy([wanted[k] for k in o], drawn[name]) for o in orders]
        prior = float(np.mean([value for value in by_chance if value is not None]))
        rows[name] = {"drawings": value, "reader": reader, "prior": prior,
                      "num_true": sum(w is True for w in wanted)}  # fmt: skip
    values = [row["drawings"] for row in rows.values()]
    return {"attributes": rows, "mean": float(np.mean(values)) if values else None,
            "worst": float(np.min(values)) if values else None}  # fmt: skip


class Artist:
    """Draws one picture for each text, seeded by its place, and keeps what it drew.

    Args:
        model: What draws.
        settings: How.
        kept: A folder for drawings; nothing is kept when left out.
    """

    def __init__(self, model: DrawingModel, settings: Unmasking, kept: Path | None) -> None:
        self.model, self.settings, self.kept = model, settings, kept
        weights = hashlib.blake2b(repr(settings).encode(), digest_size=8)
        for part in (model.network, model.image_tokenizer):
            for weight in part.parameters():
                weights.update(weight.detach().float().numpy().tobytes())
        self._weights = weights.hexdigest()
        if kept is not None:
            kept.mkdir(parents=True, exist_ok=True)

    def draw(self, texts: Sequence[str], label: str) -> list[np.ndarray]:
        """Draw in batches; those that were kept are not drawn again."""
        drawn: list[np.ndarray] = []
        for start in range(0, len(texts), BATCH):
            drawn += list(self._draw_batch(texts[start : start + BATCH], start))
            print(f"{label}: {len(drawn)} of {len(texts)}", flush=True)
        return drawn

    def _draw_batch(self, texts: Sequence[str], start: int) -> np.ndarray:
        asked = json.dumps([self._weights, start, *texts]).encode()
        name = f"{hashlib.blake2b(asked, digest_size=12).hexdigest()}.npy"
        if self.kept is not None and (self.kept / name).is_file():
            return np.load(self.kept / name)
        seeds = list(range(start, start + len(texts)))
        drawn = self.model.draw(list(texts), seeds, self.settings)
        if self.kept is not None:
            np.save(self.kept / name, drawn)
        return drawn


def measure_rendered(artist: Artist, reader: AttributeReader, count: int) -> dict[str, Any]:
    """Score drawings in the rendered style, beside pictures that the renderer drew."""
    annotations = [sample_unseen(number)[0] for number in range(count)]
    names = frozenset((*DRAWN, "young", "middle_aged", "elderly"))
    texts = [
        write_prompt(annotation, Random(number), style="drawing", names=names)
        for number, annotation in enumerate(annotations)
    ]
    truths = [read_states(annotation) for annotation in annotations]
    drawn = read_pictures(reader, artist.draw(texts, "drawings"))
    rendered = [
        render_portrait(annotation, int(annotation.extra["seed"]), "drawing").pixels
        for annotation in annotations
    ]
    return score(truths, DRAWN, drawn, (truths, read_pictures(reader, rendered)))


def photo_captions(count: int) -> tuple[list[str], list[dict[str, bool]]]:
    """Write captions of all combinations of the coarse attributes, with what they ask for."""
    choices = itertools.product((True, False), (True, False), (True, False), (True, False),
                                ("black", "blonde", "brown"))  # fmt: skip
    texts: list[str] = []
    truths: list[dict[str, bool]] = []
    for male, smile, glasses, old, hair in itertools.islice(itertools.cycle(choices), count):
        age = "elderly" if old else "young"
        text = f"{'an' if old else 'a'} {age}{' smiling' if smile else ''} "
        text += f"{'man' if male else 'woman'} with {hair} hair"
        texts.append(text + (" wearing glasses" if glasses else ""))
        truths.append({
            "male": male, "smile": smile, "eyeglasses": glasses, OLDER: old,
            "black_hair": hair == "black", "blonde_hair": hair == "blonde",
        })  # fmt: skip
    return texts, truths


def measure_photos(
    artist: Artist, reader: AttributeReader, count: int, real: Sequence[Path]
) -> dict[str, Any]:
    """Score drawings in the photographic style, beside labelled real portraits."""
    texts, truths = photo_captions(count)
    drawn = read_pictures(reader, artist.draw(texts, "photos"))
    known = read_real(reader, real)
    return score(truths, PHOTOGRAPHED, drawn, known)


def read_real(
    reader: AttributeReader, folders: Sequence[Path]
) -> tuple[list[dict[str, bool]], dict[str, np.ndarray]] | None:
    """Read the portraits of held-out galleries, with the labels that are known of them."""
    truths: list[dict[str, bool]] = []
    pictures: list[np.ndarray] = []
    border = AGE_EDGES_YEARS.index(OLD_YEARS) + 1
    for portrait in itertools.chain.from_iterable(map(cut_portraits, folders)):
        states, (first, last) = read_states(portrait.annotation), age_span(portrait.annotation)
        if first >= border:
            states[OLDER] = True
        elif 0 <= last < border:
            states[OLDER] = False
        truths.append(states)
        pictures.append(portrait.pixels)
    return (truths, read_pictures(reader, pictures)) if pictures else None


def draw_sheet(model: DrawingModel, settings: Unmasking, path: Path) -> None:
    """Draw both styles of every family on one sheet, seeded by their places."""
    side, margin, below = model.size_px, 70, 28
    columns = max(len(texts) for texts in FAMILIES.values()) * len(STYLES)
    sheet = Image.new("RGB", (margin + columns * side, len(FAMILIES) * (side + below)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, (family, texts) in enumerate(FAMILIES.items()):
        told = [say_style(text, style) for style in STYLES for text in texts]
        top, seeds = row * (side + below), [row * columns + k for k in range(len(told))]
        pen.text((4, top + side // 2), family, fill="black")
        for column, pixels in enumerate(model.draw(told, seeds, settings)):
            sheet.paste(Image.fromarray(pixels), (margin + column * side, top))
            lines = textwrap.wrap(told[column].removeprefix("a drawing of "), 16)
            corner = (margin + column * side + 2, top + side)
            pen.multiline_text(corner, "\n".join(lines), fill="black", spacing=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_marked(path, np.asarray(sheet), origin="drawn")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="an installed drawing model, or a folder")
    parser.add_argument("--reader", type=Path, help="folder of an attribute reader")
    parser.add_argument("--photo-reader", type=Path,
                        help="of another one for photographs; default: the same")  # fmt: skip
    parser.add_argument("--real", type=Path, action="append", default=[],
                        help="a held-out gallery, for the reader's own error")  # fmt: skip
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--guidance", type=float, default=1.75)
    parser.add_argument("--kept", type=Path, help="folder in which drawings are kept")
    parser.add_argument("--sheet", type=Path, default=SHEET)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    model = load_drawing_model(options.model)
    settings = Unmasking(num_steps=options.steps, guidance=options.guidance)
    draw_sheet(model, settings, options.sheet)
    print(options.sheet)
    if options.reader is None:
        return
    reader = AttributeReader.from_pretrained(options.reader)
    photo_reader = AttributeReader.from_pretrained(options.photo_reader or options.reader)
    artist = Artist(model, settings, options.kept)
    styles = {
        "rendered": measure_rendered(artist, reader, options.count),
        "photographic": measure_photos(artist, photo_reader, options.count, options.real),
    }
    result = {
        "command": f"python benchmarks/draw_truth.py {model.name} --reader READER "
        f"--photo-reader READER --real GALLERY --count {options.count}",
        "model": model.name, "num_captions": options.count, "steps": options.steps,
        "guidance": options.guidance, "styles": styles,
    }  # fmt: skip
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for style, table in styles.items():
        print(f"{style}: mean {table['mean']:.3f}, worst {table['worst']:.3f}")
    print(options.out)


if __name__ == "__main__":
    main()
