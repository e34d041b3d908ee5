"""Chance: answers drawn evenly from what may be answered, the baseline beside the prior."""

from collections.abc import Callable, Mapping, Sequence
from typing import final

import numpy as np

from lineament.evaluation.answerer import Asked, Failure
from lineament.evaluation.item import Item, hash_text
from lineament.evaluation.tasks.told_answers import Reference, find_options

SEED = 0
MIN_YEARS, MAX_YEARS = 20, 80
BOX_SCALE = 100.0
YES_NO = ("Yes.", "No.")

Draw = Callable[[np.random.Generator], str]


@final
class Chance:
    """Says yes or no at evens, takes any option, and otherwise anything that is ever right.

    The same seed gives the same answers, item by item. It looks at nothing; of the truth it
    knows no more than what answers of that kind look like, and how long a clip is.

    Args:
        items: All that it may be asked.
        seed: Draws other answers.
    """

    name = "random"
    is_looking = False
    num_media = 1024

    def __init__(self, items: Sequence[Item], seed: int = SEED) -> None:
        self.seed = seed
        self.identity = f"random, seed {seed}"
        pools = find_pools(items)
        self._draws = {item.id: _find_draw(item, pools[_pool_of(item)]) for item in items}

    def answer(self, batch: Sequence[Asked]) -> list[str | Failure]:
        """Draw an answer for each."""
        return [self._answer(asked.id) for asked in batch]

    def _answer(self, id: str) -> str | Failure:
        draw = self._draws.get(id)
        if draw is None:
            return Failure("is no item that chance knows of")
        return draw(np.random.default_rng([self.seed, int(hash_text(id)[:16], 16)]))


def find_pools(items: Sequence[Item]) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Return the different texts that are right somewhere, for each kind and group of items."""
    pools: dict[tuple[str, str], set[str]] = {}
    for item in items:
        pools.setdefault(_pool_of(item), set()).update(_texts_of(item))
    return {key: tuple(sorted(texts)) for key, texts in pools.items()}


def _pool_of(item: Item) -> tuple[str, str]:
    # The group of a class is a part of the data; its classes are those of all parts.
    return item.kind, "" if item.kind == "class" else item.group


def _texts_of(item: Item) -> tuple[str, ...]:
    truth = item.truth
    if isinstance(truth, tuple | list) and all(isinstance(one, str) for one in truth):
        return tuple(truth)
    return (str(truth),)


def _find_draw(item: Item, pool: Sequence[str]) -> Draw:
    """Return how an answer to an item is drawn."""
    if item.kind == "yes_no":
        return _one_of(YES_NO)
    if item.options:
        return _one_of([f"{chr(ord('A') + place)}." for place in range(len(item.options))])
    if isinstance(item.truth, Reference):
        return _find_told_draw(item.truth, pool)
    if item.kind == "age":
        return lambda rng: f"{rng.integers(MIN_YEARS, MAX_YEARS)} years old."
    if item.kind == "spans":
        duration = float(item.truth["duration"])
        return lambda rng: "From {:.2f} to {:.2f} s.".format(*np.sort(rng.uniform(0, duration, 2)))
    if item.kind == "box":
        return _draw_box
    if item.kind == "labels":
        return lambda rng: ", ".join(name for name in pool if rng.random() < 0.5) or "none"
    return _one_of(pool)


def _find_told_draw(reference: Reference, pool: Sequence[str]) -> Draw:
    if reference.form == "flag":
        return _one_of(YES_NO)
    if reference.form == "choice":
        options = find_options(reference.question)
        return _one_of([f"({chr(ord('A') + place)})" for place in range(len(options))])
    return _one_of(pool)


def _one_of(texts: Sequence[str]) -> Draw:
    return lambda rng: texts[int(rng.integers(len(texts)))]


def _draw_box(rng: np.random.Generator) -> str:
    x0, x1 = np.sort(rng.uniform(0, BOX_SCALE, 2))
    y0, y1 = np.sort(rng.uniform(0, BOX_SCALE, 2))
    return f"[{x0:.1f}, {y0:.1f}, {x1:.1f}, {y1:.1f}]"
