"""Verification: every answer is read back and checked; what does not hold is dropped or cut."""

import functools
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from lineament.annotation import Annotation
from lineament.claims import Checker, Claim, Statement, Verdict, statement_of
from lineament.claims.scenes_check import check_scene_claims
from lineament.claims.scenes_objects import Scene, is_scene, read_scene
from lineament.records.form import (
    DEFAULT_LIMITS,
    DESCRIPTION_KINDS,
    Limits,
    find_fault,
    split_description,
)
from lineament.records.read_back import WORDLESS_KINDS, read_record, read_statements_of
from lineament.records.record import Record, Turn, statement_row

# Why records are dropped or changed, beside faults of form; counted by `lineament build`.
CONTRADICTED = "contradicted claim"
UNSUPPORTED = "unsupported claim"
SILENT = "nothing read back"
REPAIRED = "repaired"
ADAPTED = "adapted"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that did not pass, and why."""

    record: Record
    reason: str
    detail: str = ""


@dataclass(slots=True)
class Tally:
    """Counts of one verification run; tallies of workers add up.

    Attributes:
        verdicts: Claims by verdict.
        outcomes: Records by outcome: kept, repaired, or the reason they were dropped.
        answers: Yes/no answers by the question's polarity, as ``positive yes``.
        names: Yes/no answers by name, as ``beard yes``.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    names: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Add the counts of another tally."""
        self.verdicts.update(other.verdicts)
        self.outcomes.update(other.outcomes)
        self.answers.update(other.answers)
        self.names.update(other.names)

    @property
    def yes_share(self) -> float:
        """Share of yes among the yes/no answers; 0.5 is balanced."""
        yes = sum(count for key, count in self.answers.items() if key.endswith(" yes"))
        return yes / max(self.answers.total(), 1)


class Verifier:
    """Checks records against the annotations they were written from.

    The reader gets the finished text alone: nothing of how it was written.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self.tally = Tally()
        # The records of one annotation come together and repeat its claims.
        self._annotation: Annotation | None = None
        self._judge: Callable[[Statement], Verdict] = _judge_nothing
        self._verdicts: dict[Statement, Verdict] = {}
        self._supported: set[Statement] = set()

    def verify(self, record: Record, annotation: Annotation) -> Record | Rejected:
        """Return the record with its claims, cut where a sentence did not hold, or reject it."""
        result = self._verify(record, annotation)
        if isinstance(result, Rejected):
            self.tally.outcomes[result.reason] += 1
            return result
        self.tally.outcomes[REPAIRED if result.id != record.id else "kept"] += 1
        polarity = result.provenance.get("polarity", "")
        if polarity:
            self.tally.answers[polarity] += 1
            self._count_names(result)
        return result

    def verify_form(self, record: Record) -> Record | Rejected:
        """Return a record that is a data set's own label, or reject it; its truth is not ours."""
        fault = find_fault(record, self.limits)
        if fault is not None:
            self.tally.outcomes[fault[0]] += 1
            return Rejected(record, *fault)
        self.tally.outcomes[ADAPTED] += 1
        return record

    def _verify(self, record: Record, annotation: Annotation) -> Record | Rejected:
        fault = find_fault(record, self.limits)
        if fault is not None:
            return Rejected(record, *fault)
        said = read_statements_of(record)
        if annotation is not self._annotation:
            self._meet(annotation)
        rows: list[Mapping[str, Any]] = []
        num_supported = 0
        for turn_index, statements in said:
            num_supported += self._count_supported(statements)
            rows += [statement_row(statement, turn_index) for statement in statements]
        if num_supported:
            self.tally.verdicts["supported"] += num_supported
        if num_supported < len(rows):
            faults = self._find_faults(record)
            if faults:
                return self._repair(record, faults, annotation)
        if not rows and record.kind not in WORDLESS_KINDS:
            return Rejected(record, SILENT)
        return record.with_claims(tuple(rows))

    def _count_supported(self, statements: tuple[Statement, ...]) -> int:
        """Judge what was not judged before, and return how many statements hold."""
        supported = self._supported
        for statement in statements:
            if statement not in supported and statement not in self._verdicts:
                verdict = self._verdicts[statement] = self._judge(statement)
                if verdict == "supported":
                    supported.add(statement)
        return sum(map(supported.__contains__, statements))

    def _meet(self, annotation: Annotation) -> None:
        """Forget what was said of the annotation before."""
        self._annotation = annotation
        self._verdicts, self._supported = {}, set()
        if is_scene(annotation):
            scene = read_scene(annotation)
            self._judge = functools.partial(_judge_scene, annotation=annotation, scene=scene)
        else:
            self._judge = Checker(annotation).judge

    def _find_faults(self, record: Record) -> list[tuple[int, Claim, str]]:
        """Count the claims that do not hold, and return those that may not stay."""
        faults: list[tuple[int, Claim, str]] = []
        for turn_index, claim in read_record(record):
            statement = statement_of(claim)
            verdict = self._verdicts.get(statement) or self._judge(statement)
            if verdict == "supported":
                continue
            self.tally.verdicts[verdict] += 1
            if verdict == "contradicted":
                faults.append((turn_index, claim, CONTRADICTED))
            elif not self.limits.accept_unknown:
                faults.append((turn_index, claim, UNSUPPORTED))
        return faults

    def _repair(
        self, record: Record, faults: list[tuple[int, Claim, str]], annotation: Annotation
    ) -> Record | Rejected:
        """Cut the faulty sentences of a description; a short answer is dropped as a whole."""
        turn_index, claim, reason = faults[0]
        detail = f"{claim.name} {claim.value}: {claim.text!r}"
        if record.kind not in DESCRIPTION_KINDS:
            return Rejected(record, reason, detail)
        text = record.turns[turn_index].text
        sentences = split_description(text)
        places = {claim.start for index, claim, _ in faults if index == turn_index}
        kept, start = [], 0
        for sentence in sentences:
            at = text.index(sentence, start)
            start = at + len(sentence)
            if not any(at <= place < start for place in places):
                kept.append(sentence)
        if len(kept) == len(sentences) or len(kept) < 2:
            return Rejected(record, reason, detail)
        turns = list(record.turns)
        turns[turn_index] = Turn("assistant", " ".join(kept))
        provenance = {**record.provenance, "detail": f"cut: {reason}, {detail}"}
        return self._verify(
            replace(record, turns=tuple(turns), provenance=provenance, id=""), annotation
        )

    def _count_names(self, record: Record) -> None:
        for claim in record.claims:
            if claim["name"] != "male" or len(record.claims) == 1:
                self.tally.names[f"{claim['name']} {claim['value']}"] += 1


def _judge_scene(statement: Statement, annotation: Annotation, scene: Scene) -> Verdict:
    claim = Claim(**statement._asdict())
    return check_scene_claims((claim,), annotation, scene).claims[0].verdict


def _judge_nothing(_: Statement) -> Verdict:
    return "unknown"
