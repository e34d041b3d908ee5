"""Models by name or path, from this machine, and checked while they are read."""

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from safetensors.torch import load_model

from lineament.errors import BadInput, BadModel
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import FaVChatConfig
from lineament.model.foreign import first_line
from lineament.model.loading import quiet_loading, refuse_misfits
from lineament.model.processor import FaVChatProcessor

if TYPE_CHECKING:  # chat draws nothing, and should not wait for what draws
    from lineament.model.image_tokenizer import ImageTokenizer
    from lineament.model.unif2ace import UniF2aceForFaces

ADAPTED = "lora.json"  # how a model is adapted
_LOADING_ERRORS = (
    BadInput,
    OSError,
    SafetensorError,
    StrictDataclassError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model with what prepares its input."""

    name: str
    model: FaVChatForConditionalGeneration
    processor: FaVChatProcessor


def load(name_or_path: str | Path, *, dtype: torch.dtype = torch.float32) -> LoadedModel:
    """Load a model from a folder, or one that is installed with ``lineament-weights``.

    One whose adapters could not be merged, of MoE-LoRA, keeps them.

    Raises:
        BadModel: There is no such model, or its files are damaged.
    """
    folder = find_folder(name_or_path)
    model = load_favchat(folder, dtype=dtype)
    try:
        processor = FaVChatProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BadModel(
            f"{folder}: tokenizer or processor cannot be read ({first_line(error)})",
            hint="copy or train the model again",
        ) from error
    return LoadedModel(str(name_or_path), model.eval(), processor)


def find_folder(name_or_path: str | Path) -> Path:
    """Return the folder of a model that is on this machine.

    Raises:
        BadModel: Nothing of that name is here.
    """
    path = Path(name_or_path).expanduser()
    if (path / "config.json").is_file():
        return path
    if path.exists():
        raise BadModel(
            f"{path}: no config.json in it, so this is no model folder",
            hint="a run's folder holds its model in `model`",
        )
    name = str(name_or_path)
    try:
        weights = importlib.import_module("lineament_weights")
    except ModuleNotFoundError:
        raise BadModel(
            f"{name}: neither a folder nor an installed model",
            hint="install lineament-weights (pip install ./weights), or give a model folder",
        ) from None
    found = weights.find_model(name)
    if found is None:
        known = ", ".join(weights.list_models()) or "none"
        raise BadModel(
            f"{name}: neither a folder nor an installed model",
            hint=f"installed models: {known}",
        )
    return Path(found)


def load_favchat(
    folder: Path, *, dtype: torch.dtype = torch.float32
) -> FaVChatForConditionalGeneration:
    """Load weights strictly: nothing may be missing, left over or of another shape.

    Raises:
        BadModel: In one line, what is wrong.
    """
    hint = "copy or train the model again"
    model_type = _read_model_type(folder)
    if is_adapted(folder):
        adapted: Any = _load_adapted(folder, is_qwen=model_type == "favchat_qwen")
        return adapted.to(dtype)
    if model_type == "favchat_qwen":
        from lineament.model.qwen_chat import load_qwen_chat

        return load_qwen_chat(folder, dtype=dtype)
    if model_type != FaVChatConfig.model_type:
        raise BadModel(f"{folder}: expected a favchat model, got {model_type or 'none'}")
    try:
        with quiet_loading():
            loaded: Any = FaVChatForConditionalGeneration.from_pretrained(
                folder,
                dtype=dtype,
                local_files_only=True,
                use_safetensors=True,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
    except _LOADING_ERRORS as error:
        message = f"{folder}: the model cannot be read ({first_line(error)})"
        raise BadModel(message, hint=hint) from error
    model, report = loaded
    refuse_misfits(report, folder, hint)
    return model


def is_adapted(folder: Path) -> bool:
    """Say whether a saved model has adapters beside its weights."""
    return (folder / ADAPTED).is_file()


def _load_adapted(folder: Path, *, is_qwen: bool) -> FaVChatForConditionalGeneration:
    # PEFT takes long to import, and most models do not need it.
    from lineament.model.lora import add_lora, read_lora_settings

    settings = read_lora_settings(folder)
    assert settings is not None
    try:
        if is_qwen:
            from lineament.model.qwen_chat import QwenChat, QwenChatConfig

            model: FaVChatForConditionalGeneration = QwenChat(
                QwenChatConfig.from_pretrained(folder)
            )
        else:
            model = FaVChatForConditionalGeneration(FaVChatConfig.from_pretrained(folder))
        add_lora(model, settings)
        load_model(model, folder / "model.safetensors", strict=True)
    except _LOADING_ERRORS as error:
        raise BadModel(
            f"{folder}: the adapted model cannot be read ({first_line(error)})",
            hint="copy or train the model again",
        ) from error
    return model


def load_magvitv2(folder: str | Path, *, dtype: torch.dtype = torch.float32) -> "ImageTokenizer":
    """Load a MAGVIT-v2 checkpoint as Show-o uses it; its sizes are read from the weights.

    Args:
        folder: With ``magvitv2.safetensors``, ``model.safetensors`` or ``pytorch_model.bin``.
        dtype: Of the weights.

    Raises:
        BadModel: The file is missing or damaged, or is no such checkpoint.
    """
    from lineament.model.magvit import tokenizer_from_magvitv2

    tokenizer = tokenizer_from_magvitv2(Path(folder).expanduser())
    return tokenizer.to(dtype).eval()  # type: ignore[arg-type] - transformers wraps `to`


def load_showo(folder: str | Path, *, dtype: torch.dtype = torch.float32) -> "UniF2aceForFaces":
    """Load a Show-o checkpoint as a dense UniF2ace; `showo.upcycle` grows experts on it.

    Args:
        folder: With ``config.json`` and ``showo.safetensors``, or as Show-o publishes it.
        dtype: Of the weights.

    Raises:
        BadModel: The files are missing or damaged, or are no such checkpoint.
    """
    from lineament.model.showo import unif2ace_from_showo

    model = unif2ace_from_showo(Path(folder).expanduser())
    return model.to(dtype).eval()  # type: ignore[arg-type] - transformers wraps `to`


def _read_model_type(folder: Path) -> str:
    path = folder / "config.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["model_type"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadModel(f"{path}: cannot be read ({first_line(error)})") from error
