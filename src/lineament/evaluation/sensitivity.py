"""Sensitivity: the same questions in other words, with fewer or shuffled frames, and by level."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, final

import numpy as np
from jaxtyping import Float, Int

from lineament.errors import BadInput
from lineament.evaluation.answerer import Answerer, Asked, Failure, group_by_visual
from lineament.evaluation.item import LEVEL_NAMES, Item, Visual
from lineament.evaluation.measure import Measure
from lineament.evaluation.reading import fold
from lineament.evaluation.tasks.task import Task
from lineament.metrics.intervals import Sums, divide, mean_of, mean_stats

COUNTS = (1, 2, 4, 8)
SEED = 0
SINGLE, SEVERAL, TIMED = 1, 2, 3
Change = Callable[[Visual], Visual]


def find_ranges(scores: Sequence[float]) -> dict[str, Any]:
    """Return the entries of a figure that show how much the wording matters.

    Args:
        scores: The figure's value in each wording, the one that counts first.
    """
    if len(scores) < 2:
        return {}
    return {"by_phrasing": list(scores), "phrasing_range": max(scores) - min(scores)}


def keep_frames(visual: Visual, count: int) -> Visual:
    """Keep so many frames at most: those at the centres of equal shares, with their own times."""
    num_frames = len(visual.frames)
    if num_frames <= count:
        return Visual(visual.frames, visual.times_seconds)
    places = [int((n + 0.5) * num_frames / count) for n in range(count)]
    times = tuple(visual.times_seconds[place] for place in places)
    return Visual(visual.frames[places], times)


def shuffle_frames(visual: Visual, seed: int = SEED) -> Visual:
    """Show the same frames in another order at the same times; equal seeds, equal orders."""
    order = draw_order(len(visual.frames), seed)
    return Visual(visual.frames[order], visual.times_seconds)


def draw_order(num_frames: int, seed: int = SEED) -> Int[np.ndarray, " num_frames"]:
    """Return an order of frames that is not the right one, nor, of three and more, its reverse."""
    rng = np.random.default_rng([seed, num_frames])
    straight = list(range(num_frames))
    known = [straight] if num_frames < 3 else [straight, straight[::-1]]
    order = np.arange(num_frames)
    while num_frames > 1 and order.tolist() in known:
        order = rng.permutation(num_frames)
    return order


@final
class Reframed:
    """An answerer that is shown something else than what the media are.

    The file behind a picture or clip is kept from it, so that nobody looks there.

    Raises:
        BadInput: The answerer does not look at media at all.
    """

    is_looking = True

    def __init__(self, inner: Answerer, change: Change, suffix: str) -> None:
        if not inner.is_looking:
            raise BadInput(
                f"{inner.name} does not look, so its frames cannot be changed",
                hint="frames are changed for --model, not for --predictions",
            )
        self.inner, self.change = inner, change
        self.name = f"{inner.name}, {suffix}"
        self.identity = f"{inner.identity}, {suffix}"
        self.num_media = inner.num_media

    def answer(self, batch: Sequence[Asked]) -> list[str | Failure]:
        """Ask with the changed frames; questions about one media still go out together."""
        shown: list[Asked] = list(batch)
        for visual, places in group_by_visual(batch):
            changed = self.change(visual)
            for place in places:
                shown[place] = replace(batch[place], visual=changed)
        return self.inner.answer(shown)


def with_frames(inner: Answerer, count: int) -> Reframed:
    """Return the answerer as one that is shown so many frames at most.

    Raises:
        BadInput: The count is below 1, or the answerer does not look.
    """
    if count < 1:
        raise BadInput(f"{count} frames cannot be shown", hint="counts of 1 and more")
    return Reframed(inner, lambda visual: keep_frames(visual, count), f"frames kept {count}")


def with_shuffled_frames(inner: Answerer, seed: int = SEED) -> Reframed:
    """Return the answerer as one that is shown the frames out of order."""
    return Reframed(inner, lambda visual: shuffle_frames(visual, seed), f"frames shuffled {seed}")


def score_by_level(
    task: Task, items: Sequence[Item], answers: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Return the task's headline for the items of each level, ready for JSON.

    Levels for whose items the task has no headline are left out; items of one level alone give
    no table.
    """
    by_level: dict[int, list[Item]] = defaultdict(list)
    for item in items:
        by_level[item.level].append(item)
    if len(by_level) < 2:
        return {}
    rows: dict[str, dict[str, Any]] = {}
    for level, name in LEVEL_NAMES.items():
        if by_level.get(level):
            figures = task.score(by_level[level], answers).figures
            if task.headline in figures:
                row = figures[task.headline].to_dict()
                rows[name] = {"metric": task.headline, "num_items": len(by_level[level]), **row}
    return rows


def measure_changes(
    items: Sequence[Item], before: Mapping[str, str], after: Mapping[str, str]
) -> dict[str, Measure]:
    """Return how often answers differ once frames are out of order, by level and for times.

    Whoever does not look at the order, or at all, changes nothing: the prior is 0. Letters and
    digits alone are compared. Items without both answers are left out.
    """
    own = [item for item in items if item.id in before and item.id in after]
    moved = {item.id: float(fold(before[item.id]) != fold(after[item.id])) for item in own}
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in own:
        if item.level in LEVEL_NAMES:
            groups[f"changed/{LEVEL_NAMES[item.level]}"].append(item)
        if item.kind == "spans":
            groups["changed/when"].append(item)
    measures = {
        name: Measure(
            **_named(group), stats=mean_stats(np.array([moved[i.id] for i in group])),
            statistic=mean_of, prior=0.0,
        )
        for name, group in groups.items()
    }  # fmt: skip
    timed = [item.level == TIMED for item in own]
    lasting = [item.level in (SINGLE, SEVERAL) for item in own]
    if any(timed) and any(lasting):
        changed = np.array([moved[item.id] for item in own])
        stats = np.stack([changed * timed, timed, changed * lasting, lasting], axis=1)
        measures["changed/timed minus lasting"] = Measure(
            **_named(own), stats=stats.astype(np.float64), statistic=_gap_of, prior=0.0
        )
    return measures


def _named(items: Sequence[Item]) -> dict[str, Any]:
    return {"ids": [i.id for i in items], "subjects": [i.subject or i.media for i in items]}


def _gap_of(sums: Sums) -> Float[np.ndarray, " resamples"]:
    return divide(sums[:, 0], sums[:, 1]) - divide(sums[:, 2], sums[:, 3])
