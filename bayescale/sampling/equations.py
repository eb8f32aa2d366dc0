"""Normal equations of many Gaussian coefficients at once: precisions by draw, their Cholesky factors, and solutions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LARGEST_PRODUCTS = 4_000_000
"""Largest number of products of features in memory; for more, they are computed in blocks of runs."""
_BLOCK = 4096
_PROPORTIONAL = 1e-13
"""Relative difference up to which the weights of draws are multiples of each other, as without standard errors."""
_GLANCE = 8
"""Runs that mostly show that they are not."""


@dataclass(frozen=True)
class Factor:
    """Cholesky factors of many precisions at once, of each block of features that share no run with others.

    Attributes
    ----------
    blocks : sequence of array, each of shape (k, k, draw)
        Transposed factors; draws are last, so that every step is one operation on all of them.
    columns : sequence of the features of each block
    """

    blocks: Sequence[Array]
    columns: Sequence[NDArray[np.intp] | slice]

    def forward(self, right: Array) -> Array:
        """Solve L x = b, of shape (draw, feature)."""
        return self._by_block(forward, right)

    def backward(self, right: Array) -> Array:
        """Solve L' x = b, of shape (draw, feature)."""
        return self._by_block(backward, right)

    def solve(self, right: Array) -> Array:
        """Solve L L' x = b, of shape (draw, feature)."""
        return self._by_block(lambda factor, b: backward(factor, forward(factor, b)), right)

    def log_determinant(self) -> Array:
        """Logarithm of the determinant of L, shape (draw,)."""
        return np.asarray(sum(np.log(np.einsum("kkd->kd", block)).sum(axis=0) for block in self.blocks))

    def _by_block(self, solved: Callable[[Array, Array], Array], right: Array) -> Array:
        found = np.empty_like(right)
        for block, columns in zip(self.blocks, self.columns, strict=True):
            found[:, columns] = solved(block, np.ascontiguousarray(right[:, columns].T)).T
        return found


class System:
    """Normal equations of standard normal coefficients, for many draws of weights and amplitudes at once.

    Parameters
    ----------
    features : array, shape (run, feature)
    """

    def __init__(self, features: Array) -> None:
        self.features = np.ascontiguousarray(features)
        self._blocks = _blocks(self.features)
        self._parts = [Block(np.ascontiguousarray(features[rows][:, columns])) for rows, columns in self._blocks]

    @property
    def n_elements(self) -> int:
        """Number of elements of all blocks of the precision of the coefficients."""
        return sum(part.features.shape[1] ** 2 for part in self._parts)

    def factor(self, weights: Array, amplitudes: Array) -> tuple[Factor, NDArray[np.bool_]]:
        """Cholesky factors of the precisions, and which of them exist; the others are the identity."""
        found = [
            part.factor(weights[:, rows], amplitudes[:, columns])
            for part, (rows, columns) in zip(self._parts, self._blocks, strict=True)
        ]
        good = np.logical_and.reduce([each for _, each in found])
        return Factor([each for each, _ in found], [columns for _, columns in self._blocks]), good

    def project(self, values: Array, amplitudes: Array) -> Array:
        """Values of runs, shape (draw, run), projected on the scaled features, shape (draw, feature)."""
        return np.asarray((values @ self.features) * amplitudes)

    def spread(self, coefficients: Array, amplitudes: Array) -> Array:
        """Contribution of the coefficients to the location of each run, shape (draw, run)."""
        return np.asarray((coefficients * amplitudes) @ self.features.T)


def _blocks(features: Array) -> list[tuple[Any, Any]]:
    """Runs and features that share none with others, as of groups of runs whose discrepancies are independent."""
    pattern = features != 0
    if pattern.all(axis=0).any() or not pattern.any():
        return [(slice(None), slice(None))]
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    n, labels = connected_components(csr_array(pattern.T.astype(float) @ pattern), directed=False)
    columns = [np.flatnonzero(labels == code) for code in range(n)]
    return [(np.flatnonzero(pattern[:, own].any(axis=1)), own) for own in columns]


