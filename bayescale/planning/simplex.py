"""Minima of convex sums of powers over shares that sum to one, for many sums at once."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STEPS = 60
_TOLERANCE = 1e-7
_CENTRING = 0.1
"""Part of the barrier that each step keeps."""
_NOTHING = 1e-6
"""Share that is as good as none."""
_BACK = 0.95
"""Part of the way to the boundary that a step may go."""


def lowest_shares(coefficients: Array, directions: Array, exponents: Array) -> Array:
    """Shares ``h`` of least ``sum_t c_t (a_t . h)^-g_t``, each at least zero, together one.

    The sum is convex, and a primal-dual interior-point method finds its minimum (Nocedal and Wright 2006, chapter 19)
    until no direction can lower it by more than 1e-7 of its value.

    Parameters
    ----------
    coefficients, exponents : array, shape (sample, term)
        ``c`` and ``g``, positive.
    directions : array, shape (sample, term, domain)
        ``a``, not negative, with a positive entry in each term.

    Returns
    -------
    array, shape (sample, domain)

    Examples
    --------
    >>> one = lowest_shares(np.ones((1, 2)), np.eye(2)[None], np.array([[0.1, 0.1]]))
    >>> one.round(4).tolist()
    [[0.5, 0.5]]
    """
    n_samples, _, n = directions.shape
    shares, price = np.full((n_samples, n), 1.0 / n), np.zeros(n_samples)
    # Relative to the value at the start, so that one tolerance serves all.
    scaled = coefficients / terms_at(shares, coefficients, directions, exponents).sum(axis=1, keepdims=True)
    slack = np.full((n_samples, n), 1.0)
    for _ in range(_STEPS):
        slope, curvature = _derivatives(shares, scaled, directions, exponents)
        gap = (shares * (slope - slope.min(axis=1, keepdims=True))).sum(axis=1)
        if gap.max() < _TOLERANCE:
            break
        barrier = _CENTRING * (shares * slack).mean(axis=1, keepdims=True)
        matrix = np.zeros((n_samples, n + 1, n + 1))
        matrix[:, :n, :n] = curvature + np.eye(n) * (slack / shares)[:, None, :]
        matrix[:, n, :n] = matrix[:, :n, n] = 1.0
        right = np.column_stack([barrier / shares - slope - price[:, None], np.zeros(n_samples)])
        step = np.linalg.solve(matrix, right[..., None])[..., 0]
        moved, priced = step[:, :n], step[:, n]
        eased = (barrier - slack * moved) / shares - slack
        shares = shares + _allowed(shares, moved) * moved
        part = _allowed(slack, eased)
        slack, price = slack + part * eased, price + part[:, 0] * priced
    shares = np.where(shares < _NOTHING, 0.0, shares)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def terms_at(shares: Array, coefficients: Array, directions: Array, exponents: Array) -> Array:
    """The terms of the sums at shares of shape (sample, domain) or (domain,), shape (sample, term)."""
    return np.asarray(coefficients * _along(shares, directions) ** -exponents)


def _along(shares: Array, directions: Array) -> Array:
    return np.asarray(np.einsum("stk,sk->st", directions, np.broadcast_to(shares, directions[:, 0].shape)))


def _derivatives(shares: Array, coefficients: Array, directions: Array, exponents: Array) -> tuple[Array, Array]:
    """Gradient, shape (sample, domain), and Hessian, shape (sample, domain, domain)."""
    along = _along(shares, directions)
    first = -coefficients * exponents * along ** (-exponents - 1)
    second = -first * (exponents + 1) / along
    return (
        np.einsum("st,stk->sk", first, directions),
        np.einsum("st,stk,stl->skl", second, directions, directions, optimize=True),
    )


def _allowed(values: Array, steps: Array) -> Array:
    """Part of each step, shape (sample, 1), at which all values stay positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(steps < 0, -values / steps, np.inf).min(axis=1, keepdims=True)
    return np.minimum(1.0, _BACK * room)
