"""Random streams keyed by seed and name, so that one attribute never disturbs another."""

import hashlib

import numpy as np
from jaxtyping import Float


def open_stream(seed: int, *key: object) -> np.random.Generator:
    """Open the random stream of one purpose; the same seed and key give the same stream."""
    text = "/".join(str(part) for part in (seed, *key))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


def jitter(seed: int, name: str, amount: float = 1.0) -> float:
    """Draw one number in -amount to amount from the stream of a name."""
    return float(open_stream(seed, "jitter", name).uniform(-amount, amount))


def sample_noise(
    rng: np.random.Generator, shape: tuple[int, ...], cells: tuple[int, int]
) -> Float[np.ndarray, "height width"]:
    """Draw smooth noise in -1 to 1 with about `cells` bumps down and across."""
    rows, columns = max(cells[0], 1) + 3, max(cells[1], 1) + 3
    height, width = shape
    coarse = rng.uniform(-1, 1, (rows, columns)).astype(np.float32)
    return _stretch(_stretch(coarse, height, 0), width, 1)


def _stretch(values: np.ndarray, length: int, axis: int) -> np.ndarray:
    """Stretch one axis with a smooth cubic kernel."""
    cells = values.shape[axis] - 3
    place = np.linspace(0, cells, length, endpoint=False, dtype=np.float32)
    start = place.astype(int)
    part = place - start
    shape = [1, 1]
    shape[axis] = length
    weights = (
        (1 - part) ** 3 / 6,
        (3 * part**3 - 6 * part**2 + 4) / 6,
        (-3 * part**3 + 3 * part**2 + 3 * part + 1) / 6,
        part**3 / 6,
    )
    total = sum(
        np.take(values, start + offset, axis=axis) * weight.reshape(shape)
        for offset, weight in enumerate(weights)
    )
    return np.asarray(total * 1.6, dtype=np.float32)
