"""Token-level mixture of experts: routing, experts, balance losses and a report of use.

Routing and computing are apart: `route_tokens` decides, `ExpertBank` computes for any decision.
A mixture that routes whole sequences only needs another function beside `route_tokens`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

Implementation = Literal["auto", "loop", "grouped"]

_GROUPED_DTYPES = (torch.float32, torch.bfloat16, torch.float16)
_ALIGNMENT_BYTES = 16  # grouped_mm refuses row strides that are no multiple of this


@dataclass(frozen=True, slots=True)
class Routing:
    """Which experts each token uses, and how much of each."""

    logits: Float[Tensor, "tokens experts"]
    expert_ids: Int[Tensor, "tokens top_k"]
    gates: Float[Tensor, "tokens top_k"]


def route_tokens(logits: Float[Tensor, "tokens experts"], top_k: int) -> Routing:
    """Send every token to its ``top_k`` likeliest experts; none is ever dropped.

    The gates are the softmax probabilities of the chosen experts, renormalised to sum to 1,
    which equals the softmax over the chosen logits.
    """
    chosen, expert_ids = logits.float().topk(top_k, dim=-1)
    return Routing(logits=logits.float(), expert_ids=expert_ids, gates=chosen.softmax(dim=-1))


def balance_loss(routing: Routing) -> Float[Tensor, ""]:
    """Punish uneven use: ``E * sum_e f_e * P_e``, 1.0 for a uniform router.

    ``f_e`` is the share of assignments that expert e gets, ``P_e`` its mean probability; only
    the latter carries a gradient (Switch Transformer, eq. 4).
    """
    num_tokens, num_experts = routing.logits.shape
    assignments = functional.one_hot(routing.expert_ids, num_experts).sum(dim=(0, 1))
    shares = assignments / max(1, routing.expert_ids.numel())
    mean_probs = routing.logits.softmax(dim=-1).sum(dim=0) / max(1, num_tokens)
    return num_experts * (shares * mean_probs).sum()


def router_z_loss(routing: Routing) -> Float[Tensor, ""]:
    """Keep router logits small: the mean squared log of the softmax's denominator."""
    return routing.logits.logsumexp(dim=-1).square().sum() / max(1, routing.logits.shape[0])


