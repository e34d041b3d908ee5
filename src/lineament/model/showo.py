"""Dense checkpoints in: Show-o as it is published, or any Phi, Llama or Qwen 3 as trunk."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lineament.errors import BadInput, BadModel
from lineament.model.foreign import first_line, read_weights
from lineament.model.magvit import find_file
from lineament.model.token_experts import (
    FeedForward,
    TokenExperts,
    upcycle_slices,
    upcycle_whole,
)
from lineament.model.unif2ace import UniF2aceForFaces
from lineament.model.unif2ace_config import SPECIAL_TOKENS, UniF2aceConfig

_FILES = (
    "showo.safetensors",
    "diffusion_pytorch_model.safetensors",
    "model.safetensors",
    "pytorch_model.bin",
)
_PHI_ROTARY_FRACTION = 0.5  # of Phi-1.5; no weight tells it
_PHI_NAMES = (
    (r"model\.embed_tokens\.", "embed."),
    (r"model\.final_layernorm\.", "trunk.norm."),
    (r"lm_head\.", "head."),
    (r"model\.layers\.(\d+)\.input_layernorm\.", r"trunk.blocks.\1.norm."),
    (r"model\.layers\.(\d+)\.self_attn\.q_proj\.", r"trunk.blocks.\1.attention.query."),
    (r"model\.layers\.(\d+)\.self_attn\.k_proj\.", r"trunk.blocks.\1.attention.key."),
    (r"model\.layers\.(\d+)\.self_attn\.v_proj\.", r"trunk.blocks.\1.attention.value."),
    (r"model\.layers\.(\d+)\.self_attn\.(?:dense|o_proj)\.", r"trunk.blocks.\1.attention.merge."),
    (
        r"model\.layers\.(\d+)\.self_attn\.q_(?:layernorm|norm)\.",
        r"trunk.blocks.\1.attention.query_norm.",
    ),
    (
        r"model\.layers\.(\d+)\.self_attn\.k_(?:layernorm|norm)\.",
        r"trunk.blocks.\1.attention.key_norm.",
    ),
    (r"model\.layers\.(\d+)\.post_attention_layernorm\.", r"trunk.blocks.\1.norm_feed."),
    (r"model\.layers\.(\d+)\.mlp\.fc1\.", r"trunk.blocks.\1.feed.up."),
    (r"model\.layers\.(\d+)\.mlp\.(?:fc2|down_proj)\.", r"trunk.blocks.\1.feed.down."),
    (r"model\.norm\.", "trunk.norm."),
)


def unif2ace_from_showo(folder: Path) -> UniF2aceForFaces:
    """Load a Show-o checkpoint as a dense model; sizes are read from its weights.

    Queries and keys are normed whatever the configuration file says, as the released weights
    need it. A CLIP projector in the file is left aside.

    Raises:
        BadModel: The files are missing or damaged, or are no such checkpoint.
    """
    path = find_file(folder, _FILES)
    settings = _read_settings(folder / "config.json")
    weights = {
        name.removeprefix("showo."): value
        for name, value in read_weights(path).items()
        if name.startswith("showo.") and not name.endswith("rotary_emb.inv_freq")
    }
    config = _read_sizes(weights, settings, where=str(path))
    model = UniF2aceForFaces(config)
    _load(model, weights, where=str(path))
    return model


def unif2ace_from_causal_lm(
    causal_lm: Any, *, num_code_ids: int, num_codes: int, **changes: Any
) -> UniF2aceForFaces:
    """Start from a Phi, Llama or Qwen 3 model of ``transformers``, its vocabulary grown.

    Rows of text tokens are copied; those of specials, codes and MASK are new. Over text alone
    the logits of text tokens are those of the language model.

    Raises:
        BadInput: Another kind of model.
    """
    old = causal_lm.config
    config = UniF2aceConfig(
        **_trunk_settings(old),
        text_vocab_size=old.vocab_size,
        num_code_ids=num_code_ids,
        num_codes=num_codes,
        **changes,
    )
    model = UniF2aceForFaces(config)
    weights = dict(causal_lm.state_dict())
    for name in ("model.embed_tokens.weight", "lm_head.weight", "lm_head.bias"):
        if name in weights:
            whole = model.embed.weight if "embed" in name else getattr(model.head, name[8:])
            weights[name] = torch.cat([weights[name], whole.detach()[old.vocab_size :]])
    if config.tie_word_embeddings:
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    _load(model, weights, where=type(causal_lm).__name__)
    return model


def upcycle(
    dense: UniF2aceForFaces, *, are_slices: bool = False, **changes: Any
) -> UniF2aceForFaces:
    """Grow experts on a dense model; step 0 gives its outputs.

    The dense feed-forward layer stays whole as the shared expert, routed experts and the
    sequence-level sum start at zero. With ``are_slices`` the routed experts are the dense layer
    cut in slices instead, and step 0 equals it only in expectation.

    Args:
        dense: Without experts.
        are_slices: See above; sets ``expert_dim`` and ``expert_scale``.
        **changes: Of the configuration: ``use_sequence_experts``, ``expert_dim``, ...

    Raises:
        BadInput: The model has experts already.
    """
    old = dense.config
    if old.use_token_experts or old.use_sequence_experts:
        raise BadInput("upcycle: the model has experts already")
    settings: dict[str, Any] = {"use_token_experts": True, "use_sequence_experts": True}
    num_experts = changes.get("num_experts", old.num_experts)
    if are_slices:
        settings["expert_dim"] = old.intermediate_size // num_experts
        settings["expert_scale"] = float(num_experts)
    config = UniF2aceConfig(**(old.to_dict() | settings | changes))
    model = UniF2aceForFaces(config)
    kept = {name: value for name, value in dense.state_dict().items() if ".feed." not in name}
    if not config.use_token_experts:
        kept = dense.state_dict()
    model.load_state_dict(kept, strict=False)
    start = upcycle_slices if are_slices else upcycle_whole
    for block, source in zip(model.trunk.blocks, dense.trunk.blocks, strict=True):
        if isinstance(block.feed, TokenExperts):
            assert isinstance(source.feed, FeedForward)
            start(block.feed, source.feed)
    model.to(dense.dtype)  # pyright: ignore[reportArgumentType] - transformers wraps `to`
    return model.train(dense.training)


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        return dict(settings)
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise BadModel(f"{path}: cannot be read ({first_line(error)})") from error


def _read_sizes(
    weights: Mapping[str, Tensor], settings: Mapping[str, Any], *, where: str
) -> UniF2aceConfig:
    try:
        layer = "model.layers.0."
        hidden = weights["model.embed_tokens.weight"]
        head_dim = len(weights[f"{layer}self_attn.q_layernorm.weight"])
        phi = settings.get("phi_config") or {}
        config = UniF2aceConfig(
            text_vocab_size=int(settings["llm_vocab_size"]),
            num_code_ids=int(settings["codebook_size"]),
            num_codes=int(settings["num_vq_tokens"]),
            hidden_size=hidden.shape[1],
            intermediate_size=len(weights[f"{layer}mlp.fc1.bias"]),
            num_hidden_layers=sum(name.endswith("mlp.fc1.bias") for name in weights),
            num_attention_heads=len(weights[f"{layer}self_attn.q_proj.bias"]) // head_dim,
            num_key_value_heads=len(weights[f"{layer}self_attn.k_proj.bias"]) // head_dim,
            head_dim=head_dim,
            norm_eps=float(phi.get("layer_norm_eps", 1e-5)),
            rotary_fraction=float(phi.get("partial_rotary_factor", _PHI_ROTARY_FRACTION)),
            rope_theta=float(phi.get("rope_theta", 1e4)),
            **_read_ids(phi),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise BadModel(f"{where}: no Show-o checkpoint ({first_line(error)})") from error
    if len(hidden) != config.vocab_size:
        raise BadModel(
            f"{where}: {len(hidden)} ids, but text, {len(SPECIAL_TOKENS)} specials, codes and "
            f"MASK make {config.vocab_size}"
        )
    return config


def _read_ids(phi: Mapping[str, Any]) -> dict[str, Any]:
    return {name: int(phi[name]) for name in ("bos_token_id", "eos_token_id") if name in phi}


def _trunk_settings(old: Any) -> dict[str, Any]:
    """Translate a configuration of ``transformers``."""
    kind = old.model_type
    if kind not in ("phi", "llama", "qwen3"):
        raise BadInput(f"trunk: expected a phi, llama or qwen3 model, got {kind}")
    is_phi = kind == "phi"
    rope = getattr(old, "rope_parameters", None) or {}
    return {
        "hidden_size": old.hidden_size,
        "intermediate_size": old.intermediate_size,
        "num_hidden_layers": old.num_hidden_layers,
        "num_attention_heads": old.num_attention_heads,
        "num_key_value_heads": old.num_key_value_heads,
        "head_dim": getattr(old, "head_dim", None),
        "norm": "layer" if is_phi else "rms",
        "norm_eps": old.layer_norm_eps if is_phi else old.rms_norm_eps,
        "qk_norm": old.qk_layernorm if is_phi else kind == "qwen3",
        "activation": "gelu_tanh" if is_phi else "swiglu",
        "is_parallel": is_phi,
        "use_bias": is_phi,
        "head_bias": is_phi,
        "rotary_fraction": rope.get("partial_rotary_factor", 0.5) if is_phi else 1.0,
        "rope_theta": rope.get("rope_theta", 1e4),
        "max_position_embeddings": old.max_position_embeddings,
        "tie_word_embeddings": bool(old.tie_word_embeddings),
        "bos_token_id": old.bos_token_id,
        "eos_token_id": old.eos_token_id,
    }


def _load(model: nn.Module, weights: Mapping[str, Tensor], *, where: str) -> None:
    renamed = {_rename(name): value for name, value in _join_gates(weights).items()}
    try:
        model.load_state_dict(renamed, strict=True)
    except RuntimeError as error:
        raise BadModel(f"{where}: weights do not fit ({first_line(error)})") from error


def _rename(name: str) -> str:
    for pattern, replacement in _PHI_NAMES:
        renamed, count = re.subn(f"^{pattern}", replacement, name)
        if count:
            return renamed
    return name


def _join_gates(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put gate and value projections under each other, as our layer has them."""
    joined = dict(weights)
    for name in weights:
        if ".mlp.gate_proj." in name:
            value = joined.pop(name.replace("gate_proj", "up_proj"))
            joined[name.replace("gate_proj", "fc1")] = torch.cat([joined.pop(name), value])
    return joined
