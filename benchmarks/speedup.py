"""Coverage of the effective speedup on simulated recipes: unpaired runs, pairs, and a single run.

A replicate has a baseline of fifteen runs: a Chinchilla law near the published one, a discrepancy drawn from its prior,
and Student-t noise. The second recipe is the baseline with m times the compute, where m is constant or drifts with
compute, as the model assumes, or it is another law with terms, exponents and a floor of its own, as the model does not.
It has twelve runs of other sizes; or eight runs with a partner each, whose noises are correlated; or a single run as
large as the largest. The multiplier is asked for in the middle of the runs, at the largest, and at ten and a hundred
times the largest. For some pairs the rule of when to stop is followed: as many more pairs as it expects to be needed to
know the multiplier to 5 % are added at once. Run it as ``python benchmarks/speedup.py``.
"""

import argparse
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray
from reporting import add_study_options, keep, machine, study

import bayescale as bs
from bayescale.inference.discrepancy import DRIFT, Conditional, error_process
from bayescale.laws.catalog import load_law
from bayescale.posterior.single import fit_law

Array = NDArray[np.float64]

LAW = "chinchilla"
PUBLISHED = {"E": 1.81686, "A": 482.0, "B": 2085.4, "alpha_N": 0.34781, "beta_D": 0.36585}
SPREAD = {"E": 0.1, "A": 0.3, "B": 0.3, "alpha_N": 0.05, "beta_D": 0.05}
APART = {"E": 0.01, "A": 0.1, "B": 0.1, "alpha_N": 0.02, "beta_D": 0.02}
"""Log-sd of the baseline's parameters, and of the other law's around them."""
SIZES, RATIOS = np.geomspace(5e7, 1.6e9, 5), np.array([7.0, 20.0, 60.0])
SHAPE = 20.0
"""Tokens per parameter of runs for which the multiplier is asked."""
TRUTHS = ("constant", "drifting", "other law")
DESIGNS = ("unpaired", "paired", "single")
REACHES = {"middle": 0.0, "largest": 1.0, "10 times": 10.0, "100 times": 100.0}
PAIRS, UNPAIRED, MOST_PAIRS = 8, 12, 100
PRECISION = 0.05


