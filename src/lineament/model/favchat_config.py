"""FaVChat's configuration, and its two sizes: the paper's, and one for a laptop."""

from typing import Any, no_type_check

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec

from lineament.errors import BadInput
from lineament.model.convnet import ConvVisionConfig

FUSIONS = ("moe", "add", "concat", "general_only", "face_only")
FACE_MATCHES = ("positions", "queries")


@no_type_check  # transformers' configurations take more keywords than they declare
@strict
class FaVChatConfig(PreTrainedConfig):
    """Encoders, adapter and language model of FaVChat (design A of arXiv 2503.09158).

    Attributes:
        text_config: Any causal language model of ``transformers``.
        vision_config: Any ViT-shaped vision tower, for whole frames.
        face_config: Any ViT-shaped vision tower, for the face.
        frame_token_id: The placeholder that visual tokens replace.
        token_grid: Rows and columns of the tokens that a frame becomes.
        grid_positions: Add to each cell of the general stream where it lies: for encoders that do
            not tell (convolutions see the same everywhere), and answers that do.
        fusion: ``moe`` as published; the others are ablations.
        num_experts: Routed experts; one more is shared by all tokens with ``use_shared_expert``.
        num_experts_per_token: How many of them each token uses.
        text_gate: Whether the gate also sees the mean prompt embedding. Without it, a clip's
            tokens serve any number of questions.
        balance_weight: Weight of the load balancing loss in ``loss``.
        router_z_weight: Weight of the router z-loss in ``loss``.
        general_layer: Block whose output is taken from the general encoder, counted as in
            ``hidden_states``; the tower's own last output when None.
        face_levels: Depths tapped in the face encoder, as fractions of its blocks.
        face_match: ``positions`` lays the face's grid over the frame's, for a face encoder that
            sees the same frame; ``queries`` lets every frame token look for what it needs among
            the face tokens, for crops, whose grid does not match.
        use_general: Whether there is a general stream.
        use_face: Whether there is a face stream.
        use_landmarks: Whether there is a landmark stream.
        num_landmarks: Points of a face.
        landmark_samples: Moments at which each frame's share of the clip is sampled.
        landmark_dim: Width of the landmark stream.
        landmark_tokens: Tokens of a frame's landmarks; 0 adds them to the frame's other tokens.
        face_starts_at_zero: Whether frame tokens are a projection of the general stream alone
            plus a fusion that starts at zero, so that a pretrained video language model keeps
            its logits at step 0.
    """

    model_type = "favchat"
    keys_to_ignore_at_inference = (
        "past_key_values",
        "expert_ids",
        "lm_loss",
        "balance_loss",
        "router_z_loss",
    )
    sub_configs_defaults = {  # noqa: RUF012 - the name and type are transformers'
        "text_config": SubConfigSpec(config_class=AutoConfig, model_type="qwen3"),
        "vision_config": SubConfigSpec(config_class=AutoConfig, model_type="siglip_vision_model"),
        "face_config": SubConfigSpec(config_class=AutoConfig, model_type="clip_vision_model"),
    }

    text_config: Any = None
    vision_config: Any = None
    face_config: Any = None
    frame_token_id: int = 0
    token_grid: list[int] | tuple[int, ...] = (8, 8)
    grid_positions: bool = False
    fusion: str = "moe"
    num_experts: int = 4
    num_experts_per_token: int = 2
    use_shared_expert: bool = True
    text_gate: bool = False
    balance_weight: float = 0.01
    router_z_weight: float = 1e-3
    general_layer: int | None = None
    face_levels: list[float] | tuple[float, ...] = (0.25, 0.5, 0.75, 1.0)
    face_match: str = "queries"
    use_general: bool = True
    use_face: bool = True
    use_landmarks: bool = True
    num_landmarks: int = 68
    landmark_samples: int = 8
    landmark_dim: int = 256
    landmark_tokens: int = 1
    face_starts_at_zero: bool = False
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        self.tie_word_embeddings = bool(getattr(self.text_config, "tie_word_embeddings", False))
        _check(self)

    @property
    def has_general(self) -> bool:
        """Whether the general encoder takes part."""
        return self.use_general and self.fusion != "face_only"

    @property
    def has_face(self) -> bool:
        """Whether the face encoder takes part."""
        return self.use_face and self.fusion != "general_only"

    @property
    def num_grid_tokens(self) -> int:
        """Tokens of a frame that the two encoders make."""
        return self.token_grid[0] * self.token_grid[1] if self.has_general or self.has_face else 0

    @property
    def tokens_per_frame(self) -> int:
        """All tokens of a frame, which the processor leaves room for."""
        return self.num_grid_tokens + (self.landmark_tokens if self.use_landmarks else 0)


