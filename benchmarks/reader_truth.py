"""Score the claim reader on sentences judged by somebody else: precision and recall by family.

Without a file, all judged files are scored and benchmarks/results/reader.json is written, with
every miss listed beside it.
"""

import argparse
import collections
import contextlib
import io
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineament.annotation import Annotation, Fact, Subject
from lineament.claims import Claim, check_text, read_claims
from lineament.vocabulary import read_vocabulary

ROOT = Path(__file__).resolve().parent.parent
TRUTH = ROOT / "tests" / "truth"
RESULTS = ROOT / "benchmarks" / "results"
TOLERANCE_SECONDS = 0.05


@dataclass(frozen=True)
class Score:
    """Counts of one family or of all: right, found in all, expected in all."""

    right: int
    found: int
    expected: int

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.expected if self.expected else 1.0


def score_sentences(path: Path | str, *, misses: bool = False) -> dict[str, Score]:
    """Score every sentence of a file; the key ``all`` holds the micro average."""
    right: collections.Counter[str] = collections.Counter()
    found: collections.Counter[str] = collections.Counter()
    expected: collections.Counter[str] = collections.Counter()
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        claims = list(read_claims(row["text"]))
        matched, missing = match_claims(claims, row["claims"])
        for key in ("all", None):
            right.update(key or family_of(c.name) for c in matched)
            found.update(key or family_of(c.name) for c in claims)
            expected.update(key or family_of(c["name"]) for c in row["claims"])
        if misses and (missing or len(matched) < len(claims)):
            print(row["id"], "|", row["text"])
            print("   missed:", *missing)
            print("   extra: ", *(_short(c) for c in claims if c not in matched))
    return {key: Score(right[key], found[key], expected[key]) for key in expected | found}


def match_claims(
    claims: Iterable[Claim], rows: Iterable[Mapping[str, Any]]
) -> tuple[list[Claim], list[Mapping[str, Any]]]:
    """Pair claims with expected rows, one to one; return the paired claims and missing rows."""
    left = list(claims)
    matched: list[Claim] = []
    missing: list[Mapping[str, Any]] = []
    for row in rows:
        claim = next((c for c in left if is_same(c, row)), None)
        if claim is None:
            missing.append(row)
        else:
            left.remove(claim)
            matched.append(claim)
    return matched, missing


def is_same(claim: Claim, row: Mapping[str, Any]) -> bool:
    """Compare on name, value, negation, reserve and span; on subjects only if both name one."""
    value = tuple(row["value"]) if isinstance(row["value"], list) else row["value"]
    span = row.get("span_seconds")
    return (
        claim.name == row["name"]
        and claim.value == value
        and claim.negated == row.get("negated", False)
        and claim.hedged == row.get("hedged", False)
        and _is_same_span(claim.span_seconds, tuple(span) if span else None)
        and (not claim.subject or not row.get("subject") or claim.subject == row["subject"])
    )


def family_of(name: str) -> str:
    entry = read_vocabulary().names.get(name)
    return entry.family if entry else "?"


def _is_same_span(ours: tuple[Any, ...] | None, theirs: tuple[Any, ...] | None) -> bool:
    if ours is None or theirs is None:
        return ours is None and theirs is None
    return all(
        (a is None and b is None)
        or (a is not None and b is not None and abs(a - b) <= TOLERANCE_SECONDS)
        for a, b in zip(ours, theirs, strict=True)
    )


def _short(claim: Claim) -> str:
    marks = [f"{claim.name}={claim.value}"]
    marks += ["negated"] if claim.negated else []
    marks += ["hedged"] if claim.hedged else []
    marks += [str(claim.span_seconds)] if claim.span_seconds else []
    marks += [f"<{claim.subject}>"] if claim.subject else []
    return " ".join(marks) + ";"


def score_contradictions(path: Path | str) -> dict[str, int]:
    """Count planted contradictions that are found, and true statements called contradicted."""
    counts = dict.fromkeys(("planted", "found", "true_statements", "wronged"), 0)
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        checked = check_text(row["text"], annotation_from_facts(row)).claims
        contradicted = {c.claim.name for c in checked if c.verdict == "contradicted"}
        counts["planted"] += len(row["contradicted"])
        counts["found"] += len(contradicted & set(row["contradicted"]))
        counts["true_statements"] += len(row["supported"])
        counts["wronged"] += len(contradicted & set(row["supported"]))
    return counts


def annotation_from_facts(row: Mapping[str, Any]) -> Annotation:
    """Make the annotation of one line: its facts; names with times are closed."""
    facts = tuple(
        Fact(f["name"], f["value"], span_seconds=tuple(f["span_seconds"]))
        if f.get("span_seconds")
        else Fact(f["name"], f["value"])
        for f in row["facts"]
    )
    closed = frozenset(f.name for f in facts if f.span_seconds)
    return Annotation(row["id"], (Subject("face 0"),), facts, closed)


def list_misses(path: Path) -> str:
    """Return every sentence that was not read as judged, with what was missed and what extra."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        score_sentences(path, misses=True)
    return output.getvalue()


def measure_speed(path: Path) -> float:
    """Return microseconds to read a sentence of the file for the first time, processor time."""
    texts = [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]
    read_claims("A first sentence compiles the lexicon.")
    began = time.process_time()
    for text in texts:
        read_claims(text)
    return 1e6 * (time.process_time() - began) / len(texts)


def write_result() -> None:
    """Score all judged files and write the results."""
    result: dict[str, Any] = {
        "command": "python benchmarks/reader_truth.py",
        # First of all: what has been read once is remembered.
        "microseconds_per_new_text": round(measure_speed(TRUTH / "sentences.jsonl"), 1),
    }
    for name in ("sentences", "sentences_fresh"):
        path = TRUTH / f"{name}.jsonl"
        if not path.exists():
            continue
        scores = score_sentences(path)
        overall = scores["all"]
        result[name] = {
            "sentences": len(path.read_text(encoding="utf-8").splitlines()),
            "claims": overall.expected,
            "precision": round(overall.precision, 4),
            "recall": round(overall.recall, 4),
            "by_family": {
                family: f"precision {score.precision:.3f}, recall {score.recall:.3f}, "
                f"{score.expected} claims"
                for family, score in sorted(scores.items())
                if family != "all"
            },
        }
        (RESULTS / f"reader_misses_{name}.txt").write_text(list_misses(path))
    result["contradictions"] = score_contradictions(TRUTH / "contradictions.jsonl")
    (RESULTS / "reader.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, nargs="?", help="one file; all judged files otherwise")
    parser.add_argument("--misses", action="store_true")
    arguments = parser.parse_args()
    if arguments.path is None:
        write_result()
        return
    scores = score_sentences(arguments.path, misses=arguments.misses)
    for key in sorted(scores, key=lambda k: (k != "all", k)):
        score = scores[key]
        print(
            f"{key:12} precision {score.precision:.3f}  recall {score.recall:.3f}"
            f"  ({score.right} right, {score.found} found, {score.expected} expected)"
        )


if __name__ == "__main__":
    main()
