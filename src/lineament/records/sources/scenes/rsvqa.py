"""RSVQA, low and high resolution: three files a split, and the authors' own small selection."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from lineament.annotation import Annotation, Fact
from lineament.errors import BadInput
from lineament.records.record import Record
from lineament.records.sources.rows import read_json_file, require_file, writable
from lineament.records.sources.scenes.adapt import adapt_annotation
from lineament.records.sources.scenes.geotiff import measure_picture
from lineament.records.sources.scenes.label import (
    NO_ANSWER,
    Label,
    Task,
    label_extra,
    picture_facts,
)
from lineament.records.sources.scenes.layout import (
    find_folder,
    find_picture,
    key_of,
    name_below,
    require_part,
)
from lineament.records.sources.source import NO_LABEL, UNREADABLE, Dropped, require_split

_TASKS: Mapping[str, Task] = {"count": "count", "presence": "existence"}
_PRESENT = {"water area": "water", "grass area": "grass"}
_ASKS_PRESENCE = re.compile(r"^is (?:a|an|there an?) (\w+ area)(?: present)?\??$", re.IGNORECASE)
_METERS = re.compile(r"^\s*(\d*\.?\d+)\s*m?\s*$")


@final
@dataclass(frozen=True, slots=True)
class Rsvqa:
    """One of the two sets.

    Attributes:
        name: What people type.
        prefix: How the files of a split begin: ``LR`` in ``LR_split_train_images.json``.
        size_px: Side of every picture.
        splits: As in the files' names; ``all`` is a folder with one unsplit trio of files.
    """

    name: str
    prefix: str
    size_px: int
    splits: tuple[str, ...]
    licence: str = "CC BY 4.0; answers derived from OpenStreetMap, ODbL"
    needs_folder: bool = True

    def read(self, folder: Path, split: str = "train") -> Iterator[Annotation | Dropped]:
        """Yield a picture with all its questions; rows of other splits are passed over."""
        require_split(self, split)
        yield from require_part(self, folder, split, self._read_part(folder, split))

    def _read_part(self, folder: Path, split: str) -> Iterator[Annotation | Dropped]:
        inside = (self.name.upper(), self.name, self.name[-2:])
        mark = "questions.json" if split == "all" else f"{self.prefix}_split_*_questions.json"
        place = find_folder(folder, mark, inside=inside)
        stem = "" if split == "all" else f"{self.prefix}_split_{split.replace('-', '_')}_"
        images, questions, answers = (
            _read_rows(require_file(place, f"{stem}{part}.json"), part)
            for part in ("images", "questions", "answers")
        )
        spoken: dict[Any, str | int] = {}
        for at, row in answers:
            if isinstance(row, Dropped):
                yield row
            elif _is_answer(row.get("answer")):
                spoken[key_of(row.get("id"))] = row["answer"]
            else:
                yield Dropped(at, NO_ANSWER)
        asked: dict[Any, list[Label]] = {}
        for at, row in questions:
            label = row if isinstance(row, Dropped) else _label_from_row(row, spoken, at)
            if isinstance(label, Dropped):
                yield label
            elif isinstance(row, Mapping):
                asked.setdefault(key_of(row.get("img_id")), []).append(label)
        yield from self._annotate(images, asked, place, folder)

    def read_turns(self, folder: Path, split: str = "train") -> Iterator[Record | Dropped]:
        """Yield records of up to sixteen questions about one picture."""
        for item in self.read(folder, split):
            if isinstance(item, Dropped):
                yield item
            else:
                yield from adapt_annotation(item, {"source": self.name, "split": split})

    def _annotate(
        self,
        images: Iterator[tuple[str, Mapping[str, Any] | Dropped]],
        asked: dict[Any, list[Label]],
        place: Path,
        root: Path,
    ) -> Iterator[Annotation | Dropped]:
        for at, row in images:
            if isinstance(row, Dropped):
                yield row
                continue
            labels = tuple(asked.pop(key_of(row.get("id")), ()))
            if not labels:
                yield Dropped(at, NO_LABEL, f"no question about picture {row.get('id')}")
                continue
            names = (f"{row['id']}.tif", f"{row['id']}.png")
            dirs = (f"Images_{self.prefix[-2:]}", f"Images_{self.name[-2:].upper()}", "images")
            places = (find_picture(place, name, inside=dirs, root=root) for name in names)
            found = [media for media in places if media not in names]
            size_px = (float(self.size_px), float(self.size_px))
            media = found[0] if found else name_below(root, place, f"{dirs[1]}/{names[0]}")
            told = _METERS.match(str(row.get("res_x", "")))
            meters = float(told[1]) if told else measure_picture(root, media).meters_per_pixel
            yield Annotation(
                media=media,
                facts=(
                    *picture_facts(size_px, meters),
                    *_facts_from_labels(labels),
                ),
                licence=self.licence,
                split_key=writable(f"{self.name}/{row.get('original_name', row['id'])}"),
                extra=label_extra(labels),
            )
        for key, labels in asked.items():
            for label in labels:
                yield Dropped(label.row, NO_LABEL, f"no active picture {key!r}")


RSVQA_SETS = (
    Rsvqa("rsvqa-lr", "LR", 256, ("train", "val", "test", "all")),
    Rsvqa("rsvqa-hr", "USGS", 512, ("train", "val", "test", "test-phili", "all")),
)


def bucket_answer(question_type: str, answer: str, *, has_count_buckets: bool = True) -> str:
    """Return the class that the original code makes of a number; other answers stay.

    Args:
        question_type: ``count`` and ``area`` have buckets.
        answer: ``17``, ``407m2``, ``yes``.
        has_count_buckets: True for the low resolution set; in the high one counts stay numbers.
    """
    unit = {"count": "", "area": "m2"}.get(question_type)
    number = re.fullmatch(rf"(\d+){unit}", answer.strip()) if unit is not None else None
    if number is None or (question_type == "count" and not has_count_buckets):
        return answer
    value = int(number[1])
    if value == 0:
        return f"0{unit}"
    for low, high in ((0, 10), (10, 100), (100, 1000)):
        if value <= high:
            return f"between {low}{unit} and {high}{unit}"
    return f"more than 1000{unit}"


def _read_rows(path: Path, part: str) -> Iterator[tuple[str, Mapping[str, Any] | Dropped]]:
    """Yield the active rows of one file, each with the words that name it."""
    rows = read_json_file(path).get(part)
    if not isinstance(rows, list):
        raise BadInput(f"{path}: holds no list {part!r}")
    for number, row in enumerate(rows):
        at = f"{path.name}, {part}[{number}]"
        if not isinstance(row, Mapping) or "id" not in row:
            yield at, Dropped(at, UNREADABLE, "no row with an id")
        elif row.get("active"):
            yield at, row


def _label_from_row(
    row: Mapping[str, Any], spoken: Mapping[Any, str | int], at: str
) -> Label | Dropped:
    question, kind, ids = row.get("question"), row.get("type"), row.get("answers_ids")
    if not isinstance(question, str) or not isinstance(kind, str) or not isinstance(ids, list):
        return Dropped(at, UNREADABLE, "no question, type or answers_ids")
    if len(ids) != 1 or key_of(ids[0]) not in spoken:
        return Dropped(at, NO_ANSWER, f"answers {ids} to question {row['id']}")
    answer = spoken[key_of(ids[0])]
    return Label(
        _TASKS.get(kind, "vqa"), question, str(answer), type=kind, row=str(row["id"]),
        is_number=isinstance(answer, int),
    )  # fmt: skip


def write_row(image: str, label: Label) -> dict[str, Any]:
    """Write a question and its answer as the data set's two rows say them.

    Dates and people of the rows are not kept; ids are whole numbers, as in the data sets.
    """
    return {
        "id": int(label.row),
        "img_id": int(image),
        "type": label.type,
        "question": label.question,
        "answer": int(label.answer) if label.is_number else label.answer,
    }


def _is_answer(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _facts_from_labels(labels: tuple[Label, ...]) -> Iterator[Fact]:
    """Yield what answers state in words of the vocabulary, once each."""
    found: dict[str, bool] = {}
    for label in labels:
        if label.type == "rural_urban" and label.answer in ("rural", "urban"):
            found["urban"] = label.answer == "urban"
        match = _ASKS_PRESENCE.match(" ".join(label.question.split()))
        if match and match[1].lower() in _PRESENT and label.answer in ("yes", "no"):
            found[_PRESENT[match[1].lower()]] = label.answer == "yes"
    for name, value in found.items():
        yield Fact(name, value, subject="clip")
