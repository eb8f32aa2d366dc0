"""Runs on mixtures of three domains under a known law."""

import numpy as np
import pandas as pd

NAMES = ("code", "math", "web")
WORTH = np.array([[1, 0.03, 0.01], [0.1, 1, 0.05], [0.05, 0.02, 1]])
"""Worth of a token of each domain, along columns, to the loss of each, along rows."""
GAMMA = np.array([0.09, 0.07, 0.05])
FLOOR, REDUCIBLE, ALPHA = np.array([0.9, 1.3, 2.0]), np.array([70.0, 60.0, 60.0]), 0.24
MIXES = np.array(
    [
        [0.05, 0.05, 0.9],
        [0.05, 0.9, 0.05],
        [0.9, 0.05, 0.05],
        [0.3, 0.1, 0.6],
        [0.1, 0.3, 0.6],
        [0.6, 0.2, 0.2],
        [0.2, 0.6, 0.2],
        [0.3, 0.3, 0.4],
    ]
)


def losses(size, shares):
    """Loss of each domain."""
    return (FLOOR + REDUCIBLE * size**-ALPHA) * (WORTH @ shares) ** -GAMMA


def mixture_runs():
    """Eight mixtures of three sizes each, with 0.4 % of noise."""
    rng = np.random.default_rng(1)
    rows = [
        [size, *shares, *losses(size, shares) * np.exp(rng.normal(scale=0.004, size=3))]
        for size in (5e7, 1.5e8, 4.5e8)
        for shares in MIXES
    ]
    return pd.DataFrame(rows, columns=["N", *(f"share_{n}" for n in NAMES), *(f"loss_{n}" for n in NAMES)])
