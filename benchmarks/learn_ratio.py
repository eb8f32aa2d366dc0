"""Learn how far to trust the prior of the reducible over the irreducible loss, and measure what makes bands wide.

Far beyond the runs a forecast depends on how much of the loss can still be reduced, which small runs hardly tell: the
prior of that ratio decides. Laws of the default mixture are fitted to the training runs of every split of every
development table with a wide prior. For each median and standard deviation (of the logarithm) on a grid the draws are
weighted by that prior over the wide one, and equal mixtures are scored on the hidden runs; scores, averages and the
criterion are those of ``learn_defaults.py``. Only the standard deviation is learnt, and written to
``bayescale/laws/learnt.py``: which median is best depends on the papers, as scores of each family with what all other
families choose show. The parts of the predicted variance are those of the prior before, of median 0.77 and standard
deviation 0.79.

Standard deviations below ``LEAST_SD`` are scored and never taken, because a table may be of another kind: the study of
simulated tables with little or no floor, printed below the others, shows what a narrow prior does to those.

Run it as ``python benchmarks/learn_ratio.py --others FOLDER [--jobs N]``, where the folder holds the development tables
that do not ship; without it only the shipped ones are used, and nothing is written. Finished splits are stored.
"""

import argparse
import functools
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from learn_defaults import SCORES, averaged, chosen, default_members, hidden_runs, mixed, of_choice, over_families
from numpy.typing import NDArray
from reporting import add_study_options, keep, machine, study

from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.laws import additive, catalog
from bayescale.laws import learnt as constants
from bayescale.laws.law import Law
from bayescale.laws.parameters import Prior, Values
from bayescale.posterior.fit import Fit
from bayescale.posterior.forecasting import predicted_runs
from bayescale.posterior.parts import link_mean, noise_moments
from bayescale.posterior.predictive import Predicted
from bayescale.posterior.single import fit_law
from bayescale.validation.backtesting import scores_of

Array = NDArray[np.float64]

FILE = Path(constants.__file__)
STEM = "learn_ratio_development"
WIDE = {"ratio": 0.85, "ratio_sd": 0.9}
"""The prior with which laws are fitted."""
GRID = {"ratio": (0.77, 0.85, 0.94), "ratio_sd": (0.4, 0.5, 0.65, 0.79)}
BEFORE = {"ratio": 0.77, "ratio_sd": 0.79}
LEAST_SD = 0.5
DRAWS, CHAINS = 600, 4
KEPT = 1000
"""Draws of each law from which a forecast with other weights is made."""
FLOORS = (0.0, 0.1, 0.5, 1.7, 6.0)
"""Irreducible losses of simulated tables, whose terms of N and D are about 1 each."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--others", type=Path, help="folder of the development tables that do not ship")
    add_study_options(parser)
    options = parser.parse_args()
    found = study(options, "learn_ratio", score, list(hidden_runs(options.others)))
    simulated = study(options, "learn_ratio_simulated", simulate, [(floor,) for floor in FLOORS])
    document = learn(found, [row for rows in simulated for row in rows])
    if options.others is None:
        print(document["text"])
        return
    keep(STEM, document["text"], document)
    write(document["chosen"]["ratio_sd"])


def learn(found: list[dict[str, Any]], simulated: list[dict[str, Any]]) -> dict[str, Any]:
    """The best choice, its scores, those without each family, and the parts of the variance of forecasts."""
    names = list(GRID)
    by_family = averaged(pd.DataFrame([row for each in found for row in each["scores"]]), names)
    wide_enough = by_family[by_family["ratio_sd"] >= LEAST_SD]
    same_median = wide_enough[wide_enough["ratio"] == BEFORE["ratio"]]
    best, freely = chosen(same_median, names), chosen(wide_enough, names)
    before, after, means = of_choice(by_family, BEFORE), of_choice(by_family, best), over_families(by_family, names)
    apart, freely_apart = (by_others(by_family, among, names) for among in (same_median, wide_enough))
    parts = pd.DataFrame([row for each in found for row in each["parts"]])
    shares = parts_by_family(parts)
    text = [
        f"Prior of the reducible over the irreducible loss: equal mixture of {', '.join(default_members('surface'))}; "
        f"{machine()}",
        "Mean over families (crps: geometric; worst: least share in the 90 % band of any family)",
        means.round(4).to_string(),
        f"Chosen: {described(best)}; with any median {described(freely)}",
        "Over the prior before: ratio of CRPS and difference of log score, with standard errors over families",
        compared(after, before).round(4).to_string(),
        "The same, each family with what the others choose",
        compared(apart, before).round(4).to_string(),
        "The same with any median",
        compared(freely_apart, before).round(4).to_string(),
        "Each family with what the others choose of all",
        freely_apart[["horizon", "family", *SCORES, *names]]
        .sort_values(["horizon", "family"])
        .round(4)
        .to_string(index=False),
        "Each family with what was chosen, and before",
        after.merge(before, on=["horizon", "family"], suffixes=("", "_before"))[
            ["horizon", "family", *SCORES, "cover_0.5_before", "cover_0.9_before", "width_before", "crps_before"]
        ]
        .sort_values(["horizon", "family"])
        .round(4)
        .to_string(index=False),
        "Root mean square error and predicted standard deviation of hidden runs, and the shares of its parts in the "
        "predicted variance, with the prior before",
        shares.round(4).to_string(),
        "Simulated tables, hidden runs of 100 to 300 times as much compute (error: predicted minus observed, log loss)",
        pd.DataFrame(simulated).round(3).to_string(index=False),
    ]
    return {
        "text": "\n\n".join(text),
        "chosen": best,
        "by_choice": means.reset_index().to_dict("records"),
        "by_family": after.to_dict("records"),
        "left_out": freely_apart.to_dict("records"),
        "parts": shares.reset_index().to_dict("records"),
        "simulated": simulated,
    }


def by_others(by_family: pd.DataFrame, among: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Scores of each family with the choice that all others make among some."""
    apart = []
    for family in by_family["family"].unique():
        own = of_choice(by_family, chosen(among[among["family"] != family], names))
        apart.append(own[own["family"] == family])
    return pd.concat(apart)


