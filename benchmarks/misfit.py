"""How often a misfit is warned of: hardly ever on tables drawn from the model, and always on tables that are wrong.

Well-specified tables are drawn from the prior of a law, its discrepancy and its noise, as in ``sbc_default.py``, and
fitted with that law. Wrong ones are what people have brought: a curve with a sharp break, a sweep of learning rates
taken for runs, two recipes in one table, repeated data read as fresh, losses in the wrong order, a curve that turns.
Run it as ``python benchmarks/misfit.py [--replicates N] [--jobs N]``.
"""

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from reporting import add_study_options, keep, machine, study
from sbc_default import design, simulated

from bayescale.data.runs import Runs
from bayescale.inference.options import Options
from bayescale.laws.catalog import load_law
from bayescale.posterior.fitting import fit_to_score
from bayescale.posterior.single import fit_law

STEM = "misfit"
RIGHT = (("tied", 20), ("tied", 60), ("skaling", 36), ("power_law", 12), ("m3", 25))
"""Laws and numbers of runs of the well-specified tables."""

KINDS = {
    "scatter": "the runs scatter by",
    "discrepancy": "the law misses the runs by",
    "pattern": "residuals of neighbouring",
    "largest run": "the largest run lies",
    "priors": "the runs contradict the priors",
    "no fall": "hardly fall with",
    "order": "contradicts",
}
"""Start or part of each warning."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=100, help="tables of each law; a tenth of each wrong kind")
    add_study_options(parser)
    options = parser.parse_args()
    right = [(law, n, seed) for law, n in RIGHT for seed in range(options.replicates)]
    wrong = [(kind, seed) for kind in WRONG for seed in range(max(1, options.replicates // 10))]
    rows = [*study(options, STEM, of_right, right), *study(options, f"{STEM}_wrong", of_wrong, wrong)]
    table = pd.DataFrame(rows)
    shares = table.groupby("table", sort=False).agg(
        tables=("any", "size"), **{name: (name, "mean") for name in ("any", *KINDS)}
    )
    text = f"{machine()}\nshare of tables with each warning\n\n{shares.to_string(float_format='%.2f')}"
    keep(STEM, text, {"machine": machine(), "rows": shares.reset_index().to_dict("records")})


def of_right(name: str, n: int, seed: int) -> dict[str, Any]:
    """Warnings of a table that the model itself made."""
    law = load_law(name)
    runs, *_ = simulated(law, "student_t", design(law, n, False), np.random.default_rng(seed))
    return raised(f"drawn from {name}, {n} runs", fit_law(name, runs, certify=False, draws=250).warnings)


def of_wrong(kind: str, seed: int) -> dict[str, Any]:
    """Warnings of a table of a wrong kind, under the laws that are fitted by default."""
    frame = WRONG[kind](np.random.default_rng(seed))
    runs = Runs.from_frame(frame, outcome=str(frame.columns[-1]))
    return raised(kind, fit_to_score("auto", runs, Options()).warnings)


def raised(table: str, warnings: tuple[str, ...]) -> dict[str, Any]:
    found = {name: any(text in each for each in warnings) for name, text in KINDS.items()}
    return {"table": table, "any": any(found.values()), **found}


def _losses(rng: np.random.Generator, n: "np.ndarray[Any, Any]", d: "np.ndarray[Any, Any]") -> Any:
    return (1.7 + 400 / n**0.34 + 410 / d**0.28) * np.exp(0.004 * rng.standard_normal(n.shape))


def _grid() -> tuple[Any, Any]:
    n, d = np.meshgrid(np.geomspace(5e7, 2e9, 6), np.geomspace(1e9, 5e10, 5))
    return n.ravel(), d.ravel()


def broken(rng: np.random.Generator) -> pd.DataFrame:
    """Eleven errors that only begin to fall: flat, then a slope of 5.7 over a break .06 wide."""
    x = np.geomspace(45, 736, 11)
    y = 2.3 * x**-0.01 * (1 + (x / 620) ** (1 / 0.06)) ** (-5.7 * 0.06)
    return pd.DataFrame({"x": x, "y": y * np.exp(0.01 * rng.standard_normal(11))})


def sweep(rng: np.random.Generator) -> pd.DataFrame:
    """Twelve learning rates of each of eight sizes."""
    n, d = np.repeat(np.geomspace(5e7, 2e9, 8), 12), np.repeat(np.geomspace(1e9, 5e10, 8), 12)
    rate = np.tile(np.linspace(-2.5, 2.5, 12), 8)
    return pd.DataFrame({"N": n, "D": d, "loss": _losses(rng, n, d) * (1 + 0.06 * rate**2)})


def two_recipes(rng: np.random.Generator) -> pd.DataFrame:
    """Half of the runs on data whose loss is a quarter higher."""
    n, d = _grid()
    return pd.DataFrame({"N": n, "D": d, "loss": _losses(rng, n, d) * np.where(rng.random(len(n)) < 0.5, 1.25, 1.0)})


def repeated_data(rng: np.random.Generator) -> pd.DataFrame:
    """Tokens of up to a hundred passes over half a billion, read as fresh, with overfitting."""
    n, d = _grid()
    passes = d / 5e8
    worse = 1 + 0.004 * (n / 1e8) ** 0.5 * np.maximum(passes - 4, 0) ** 0.8
    return pd.DataFrame({"N": n, "D": d, "loss": _losses(rng, n, d) * worse})


def shuffled(rng: np.random.Generator) -> pd.DataFrame:
    """Losses that belong to other rows."""
    n, d = _grid()
    return pd.DataFrame({"N": n, "D": d, "loss": rng.permutation(_losses(rng, n, d))})


def turning(rng: np.random.Generator) -> pd.DataFrame:
    """A test error that falls and rises again."""
    x = np.geomspace(1e2, 1e5, 14)
    y = 0.2 + 0.6 * (x / 1e2) ** -0.5 + 0.05 * np.log(x / 1e3).clip(0) ** 1.5
    return pd.DataFrame({"x": x, "y": y * np.exp(0.01 * rng.standard_normal(14))})


WRONG: dict[str, Callable[[np.random.Generator], pd.DataFrame]] = {
    "a sharp break": broken,
    "a sweep of learning rates": sweep,
    "two recipes": two_recipes,
    "repeated data read as fresh": repeated_data,
    "losses of other rows": shuffled,
    "a curve that turns": turning,
}

if __name__ == "__main__":
    main()
