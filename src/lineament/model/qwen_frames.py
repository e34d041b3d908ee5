"""The vision encoder of Qwen2.5-VL and Qwen3-VL as a tower: one frame is one of its pictures.

Qwen's encoders take patches in an order of their own and merge squares of them to tokens of the
language model's width. Qwen3-VL also gives tokens from several depths, which its language model
adds behind its first layers (DeepStack, arXiv 2406.04334).
"""

from typing import Any, no_type_check

import torch
from huggingface_hub.dataclasses import strict
from jaxtyping import Float
from torch import Tensor
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.configuration_utils import SubConfigSpec
from transformers.modeling_outputs import BaseModelOutput

from lineament.errors import BadInput


@no_type_check  # transformers' configurations take more keywords than they declare
@strict
class QwenFramesConfig(PreTrainedConfig):
    """Qwen's vision encoder at one fixed size of frames.

    Attributes:
        encoder: Qwen's own configuration of it.
        token_grid: Rows and columns of the tokens that a frame becomes.
    """

    model_type = "lineament_qwen_frames"
    sub_configs_defaults = {  # noqa: RUF012 - the name and type are transformers'
        "encoder": SubConfigSpec(config_class=AutoConfig, model_type="qwen2_5_vl_vision")
    }

    encoder: Any = None
    token_grid: list[int] | tuple[int, ...] = (8, 8)

    @property
    def patch_size(self) -> int:
        """Pixels of the square that becomes one token."""
        return self.encoder.patch_size * self.encoder.spatial_merge_size

    @property
    def image_size(self) -> list[int]:
        """Height and width of a frame."""
        return [cells * self.patch_size for cells in self.token_grid]

    @property
    def hidden_size(self) -> int:
        """Width of a token, which is the language model's."""
        return self.encoder.out_hidden_size

    @property
    def num_hidden_layers(self) -> int:
        """Blocks of the encoder."""
        return self.encoder.depth

    @property
    def num_depths(self) -> int:
        """Depths from which tokens are added behind the language model's first layers."""
        return len(getattr(self.encoder, "deepstack_visual_indexes", ()))


class QwenFrames(PreTrainedModel):
    """Pixels to merged tokens; behind each of them, in one row, those of other depths."""

    config_class = QwenFramesConfig
    main_input_name = "pixel_values"
    base_model_prefix = ""
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True

    def __init__(self, config: QwenFramesConfig) -> None:
        super().__init__(config)
        self.encoder = AutoModel.from_config(config.encoder)
        self.post_init()

    def forward(
        self,
        pixel_values: Float[Tensor, "pictures 3 height width"],
        output_hidden_states: bool = False,
        **kwargs: Any,
    ) -> BaseModelOutput:
        """Encode pictures, each by itself.

        Raises:
            BadInput: Inner layers are asked for, whose patches lie in another order.
        """
        del kwargs
        if output_hidden_states:
            raise BadInput("general_layer: Qwen's encoder is taken at its end", hint="use null")
        config: Any = self.config
        rows, columns = config.token_grid
        side = config.encoder.spatial_merge_size
        grid = torch.tensor([[1, rows * side, columns * side]], device=pixel_values.device)
        output = self.encoder(
            cut_patches(pixel_values, config.encoder), grid_thw=grid.expand(len(pixel_values), -1)
        )
        depths = [output.pooler_output, *getattr(output, "deepstack_features", ())]
        tokens = torch.cat(depths, dim=-1)
        return BaseModelOutput(
            last_hidden_state=tokens.unflatten(0, (len(pixel_values), rows * columns))
        )


def cut_patches(
    pixel_values: Float[Tensor, "pictures 3 height width"], encoder: Any
) -> Float[Tensor, "patches numbers"]:
    """Cut pictures as Qwen's image processor does: square by merged square, every frame twice."""
    side, patch = encoder.spatial_merge_size, encoder.patch_size
    squares = pixel_values.unflatten(3, (-1, side, patch)).unflatten(2, (-1, side, patch))
    # pictures colors rows side patch columns side patch
    ordered = squares.permute(0, 2, 5, 3, 6, 1, 4, 7)
    moments = ordered.unsqueeze(6).expand(*[-1] * 6, encoder.temporal_patch_size, -1, -1)
    return moments.flatten(5).flatten(0, 4)


AutoConfig.register(QwenFramesConfig.model_type, QwenFramesConfig, exist_ok=True)
AutoModel.register(QwenFramesConfig, QwenFrames, exist_ok=True)
