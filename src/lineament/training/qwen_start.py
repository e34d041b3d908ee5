"""Runs that start from Qwen2.5-VL or Qwen3-VL, by folder or name, and their shapes."""

import json
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, Qwen2_5_VLConfig, Qwen3VLConfig

from lineament.errors import BadInput, BadModel
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import FaVChatConfig
from lineament.model.foreign import first_line
from lineament.model.processor import CLIP_MEAN, CLIP_STD, FaVChatProcessor
from lineament.model.qwen_chat import (
    BASES,
    QwenChat,
    QwenChatConfig,
    load_qwen_chat,
    qwen_chat_config,
    qwen_chat_from,
)
from lineament.model.tokenizer import CHAT_TEMPLATE, FRAME_TOKEN, prepare_tokenizer
from lineament.training.parts import install_parts
from lineament.training.recipe import Model

# A frame stands between the marks that Qwen knows pictures by.
_FRAMES = "'<|frame|>' * tokens_per_frame"
TEMPLATE = CHAT_TEMPLATE.replace(_FRAMES, f"'<|vision_start|>' + {_FRAMES} + '<|vision_end|>'")


def start_from_qwen(settings: Model) -> tuple[QwenChat, FaVChatProcessor]:
    """Load a Qwen-VL and put a closed face path beside its own.

    ``changes`` may name ``token_grid``, ``face_config`` and whatever else is ours; Qwen's own
    sizes stay. ``parts.face_encoder`` is put in.

    Raises:
        BadInput: The changes contradict each other.
        BadModel: The base cannot be loaded.
    """
    qwen = load_qwen(settings.start)
    try:
        tokenizer = AutoTokenizer.from_pretrained(settings.tokenizer or settings.start)
    except (OSError, ValueError, KeyError) as error:
        raise BadModel(f"{settings.start}: no tokenizer ({first_line(error)})") from None
    prepare_tokenizer(tokenizer)
    tokenizer.chat_template = TEMPLATE
    try:
        model = qwen_chat_from(qwen, **settings.changes)
    except (TypeError, ValueError) as error:
        raise BadInput(f"model.changes: {first_line(error.__cause__ or error)}") from None
    model.config.frame_token_id = int(tokenizer.convert_tokens_to_ids(FRAME_TOKEN))
    embeddings: Any = model.get_input_embeddings()
    if len(tokenizer) > len(embeddings.weight):
        model.resize_token_embeddings(len(tokenizer))
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    install_parts(model, settings.parts)
    colors = frame_colors(settings.start, qwen.config.model_type)
    return model, FaVChatProcessor.for_model(
        model.config, tokenizer, **(colors | settings.processor)
    )


def is_qwen_start(folder: str | Path) -> bool:
    """Say whether a folder holds a model that began as a Qwen-VL."""
    try:
        row = json.loads((Path(folder) / "config.json").read_text(encoding="utf-8"))
        return row["model_type"] == QwenChatConfig.model_type
    except (OSError, ValueError, KeyError, TypeError):
        return False


def load_qwen_start(folder: str | Path) -> tuple[QwenChat, FaVChatProcessor]:
    """Load a model that began as a Qwen-VL, as a run has saved it.

    Raises:
        BadModel: The folder is damaged.
    """
    model = load_qwen_chat(Path(folder))
    try:
        return model, FaVChatProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadModel(f"{folder}: no processor ({first_line(error)})") from error


def load_qwen(place: str) -> Any:
    """Load a Qwen2.5-VL or Qwen3-VL as ``transformers`` does, in 32 bits.

    Raises:
        BadModel: It cannot be loaded, or is none of these.
    """
    from transformers import AutoConfig, AutoModelForImageTextToText

    try:
        model_type = AutoConfig.from_pretrained(place).model_type
        if model_type not in BASES:
            raise BadModel(f"{place}: expected one of {', '.join(BASES)}, got {model_type}")
        return AutoModelForImageTextToText.from_pretrained(place, dtype="float32")
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise BadModel(f"{place}: cannot be loaded ({first_line(error)})") from None


def frame_colors(place: str, model_type: str) -> dict[str, Any]:
    """Return mean and scale of a base's pixels, as its own image processor has them."""
    path = Path(place) / "preprocessor_config.json"
    if path.is_file():
        try:
            row = json.loads(path.read_text(encoding="utf-8"))
            return {"frame_mean": row["image_mean"], "frame_std": row["image_std"]}
        except (OSError, ValueError, KeyError) as error:
            raise BadModel(f"{path}: cannot be read ({first_line(error)})") from None
    if model_type == "qwen2_5_vl":
        return {"frame_mean": CLIP_MEAN, "frame_std": CLIP_STD}
    return {}


def model_class_of(config: FaVChatConfig) -> type[FaVChatForConditionalGeneration]:
    """Return the class of models with this configuration."""
    is_qwen = config.model_type == QwenChatConfig.model_type
    return QwenChat if is_qwen else FaVChatForConditionalGeneration


def qwen25_config(**changes: Any) -> QwenChatConfig:
    """Return the shape of a start from Qwen2.5-VL-7B."""
    text = {
        "vocab_size": 152064,
        "hidden_size": 3584,
        "intermediate_size": 18944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
        "max_position_embeddings": 128000,
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]
        },
    }  # fmt: skip
    vision = {"depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "out_hidden_size": 3584}
    return qwen_chat_config(Qwen2_5_VLConfig(text_config=text, vision_config=vision), **changes)


def qwen3_config(**changes: Any) -> QwenChatConfig:
    """Return the shape of a start from Qwen3-VL-8B."""
    text = {
        "vocab_size": 151936,
        "hidden_size": 4096,
        "intermediate_size": 12288,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "max_position_embeddings": 262144,
        "rope_parameters": {
            "rope_type": "default", "rope_theta": 5e6, "mrope_section": [24, 20, 20],
            "mrope_interleaved": True,
        },
    }  # fmt: skip
    vision = {"depth": 27, "hidden_size": 1152, "out_hidden_size": 4096}
    return qwen_chat_config(Qwen3VLConfig(text_config=text, vision_config=vision), **changes)
