"""UniF2ace's configuration, its vocabulary, and its two sizes: the paper's, and a laptop's."""

from typing import Any, no_type_check

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig

from lineament.errors import BadInput

# In the order of Show-o's vocabulary, between text and codes.
SPECIAL_TOKENS = ("pad", "soi", "eoi", "sov", "eov", "t2i", "mmu", "t2v", "v2v", "lvg")
NORMS = ("layer", "rms")
ACTIVATIONS = ("gelu_tanh", "swiglu")
SCHEDULES = ("cosine", "log_linear")
HEADS = ("normalised", "free")


@no_type_check  # transformers' configurations take more keywords than they declare
@strict
class UniF2aceConfig(PreTrainedConfig):
    """One network over text tokens and image codes; as it stands, Show-o's trunk (Phi-1.5).

    Ids are text, then `SPECIAL_TOKENS`, then codes, then MASK.

    Attributes:
        text_vocab_size: Ids of the text tokenizer.
        num_code_ids: Different image codes.
        num_codes: Codes of one image.
        text_block: Positions before the image when drawing: 3 specials and the text.
        norm: ``layer`` with bias, or ``rms``.
        qk_norm: Whether queries and keys are normed per head, before the rotation.
        activation: Of the feed-forward layers.
        is_parallel: Attention and feed-forward read the same norm (Phi), or one after the other.
        use_bias: Whether projections have biases.
        head_bias: Whether the output layer has one.
        rotary_fraction: Share of each head's width that is rotated.
        use_place_embedding: Whether every place of the image has a learned vector of its own,
            beside rotations; Show-o has none.
        use_token_experts: Whether feed-forward layers have routed experts beside them.
        num_experts: Routed experts of each task and layer.
        num_experts_per_token: How many of them each token uses.
        expert_dim: Width of a routed expert.
        shared_dim: Width of the expert that every token uses; the dense layer's when None.
        is_shared_joint: One shared expert for both tasks, instead of one each.
        expert_scale: Factor of the routed sum; 8 when experts are slices of the dense layer.
        use_sequence_experts: Whether image spans pass sequence-level experts in every layer.
        sequence_top_k: How many of the four each image uses.
        sequence_gain_start: Factor of their sum at the start; 0 keeps the dense outputs.
        clip_dim: Width of the picture features of the CLIP expert.
        face_dim: Width of the face feature of the face expert.
        face_tokens: How many tokens a face feature becomes.
        noise_dim: Width of the sinusoid of the mask ratio.
        balance_weight: Of the balance loss of each task.
        router_z_weight: Of the router z-loss.
        schedule: Of the masking when training.
        alpha: Weight of the score part of D3Diff.
        use_masked_loss: Whether D3Diff has its masked part.
        score_head: ``normalised`` or ``free``; see `lineament.model.diffusion`.
        score_weight_cap: See `lineament.model.diffusion`.
        drawing_weight: Of D3Diff in the loss.
        understanding_weight: Of answers in the loss.
        text_weight: Of text without a picture in the loss.
        condition_dropout: How often a prompt is dropped when training, for guidance.
    """

    model_type = "unif2ace"
    keys_to_ignore_at_inference = ("past_key_values", "expert_ids", "sequence_gates")

    text_vocab_size: int = 50295
    num_code_ids: int = 8192
    num_codes: int = 256
    text_block: int = 129
    bos_token_id: int | None = 50256
    eos_token_id: int | list[int] | None = 50256

    hidden_size: int = 2048
    intermediate_size: int = 8192
    num_hidden_layers: int = 24
    num_attention_heads: int = 32
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    norm: str = "layer"
    norm_eps: float = 1e-5
    qk_norm: bool = True
    activation: str = "gelu_tanh"
    is_parallel: bool = True
    use_bias: bool = True
    head_bias: bool = True
    rotary_fraction: float = 0.5
    use_place_embedding: bool = False
    rope_theta: float = 10_000.0
    max_position_embeddings: int = 2048
    tie_word_embeddings: bool = False
    initializer_range: float = 0.02

    use_token_experts: bool = False
    num_experts: int = 8
    num_experts_per_token: int = 4
    expert_dim: int = 256
    shared_dim: int | None = None
    is_shared_joint: bool = True
    expert_scale: float = 1.0
    use_sequence_experts: bool = False
    sequence_top_k: int = 2
    sequence_gain_start: float = 0.0
    clip_dim: int = 1024
    face_dim: int = 512
    face_tokens: int = 4
    noise_dim: int = 256

    balance_weight: float = 0.01
    router_z_weight: float = 1e-3
    schedule: str = "cosine"
    alpha: float = 0.01
    use_masked_loss: bool = True
    score_head: str = "normalised"
    score_weight_cap: float | None = None
    drawing_weight: float = 1.0
    understanding_weight: float = 1.0
    text_weight: float = 0.1
    condition_dropout: float = 0.1

    def __post_init__(self, **kwargs: Any) -> None:
        if self.num_key_value_heads is None:
            self.num_key_value_heads = self.num_attention_heads
        if self.head_dim is None:
            self.head_dim = self.hidden_size // max(1, self.num_attention_heads)
        kwargs.setdefault("pad_token_id", self.text_vocab_size)
        super().__post_init__(**kwargs)
        _check(self)

    def special_id(self, name: str) -> int:
        """Return the id of one of `SPECIAL_TOKENS`."""
        return self.text_vocab_size + SPECIAL_TOKENS.index(name)

    @property
    def first_code_id(self) -> int:
        """The id of code 0."""
        return self.text_vocab_size + len(SPECIAL_TOKENS)

    @property
    def mask_id(self) -> int:
        """The id of a hidden code."""
        return self.first_code_id + self.num_code_ids

    @property
    def vocab_size(self) -> int:
        """All ids."""
        return self.mask_id + 1

    @property
    def grid_side(self) -> int:
        """Codes along one side of an image."""
        return round(self.num_codes**0.5)


