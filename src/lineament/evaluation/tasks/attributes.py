"""Attributes of CelebA and CelebV-HQ: lists of labels, or one yes/no a label; F1 with its prior."""

import functools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

from lineament.errors import BadInput
from lineament.evaluation.item import Item, ItemSet, limit_media
from lineament.evaluation.prompts import prompts_id, read_prompts
from lineament.evaluation.result import Scores
from lineament.evaluation.tasks.clips import open_first
from lineament.evaluation.tasks.label_table import LabelTable, words_of
from lineament.evaluation.tasks.task import Options, Published, choose_split
from lineament.records.sources.celebvhq import FILE, split_of
from lineament.records.sources.rows import (
    read_json_file,
    read_lines,
    require_file,
    require_inside,
)
from lineament.records.sources.source import UNREADABLE, Dropped
from lineament.vocabulary import nearest_hint, read_label_sets, read_vocabulary

Form = Literal["list", "yes_no"]
Layout = Literal["celeba", "celebvhq"]
NOT_ASKED = {"attractive": "an opinion: attractive"}
NUM_CELEBA = 40
_PARTITION = {"val": "1", "test": "2"}
_PLACES: Mapping[Layout, tuple[str, ...]] = {
    "celeba": ("img_align_celeba/{}", "Img/img_align_celeba/{}"),
    "celebvhq": ("{}", "processed/{}", "downloaded_celebvhq/processed/{}"),
}


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture or clip with its labels.

    Attributes:
        media: The file's name.
        subject: Whom it is about, as far as the set tells.
        parts: For each part, whether each of its labels holds.
    """

    media: str
    subject: str
    parts: Mapping[str, Mapping[str, bool]]


def read_celeba(folder: Path, split: str) -> Iterator[Labelled | Dropped]:
    """Yield ``list_attr_celeba.txt`` rows of one part of ``list_eval_partition.txt``."""
    part = require_file(folder, "list_eval_partition.txt", "Eval/list_eval_partition.txt")
    parted = (line.split() for _, line in read_lines(part) if isinstance(line, str))
    kept = {fields[0] for fields in parted if fields[1:] == [_PARTITION[split]]}
    path = require_file(folder, "list_attr_celeba.txt", "Anno/list_attr_celeba.txt")
    names: tuple[str, ...] = ()
    for number, line in read_lines(path):
        if isinstance(line, Dropped):
            yield line
        elif number == 2:
            names = _name_celeba(line, path)
        elif number > 2 and (fields := line.split()) and fields[0] in kept:
            if len(fields) != len(names) + 1 or set(fields[1:]) - {"1", "-1"}:
                yield Dropped(fields[0], UNREADABLE, f"expected {len(names)} labels of 1 or -1")
                continue
            flags = {n: f == "1" for n, f in zip(names, fields[1:], strict=True)}
            yield Labelled(require_inside(fields[0]), fields[0], {"appearance": flags})


def _name_celeba(line: str, path: Path) -> tuple[str, ...]:
    spelling = {**read_label_sets().spelling, **read_prompts("attributes")["spelling"]}
    names = tuple(spelling.get(name, name) for name in line.casefold().split())
    if len(set(names)) != NUM_CELEBA:
        raise BadInput(f"{path}: names {len(set(names))} attributes, expected {NUM_CELEBA}")
    for name in names:
        if name not in read_vocabulary() and name not in NOT_ASKED:
            raise BadInput(f"{path}: unknown attribute {name!r}")
    return names


def read_celebvhq(folder: Path, split: str) -> Iterator[Labelled | Dropped]:
    """Yield the clips of ``celebvhq_info.json`` that fall to one part by their YouTube id."""
    path = require_file(folder, FILE)
    repeated: list[str] = []
    table = read_json_file(path, repeated)
    clips = table.get("clips")
    if not isinstance(clips, Mapping):
        raise BadInput(f"{path}: clips is no object")
    twice = [key for key in repeated if key in clips]
    if twice:
        raise BadInput(f"{path}: clip {twice[0]!r} is there twice", hint="remove one of the two")
    sets = read_label_sets()
    names: dict[str, list[str]] = {}
    for part in ("appearance", "action"):
        listed = (table.get("meta_info") or {}).get(f"{part}_mapping") or ()
        names[part] = [str(name).casefold() for name in listed]
        expected = sets.lists[f"celebvhq_{part}"]
        if sorted(names[part]) != sorted(expected):
            odd = next(iter(set(names[part]) ^ set(expected)), "a name twice")
            hint = nearest_hint(odd, expected)
            raise BadInput(f"{path}: {part}_mapping is not the set's list: {odd!r}", hint=hint)
    for clip_id, clip in clips.items():
        try:
            if split_of(str(clip["ytb_id"])) == split:
                yield _label_clip(clip_id, clip, names)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            yield Dropped(clip_id, UNREADABLE, f"{type(error).__name__}: {error}")


def _label_clip(clip_id: str, clip: Mapping[str, Any], names: Mapping[str, list[str]]) -> Labelled:
    sets = read_label_sets()
    labels = clip["attributes"]
    parts: dict[str, dict[str, bool]] = {}
    for part, listed in names.items():
        if any(value not in (0, 1) for value in labels[part]):
            raise ValueError(f"{part}: a label that is neither 0 nor 1")
        parts[part] = dict(zip(listed, map(bool, labels[part]), strict=True))
    emotion = labels["emotion"]
    said = [e["emotion"] for e in emotion["labels"]] if emotion["sep_flag"] else [emotion["labels"]]
    shown = {sets.spelling.get(name, name) for name in (str(e).casefold() for e in said)}
    emotions = sets.lists["celebvhq_emotion"]
    if shown - set(emotions):
        raise ValueError(f"unknown emotion {sorted(shown - set(emotions))[0]!r}")
    parts["emotion"] = {name: name in shown for name in emotions}
    return Labelled(require_inside(f"{clip_id}.mp4"), str(clip["ytb_id"]), parts)


_READERS = {"celeba": read_celeba, "celebvhq": read_celebvhq}
_NOTES: Mapping[Form, str] = {
    "list": "All labels of a part stand in one question; names are read from the answer by their "
    "exact words. An answer in which nothing can be read is wrong in every label.",
    "yes_no": "One question a label; the answer is read in the vocabulary's words. What cannot be "
    "read is wrong.",
}
_NOTE = (
    "macro_f1 is the mean over labels that are true or named somewhere, micro_f1 pools all labels, "
    "sample_f1 is the mean F1 of a media's lists, as VidEmo averages, but with names read by rules "
    "where it asks GPT-4o. The prior is the best constant list of labels, chosen on these items."
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
    """

    name: str
    layout: Layout
    form: Form
    published: tuple[Published, ...] = ()
    splits: tuple[str, ...] = ("test", "val")
    headline: str = "macro_f1"
    needs_folder: bool = True

    @property
    def about(self) -> str:
        """One line: what it measures on what."""
        sets = {"celeba": "CelebA: 39 attributes", "celebvhq": "CelebV-HQ: 40 + 35 + 8 labels"}
        return f"{sets[self.layout]}, {'as lists' if self.form == 'list' else 'yes or no each'}"

    def read_items(self, folder: Path, options: Options) -> ItemSet:
        """Read the labels of one part of the set."""
        split = choose_split(self, options.split)
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
        notes = (_NOTES[self.form], _NOTE, f"prompts: {prompts_id('attributes')}")
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
            )  # fmt: skip

    def _ask_each(self, row: Labelled, part: str, flags: Mapping[str, bool]) -> Iterator[Item]:
        questions = read_prompts("attributes")["is"]
        for label, flag in flags.items():
            name, holds = read_vocabulary().canonical(label, flag)
            yield Item(
                id=f"{self.name}/{Path(row.media).stem}/{label}/is/0", media=row.media,
                question=questions[name], kind="yes_no", truth=bool(holds),
                group=f"{part}/{label}", name=name, subject=row.subject, level=1,
                source=self.layout,
            )  # fmt: skip

    def score(self, items: Sequence[Item], answers: Mapping[str, str]) -> Scores:
        """Score labels by F1, each part for itself and all together."""
        plain = [item for item in items if item.phrasing == 0]
        table, unread = self._fill(plain, answers)
        measures = table.measures("")
        if len(table.labels) > 1:
            for part in table.labels:
                measures |= table.measures(part)
        wrong = sorted((i for i in plain if table.score_of(i) < 1), key=table.score_of)
        figures = {name: measure.figure() for name, measure in measures.items()}
        tables: dict[str, Any] = {"by_label": table.by_label()}
        others = sorted({item.phrasing for item in items} - {0})
        if others:
            asked = [[i for i in items if i.phrasing == n] for n in others]
            scores = [figures["macro_f1"].value]
            scores += [self._fill(own, answers)[0].macro_f1() for own in asked]
            tables["phrasings"] = {"macro_f1": scores, "range": max(scores) - min(scores)}
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


@functools.cache
def celeba_labels() -> tuple[str, ...]:
    """Return CelebA's attributes in our names: CelebV-HQ's but two, and two of its own."""
    ours = read_label_sets().lists["celebvhq_appearance"]
    own = [name for name in ours if name not in ("long_hair", "sunglasses", "wearing_mask")]
    return (*own, "smile", "open_mouth")


ATTRIBUTE_TASKS = (
    Attributes("celeba", "celeba", "list"),
    Attributes("celeba-yes-no", "celeba", "yes_no"),
    Attributes("celebvhq", "celebvhq", "list"),
    Attributes("celebvhq-yes-no", "celebvhq", "yes_no"),
)
