"""Two processes that find each other, and labelled toys, for the tests of runs."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest

from lineament.training.examples import Example
from lineament.training.labels import UNKNOWN, Labels, LabelSet, LabelTable
from test_training_toys import TOY_SOURCES, toy_example

TOY_TABLE = LabelTable(LabelSet(("smile", "beard", "eyeglasses")), {"smile": 9.0})


@dataclass(frozen=True)
class LabelledToys:
    """Toy clips with a state of three names for every frame."""

    count: int = 12

    def __len__(self) -> int:
        return self.count

    def read(self, index: int, epoch: int) -> Example:
        example = toy_example(index + 100 * (epoch % 2))
        assert example.visual is not None
        shape = (len(example.visual.frames), len(TOY_TABLE.labels.names))
        states = np.random.default_rng(index).integers(UNKNOWN, 2, shape).astype(np.int8)
        return replace(example, labels=Labels(states, (index % 3, 4)))


SOURCES = {**TOY_SOURCES, "labelled": lambda mix: LabelledToys(**mix.options)}


def start_in_two(code: str, **variables: str) -> list[subprocess.CompletedProcess]:
    """Run a script in two processes as a launcher does, and return how each ended."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    shared |= {"MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | shared | {"RANK": rank, "LOCAL_RANK": rank} | variables,
        )
        for rank in ("0", "1")
    ]
    done = []
    try:
        for process in processes:
            output, errors = process.communicate(timeout=280)
            done.append(
                subprocess.CompletedProcess(process.args, process.returncode, output, errors)
            )
    finally:
        for process in processes:
            process.kill()
    return done


def run_in_two(code: str, **variables: str) -> list[str]:
    """Run a script in two processes and return what each printed; both must end well."""
    done = start_in_two(code, **variables)
    for process in done:
        assert process.returncode == 0, process.stderr[-3000:]
    return [process.stdout for process in done]


def test_two_processes_know_their_places_and_a_failing_one_is_told():
    assert run_in_two("import os; print(os.environ['RANK'])") == ["0\n", "1\n"]
    with pytest.raises(AssertionError, match="lost"):
        run_in_two("import os; assert os.environ['RANK'] == '0', 'lost'")


def test_labelled_toys_have_a_state_for_every_frame_and_name():
    for index in range(4):
        example = LabelledToys().read(index, 0)
        assert example.visual is not None
        assert example.labels is not None
        assert example.labels.states.shape == (len(example.visual.frames), 3)