def favchat_full_config(**changes: Any) -> FaVChatConfig:
    """Return the full size: SigLIP2-so400m at 384 px, FaRL's ViT-B/16, Qwen3-8B, 8x8 tokens."""
    settings: dict[str, Any] = {
        "text_config": {
            "model_type": "qwen3",
            "vocab_size": 151936,
            "hidden_size": 4096,
            "intermediate_size": 12288,
            "num_hidden_layers": 36,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "max_position_embeddings": 40960,
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6},
            "tie_word_embeddings": False,
            "bos_token_id": 151643,
            "eos_token_id": 151645,
        },
        "vision_config": {
            "model_type": "siglip_vision_model",
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "num_hidden_layers": 27,
            "num_attention_heads": 16,
            "image_size": 384,
            "patch_size": 14,
            "vision_use_head": False,
        },
        "face_config": {
            "model_type": "clip_vision_model",
            "hidden_size": 768,
            "intermediate_size": 3072,
            "num_hidden_layers": 12,
            "num_attention_heads": 12,
            "image_size": 224,
            "patch_size": 16,
            "hidden_act": "quick_gelu",
        },
        "frame_token_id": 151669,  # the first unused row of Qwen3's embeddings
        "token_grid": (8, 8),
        "face_match": "queries",
    }
    return FaVChatConfig(**(settings | changes))


def favchat_tiny_config(vocab_size: int = 4096, **changes: Any) -> FaVChatConfig:
    """Return a size for a laptop, which ``chat-tiny`` varies: 8.7 million weights."""
    settings: dict[str, Any] = {
        "text_config": {
            "model_type": "qwen3",
            "vocab_size": vocab_size,
            "hidden_size": 256,
            "intermediate_size": 768,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "head_dim": 64,
            "max_position_embeddings": 2048,
            "tie_word_embeddings": True,
        },
        "vision_config": ConvVisionConfig(hidden_size=128, image_size=96).to_dict(),
        "face_config": ConvVisionConfig(hidden_size=192, image_size=64).to_dict(),
        "token_grid": (2, 2),
        "face_match": "positions",
        "landmark_dim": 128,
        "landmark_tokens": 3,
    }
    return FaVChatConfig(**(settings | changes))


def _check(config: FaVChatConfig) -> None:
    """Refuse settings that contradict each other.

    Raises:
        BadInput: Naming the setting.
    """
    if config.fusion not in FUSIONS:
        raise BadInput(f"fusion: expected one of {', '.join(FUSIONS)}, got {config.fusion!r}")
    if config.face_match not in FACE_MATCHES:
        raise BadInput(
            f"face_match: expected one of {', '.join(FACE_MATCHES)}, got {config.face_match!r}"
        )
    if len(config.token_grid) != 2 or min(config.token_grid) < 1:
        raise BadInput(f"token_grid: expected rows and columns, got {list(config.token_grid)}")
    if config.tokens_per_frame < 1:
        raise BadInput("every stream is switched off", hint="set one of use_general, use_face")
    if not 1 <= config.num_experts_per_token <= config.num_experts:
        raise BadInput(
            f"num_experts_per_token: expected 1 to num_experts ({config.num_experts}), "
            f"got {config.num_experts_per_token}"
        )
    if config.face_starts_at_zero and not config.has_general:
        raise BadInput("face_starts_at_zero needs the general stream")
    if config.face_starts_at_zero and config.use_landmarks and config.landmark_tokens:
        raise BadInput(
            "face_starts_at_zero: landmark tokens would change the first logits",
            hint="set landmark_tokens to 0, which adds them to the frame's tokens",
        )
