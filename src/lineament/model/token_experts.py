"""Token-level experts in task groups: what each token of drawing or understanding passes."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional

from lineament.model.experts import (
    ExpertMixture,
    Routing,
    balance_loss,
    router_z_loss,
)
from lineament.model.unif2ace_config import UniF2aceConfig

TASKS = ("drawing", "understanding")


def gelu_tanh(hidden: Float[Tensor, "*places dim"]) -> Float[Tensor, "*places dim"]:
    """Apply the tanh form of GELU, as Phi does."""
    return functional.gelu(hidden, approximate="tanh")


def swiglu(hidden: Float[Tensor, "*places both"]) -> Float[Tensor, "*places dim"]:
    """Gate the second half by the SiLU of the first."""
    gate, value = hidden.chunk(2, dim=-1)
    return functional.silu(gate) * value


ACTIVATE = {"gelu_tanh": gelu_tanh, "swiglu": swiglu}


class FeedForward(nn.Module):
    """The dense layer of a block; with experts, the one that every token shares."""

    def __init__(self, config: UniF2aceConfig, width: int) -> None:
        super().__init__()
        self.activate = ACTIVATE[config.activation]
        bias = config.use_bias
        self.up = nn.Linear(config.hidden_size, width * _fold(config), bias=bias)
        self.down = nn.Linear(width, config.hidden_size, bias=bias)

    def forward(self, hidden: Float[Tensor, "*places dim"]) -> Float[Tensor, "*places dim"]:
        """Widen, activate, narrow."""
        return self.down(self.activate(self.up(hidden)))


@dataclass(frozen=True, slots=True)
class TokenUse:
    """How one layer's tokens were sent on.

    Attributes:
        routings: By task; a task that is not in the batch is missing.
        expert_ids: Choices of every token, -1 for padding.
    """

    routings: dict[str, Routing]
    expert_ids: Int[Tensor, "batch tokens top_k"]

    def balance_loss(self) -> Float[Tensor, ""]:
        """Add up both tasks' balance losses; 1 for each that is uniform."""
        return _sum([balance_loss(routing) for routing in self.routings.values()])

    def router_z_loss(self) -> Float[Tensor, ""]:
        """Add up both tasks' z-losses."""
        return _sum([router_z_loss(routing) for routing in self.routings.values()])


class TokenExperts(nn.Module):
    """One shared and several routed feed-forward experts for each task.

    The task chooses the group, a router works inside it. The shared expert may be one for
    both tasks, which is how a dense layer goes on unchanged under new experts.
    """

    def __init__(self, config: UniF2aceConfig) -> None:
        super().__init__()
        width = config.shared_dim or config.intermediate_size
        self.scale = config.expert_scale
        self.top_k = config.num_experts_per_token
        names = TASKS[:1] if config.is_shared_joint else TASKS
        self.shared = nn.ModuleDict({name: FeedForward(config, width) for name in names})
        self.routed = nn.ModuleDict({name: _mixture(config) for name in TASKS})

    def forward(
        self,
        hidden: Float[Tensor, "batch tokens dim"],
        is_drawing: Bool[Tensor, " batch"],
        valid_mask: Bool[Tensor, "batch tokens"],
    ) -> tuple[Float[Tensor, "batch tokens dim"], TokenUse]:
        """Pass every token through its task's experts; padding through the shared one alone."""
        output = self._share(hidden, is_drawing)
        batch, tokens, dim = hidden.shape
        flat = hidden.reshape(-1, dim)
        added = torch.zeros_like(output).view(-1, dim)
        expert_ids = torch.full((batch * tokens, self.top_k), -1, device=hidden.device)
        routings: dict[str, Routing] = {}
        for task, rows in zip(TASKS, (is_drawing, ~is_drawing), strict=True):
            places = (rows.unsqueeze(1) & valid_mask).flatten().nonzero().squeeze(1)
            if not len(places):
                continue
            mixed, routings[task] = self.routed[task](flat.index_select(0, places))
            added = added.index_copy(0, places, mixed.to(added.dtype))
            expert_ids.index_copy_(0, places, routings[task].expert_ids)
        use = TokenUse(routings, expert_ids.view(batch, tokens, -1))
        return output + self.scale * added.view_as(output), use

    def _share(self, hidden: Tensor, is_drawing: Tensor) -> Tensor:
        if len(self.shared) == 1:
            return self.shared["drawing"](hidden)
        drawn, understood = (self.shared[task] for task in TASKS)
        if bool(is_drawing.all()):
            return drawn(hidden)
        if not bool(is_drawing.any()):
            return understood(hidden)
        rows = is_drawing.nonzero().squeeze(1), (~is_drawing).nonzero().squeeze(1)
        parts = torch.cat([drawn(hidden[rows[0]]), understood(hidden[rows[1]])])
        return parts.index_select(0, torch.cat(rows).argsort())