def described(choice: dict[str, float]) -> str:
    return f"median {choice['ratio']:g}, standard deviation {choice['ratio_sd']:g}"


def compared(after: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Ratio of CRPS (geometric mean) and difference of log score over families, with standard errors, by horizon."""
    pair = after.merge(before, on=["horizon", "family"], suffixes=("", "_before"))
    pair["log_crps"] = np.log(pair["crps"] / pair["crps_before"])
    pair["log_score"] -= pair["log_score_before"]
    pooled = pair.groupby("family")[["log_crps", "log_score"]].mean().assign(horizon="all").reset_index()
    grouped = pd.concat([pair[["horizon", "family", "log_crps", "log_score"]], pooled]).groupby("horizon", sort=False)
    mean, error = (getattr(grouped[["log_crps", "log_score"]], name)() for name in ("mean", "sem"))
    return pd.DataFrame(
        {
            "crps": np.exp(mean["log_crps"]),
            "crps_se": error["log_crps"],
            "log_score": mean["log_score"],
            "log_score_se": error["log_score"],
        }
    )


def parts_by_family(parts: pd.DataFrame) -> pd.DataFrame:
    """Errors, predicted standard deviations and shares of variance, averaged over the tables of a family."""
    means = parts.groupby(["horizon", "family", "table"]).mean().groupby(["horizon", "family"]).mean()
    shares = means.drop(columns="square").div(means.drop(columns="square").sum(axis=1), axis=0)
    error, width = np.sqrt(means["square"]), np.sqrt(means.drop(columns="square").sum(axis=1))
    return pd.concat([error.rename("error"), width.rename("predicted"), shares], axis=1)


def score(family: str, name: str, horizon: float, train: Runs, hidden: Runs) -> dict[str, list[dict[str, Any]]]:
    """Scores of an equal mixture on some hidden runs under every choice, and the parts of its variance."""
    fits = [fit_law(law, train, certify=False, draws=DRAWS, chains=CHAINS) for law in laws(**WIDE)]
    forecasts, observed = zip(*(predicted_runs(fitted, hidden) for fitted in fits), strict=True)
    case = {"family": family, "table": name, "horizon": horizon}
    scores: list[dict[str, Any]] = []
    for choice in choices():
        chosen_draws = [weighted(f, p, choice) for f, p in zip(fits, forecasts, strict=True)]
        table = scores_of(mixed(chosen_draws), observed[0], np.random.default_rng(0))
        scores += [{**case, **choice, **row} for row in table[list(SCORES)].to_dict("records")]
    parts = parts_of(fits, hidden, np.log(observed[0]))
    return {"scores": scores, "parts": [{**case, **row} for row in parts.to_dict("records")]}


def choices() -> Iterator[dict[str, float]]:
    """Every choice on the grid."""
    for values in itertools.product(*GRID.values()):
        yield dict(zip(GRID, values, strict=True))


@functools.cache
def laws(ratio: float, ratio_sd: float) -> list[Law]:
    """The laws of the default mixture with a prior of the ratio; the same objects each time are compiled once."""
    return [with_ratio(catalog.load_law(name), ratio, ratio_sd) for name in default_members("surface")]


def with_ratio(law: Law, ratio: float, ratio_sd: float) -> Law:
    """A law with another prior of the reducible over the irreducible loss."""

    def arguments(xp: ModuleType, sampled: Values) -> dict[str, Any]:
        return {"mu": additive.log_ratio(xp, sampled["share_N"], ratio)}

    prior = replace(additive.RATIO, prior=Prior("LogNormal", sigma=ratio_sd), arguments=arguments)
    return replace(law, parameters=tuple(prior if each.name == prior.name else each for each in law.parameters))


def log_weights(fitted: Fit, choice: dict[str, float]) -> Array:
    """Log of the prior chosen over the wide one, for each draw, but for a constant."""
    value, share = (fitted.columns[name].ravel() for name in ("ratio", "share_N"))

    def log_prior(ratio: float, ratio_sd: float) -> Array:
        return np.asarray(-0.5 * np.square((np.log(value) - additive.log_ratio(np, share, ratio)) / ratio_sd))

    return log_prior(**choice) - log_prior(**WIDE)


def weights(fitted: Fit, choice: dict[str, float]) -> Array:
    """Weights of the draws under another prior, which sum to one."""
    logs = log_weights(fitted, choice)
    found = np.exp(logs - logs.max())
    return np.asarray(found / found.sum())


def weighted(fitted: Fit, forecast: Any, choice: dict[str, float]) -> Predicted:
    """A forecast under another prior: draws chosen systematically by their weights, in random order."""
    rng = np.random.default_rng(0)
    ends = np.cumsum(weights(fitted, choice))
    places = (np.arange(KEPT) + rng.uniform()) / KEPT
    rows = rng.permutation(np.searchsorted(ends, places).clip(max=len(ends) - 1))
    scale = np.broadcast_to(forecast.scale, forecast.location.shape)
    return Predicted(forecast.location[rows], scale[rows], forecast.link)


def parts_of(fits: list[Fit], hidden: Runs, observed: Array) -> pd.DataFrame:
    """Variances of the forecast of each hidden run that its parts add, and its squared error, on the log scale."""
    means, found = [], []
    for fitted in fits:
        at, share = Observed(fitted.law, hidden), weights(fitted, BEFORE)
        process, error = fitted.conditional.process, fitted.conditional
        centre = link_mean(fitted, at.inputs) + error.moments(at.located)[0]
        _, scale = noise_moments(fitted, at.inputs, np.random.default_rng(0), at.standard_error)
        local = np.square(error.tau) * process.local.left_over_variance(at.located) + error.run_variance(at.located)
        drift = np.square(error.drift) * process.drift.left_over_variance(at.located)
        mean = share @ centre
        means.append(mean)
        found.append(
            {
                "law and discrepancy given the runs": share @ np.square(centre - mean),
                "local beyond them": share @ local,
                "drift beyond them": share @ drift,
                # Heavy tails may have no variance.
                "noise": np.square(np.median(scale, axis=0)),
            }
        )
    table = sum(pd.DataFrame(each) for each in found) / len(found)
    table["between laws"] = np.var(means, axis=0)
    return table.assign(square=np.square(np.mean(means, axis=0) - observed))


def simulate(floor: float) -> list[dict[str, Any]]:
    """Forecasts of a simulated table's largest runs, by laws with some priors of the ratio."""
    rng = np.random.default_rng(0)
    N, D = (each.ravel() for each in np.meshgrid(np.geomspace(1e7, 3e9, 9), np.geomspace(3e8, 1e11, 8)))
    true = floor + 2 * (N / 1e8) ** -0.3 + 2 * (D / 5e9) ** -0.3
    table = pd.DataFrame({"N": N, "D": D, "C": 6 * N * D, "loss": true * np.exp(0.004 * rng.standard_normal(N.size))})
    smaller, larger = table["C"] <= table["C"].max() / 300, table["C"] > table["C"].max() / 3
    train, hidden = (Runs.from_frame(table[rows].reset_index(drop=True)) for rows in (smaller, larger))
    found = []
    for ratio_sd in GRID["ratio_sd"]:
        fits = [fit_law(law, train, certify=False, draws=250) for law in laws(BEFORE["ratio"], ratio_sd)]
        forecasts, observed = zip(*(predicted_runs(fitted, hidden) for fitted in fits), strict=True)
        scores = scores_of(mixed(list(forecasts)), observed[0], np.random.default_rng(0))
        means = scores[["error", "width", "cover_0.9", "crps"]].mean().to_dict()
        found.append({"floor": floor, "ratio_sd": ratio_sd, "hidden": len(scores), **means})
    return found


def write(ratio_sd: float) -> None:
    """Write the standard deviation to the module that laws read."""
    lines = FILE.read_text(encoding="utf-8").splitlines(keepends=True)
    FILE.write_text(
        "".join(f"RATIO_SD = {ratio_sd:g}\n" if line.startswith("RATIO_SD = ") else line for line in lines),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