class Block:
    """Normal equations of the features of one block."""

    def __init__(self, features: Array) -> None:
        self.features = features
        n, m = features.shape
        self._upper = np.triu_indices(m)
        self._diagonal = np.cumsum([0, *range(m, 1, -1)]) if m else np.empty(0, dtype=np.intp)
        self._rows = [slice(start, start + m - j) for j, start in enumerate(self._diagonal)]
        # Runs at the same place have the same features, and only the sum of their weights matters.
        self._distinct, member = np.unique(self.features, axis=0, return_inverse=True)
        self._order = np.argsort(member, kind="stable")
        self._first = np.searchsorted(member[self._order], np.arange(len(self._distinct)))
        self._repeated = len(self._distinct) < n // 2
        if not self._repeated:
            self._distinct = self.features
        whole = len(self._distinct) * len(self._upper[0]) <= _LARGEST_PRODUCTS
        self._products = self._products_of(self._distinct) if whole else None

    def _products_of(self, features: Array) -> Array:
        return np.ascontiguousarray(features[:, self._upper[0]] * features[:, self._upper[1]])

    def precision(self, weights: Array, amplitudes: Array) -> Array:
        """Upper triangle of the precision of the coefficients, shape (product, draw).

        Weights are of shape (draw, run).
        """
        amplitudes = np.ascontiguousarray(amplitudes.T)
        products = np.ascontiguousarray(self._weighted(weights).T)
        for rows, first in zip(self._rows, amplitudes, strict=True):
            products[rows] *= first
        for rows, others in zip(self._rows, range(len(amplitudes)), strict=True):
            products[rows] *= amplitudes[others:]
        products[self._diagonal] += 1.0
        return products

    def _weighted(self, weights: Array) -> Array:
        """Weighted sums over runs of the products of features, shape (draw, product)."""
        ratios = weights[:, :1] / weights[:1, :1]
        if all(_equal(weights[:, rows], ratios * weights[:1, rows]) for rows in (slice(_GLANCE), slice(None))):
            return np.asarray(ratios * self._summed(weights[:1]))
        return self._summed(weights)

    def _summed(self, weights: Array) -> Array:
        if self._repeated:
            weights = np.add.reduceat(weights[:, self._order], self._first, axis=1)
        if self._products is not None:
            return np.asarray(weights @ self._products)
        blocks = [slice(start, start + _BLOCK) for start in range(0, len(self._distinct), _BLOCK)]
        return np.sum([weights[:, rows] @ self._products_of(self._distinct[rows]) for rows in blocks], axis=0)

    def factor(self, weights: Array, amplitudes: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Cholesky factors of the precisions, and which of them exist; the others are the identity."""
        triangle = self.precision(weights, amplitudes)
        m = amplitudes.shape[1]
        found = np.zeros((m, m, len(amplitudes)))
        with np.errstate(all="ignore"):
            for j, rows in enumerate(self._rows):
                left = triangle[rows] - np.einsum("kid,kd->id", found[:j, j:], found[:j, j])
                found[j, j:] = left / np.sqrt(left[0])
        good = np.isfinite(np.einsum("kkd->kd", found)).all(axis=0)
        found[:, :, ~good] = np.eye(m)[:, :, None]
        return found, good


def _equal(a: Array, b: Array) -> bool:
    return bool((np.abs(a - b) <= _PROPORTIONAL * np.abs(b)).all())


def forward(factor: Array, right: Array) -> Array:
    """Solve L x = b for many triangular matrices at once; shapes (k, k, draw) and (k, draw)."""
    found = np.empty_like(right)
    for i in range(len(right)):
        found[i] = (right[i] - np.einsum("kd,kd->d", factor[:i, i], found[:i])) / factor[i, i]
    return found


def backward(factor: Array, right: Array) -> Array:
    """Solve L' x = b for many triangular matrices at once; shapes (k, k, draw) and (k, draw)."""
    found = np.empty_like(right)
    for i in reversed(range(len(right))):
        found[i] = (right[i] - np.einsum("kd,kd->d", factor[i, i + 1 :], found[i + 1 :])) / factor[i, i]
    return found
