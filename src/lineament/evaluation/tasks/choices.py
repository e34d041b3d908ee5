"""Chosen answers about faces: FaceXBench, Face-Human-Bench and FaceBench, minus who somebody is."""

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

from lineament.evaluation.item import Item, ItemSet, Kind, limit_media
from lineament.evaluation.prompts import prompts_id, read_prompts
from lineament.evaluation.reading import fold
from lineament.evaluation.result import Scores
from lineament.evaluation.tasks.choice_files import (
    Question,
    read_face_human_bench,
    read_facebench,
    read_facexbench,
)
from lineament.evaluation.tasks.choice_scores import score_choices, words_of_truth
from lineament.evaluation.tasks.clips import JOIN, open_joined
from lineament.evaluation.tasks.task import Options, Published, require_options
from lineament.records.sources.source import Dropped

Form = Literal["single", "several", "open"]
_KINDS: Mapping[Form, Kind] = {"single": "choice", "several": "labels", "open": "exact"}


Reader = Callable[[Path, str], Iterator[Question | Dropped]]
_READERS: Mapping[str, Reader] = {
    "facexbench": read_facexbench,
    "face-human-bench": read_face_human_bench,
    "facebench": read_facebench,
}
# Below the folder given, where the pictures of each set may lie.
_BASES: Mapping[str, tuple[str, ...]] = {
    "facexbench": ("benchmark", ""),
    "face-human-bench": ("", "data/Face-Human-Bench", "data"),
    "facebench": ("images", "", "datasets/images"),
}
_NOTES = (
    "balanced_accuracy: in each group the mean recall over what is right there (letters; words "
    "where the options are the same throughout; both where two options are turned round), then the "
    "mean over groups. Groups in which one answer is always right are counted in accuracy alone. "
    "The prior is the best constant answer of each group, by letter or by words.",
    "An answer is a letter in front or an option's exact words; whatever else is wrong.",
    "Several pictures are joined into one, side by side.",
)


@final
@dataclass(frozen=True, slots=True)
class Choices:
    """One public set of questions with options.

    Attributes:
        name: What people type, and whose files are read.
        about: One line: what it measures on what.
        is_by_words: Recall is taken over the right options' words rather than letters.
        splits: What can be asked for.
        published: Figures of others.
    """

    name: str
    about: str
    is_by_words: bool = False
    splits: tuple[str, ...] = ("test",)
    published: tuple[Published, ...] = ()
    headline: str = "balanced_accuracy"
    needs_folder: bool = True

    def read_items(self, folder: Path, options: Options) -> ItemSet:
        """Read the questions, those on identity, recognition and ancestry counted and left out."""
        split = require_options(self, options)
        dropped: Counter[str] = Counter()
        excluded: Counter[str] = Counter()
        items: list[Item] = []
        for row in _READERS[self.name](folder, split):
            if isinstance(row, Dropped):
                dropped[row.reason] += 1
            elif reason := find_exclusion(self.name, row):
                excluded[reason] += 1
            else:
                items.append(self._ask(row))
        kept = limit_media(items, options.limit)
        bases = [folder / base for base in (*_BASES[self.name], split)]
        opened = functools.partial(open_joined, bases=bases)
        notes = (*_NOTES, f"prompts: {prompts_id('choices')}")
        return ItemSet(kept, opened, excluded, dropped, notes).require_items(folder)

    def _ask(self, row: Question) -> Item:
        prompts = read_prompts("choices")
        truth: Any = row.answer
        form: Form = "several" if isinstance(truth, tuple) else "open"
        if isinstance(truth, int):
            form, truth = "single", chr(ord("A") + truth)
        elif form == "several":
            truth = (truth, row.options)
        text, count = row.text, len(row.pictures)
        if count > 1:
            text = prompts["joined"].format(count=count, question=text)
        return Item(
            id=f"{self.name}/{row.id}", media=JOIN.join(row.pictures),
            question=prompts[form].format(question=text, options="; ".join(row.options)),
            kind=_KINDS[form], truth=truth, group=row.group,
            subject=row.subject or row.pictures[0],
            options=row.options if form == "single" else (), level=1,
        )  # fmt: skip

    def score(self, items: Sequence[Item], answers: Mapping[str, str]) -> Scores:
        """Score by recall over what is right in each group."""
        return score_choices(items, answers, self._class_of)

    def _class_of(self, item: Item) -> str:
        words = words_of_truth(item)
        if self.is_by_words:
            return words
        # Of two options the words are the same throughout, yes or no, and turned round: neither
        # a letter nor a word may win.
        return f"{words}, {item.truth}" if len(item.options) == 2 else item.truth


def find_exclusion(task: str, row: Question) -> str:
    """Return why a question is left out: its part, its words, or what its reader saw; or ``""``."""
    prompts = read_prompts("choices")
    if row.part in prompts["excluded"][task]:
        return prompts["excluded"][task][row.part]
    answer = row.answer if isinstance(row.answer, str) else ""
    text = f" {fold(' '.join((row.text, *row.options, answer)))} "
    for reason, words in prompts["words"].items():
        if any(f" {word} " in text for word in words):
            return reason
    return row.excluded


def _published(source: str, caution: str, figures: Mapping[str, float]) -> tuple[Published, ...]:
    return tuple(
        Published(system, "accuracy", value, source, caution) for system, value in figures.items()
    )


_NOTED = "the project's notes on the repository's figures; not rerun here"

CHOICE_TASKS = (
    Choices(
        "facexbench", "FaceXBench: age, sex, expression, attributes, pose, parts, crowds, fakes",
        published=(
            *_published(
                "README of Kartik-3004/facexbench; not rerun here",
                "over all 5,000 questions, recognition and ancestry among them; other prompts",
                {"GPT-4o": 50.24, "Gemini-1.5-Pro": 54.40},
            ),
            *_published(
                _NOTED,
                "over all 5,000 questions, recognition and ancestry among them; other prompts",
                {
                    "human": 70.28, "FaceLLM 38B": 60.52, "Qwen2-VL 72B": 57.86,
                    "FaceLLM 8B": 56.14, "FaceLLM 1B": 38.86,
                },
            ),
        ),
    ),
    Choices(
        "face-human-bench", "Face-Human-Bench in English: faces and people, nobody recognised",
        splits=("test", "dev"),
        published=_published(
            _NOTED,
            "about, read off a drawing; over all items, recognition among them; options not turned",
            {"InternVL-Chat-1.2-Plus": 76.0, "LLaVA-NeXT-34B": 76.0, "GPT-4o": 70.0},
        ),
    ),
    Choices(
        "facebench", "FaceBench: attributes of a face, with follow-ups", is_by_words=True,
        published=_published(
            _NOTED, "over the whole set and all forms of question; other prompts",
            {
                "human": 67.38, "GPT-4o": 63.21, "Gemini-1.5": 62.72, "Face-LLaVA-13B": 61.16,
                "Qwen2-VL 7B": 57.19,
            },
        ),
    ),
)  # fmt: skip
