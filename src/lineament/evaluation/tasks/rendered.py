"""Rendered: drawn clips nobody has seen, every attribute known exactly, and when it happens."""

import functools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import numpy as np

from lineament.annotation import Annotation
from lineament.evaluation.flags import (
    Verdicts,
    find_yes_bias,
    join_measures,
    list_wrong,
    measure_agreement,
    measure_flags,
    read_verdicts,
)
from lineament.evaluation.item import Item, ItemSet, Visual, hash_text
from lineament.evaluation.measure import Measure
from lineament.evaluation.prompts import prompts_id, read_prompts
from lineament.evaluation.reading import read_flag
from lineament.evaluation.result import Figure, Scores
from lineament.evaluation.sensitivity import find_ranges
from lineament.evaluation.tasks.task import Options, Published, require_options
from lineament.evaluation.timing import measure_spans
from lineament.render import draw_clip, sample_face
from lineament.vocabulary import read_vocabulary

FIRST_SEED = 600_000  # no training or development has drawn these
NUM_CLIPS, SIZE_PX = 200, 128
NUM_PER_SIDE = 20  # questions of a name whose answer is yes, and as many whose answer is no
MIN_PER_SIDE = 5
NUM_WORDINGS = 3
DRAWN_HERE = "No published figure: the pictures are drawn here, so nobody else has been asked."
NOTES = (
    f"Clips of {SIZE_PX} px, seeds from {FIRST_SEED}; drawn faces, so nothing here is a figure "
    "about photographs.",
    f"Per name as many yes as no, at most {NUM_PER_SIDE} of each; names with fewer than "
    f"{MIN_PER_SIDE} of either are left out.",
    "Times: spans read from the answer, matched one to one at IoU 0.5.",
    DRAWN_HERE,
)


@final
class RenderedFaces:
    """Yes/no questions about every drawn name, and when timed ones happen."""

    name = "rendered"
    about = "drawn clips of unseen seeds: every drawn attribute by yes/no, and when actions happen"
    headline = "balanced_accuracy"
    needs_folder = False
    has_phrasings = True
    splits = ("test",)
    published: tuple[Published, ...] = ()
    unpublished = DRAWN_HERE

    def read_items(self, folder: Path, options: Options) -> ItemSet:  # noqa: ARG002
        """Sample the annotations; clips are drawn when they are opened."""
        require_options(self, options)
        count = options.count or options.limit or NUM_CLIPS
        annotations = [sample_face(FIRST_SEED + number) for number in range(count)]
        phrasings = range(NUM_WORDINGS if options.with_phrasings else 1)
        items, dropped = choose_questions(annotations, phrasings)
        items += [item for annotation in annotations for item in ask_when(annotation, phrasings)]
        items.sort(key=lambda item: item.media)
        notes = (*NOTES, f"prompts: {prompts_id('rendered')}")
        return ItemSet(tuple(items), draw_media, {}, dropped, notes).require_items(self.name)

    def score(self, items: Sequence[Item], answers: Mapping[str, str]) -> Scores:
        """Score flags by balanced accuracy, times by F1 at IoU 0.5; the first wording counts."""
        flags = [item for item in items if item.kind == "yes_no"]
        verdicts = read_verdicts(flags, answers, _read)
        measures = measure_flags(flags, verdicts)
        timed, unread = _measure_times([i for i in items if i.kind == "spans"], answers)
        everything = {**_headlines(flags, verdicts, measures), **timed, **measures}
        figures = {name: measure.figure() for name, measure in everything.items()}
        if flags:
            plain = [item for item in flags if item.phrasing == 0]
            figures["yes_bias"] = Figure(find_yes_bias(plain, verdicts), num_items=len(plain))
        missing = [name for name, verdict in verdicts.items() if verdict is None]
        return Scores(
            figures, everything, wrong_ids=list_wrong(flags, verdicts),
            unread_ids=(*missing, *unread),
        )  # fmt: skip


def _read(item: Item, answer: str) -> bool | None:
    return read_flag(item.question, answer, item.name)


def _measure_times(
    items: Sequence[Item], answers: Mapping[str, str]
) -> tuple[dict[str, Measure], tuple[str, ...]]:
    """Measure the first wording's times, and beside them how far the wordings lie apart."""
    parts = [
        measure_spans([item for item in items if item.phrasing == number], answers)
        for number in sorted({item.phrasing for item in items})
    ]
    if not parts:
        return {}, ()
    measures = {
        name: replace(
            measure,
            extra={
                **measure.extra,
                **find_ranges([p[0][name].value for p in parts if name in p[0]]),
            },
        )
        for name, measure in parts[0][0].items()
    }
    return measures, tuple(name for _, unread in parts for name in unread)


