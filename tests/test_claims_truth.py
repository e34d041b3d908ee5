"""The reader and checker against sentences judged by somebody else."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TRUTH = ROOT / "tests" / "truth"
CONTRADICTIONS = TRUTH / "contradictions.jsonl"


def load_scorer():
    path = ROOT / "benchmarks" / "reader_truth.py"
    spec = importlib.util.spec_from_file_location("reader_truth", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["reader_truth"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["sentences", "sentences_fresh"])
def test_sentences_are_read_right_in_95_of_100(name):
    score = load_scorer().score_sentences(TRUTH / f"{name}.jsonl")["all"]
    assert score.precision >= 0.95
    assert score.recall >= 0.95


def test_planted_contradictions_are_found_in_99_of_100():
    counts = load_scorer().score_contradictions(CONTRADICTIONS)
    assert counts["planted"] >= 500
    assert counts["found"] / counts["planted"] >= 0.99
    assert counts["wronged"] / counts["true_statements"] <= 0.01
