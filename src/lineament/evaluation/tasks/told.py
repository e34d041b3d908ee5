"""Told: questions of built data sets on people held back, in the manner of two papers' tests."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, final

from lineament.errors import BadInput
from lineament.evaluation.item import Item, ItemSet, limit_media
from lineament.evaluation.prompts import prompts_id
from lineament.evaluation.result import Scores
from lineament.evaluation.tasks.grades import KeptGrades
from lineament.evaluation.tasks.task import Grader, Options, Published, require_options
from lineament.evaluation.tasks.told_records import (
    Asking,
    choose_questions,
    open_told,
    read_file,
    read_store,
    require_records,
)
from lineament.evaluation.tasks.told_scores import score_told
from lineament.records.manifest import MANIFEST

Part = Literal["all", "description", "conversation"]
NUM_QUESTIONS = 2000
NOTES = (
    "skill: in each kind (score - prior) / (1 - prior), then the mean over kinds; the prior is the "
    "best constant answer of the kind among yes, no, cannot tell and its five commonest answers. "
    "Whoever always says the same has a skill of at most 0.",
    "Answers are compared with the reference by rule: yes or no in the question's polarity, the "
    "option, the number, the order, all claims and none contradicted, F1 of claims for lists and "
    "descriptions. Whoever declines what can be told is wrong there; `declines` tells what can be "
    "told from what cannot.",
    "Questions about times are kinds by what they ask: `timed/order`, `timed/first`, "
    "`timed/after`, `timed/when`, `timed/how_long`, `timed/at`, `timed/doing`.",
    "Kinds of yes/no questions are scored by balanced accuracy over the right answer's yes and no.",
)


@final
@dataclass(frozen=True, slots=True)
class Told:
    """Questions with references, chosen by a hash, of a part that shares nobody with another.

    Attributes:
        name: What people type.
        about: One line: what it measures on what.
        part: Which questions: all, descriptions, or all but descriptions.
        num_questions: How many at most.
        file: LLaVA conversations that are read where the folder is no built data set; empty where
            only that will do.
        published: Figures of others.
        judge: Grades answers, too.
    """

    name: str
    about: str
    part: Part
    num_questions: int = NUM_QUESTIONS
    file: str = ""
    published: tuple[Published, ...] = ()
    judge: KeptGrades | None = field(default=None, compare=False)
    splits: tuple[str, ...] = ("test", "val", "dev")
    headline: str = "skill"
    needs_folder: bool = True

    def with_judge(self, judge: Grader) -> "Told":
        """Return the same task with a judge, who is asked about each answer once."""
        return replace(self, judge=KeptGrades(judge))

    def read_items(self, folder: Path, options: Options) -> ItemSet:
        """Choose the questions of a built data set's part, or of a LLaVA file."""
        split = require_options(self, options)
        dropped: Counter[str] = Counter()
        is_store = (folder / MANIFEST).is_file()
        if is_store:
            records = require_records(read_store(folder, split, dropped), f"{folder}, {split}")
        elif self.file and (folder / self.file).is_file():
            records = require_records(read_file(folder / self.file, dropped), folder / self.file)
        else:
            also = f" and no {self.file}" if self.file else ""
            raise BadInput(
                f"{folder}: holds no {MANIFEST}{also}",
                hint="make a data set: lineament build SOURCE --split test --out DIR",
            )
        items = choose_questions(
            records, self.num_questions, self._wants, dropped, name=self.name,
            all_described=self.part == "description" and not is_store,
        )  # fmt: skip
        chosen = f"{len(items)} questions of at most {self.num_questions}, chosen by a hash."
        notes = (*NOTES, chosen, f"prompts: {prompts_id('told')}")
        found = ItemSet(
            limit_media(items, options.limit), lambda media: open_told(media, folder), {}, dropped,
            notes,
        )  # fmt: skip
        return found.require_items(folder)

    def _wants(self, one: Asking) -> bool:
        return self.part == "all" or one.is_description == (self.part == "description")

    def score(self, items: Sequence[Item], answers: Mapping[str, str]) -> Scores:
        """Score by rule, and by the judge where there is one; without an answer it is wrong."""
        return score_told(items, answers, self.judge)


_NOTED = "the project's notes on the published paper; not rerun here"
_FAVCHAT = (
    "another 2,000 questions, which are not given out; judged 0 to 10 by a language model, here "
    "from 0 to 1"
)
_UNIFACE = (
    "UniF2ace's own test part; judged 1 to 10 by GPT-4o with the picture at hand, here from 0 to 1"
)


def _judged(caution: str, low: float, figures: Mapping[str, float]) -> tuple[Published, ...]:
    return tuple(
        Published(system, "judge", round((value - low) / (10 - low), 4), _NOTED, caution)
        for system, value in figures.items()
    )


TOLD_TASKS = (
    Told(
        "favchat-test",
        "a built data set's people held back: 2,000 questions by kind and level, as FaVChat's test",
        "all",
        published=_judged(
            _FAVCHAT, 0,
            {
                "FaVChat-Qwen3 8B": 9.01, "FaVChat-Qwen2.5 7B": 8.89,
                "Qwen3-VL-8B tuned on faces": 8.87, "GPT-4o": 7.67,
            },
        ),
    ),
    Told(
        "unif2ace-description",
        "descriptions of a built data set's faces: recall and precision of attributes",
        "description", file="description.json",
        published=_judged(
            _UNIFACE, 1, {"UniF2ace 1.8B": 6.02, "InternVL2.5 8B": 5.62, "Show-o 1.3B": 3.88}
        ),
    ),
    Told(
        "unif2ace-conversation",
        "questions about a built data set's faces, one turn of a conversation at a time",
        "conversation", file="conversation.json",
        published=_judged(
            _UNIFACE, 1, {"UniF2ace 1.8B": 6.53, "Qwen2-VL 7B": 6.27, "Show-o 1.3B": 4.17}
        ),
    ),
)  # fmt: skip