def _headlines(
    flags: Sequence[Item], verdicts: Verdicts, measures: Mapping[str, Measure]
) -> dict[str, Measure]:
    """Join all names, those that last and those with a time apart."""
    names = read_vocabulary().names
    parts = {
        "balanced_accuracy": list(measures.values()),
        "lasting": [m for n, m in measures.items() if not names[n].is_timed],
        "timed": [m for n, m in measures.items() if names[n].is_timed],
    }
    heads = {name: join_measures(own) for name, own in parts.items() if own}
    agreement = measure_agreement(flags, verdicts)
    return heads if agreement is None else heads | {"agreement": agreement}


def list_wordings(name: str, form: str) -> tuple[str, ...]:
    """Return a question in all its wordings, the one that is scored first.

    Args:
        name: The vocabulary's.
        form: ``is``, ``is_not`` or ``when``.
    """
    asked = read_prompts("rendered")[name]
    return (asked[form], *asked[f"{form}_also"])


def choose_questions(
    annotations: Sequence[Annotation], phrasings: Sequence[int] = (0,)
) -> tuple[list[Item], Counter[str]]:
    """Choose as many true as false questions of every name, by a fixed shuffle."""
    known: dict[str, dict[bool, list[Annotation]]] = defaultdict(lambda: {True: [], False: []})
    for annotation in annotations:
        for name in read_prompts("rendered"):
            truth = None if name == "version" else find_state(annotation, name)
            if truth is not None:
                known[name][truth].append(annotation)
    items: list[Item] = []
    dropped: Counter[str] = Counter()
    for name, sides in known.items():
        count = min(len(sides[True]), len(sides[False]), NUM_PER_SIDE)
        if count < MIN_PER_SIDE:
            dropped["name too rare in these clips"] += 1
            continue
        for truth, own in sides.items():
            own.sort(key=lambda annotation: hash_text(f"{name} {annotation.media}"))
            for annotation in own[:count]:
                items += [
                    _ask_flag(annotation, name, truth, form, phrasing)
                    for form in ("is", "is_not")
                    for phrasing in phrasings
                ]
    return items, dropped


def find_state(annotation: Annotation, name: str) -> bool | None:
    """Return whether a flag holds at any time; None where the drawing leaves it open."""
    facts = annotation.facts_named(name)
    if facts:
        return any(fact.value is True for fact in facts)
    return False if annotation.is_closed(name) else None


def _ask_flag(annotation: Annotation, name: str, truth: bool, form: str, phrasing: int) -> Item:
    return Item(
        id=f"rendered/{annotation.media}/{name}/{form}/{phrasing}", media=annotation.media,
        question=list_wordings(name, form)[phrasing], kind="yes_no", truth=truth, group=name,
        name=name, subject=annotation.split_key, is_denied=form == "is_not", phrasing=phrasing,
        level=3 if read_vocabulary().names[name].is_timed else 1,
    )  # fmt: skip


def ask_when(annotation: Annotation, phrasings: Sequence[int] = (0,)) -> list[Item]:
    """Ask when each timed name happens that does."""
    spans: dict[str, list[Any]] = defaultdict(list)
    for fact in annotation.facts:
        if fact.value is True and fact.span_seconds is not None:
            spans[fact.name].append(fact.span_seconds)
    prompts = read_prompts("rendered")
    return [
        Item(
            id=f"rendered/{annotation.media}/{name}/when/{phrasing}", media=annotation.media,
            question=list_wordings(name, "when")[phrasing], kind="spans",
            truth={"spans": sorted(own), "duration": annotation.duration_seconds},
            group=f"when/{name}", name=name, subject=annotation.split_key, phrasing=phrasing,
            level=3,
        )
        for name, own in spans.items()
        if "when" in prompts.get(name, {})
        for phrasing in phrasings
    ]  # fmt: skip


# Asked with other frames and blindly, a clip comes up again; 64 take half a gigabyte.
@functools.lru_cache(maxsize=64)
def draw_media(media: str) -> Visual:
    """Draw a clip by its reference, ``face-600001``."""
    seed = int(media.removeprefix("face-"))
    frames, times = draw_clip(sample_face(seed), size_px=SIZE_PX, seed=seed)
    return Visual(frames, tuple(np.round(times, 6).tolist()))
