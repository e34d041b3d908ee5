"""What chat-tiny learns from, prepared: galleries of real and rendered faces, and their guesses."""

import functools
import io
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.faces.finder import FaceFinder
from lineament.faces.mesh import MeshFinder
from lineament.model.attributes import AttributeReader
from lineament.model.tokenizer import train_tokenizer
from lineament.records.sources.pixels import open_pixels
from lineament.records.sources.table import SOURCES
from lineament.render import FaceRenderer, sample_face
from lineament.training.attribute_reader import train_reader
from lineament.training.crowds import ask_number
from lineament.training.dialogues import KIND_RATES, DialogueWriter, write_faceless
from lineament.training.gallery import MANIFEST, SIZE_PX, Look, join_looks, look_at
from lineament.training.gallery_examples import PLAIN, GalleryExamples
from lineament.training.gallery_writer import count_kept, write_gallery
from lineament.training.guesses import write_guesses
from lineament.training.hair_guesses import write_hair
from lineament.training.name_start import start_comparing
from lineament.training.recipe import Mix, Model, Recipe
from lineament.training.start import start_model, write_whole
from lineament.training.wide_crops import read_crops

logger = logging.getLogger(__name__)
FIRST_SEED = 110_000  # rendered clips that are measured have seeds from 500,000 on
FIRST_STILL = 200_000
CLIPS_A_GALLERY, STILLS_A_GALLERY = 150, 1000
CLIP_FPS = 20
FLAT_SHARE, COMPRESSED_SHARE = 0.25, 0.6


@dataclass(frozen=True, slots=True)
class RealPart:
    """A gallery of real pictures: the source, its folder below the data, the split."""

    name: str
    source: str
    folder: str
    split: str = "train"


REAL_PARTS = (
    RealPart("ffhq-train", "ffhq-adult", "ffhq-adult-882"),
    RealPart("fairface-train", "fairface", "fairface-adult"),
    RealPart("lfw-train", "lfw-expressions", "lfw-expressions"),
)
FFHQ, FFHQ_LABELS = "ffhq-train", "ffhq-adult-882/labels.csv"
GUESSED_GALLERIES = ("fairface-train", "lfw-train")
VOCAB_SIZE, NUM_TEXTS, TEXT_SEED = 4096, 3000, 900_000
Report = Callable[[str, int], None]


