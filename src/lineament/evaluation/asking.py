"""Asking: media opened, questions sent in batches, answers kept as they come."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lineament.errors import BadInput, LineamentError
from lineament.evaluation.answerer import (
    LONG_TOKENS,
    Answerer,
    Asked,
    Failure,
    asked_from_item,
)
from lineament.evaluation.item import Item, ItemSet, Visual, hash_bytes, hash_text

MAX_BATCH = 256  # questions in one call, at most about


@dataclass
class AnswerLog:
    """Answers on disk, one line each, found again by what they depend on.

    A line that a killed run left unfinished is passed over and asked again.

    Attributes:
        path: The file; None keeps answers in memory alone.
    """

    path: Path | None = None
    kept: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path is None or not self.path.exists():
            return
        content = self.path.read_text(encoding="utf-8", errors="replace")
        for line in content.splitlines():
            try:
                row = json.loads(line)
                self.kept[row["key"]] = row["prediction"]
            except (ValueError, KeyError, TypeError):
                continue
        if content and not content.endswith("\n"):  # the next line must not join the torn one
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n")

    def add(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep answers, and write them out at once."""
        self.kept.update({row["key"]: row["prediction"] for row in rows})
        if self.path is None or not rows:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@dataclass
class Answered:
    """What came back.

    Attributes:
        answers: By item id.
        failures: Why there is none, by item id.
        num_cached: How many were known from an earlier run.
        num_frames: How many frames each opened media has, by its reference.
    """

    answers: dict[str, str] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    num_cached: int = 0
    num_frames: dict[str, int] = field(default_factory=dict)


def answer_items(
    found: ItemSet,
    answerer: Answerer,
    *,
    log: AnswerLog | None = None,
    on_item: Callable[[int], None] | None = None,
) -> Answered:
    """Ask every item, those of one media together.

    Media that cannot be opened, and questions that fail, become failures; the others go on.
    Failures are not kept, so the next run tries them again.

    Args:
        found: Items, and how their media open.
        answerer: What answers.
        log: Answers of earlier runs, and where new ones go.
        on_item: Called with the number of items done.
    """
    log = log or AnswerLog()
    done = Answered()
    num_done = 0
    for batch in _iterate_batches(found, answerer, done):
        keys = [_find_key(answerer, asked, media_hash) for asked, media_hash in batch]
        fresh = [n for n, key in enumerate(keys) if key not in log.kept]
        said = _ask([batch[n][0] for n in fresh], answerer)
        rows = []
        for place, answer in zip(fresh, said, strict=True):
            asked = batch[place][0]
            if isinstance(answer, Failure):
                done.failures[asked.id] = answer.reason
            else:
                row = {"key": keys[place], "id": asked.id, "model": answerer.name}
                row["question"] = asked.prompt
                rows.append(row | {"prediction": answer})
        log.add(rows)
        for (asked, _), key in zip(batch, keys, strict=True):
            if key in log.kept:
                done.answers[asked.id] = log.kept[key]
        done.num_cached += len(batch) - len(fresh)
        num_done += len(batch)
        if on_item is not None:
            on_item(num_done)
    return done


def _ask(batch: list[Asked], answerer: Answerer) -> list[str | Failure]:
    if not batch:
        return []
    try:
        said = answerer.answer(batch)
    except BadInput:
        raise
    except LineamentError as error:
        return [Failure(error.message)] * len(batch)
    if len(said) != len(batch):
        raise BadInput(f"{answerer.name}: {len(batch)} questions, {len(said)} answers")
    return said


def _iterate_batches(
    found: ItemSet, answerer: Answerer, done: Answered
) -> Iterator[list[tuple[Asked, str]]]:
    by_media: dict[str, list[Item]] = {}
    for item in found.items:
        by_media.setdefault(item.media, []).append(item)
    batch: list[tuple[Asked, str]] = []
    num_media = 0
    for media, items in by_media.items():
        visual, media_hash = None, media
        if answerer.is_looking:
            try:
                visual = found.open_media(media)
            except LineamentError as error:
                done.failures.update({item.id: error.message for item in items})
                continue
            media_hash = hash_visual(visual)
            done.num_frames[media] = len(visual.frames)
        batch += [(asked_from_item(item, visual), media_hash) for item in items]
        num_media += 1
        if num_media >= answerer.num_media or len(batch) >= MAX_BATCH:
            yield batch
            batch, num_media = [], 0
    if batch:
        yield batch


def _find_key(answerer: Answerer, asked: Asked, media_hash: str) -> str:
    # An answerer that does not look knows items by their ids alone.
    media = media_hash if answerer.is_looking else asked.id
    long = ["long", LONG_TOKENS] if asked.is_long else []
    return hash_text(json.dumps([answerer.identity, media, asked.prompt, *long]))


def hash_visual(visual: Visual) -> str:
    """Return a hash of what is seen: pixels and times, not the file they came in."""
    frames = np.ascontiguousarray(visual.frames)
    head = f"{frames.shape} {[round(time, 6) for time in visual.times_seconds]} "
    return hash_bytes(head.encode() + frames.tobytes())
