"""Experts of UniF2ace: groups, what each expert does, and growing them on a dense model."""

import pytest
import torch

from lineament.errors import BadInput
from lineament.model.expert_use import count_expert_use, draw_expert_use
from lineament.model.experts import Routing, balance_loss, route_tokens
from lineament.model.layout import drawing_ids, understanding_ids
from lineament.model.sequence_experts import Guides, SequenceExperts, find_codes
from lineament.model.showo import upcycle
from lineament.model.token_experts import FeedForward, TokenExperts, upcycle_slices
from test_model_toys import _one_thread  # noqa: F401
from test_unif2ace import SIDE, toy_codes, toy_training_batch, toy_unif2ace, toy_unif2ace_config

DENSE = {"use_token_experts": False, "use_sequence_experts": False}
LLAMA = {"norm": "rms", "activation": "swiglu", "is_parallel": False, "use_bias": False}


def sequence_experts(**changes) -> SequenceExperts:
    torch.manual_seed(0)
    experts = SequenceExperts(toy_unif2ace_config(**changes))
    experts.reset_parameters()
    return experts


def choose(experts: SequenceExperts, task: str, *names: int) -> None:
    """Make the gate of a task sure of some experts."""
    with torch.no_grad():
        experts.gates[task].weight.zero_()
        experts.gates[task].bias.fill_(-60.0)
        experts.gates[task].bias[list(names)] = 60.0


def guides(batch: int = 2) -> Guides:
    torch.manual_seed(3)
    return Guides(*(torch.randn(batch, n, 32) for n in (SIDE, SIDE, 1)))


DRAWS, READS = torch.tensor([True, True]), torch.tensor([False, False])


def test_a_gate_on_zero_alone_is_the_identity():
    experts = sequence_experts(sequence_top_k=1)
    choose(experts, "drawing", 2)
    hidden = torch.randn(2, SIDE, 32)
    output, gates = experts(hidden, DRAWS, guides())
    assert torch.equal(output, hidden)
    assert gates.tolist() == [[0, 0, 1, 0]] * 2


