"""Where a run starts: a trained model, or a new one with a tokenizer from the data's own text."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub.errors import StrictDataclassError
from transformers.utils.logging import disable_progress_bar

from lineament.errors import BadInput, LineamentError
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import (
    FaVChatConfig,
    favchat_full_config,
    favchat_tiny_config,
)
from lineament.model.foreign import first_line
from lineament.model.hub import is_adapted, load
from lineament.model.lora import (
    LoraSettings,
    add_lora,
    find_lora,
    write_lora_settings,
)
from lineament.model.processor import FaVChatProcessor
from lineament.model.qwen_chat import is_qwen_vl
from lineament.model.tokenizer import FRAME_TOKEN, prepare_tokenizer, train_tokenizer
from lineament.training.examples import ExampleSource
from lineament.training.model_settings import check_changes, check_model
from lineament.training.qwen_start import (
    is_qwen_start,
    load_qwen_start,
    model_class_of,
    qwen3_config,
    qwen25_config,
    start_from_qwen,
)
from lineament.training.recipe import Lora, Model

Started = tuple[FaVChatForConditionalGeneration, FaVChatProcessor]


def start_model(settings: Model, sources: Sequence[ExampleSource], *, seed: int) -> Started:
    """Build or load the model that a recipe names.

    Landmarks that the sources do not bring may come with those of a later stage; see `rehearse`.

    Args:
        settings: The recipe's.
        sources: The first stage's, for what is learned from data: tokenizer, landmark scale.
        seed: Decides first weights.

    Raises:
        BadInput: The settings contradict each other.
        BadModel: There is no such model.
    """
    check_model(settings)
    if settings.start and not is_qwen_vl(settings.start):
        return _load(settings.start)
    if settings.start:
        torch.manual_seed(seed)
        model, processor = start_from_qwen(settings)
        check_changes(settings.changes, model.config)
    else:
        model, processor = _start_new(settings, sources, seed)
    fit_landmarks(model, sources, settings.fit_landmarks)
    return model, processor


def _start_new(settings: Model, sources: Sequence[ExampleSource], seed: int) -> Started:
    sized_config(settings)  # what is wrong with it is told before a tokenizer is learned
    tokenizer = open_tokenizer(settings, sources)
    config = new_config(settings, tokenizer)
    torch.manual_seed(seed)
    model = model_class_of(config)(config)
    # Without these, `generate` would talk on behind the end of an answer.
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    if settings.parts:
        from lineament.training.parts import install_parts

        install_parts(model, settings.parts)
    return model, FaVChatProcessor.for_model(config, tokenizer, **settings.processor)


def new_config(settings: Model, tokenizer: Any) -> FaVChatConfig:
    """Return the configuration of a new model that fits its tokenizer.

    Raises:
        BadInput: The changes contradict each other.
    """
    text = dict(settings.changes.get("text_config", {}))
    text["pad_token_id"] = tokenizer.pad_token_id
    if settings.size == "tiny":
        text = {"vocab_size": len(tokenizer)} | text
    frame_token_id = int(tokenizer.convert_tokens_to_ids(FRAME_TOKEN))
    changes = settings.changes | {"text_config": text, "frame_token_id": frame_token_id}
    return sized_config(settings.replace(changes=changes))


def sized_config(settings: Model) -> FaVChatConfig:
    """Return one of our configurations with a recipe's changes, those of its parts included.

    Raises:
        BadInput: A change is unknown, or they contradict each other.
    """
    make = SIZES[settings.size]
    defaults = make()
    changes = dict(settings.changes)
    check_changes(changes, defaults)
    for part in ("text_config", "vision_config", "face_config"):
        if part in changes and "model_type" not in changes[part]:
            default = getattr(defaults, part).to_dict()
            default.pop("layer_types", None)  # follows from the number of layers
            changes[part] = default | changes[part]
    try:
        return make(**changes)
    except (StrictDataclassError, TypeError, ValueError) as error:
        raise BadInput(f"model.changes: {first_line(error.__cause__ or error)}") from None


def llava_config(**changes: Any) -> FaVChatConfig:
    """Return LLaVA-1.5-7B's shape as FaVChat: one frame is one picture of 24x24 tokens."""
    settings: dict[str, Any] = {
        "text_config": {
            "model_type": "llama",
            "vocab_size": 32064,
            "hidden_size": 4096,
            "intermediate_size": 11008,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "max_position_embeddings": 4096,
        },
        "vision_config": {
            "model_type": "clip_vision_model",
            "hidden_size": 1024,
            "intermediate_size": 4096,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "image_size": 336,
            "patch_size": 14,
        },
        "frame_token_id": 32000,
        "token_grid": (24, 24),
        "general_layer": -2,
        "fusion": "general_only",
        "use_face": False,
        "use_landmarks": False,
        "landmark_tokens": 0,
        "face_starts_at_zero": True,
    }
    return FaVChatConfig(**(settings | changes))