def prepare_galleries(
    data: Path,
    root: Path,
    *,
    num_clips: int = 900,
    num_stills: int = 4000,
    report: Report | None = None,
) -> None:
    """Look at every training picture and draw the clips; what is whole already is left alone.

    Args:
        data: Folder with the real data sets, each in a folder of its own.
        root: Where galleries go.
        num_clips: Rendered clips, in galleries of 150.
        num_stills: Rendered pictures, in galleries of 1,000: a face costs a fraction of a clip's
            time, and what does not move is learned from how many faces there are.
        report: Told the gallery and how many items of it are done.

    Raises:
        BadInput: A data set is not there.
    """
    finder = MeshFinder()
    try:
        for part in REAL_PARTS:
            _finish(
                root / part.name,
                part.name,
                functools.partial(look_at_part, part, data, finder),
                report,
            )
        for number in range(-(-num_clips // CLIPS_A_GALLERY)):
            seed = FIRST_SEED + number * CLIPS_A_GALLERY
            draw = functools.partial(draw_looks, seed, CLIPS_A_GALLERY, finder)
            _finish(root / f"clips{number}", "rendered", draw, report)
        for number in range(-(-num_stills // STILLS_A_GALLERY)):
            seed = FIRST_STILL + number * STILLS_A_GALLERY
            draw = functools.partial(draw_looks, seed, STILLS_A_GALLERY, finder, is_picture=True)
            _finish(root / f"stills{number}", "rendered", draw, report)
    finally:
        finder.close()


def prepare_chat_tiny(recipe: Recipe, out: Path, report: Report | None = None) -> Recipe:
    """Make chat-tiny's galleries, its reader's guesses and its tokenizer, as far as they lack.

    Everything lies in ``prepared`` below the run's folder; stopped, it goes on within a
    gallery.

    Raises:
        BadInput: The recipe names no data, or a data set is not there.
    """
    if not recipe.data:
        raise BadInput("data: not set", hint="--set data=FOLDER, with ffhq-adult-882 and others")
    data, root = Path(recipe.data), out / "prepared"
    prepare_galleries(data, root, report=report)
    if not (root / FFHQ / "hair.jsonl").is_file():
        write_hair(root / FFHQ, data / FFHQ_LABELS)
    if not (root / "reader" / "config.json").is_file():
        crops = read_crops([path.parent for path in sorted(root.glob(f"*/{MANIFEST}"))])
        reader = train_reader(crops, on_step=lambda step, *_: report and report("reader", step))
        reader.save_pretrained(root / "reader")
    for name in GUESSED_GALLERIES:
        if not (root / name / "guesses.jsonl").is_file():
            write_guesses(AttributeReader.from_pretrained(root / "reader"), root / name)
    if not (root / "tokenizer" / "tokenizer.json").is_file():
        write_tokenizer(root)
    stages = tuple(
        stage.replace(
            data=tuple(_rooted(mix, root) for mix in stage.data),
            validation=tuple(_rooted(mix, root) for mix in stage.validation),
        )
        for stage in recipe.stages
    )
    if not recipe.model.start:
        if not (root / "start" / "config.json").is_file():
            _write_start(recipe, root)
        recipe = recipe.replace(model=Model(start=str(root / "start")))
    return recipe.replace(stages=stages)


def _write_start(recipe: Recipe, root: Path) -> None:
    """Write the model that the run starts from: whole or not at all."""
    settings = recipe.model.replace(tokenizer=str(root / "tokenizer"))
    folders = [path.parent for path in sorted(root.glob(f"*/{MANIFEST}"))]
    sources = [GalleryExamples([folder], PLAIN) for folder in folders]
    model, processor = start_model(settings, sources, seed=recipe.seed)
    start_comparing(model, processor.tokenizer, seed=recipe.seed)
    write_whole(model, processor, root / "start")


def _rooted(mix: Mix, root: Path) -> Mix:
    return mix.replace(options={**mix.options, "root": str(root)})


def write_tokenizer(root: Path) -> None:
    """Learn a tokenizer from dialogues about sampled faces and the galleries' items."""
    writer = DialogueWriter(num_yes_no=12, kind_rates=dict.fromkeys(KIND_RATES, 1.0))
    tokenizer = train_tokenizer(_read_texts(root, writer), VOCAB_SIZE)
    tokenizer.save_pretrained(root / "tokenizer")


def _read_texts(root: Path, writer: DialogueWriter) -> Iterator[str]:
    for seed in range(NUM_TEXTS):
        annotation = sample_face(TEXT_SEED + seed, is_picture=seed % 3 == 0)
        dialogues = writer.write(annotation, Random(seed))
        if seed % 10 == 0:
            dialogues += write_faceless(annotation, Random(seed))
            dialogues += ask_number(annotation, seed // 10 % 4 + 1, Random(seed))
        yield from (str(m["content"]) for d in dialogues for m in d.messages)
    for part in REAL_PARTS:
        examples = GalleryExamples([root / part.name], PLAIN, writer)
        for index in range(0, len(examples), max(1, len(examples) // 800)):
            dialogues = writer.write(examples.annotation(index), Random(index))
            yield from (str(m["content"]) for d in dialogues for m in d.messages)


def _finish(
    folder: Path,
    origin: str,
    look: Callable[..., Iterator[tuple[Annotation, Look]]],
    report: Report | None,
) -> None:
    """Write a gallery, or the rest of one; ``look`` takes the number of the first item."""
    if (folder / MANIFEST).is_file():
        return
    first = count_kept(folder)

    def counted() -> Iterator[tuple[Annotation, Look]]:
        for number, item in enumerate(look(first=first), start=first + 1):
            yield item
            if report is not None:
                report(folder.name, number)

    write_gallery(folder, counted(), origin=origin, first=first)


def look_at_part(
    part: RealPart, data: Path, finder: FaceFinder, *, first: int = 0
) -> Iterator[tuple[Annotation, Look]]:
    """Look at every labelled picture of one data set, from the first that is wanted on.

    Raises:
        BadInput: It is not there.
    """
    folder = data / part.folder
    if not folder.is_dir():
        raise BadInput(f"{folder}: not there", hint="the small models learn from real faces, too")

    def pictures() -> Iterator[tuple[Annotation, np.ndarray]]:
        place = 0
        for item in SOURCES[part.source].read(folder, part.split):
            if not isinstance(item, Annotation):
                logger.info("%s: %s", part.name, item)
                continue
            if place >= first:
                yield item, open_pixels(item.media, folder)
            place += 1

    yield from join_looks(pictures(), finder)


def draw_looks(
    start: int, count: int, finder: FaceFinder, *, is_picture: bool = False, first: int = 0
) -> Iterator[tuple[Annotation, Look]]:
    """Draw clips or pictures of successive seeds and look at them as at any other.

    Those before the ``first`` that is wanted are passed over.
    """
    for seed in range(start + first, start + count):
        annotation = sample_face(seed, is_picture=is_picture)
        times = np.arange(0, annotation.duration_seconds, 1 / CLIP_FPS)
        times = np.zeros(1) if is_picture else times
        yield annotation, look_at(draw_frames(annotation, seed, times), times, finder)


def draw_frames(
    annotation: Annotation, seed: int, times_seconds: Float[np.ndarray, " frames"]
) -> UInt8[np.ndarray, "frames size size 3"]:
    """Draw some moments of a clip, shaded or flat, as a camera or a codec leaves them."""
    rng = np.random.default_rng([7, seed])
    style = "flat" if rng.random() >= 1 - FLAT_SHARE else "shaded"
    renderer = FaceRenderer(annotation, style=style, size_px=SIZE_PX, seed=seed)
    frames = np.stack([renderer.draw(float(time)) for time in times_seconds])
    if rng.random() >= COMPRESSED_SHARE:
        return frames
    quality = int(rng.integers(55, 96))
    return np.stack([_compressed(frame, quality) for frame in frames])


def _compressed(frame: UInt8[np.ndarray, "height width 3"], quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))
