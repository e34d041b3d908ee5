"""Foreign checkpoints in: OpenAI CLIP and FaRL as face encoder, LLaVA as the whole start."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModel, PreTrainedModel

from lineament.errors import BadModel
from lineament.model.favchat import FaVChatForConditionalGeneration
from lineament.model.favchat_config import FaVChatConfig


def load_face_encoder(path: str | Path) -> CLIPVisionModel:
    """Load the picture half of an OpenAI CLIP or FaRL checkpoint.

    Its sizes are read from the weights. To use it, give its ``config`` to `FaVChatConfig` as
    ``face_config`` and call `install_tower`.

    Raises:
        BadModel: The file cannot be read or is no such checkpoint.
    """
    config, weights = clip_from_openai(read_weights(Path(path)), where=str(path))
    model = CLIPVisionModel(config)
    _load_exactly(model, weights, where=str(path))
    return model.eval()


def install_tower(tower: nn.Module, source: PreTrainedModel) -> None:
    """Copy a vision model's weights into a tower of the same configuration.

    Raises:
        BadModel: They are not of the same shape.
    """
    _load_exactly(tower, source.state_dict(), where=type(source).__name__)


def favchat_from_llava(llava: Any, **changes: Any) -> FaVChatForConditionalGeneration:
    """Start FaVChat from a LLaVA model: same logits at step 0, the face path closed.

    The general encoder, projector and language model are LLaVA's; one frame is one of its
    pictures, at its own grid.
    """
    old = llava.config
    side = old.vision_config.image_size // old.vision_config.patch_size
    layer = old.vision_feature_layer
    config = FaVChatConfig(
        text_config=old.text_config.to_dict(),
        vision_config=old.vision_config.to_dict(),
        frame_token_id=old.image_token_id,
        token_grid=(side, side),
        general_layer=layer if isinstance(layer, int) else layer[-1],
        face_starts_at_zero=True,
        landmark_tokens=0,
        **changes,
    )
    model = FaVChatForConditionalGeneration(config)
    media, projector = model.media, llava.model.multi_modal_projector
    assert media.general_encoder is not None
    assert media.adapter is not None
    assert media.adapter.start is not None
    install_tower(media.general_encoder.tower, llava.model.vision_tower)
    media.adapter.start.project.up.load_state_dict(projector.linear_1.state_dict())
    media.adapter.start.project.down.load_state_dict(projector.linear_2.state_dict())
    model.language_model.get_decoder().load_state_dict(llava.model.language_model.state_dict())
    model.language_model.get_output_embeddings().load_state_dict(llava.lm_head.state_dict())
    return model


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors from .safetensors, .pt or .pth, without running code from the file.

    Raises:
        BadModel: The file is missing or damaged, or holds something else.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise BadModel(f"{path}: {error.strerror or error}") from None
    except Exception as error:  # damaged pickles raise anything
        raise BadModel(
            f"{path}: cannot be read as weights ({first_line(error)})",
            hint="a TorchScript archive has to be saved as a plain state_dict first",
        ) from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise BadModel(f"{path}: expected a state_dict, got {type(content).__name__}")
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def clip_from_openai(
    weights: Mapping[str, Tensor], *, where: str
) -> tuple[CLIPVisionConfig, dict[str, Tensor]]:
    """Translate OpenAI's names of a CLIP vision transformer into those of ``transformers``.

    Raises:
        BadModel: The names are not OpenAI's.
    """
    prefix = "module." if any(name.startswith("module.") for name in weights) else ""
    visual = {
        name.removeprefix(f"{prefix}visual."): value.float()
        for name, value in weights.items()
        if name.startswith(f"{prefix}visual.")
    }
    if "conv1.weight" not in visual or "class_embedding" not in visual:
        raise BadModel(f"{where}: no CLIP vision transformer (visual.conv1.weight) in it")
    dim, _, _, patch = visual["conv1.weight"].shape
    side = round((len(visual["positional_embedding"]) - 1) ** 0.5)
    blocks = {int(name.split(".")[2]) for name in visual if name.startswith("transformer.")}
    config = CLIPVisionConfig(
        hidden_size=dim,
        intermediate_size=visual["transformer.resblocks.0.mlp.c_fc.weight"].shape[0],
        num_hidden_layers=len(blocks),
        num_attention_heads=max(1, dim // 64),  # as in all of OpenAI's
        image_size=side * patch,
        patch_size=patch,
        hidden_act="quick_gelu",
    )
    translated: dict[str, Tensor] = {}
    for name, value in visual.items():
        translated |= _translate_clip(name, value)
    return config, translated


_CLIP_NAMES = (
    (r"class_embedding$", "embeddings.class_embedding"),
    (r"conv1\.weight$", "embeddings.patch_embedding.weight"),
    (r"positional_embedding$", "embeddings.position_embedding.weight"),
    (r"ln_pre\.", "pre_layrnorm."),  # sic
    (r"ln_post\.", "post_layernorm."),
    (r"transformer\.resblocks\.(\d+)\.ln_([12])\.", r"encoder.layers.\1.layer_norm\2."),
    (r"transformer\.resblocks\.(\d+)\.mlp\.c_fc\.", r"encoder.layers.\1.mlp.fc1."),
    (r"transformer\.resblocks\.(\d+)\.mlp\.c_proj\.", r"encoder.layers.\1.mlp.fc2."),
    (r"transformer\.resblocks\.(\d+)\.attn\.", r"encoder.layers.\1.self_attn."),
)


def _translate_clip(name: str, value: Tensor) -> dict[str, Tensor]:
    if name == "proj":  # from picture to the space shared with text, which we do not use
        return {}
    for pattern, replacement in _CLIP_NAMES:
        name = re.sub(f"^{pattern}", replacement, name)
    match = re.fullmatch(r"(.*self_attn\.)in_proj_(weight|bias)", name)
    if match is None:
        return {name: value}
    parts = zip("qkv", value.chunk(3), strict=True)
    return {f"{match[1]}{letter}_proj.{match[2]}": part.clone() for letter, part in parts}


def _load_exactly(module: nn.Module, weights: Mapping[str, Tensor], *, where: str) -> None:
    try:
        module.load_state_dict(dict(weights), strict=True)
    except RuntimeError as error:
        raise BadModel(f"{where}: weights do not fit ({first_line(error)})") from error


def first_line(error: BaseException) -> str:
    """Shorten another library's message to one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])[:300] if lines else type(error).__name__
