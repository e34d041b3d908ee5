"""The reader and checker against sentences judged by somebody else."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from lineament.annotation import Annotation, Fact, Subject
from lineament.claims import check_text

ROOT = Path(__file__).parents[1]
TRUTH = ROOT / "tests" / "truth"
SENTENCES = TRUTH / "sentences.jsonl"
CONTRADICTIONS = TRUTH / "contradictions.jsonl"


def load_scorer():
    path = ROOT / "benchmarks" / "reader_truth.py"
    spec = importlib.util.spec_from_file_location("reader_truth", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["reader_truth"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not SENTENCES.exists(), reason="no judged sentences beside the tests")
def test_sentences_are_read_right_in_95_of_100():
    score = load_scorer().score_sentences(SENTENCES)["all"]
    assert score.precision >= 0.95
    assert score.recall >= 0.95


def annotation_of(row):
    facts = tuple(
        Fact(f["name"], f["value"], span_seconds=tuple(f["span_seconds"]))
        if f.get("span_seconds")
        else Fact(f["name"], f["value"])
        for f in row["facts"]
    )
    closed = frozenset(f.name for f in facts if f.span_seconds)
    return Annotation(row["id"], (Subject("face 0"),), facts, closed)


@pytest.mark.skipif(not CONTRADICTIONS.exists(), reason="no planted contradictions")
def test_planted_contradictions_are_found_in_99_of_100(record_property):
    planted = found = supported = wronged = 0
    for line in CONTRADICTIONS.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        checked = check_text(row["text"], annotation_of(row)).claims
        contradicted = {c.claim.name for c in checked if c.verdict == "contradicted"}
        planted += len(row["contradicted"])
        found += len(contradicted & set(row["contradicted"]))
        supported += len(row["supported"])
        wronged += len(contradicted & set(row["supported"]))
    record_property("supported_but_contradicted", f"{wronged} of {supported}")
    assert found / planted >= 0.99
    assert wronged / supported <= 0.01
