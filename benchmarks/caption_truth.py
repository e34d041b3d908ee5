"""Score the claim reader on 200 captions of another hand: precision and recall by family.

What is said counts first: name, value, denial. Reserve and time are compared among the claims
that match so far. Claims that the judge left open (``unsure``) count neither for nor against.
Writes benchmarks/results/captions.json and every miss beside it.
"""

import collections
import json
from typing import Any

from lineament.claims import Claim, read_claims
from reader_truth import RESULTS, TRUTH, Score, family_of

PATH = TRUTH / "captions.jsonl"
# Both sides of a range of ages may differ by this much: "in her forties" has no sharp ends.
AGE_SLACK_YEARS = 2.0


def says_the_same(claim: Claim, row: dict[str, Any]) -> bool:
    """Compare what is said; subjects only where both name one by the same kind of word."""
    if claim.name != row["name"]:
        return False
    if claim.negated != (row.get("polarity") is False):
        return False
    value = row["value"]
    if isinstance(value, list):
        return _is_same_range(claim.value, value)
    return claim.value == value


def _is_same_range(ours: Any, theirs: list[float | None]) -> bool:
    if not isinstance(ours, tuple):
        return False
    return all(
        (a is None) == (b is None) and (a is None or abs(a - b) <= AGE_SLACK_YEARS)
        for a, b in zip(ours, theirs, strict=True)
    )


def pair(
    claims: list[Claim], rows: list[dict[str, Any]]
) -> tuple[list[tuple[Claim, dict[str, Any]]], list[Claim], list[dict[str, Any]]]:
    """Pair claims and rows one to one; return pairs, claims too many, rows missed."""
    left, pairs, missed = list(claims), [], []
    for row in rows:
        claim = next((claim for claim in left if says_the_same(claim, row)), None)
        if claim is None:
            missed.append(row)
        else:
            left.remove(claim)
            pairs.append((claim, row))
    return pairs, left, missed


def main() -> None:
    rows = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
    right, found, expected = (collections.Counter() for _ in range(3))
    marks, misses = collections.Counter(), []
    for row in rows:
        pairs, extra, missed = pair(list(read_claims(row["text"])), row["claims"])
        _, extra, _ = pair(extra, row.get("unsure", []))
        for claim, mark in pairs:
            right[family_of(mark["name"])] += 1
            found[family_of(mark["name"])] += 1
            is_hedged = mark.get("certainty") == "hedged"
            marks["hedged, read as hedged"] += is_hedged and claim.hedged
            marks["hedged"] += is_hedged
            marks["plain, read as hedged"] += claim.hedged and not is_hedged
            span = mark.get("span_seconds")
            marks["with seconds"] += span is not None
            marks["with seconds, read so"] += _is_same_span(claim.span_seconds, span)
        found.update(family_of(claim.name) for claim in extra)
        expected.update(family_of(mark["name"]) for mark in row["claims"])
        if extra or missed:
            misses.append(f"{row['id']} | {row['text']}")
            misses += [f"    missed {mark['name']} = {mark['value']}" for mark in missed]
            misses += [f"    extra  {claim.name} = {claim.value}" for claim in extra]
    scores = {family: Score(right[family], found[family], expected[family]) for family in expected}
    overall = Score(right.total(), found.total(), expected.total())
    result = {
        "command": "python benchmarks/caption_truth.py",
        "captions": len(rows),
        "claims": overall.expected,
        "precision": round(overall.precision, 4),
        "recall": round(overall.recall, 4),
        "marks": dict(marks),
        "by_family": {
            family: f"precision {score.precision:.3f}, recall {score.recall:.3f}, "
            f"{score.expected} claims"
            for family, score in sorted(scores.items())
        },
    }
    (RESULTS / "captions.json").write_text(json.dumps(result, indent=1) + "\n")
    (RESULTS / "captions_misses.txt").write_text("\n".join(misses) + "\n")
    print(json.dumps(result, indent=1))


def _is_same_span(ours: Any, theirs: Any) -> bool:
    if ours is None or theirs is None:
        return False
    return all(
        (a is None and b is None) or (a is not None and b is not None and abs(a - b) <= 0.05)
        for a, b in zip(ours, theirs, strict=True)
    )


if __name__ == "__main__":
    main()
