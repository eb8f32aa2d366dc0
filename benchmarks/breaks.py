"""Sharp breaks: how well the default forecasts the rest of a fall that has begun, and that it is asked for only there.

Curves are the test cross-entropy of four-digit addition by number of examples (Caballero et al. 2022, arXiv:2210.14891,
figure 4; numbers from github.com/ethancaballero/broken_neural_scaling_laws), cut at five places; curves simulated from
known laws with a break; and the development curves whose fitted points ask for a break. The default is compared with
least squares of the same law from many starts, and with the mixture of smooth laws. Last, smooth curves are
simulated, of which hardly any may ask for a break. Run it as ``python benchmarks/breaks.py [--curves FOLDER]``.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from development import development_curves
from reporting import add_study_options, keep, machine, study
from scipy.optimize import least_squares

import bayescale as bs
from bayescale.data.runs import Runs
from bayescale.inference.options import Options
from bayescale.laws.breaks import shown
from bayescale.posterior.fitting import fit_to_score
from bayescale.posterior.forecasting import predicted_runs
from bayescale.validation.backtesting import scores_of

STEM = "breaks"
SMOOTH = ("m3", "m3_shifted")
LAW = "bnsl_floor_1"
STARTS = 30
"""Of least squares."""
SIMULATED, SMOOTH_TABLES = 12, 2000

ADDITION = pd.DataFrame(
    {
        "x": [160, 192, 256, 320, 384, 448, 480, 512, 544, 576, 608, 640, 672, 736, 800, 864, 928],
        "y": [
            2.13809046, 2.11813418, 2.08955508, 2.06988398, 2.05404987, 2.03837089, 2.02814281, 2.00496872, 1.95576149,
            1.86313841, 1.70891537, 1.50637664, 1.29754721, 0.96559684, 0.75856477, 0.64768338, 0.55695445,
        ],
    }
).astype(float)  # fmt: skip
CUTS = ((0, 14), (3, 14), (0, 13), (0, 12), (0, 11))
"""First and last fitted row, exclusive: eleven to fourteen rows, whose last is 736, 672, 640 or 608 examples."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curves", type=Path, help="folder of development curves that do not ship")
    add_study_options(parser)
    options = parser.parse_args()
    tasks = [*of_addition(), *simulated(), *published(options.curves)]
    table = pd.DataFrame(study(options, STEM, scored, tasks))
    asking = smooth_tables_that_ask()
    keep(STEM, report(table, asking), {"machine": machine(), "rows": table.to_dict("records"), "smooth_ask": asking})


type Columns = dict[str, list[float]]


def of_addition() -> Iterator[tuple[str, str, Columns, Columns, bool]]:
    """Kind, name, fitted and hidden rows of each cut, and whether to certify."""
    for first, last in CUTS:
        name = f"{first}-{last}"
        yield "addition", name, columns(ADDITION[first:last]), columns(ADDITION[last:]), True


def simulated() -> Iterator[tuple[str, str, Columns, Columns, bool]]:
    """Curves of the law with known parameters, cut while they fall."""
    for seed in range(SIMULATED):
        rng = np.random.default_rng(seed)
        n, hidden = int(rng.integers(11, 17)), 4
        spacing = rng.uniform(1.2, 2.4) / n
        log_x = np.log(100) + spacing * np.arange(n + hidden)
        place = log_x[n - 1] - rng.uniform(1.5, 4.5) * spacing
        before, after, width = (
            rng.uniform(-0.05, 0.15),
            np.exp(rng.uniform(0, np.log(8))),
            np.exp(rng.uniform(-3.5, -1)),
        )
        floor = rng.uniform(0, 0.4)
        mean = floor + (1 - floor) * np.exp(
            -before * (log_x - place) - (after - before) * width * np.logaddexp(0, (log_x - place) / width)
        )
        y = 2.3 * mean * np.exp(rng.normal(scale=np.exp(rng.uniform(np.log(5e-4), np.log(5e-3))), size=len(mean)))
        frame = pd.DataFrame({"x": np.exp(log_x), "y": y})
        yield "simulated", f"seed {seed}", columns(frame[:n]), columns(frame[n:]), False


def published(folder: Path | None) -> Iterator[tuple[str, str, Columns, Columns, bool]]:
    """Development curves whose fitted points ask for a break."""
    for name, rows in development_curves(folder).groupby("group", sort=False):
        rows = rows.sort_values("x").astype({"x": float, "y": float})
        train, test = rows[rows["split"] == "fit"], rows[rows["split"] != "fit"]
        if shown({"x": train["x"].to_numpy()}, train["y"].to_numpy()):
            yield "published", str(name), columns(train), columns(test), False


def columns(frame: pd.DataFrame) -> Columns:
    return frame[["x", "y"]].to_dict("list")


