"""What scene-tiny learns from, prepared: drawn and real pictures, their texts, the encoder."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from lineament.annotation import Annotation
from lineament.errors import BadInput, BadMedia
from lineament.model.tokenizer import train_tokenizer
from lineament.records.record import Record
from lineament.records.sources.pixels import open_pixels
from lineament.records.sources.rendered import FIRST_SEED
from lineament.records.sources.scenes.adapt import adapt_annotation, flaws_of
from lineament.records.sources.table import require_source
from lineament.records.write.scenes.writer import SceneWriter
from lineament.render.scenes import draw_scene, sample_scene
from lineament.training.recipe import Mix, Model, Recipe
from lineament.training.scene_alignment import align_adapter
from lineament.training.scene_encoder import train_scene_encoder
from lineament.training.scene_gallery import (
    Pictured,
    SceneGallery,
    has_gallery,
    write_scene_gallery,
)
from lineament.training.scene_start import start_looking
from lineament.training.start import start_model, write_whole

SCENES_A_GALLERY = 500
# Of each drawn scene; an epoch shows some of them.
COUNTS: Mapping[str, int] = {
    "scene_local": 1, "scene_global": 1, "scene_dialogue": 1, "scene_count": 6, "scene_yes_no": 8,
    "scene_position": 4, "scene_color": 2, "scene_relation": 6, "scene_comparison": 2,
    "scene_kind": 2, "scene_reasoning": 2, "scene_box": 8,
    "scene_unanswerable": 3,
}  # fmt: skip
# What a recipe's first mix says beside what its source takes.
SETTINGS = ("num_scenes", "num_more", "num_checked", "encoder_steps", "align_steps")
VOCAB_SIZE = 2048
MORE = "more*"  # galleries that some recipes end with
Report = Callable[[str, int], None]


class RealPart(NamedTuple):
    """Labels of a train part, and where pictures of it lie.

    Attributes:
        source: Whose labels.
        labels: Its folder.
        split: Which part.
        pictures: Folder of the pictures, by their bare names.
        within: Only pictures that this part names, too; by its place in the list.
    """

    source: str
    labels: str
    split: str
    pictures: str
    within: int = -1


# RSVQA's pictures are held out: they are what real scores are reported on.
REAL_PARTS = (
    RealPart("rsicd", "captions_precomp/rsicd", "train", "caption_images/rsicd/images"),
    RealPart("ucm-captions", "captions_precomp/ucm", "train", "caption_images/ucm/images"),
    RealPart("sydney-captions", "captions_precomp/sydney", "train", "caption_images/sydney/images"),
    RealPart("rsivqa", "rsivqa", "aid", "caption_images/rsicd/images", 0),
    RealPart("rsivqa", "rsivqa", "ucm", "caption_images/ucm/images", 1),
    RealPart("rsivqa", "rsivqa", "sydney", "caption_images/sydney/images", 2),
)


def prepare_scene_tiny(recipe: Recipe, out: Path, report: Report | None = None) -> Recipe:
    """Make galleries, tokenizer, encoder and the aligned start, as far as they lack.

    Returns the recipe to run.

    Everything lies in ``prepared`` below the run's folder; stopped, it goes on gallery by gallery.
    Without ``data`` only drawn scenes are learned from.

    Raises:
        BadInput: The real data are not where the recipe says.
    """
    root = out / "prepared"
    settings, recipe = take_settings(recipe)
    vision = recipe.model.changes["vision_config"]
    size_px, grid = vision["image_size"], vision["image_size"] // vision["patch_size"]
    told = report or (lambda _name, _count: None)
    seed = FIRST_SEED["train"]
    train = _draw_galleries(root, "scenes", seed, settings["num_scenes"], size_px, grid, told)
    if any(MORE in mix.options["folders"] for stage in recipe.stages for mix in stage.data):
        seed += settings["num_scenes"]
        _draw_galleries(root, "more", seed, settings["num_more"], size_px, grid, told)
    seed = FIRST_SEED["dev"]
    _draw_galleries(root, "check", seed, settings["num_checked"], size_px, grid, told)
    if recipe.data and not has_gallery(root / "real"):
        items = read_real(Path(recipe.data))
        write_scene_gallery(root / "real", items, size_px=size_px, grid=grid)
    if not (root / "tokenizer" / "tokenizer.json").is_file():
        names = [*train, *([root / "real"] if has_gallery(root / "real") else [])]
        train_tokenizer(_read_texts(names), VOCAB_SIZE).save_pretrained(root / "tokenizer")
    if not (root / "encoder" / "config.json").is_file():
        galleries = [SceneGallery(folder) for folder in train]
        train_scene_encoder(
            galleries, vision, root / "encoder",
            num_steps=settings["encoder_steps"], seed=recipe.seed, report=report,
        )  # fmt: skip
    if not recipe.model.start:
        aligned = root / "aligned"
        if not (aligned / "config.json").is_file():
            _align(recipe, root, train, settings["align_steps"], report)
        recipe = recipe.replace(model=Model(start=str(aligned)))
    return root_mixes(recipe, root)


def _align(
    recipe: Recipe, root: Path, train: list[Path], num_steps: int, report: Report | None
) -> None:
    """Write the model that the run starts from: whole or not at all."""
    parts = {**recipe.model.parts, "general_encoder": str(root / "encoder")}
    settings = recipe.model.replace(tokenizer=str(root / "tokenizer"), parts=parts)
    model, processor = start_model(settings, (), seed=recipe.seed)
    galleries = [SceneGallery(folder) for folder in train]
    align_adapter(
        model, processor.tokenizer, galleries,
        num_steps=num_steps, seed=recipe.seed, report=report,
    )  # fmt: skip
    start_looking(model, processor.tokenizer, galleries, seed=recipe.seed)
    write_whole(model, processor, root / "aligned")


def take_settings(recipe: Recipe) -> tuple[dict[str, int], Recipe]:
    """Return what is to be prepared, and the recipe without these settings.

    Raises:
        BadInput: The first mix of the first stage lacks one.
    """
    first, *others = recipe.stages
    mix, *rest = first.data
    options = dict(mix.options)
    missing = [name for name in SETTINGS if name not in options]
    if missing:
        where = f"stages.0.data.0.options.{missing[0]}"
        raise BadInput(f"{recipe.name}: {where} is missing", hint="a number of scenes or of steps")
    found = {name: int(options.pop(name)) for name in SETTINGS}
    data = (mix.replace(options=options), *rest)
    return found, recipe.replace(stages=(first.replace(data=data), *others))


def root_mixes(recipe: Recipe, root: Path) -> Recipe:
    """Return the recipe with galleries below a folder, without mixes that have none there."""

    def rooted(mixes: tuple[Mix, ...]) -> tuple[Mix, ...]:
        return tuple(
            mix.replace(options={**mix.options, "root": str(root)})
            for mix in mixes
            if any(has_gallery(p) for glob in mix.options["folders"] for p in root.glob(glob))
        )

    stages = tuple(
        stage.replace(data=rooted(stage.data), validation=rooted(stage.validation))
        for stage in recipe.stages
    )
    return recipe.replace(stages=stages)


def _draw_galleries(
    root: Path, name: str, seed: int, count: int, size_px: int, grid: int, report: Report
) -> list[Path]:
    folders = []
    for first in range(0, count, SCENES_A_GALLERY):
        folder = root / f"{name}{first // SCENES_A_GALLERY}"
        folders.append(folder)
        if not has_gallery(folder):
            number = min(SCENES_A_GALLERY, count - first)
            items = draw_scenes(seed + first, number, size_px)
            counted = _count(items, folder.name, report)
            write_scene_gallery(folder, counted, size_px=size_px, grid=grid)
    return folders


def draw_scenes(first: int, count: int, size_px: int) -> Iterator[Pictured]:
    """Draw scenes of successive seeds and write about each."""
    for seed in range(first, first + count):
        annotation = without_lengths(sample_scene(seed, size_px=size_px))
        records = tuple(SceneWriter(COUNTS, seed).write(annotation))
        pixels = draw_scene(annotation, size_px=size_px, seed=seed)
        yield Pictured(f"scene {seed}", pixels, records, annotation)


def without_lengths(annotation: Annotation) -> Annotation:
    """Return a scene as pixels alone show it: no length on the ground, which needs a scale."""
    facts = tuple(fact for fact in annotation.facts if fact.name != "length_meters")
    return replace(annotation, facts=facts)


def read_real(data: Path) -> Iterator[Pictured]:
    """Yield the real pictures at hand with what their labels say, a record for each caption.

    Raises:
        BadInput: A part's labels are not there.
    """
    said: dict[Path, list[Record]] = {}
    names: list[set[str]] = []
    for part in REAL_PARTS:
        if not (data / part.labels).is_dir():
            raise BadInput(f"{data / part.labels}: not there", hint="--set data=FOLDER, or none")
        names.append(set())
        for row in require_source(part.source).read(data / part.labels, part.split):
            if not isinstance(row, Annotation):
                continue
            name = Path(row.media).name
            names[-1].add(name)
            path = data / part.pictures / name
            if path.is_file() and (part.within < 0 or name in names[part.within]):
                found = adapt_annotation(row, {"source": part.source})
                said.setdefault(path, []).extend(r for r in found if not flaws_of(r))
    for path, records in sorted(said.items()):
        try:
            pixels = open_pixels(path.name, path.parent)
        except BadMedia:
            continue
        yield Pictured(str(path.relative_to(data)), pixels, tuple(records))


def _count(items: Iterator[Pictured], name: str, report: Report) -> Iterator[Pictured]:
    for number, item in enumerate(items, start=1):
        yield item
        report(name, number)


def _read_texts(folders: list[Path]) -> Iterator[str]:
    for folder in folders:
        gallery = SceneGallery(folder)
        for index in range(0, len(gallery), max(1, len(folders) // 4)):
            for said in gallery.said(index):
                yield from said.texts
