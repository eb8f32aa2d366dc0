"""SCALE-CERT rolling forecasts of translation curves: the last point of a curve from its first 50, 70 and 85 %.

Split and published errors, coverages and widths are those of github.com/jingxuxie/scaling-law-extrapolation
(results/public_rolling_origin_detail.csv, commit 1989093e).
"""

from pathlib import Path

import pandas as pd

from public.scoring import DEFAULT, Task


def tasks(folder: Path) -> list[Task]:
    """All fifteen forecasts as one task, whose groups are a curve and the share of its points that is fitted."""
    curves = pd.read_csv(folder / "curves.csv")
    asked = pd.read_csv(folder / "forecasts.csv")
    published = pd.read_csv(folder / "published.csv")
    train, test = [], []
    for row in asked.to_dict("records"):
        curve = curves[curves["curve"] == row["curve"]].sort_values("x")
        group = f"{row['curve']} {row['fraction']:g}"
        train.append(curve.head(row["pilot_points"])[["x", "y"]].assign(group=group))
        test.append(curve.tail(1)[["x", "y"]].assign(group=group))
    return [
        Task(
            name="translation",
            train=pd.concat(train, ignore_index=True),
            test=pd.concat(test, ignore_index=True),
            inputs=("x",),
            outcome="y",
            laws=(DEFAULT, "power_law", "saturating"),
            metric="median error",
            published={str(method): float(rows["error"].median()) for method, rows in published.groupby("method")},
            bands={
                str(method): (float(rows["covered"].mean()), float(rows["width"].median()))
                for method, rows in published.dropna(subset="width").groupby("method")
            },
            seen="in part: the curves are among the development curves, cut elsewhere",
        )
    ]
