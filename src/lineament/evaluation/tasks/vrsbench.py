"""VRSBench: captions, questions by kind, and boxes of phrases, from its three evaluation files."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, final

from lineament.evaluation.item import Item, ItemSet, Kind, Visual, limit_media
from lineament.evaluation.measure import Measure
from lineament.evaluation.predictions import parse_boxes
from lineament.evaluation.prompts import prompts_id, read_prompts
from lineament.evaluation.result import Figure, Scores
from lineament.evaluation.tasks.clips import open_first
from lineament.evaluation.tasks.lists import read_list
from lineament.evaluation.tasks.scene_scores import HEADLINES, score_part
from lineament.evaluation.tasks.task import Options, Published, require_options
from lineament.records.sources.rows import require_file, require_inside
from lineament.records.sources.source import UNREADABLE, Dropped

Part = Literal["caption", "vqa", "referring"]
PARTS: tuple[Part, ...] = ("caption", "vqa", "referring")
FILES: Mapping[Part, str] = {
    "caption": "VRSBench_EVAL_Cap.json",
    "vqa": "VRSBench_EVAL_vqa.json",
    "referring": "VRSBench_EVAL_referring.json",
}
NO_AREA = "box without an area"
_KINDS: Mapping[Part, Kind] = {"caption": "text", "vqa": "exact", "referring": "box"}
_PLACES = ("Images_val", "Images_val/Images_val", "images/Images_val", "images", "")
NOTES = (
    "The set has train and val; the three evaluation files are about its val pictures, which are "
    "tiles of DOTA and DIOR: a model trained on those has seen the ground, if not the questions. "
    "Tiles of one picture, by the name before the underscore, are resampled together.",
    "Questions are scored by exact match; the published figures come from a language model that "
    "compares meanings, which is more lenient. Kinds are joined as in the published table; that "
    "`rural or urban` and `image` belong to `scene` is our reading.",
    "Boxes are upright and from 0 to 100, as the file has them; those without an area, which "
    "nobody can hit, are dropped and counted.",
    "skill is the mean over kinds of (exact match - prior) / (1 - prior): 0 for the best constant "
    "answer of each kind, 1 for whoever is always right.",
    "Priors: the best constant answer of each kind; the best of five fixed references as caption; "
    "the best of the whole picture, its middle and the mean box.",
)


@final
@dataclass(frozen=True, slots=True)
class VrsBench:
    """One or all of the three parts.

    Attributes:
        name: What people type.
        parts: Which of the files are asked.
        published: Figures of others.
    """

    name: str
    parts: tuple[Part, ...]
    published: tuple[Published, ...] = ()
    splits: tuple[str, ...] = ("val",)
    needs_folder: bool = True

    @property
    def about(self) -> str:
        """One line: what it measures on what."""
        words = {"caption": "captions", "vqa": "questions", "referring": "boxes of phrases"}
        return f"VRSBench: {', '.join(words[part] for part in self.parts)}"

    @property
    def headline(self) -> str:
        """The metric to quote: of all three parts, that of the questions."""
        first, *others = self.parts
        part = "vqa" if others else first
        return f"{part}/{HEADLINES[_KINDS[part]]}"

    def read_items(self, folder: Path, options: Options) -> ItemSet:
        """Read the evaluation files as they are published."""
        require_options(self, options)
        dropped: Counter[str] = Counter()
        items: list[Item] = []
        for part in self.parts:
            for row in read_part(folder, part):
                if isinstance(row, Dropped):
                    dropped[f"{part}: {row.reason}"] += 1
                else:
                    items.append(row)
        kept = limit_media(items, options.limit)
        notes = (*NOTES, f"prompts: {prompts_id('vrsbench')}")

        def open_media(media: str) -> Visual:
            return Visual(open_first([folder / place / media for place in _PLACES]).frames[:1])

        return ItemSet(kept, open_media, {}, dropped, notes).require_items(folder)

    def score(self, items: Sequence[Item], answers: Mapping[str, str]) -> Scores:
        """Score each part as ``lineament score`` does; an item without an answer is wrong."""
        measures: dict[str, Measure] = {}
        more: dict[str, Figure] = {}
        wrong: list[str] = []
        unread: list[str] = []
        for part in PARTS:
            own = [item for item in items if item.kind == _KINDS[part]]
            if not own:
                continue
            found = score_part(own, answers, f"vrsbench {part}")
            measures |= {f"{part}/{name}": measure for name, measure in found.measures.items()}
            if part == "referring":
                measures |= _score_by_uniqueness(own, answers)
            more |= {f"{part}/{name}": figure for name, figure in found.figures.items()}
            wrong += found.wrong_ids
            unread += found.unread_ids
        figures = {name: measure.figure() for name, measure in measures.items()} | more
        if self.headline not in figures:  # none of the questions was among these items
            figures = {self.headline: Figure(math.nan), **figures}
        return Scores(figures, measures, wrong_ids=tuple(wrong), unread_ids=tuple(unread))


def _score_by_uniqueness(items: Sequence[Item], answers: Mapping[str, str]) -> dict[str, Measure]:
    """Return accuracy of things that are the only one of their class, and of others."""
    measures: dict[str, Measure] = {}
    for kind in ("not_unique", "unique"):
        own = [item for item in items if item.group == f"referring/{kind}"]
        if own:
            found = score_part(own, answers, kind).measures
            kept = ("accuracy_50", "accuracy_70")
            measures |= {f"referring/{kind}/{name}": found[name] for name in kept}
    return measures


def read_part(folder: Path, part: Part) -> Iterator[Item | Dropped]:
    """Yield the items of one evaluation file.

    Raises:
        BadInput: It is missing, or is no list.
    """
    path = require_file(folder, FILES[part])
    for number, row in enumerate(read_list(path)):
        try:
            yield _read_row(part, row)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = NO_AREA if str(error) == NO_AREA else UNREADABLE
            yield Dropped(f"{path.name}[{number}]", reason, f"{type(error).__name__}: {error}")


def _read_row(part: Part, row: Mapping[str, Any]) -> Item:
    prompts = read_prompts("vrsbench")
    media = require_inside(_text(row, "image_id"))
    said, group, slots = str(row["ground_truth"]).strip(), part, {}
    truth: Any = said
    if part == "caption":
        truth = (said,)
    elif part == "vqa":
        slots = {"question": _text(row, "question")}
        group = f"vqa/{prompts['types'][_text(row, 'type').strip().lower()]}"
    else:
        slots, truth = {"phrase": _text(row, "question")}, read_box(said)
        unique = row.get("is_unique", row.get("unique"))
        if isinstance(unique, bool):
            group = "referring/unique" if unique else "referring/not_unique"
    if not said:
        raise ValueError("ground_truth is empty")
    return Item(
        id=f"vrsbench/{part}/{Path(media).stem}/{row['question_id']}", media=media,
        question=prompts[part].format(**slots), kind=_KINDS[part], truth=truth, group=group,
        subject=f"vrsbench/{Path(media).stem.partition('_')[0]}", source="vrsbench",
    )  # fmt: skip


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{key} is no text")
    return value.strip()


def read_box(text: str) -> tuple[float, ...]:
    """Read ``{<25><40><33><60>}``, or a bracketed list, on a scale of 0 to 100.

    Raises:
        ValueError: It is no box, or one without an area.
    """
    boxes = parse_boxes(text.replace("><", ", ").replace("<", "[").replace(">", "]"))
    if boxes is None or len(boxes) != 1 or len(boxes[0]) != 4:
        raise ValueError(f"no box: {text[:40]!r}")
    x0, y0, x1, y1 = boxes[0]
    if not all(0 <= side <= 100 for side in boxes[0]):
        raise ValueError(f"outside 0 to 100: {text[:40]!r}")
    if x1 <= x0 or y1 <= y0:
        raise ValueError(NO_AREA)
    return boxes[0]


_NOTED = "the project's notes on the published paper; not rerun here"
_TUNED = "trained on the train part"
_LENIENT = "answers compared by a language model; the set's own page later gives lower figures"


def _published(system: str, caution: str, **figures: float) -> tuple[Published, ...]:
    return tuple(
        Published(system, name.replace("__", "/"), value, _NOTED, caution)
        for name, value in figures.items()
    )


_CAPTIONS = (
    *_published("LLaVA-1.5", _TUNED, caption__bleu4=14.7, caption__cider=0.339),
    *_published("GeoChat", _TUNED, caption__bleu4=13.8),
)
_QUESTIONS = (
    *_published("LLaVA-1.5", f"{_TUNED}; {_LENIENT}", vqa__exact_match=76.4),
    *_published("GeoChat", f"{_TUNED}; {_LENIENT}", vqa__exact_match=76.0),
    *_published("GPT-4V", _LENIENT, vqa__exact_match=65.6),
)
_BOXES = (
    *_published(
        "LLaVA-1.5", f"{_TUNED}; the set's own page later gives lower figures",
        referring__accuracy_50=41.6, referring__accuracy_70=13.6,
    ),
    *_published("GeoChat", _TUNED, referring__accuracy_50=49.8),
)  # fmt: skip

VRSBENCH_TASKS = (
    VrsBench("vrsbench", PARTS, (*_CAPTIONS, *_QUESTIONS, *_BOXES)),
    VrsBench("vrsbench-caption", ("caption",), _CAPTIONS),
    VrsBench("vrsbench-vqa", ("vqa",), _QUESTIONS),
    VrsBench("vrsbench-referring", ("referring",), _BOXES),
)
