"""The three streams that FaVChat sees by: whole frames, faces at several depths, landmarks."""

import math
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModel, PreTrainedConfig
from transformers import initialization as init

from lineament.errors import BadInput
from lineament.model.experts import ScaledLinear


class GeneralEncoder(nn.Module):
    """Any ViT of ``transformers``, as one vector per patch of a whole frame.

    Args:
        config: The tower's configuration.
        layer: Which of its hidden states to take; its own last output when None.
    """

    def __init__(self, config: PreTrainedConfig, *, layer: int | None = None) -> None:
        super().__init__()
        self.tower = AutoModel.from_config(config)
        self.layer = layer

    def forward(
        self, pixel_values: Float[Tensor, "pictures 3 height width"]
    ) -> Float[Tensor, "pictures patches dim"]:
        """Encode pictures; class and register tokens are left out."""
        wants_layer = self.layer is not None
        output = run_tower(self.tower, pixel_values, output_hidden_states=wants_layer)
        states = output.hidden_states[self.layer] if wants_layer else output.last_hidden_state
        return drop_prefix(states, self.tower.config)


class FaceEncoder(nn.Module):
    """Any ViT of ``transformers``, tapped at several depths and merged to its own width.

    Shallow blocks keep what deep ones lose: skin, wrinkles, the edge of a lip (FaVChat's
    multi-granularity features).
    """

    def __init__(self, config: PreTrainedConfig, fractions: tuple[float, ...]) -> None:
        super().__init__()
        self.tower = AutoModel.from_config(config)
        self.levels = tap_levels(config.num_hidden_layers, fractions)
        self.norms = nn.ModuleList(nn.LayerNorm(config.hidden_size) for _ in self.levels)
        self.merge = LevelMerge(config.hidden_size, len(self.levels))

    def forward(
        self, pixel_values: Float[Tensor, "pictures 3 height width"]
    ) -> Float[Tensor, "pictures patches dim"]:
        """Encode pictures of faces."""
        output = run_tower(self.tower, pixel_values, output_hidden_states=True)
        tapped = [
            norm(drop_prefix(output.hidden_states[level], self.tower.config))
            for level, norm in zip(self.levels, self.norms, strict=True)
        ]
        return self.merge(torch.cat(tapped, dim=-1))


class LevelMerge(nn.Linear):
    """One linear layer from all levels to one width, which starts as "the last level only"."""

    def __init__(self, dim: int, num_levels: int) -> None:
        super().__init__(num_levels * dim, dim)

    def reset_parameters(self) -> None:
        """Copy the last level and ignore the others."""
        weight = torch.zeros(self.out_features, self.in_features)
        weight[:, -self.out_features :] = torch.eye(self.out_features)
        init.copy_(self.weight, weight)
        nn.init.zeros_(self.bias)


class LandmarkStream(nn.Module):
    """Normalised landmarks over time to one vector per frame: cheap, and it sees motion.

    Every frame brings several samples, spread over its share of the clip, so that a blink
    between two frames is seen too. The points are standardised by ``mean`` and ``scale``, which
    a training run may fill with the statistics of its data. Samples without a face are zero,
    going in and coming out.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, num_points: int, num_samples: int, dim: int, *, num_blocks: int = 3) -> None:
        super().__init__()
        self.register_buffer("mean", torch.empty(num_points, 3))
        self.register_buffer("scale", torch.empty(num_points, 3))
        self.read = ScaledLinear(num_points * 3, dim)
        self.blocks = nn.ModuleList(TemporalBlock(dim) for _ in range(num_blocks))
        self.gather = ScaledLinear(num_samples * dim, dim)
        self.norm = nn.LayerNorm(dim)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Leave points as they come."""
        nn.init.zeros_(self.mean)
        nn.init.ones_(self.scale)

    def forward(
        self,
        landmarks: Float[Tensor, "batch frames samples points 3"],
        valid_mask: Bool[Tensor, "batch frames samples"],
    ) -> Float[Tensor, "batch frames dim"]:
        """Encode each frame's samples with those of its neighbours in time."""
        standard = ((landmarks - self.mean) / self.scale).to(self.read.weight.dtype)
        is_invalid = ~valid_mask.flatten(1).unsqueeze(-1)
        hidden = self.read(standard.flatten(3).flatten(1, 2).masked_fill(is_invalid, 0.0))
        for block in self.blocks:
            hidden = block(hidden, is_invalid)
        samples = hidden.masked_fill(is_invalid, 0.0).unflatten(1, valid_mask.shape[1:])
        seen = valid_mask.any(dim=-1, keepdim=True)
        return self.norm(self.gather(samples.flatten(2))).masked_fill(~seen, 0.0)