@torch.no_grad()
def upcycle_whole(experts: TokenExperts, dense: FeedForward) -> None:
    """Keep the dense layer as shared expert; routed ones start as its slices, silent.

    Step 0 gives the dense outputs exactly: what routed experts say begins at zero, and
    their first layers are slices of the dense one's, so that they learn from something.
    """
    for shared in experts.shared.values():
        shared.load_state_dict(dense.state_dict())
    for mixture in experts.routed.values():
        assert isinstance(mixture, ExpertMixture)
        _slice_up(mixture, dense)
        mixture.experts.down_weight.zero_()
        mixture.experts.down_bias.zero_()


@torch.no_grad()
def upcycle_slices(experts: TokenExperts, dense: FeedForward) -> None:
    """Cut the dense layer into as many slices as there are experts; the shared one is silent.

    With ``expert_scale`` equal to the number of experts, the output over random choices is the
    dense one in expectation, not for each token: `upcycle_whole` starts better.
    """
    for shared in experts.shared.values():
        assert isinstance(shared, FeedForward)
        shared.down.weight.zero_()
        if dense.down.bias is not None:  # kept once, outside the routed experts
            shared.down.bias.copy_(dense.down.bias)
    for mixture in experts.routed.values():
        assert isinstance(mixture, ExpertMixture)
        bank = mixture.experts
        _slice_up(mixture, dense)
        width = bank.down_weight.shape[1]
        for number in range(bank.num_experts):
            part = _part(number, width, dense.down.weight.shape[1])
            bank.down_weight[number].copy_(dense.down.weight[:, part].T)
        bank.down_bias.zero_()


def _slice_up(mixture: ExpertMixture, dense: FeedForward) -> None:
    """Give each expert's first layer a slice of the dense one's, gates and values alike."""
    bank = mixture.experts
    full, width = dense.down.weight.shape[1], bank.down_weight.shape[1]
    weights = dense.up.weight.unflatten(0, (-1, full))  # folds, width, dim
    for number in range(bank.num_experts):
        part = _part(number, width, full)
        bank.up_weight[number].copy_(weights[:, part].flatten(0, 1).T)
        if dense.up.bias is not None:
            bank.up_bias[number].copy_(dense.up.bias.unflatten(0, (-1, full))[:, part].flatten())
        else:
            bank.up_bias[number].zero_()


def _part(number: int, width: int, full: int) -> Tensor:
    """Return the columns of one slice; narrow experts begin evenly spread, wide ones wrap."""
    stride = max(1, full // 8) if width * 8 <= full else width
    return (torch.arange(width) + number * stride) % full


def _mixture(config: UniF2aceConfig) -> ExpertMixture:
    return ExpertMixture(
        config.hidden_size,
        config.expert_dim,
        config.hidden_size,
        num_experts=config.num_experts,
        top_k=config.num_experts_per_token,
        use_shared_expert=False,
        dim_up=config.expert_dim * _fold(config),
        activation=ACTIVATE[config.activation],
        start_scale=0.5,
    )


def _fold(config: UniF2aceConfig) -> int:
    return 2 if config.activation == "swiglu" else 1


def _sum(losses: list[Tensor]) -> Tensor:
    return torch.stack(losses).sum() if losses else torch.zeros(())
