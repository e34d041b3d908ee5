"""The order of samples: a pure function of seed and epoch, whatever reads it."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int, Int64
from torch.utils.data import Dataset

from lineament.errors import LineamentError
from lineament.training.examples import Example, ExampleSource

MAX_SKIPS = 20
FAILED = "failed"  # the error of a batch that has nothing else


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sample lies."""

    source: int
    index: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """One encoded sample, and what is left out, beside it or of it: id and reason."""

    encoded: Any
    skipped: tuple[tuple[str, str], ...] = ()


class Order:
    """Which example comes at which position, over any number of epochs.

    Every position draws its source by the weights; each source goes through all its examples
    in a new order before any comes again. Nothing depends on what was drawn before being read,
    so any position can be looked up alone.
    """

    def __init__(self, lengths: Sequence[int], weights: Sequence[float], count: int, seed: int):
        self.lengths, self.seed = tuple(lengths), seed
        shares = np.asarray(weights, np.float64) / np.sum(weights)
        rng = np.random.default_rng([seed, 1])
        self.sources = rng.choice(len(shares), size=count, p=shares).astype(np.int16)
        self.ordinals = _count_earlier(self.sources, len(shares))

    def __len__(self) -> int:
        return len(self.sources)

    def place(self, position: int) -> Place:
        """Look one position up."""
        source = int(self.sources[position])
        epoch, offset = divmod(int(self.ordinals[position]), self.lengths[source])
        order = _permute(self.seed, source, epoch, self.lengths[source])
        return Place(source, int(order[offset]), epoch)


class Stream(Dataset):
    """Samples of a stage by position, read and encoded when asked for."""

    def __init__(
        self,
        sources: Sequence[ExampleSource],
        order: Order,
        encode: Callable[[Example], Any],
    ) -> None:
        self.sources, self.order, self.encode = list(sources), order, encode

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, position: int) -> Drawn:
        """Read one sample; in place of a bad one, the next of its source.

        Raises:
            LineamentError: Twenty in a row cannot be used.
        """
        place = self.order.place(position)
        source = self.sources[place.source]
        skipped: list[tuple[str, str]] = []
        for attempt in range(MAX_SKIPS):
            index = (place.index + attempt) % len(source)
            name = f"example {index}"
            try:
                example = source.read(index, place.epoch)
                name = example.id
                encoded = self.encode(example)
                return Drawn(encoded, (*skipped, *getattr(encoded, "left_out", ())))
            except LineamentError as error:
                skipped.append((name, error.message))
        raise LineamentError(
            f"{MAX_SKIPS} examples in a row cannot be used, {skipped[0][0]} first: {skipped[0][1]}",
            hint="look at the data: lineament data verify",
        )


class CarryingStream(Dataset):
    """A stream whose errors come as values.

    Raised in a process that prepares data, they would lose message and hint to a traceback.
    """

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def __len__(self) -> int:
        return len(self.stream)

    def __getitem__(self, position: int) -> Drawn | LineamentError:
        """Read one sample, or return why it cannot be read."""
        try:
            return self.stream[position]
        except LineamentError as error:
            return error


@dataclass(frozen=True, slots=True)
class CarryingCollator:
    """Makes batches; of samples that cannot be used, a batch that holds the error alone."""

    collate: Callable[[Any], dict[str, Any]]

    def __call__(self, drawn: Sequence[Drawn | LineamentError]) -> dict[str, Any]:
        """Make one batch, or carry the first error on."""
        try:
            for sample in drawn:
                if isinstance(sample, LineamentError):
                    raise sample
            return self.collate(drawn)
        except LineamentError as error:
            return {FAILED: error}


def _count_earlier(
    sources: Int[np.ndarray, "samples"], num_sources: int
) -> Int64[np.ndarray, "samples"]:
    """Count for every position how often its source was drawn before."""
    ordinals = np.zeros(len(sources), np.int64)
    for source in range(num_sources):
        chosen = np.flatnonzero(sources == source)
        ordinals[chosen] = np.arange(len(chosen))
    return ordinals


@functools.lru_cache(maxsize=16)
def _permute(seed: int, source: int, epoch: int, length: int) -> Int64[np.ndarray, "length"]:
    return np.random.default_rng([seed, 2, source, epoch]).permutation(length)
