"""LCDB 1.1 (Yan, Mohr, Viering 2025, arXiv:2505.15657): error rates of ten kinds of learners by training-set size.

Thirty of three hundred curves of github.com/learning-curve-research/LCDB-1.1 (commit 37c3d9a3), drawn at random; sizes
beyond a quarter of a curve's largest are forecast. The split is ours, and nobody published numbers for it, so the last
value and a power law by least squares are shown instead. Standard errors of the table are used, with the rounding of
its four decimals added, and bands are of the errors as they were measured, whose standard errors the table states too.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from public.scoring import DEFAULT, Task, last_value, least_squares

SAMPLE, SEED = 30, 20261130
"""Curves that are forecast, drawn at random from the three hundred for the sake of time."""
ROUNDING = 5e-5
"""Largest rounding error of an error rate with four decimals."""


def drawn(curves: pd.DataFrame) -> list[str]:
    """Names of the curves that are forecast."""
    return list(np.random.default_rng(SEED).choice(curves["group"].unique(), SAMPLE, replace=False))


def varied(curves: pd.DataFrame, outcome: str) -> pd.Series:
    """Whether the fitted points of each row's curve differ: those that are all alike teach no law."""
    fitted = curves[outcome].where(curves["split"] == "fit").groupby(curves["group"])
    return fitted.transform("max") > fitted.transform("min")


def tasks(folder: Path) -> list[Task]:
    """The drawn curves as one task, without those whose fitted points teach no law."""
    curves = pd.read_csv(folder / "curves.csv")
    curves = curves[curves["group"].isin(drawn(curves))]
    curves = curves[varied(curves, "error")].reset_index(drop=True)
    curves["y_se"] = np.hypot(curves["error_se"], ROUNDING)
    curves["y"] = curves["error"].clip(lower=ROUNDING)
    train, test = (curves[curves["split"] == split] for split in ("fit", "extrapolate"))
    task = Task(
        name="error rates",
        train=train,
        test=test,
        inputs=("x",),
        outcome="y",
        laws=(DEFAULT,),
        metric="mean error",
        seen="in part: other curves of the sample, and two of these",
    )
    return [least_squares(last_value(task))]