def scored(kind: str, name: str, fitted: Columns, hidden: Columns, certify: bool) -> dict[str, Any]:
    """Scores of the default and of the mixture of smooth laws, and errors of least squares."""
    train, test = (Runs.from_frame(pd.DataFrame(each), outcome="y") for each in (fitted, hidden))
    row: dict[str, Any] = {"kind": kind, "name": name, "runs": len(train)}
    row["asked"] = shown({"x": train.column("x")}, train.column("y"))
    start = time.process_time()
    posterior = bs.fit("auto", train) if certify else fit_to_score("auto", train, Options())
    row["cpu_s"] = time.process_time() - start
    row["certified"] = posterior.certified if certify else np.nan
    for label, fitting in {"": posterior, "smooth_": fit_to_score(list(SMOOTH), train, Options())}.items():
        forecast, observed = predicted_runs(fitting, test)
        scores = scores_of(forecast, observed, np.random.default_rng(0))
        row |= {f"{label}{key}": float(scores[key].mean()) for key in ("cover_0.5", "cover_0.9", "crps")}
        row[f"{label}error"] = float(scores["error"].abs().mean())
    row["least_squares_error"] = float(np.abs(least_squares_forecast(train, test) - np.log(test.column("y"))).mean())
    return row


def least_squares_forecast(train: Runs, test: Runs) -> np.ndarray[Any, Any]:
    """Log outcome of hidden runs by the best of many fits of the law with one break to log outcomes."""
    rng = np.random.default_rng(0)
    log_x, log_y = np.log(train.column("x")), np.log(train.column("y"))
    lowest = [log_y.min() - 20, log_y.min() - 20, -3, -6, log_x[0] - 1, -6]
    highest = [log_y.min(), log_y.max() + 5, 3, 4, log_x[-1] + 1, 2]

    def start() -> list[float]:
        floor, place = log_y.min() + np.log(rng.uniform(0.01, 0.95)), rng.uniform(log_x[0], log_x[-1])
        return [floor, log_y.max(), rng.normal(0, 0.2), rng.normal(0, 1.2), place, np.log(0.15) + rng.normal()]

    fits = [
        least_squares(
            lambda p: log_law(p, log_x) - log_y,
            np.clip(start(), lowest, highest),
            bounds=(lowest, highest),
            max_nfev=200,
        )
        for _ in range(STARTS)
    ]
    return log_law(min(fits, key=lambda each: float(each.cost)).x, np.log(test.column("x")))


def log_law(p: np.ndarray[Any, Any], log_x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Log outcome from the logs of floor and level, the exponents, the log place and the log width."""
    floor, level, before, after, place, width = p
    bent = np.exp(width) * np.logaddexp(0, (log_x - place) / np.exp(width))
    return np.logaddexp(floor, level - before * (log_x - place) - (np.exp(after) - before) * bent)


def smooth_tables_that_ask() -> float:
    """Share of simulated smooth curves, power laws, logistic curves and M3 in turn, that ask for a break."""
    asked = 0
    for seed in range(SMOOTH_TABLES):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(10, 40))
        log_x = np.sort(rng.uniform(0, rng.uniform(1, 9), n))
        centred, exponent, floor = log_x - log_x.mean(), np.exp(rng.normal(np.log(0.25), 0.7)), rng.beta(2, 2)
        falling = rng.beta(2, 1)
        mean = (
            floor + (1 - floor) * np.exp(-exponent * centred),
            floor + (1 - floor) / (1 + np.exp(exponent * centred + rng.normal())),
            (np.exp(-centred) * falling + 1 - falling) ** exponent,
        )[seed % 3]
        scatter = np.exp(rng.normal(np.log(0.01), 0.8))
        asked += shown({"x": np.exp(log_x)}, mean * np.exp(scatter * rng.standard_t(5, size=n)))
    return asked / SMOOTH_TABLES


def report(table: pd.DataFrame, asking: float) -> str:
    grouped = table.groupby("kind", sort=False)
    names = ["error", "least_squares_error", "smooth_error", "cover_0.5", "cover_0.9", "smooth_cover_0.9"]
    means = grouped[["asked", "certified", *names, "crps", "smooth_crps", "cpu_s"]].mean(numeric_only=False)
    medians = grouped[["error", "least_squares_error"]].median().add_prefix("median_")
    shown_table = grouped.size().rename("curves").to_frame().join(means).join(medians).astype(float)
    one = table[table["kind"] == "addition"][["name", "runs", *names, "certified"]]
    formatted = [
        each.to_string(float_format="%.3f", **more) for each, more in ((shown_table.T, {}), (one, {"index": False}))
    ]
    return (
        f"{machine()}\nmean absolute errors, CRPS and medians are of the log outcome of hidden runs\n\n"
        f"{formatted[0]}\n\nfour-digit addition, by first and last row\n{formatted[1]}\n\n"
        f"smooth simulated curves that ask for a break: {asking:.2%} of {SMOOTH_TABLES}"
    )


if __name__ == "__main__":
    main()
