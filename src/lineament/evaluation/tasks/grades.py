"""Grades: what a judge gives for answers to references, each asked for once."""

from collections.abc import Mapping, Sequence
from typing import Any, final

from lineament.evaluation.judges import Case, Judge
from lineament.evaluation.tasks.task import Grader

Graded = tuple[str, str, str]  # question, reference, answer


@final
class KeptGrades:
    """A judge that remembers: levels, blind copies and other frames ask for the same again.

    Attributes:
        judge: Whoever grades.
        name: What goes on record.
        about: What more goes there: prompt, model, date; empty for a judge that does not say.
        malformed: Why there is no grade, by what was to be graded.
    """

    def __init__(self, judge: Grader) -> None:
        self.judge = judge
        self.name = str(getattr(judge, "name", type(judge).__name__))
        self.about: Mapping[str, Any] = {}
        self.malformed: dict[Graded, str] = {}
        self._kept: dict[Graded, float | None] = {}

    def grade_all(self, rows: Sequence[Graded]) -> list[float | None]:
        """Return grades from 0 to 1, None where there is none; an empty answer has 0 unasked."""
        fresh = [row for row in dict.fromkeys(rows) if row[2].strip() and row not in self._kept]
        self._kept.update(zip(fresh, self._ask(fresh), strict=True))
        return [self._kept[row] if row[2].strip() else 0.0 for row in rows]

    def _ask(self, rows: Sequence[Graded]) -> list[float | None]:
        if not isinstance(self.judge, Judge):
            return [self.judge.judge(*row) for row in rows]
        cases = [Case(str(place), *row) for place, row in enumerate(rows)]
        if not cases:
            return []
        judged = self.judge.judge_all(cases)
        self.about = judged.about
        self.malformed |= {rows[int(id)]: why for id, why in judged.malformed.items()}
        return [judged.scores.get(case.id) for case in cases]

    def describe(self, rows: Mapping[str, Graded]) -> dict[str, Any]:
        """Return what goes on record of rows by whatever ids: every malformed reply among it."""
        malformed = {id: self.malformed[row] for id, row in rows.items() if row in self.malformed}
        return {**self.about, "num_malformed": len(malformed), "malformed": malformed}


def name_priors(rows: Sequence[Graded]) -> dict[str, Graded]:
    """Return rows that were graded for a prior alone by ids that no item has."""
    return {f"prior {number}": row for number, row in enumerate(rows, start=1)}
