"""Time a mixture of experts against transformers' grouped_mm and a dense layer; see its balance.

Eight gated experts, two for each token, 768 to 1536, 4,096 tokens, forward and backward, router
included. The peer is ``Qwen3MoeSparseMoeBlock`` with ``experts_implementation="grouped_mm"``, the
dense layer has the active arithmetic of two experts. Sides take turns; medians are reported. All
have the same weights' shapes, data type and cores, and the peer's outputs equal ours.

Balance: a small mixture learns to tell clusters of very different sizes apart, with and without
the balance loss; reported is the share of the busiest and of the idlest expert (even use: 0.125).

    python benchmarks/experts_speed.py
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import Qwen3MoeConfig
from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeSparseMoeBlock

from lineament.model.experts import ExpertMixture, balance_loss
from lineament.model.token_experts import swiglu

RESULT = Path(__file__).resolve().parent / "results" / "experts_speed.json"
EXPERTS, TOP_K, DIM, EXPERT_DIM = 8, 2, 768, 1536
PROMISED = {  # DESIGN, how good is good: at most
    "fp32": {"over peer": 1.05, "over dense": 1.35},
    "bf16": {"over peer": 1.05, "over dense": 1.8},
}
BALANCE_WEIGHT = 0.01
OTHER_EXPERTS = 0.1  # relative difference of outputs that no rounding makes


class Dense(nn.Module):
    """A gated layer with the active arithmetic of the chosen experts."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(DIM, 2 * TOP_K * EXPERT_DIM, bias=False)
        self.down = nn.Linear(TOP_K * EXPERT_DIM, DIM, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.down(swiglu(self.up(tokens)))


def make_sides(dtype: torch.dtype) -> dict[str, nn.Module]:
    """Build ours by both paths, the peer with the same weights, and the dense layer."""
    torch.manual_seed(0)
    config = Qwen3MoeConfig(
        hidden_size=DIM, moe_intermediate_size=EXPERT_DIM, num_experts=EXPERTS,
        num_experts_per_tok=TOP_K, norm_topk_prob=True, experts_implementation="grouped_mm",
    )  # fmt: skip
    peer = Qwen3MoeSparseMoeBlock(config)
    ours = {
        name: ExpertMixture(
            DIM, EXPERT_DIM, DIM, num_experts=EXPERTS, top_k=TOP_K, use_shared_expert=False,
            dim_up=2 * EXPERT_DIM, activation=swiglu, implementation=implementation,
        )
        for name, implementation in (("ours", "auto"), ("ours, one by one", "loop"))
    }  # fmt: skip
    with torch.no_grad():
        for weight in peer.parameters():
            nn.init.normal_(weight, std=0.02)
        for layer in ours.values():
            layer.router.weight.copy_(peer.gate.weight)
            layer.experts.up_weight.copy_(peer.experts.gate_up_proj.transpose(1, 2))
            layer.experts.down_weight.copy_(peer.experts.down_proj.transpose(1, 2))
    sides = {**ours, "transformers": peer, "dense": Dense()}
    return {name: side.to(dtype) for name, side in sides.items()}


def run_side(side: nn.Module, tokens: Tensor) -> Tensor:
    """Compute a side's output; the peer wants a batch."""
    if isinstance(side, Qwen3MoeSparseMoeBlock):
        return side(tokens.unsqueeze(0))[0]
    output = side(tokens)
    return output[0] if isinstance(output, tuple) else output


def time_step(side: nn.Module, tokens: Tensor) -> float:
    """Return the seconds of one forward and backward pass."""
    side.zero_grad(set_to_none=True)
    tokens = tokens.detach().requires_grad_()
    began = time.perf_counter()
    run_side(side, tokens).float().square().mean().backward()
    return time.perf_counter() - began


def time_sides(dtype: torch.dtype, num_tokens: int, rounds: int) -> dict[str, float]:
    """Return each side's median seconds and what ours takes of the others'."""
    sides = make_sides(dtype)
    torch.manual_seed(1)
    tokens = torch.randn(num_tokens, DIM).to(dtype)
    gaps = compare_outputs(sides, tokens)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):  # the first is not counted
        for name, side in sides.items():
            took = time_step(side, tokens)
            if turn:
                seconds[name].append(took)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        **{f"{name}, seconds": round(value, 4) for name, value in medians.items()},
        "over peer": round(medians["ours"] / medians["transformers"], 3),
        "over dense": round(medians["ours"] / medians["dense"], 3),
        **gaps,
    }


@torch.no_grad()
def compare_outputs(sides: dict[str, nn.Module], tokens: Tensor) -> dict[str, float]:
    """Return how far our outputs are from the peer's, and for how many tokens they are another's.

    In 16 bits the two routers round apart, so that a token between two experts may go to either.
    """
    ours, theirs = (run_side(sides[n], tokens).float() for n in ("ours", "transformers"))
    gaps = (ours - theirs).norm(dim=-1) / theirs.norm(dim=-1)
    is_other = gaps > OTHER_EXPERTS
    return {
        "largest difference of outputs, same experts": round(float(gaps[~is_other].max()), 6),
        "tokens sent to other experts": round(float(is_other.float().mean()), 6),
    }


def balance_after(weight: float, steps: int, seed: int) -> dict[str, float]:
    """Train a mixture on unevenly large clusters and return how unevenly it is used."""
    torch.manual_seed(seed)
    layer = ExpertMixture(32, 64, 32, num_experts=EXPERTS, top_k=TOP_K, use_shared_expert=False)
    centres, turns = torch.randn(16, 32), torch.randn(16, 32, 32) / 32**0.5
    chances = 0.7 ** torch.arange(16.0)
    optimiser = torch.optim.AdamW(layer.parameters(), lr=3e-3)
    shares, loss = torch.zeros(EXPERTS), torch.zeros(())
    for step in range(steps):
        kinds = torch.multinomial(chances, 256, replacement=True)
        tokens = centres[kinds] + 0.3 * torch.randn(256, 32)
        wanted = torch.einsum("nij,nj->ni", turns[kinds], tokens)
        output, routing = layer(tokens)
        loss = functional.mse_loss(output, wanted)
        (loss + weight * balance_loss(routing)).backward()
        optimiser.step()
        optimiser.zero_grad()
        if step >= steps - 50:
            shares += torch.bincount(routing.expert_ids.flatten(), minlength=EXPERTS)
    shares /= shares.sum()
    return {"busiest": float(shares.max()), "idlest": float(shares.min()), "loss": float(loss)}


def mean_balance(weight: float, steps: int) -> dict[str, float]:
    """Return the means over three seeds."""
    rows = [balance_after(weight, steps, seed) for seed in range(3)]
    return {name: round(statistics.mean(row[name] for row in rows), 3) for name in rows[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=600, help="of the trials of balance")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16}
    result = {
        "command": "python benchmarks/experts_speed.py",
        "experts, top-k, widths": f"{EXPERTS}, {TOP_K}, {DIM} to {EXPERT_DIM}",
        "tokens": options.tokens,
        "rounds": options.rounds,
        "threads": options.threads,
        **{
            name: time_sides(dtype, options.tokens, options.rounds)
            for name, dtype in dtypes.items()
        },
        "to reach, at most": PROMISED,
        "balance, even is 0.125": {
            "without": mean_balance(0.0, options.steps),
            f"weight {BALANCE_WEIGHT:g}": mean_balance(BALANCE_WEIGHT, options.steps),
        },
    }
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
