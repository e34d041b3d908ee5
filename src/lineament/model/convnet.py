"""A small residual convolution net as a vision tower, for models trained on few pictures.

Where a picture is looked at some ten times and not some hundred, convolutions with batch
normalisation learn several times faster than a vision transformer of equal cost
(``docs/experiments.md``). The tower answers like any ViT of ``transformers``.
"""

from typing import Any, no_type_check

import torch
from huggingface_hub.dataclasses import strict
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import BaseModelOutput

from lineament.errors import BadInput


@no_type_check  # transformers' configurations take more keywords than they declare
@strict
class ConvVisionConfig(PreTrainedConfig):
    """Sizes of the convolutional tower.

    Attributes:
        hidden_size: Channels of the last stage; each stage before has half as many.
        num_hidden_layers: Stages, which is what can be tapped.
        depths: Residual blocks of each stage.
        image_size: Side of the square pictures.
        patch_size: Pixels of one cell of the last grid, a power of two. The first convolution
            halves the picture, and so does every stage until this size is reached.
        sees_places: Two more channels tell the column and the row of every pixel, for answers that
            say where something is: a convolution by itself sees the same everywhere.
    """

    model_type = "lineament_conv_vision"

    hidden_size: int = 192
    num_hidden_layers: int = 4
    depths: Any = (1, 2, 2, 2)
    image_size: int = 64
    patch_size: int = 32
    num_channels: int = 3
    sees_places: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        if len(self.depths) != self.num_hidden_layers:
            raise BadInput(
                f"depths: expected {self.num_hidden_layers} numbers, one for each of "
                f"num_hidden_layers, got {list(self.depths)}"
            )
        if self.patch_size < 2 or self.patch_size.bit_count() != 1:
            raise BadInput(f"patch_size: expected a power of two, got {self.patch_size}")
        if self.patch_size.bit_length() - 2 > self.num_hidden_layers:
            raise BadInput(
                f"patch_size: {self.num_hidden_layers} stages cannot shrink a picture by "
                f"{self.patch_size}"
            )

    @property
    def widths(self) -> list[int]:
        """Channels of each stage."""
        last = self.num_hidden_layers - 1
        return [max(8, self.hidden_size >> (last - k)) for k in range(last)] + [self.hidden_size]


def add_places(
    pixel_values: Float[Tensor, "pictures channels height width"],
) -> Float[Tensor, "pictures more height width"]:
    """Add two channels that tell the column and the row, from -1 to 1 (Liu et al. 2018)."""
    count, _, height, width = pixel_values.shape
    down, along = (
        torch.linspace(-1, 1, side, dtype=pixel_values.dtype, device=pixel_values.device)
        for side in (height, width)
    )
    places = torch.stack([along.expand(height, width), down[:, None].expand(height, width)])
    return torch.cat([pixel_values, places.expand(count, -1, -1, -1)], dim=1)


class ConvVisionModel(PreTrainedModel):
    """Pixels to one vector per cell of a coarse grid, without class token or pooling."""

    config_class = ConvVisionConfig
    main_input_name = "pixel_values"
    base_model_prefix = ""

    def __init__(self, config: ConvVisionConfig) -> None:
        super().__init__(config)
        widths = config.widths
        num_channels = config.num_channels + 2 * config.sees_places
        self.stem = nn.Sequential(
            nn.Conv2d(num_channels, widths[0], 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        )
        self.stages = nn.ModuleList()
        before, shrunk = widths[0], 2
        for width, depth in zip(widths, config.depths, strict=True):
            stride = 2 if shrunk < config.patch_size else 1
            blocks = [ResidualBlock(before, width, stride=stride)]
            blocks += [ResidualBlock(width, width) for _ in range(depth - 1)]
            self.stages.append(nn.Sequential(*blocks))
            before, shrunk = width, shrunk * stride
        self.post_init()

    def forward(
        self,
        pixel_values: Float[Tensor, "pictures 3 height width"],
        output_hidden_states: bool = False,
        **kwargs: object,
    ) -> BaseModelOutput:
        """Encode pictures.

        ``hidden_states`` holds the stem's output and every stage's, averaged over the cells of
        the last grid, with zeros behind their channels.
        """
        del kwargs
        if self.config.sees_places:
            pixel_values = add_places(pixel_values)
        grid = self.stem(pixel_values.contiguous(memory_format=torch.channels_last))
        grids = [grid]
        for stage in self.stages:
            grid = stage(grid)
            grids.append(grid)
        return BaseModelOutput(
            last_hidden_state=_flatten(grid),
            hidden_states=tuple(self._level(grid) for grid in grids)
            if output_hidden_states
            else None,
        )

    def _level(
        self, grid: Float[Tensor, "pictures channels height width"]
    ) -> Float[Tensor, "pictures patches dim"]:
        side = self.config.image_size // self.config.patch_size
        cells = _flatten(functional.adaptive_avg_pool2d(grid, side))
        return functional.pad(cells, (0, self.config.hidden_size - cells.shape[-1]))

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):  # keeps the scale of its input
            fan_out = module.out_channels * module.kernel_size[0] * module.kernel_size[1]
            init.normal_(module.weight, std=(2.0 / fan_out) ** 0.5)
        else:
            super()._init_weights(module)


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, before: int, width: int, *, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(width)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(width)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or before != width:
            self.shortcut = nn.Sequential(
                nn.Conv2d(before, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(
        self, grid: Float[Tensor, "pictures before rows columns"]
    ) -> Float[Tensor, "pictures after new_rows new_columns"]:
        """Refine a grid, or shrink it."""
        hidden = functional.relu(self.first_norm(self.first(grid)))
        return functional.relu(self.second_norm(self.second(hidden)) + self.shortcut(grid))


def _flatten(
    grid: Float[Tensor, "pictures dim height width"],
) -> Float[Tensor, "pictures patches dim"]:
    return grid.flatten(2).transpose(1, 2)


AutoConfig.register(ConvVisionConfig.model_type, ConvVisionConfig, exist_ok=True)
AutoModel.register(ConvVisionConfig, ConvVisionModel, exist_ok=True)
