"""Where runs of other families start: image tokenizers, and networks that draw and understand."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors.torch import load_model
from transformers import PreTrainedTokenizerFast

from lineament.errors import BadInput, BadModel, LineamentError
from lineament.model.drawing import IMAGE_TOKENIZER_FOLDER
from lineament.model.foreign import first_line
from lineament.model.hub import is_adapted
from lineament.model.image_tokenizer import (
    ImageTokenizer,
    ImageTokenizerConfig,
    bits_from_codes,
    image_tokenizer_tiny_config,
)
from lineament.model.image_tokenizer_training import TokenizerWeights
from lineament.model.loading import refuse_misfits
from lineament.model.lora import add_lora, read_lora_settings
from lineament.model.portrait_eyes import PortraitEyes, find_eyes_folder, load_portrait_eyes
from lineament.model.tokenizer import train_tokenizer
from lineament.model.unif2ace import UniF2aceForFaces
from lineament.model.unif2ace_config import (
    UniF2aceConfig,
    unif2ace_full_config,
    unif2ace_tiny_config,
)
from lineament.training.recipe import Model
from lineament.training.tokenizer_objective import TokenizerProcessor
from lineament.training.unified_examples import AskingExample, DrawingExample
from lineament.training.unified_family import Family, Started


@dataclass
class UnifiedProcessor:
    """What stands beside the network in a drawing model's folder.

    Attributes:
        text_tokenizer: Of prompts, questions and answers.
        image_tokenizer: Whose codes it draws; None where a run has codes alone.
        eyes: What its experts look with; None without.
    """

    text_tokenizer: Any
    image_tokenizer: ImageTokenizer | None = None
    eyes: PortraitEyes | None = None

    def save_pretrained(self, folder: Any) -> None:
        """Write all of it, so that the folder is a whole drawing model."""
        self.text_tokenizer.save_pretrained(folder)
        if self.image_tokenizer is not None:
            self.image_tokenizer.save_pretrained(Path(folder) / IMAGE_TOKENIZER_FOLDER)
        if self.eyes is not None:
            self.eyes.save(Path(folder))


def start_image_tokenizer(settings: Model, sources: Sequence[Any], seed: int) -> Started:
    """Build or load an image tokenizer.

    Raises:
        BadInput: The settings contradict each other.
        BadModel: There is no such tokenizer.
    """
    del sources
    if settings.start:
        return load_image_tokenizer(settings, Path(settings.start))
    make = image_tokenizer_tiny_config if settings.size == "tiny" else ImageTokenizerConfig
    config = _make(make, settings.changes)
    torch.manual_seed(seed)
    return ImageTokenizer(config), tokenizer_processor(settings)


def load_image_tokenizer(settings: Model, folder: Path) -> Started:
    """Load an image tokenizer, and what it is trained with.

    Raises:
        BadModel: The folder is damaged.
    """
    return _load(ImageTokenizer, folder), tokenizer_processor(settings)


def tokenizer_processor(settings: Model) -> TokenizerProcessor:
    """Return what an image tokenizer is trained with.

    ``parts.eyes`` is the folder of the encoders of the perceptual loss; ``processor`` holds
    weights of the losses, ``is_adversarial`` and ``is_entropy_joint``.

    Raises:
        BadInput: There is no such loss.
    """
    weights: dict[str, Any] = dict(settings.processor)
    is_adversarial = bool(weights.pop("is_adversarial", False))
    is_entropy_joint = bool(weights.pop("is_entropy_joint", False))
    try:
        losses = TokenizerWeights(**weights)
    except TypeError as error:
        raise BadInput(f"model.processor: {first_line(error)}") from None
    eyes = settings.parts.get("eyes")
    loaded = load_portrait_eyes(Path(eyes)) if eyes else None
    return TokenizerProcessor(loaded, losses, is_adversarial, is_entropy_joint)


def start_unif2ace(settings: Model, sources: Sequence[Any], seed: int) -> Started:
    """Build a network that draws and understands, or go on with one.

    ``start`` names a trained one, or a folder of Show-o, which gets experts on top and begins
    with its outputs. ``parts.image_tokenizer`` and ``parts.eyes`` are saved with it.

    Raises:
        BadInput: The settings contradict each other.
        BadModel: There is no such model.
    """
    if settings.start and not (Path(settings.start) / "showo.safetensors").is_file():
        return load_unif2ace(settings, Path(settings.start))
    processor = UnifiedProcessor(
        open_text_tokenizer(settings, sources), *_open_parts(settings.parts)
    )
    torch.manual_seed(seed)
    if settings.start:
        from lineament.model.hub import load_showo
        from lineament.model.showo import upcycle

        return upcycle(load_showo(settings.start), **settings.changes), processor
    config = unif2ace_config(settings, len(processor.text_tokenizer))
    model = UniF2aceForFaces(config)
    if processor.image_tokenizer is not None:
        lay_bits(model, processor.image_tokenizer.config.code_bits)
    return model, processor


@torch.no_grad()
def lay_bits(model: UniF2aceForFaces, code_bits: int) -> None:
    """Let every code begin as the sum of a vector for each of its bits, at the scale it had.

    Codes that share bits paint alike, so what is learned of one holds for its neighbours.
    Read in and said by the same vectors; nothing holds them there.
    """
    config = model.config
    if config.num_code_ids != 2**code_bits:
        return
    codes = torch.arange(config.num_code_ids).view(-1, 1, 1)
    signs = bits_from_codes(codes, code_bits).flatten(1).float() * 2 - 1
    part = slice(config.first_code_id, config.mask_id)
    vectors = torch.randn(code_bits, config.hidden_size)
    for weight in {id(w): w for w in (model.embed.weight, model.head.weight)}.values():
        rows = (signs @ vectors) * weight[part].std() / code_bits**0.5
        weight[part] = rows.to(weight.dtype)


def unif2ace_config(settings: Model, text_vocab_size: int) -> UniF2aceConfig:
    """Return one of our configurations with a recipe's changes.

    Raises:
        BadInput: The changes contradict each other.
    """
    if settings.size == "tiny":
        return _make(unif2ace_tiny_config, {"text_vocab_size": text_vocab_size} | settings.changes)
    return _make(unif2ace_full_config, settings.changes)


def load_unif2ace(settings: Model, folder: Path) -> Started:
    """Load a network, adapters included, and what is saved with it.

    Raises:
        BadModel: The folder is damaged.
    """
    network = _load_adapted(folder) if is_adapted(folder) else _load(UniF2aceForFaces, folder)
    try:
        text = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadModel(f"{folder}: no text tokenizer ({first_line(error)})") from error
    image_folder = folder / IMAGE_TOKENIZER_FOLDER
    kept = {"image_tokenizer": str(image_folder)} if image_folder.is_dir() else {}
    kept |= {"eyes": str(folder)} if find_eyes_folder(folder) else {}
    return network, UnifiedProcessor(text, *_open_parts(dict(settings.parts) | kept))


def open_text_tokenizer(settings: Model, sources: Sequence[Any]) -> Any:
    """Load the text tokenizer, or learn one from the sources' prompts, captions and dialogues.

    Raises:
        BadInput: It cannot be loaded.
    """
    if not settings.tokenizer:
        texts = read_texts(sources, settings.tokenizer_examples)
        return train_tokenizer(texts, settings.vocab_size)
    try:
        return PreTrainedTokenizerFast.from_pretrained(settings.tokenizer, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadInput(
            f"model.tokenizer: {settings.tokenizer!r} cannot be loaded", hint=first_line(error)
        ) from None


def read_texts(sources: Sequence[Any], count: int) -> Iterator[str]:
    """Yield what the first examples of all sources say; bad ones are left out."""
    for source in sources:
        for index in range(min(count, len(source))):
            try:
                example = source.read(index, 0)
            except LineamentError:
                continue
            if isinstance(example, DrawingExample):
                yield from (example.prompt, example.caption)
            elif isinstance(example, AskingExample):
                for dialogue in example.dialogues:
                    for message in dialogue.messages:
                        is_asked = message["role"] == "user"
                        yield (
                            f"USER: {message['content']} ASSISTANT:"
                            if is_asked
                            else (f" {message['content']}")
                        )


def _open_parts(parts: Mapping[str, str]) -> tuple[ImageTokenizer | None, PortraitEyes | None]:
    image, eyes = parts.get("image_tokenizer"), parts.get("eyes")
    return (
        _load(ImageTokenizer, Path(image)).requires_grad_(False) if image else None,
        load_portrait_eyes(Path(eyes)) if eyes else None,
    )


def _load(kind: Any, folder: Path) -> Any:
    """Load weights strictly, in 32 bits.

    Raises:
        BadModel: Something is missing, left over or of another shape.
    """
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
        if found != kind.config_class.model_type:
            raise BadModel(f"{folder}: expected {kind.config_class.model_type}, got {found}")
        model, report = kind.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, output_loading_info=True
        )
    except LineamentError:
        raise
    except Exception as error:  # damaged files raise whatever their readers raise
        raise BadModel(f"{folder}: the model cannot be read ({first_line(error)})") from error
    refuse_misfits(report, folder, hint="train it again")
    return model


def _load_adapted(folder: Path) -> UniF2aceForFaces:
    """Load a network whose adapters are not merged, as a stage with them leaves its checkpoints.

    Raises:
        BadModel: The folder is damaged.
    """
    settings = read_lora_settings(folder)
    assert settings is not None
    try:
        network = UniF2aceForFaces(UniF2aceConfig.from_pretrained(folder, local_files_only=True))
        add_lora(network, settings)
        load_model(network, folder / "model.safetensors", strict=True)
    except Exception as error:  # as `_load`
        message = f"{folder}: the adapted model cannot be read ({first_line(error)})"
        raise BadModel(message, hint="train it again") from error
    return network


def _make(make: Callable[..., Any], changes: Mapping[str, Any]) -> Any:
    try:
        return make(**changes)
    except (StrictDataclassError, TypeError, ValueError) as error:
        raise BadInput(f"model.changes: {first_line(error.__cause__ or error)}") from None


IMAGE_TOKENIZER = Family(start_image_tokenizer, load_image_tokenizer)
UNIF2ACE = Family(start_unif2ace, load_unif2ace)
