"""Sequence-level experts: one choice for a whole image, and what pictures, faces, noise add.

They change the image's positions alone. So text before an image never depends on it and can be
cached, and text after it needs no gate of its own.
"""

import math
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from lineament.model.unif2ace_config import UniF2aceConfig

EXPERTS = {
    "drawing": ("copy", "copy again", "zero", "noise"),
    "understanding": ("copy", "copy again", "clip", "face"),
}
_START_SHARE = 0.9  # of the input, in the experts that mix something in


@dataclass(frozen=True, slots=True)
class Guides:
    """What the experts mix in, once for all layers; None where it was not given."""

    clip: Float[Tensor, "images codes dim"] | None = None
    face: Float[Tensor, "images codes dim"] | None = None
    noise: Float[Tensor, "images 1 dim"] | None = None


class GuideMaker(nn.Module):
    """Bring picture features, a face feature and the mask ratio to the trunk's width."""

    def __init__(self, config: UniF2aceConfig) -> None:
        super().__init__()
        dim = config.hidden_size
        self.grid_side = config.grid_side
        self.noise_dim = config.noise_dim
        self.clip = nn.Sequential(nn.Linear(config.clip_dim, dim), nn.GELU(), nn.Linear(dim, dim))
        self.face = FaceResampler(config)
        self.noise = nn.Sequential(nn.Linear(config.noise_dim, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(
        self,
        clip_features: Float[Tensor, "images patches clip_dim"] | None,
        face_features: Float[Tensor, "images face_dim"] | None,
        mask_ratio: Float[Tensor, " images"] | None,
    ) -> Guides:
        """Make the guides that their inputs allow; patches are a square grid, row by row."""
        return Guides(
            None if clip_features is None else self._pool(self.clip(clip_features)),
            None if face_features is None else self.face(face_features),
            None if mask_ratio is None else self._say_noise(mask_ratio),
        )

    def _pool(self, patches: Tensor) -> Tensor:
        side = round(patches.shape[1] ** 0.5)
        grid = patches.transpose(1, 2).unflatten(2, (side, side))
        pooled = functional.adaptive_avg_pool2d(grid, self.grid_side)
        return pooled.flatten(2).transpose(1, 2)

    def _say_noise(self, mask_ratio: Tensor) -> Tensor:
        weight = cast(Tensor, self.noise[0].weight)
        half = self.noise_dim // 2
        steps = torch.arange(half, device=weight.device, dtype=torch.float32)
        angles = 1000 * mask_ratio.float().unsqueeze(1) * torch.exp(-math.log(1e4) * steps / half)
        waves = torch.cat([angles.sin(), angles.cos()], dim=1)
        return self.noise(waves.to(weight.dtype)).unsqueeze(1)


class FaceResampler(nn.Module):
    """Turn one face feature into one vector for each place of the image."""

    def __init__(self, config: UniF2aceConfig) -> None:
        super().__init__()
        dim = config.hidden_size
        self.num_tokens = config.face_tokens
        self.tokens = nn.Sequential(
            nn.Linear(config.face_dim, dim), nn.GELU(), nn.Linear(dim, dim * config.face_tokens)
        )
        self.queries = nn.Parameter(torch.empty(config.num_codes, dim))
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, dim)

    def forward(
        self, features: Float[Tensor, "images face_dim"]
    ) -> Float[Tensor, "images codes dim"]:
        """Let every place look for what it needs."""
        tokens = self.tokens(features).unflatten(1, (self.num_tokens, -1))
        queries = self.queries.expand(len(features), -1, -1)
        return functional.scaled_dot_product_attention(
            queries, self.key(tokens), self.value(tokens)
        )

    def reset_parameters(self) -> None:
        """Draw the queries at the scale of normed tokens."""
        nn.init.normal_(self.queries)


class SequenceExperts(nn.Module):
    """Two gates, one for each task, over four experts of each; most of them hold no weights.

    x becomes x + gain * sum of gate_e E_e(LN x) over the chosen. copy gives its input back, zero
    nothing; clip, face and noise give w x + (1 - w) guide. Without its guide an expert copies.
    """

    def __init__(self, config: UniF2aceConfig) -> None:
        super().__init__()
        self.top_k = config.sequence_top_k
        self.gain_start = config.sequence_gain_start
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.norm_eps)
        self.gates = nn.ModuleDict({task: nn.Linear(config.hidden_size, 4) for task in EXPERTS})
        self.shares = nn.ParameterDict(
            {name: nn.Parameter(torch.empty(())) for name in ("clip", "face", "noise")}
        )
        self.gain = nn.Parameter(torch.empty(()))

    def forward(
        self,
        hidden: Float[Tensor, "images codes dim"],
        is_drawing: Bool[Tensor, " images"],
        guides: Guides,
    ) -> tuple[Float[Tensor, "images codes dim"], Float[Tensor, "images experts"]]:
        """Choose for every image, and return the gates as well, zero where not chosen."""
        normed = self.norm(hidden)
        gates = self._choose(normed.mean(dim=1), is_drawing)
        weights = gates.to(hidden.dtype).unsqueeze(-1).unsqueeze(-1)  # images experts 1 1
        drawn = is_drawing.view(-1, 1, 1)
        third = torch.where(drawn, torch.zeros_like(normed), self._mix("clip", normed, guides.clip))
        fourth = torch.where(
            drawn, self._mix("noise", normed, guides.noise), self._mix("face", normed, guides.face)
        )
        mixed = (weights[:, 0] + weights[:, 1]) * normed
        mixed = mixed + weights[:, 2] * third + weights[:, 3] * fourth
        return hidden + self.gain * mixed, gates

    def _choose(self, summary: Tensor, is_drawing: Tensor) -> Tensor:
        logits = torch.where(
            is_drawing.unsqueeze(1),
            self.gates["drawing"](summary),
            self.gates["understanding"](summary),
        ).float()
        chosen, expert_ids = logits.topk(self.top_k, dim=-1)
        return torch.zeros_like(logits).scatter(1, expert_ids, chosen.softmax(dim=-1))

    def _mix(self, name: str, normed: Tensor, guide: Tensor | None) -> Tensor:
        if guide is None:
            return normed
        share = self.shares[name].sigmoid()  # the softmax over x and the guide
        return share * normed + (1 - share) * guide

    def reset_parameters(self) -> None:
        """Set what is ours alone: gain and shares; layers inside have their own rule."""
        nn.init.constant_(self.gain, self.gain_start)
        for share in self.shares.values():
            nn.init.constant_(share, math.log(_START_SHARE / (1 - _START_SHARE)))


def find_codes(
    is_code: Bool[Tensor, "batch tokens"], num_codes: int
) -> tuple[Int[Tensor, " images"], Int[Tensor, "images codes"]]:
    """Return which rows hold an image, and where its codes stand.

    A row with another number of codes holds none: a stray one may stand in an answer.
    """
    rows = (is_code.sum(dim=1) == num_codes).nonzero().squeeze(1)
    return rows, is_code[rows].nonzero()[:, 1].view(len(rows), num_codes)
