"""A recipe's settings of its model: which there are, and which a start reads."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from transformers import CONFIG_MAPPING, AutoConfig, PreTrainedConfig

from lineament.config import nearest_hint, require_known
from lineament.errors import BadInput
from lineament.model.processor import FaVChatProcessor
from lineament.model.qwen_chat import is_qwen_vl
from lineament.training.recipe import Model

# What a start may leave aside; sizes and vocabularies say what a new model has.
FIELDS = ("changes", "processor", "parts", "tokenizer", "fit_landmarks")
# Beside those of encoders and language models, which have names and checks of their own.
PARTS: Mapping[str, tuple[str, ...]] = {
    "image-tokenizer": ("eyes",),
    "unif2ace": ("image_tokenizer", "eyes", "magvitv2"),
}
# What configurations take without declaring it, and older names of what they declare.
_ALWAYS = (
    "model_type", "_name_or_path", "name_or_path", "output_attentions", "attn_implementation",
    "torch_dtype",
)  # fmt: skip
_ROTARY = ("rope_theta", "rope_scaling", "partial_rotary_factor")


def check_model(settings: Model) -> None:
    """Refuse settings that are unknown or that nothing reads, as far as no model is needed.

    What a configuration knows of `Model.changes` is checked by `check_changes`, where there is one.

    Raises:
        BadInput: Naming the field.
    """
    refuse_unread(settings)
    for part in settings.parts:
        require_known(part, PARTS.get(settings.family, (part,)), "key of model.parts")
    if settings.family == "favchat":
        known = list(inspect.signature(FaVChatProcessor.__init__).parameters)[2:]
        for key in settings.processor:
            _require_key(key, known, "model.processor")
    elif not settings.start or "changes" in fields_read(settings):
        check_changes(settings.changes, _kind_of(settings.family))


def refuse_unread(settings: Model) -> None:
    """Refuse settings that a start or a family leaves aside.

    Changes that agree with the configuration of a start are what it is anyway.

    Raises:
        BadInput: Naming the field.
    """
    for name in FIELDS:
        value = getattr(settings, name)
        if not value or name in fields_read(settings):
            continue
        if name == "changes" and _agree(value, _configuration_of(settings.start)):
            continue
        reason = (
            f"model.start={settings.start!r}" if settings.start else f"the family {settings.family}"
        )
        unset = getattr(Model(), name)
        raise BadInput(
            f"model.{name}: has no effect with {reason}",
            hint=f"--set 'model.{name}={json.dumps(unset) if unset != '' else ''}'",
        )


def fields_read(settings: Model) -> tuple[str, ...]:
    """Return which of `FIELDS` a start of this kind reads."""
    if settings.family == "image-tokenizer":
        return ("processor", "parts") if settings.start else ("changes", "processor", "parts")
    if settings.family == "unif2ace":
        is_trained = _configuration_of(settings.start).get("model_type") == settings.family
        return ("parts",) if is_trained else ("changes", "parts", "tokenizer")
    is_trained = bool(settings.start) and not is_qwen_vl(settings.start)
    return () if is_trained else FIELDS


def check_changes(
    changes: Mapping[str, Any],
    like: PreTrainedConfig | type[PreTrainedConfig],
    where: str = "model.changes",
) -> None:
    """Refuse keys that a configuration does not know, down to those of its parts.

    ``transformers`` keeps what it does not know as a further attribute that nothing reads.

    Args:
        changes: What is to differ.
        like: A configuration of the same shape, or its class where it has no parts.
        where: The path so far.

    Raises:
        BadInput: Naming the nearest known key.
    """
    known = known_keys(like if isinstance(like, type) else type(like))
    for key, value in changes.items():
        _require_key(key, known, where)
        part = getattr(like, key, None)
        if not isinstance(part, PreTrainedConfig):
            continue
        path = f"{where}.{key}"
        if not isinstance(value, Mapping):
            raise BadInput(f"{path}: expected keys with values, got {value!r}")
        if value.get("model_type", part.model_type) == part.model_type:
            check_changes(value, part, path)
            continue
        require_known(str(value["model_type"]), CONFIG_MAPPING, f"value of {path}.model_type")
        check_changes(value, CONFIG_MAPPING[value["model_type"]], path)


def known_keys(kind: type[PreTrainedConfig]) -> list[str]:
    """Return what a configuration may be given."""
    declared = [field.name for field in fields(kind)]
    older = _ROTARY if "rope_parameters" in declared else ()
    return [*declared, *kind.attribute_map, *_ALWAYS, *older]


def _require_key(key: str, known: list[str], where: str) -> None:
    if key not in known:
        shown = ", ".join(name for name in known if name not in _ALWAYS)
        hint = nearest_hint(key, known, otherwise=f"known keys: {shown}")
        raise BadInput(f"unknown key '{where}.{key}'", hint=hint)


def _kind_of(family: str) -> type[PreTrainedConfig]:
    if family == "unif2ace":
        from lineament.model.unif2ace_config import UniF2aceConfig

        return UniF2aceConfig
    from lineament.model.image_tokenizer import ImageTokenizerConfig

    return ImageTokenizerConfig


def _configuration_of(start: str) -> dict[str, Any]:
    """Return what a folder's configuration says; nothing where it is none that we know."""
    if not (Path(start) / "config.json").is_file():
        return {}
    try:
        return AutoConfig.from_pretrained(start, local_files_only=True).to_dict()
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _agree(changes: Mapping[str, Any], found: Mapping[str, Any]) -> bool:
    """Say whether all changes are so already; lists and tuples are alike."""
    return all(
        _agree(value, found[key])
        if isinstance(value, Mapping) and isinstance(found.get(key), Mapping)
        else key in found and json.dumps(value) == json.dumps(found[key], default=str)
        for key, value in changes.items()
    )
