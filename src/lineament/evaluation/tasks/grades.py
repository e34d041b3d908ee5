"""Grades: what a judge gives for answers to references, each asked for once."""

from collections.abc import Mapping, Sequence
from typing import Any, final

from lineament.evaluation.judges import SHOWN_MALFORMED, Case, Judge
from lineament.evaluation.tasks.task import Grader

Graded = tuple[str, str, str]  # question, reference, answer


@final
class KeptGrades:
    """A judge that remembers: levels, blind copies and other frames ask for the same again.

    Attributes:
        judge: Whoever grades.
        name: What goes on record.
        about: What more goes there: prompt, model, date; empty for a judge that does not say.
        malformed: Why there is no grade, by question.
    """

    def __init__(self, judge: Grader) -> None:
        self.judge = judge
        self.name = str(getattr(judge, "name", type(judge).__name__))
        self.about: Mapping[str, Any] = {}
        self.malformed: dict[str, str] = {}
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
        self.malformed |= {rows[int(id)][0]: why for id, why in judged.malformed.items()}
        return [judged.scores.get(case.id) for case in cases]

    def to_dict(self) -> dict[str, Any]:
        """Return what goes on record; of malformed replies the first few are shown."""
        shown = dict(list(self.malformed.items())[:SHOWN_MALFORMED])
        return {**self.about, "num_malformed": len(self.malformed), "malformed": shown}
