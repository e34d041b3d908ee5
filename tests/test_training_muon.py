"""Muon: torch's own for matrices, AdamW's for all else, whole stacks at once, not over shards."""

import pytest
import torch
from torch import nn

from lineament.errors import BadInput
from lineament.training.freeze import parameter_groups
from lineament.training.journal import read_log
from lineament.training.muon import (
    Muon,
    is_inner_matrix,
    orthogonalise,
    refuse_shards,
    split_matrices,
)
from lineament.training.run import run_recipe
from test_model_toys import toy_model
from test_training_processes_toys import SOURCES
from test_training_toys import toy_recipe, toy_stage

RATE, DECAY = 0.02, 0.1


def step_along(weights: list[nn.Parameter], optimizer: torch.optim.Optimizer, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for weight in weights:
        weight.grad = torch.randn(weight.shape, generator=generator)
    optimizer.step()


def weights_of(*shapes: tuple[int, ...]) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def muon(weights: list[nn.Parameter], *, is_matrix: bool) -> Muon:
    group = {"params": weights, "lr": RATE, "weight_decay": DECAY, "is_matrix": is_matrix}
    return Muon([group], betas=(0.9, 0.98))


@pytest.mark.parametrize("shape", [(8, 24), (24, 8), (16, 16)])
def test_matrices_move_as_with_the_muon_of_torch(shape):
    ours, theirs = weights_of(shape), weights_of(shape)
    one = muon(ours, is_matrix=True)
    other = torch.optim.Muon(theirs, lr=RATE, weight_decay=DECAY, adjust_lr_fn="match_rms_adamw")
    for seed in range(4):
        step_along(ours, one, seed)
        step_along(theirs, other, seed)
    # Both iterate in 16 bits, where sums round by their order.
    torch.testing.assert_close(ours[0], theirs[0], rtol=0.0, atol=0.05 * RATE)
    assert not torch.allclose(ours[0], weights_of(shape)[0], atol=0.5 * RATE)


def test_all_else_moves_as_with_adamw():
    ours, theirs = weights_of((24,), (6, 4)), weights_of((24,), (6, 4))
    one = muon(ours, is_matrix=False)
    other = torch.optim.AdamW(theirs, lr=RATE, weight_decay=DECAY, betas=(0.9, 0.98), fused=True)
    for seed in range(4):
        step_along(ours, one, seed)
        step_along(theirs, other, seed)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_each_matrix_of_a_stack_moves_by_itself():
    stack = weights_of((3, 8, 16))
    alone = [nn.Parameter(part.clone()) for part in stack[0].detach()]
    one, other = muon(stack, is_matrix=True), muon(alone, is_matrix=True)
    grads = torch.randn(3, 8, 16, generator=torch.Generator().manual_seed(1))
    stack[0].grad = grads
    for weight, grad in zip(alone, grads, strict=True):
        weight.grad = grad
    one.step()
    other.step()
    torch.testing.assert_close(
        stack[0].detach(), torch.stack(list(alone)), rtol=0, atol=0.05 * RATE
    )


def test_filters_move_as_one_matrix():
    filters = weights_of((8, 6, 3, 3))
    filters[0].data = filters[0].data.contiguous(memory_format=torch.channels_last)
    flat = [nn.Parameter(filters[0].detach().flatten(1).clone())]
    one, other = muon(filters, is_matrix=True), muon(flat, is_matrix=True)
    grad = torch.randn(8, 6, 3, 3, generator=torch.Generator().manual_seed(1))
    filters[0].grad, flat[0].grad = grad, grad.flatten(1)
    one.step()
    other.step()
    assert torch.equal(filters[0].detach().flatten(1), flat[0].detach())


def test_what_it_moves_along_is_nearly_orthogonal():
    matrix = torch.randn(12, 40, generator=torch.Generator().manual_seed(2))
    values = torch.linalg.svdvals(orthogonalise(matrix))
    assert 0.6 < float(values.min()) <= float(values.max()) < 1.3
    assert float(torch.linalg.svdvals(matrix / matrix.norm()).max()) < 0.6  # were not before


@pytest.mark.parametrize(
    ("name", "shape", "is_inner"),
    [
        ("trunk.blocks.0.attention.query.weight", (8, 8), True),
        ("trunk.blocks.0.feed.routed.drawing.experts.up_weight", (4, 8, 16), True),
        ("language_model.model.layers.0.mlp.gate_proj.weight", (8, 8), True),
        ("trunk.blocks.0.feed.routed.drawing.experts.up_bias", (4, 16), False),
        ("trunk.blocks.0.feed.routed.drawing.router.weight", (4, 8), False),
        ("trunk.blocks.0.sequence.gates.drawing.weight", (4, 8), False),
        ("embed.weight", (100, 8), False),
        ("language_model.lm_head.weight", (100, 8), False),
        ("vision.position_embedding.weight", (16, 8), False),
        ("trunk.norm.weight", (8,), False),
        ("encoder.conv_in.weight", (8, 3, 3, 3), False),
        ("decoder.conv_out.weight", (3, 8, 3, 3), False),
        ("decoder.up.0.block.0.conv1.weight", (8, 8, 3, 3), True),
        ("gain", (1, 8), False),
    ],
)
def test_edges_of_the_network_and_what_chooses_are_no_inner_matrices(name, shape, is_inner):
    assert is_inner_matrix(name, torch.zeros(shape)) is is_inner


def test_every_weight_is_in_one_group_with_its_own_rate_and_decay():
    stage = toy_stage("all", weight_decay=0.1, learning_rates={"*": 1e-3, "language_model.*": 1e-4})
    groups = parameter_groups(toy_model(), stage)
    split = split_matrices(groups)
    settings = {n: (g["lr"], g["weight_decay"]) for g in groups for n in g["names"]}
    again = {n: (g["lr"], g["weight_decay"]) for g in split for n in g["names"]}
    assert settings == again
    assert sum(len(g["params"]) for g in split) == len(settings)
    assert {g["is_matrix"] for g in split} == {True, False}


def test_a_stage_learns_with_it(tmp_path):
    stage = toy_stage("all", num_steps=20, learning_rates={"*": 1e-2}, optimizer="muon")
    assert run_recipe(toy_recipe(stage, log_every=1), tmp_path, sources=SOURCES).status == "done"
    losses = [row["loss"] for row in read_log(tmp_path / "log.jsonl") if row["set"] == "train"]
    assert sum(losses[-4:]) < 0.9 * sum(losses[:4])


def test_shards_are_refused_before_anything_is_done():
    refuse_shards(toy_recipe(toy_stage("plain")))
    with pytest.raises(BadInput, match=r"stages.second.optimizer: muon needs whole matrices"):
        refuse_shards(toy_recipe(toy_stage("first"), toy_stage("second", optimizer="muon")))
