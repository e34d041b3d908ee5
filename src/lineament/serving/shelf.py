"""The shelf: media that were looked at, by their content, up to a limit of bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from torch import Tensor

from lineament.describe.chat import OpenedMedia

FACT_BYTES = 1000  # a fact as an object, roughly


class Shelf:
    """Keep looked-at media; each is looked at once, however many ask for it at a time.

    Args:
        limit_bytes: Most that all of them may take; what was not used for longest goes first.

    Attributes:
        num_hits: Requests that found what they wanted.
        num_misses: Requests that had to look.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.num_hits = self.num_misses = 0
        self._kept: OrderedDict[str, OpenedMedia] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._looks: dict[str, Future[OpenedMedia]] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def count_bytes(self) -> int:
        """Return what all kept media take."""
        with self._lock:
            return sum(self._sizes.values())

    def find(self, key: str) -> OpenedMedia | None:
        """Return media that are kept."""
        with self._lock:
            opened = self._kept.get(key)
            if opened is not None:
                self._kept.move_to_end(key)
                self.num_hits += 1
            return opened

    def open(self, key: str, look: Callable[[], OpenedMedia]) -> OpenedMedia:
        """Return media, looking at them unless that has been done or is being done.

        Raises:
            BadMedia: The look failed.
        """
        mine: Future[OpenedMedia] = Future()
        with self._lock:
            opened = self._kept.get(key)
            if opened is not None:
                self._kept.move_to_end(key)
                self.num_hits += 1
                return opened
            running = self._looks.setdefault(key, mine)
        if running is not mine:
            return running.result()
        self.num_misses += 1
        try:
            opened = look()
        except BaseException as error:
            mine.set_exception(error)
            raise
        else:
            mine.set_result(opened)
            self.keep(key, opened)
            return opened
        finally:
            with self._lock:
                self._looks.pop(key, None)

    def keep(self, key: str, opened: OpenedMedia) -> None:
        """Keep media, or weigh them again after something was added to them."""
        size = count_bytes(opened)
        with self._lock:
            self._kept[key] = opened
            self._kept.move_to_end(key)
            self._sizes[key] = size
            while self._kept and sum(self._sizes.values()) > self.limit_bytes:
                gone, _ = self._kept.popitem(last=False)
                del self._sizes[gone]


def count_bytes(opened: OpenedMedia) -> int:
    """Return what looked-at media take: arrays, tensors and facts."""
    followed = opened.annotated.followed
    arrays = sum(_array_bytes(vars(track).values()) for track in followed.tracks)
    for holder in (opened.visual, opened.media):
        if holder is not None and is_dataclass(holder):
            arrays += _array_bytes(getattr(holder, field.name) for field in fields(holder))
    arrays += followed.times_seconds.nbytes + _array_bytes(opened.inputs.values())
    return arrays + FACT_BYTES * (1 + len(opened.annotation.facts))


def _array_bytes(values: Iterable[Any]) -> int:
    total = 0
    for value in values:
        if isinstance(value, Tensor):
            total += value.nbytes
        elif isinstance(value, np.ndarray):
            is_view_of_one = value.size > 1 and not any(value.strides)
            total += value.itemsize if is_view_of_one else value.nbytes
    return total