def open_tokenizer(settings: Model, sources: Sequence[ExampleSource]) -> Any:
    """Load the tokenizer, or learn one from the sources' text.

    Raises:
        BadInput: It cannot be loaded.
    """
    if not settings.tokenizer:
        texts = read_texts(sources, settings.tokenizer_examples)
        return train_tokenizer(texts, settings.vocab_size)
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(settings.tokenizer)
    except (OSError, ValueError) as error:
        raise BadInput(
            f"model.tokenizer: {settings.tokenizer!r} cannot be loaded",
            hint=str(error).splitlines()[0],
        ) from None
    prepare_tokenizer(tokenizer)
    return tokenizer


def read_texts(sources: Sequence[ExampleSource], count: int) -> Iterator[str]:
    """Yield the text of the first examples of all sources; bad ones are left out."""
    for source in sources:
        for index in range(min(count, len(source))):
            try:
                example = source.read(index, 0)
            except LineamentError:
                continue
            for dialogue in example.dialogues:
                for message in dialogue.messages:
                    content = message["content"]
                    if isinstance(content, str):
                        yield content
                    else:
                        yield from (part["text"] for part in content if part["type"] == "text")


def fit_landmarks(model: Any, sources: Sequence[ExampleSource], count: int) -> bool:
    """Give the landmark stream the mean and scale of the points of each source's first examples.

    Returns:
        Whether it has them now, or needs none.

    Raises:
        BadInput: The points are not those that the model reads.
    """
    stream = model.media.landmark_stream
    if stream is None or not count:
        return True
    points = []
    for source in sources:
        for index in range(min(count, len(source))):
            try:
                visual = source.read(index, 0).visual
            except LineamentError:
                continue
            if visual is None or visual.landmarks is None:
                continue
            mask = visual.landmark_mask
            rows = visual.landmarks if mask is None else visual.landmarks[mask]
            points.append(rows.reshape(-1, *visual.landmarks.shape[-2:]))
    if not points or not sum(map(len, points)):
        return False
    stacked = np.concatenate(points).astype(np.float64)
    if stacked.shape[1:] != stream.mean.shape:
        raise BadInput(
            f"model.fit_landmarks: examples have {stacked.shape[1]} points of a face, "
            f"the model reads {len(stream.mean)}",
            hint="set model.changes.num_landmarks",
        )
    stream.mean.copy_(torch.from_numpy(stacked.mean(0)))
    stream.scale.copy_(torch.from_numpy(np.maximum(stacked.std(0), 1e-3)))
    return True


def save_trained(model: Any, processor: Any, folder: Path) -> None:
    """Write a model, how it is adapted, and what prepares its input."""
    model.save_pretrained(folder)
    write_lora_settings(model, folder)
    processor.save_pretrained(folder)


def write_whole(model: Any, processor: Any, folder: Path) -> None:
    """Write a model that a run starts from: whole or not at all."""
    disable_progress_bar()  # of parts that are read in a moment
    draft = folder.with_suffix(".draft")
    shutil.rmtree(draft, ignore_errors=True)
    model.save_pretrained(draft)
    processor.save_pretrained(draft)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def load_trained(folder: Path) -> Started:
    """Load what `save_trained` wrote, adapters included.

    Raises:
        BadModel: The folder is damaged.
    """
    if is_adapted(folder):
        loaded = load(folder)
        return loaded.model, loaded.processor
    return _load(folder)


def _load(place: str | Path) -> Started:
    if is_qwen_start(place):
        return load_qwen_start(place)
    loaded = load(place)
    return loaded.model, loaded.processor


def adapt_model(model: Any, lora: Lora | None, *, seed: int) -> None:
    """Put a stage's adapters on a model that has none yet.

    Raises:
        BadInput: They name no layer, or the model has other ones.
    """
    if lora is None:
        return
    row = lora.model_dump()
    row.pop("balance_weight")
    settings = LoraSettings(**row)
    before = find_lora(model)
    if before is None:
        torch.manual_seed(seed)
        add_lora(model, settings)
    elif before != settings:
        raise BadInput("lora: the model has adapters with other settings already")


SIZES: Mapping[str, Callable[..., FaVChatConfig]] = {
    "tiny": favchat_tiny_config,
    "full": favchat_full_config,
    "llava": llava_config,
    "qwen2.5-vl": qwen25_config,
    "qwen3-vl": qwen3_config,
}
