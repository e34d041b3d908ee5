"""Score the claim reader on sentences judged by somebody else: precision and recall by family.

Run: python benchmarks/reader_truth.py FILE.jsonl [--misses]
"""

import argparse
import collections
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lineament.claims import Claim, read_claims
from lineament.vocabulary import read_vocabulary

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("--misses", action="store_true")
    arguments = parser.parse_args()
    scores = score_sentences(arguments.path, misses=arguments.misses)
    for key in sorted(scores, key=lambda k: (k != "all", k)):
        score = scores[key]
        print(
            f"{key:12} precision {score.precision:.3f}  recall {score.recall:.3f}"
            f"  ({score.right} right, {score.found} found, {score.expected} expected)"
        )


if __name__ == "__main__":
    main()
