"""Mixture of experts: the oracles of papers/favchat.md section 10, and its two paths."""

import pytest
import torch
from transformers import Qwen3MoeConfig
from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func
from transformers.models.qwen3_moe.modeling_qwen3_moe import Qwen3MoeSparseMoeBlock

from lineament.model.experts import (
    ExpertBank,
    ExpertMixture,
    ExpertUse,
    Mlp,
    Routing,
    balance_loss,
    can_group,
    round_to_8,
    route_tokens,
    router_z_loss,
)
from lineament.model.token_experts import swiglu
from test_model_toys import _one_thread  # noqa: F401


def mixture(num_experts: int = 4, top_k: int = 2, **kwargs) -> ExpertMixture:
    return ExpertMixture(16, 32, 8, num_experts=num_experts, top_k=top_k, **kwargs)


def test_uniform_router_has_a_balance_loss_of_exactly_one():
    routing = route_tokens(torch.zeros(32, 4), 2)
    assert balance_loss(routing).item() == 1.0


def test_collapsed_router_has_a_balance_loss_of_the_number_of_experts():
    logits = torch.full((32, 4), -50.0)
    logits[:, 2] = 50.0
    assert balance_loss(route_tokens(logits, 1)).item() == pytest.approx(4.0)


def test_balance_loss_pushes_the_overused_expert_down():
    logits = torch.tensor([[1.0, 0.0, 0.0]]).repeat(8, 1).requires_grad_()
    balance_loss(route_tokens(logits, 1)).backward()
    assert logits.grad[:, 0].min() > 0
    assert logits.grad[:, 1:].max() < 0


def test_z_loss_is_the_squared_log_of_the_denominator():
    routing = route_tokens(torch.zeros(3, 4), 1)
    assert router_z_loss(routing).item() == pytest.approx(torch.tensor(4.0).log().item() ** 2)


def test_gates_are_the_renormalised_probabilities_of_the_chosen():
    logits = torch.randn(10, 6)
    routing = route_tokens(logits, 3)
    chosen = logits.softmax(-1).gather(1, routing.expert_ids)
    torch.testing.assert_close(routing.gates, chosen / chosen.sum(-1, keepdim=True))


def test_no_token_is_ever_dropped():
    logits = torch.zeros(1000, 4)
    logits[:, 1] = 9.0  # all want the same expert
    routing = route_tokens(logits, 1)
    assert routing.expert_ids.shape == (1000, 1)
    assert (routing.gates == 1).all()


def test_one_expert_equals_a_plain_mlp():
    layer = mixture(num_experts=1, top_k=1, use_shared_expert=False)
    plain = Mlp(16, 32, 8)
    with torch.no_grad():
        plain.up.weight.copy_(layer.experts.up_weight[0].T)
        plain.down.weight.copy_(layer.experts.down_weight[0].T)
        plain.up.bias.copy_(layer.experts.up_bias[0].normal_())
        plain.down.bias.copy_(layer.experts.down_bias[0].normal_())
    tokens = torch.randn(9, 16)
    torch.testing.assert_close(layer(tokens)[0], plain(tokens))


def test_identical_experts_make_the_output_independent_of_the_gate():
    layer = mixture()
    with torch.no_grad():
        for weight in layer.experts.parameters():
            weight.copy_(weight[:1].expand_as(weight))
    tokens = torch.randn(9, 16)
    before = layer(tokens)[0]
    with torch.no_grad():
        layer.router.weight.normal_()
    torch.testing.assert_close(layer(tokens)[0], before)


