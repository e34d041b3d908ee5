"""Distances between two sets of pictures in a space of features: Fréchet, and kernel (KID)."""

import numpy as np
from jaxtyping import Float


def frechet_distance(
    one: Float[np.ndarray, "pictures dim"], other: Float[np.ndarray, "others dim"]
) -> float:
    """Return the squared Fréchet distance of the normal distributions that fit two sets.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)); biased upwards for few pictures.
    """
    means = [features.mean(axis=0) for features in (one, other)]
    spreads = [np.atleast_2d(np.cov(features, rowvar=False)) for features in (one, other)]
    root = _root(spreads[0])
    inner = np.linalg.eigvalsh(root @ spreads[1] @ root).clip(min=0)
    shift = float(np.square(means[0] - means[1]).sum())
    return shift + float(np.trace(spreads[0] + spreads[1]) - 2 * np.sqrt(inner).sum())


def kernel_distance(
    one: Float[np.ndarray, "pictures dim"], other: Float[np.ndarray, "others dim"]
) -> float:
    """Return the unbiased squared MMD with the kernel (x y / dim + 1)^3; may be below 0."""
    dim = one.shape[1]

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x @ y.T / dim + 1) ** 3

    def inside(x: np.ndarray) -> float:
        values = kernel(x, x)
        return float((values.sum() - np.trace(values)) / (len(x) * (len(x) - 1)))

    return inside(one) + inside(other) - 2 * float(kernel(one, other).mean())


def _root(matrix: Float[np.ndarray, "dim dim"]) -> Float[np.ndarray, "dim dim"]:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
