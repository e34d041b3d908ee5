"""A small vision transformer with a convolutional stem, for models trained on few pictures.

Strided convolutions instead of one patch projection, and a depthwise convolution in front of
every block, give the sense of place that a plain ViT has to learn from millions of pictures.
"""

from typing import no_type_check

import torch
from huggingface_hub.dataclasses import strict
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutput


@no_type_check  # transformers' configurations take more keywords than they declare
@strict
class StemVisionConfig(PreTrainedConfig):
    """Sizes of the small vision transformer; ``patch_size`` is a power of two.

    Attributes:
        stem_channels: Channels of the first convolution; they double with every halving.
        stem_depth: Residual blocks behind every halving but the first.
    """

    model_type = "lineament_stem_vision"

    hidden_size: int = 192
    num_hidden_layers: int = 6
    num_attention_heads: int = 3
    intermediate_size: int = 768
    stem_channels: int = 32
    stem_depth: int = 0
    image_size: int = 128
    patch_size: int = 16
    num_channels: int = 3
    dropout: float = 0.0
    layer_norm_eps: float = 1e-6
    initializer_range: float = 0.02


class StemVisionModel(PreTrainedModel):
    """Pixels to one vector per patch, without class token or pooling."""

    config_class = StemVisionConfig
    main_input_name = "pixel_values"
    base_model_prefix = ""
    supports_gradient_checkpointing = True
    _supports_sdpa = True

    def __init__(self, config: StemVisionConfig) -> None:
        super().__init__(config)
        num_patches = (config.image_size // config.patch_size) ** 2
        self.stem = _stem(config)
        self.position = nn.Parameter(torch.zeros(1, num_patches, config.hidden_size))
        self.blocks = nn.ModuleList(StemBlock(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.post_init()

    def forward(
        self,
        pixel_values: Float[Tensor, "pictures 3 height width"],
        output_hidden_states: bool = False,
        **kwargs: object,
    ) -> BaseModelOutput:
        """Encode pictures; ``hidden_states`` holds the stem's output and every block's."""
        del kwargs
        grid = self.stem(pixel_values)
        hidden = grid.flatten(2).transpose(1, 2) + self.position
        states = [hidden]
        for block in self.blocks:
            hidden = block(hidden, grid.shape[-2], grid.shape[-1])
            states.append(hidden)
        return BaseModelOutput(
            last_hidden_state=self.norm(hidden),
            hidden_states=tuple(states) if output_hidden_states else None,
        )

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, StemVisionModel):
            init.normal_(module.position, std=self.config.initializer_range)
        elif isinstance(module, nn.Conv2d):  # keeps the scale of its input
            fan_in = module.weight[0].numel()
            init.normal_(module.weight, std=(2.0 / fan_in) ** 0.5)
            if module.bias is not None:
                init.zeros_(module.bias)
        else:
            super()._init_weights(module)


class ResidualBlock(nn.Module):
    """Two convolutions, added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.GroupNorm(1, channels),
            nn.GELU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.GroupNorm(1, channels),
        )

    def forward(
        self, grid: Float[Tensor, "pictures channels height width"]
    ) -> Float[Tensor, "pictures channels height width"]:
        """Refine a grid."""
        return functional.gelu(grid + self.body(grid))


class StemBlock(GradientCheckpointingLayer):
    """Depthwise convolution, attention and MLP, each added to its input."""

    def __init__(self, config: StemVisionConfig) -> None:
        super().__init__()
        dim = config.hidden_size
        self.num_heads = config.num_attention_heads
        self.dropout = config.dropout
        self.place = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm_attention = nn.LayerNorm(dim, eps=config.layer_norm_eps)
        self.query_key_value = nn.Linear(dim, 3 * dim)
        self.merge_heads = nn.Linear(dim, dim)
        self.norm_mlp = nn.LayerNorm(dim, eps=config.layer_norm_eps)
        self.up = nn.Linear(dim, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, dim)

    def forward(
        self, hidden: Float[Tensor, "pictures patches dim"], height: int, width: int
    ) -> Float[Tensor, "pictures patches dim"]:
        """Update every patch from its neighbours, then from all."""
        grid = hidden.transpose(1, 2).unflatten(2, (height, width))
        hidden = hidden + self.place(grid).flatten(2).transpose(1, 2)
        hidden = hidden + self._drop(self._attend(self.norm_attention(hidden)))
        return hidden + self._drop(self.down(functional.gelu(self.up(self.norm_mlp(hidden)))))

    def _attend(self, hidden: Tensor) -> Tensor:
        split = self.query_key_value(hidden).unflatten(-1, (3, self.num_heads, -1))
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.merge_heads(mixed.transpose(1, 2).flatten(2))

    def _drop(self, hidden: Tensor) -> Tensor:
        return functional.dropout(hidden, self.dropout, self.training)


def _stem(config: StemVisionConfig) -> nn.Sequential:
    """Halve the picture until one pixel is one patch, doubling the channels."""
    num_halvings = config.patch_size.bit_length() - 1
    layers: list[nn.Module] = []
    channels = config.num_channels
    for index in range(num_halvings):
        wanted = min(config.stem_channels * 2**index, config.hidden_size)
        layers += [
            nn.Conv2d(channels, wanted, 3, stride=2, padding=1, bias=False),
            nn.GroupNorm(1, wanted),
            nn.GELU(),
        ]
        if index:
            layers += [ResidualBlock(wanted) for _ in range(config.stem_depth)]
        channels = wanted
    return nn.Sequential(*layers, nn.Conv2d(channels, config.hidden_size, 1))


AutoConfig.register(StemVisionConfig.model_type, StemVisionConfig, exist_ok=True)
AutoModel.register(StemVisionConfig, StemVisionModel, exist_ok=True)