def test_permuting_experts_with_their_router_rows_changes_nothing():
    layer = mixture()
    tokens = torch.randn(9, 16)
    before, routing = layer(tokens)
    order = torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        for weight in (*layer.experts.parameters(), layer.router.weight):
            weight.copy_(weight[order])
    after, permuted = layer(tokens)
    torch.testing.assert_close(after, before)
    torch.testing.assert_close(balance_loss(permuted), balance_loss(routing))


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2), (torch.float16, 4e-3)]
)
def test_loop_and_grouped_path_are_equal_forward_and_backward(dtype, tolerance):
    torch.manual_seed(1)
    bank = ExpertBank(4, 16, 32, 8).to(dtype)
    torch.nn.init.normal_(bank.up_bias)
    torch.nn.init.normal_(bank.down_bias)
    logits = torch.randn(40, 4)
    logits[:, 3] = -100.0  # one expert gets nothing
    routing = route_tokens(logits, 2)
    results = []
    for implementation in ("loop", "grouped"):
        bank.implementation = implementation
        tokens = torch.randn(40, 16, generator=torch.Generator().manual_seed(2)).to(dtype)
        tokens.requires_grad_()
        assert can_group(tokens, bank.up_weight)
        bank.zero_grad()
        output = bank(tokens, routing)
        output.square().sum().backward()
        results.append([output, tokens.grad, *(p.grad.clone() for p in bank.parameters())])
    for looped, grouped in zip(*results, strict=True):
        scale = looped.float().abs().max()
        assert (looped.float() - grouped.float()).abs().max() <= tolerance * scale


SIZES = [(16, 32, 8), (7, 5, 3), (16, 6, 8), (6, 16, 8), (16, 16, 10), (8, 1, 1)]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("num_tokens", [1, 3, 40])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_any_sizes_equal_one_token_at_a_time_forward_and_backward(sizes, num_tokens, dtype):
    """The oracle is single matrix products; sizes that do not fit the kernel fall back."""
    torch.manual_seed(3)
    bank = ExpertBank(3, *sizes, implementation="grouped").to(dtype)
    for bias in (bank.up_bias, bank.down_bias):
        torch.nn.init.normal_(bias)
    routing = route_tokens(torch.randn(num_tokens, 3), 2)
    tokens = torch.randn(num_tokens, sizes[0]).to(dtype).requires_grad_()
    found = bank(tokens, routing)
    found.square().sum().backward()
    gradients = [tokens.grad, *(weight.grad for weight in bank.parameters())]

    exact = tokens.detach().double().requires_grad_()
    weights = [weight.detach().double().requires_grad_() for weight in bank.parameters()]
    up, up_bias, down, down_bias = weights
    rows = []
    for token, ids, gates in zip(exact, routing.expert_ids, routing.gates.double(), strict=True):
        outputs = [
            torch.nn.functional.gelu(token @ up[e] + up_bias[e]) @ down[e] + down_bias[e]
            for e in ids
        ]
        rows.append(sum(gate * output for gate, output in zip(gates, outputs, strict=True)))
    expected = torch.stack(rows)
    expected.square().sum().backward()
    tolerance = 1e-4 if dtype == torch.float32 else 6e-2
    for one, other in zip(
        [found, *gradients], [expected, exact.grad, *(w.grad for w in weights)], strict=True
    ):
        other = torch.zeros_like(one) if other is None else other
        scale = other.abs().max().clamp(min=1e-3)
        assert (one.double() - other.double()).abs().max() <= tolerance * scale


def test_weights_that_begin_anywhere_in_memory_do_not_crash():
    bank = ExpertBank(2, 8, 8, 8)
    store = torch.zeros(2 * 8 * 8 + 1)  # as a file that is mapped gives them
    moved = store[1:].view(2, 8, 8)
    with torch.no_grad():
        moved.copy_(bank.up_weight)
    tokens, routing = torch.randn(5, 8), route_tokens(torch.randn(5, 2), 1)
    expected = bank(tokens, routing)
    bank.up_weight = torch.nn.Parameter(moved)
    torch.testing.assert_close(bank(tokens, routing), expected)