class ExpertBank(nn.Module):
    """Several two-layer networks of one shape, GELU inside, their weights stacked.

    Another ``activation`` may narrow what it gets: ``dim_up`` is the width before it,
    ``dim_hidden`` the width behind it. Two paths compute the same: one matrix product per
    expert, and one grouped product for all. ``auto`` takes the grouped one wherever its kernel
    accepts the sizes and the data type.
    """

    def __init__(
        self,
        num_experts: int,
        dim_in: int,
        dim_hidden: int,
        dim_out: int,
        *,
        dim_up: int | None = None,
        activation: Callable[[Tensor], Tensor] = functional.gelu,
        start_scale: float = 1.0,
        implementation: Implementation = "auto",
    ) -> None:
        super().__init__()
        dim_up = dim_up or dim_hidden
        self.num_experts = num_experts
        self.activation = activation
        self.start_scale = start_scale
        self.implementation: Implementation = implementation
        self.up_weight = nn.Parameter(torch.empty(num_experts, dim_in, dim_up))
        self.up_bias = nn.Parameter(torch.empty(num_experts, dim_up))
        self.down_weight = nn.Parameter(torch.empty(num_experts, dim_hidden, dim_out))
        self.down_bias = nn.Parameter(torch.empty(num_experts, dim_out))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw weights that keep the scale of their inputs but for ``start_scale``."""
        nn.init.normal_(self.up_weight, std=self.up_weight.shape[1] ** -0.5)
        nn.init.normal_(self.down_weight, std=self.start_scale * self.down_weight.shape[1] ** -0.5)
        nn.init.zeros_(self.up_bias)
        nn.init.zeros_(self.down_bias)

    def forward(
        self, tokens: Float[Tensor, "tokens dim_in"], routing: Routing
    ) -> Float[Tensor, "tokens dim_out"]:
        """Compute every token's chosen experts and mix them by their gates."""
        dtype = _compute_dtype(tokens)
        num_tokens, top_k = routing.expert_ids.shape
        flat_ids = routing.expert_ids.flatten()
        order = flat_ids.argsort(stable=True)  # assignments, expert by expert
        group_sizes = torch.bincount(flat_ids, minlength=self.num_experts)

        rows = tokens.to(dtype).index_select(0, order // top_k)
        hidden = self.activation(self._multiply(rows, self.up_weight, self.up_bias, group_sizes))
        outputs = self._multiply(hidden, self.down_weight, self.down_bias, group_sizes)

        outputs = outputs.index_select(0, order.argsort())
        outputs = outputs.view(num_tokens, top_k, outputs.shape[-1])
        return (outputs * routing.gates.to(dtype).unsqueeze(-1)).sum(dim=1)

    def _multiply(self, rows: Tensor, weight: Tensor, bias: Tensor, group_sizes: Tensor) -> Tensor:
        weight, bias = weight.to(rows.dtype), bias.to(rows.dtype)
        if self.implementation != "loop" and can_group(rows, weight):
            return _multiply_grouped(rows, weight, bias, group_sizes)
        return _multiply_looped(rows, weight, bias, group_sizes)


class ExpertMixture(nn.Module):
    """A router, its experts, and an optional expert that every token also uses."""

    def __init__(
        self,
        dim_in: int,
        dim_hidden: int,
        dim_out: int,
        *,
        num_experts: int,
        top_k: int,
        use_shared_expert: bool = True,
        dim_router: int | None = None,
        dim_up: int | None = None,
        activation: Callable[[Tensor], Tensor] = functional.gelu,
        start_scale: float = 1.0,
        implementation: Implementation = "auto",
    ) -> None:
        super().__init__()
        self.top_k = min(top_k, num_experts)
        self.router = nn.Linear(dim_router or dim_in, num_experts, bias=False)
        self.experts = ExpertBank(
            num_experts,
            dim_in,
            dim_hidden,
            dim_out,
            dim_up=dim_up,
            activation=activation,
            start_scale=start_scale,
            implementation=implementation,
        )
        self.shared = None
        if use_shared_expert:
            self.shared = Mlp(dim_in, dim_hidden, dim_out, start_scale=start_scale)

    def forward(
        self,
        tokens: Float[Tensor, "tokens dim_in"],
        router_input: Float[Tensor, "tokens dim_router"] | None = None,
    ) -> tuple[Float[Tensor, "tokens dim_out"], Routing]:
        """Route and compute; the router always works in 32 bits."""
        router_input = tokens if router_input is None else router_input
        with torch.autocast(tokens.device.type, enabled=False):
            logits = functional.linear(router_input.float(), self.router.weight.float())
        routing = route_tokens(logits, self.top_k)
        output = self.experts(tokens, routing)
        if self.shared is not None:
            output = output + self.shared(tokens)
        return output, routing


class ScaledLinear(nn.Linear):
    """A linear layer that starts with outputs of its inputs' scale, times ``start_scale``."""

    def __init__(self, dim_in: int, dim_out: int, *, start_scale: float = 1.0) -> None:
        self.start_scale = start_scale
        super().__init__(dim_in, dim_out)

    def reset_parameters(self) -> None:
        """Draw the weights; the bias is zero."""
        nn.init.normal_(self.weight, std=self.start_scale * self.in_features**-0.5)
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class Mlp(nn.Module):
    """One expert as ordinary layers: linear, GELU, linear."""

    def __init__(
        self, dim_in: int, dim_hidden: int, dim_out: int, *, start_scale: float = 1.0
    ) -> None:
        super().__init__()
        self.up = ScaledLinear(dim_in, dim_hidden)
        self.down = ScaledLinear(dim_hidden, dim_out, start_scale=start_scale)

    def forward(self, tokens: Float[Tensor, "*batch dim_in"]) -> Float[Tensor, "*batch dim_out"]:
        """Apply both layers."""
        return self.down(functional.gelu(self.up(tokens)))


class ExpertUse:
    """Count which source uses which expert, outside the forward pass.

    A source is any name the caller gives to a group of tokens: a data set, "face" and "no
    face", a question kind.
    """

    def __init__(self, num_experts: int) -> None:
        self.num_experts = num_experts
        self._counts: dict[str, Tensor] = {}

    def add(self, expert_ids: Int[Tensor, "*batch top_k"], source: str) -> None:
        """Add the choices of some tokens; negative ids (padding) are left out."""
        flat_ids = expert_ids.detach().flatten().cpu()
        counts = torch.bincount(flat_ids[flat_ids >= 0], minlength=self.num_experts)
        self._counts[source] = self._counts.get(source, torch.zeros_like(counts)) + counts

    def add_rows(self, expert_ids: Int[Tensor, "rows *rest"], sources: Sequence[str]) -> None:
        """Add a batch whose rows come from different sources."""
        for row, source in zip(expert_ids, sources, strict=True):
            self.add(row, source)

    def counts(self) -> dict[str, list[int]]:
        """Return assignments per expert, by source."""
        return {source: counts.tolist() for source, counts in sorted(self._counts.items())}

    def shares(self) -> dict[str, list[float]]:
        """Return each source's assignments as fractions that sum to 1."""
        return {
            source: [count / max(1, sum(counts)) for count in counts]
            for source, counts in self.counts().items()
        }


def can_group(rows: Float[Tensor, "rows dim_in"], weight: Float[Tensor, "e dim_in out"]) -> bool:
    """Say whether the grouped kernel takes these sizes and this data type."""
    item_bytes = rows.element_size()
    return (
        rows.shape[0] > 0
        and rows.dtype in _GROUPED_DTYPES
        and all(dim * item_bytes % _ALIGNMENT_BYTES == 0 for dim in weight.shape[1:])
    )


def round_to_8(size: int) -> int:
    """Round a layer's size up to a multiple of 8, which the grouped kernel takes in any dtype."""
    return -(-size // 8) * 8


def _compute_dtype(tokens: Tensor) -> torch.dtype:
    """Choose the data type autocast would choose; grouped_mm ignores autocast."""
    device = tokens.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else tokens.dtype


def _multiply_grouped(rows: Tensor, weight: Tensor, bias: Tensor, group_sizes: Tensor) -> Tensor:
    ends = group_sizes.cumsum(0).to(torch.int32)
    product = functional.grouped_mm(rows, weight, offs=ends)
    # The bias as a product with one-hot rows: its gradient is then a matrix product as well,
    # where indexing would add up rows one by one.
    expert_of_row = torch.searchsorted(
        ends, torch.arange(rows.shape[0], device=rows.device, dtype=torch.int32), right=True
    )
    one_hot = functional.one_hot(expert_of_row, weight.shape[0]).to(rows.dtype)
    return torch.addmm(product, one_hot, bias)


def _multiply_looped(rows: Tensor, weight: Tensor, bias: Tensor, group_sizes: Tensor) -> Tensor:
    groups = rows.split(group_sizes.tolist())
    return torch.cat([torch.addmm(bias[i], group, weight[i]) for i, group in enumerate(groups)])
