"""Two processes on a CPU with FSDP2: parameters are DTensors, losses those of one process."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
SCRIPT = """
import json, os, sys
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
    own = [toy_example(4 * step + i) for i in range(4)][rank::world]
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
if rank == 0:
    print(json.dumps(report | {{"losses": losses}}))
if world > 1:
    dist.destroy_process_group()
"""


def train(world: int) -> dict:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    code = SCRIPT.format(tests=str(TESTS))
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ
            | {"RANK": str(rank), "WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1"}
            | {"MASTER_PORT": port, "OMP_NUM_THREADS": "1"},
        )
        for rank in range(world)
    ]
    outputs = [process.communicate(timeout=280) for process in processes]
    for process, (_, errors) in zip(processes, outputs, strict=True):
        assert process.returncode == 0, errors[-3000:]
    return json.loads(outputs[0][0].splitlines()[-1])


@pytest.mark.slow
def test_two_sharded_processes_give_the_losses_of_one():
    one, two = train(1), train(2)
    assert two["dtensors"] > 50
    assert two["plain"] == 0
    assert two["losses"] == pytest.approx(one["losses"], rel=1e-4)
    assert one["losses"][-1] < one["losses"][0]
