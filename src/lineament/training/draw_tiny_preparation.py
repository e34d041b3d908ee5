"""What draw-tiny learns from, prepared: portraits, eyes, image tokenizer, codes, text tokenizer."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from lineament.errors import BadInput, LineamentError
from lineament.model.hub import load
from lineament.model.image_tokenizer import ImageTokenizer
from lineament.model.portrait_eyes import PortraitEyes, find_eyes_folder, load_portrait_eyes
from lineament.model.tokenizer import train_tokenizer
from lineament.training.dialogues import KIND_RATES, DialogueWriter
from lineament.training.draw_tiny_codes import write_codes, write_features
from lineament.training.draw_tiny_portraits import (
    Portraits,
    cut_portraits,
    draw_portraits,
    write_portraits,
)
from lineament.training.gallery import MANIFEST
from lineament.training.preparation import prepare_chat_tiny
from lineament.training.recipe import Mix, Model, Recipe, Stage
from lineament.training.run import run_recipe
from lineament.training.unified_captions import write_long_caption, write_prompt
from lineament.training.unified_examples import open_portraits

GALLERIES = ("fairface-train", "ffhq-train", "lfw-train", "clips*", "stills*")
CHAT_MODEL = "chat-tiny"  # whose encoders are the eyes
NUM_DRAWN = 5000
VOCAB_SIZE, NUM_TEXTS = 4096, 4000
TOKENIZER_FOLDER, PREPARED = "tokenizer", "prepared"

Report = Callable[[str, int], None]


def prepare_tokenizer_run(recipe: Recipe, out: Path, report: Report | None = None) -> Recipe:
    """Cut and draw the portraits and set the eyes up, as far as they lack.

    ``recipe.data`` is a folder of prepared galleries, or of the real data sets, from which
    galleries are prepared first as chat-tiny does.

    Raises:
        BadInput: The recipe names no data, or there is none.
    """
    root = out / PREPARED
    prepare_portraits(find_galleries(recipe, out, report), root, report=report)
    prepare_eyes(root / "eyes")
    parts = {**recipe.model.parts, "eyes": str(root / "eyes")}
    model = recipe.model.replace(parts=parts)
    return recipe.replace(stages=_root_stages(recipe, root), model=model)


def prepare_unified_run(
    recipe: Recipe, tokenizer_recipe: Recipe, out: Path, report: Report | None = None
) -> Recipe:
    """Train the image tokenizer where it lacks, keep all codes, and learn the text tokenizer.

    Args:
        recipe: Of the network.
        tokenizer_recipe: Of the image tokenizer; its run lies in ``tokenizer`` below ``out``.
        out: Folder of the network's run.
        report: Told what is done and how far it is.

    Raises:
        BadInput: There is no data.
        LineamentError: The tokenizer's training was stopped.
    """
    folder = out / TOKENIZER_FOLDER
    root = folder / PREPARED
    ready = prepare_tokenizer_run(tokenizer_recipe.replace(data=recipe.data), folder, report)
    if not (folder / "model" / "config.json").is_file():
        train_image_tokenizer(ready, folder, report)
    eyes = load_portrait_eyes(root / "eyes")
    tokenizer = ImageTokenizer.from_pretrained(folder / "model", local_files_only=True)
    for path in sorted((root / "portraits").glob(f"*/{MANIFEST}")):
        portraits = Portraits(path.parent)
        write_features(portraits, eyes, root / "codes" / portraits.name, report)
        write_codes(portraits, tokenizer, root / "codes" / portraits.name, report)
    if not (root / "text" / "tokenizer.json").is_file():
        train_tokenizer(read_portrait_texts(root), VOCAB_SIZE).save_pretrained(root / "text")
    parts = {"image_tokenizer": str(folder / "model"), "eyes": str(root / "eyes")}
    model = fit_eyes(recipe.model, eyes).replace(tokenizer=str(root / "text"), parts=parts)
    return recipe.replace(stages=_root_stages(recipe, root), model=model)


def fit_eyes(model: Model, eyes: PortraitEyes) -> Model:
    """Make the experts as wide as what the eyes see."""
    widths = {"clip_dim": eyes.whole_dim, "face_dim": eyes.face_dim}
    return model.replace(changes={**model.changes, **widths})


def train_image_tokenizer(recipe: Recipe, folder: Path, report: Report | None = None) -> None:
    """Run the tokenizer's recipe, or go on with it.

    Raises:
        LineamentError: It was stopped.
    """

    def tell(stage: str, step: int, loss: float) -> None:
        del loss
        if report is not None:
            report(f"the image {stage}", step)

    sources = {"portraits": open_portraits}
    result = run_recipe(recipe, folder, resume=True, sources=sources, on_progress=tell)
    if result.status != "done":
        raise LineamentError(
            f"{folder}: training of the image tokenizer was stopped", hint="run it again"
        )


def find_galleries(recipe: Recipe, out: Path, report: Report | None = None) -> Path:
    """Return the folder of galleries that ``recipe.data`` is, or that are made from it.

    Raises:
        BadInput: There is none.
    """
    if not recipe.data:
        raise BadInput("data: not set", hint="--set data=FOLDER, of galleries or of data sets")
    data = Path(recipe.data)
    if any(data.glob(f"*/{MANIFEST}")):
        return data
    prepare_chat_tiny(recipe, out, report)
    return out / PREPARED


def prepare_portraits(
    galleries: Path,
    root: Path,
    *,
    num_drawn: int = NUM_DRAWN,
    num_workers: int | None = None,
    report: Report | None = None,
) -> None:
    """Cut the portraits of every gallery and draw new ones; what is whole is left alone."""
    folders = [path for name in GALLERIES for path in sorted(galleries.glob(name))]
    for folder in folders:
        target = root / "portraits" / folder.name
        if (folder / MANIFEST).is_file() and not (target / MANIFEST).is_file():
            count = write_portraits(target, cut_portraits(folder))
            if report is not None:
                report(f"portraits of {folder.name}", count)
    target = root / "portraits" / "drawn"
    if not (target / MANIFEST).is_file():
        workers = num_workers or os.cpu_count() or 1
        write_portraits(target, draw_portraits(num_drawn, workers, report))


def prepare_eyes(folder: Path) -> None:
    """Take the encoders of the chat model, as it is installed, for eyes."""
    if not find_eyes_folder(folder):
        take_eyes(CHAT_MODEL).save(folder)


def take_eyes(chat_model: str | Path) -> PortraitEyes:
    """Return the convolutional towers of a chat model.

    Raises:
        BadModel: There is no such model.
        BadInput: It has other encoders.
    """
    loaded = load(chat_model)
    media, processor = loaded.model.media, loaded.processor
    towers = [getattr(part, "tower", None) for part in (media.face_encoder, media.general_encoder)]
    if any(tower is None or not hasattr(tower, "stages") for tower in towers):
        raise BadInput(f"{chat_model}: has no convolutional encoders to look with")
    means = {"face": processor.face_mean, "whole": processor.frame_mean}
    stds = {"face": processor.face_std, "whole": processor.frame_std}
    return PortraitEyes(
        towers[0],  # type: ignore[arg-type]
        towers[1],  # type: ignore[arg-type]
        {name: list(values) for name, values in means.items()},
        {name: list(values) for name, values in stds.items()},
    )


def read_portrait_texts(root: Path, count: int = NUM_TEXTS) -> Iterator[str]:
    """Yield prompts, captions and dialogues about some portraits of every folder."""
    writer = DialogueWriter(num_yes_no=12, kind_rates=dict.fromkeys(KIND_RATES, 1.0))
    paths = sorted((root / "portraits").glob(f"*/{MANIFEST}"))
    for path in paths:
        portraits = Portraits(path.parent)
        step = max(1, len(portraits) * len(paths) // count)
        for index in range(0, len(portraits), step):
            annotation, rng = portraits.annotation(index), Random(index)
            style = portraits.style(index)
            for _ in range(3):
                yield write_prompt(annotation, rng, style=style)
            yield write_long_caption(annotation, rng, style=style)
            for dialogue in writer.write(annotation, rng):
                for message in dialogue.messages:
                    is_asked = message["role"] == "user"
                    said = message["content"]
                    yield f"USER: {said} ASSISTANT:" if is_asked else f" {said}"


def _root_stages(recipe: Recipe, root: Path) -> tuple[Stage, ...]:
    def rooted(mixes: tuple[Mix, ...]) -> tuple[Mix, ...]:
        return tuple(mix.replace(options={**mix.options, "root": str(root)}) for mix in mixes)

    return tuple(
        stage.replace(data=rooted(stage.data), validation=rooted(stage.validation))
        for stage in recipe.stages
    )