def toy_qwen_block() -> Qwen3MoeSparseMoeBlock:
    config = Qwen3MoeConfig(
        hidden_size=16, moe_intermediate_size=24, num_experts=4, num_experts_per_tok=2,
        norm_topk_prob=True,
    )  # fmt: skip
    block = Qwen3MoeSparseMoeBlock(config)
    for weight in block.parameters():
        torch.nn.init.normal_(weight, std=0.3)
    return block


@pytest.mark.parametrize("implementation", ["loop", "grouped"])
def test_a_gated_mixture_is_that_of_transformers(implementation):
    block = toy_qwen_block()
    layer = ExpertMixture(
        16, 24, 16, num_experts=4, top_k=2, use_shared_expert=False, dim_up=48,
        activation=swiglu, implementation=implementation,
    )  # fmt: skip
    with torch.no_grad():
        layer.router.weight.copy_(block.gate.weight)
        layer.experts.up_weight.copy_(block.experts.gate_up_proj.transpose(1, 2))
        layer.experts.down_weight.copy_(block.experts.down_proj.transpose(1, 2))
    tokens = torch.randn(2, 15, 16)
    output, _ = layer(tokens.flatten(0, 1))
    torch.testing.assert_close(output, block(tokens).flatten(0, 1), atol=1e-5, rtol=1e-5)


def test_the_balance_loss_is_that_of_transformers_for_each_chosen_expert():
    logits = torch.randn(50, 6)
    for top_k in (1, 2, 3):
        theirs = load_balancing_loss_func((logits,), 6, top_k)
        torch.testing.assert_close(top_k * balance_loss(route_tokens(logits, top_k)), theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_odd_sizes_and_types_fall_back_to_the_loop(dtype):
    bank = ExpertBank(3, 7, 5, 3, implementation="grouped").to(dtype)
    tokens = torch.randn(11, 7, dtype=dtype)
    output = bank(tokens, route_tokens(torch.randn(11, 3), 2))
    assert output.shape == (11, 3)
    assert output.dtype == dtype


def test_no_tokens_give_no_tokens():
    output, routing = mixture()(torch.zeros(0, 16))
    assert output.shape == (0, 8)
    assert balance_loss(routing).item() == 0


@pytest.mark.parametrize("implementation", ["loop", "grouped"])
def test_autocast_reaches_the_experts_and_not_the_router(implementation):
    layer = mixture(implementation=implementation)
    tokens = torch.randn(9, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, routing = layer(tokens)
    assert output.dtype == torch.bfloat16
    assert routing.logits.dtype == torch.float32
    torch.testing.assert_close(output.float(), layer(tokens)[0], atol=0.1, rtol=0.1)


def test_every_parameter_gets_a_gradient():
    layer = mixture()
    output, routing = layer(torch.randn(64, 16))
    (output.square().mean() + balance_loss(routing) + router_z_loss(routing)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in layer.parameters())


def test_sequence_level_routing_needs_no_other_experts():
    bank = ExpertBank(3, 8, 16, 8)
    one_choice = torch.tensor([[1]]).expand(5, 1)  # a whole sequence to expert 1
    routing = Routing(torch.zeros(5, 3), one_choice, torch.ones(5, 1))
    tokens = torch.randn(5, 8)
    hidden = torch.nn.functional.gelu(tokens @ bank.up_weight[1])
    torch.testing.assert_close(bank(tokens, routing), hidden @ bank.down_weight[1])


def test_use_report_counts_by_source_and_skips_padding():
    use = ExpertUse(3)
    use.add(torch.tensor([[0, 1], [0, 2], [-1, -1]]), "ffhq")
    use.add_rows(torch.tensor([[[2, 1]], [[2, 0]]]), ["ffhq", "rendered"])
    assert use.counts() == {"ffhq": [2, 2, 2], "rendered": [1, 0, 1]}
    assert use.shares()["rendered"] == [0.5, 0.0, 0.5]


def test_sizes_are_rounded_up_to_multiples_of_eight():
    assert [round_to_8(n) for n in (1, 8, 9, 1536)] == [8, 8, 16, 1536]