@pytest.mark.parametrize(("task", "rows"), [("drawing", DRAWS), ("understanding", READS)])
def test_a_gate_on_copies_adds_the_normed_input(task, rows):
    experts = sequence_experts()
    choose(experts, task, 0, 1)
    hidden = torch.randn(2, SIDE, 32)
    output, _ = experts(hidden, rows, guides())
    torch.testing.assert_close(output, hidden + experts.norm(hidden), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "rows", "number"), [("clip", READS, 2), ("face", READS, 3), ("noise", DRAWS, 3)]
)
def test_a_share_of_one_turns_a_mixing_expert_into_copy(name, rows, number):
    experts = sequence_experts(sequence_top_k=1)
    choose(experts, "drawing" if rows is DRAWS else "understanding", number)
    hidden, given = torch.randn(2, SIDE, 32), guides()
    normed = experts.norm(hidden)
    output, _ = experts(hidden, rows, given)
    expected = hidden + 0.9 * normed + 0.1 * getattr(given, name)  # where shares start
    torch.testing.assert_close(output, expected, atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        experts.shares[name].fill_(60.0)
    torch.testing.assert_close(experts(hidden, rows, given)[0], hidden + normed)


def test_an_expert_without_its_guide_copies():
    experts = sequence_experts(sequence_top_k=1)
    choose(experts, "understanding", 3)
    hidden = torch.randn(2, SIDE, 32)
    output, _ = experts(hidden, READS, Guides())
    torch.testing.assert_close(output, hidden + experts.norm(hidden))


def test_the_gate_chooses_two_of_four_for_a_whole_image():
    _, gates = sequence_experts()(torch.randn(5, SIDE, 32), torch.ones(5).bool(), Guides())
    assert ((gates > 0).sum(1) == 2).all()
    torch.testing.assert_close(gates.sum(1), torch.ones(5))


def test_images_are_found_where_their_codes_stand():
    is_code = torch.tensor([[0, 1, 1, 0], [0, 0, 0, 1], [1, 1, 0, 0]]).bool()
    rows, places = find_codes(is_code, 2)
    assert rows.tolist() == [0, 2]  # a stray code is no image
    assert places.tolist() == [[1, 2], [0, 1]]


@pytest.mark.parametrize(("drawn", "other"), [(0, "drawing"), (2, "understanding")])
def test_one_task_leaves_the_others_experts_without_gradient(drawn, other):
    model = toy_unif2ace(is_shared_joint=False).train()
    batch = toy_training_batch(model.config, drawn=drawn, understood=2 - drawn)
    model(batch.input_ids, labels=batch.labels).loss.backward()
    for name, weight in model.named_parameters():
        if f".{other}." in name:
            assert weight.grad is None or not weight.grad.any(), name
    own = "understanding" if drawn == 0 else "drawing"
    moved = [w.grad.any() for n, w in model.named_parameters() if f"routed.{own}." in n]
    assert all(moved)


def test_each_group_has_its_own_balance_loss_and_padding_is_not_counted():
    model = toy_unif2ace()
    batch = toy_training_batch(model.config)
    output = model(batch.input_ids)
    pad = model.config.special_id("pad")
    for ids in output.expert_ids:
        assert torch.equal((ids == -1).all(-1), batch.input_ids == pad)
    encoded = model.encode(batch.input_ids)
    for use in encoded.uses:
        assert set(use.routings) == {"drawing", "understanding"}
        apart = [balance_loss(routing) for routing in use.routings.values()]
        torch.testing.assert_close(use.balance_loss(), sum(apart))
    counted = sum(len(r.logits) for r in encoded.uses[0].routings.values())
    assert counted == (batch.input_ids != pad).sum()


def test_a_uniform_router_costs_one_for_each_task():
    assert balance_loss(route_tokens(torch.zeros(32, 8), 4)).item() == pytest.approx(1.0)


def test_eight_slices_with_open_gates_are_the_dense_layer():
    config = toy_unif2ace_config(num_experts_per_token=8, expert_dim=8)
    for changes in ({}, LLAMA):
        for name, value in changes.items():
            setattr(config, name, value)
        dense, experts = FeedForward(config, 64), TokenExperts(config)
        for bank in experts.routed.values():
            torch.nn.init.zeros_(bank.router.weight)  # gates of 1/8 each
        upcycle_slices(experts, dense)
        experts.scale = 8.0
        hidden = torch.randn(2, 5, 32)
        rows, valid = torch.tensor([True, False]), torch.ones(2, 5).bool()
        output, _ = experts(hidden, rows, valid)
        torch.testing.assert_close(output, dense(hidden), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("trunk", [{}, LLAMA])
@pytest.mark.parametrize("is_joint", [True, False])
def test_growing_experts_keeps_every_output_at_step_zero(trunk, is_joint):
    dense = toy_unif2ace(**DENSE, **trunk)
    grown = upcycle(dense, is_shared_joint=is_joint, sequence_gain_start=0.0).eval()
    batch = toy_training_batch(dense.config)
    features = {"clip_features": torch.randn(4, 16, 12), "face_features": torch.randn(4, 10)}
    expected = dense(batch.input_ids).logits
    assert torch.equal(grown(batch.input_ids, **features).logits, expected)


def test_what_starts_silent_learns_from_the_first_step():
    grown = upcycle(toy_unif2ace(**DENSE), sequence_gain_start=0.0).train()
    batch = toy_training_batch(grown.config)
    grown(batch.input_ids, labels=batch.labels).loss.backward()
    bank = grown.trunk.blocks[0].feed.routed["drawing"].experts
    assert bank.down_weight.grad.any()
    assert grown.trunk.blocks[0].sequence.gain.grad.any()
    assert not torch.equal(bank.up_weight[0], bank.up_weight[1])


def test_slices_equal_the_dense_model_only_in_expectation():
    dense = toy_unif2ace(**DENSE)
    grown = upcycle(dense, are_slices=True, use_sequence_experts=False).eval()
    assert grown.config.expert_dim == 8
    assert grown.config.expert_scale == 8.0
    feed, source = grown.trunk.blocks[0].feed, dense.trunk.blocks[0].feed
    hidden = torch.randn(1, 32)
    bank, shared = feed.routed["drawing"].experts, feed.shared["drawing"]
    generator = torch.Generator().manual_seed(0)
    draws = torch.rand(3000, 8, generator=generator).argsort(dim=1)[:, :4]
    chosen = Routing(torch.zeros(3000, 8), draws, torch.full((3000, 4), 0.25))
    with torch.no_grad():
        outputs = shared(hidden) + feed.scale * bank(hidden.expand(3000, -1), chosen)
    mean, spread = outputs.mean(0), outputs.std(0)
    assert ((mean - source(hidden)[0]).abs() < 5 * spread / 3000**0.5 + 1e-6).all()
    assert spread.max() > 0.01


def test_growing_experts_twice_is_refused():
    with pytest.raises(BadInput, match="has experts already"):
        upcycle(toy_unif2ace())


def test_experts_change_answers_and_drawings_once_they_speak():
    model = toy_unif2ace()
    ids = torch.tensor([understanding_ids(toy_codes(1)[0], [5], model.config)])
    plain = model(ids).logits
    with_face = model(ids, face_features=torch.randn(1, 10)).logits
    with torch.no_grad():
        for block in model.trunk.blocks:
            choose(block.sequence, "understanding", 2, 3)
    assert not torch.allclose(model(ids, face_features=torch.randn(1, 10)).logits, plain)
    assert with_face.shape == plain.shape
    drawn = drawing_ids([[5]], toy_codes(1), model.config)
    before = model(drawn).logits
    with torch.no_grad():
        for block in model.trunk.blocks:
            choose(block.sequence, "drawing", 3)
            block.sequence.shares["noise"].fill_(-5.0)
    assert not torch.allclose(model(drawn).logits, before)


def test_use_is_counted_by_task_and_layer_and_drawn():
    model = toy_unif2ace()
    batch = toy_training_batch(model.config)
    for block in model.trunk.blocks:
        choose(block.sequence, "drawing", 2, 3)
    use = count_expert_use(model, [{"input_ids": batch.input_ids}] * 2)
    assert use.num_images == {"drawing": 4, "understanding": 4}
    report = use.to_dict()
    for task in ("drawing", "understanding"):
        assert len(report[task]["token"]) == len(report[task]["sequence"]) == 2
        for layer in report[task]["token"]:
            assert sum(layer) == pytest.approx(1.0)
        for layer in report[task]["sequence"]:
            assert sum(layer.values()) == pytest.approx(1.0, abs=1e-5)
    assert set(report["understanding"]["sequence"][0]) == {"copy", "copy again", "clip", "face"}
    drawn = report["drawing"]["sequence"][0]
    assert drawn["copy"] == 0
    assert drawn["zero"] == pytest.approx(0.5)
    picture = draw_expert_use(use)
    assert picture.shape[2] == 3
    assert len(set(picture.reshape(-1, 3).max(axis=1).tolist())) > 2
