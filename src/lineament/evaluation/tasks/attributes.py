"""Attributes of CelebA and CelebV-HQ: lists of labels, or a yes/no each; both sides count alike."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, final

from lineament.evaluation.flags import find_yes_bias
from lineament.evaluation.item import Item, ItemSet, limit_media
from lineament.evaluation.prompts import prompts_id, read_prompts
from lineament.evaluation.result import Figure, Scores
from lineament.evaluation.sensitivity import find_ranges
from lineament.evaluation.tasks.attribute_files import (
    NOT_ASKED,
    Labelled,
    celeba_labels,
    read_celeba,
    read_celebvhq,
)
from lineament.evaluation.tasks.clips import open_first
from lineament.evaluation.tasks.label_table import LabelTable, words_of
from lineament.evaluation.tasks.task import Options, Published, require_options
from lineament.records.sources.source import Dropped
from lineament.vocabulary import read_label_sets, read_vocabulary

Form = Literal["list", "yes_no"]
Layout = Literal["celeba", "celebvhq"]
_PLACES: Mapping[Layout, tuple[str, ...]] = {
    "celeba": ("img_align_celeba/{}", "Img/img_align_celeba/{}"),
    "celebvhq": ("{}", "processed/{}", "downloaded_celebvhq/processed/{}"),
}


_READERS = {"celeba": read_celeba, "celebvhq": read_celebvhq}
_NOTES: Mapping[Form, str] = {
    "list": "All labels of a part stand in one question; names are read from the answer by their "
    "exact words. An answer in which nothing can be read is wrong in every label.",
    "yes_no": "One question a label; the answer is read in the vocabulary's words. What cannot be "
    "read is wrong.",
}
_NOTE = (
    "balanced_accuracy is the mean over labels of the mean of both recalls, of those whom a label "
    "fits and of the others: naming all, none or always the same labels gives 0.5. mean_accuracy "
    "is the mean over labels of plain accuracy, the papers' mAcc. macro_f1 is the mean over labels "
    "that are true or named somewhere, micro_f1 pools all labels, sample_f1 is the mean F1 of a "
    "media's lists, as VidEmo averages, but with names read by rules where it asks GPT-4o. The "
    "prior is the best constant list of labels, chosen on these items."
)


@final
@dataclass(frozen=True, slots=True)
class Attributes:
    """The labels of one set, asked in one form.

    Attributes:
        name: What people type.
        layout: Whose files are read.
        form: All labels of a part at once, or one yes/no question each.
        published: Figures of others.
        unpublished: Why there are none.
    """

    name: str
    layout: Layout
    form: Form
    published: tuple[Published, ...] = ()
    unpublished: str = ""
    splits: tuple[str, ...] = ("test", "val")
    headline: str = "balanced_accuracy"
    needs_folder: bool = True

    @property
    def about(self) -> str:
        """One line: what it measures on what."""
        sets = {"celeba": "CelebA: 39 attributes", "celebvhq": "CelebV-HQ: 40 + 35 + 8 labels"}
        return f"{sets[self.layout]}, {'as lists' if self.form == 'list' else 'yes or no each'}"

    @property
    def has_phrasings(self) -> bool:
        """Lists are asked in several wordings, single labels in one."""
        return self.form == "list"

    def read_items(self, folder: Path, options: Options) -> ItemSet:
        """Read the labels of one part of the set."""
        split = require_options(self, options)
        dropped: Counter[str] = Counter()
        excluded: Counter[str] = Counter()
        items: list[Item] = []
        for row in _READERS[self.layout](folder, split):
            if isinstance(row, Dropped):
                dropped[row.reason] += 1
                continue
            for part, flags in row.parts.items():
                excluded.update(NOT_ASKED[name] for name in flags if name in NOT_ASKED)
                asked = {name: flag for name, flag in flags.items() if name not in NOT_ASKED}
                if self.form == "list":
                    items += self._ask_list(row, part, asked, options)
                else:
                    items += self._ask_each(row, part, asked)
        kept = limit_media(items, options.limit)
        notes = (
            _NOTES[self.form], _NOTE, f"prompts: {prompts_id('attributes')}",
            *((f"No published figure: {self.unpublished}.",) if self.unpublished else ()),
        )  # fmt: skip
        places = [place.format for place in _PLACES[self.layout]]
        found = ItemSet(
            kept, lambda media: open_first([folder / place(media) for place in places]),
            excluded, dropped, notes,
        )  # fmt: skip
        return found.require_items(folder)

    def _ask_list(
        self, row: Labelled, part: str, flags: Mapping[str, bool], options: Options
    ) -> Iterator[Item]:
        prompts = read_prompts("attributes")["list"][part]
        labels = ", ".join(words_of(name)[0] for name in flags)
        for phrasing in range(len(prompts) if options.with_phrasings else 1):
            yield Item(
                id=f"{self.name}/{Path(row.media).stem}/{part}" + f"/{phrasing}" * bool(phrasing),
                media=row.media, question=prompts[phrasing].format(labels=labels), kind="labels",
                truth=tuple(name for name, flag in flags.items() if flag), group=part,
                options=(), subject=row.subject, phrasing=phrasing, level=2, source=self.layout,
                audit=row.audit,
            )  # fmt: skip

    def _ask_each(self, row: Labelled, part: str, flags: Mapping[str, bool]) -> Iterator[Item]:
        questions = read_prompts("attributes")["is"]
        for label, flag in flags.items():
            name, holds = read_vocabulary().canonical(label, flag)
            yield Item(
                id=f"{self.name}/{Path(row.media).stem}/{label}/is/0", media=row.media,
                question=questions[name], kind="yes_no", truth=bool(holds),
                group=f"{part}/{label}", name=name, subject=row.subject, level=1,
                source=self.layout, audit=row.audit,
            )  # fmt: skip

    def score(self, items: Sequence[Item], answers: Mapping[str, str]) -> Scores:
        """Score labels by balanced accuracy and F1, each part for itself and all together."""
        plain = [item for item in items if item.phrasing == 0]
        table, unread = self._fill(plain, answers)
        measures = table.measures("")
        if len(table.labels) > 1:
            for part in table.labels:
                measures |= table.measures(part)
        wrong = sorted((i for i in plain if table.score_of(i) < 1), key=table.score_of)
        figures = {name: measure.figure() for name, measure in measures.items()}
        tables: dict[str, Any] = {"by_label": table.by_label(), "gaps": table.gaps()}
        if self.form == "yes_no":
            bias = find_yes_bias(plain, table.verdicts)
            figures["yes_bias"] = Figure(bias, num_items=len(plain))
        scores = [figures[self.headline].value]
        for number in sorted({item.phrasing for item in items} - {0}):
            own = [item for item in items if item.phrasing == number]
            scores.append(self._fill(own, answers)[0].balanced_accuracy())
        if len(scores) > 1:
            head = figures[self.headline]
            figures[self.headline] = replace(head, extra={**head.extra, **find_ranges(scores)})
            tables["phrasings"] = {self.headline: scores, "range": max(scores) - min(scores)}
        return Scores(figures, measures, tables, tuple(item.id for item in wrong), unread)

    def _fill(
        self, items: Sequence[Item], answers: Mapping[str, str]
    ) -> tuple[LabelTable, tuple[str, ...]]:
        table = LabelTable(items, self._labels(items))
        unread = tuple(item.id for item in items if not table.add(item, answers.get(item.id, "")))
        return table, unread

    def _labels(self, items: Sequence[Item]) -> dict[str, tuple[str, ...]]:
        sets = read_label_sets()
        parts = {item.group.split("/")[0] for item in items}
        if self.layout == "celebvhq":
            return {p: sets.lists[f"celebvhq_{p}"] for p in ("appearance", "action", "emotion")
                    if p in parts}  # fmt: skip
        return {"appearance": celeba_labels()}


_NOTED = "the project's notes on FaVChat's peers, from Face-LLaVA's paper; not rerun here"
_ALL = "all 40 attributes, an opinion among them; other prompts, in another form"
_CELEBA = tuple(
    Published(system, "mean_accuracy", value, _NOTED, f"{trained}{_ALL}")
    for system, value, trained in (
        ("Face-LLaVA 7B, zero-shot", 0.868, ""),
        ("Face-LLaVA 7B, tuned", 0.901, "trained on CelebA's train part; "),
        ("VideoLLaMA3, zero-shot", 0.813, ""),
        ("Qwen2.5-VL, zero-shot", 0.786, ""),
    )
)
_NO_CELEBVHQ = "of CelebV-HQ the project's notes tell VidEmo's protocol, and nobody's figures"
ATTRIBUTE_TASKS = (
    Attributes("celeba", "celeba", "list", _CELEBA),
    Attributes("celeba-yes-no", "celeba", "yes_no", _CELEBA),
    Attributes("celebvhq", "celebvhq", "list", unpublished=_NO_CELEBVHQ),
    Attributes("celebvhq-yes-no", "celebvhq", "yes_no", unpublished=_NO_CELEBVHQ),
)