class TemporalBlock(nn.Module):
    """A convolution over five moments and a linear layer, added to the input."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.mix = nn.Conv1d(dim, dim, 5, padding=2, groups=dim)
        self.update = ScaledLinear(dim, dim)

    def forward(
        self,
        hidden: Float[Tensor, "batch moments dim"],
        is_invalid: Bool[Tensor, "batch moments 1"],
    ) -> Float[Tensor, "batch moments dim"]:
        """Mix each moment with those around it, as far as they are valid."""
        frames = self.norm(hidden).masked_fill(is_invalid, 0.0)
        around = self.mix(frames.transpose(1, 2)).transpose(1, 2)
        return hidden + self.update(functional.gelu(frames + around))


def tap_levels(num_layers: int, fractions: tuple[float, ...]) -> tuple[int, ...]:
    """Return the blocks to tap, 1-based: 3, 6, 9, 12 of 12 for the four quarters.

    Halves round up and the embedding layer, level 0, is never tapped.
    """
    levels = {min(num_layers, max(1, math.floor(num_layers * f + 0.5))) for f in fractions}
    return tuple(sorted(levels))


def tower_grid(config: PreTrainedConfig) -> tuple[int, int]:
    """Return rows and columns of a tower's patches."""
    if getattr(config, "model_type", "") == "siglip2_vision_model":  # knows only their number
        side = math.isqrt(config.num_patches)
        return side, side
    size, patch = config.image_size, config.patch_size
    height, width = size if isinstance(size, list | tuple) else (size, size)
    rows, columns = patch if isinstance(patch, list | tuple) else (patch, patch)
    return height // rows, width // columns


def tower_size_px(config: PreTrainedConfig) -> tuple[int, int]:
    """Return height and width of the pictures that a tower takes."""
    if getattr(config, "model_type", "") == "siglip2_vision_model":
        rows, columns = tower_grid(config)
        return rows * config.patch_size, columns * config.patch_size
    size = config.image_size
    return (size[0], size[1]) if isinstance(size, list | tuple) else (size, size)


def run_tower(
    tower: nn.Module,
    pixel_values: Float[Tensor, "pictures 3 height width"],
    *,
    output_hidden_states: bool,
) -> Any:
    """Call a tower in its own way: SigLIP 2 with variable size wants patches, not pixels."""
    config: Any = tower.config
    expected = tower_size_px(config)
    if tuple(pixel_values.shape[-2:]) != expected:
        raise BadInput(
            f"pixel_values: expected {expected[0]}x{expected[1]} pixels, "
            f"got {pixel_values.shape[-2]}x{pixel_values.shape[-1]}"
        )
    pixel_values = pixel_values.to(next(tower.parameters()).dtype)
    if config.model_type != "siglip2_vision_model":
        return tower(pixel_values, output_hidden_states=output_hidden_states)
    rows, columns = tower_grid(config)
    patches = functional.pixel_unshuffle(pixel_values, config.patch_size)
    patches = (
        patches.unflatten(1, (3, -1))
        .permute(0, 3, 4, 2, 1)
        .reshape(len(pixel_values), rows * columns, -1)
    )
    return tower(
        patches,
        pixel_attention_mask=patches.new_ones(patches.shape[:2], dtype=torch.long),
        spatial_shapes=torch.tensor([[rows, columns]] * len(patches), device=patches.device),
        output_hidden_states=output_hidden_states,
    )


def drop_prefix(
    states: Float[Tensor, "pictures tokens dim"], config: PreTrainedConfig
) -> Float[Tensor, "pictures patches dim"]:
    """Leave out class and register tokens, which stand in front of the patches."""
    rows, columns = tower_grid(config)
    return states[:, states.shape[1] - rows * columns :]


def pool_grid(
    patches: Float[Tensor, "pictures patches dim"],
    grid: tuple[int, int],
    pooled_grid: tuple[int, int],
) -> Float[Tensor, "pictures pooled dim"]:
    """Average patches to a coarser grid; the same grid comes back unchanged."""
    if grid == pooled_grid:
        return patches
    picture = patches.transpose(1, 2).unflatten(2, grid)
    return functional.adaptive_avg_pool2d(picture, pooled_grid).flatten(2).transpose(1, 2)
