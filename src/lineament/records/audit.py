"""The audit: every stored answer read again, and judged by the labels where they are there."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from lineament.annotation import Annotation
from lineament.errors import BadInput
from lineament.records.form import find_fault
from lineament.records.read_back import WORDLESS_KINDS, read_record
from lineament.records.record import Record, claim_row, record_from_dict
from lineament.records.sources.source import Dropped
from lineament.records.store import RecordStore
from lineament.records.verify import Verifier

MAX_EXAMPLES = 20
ADAPTED_WRITER = "adapted"


@dataclass(slots=True)
class Audit:
    """What an audit found.

    Attributes:
        records: Records read.
        claims: Claims by verdict; ``read`` counts all.
        faults: Records that are wrong, by reason.
        examples: Some of them: id, reason and detail.
    """

    records: int = 0
    claims: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    examples: list[dict[str, str]] = field(default_factory=list)

    def add_fault(self, record_id: str, reason: str, detail: str = "") -> None:
        """Count a fault and keep it if it is among the first."""
        self.faults[reason] += 1
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append({"id": record_id, "reason": reason, "detail": detail})

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON of ``lineament data verify``."""
        return {
            "records": self.records,
            "claims": self.claims["read"],
            "supported": self.claims["supported"],
            "contradicted": self.claims["contradicted"],
            "unsupported": self.claims["unknown"],
            "faults": dict(sorted(self.faults.items())),
            "examples": self.examples,
        }


def audit_store(
    store: RecordStore, annotations: Iterable[Annotation | Dropped] | None = None
) -> Audit:
    """Read every answer of a store again.

    Without annotations it is checked that the stored claims are what the text says, and that no
    two records about one picture or clip contradict each other. With them every claim is judged.

    Args:
        store: What was built.
        annotations: The source's, in its order, as the build read them.
    """
    audit = Audit()
    verifier = Verifier()
    rows = iter(annotations) if annotations is not None else None
    for media, group in groupby(_read_rows(store, audit), key=lambda record: record.media):
        records = list(group)
        audit.records += len(records)
        annotation = None if rows is None else _find_annotation(rows, media)
        if rows is not None and annotation is None:
            audit.add_fault(records[0].id, "no annotation", media)
        for record in records:
            _audit_record(record, annotation, verifier, audit)
        _find_clashes(records, audit)
    audit.claims.update(verifier.tally.verdicts)
    return audit


def find_shared_people(one: RecordStore, other: RecordStore) -> set[str]:
    """Return the split keys that two stores share; train and test must share none."""
    return _people(one) & _people(other)


def _people(store: RecordStore) -> set[str]:
    return {
        row["split_key"]
        for batch in store.batches(["provenance"])
        for row in batch.column(0).to_pylist()
        if row["split_key"]
    }


def _read_rows(store: RecordStore, audit: Audit) -> Iterator[Record]:
    number = 0
    for batch in store.batches():
        for row in batch.to_pylist():
            try:
                yield record_from_dict(row, where=f"row {number}")
            except BadInput as error:
                audit.records += 1
                audit.add_fault(str(row.get("id")), "damaged row", error.message)
            number += 1


def _find_annotation(rows: Iterator[Annotation | Dropped], media: str) -> Annotation | None:
    """Draw annotations until the one of this media comes; both are in the source's order."""
    for row in rows:
        if isinstance(row, Annotation) and row.media == media:
            return row
    return None


def _audit_record(
    record: Record, annotation: Annotation | None, verifier: Verifier, audit: Audit
) -> None:
    if record.provenance.get("writer", "").startswith(ADAPTED_WRITER):
        fault = find_fault(record)
        if fault is not None:
            audit.add_fault(record.id, *fault)
        return
    rows = [claim_row(claim, turn) for turn, claim in read_record(record)]
    audit.claims["read"] += len(rows)
    if rows != [dict(claim) for claim in record.claims]:
        audit.add_fault(record.id, "claims differ from the text")
    if not rows and record.kind not in WORDLESS_KINDS:
        audit.add_fault(record.id, "nothing read back")
    if annotation is not None:
        result = verifier.verify(record, annotation)
        if not isinstance(result, Record) or result.id != record.id:
            reason = getattr(result, "reason", "contradicted claim")
            audit.add_fault(record.id, reason, getattr(result, "detail", ""))


def _find_clashes(records: list[Record], audit: Audit) -> None:
    """Find flags that two records about the same media state and deny, times left aside."""
    said: dict[tuple[str, str], tuple[bool, str]] = {}
    for record in records:
        for claim in record.claims:
            truth = _plain_flag(claim)
            if truth is None:
                continue
            key = (claim["name"], claim["subject"])
            before = said.setdefault(key, (truth, record.id))
            if before[0] is not truth:
                audit.add_fault(record.id, "records clash", f"{claim['name']}: see {before[1]}")


def _plain_flag(claim: Mapping[str, Any]) -> bool | None:
    is_timed = claim["start_seconds"] is not None or claim["stop_seconds"] is not None
    if is_timed or claim["hedged"] or claim["value"] not in ("true", "false"):
        return None
    return (claim["value"] == "true") is not claim["negated"]
