"""Checkpoints converted: foreign ones in, ours merged or put together from shards."""

import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from lineament.errors import BadInput, BadModel
from lineament.model.foreign import favchat_from_llava, first_line, load_face_encoder
from lineament.model.lora import find_lora, merge_lora
from lineament.model.processor import FaVChatProcessor
from lineament.model.tokenizer import CHAT_TEMPLATE, FRAME_TOKEN
from lineament.training.start import load_trained, save_trained


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
        BadModel: The folder holds no such model.
    """
    from transformers import AutoTokenizer, LlavaForConditionalGeneration

    try:
        llava: Any = LlavaForConditionalGeneration.from_pretrained(source, dtype="float32")
        tokenizer = AutoTokenizer.from_pretrained(source)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise BadModel(f"{source}: cannot be read as LLaVA ({first_line(error)})") from None
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
    """Put the shards of a distributed checkpoint into one file ``model.safetensors``.

    Raises:
        BadModel: The folder is no distributed checkpoint.
    """
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
    weights = {_strip(name): value for name, value in _tensors(content, "")}
    kept: dict[str, torch.Tensor] = {}
    places: set[int] = set()
    for name, value in weights.items():
        if value.data_ptr() not in places:  # tied weights stand once
            places.add(value.data_ptr())
            kept[name] = value.contiguous()
    out.mkdir(parents=True, exist_ok=True)
    save_file(kept, out / "model.safetensors", metadata={"format": "pt"})
    return sum(value.numel() for value in kept.values())


def _strip(name: str) -> str:
    """Take off what wrappers put in front of a weight's name."""
    while name.startswith("model."):
        name = name.removeprefix("model.")
    return name


def _tensors(content: Any, name: str) -> list[tuple[str, torch.Tensor]]:
    if isinstance(content, torch.Tensor):
        return [(name, content)]
    found = []
    for key, value in content.items() if isinstance(content, dict) else ():
        found += _tensors(value, f"{name}.{key}".strip("."))
    return found
