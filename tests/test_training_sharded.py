"""Shards over two processes on a CPU: parameters are DTensors, losses those of one process.

Step by step and by hand, without a trainer; whole runs are in ``test_training_processes.py``.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lineament.training.objectives import Answers
from lineament.training.shard import find_blocks, gather_full, is_sharded, shard_like
from test_model_toys import _one_thread, toy_model, toy_processor  # noqa: F401
from test_training_processes_toys import run_in_two
from test_training_toys import toy_stage

TESTS = Path(__file__).resolve().parent
SCRIPT = """
import json, os, sys
from dataclasses import replace
sys.path.insert(0, {tests!r})
import torch
torch.set_num_threads(1)
import torch.distributed as dist
from torch.distributed.tensor import DTensor
from lineament.training.objectives import Answers
from lineament.training.shard import shard_learner
from lineament.training.stream import Drawn
from test_model_toys import toy_model, toy_processor
from test_training_toys import toy_example, toy_stage

world = int(os.environ["WORLD_SIZE"])
rank = int(os.environ["RANK"])
model = toy_model(balance_weight=0.0, router_z_weight=0.0).train()
objective = Answers(model, toy_processor(model.config), toy_stage())
learner = objective.learner()
report = {{"dtensors": 0, "plain": 0}}
if world > 1:
    dist.init_process_group("gloo")
    mesh = dist.init_device_mesh("cpu", (world,))
    shard_learner(learner, mesh)
    for parameter in learner.parameters():
        report["dtensors" if isinstance(parameter, DTensor) else "plain"] += 1
optimiser = torch.optim.AdamW(learner.parameters(), lr=3e-3)
losses = []
for step in range(4):
    own = [toy_example(4 * step + i) for i in range(4)]
    if step >= 2:  # of two processes, the second one gets no clip
        own = [replace(e, visual=None) if i % 2 else e for i, e in enumerate(own)]
    own = own[rank::world]
    batch = objective.collate([Drawn(objective.encode(example)) for example in own])
    total = batch["num_items"].clone()
    if world > 1:
        dist.all_reduce(total)
    outputs = learner(**{{k: v for k, v in batch.items() if isinstance(v, torch.Tensor)}})
    loss = outputs["loss_sum"] / total
    (loss * world).backward()  # gradients are averaged over the processes
    optimiser.step()
    optimiser.zero_grad()
    shown = loss.detach().clone()
    if world > 1:
        dist.all_reduce(shown)
    losses.append(float(shown))
from lineament.training.shard import gather_full, reshard, shard_like
if world > 1:  # a pass without gradients leaves weights gathered; they are let go and put together
    with torch.no_grad():
        learner(**{{k: v for k, v in batch.items() if isinstance(v, torch.Tensor)}})
    reshard(learner)
    state = {{k: v for k, v in learner.state_dict().items() if isinstance(v, DTensor)}}
    assert len(state) >= report["dtensors"]
    whole = gather_full(state)
    assert all((value is None) == (rank > 0) for value in whole.values()), rank
    for name, value in state.items():
        full = value.full_tensor()
        assert rank or torch.equal(whole[name], full), name
        assert torch.equal(shard_like(full, value).to_local(), value.to_local()), name
if rank == 0:
    print(json.dumps(report | {{"losses": losses}}))
if world > 1:
    dist.destroy_process_group()
"""


def train(world: int) -> dict:
    code = SCRIPT.format(tests=str(TESTS))
    if world == 2:
        return json.loads(run_in_two(code)[0].splitlines()[-1])
    alone = {"RANK": "0", "WORLD_SIZE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | alone
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.long
def test_two_sharded_processes_give_the_losses_of_one():
    one, two = train(1), train(2)
    assert two["dtensors"] > 50
    assert two["plain"] == 0
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-4)
    assert one["losses"][-1] < one["losses"][0]


def test_blocks_are_those_that_every_step_runs_and_plain_tensors_stay_as_they_are():
    model = toy_model()
    learner = Answers(model, toy_processor(model.config), toy_stage()).learner()
    assert {id(block) for block in find_blocks(learner)} == {
        id(layer) for layer in model.language_model.get_decoder().layers
    }
    assert not is_sharded(learner)
    value = torch.ones(3)
    assert gather_full({"a": [value, 1]})["a"][0] is value
    assert shard_like(value, torch.zeros(3)) is value
