"""Checkpoints converted: foreign ones in, ours merged or put together from shards."""

import json
import shutil
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from lineament.errors import BadInput, BadModel
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.foreign import favchat_from_llava, first_line, load_face_encoder
from lineament.model.loading import refuse_misfits
from lineament.model.lora import (
    add_lora,
    find_lora,
    merge_lora,
    read_lora_settings,
    write_lora_settings,
)
from lineament.model.processor import FaVChatProcessor
from lineament.model.qwen_chat import QwenChat
from lineament.model.tokenizer import CHAT_TEMPLATE, FRAME_TOKEN
from lineament.training.start import load_trained, save_trained

_SETTINGS = (".json", ".jinja", ".txt", ".model")
_NOT_OF_MODEL = ("trainer_state.json", "run_state.json", "model.safetensors.index.json")


def convert_clip(source: Path, out: Path) -> int:
    """Write the picture half of a CLIP or FaRL file as a ``transformers`` model.

    Raises:
        BadModel: The file is none.
    """
    encoder = load_face_encoder(source)
    encoder.save_pretrained(out)
    return encoder.num_parameters()


def convert_llava(source: Path, out: Path) -> int:
    """Write a LLaVA-1.5 model as FaVChat that gives the same logits, its face path closed.

    Its placeholder for pictures becomes ours, and its other special tokens are kept.

    Raises:
        BadModel: The folder holds no such model, or not all of its weights.
    """
    from transformers import AutoConfig, AutoTokenizer, LlavaForConditionalGeneration

    try:
        found = AutoConfig.from_pretrained(source).model_type
        if found != "llava":
            raise BadModel(f"{source}: expected a LLaVA (model_type llava), got {found}")
        loaded: Any = LlavaForConditionalGeneration.from_pretrained(
            source, dtype="float32", ignore_mismatched_sizes=True, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise BadModel(f"{source}: cannot be read as LLaVA ({first_line(error)})") from None
    llava, report = loaded
    # What is left over does no harm: older ones keep tables that are computed now.
    refuse_misfits({**report, "unexpected_keys": ()}, source, hint="download it again")
    changes = {"use_face": False, "use_landmarks": False, "fusion": "general_only"}
    model = favchat_from_llava(llava, **changes)
    tokenizer.add_tokens([FRAME_TOKEN], special_tokens=True)
    model.config.frame_token_id = int(tokenizer.convert_tokens_to_ids(FRAME_TOKEN))
    embeddings: Any = model.get_input_embeddings()
    num_rows = len(embeddings.weight)
    if len(tokenizer) > num_rows:
        model.resize_token_embeddings(len(tokenizer))
    tokenizer.chat_template = CHAT_TEMPLATE
    processor = FaVChatProcessor.for_model(model.config, tokenizer)
    save_trained(model, processor, out)
    return model.num_parameters()


def merge_adapters(source: Path, out: Path) -> int:
    """Write a model with its adapters added to the weights.

    Raises:
        BadInput: There are none, or they are experts, which depend on the input.
    """
    model, processor = load_trained(source)
    if find_lora(model) is None:
        raise BadInput(f"{source}: has no adapters", hint="it can be used as it is")
    merge_lora(model)
    save_trained(model, processor, out)
    return model.num_parameters()


def consolidate_shards(source: Path, out: Path) -> int:
    """Write the shards of a distributed checkpoint as one model folder that can be loaded.

    Configuration and what prepares input are taken from the shards' folder or the one above it,
    as accelerate lays them.

    Raises:
        BadModel: The folder is no distributed checkpoint, or not one of a model of ours.
    """
    weights = _read_shards(source)
    beside = next((f for f in (source, source.parent) if (f / "config.json").is_file()), None)
    if beside is None:
        raise BadModel(
            f"{source}: no config.json beside the shards",
            hint="copy config.json and the tokenizer's and processor's files there",
        )
    model = _build_bare(beside)
    own = model.state_dict()
    named = {_strip(name, own): value for name, value in weights.items()}
    missing = sorted(own.keys() - named.keys())
    if missing:
        raise BadModel(f"{source}: {len(missing)} weights are missing, {missing[0]} first")
    try:
        model.load_state_dict({name: named[name] for name in own})
    except RuntimeError as error:
        raise BadModel(f"{source}: does not fit its config.json ({first_line(error)})") from None
    model.save_pretrained(out)
    write_lora_settings(model, out)
    for path in beside.iterdir():
        is_setting = path.suffix in _SETTINGS and path.name not in _NOT_OF_MODEL
        if is_setting and not (out / path.name).exists():
            shutil.copyfile(path, out / path.name)
        elif path.is_dir() and (path / "config.json").is_file():  # a part, such as a tokenizer
            shutil.copytree(path, out / path.name)
    return model.num_parameters()


def _build_bare(folder: Path) -> Any:
    """Build the model that a folder's configuration describes, adapters included."""
    from lineament.model.image_tokenizer import ImageTokenizer
    from lineament.model.unif2ace import UniF2aceForFaces

    kinds: tuple[Any, ...] = (
        FaVChatForConditionalGeneration,
        QwenChat,
        UniF2aceForFaces,
        ImageTokenizer,
    )
    try:
        model_type = json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]
        known: dict[str, Any] = {kind.config_class.model_type: kind for kind in kinds}
        kind = known[model_type]
        model = kind(kind.config_class.from_pretrained(folder))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadModel(f"{folder}: config.json is none of ours ({first_line(error)})") from None
    adapted = read_lora_settings(folder)
    if adapted is not None:
        add_lora(model, adapted)
    return model


def _read_shards(source: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a distributed checkpoint whole, under their full names."""
    from torch.distributed.checkpoint.default_planner import _EmptyStateDictLoadPlanner
    from torch.distributed.checkpoint.filesystem import FileSystemReader
    from torch.distributed.checkpoint.state_dict_loader import _load_state_dict

    if not (source / ".metadata").is_file():
        raise BadModel(f"{source}: no distributed checkpoint (.metadata) in it")
    content: dict[str, Any] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that one process reads alone is what we want
            _load_state_dict(
                content,
                storage_reader=FileSystemReader(source),
                planner=_EmptyStateDictLoadPlanner(),
                no_dist=True,
            )
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise BadModel(f"{source}: damaged ({first_line(error)})") from None
    return dict(_tensors(content, ""))


def _strip(name: str, own: Collection[str]) -> str:
    """Take off what wrappers put in front of a weight's name."""
    while name not in own and name.startswith(("model.", "module.")):
        name = name.partition(".")[2]
    return name


def _tensors(content: Any, name: str) -> list[tuple[str, torch.Tensor]]:
    if isinstance(content, torch.Tensor):
        return [(name, content)]
    found = []
    for key, value in content.items() if isinstance(content, dict) else ():
        found += _tensors(value, f"{name}.{key}".strip("."))
    return found