def unif2ace_full_config(**changes: Any) -> UniF2aceConfig:
    """Return the full size: Show-o 1.3B at 256 px with both levels of experts, 1.85B in all.

    The dense layer of each block stays whole as the expert that every token shares, and eight
    narrow experts of each task are added: 16.8M weights a layer, within the 14.6 to 20.8M that
    the reported 1.8B leave for them. The text block holds captions of 120 tokens and more.
    """
    settings: dict[str, Any] = {
        "text_block": 254,
        "use_token_experts": True,
        "use_sequence_experts": True,
    }
    return UniF2aceConfig(**(settings | changes))


def unif2ace_tiny_config(text_vocab_size: int = 4096, **changes: Any) -> UniF2aceConfig:
    """Return a size for a laptop, for 256 codes of 10 bits; ``draw-tiny`` is a smaller one."""
    settings: dict[str, Any] = {
        "text_vocab_size": text_vocab_size,
        "num_code_ids": 1024,
        "num_codes": 256,
        "text_block": 128,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_size": 288,
        "intermediate_size": 768,
        "num_hidden_layers": 8,
        "num_attention_heads": 6,
        "norm": "rms",
        "norm_eps": 1e-6,
        "activation": "swiglu",
        "is_parallel": False,
        "use_bias": False,
        "head_bias": False,
        "rotary_fraction": 1.0,
        "tie_word_embeddings": True,
        "use_token_experts": True,
        "expert_dim": 40,
        "use_sequence_experts": True,
        "clip_dim": 192,
        "face_dim": 224,
        "noise_dim": 64,
    }
    return UniF2aceConfig(**(settings | changes))


def _check(config: UniF2aceConfig) -> None:
    """Refuse settings that contradict each other.

    Raises:
        BadInput: Naming the setting.
    """
    for name, known in (
        ("norm", NORMS),
        ("activation", ACTIVATIONS),
        ("schedule", SCHEDULES),
        ("score_head", HEADS),
    ):
        value = getattr(config, name)
        if value not in known:
            raise BadInput(f"{name}: expected one of {', '.join(known)}, got {value!r}")
    if config.grid_side**2 != config.num_codes:
        raise BadInput(f"num_codes: expected a square number, got {config.num_codes}")
    assert config.num_key_value_heads is not None  # this and head_dim are filled in by now
    assert config.head_dim is not None
    if config.num_attention_heads % config.num_key_value_heads:
        raise BadInput(
            f"num_key_value_heads: expected a divisor of {config.num_attention_heads}, "
            f"got {config.num_key_value_heads}"
        )
    if int(config.head_dim * config.rotary_fraction) % 2:
        raise BadInput("rotary_fraction: the rotated part of head_dim must be even")
    if not 1 <= config.num_experts_per_token <= config.num_experts:
        raise BadInput(
            f"num_experts_per_token: expected 1 to num_experts ({config.num_experts}), "
            f"got {config.num_experts_per_token}"
        )
    if not 1 <= config.sequence_top_k <= 4:
        raise BadInput(f"sequence_top_k: expected 1 to 4, got {config.sequence_top_k}")
    if config.text_block < 4:
        raise BadInput(f"text_block: expected 4 or more, got {config.text_block}")


AutoConfig.register(UniF2aceConfig.model_type, UniF2aceConfig, exist_ok=True)