class Recipes:
    """A baseline and a second recipe, whose outcomes and speedup are known.

    Parameters
    ----------
    truth : str
        How they differ.
    rng : numpy.random.Generator
    """

    def __init__(self, truth: str, rng: np.random.Generator) -> None:
        self.truth, law = truth, load_law(LAW)
        N, D = (each.ravel() for each in np.meshgrid(SIZES, RATIOS))
        self.N, self.D = N, N * D
        self.middle, self.largest = np.exp(np.log(6 * self.N * self.D).mean()), float((6 * self.N * self.D).max())
        self.one = {name: value * np.exp(SPREAD[name] * rng.standard_normal()) for name, value in PUBLISHED.items()}
        self.other = {name: value * np.exp(APART[name] * rng.standard_normal()) for name, value in self.one.items()}
        self.level = rng.normal(0.2, 0.3)
        self.slope = rng.normal(0.0, 0.1) if truth == "drifting" else 0.0
        self.changes = rng.normal(size=200) * (0.02 * np.exp(rng.normal()) if truth == "drifting" else 0.0)
        process = error_process(law, np.log(np.column_stack([self.N, self.D])), None)
        amplitudes = [np.exp(rng.normal(np.log(median), sd)) for median, sd in ((0.015, 0.8), (0.0015, 0.7))]
        scale = np.where(process.kinds == DRIFT, amplitudes[1], amplitudes[0])
        coefficients = (scale * rng.standard_normal(len(scale)))[None]
        self.error = Conditional(process, coefficients, *(np.full((1, 1), each) for each in amplitudes))
        self.sigma = 0.004 * np.exp(0.5 * rng.standard_normal())
        self.correlation = rng.uniform(0.0, 0.95)
        self.noise = self.scatter(len(self.N), rng)

    def log_m(self, log_c: Array) -> Array:
        """The true log multiplier: a line, and an integrated random walk in steps of a tenth of an e-fold."""
        ahead = np.abs(log_c - np.log(self.middle))
        knots = 0.1 * np.arange(100)
        bends = np.maximum(ahead[..., None] - knots, 0.0) * np.sqrt(0.1)
        side = np.where((log_c > np.log(self.middle))[..., None], self.changes[:100], self.changes[100:])
        return np.asarray(self.level + self.slope * (log_c - np.log(self.middle)) + (bends * side).sum(axis=-1))

    def outcomes(self, N: Array, D: Array, second: bool) -> Array:
        """Log losses without noise."""
        size, given = np.zeros(len(N)), self.one
        if second and self.truth == "other law":
            given = self.other
        elif second:
            size = self.log_m(np.log(6 * N * D)) / 2
        points = {"N": N * np.exp(size), "D": D * np.exp(size)}
        law = load_law(LAW)
        mean = np.log(law.mean(np, points, given))
        return np.asarray(mean + self.error.moments(law.located(points))[0][0])

    def multiplier(self, C: float) -> float:
        """With how many times less compute the second reaches what the first reaches with C."""
        places = np.linspace(np.log(C) - np.log(300), np.log(C) + np.log(300), 4001)
        if self.truth == "other law":
            excess = self.frontier(np.array([C]), False) - self.frontier(np.exp(places), True)
        else:
            excess = places + self.log_m(places) - np.log(C)
        reached = excess >= 0
        return float(C / np.exp(places[reached.argmax()])) if reached.any() else 1 / 300

    def frontier(self, C: Array, second: bool) -> Array:
        """Log losses of runs of the usual shape."""
        N = np.sqrt(C / 6 / SHAPE)
        return self.outcomes(N, C / (6 * N), second)

    def baseline(self) -> pd.DataFrame:
        """The runs of the first recipe."""
        return _table(self.N, self.D, self.outcomes(self.N, self.D, False) + self.noise)

    def second(self, design: str, rng: np.random.Generator) -> pd.DataFrame:
        """The runs of the second recipe."""
        if design == "paired":
            rows = rng.permutation(len(self.N))[:PAIRS]
            N, D, shared = self.N[rows], self.D[rows], self.noise[rows]
            noise = self.with_shared(shared, rng)
        else:
            N = 1.1 * SIZES[rng.integers(len(SIZES), size=UNPAIRED)] if design == "unpaired" else 1.2 * SIZES[[-1]]
            D = N * (rng.uniform(7.0, 60.0, size=UNPAIRED) if design == "unpaired" else 20.0)
            noise = self.scatter(len(N), rng)
        return _table(N, D, self.outcomes(N, D, True) + noise)

    def more_pairs(self, second: pd.DataFrame, n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
        """New runs of both recipes, of the sizes of those of the second so far."""
        rows = np.resize(np.arange(len(second)), n)
        N, D = (second[name].to_numpy()[rows] for name in ("N", "D"))
        noise = self.scatter(n, rng)
        one, other = self.outcomes(N, D, False) + noise, self.outcomes(N, D, True) + self.with_shared(noise, rng)
        return _table(N, D, one), _table(N, D, other)

    def scatter(self, n: int, rng: np.random.Generator) -> Array:
        """Noise of runs of their own."""
        return np.asarray(self.sigma * rng.standard_t(7, size=n))

    def with_shared(self, noise: Array, rng: np.random.Generator) -> Array:
        """Noise of partners."""
        own = np.sqrt(1 - self.correlation**2) * self.scatter(len(noise), rng)
        return np.asarray(self.correlation * noise + own)


def _table(N: Array, D: Array, log_loss: Array) -> pd.DataFrame:
    return pd.DataFrame({"N": N, "D": D, "loss": np.exp(log_loss)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=40)
    add_study_options(parser)
    options = parser.parse_args()
    cases = [(truth, seed) for seed in range(options.replicates) for truth in TRUTHS]
    found = pd.DataFrame([row for rows in study(options, "speedup", replicate, cases) for row in rows])
    covered = found[found["kind"] == "coverage"]
    table = covered.groupby(["truth", "design", "reach"], sort=False).agg(
        n=("pit", "size"),
        **{
            f"cover {mass}": ("pit", lambda pit, mass=mass: float((np.abs(pit - 0.5) <= mass / 2).mean()))
            for mass in (0.5, 0.8, 0.9)
        },
        width=("width", "median"),
    )
    overall = covered.groupby(["truth", "design"], sort=False)["pit"].agg(
        lambda pit: float((np.abs(pit - 0.5) <= 0.45).mean())
    )
    stops = found[found["kind"] == "stopping"]
    followed = stops.groupby("truth", sort=False).agg(
        n=("pairs", "size"), pairs=("pairs", "median"), before=("before", "median"), after=("after", "median")
    )
    text = "\n\n".join(
        [
            f"{options.replicates} replicates of each; {machine()}",
            "Coverage of intervals, and median ratio of the ends of the 90 % interval",
            table.to_string(float_format="%.2f"),
            "Coverage of 90 % intervals over all budgets",
            overall.reset_index().pivot_table("pit", "truth", "design", sort=False).to_string(float_format="%.3f"),
            "Relative half-width of the 90 % interval in the middle of the runs, before and after as many pairs as are "
            f"expected to bring it to {PRECISION:g}",
            followed.to_string(float_format="%.3f"),
        ]
    )
    document = {
        "coverage": table.reset_index().to_dict("records"),
        "overall": overall.rename("cover 0.9").reset_index().to_dict("records"),
        "stopping": followed.reset_index().to_dict("records"),
    }
    keep("speedup", text, document)


def replicate(truth: str, seed: int) -> list[dict[str, Any]]:
    """Each design of one pair of recipes."""
    rng = np.random.default_rng([seed, TRUTHS.index(truth)])
    recipes = Recipes(truth, rng)
    budgets = {name: recipes.middle if not times else times * recipes.largest for name, times in REACHES.items()}
    fitted = fit_law(LAW, recipes.baseline(), draws=250, seed=seed, certify=False)
    rows: list[dict[str, Any]] = []
    for design in DESIGNS:
        second = recipes.second(design, rng)
        answer = bs.compare_recipes(fitted, second, list(budgets.values()), precision=PRECISION, seed=seed)
        for i, (reach, C) in enumerate(budgets.items()):
            drawn = answer.draws["multiplier"].isel(C=i)
            low, high = drawn.quantile([0.05, 0.95]).to_numpy()
            case = {"truth": truth, "design": design, "reach": reach}
            pit = float((drawn < recipes.multiplier(C)).mean())
            rows.append({"kind": "coverage", **case, "pit": pit, "width": high / low})
        if design == "paired" and seed % 3 == 0:
            rows += followed_rule(recipes, second, seed, answer, rng)
    return rows


def followed_rule(
    recipes: Recipes, second: pd.DataFrame, seed: int, answer: bs.Answer, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Half-widths in the middle of the runs before and after as many pairs as are expected to be needed."""
    before, pairs = answer.draws["multiplier"].isel(C=0), float(answer.draws["pairs"].isel(C=0))
    if not 1 <= pairs <= MOST_PAIRS:
        return []
    one, other = recipes.more_pairs(second, int(pairs), rng)
    fitted = fit_law(LAW, pd.concat([recipes.baseline(), one]), draws=250, seed=seed, certify=False)
    later = bs.compare_recipes(fitted, pd.concat([second, other]), recipes.middle, seed=seed)
    widths = {"before": half_width(before), "after": half_width(later.draws["multiplier"].isel(C=0))}
    return [{"kind": "stopping", "truth": recipes.truth, "pairs": int(pairs), **widths}]


def half_width(draws: xr.DataArray) -> float:
    """Relative half-width of a 90 % interval."""
    low, high = draws.quantile([0.05, 0.95]).to_numpy()
    return float(np.sqrt(high / low) - 1)


if __name__ == "__main__":
    main()
