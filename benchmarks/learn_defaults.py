"""Learn the constants of the model discrepancy from the development tables, and write the file that the package reads.

There are constants for laws of several inputs, learnt from every split of every table with N and D; for losses by
compute alone, and for those by tokens or parameters, learnt from series of these tables; for laws of any other input,
learnt from learning curves; and for those with a break, learnt from the curves that show one. For every choice of
constants on a grid each candidate law is fitted to the training runs, and equal mixtures of the laws are scored on the
hidden runs. How curves change beyond their points is learnt last, from all curves and from error curves of OpenML: the
default mixture, fitted once, is scored with every choice. Scores are averaged over the runs of a table, the tables of a
family (a paper, or the domain of a curve) and then over families. The choice with the least sum of two means over
families and horizons, of the logarithm of the CRPS and of minus the log score, is written to
``bayescale/inference/error_defaults.json``, with its scores, and the scores of each family with the constants that all
other families would have chosen. Changes, and constants for sizes, are chosen among those with which the 90 % bands
hold enough of every family, if there are any.

Run it as ``python benchmarks/learn_defaults.py --kind {surface,compute,size,curve,break,change} --others FOLDER
[--jobs N]``, where the folder holds the development tables, or curves, that do not ship; without it only the shipped
ones are used, and nothing is written. Finished splits are stored, and the results of other kinds are unchanged.
"""

import argparse
import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import one_input
import pandas as pd
from development import development_curves, development_tables, openml_development_curves
from reporting import RESULTS, add_study_options, keep, machine, study

from bayescale.basics.errors import LawError
from bayescale.data.candidates import default_laws
from bayescale.data.runs import Runs
from bayescale.data.splitting import splits
from bayescale.inference import engine as inference
from bayescale.inference import scales as learnt
from bayescale.inference.options import Options
from bayescale.laws import catalog
from bayescale.laws.breaks import shown
from bayescale.laws.law import Law
from bayescale.laws.steps import TwoSteps
from bayescale.posterior.fitting import fit_to_score
from bayescale.posterior.forecasting import predicted_runs
from bayescale.posterior.predictive import Mixed, Predictive
from bayescale.posterior.single import fit_law
from bayescale.validation.backtesting import scores_of

FILE = Path(learnt.__file__).with_name("error_defaults.json")
GRIDS: dict[str, dict[str, tuple[float, ...]]] = {
    "surface": {"decay": (0.15, 0.25), "local": (0.01, 0.015), "drift": (0.0015, 0.0025)},
    "compute": {"local": (0.0025, 0.005, 0.01), "drift": (0.0015, 0.0025, 0.004, 0.01)},
    "size": {"local": (0.005, 0.01), "drift": (0.0015, 0.0025, 0.004, 0.01)},
    "curve": {"local_sd": (0.8, 1.2), "drift_sd": (0.7, 1.0)},
    "break": {"local_sd": (0.8, 1.2), "drift_sd": (0.7, 1.0)},
    "change": {"change": (0.0, 0.1, 0.15, 0.2, 0.3), "change_factor": (20.0, 40.0)},
}
"""Values to try; the other constants are unchanged."""
CANDIDATES = {
    "surface": ("skaling", "tied", "chinchilla"),
    "curve": ("m3", "m3_shifted", "power_law", "saturating", "double_saturating"),
    "break": ("bnsl_floor_1",),
}
"""Laws whose mixtures are scored; the constants are chosen for the default mixture. Other kinds have only that."""
DEFAULT = "the default's laws"
LEAST_HELD = ("change", "size")
"""Kinds that are chosen so: by their scores alone, constants for sizes miss half of one paper's runs."""
HELD = ("change", "size")
"""Kinds that are chosen so: by their scores alone, constants for sizes miss half of one paper's runs."""
DRAWS = 250
COVERAGES = ("cover_0.5", "cover_0.8", "cover_0.9")
SCORES = (*COVERAGES, "width", "crps", "log_score")

type Case = tuple[str, str, float, Runs, Runs]
"""Family, table, horizon, runs to train on, and hidden ones."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=list(GRIDS), required=True)
    parser.add_argument("--others", type=Path, help="folder of the development tables, or curves, that do not ship")
    add_study_options(parser)
    options = parser.parse_args()
    of_kind = {
        "surface": hidden_runs, "compute": frontier_ends, "size": size_ends,
        "curve": hidden_points, "break": broken_points, "change": changing_points,
    }  # fmt: skip
    cases = list(of_kind[options.kind](options.others))
    found = learn_changes(options, cases) if options.kind == "change" else learn(options, options.kind, cases)
    path = RESULTS / "learn_defaults.json"
    document = (json.loads(path.read_text()) if path.exists() else {}) | {options.kind: found}
    keep("learn_defaults", "\n\n\n".join(document[kind]["text"] for kind in GRIDS if kind in document), document)
    if options.others is not None:
        write(options.kind, found)


def hidden_runs(folder: Path | None) -> Iterator[Case]:
    """Every split of every table with N and D."""
    for name, (family, runs) in development_tables(folder).items():
        for split in splits(runs):
            yield family, name, split.horizon, runs.take(split.train), runs.take(split.test)


def frontier_ends(folder: Path | None) -> Iterator[Case]:
    """The ends of series of losses by compute alone."""
    return hidden_ends(folder, "loss by compute")


def size_ends(folder: Path | None) -> Iterator[Case]:
    """The ends of series of losses by tokens alone."""
    return hidden_ends(folder, "loss by tokens")


def hidden_ends(folder: Path | None, kind: str) -> Iterator[Case]:
    """The ends of series of one kind, hidden beyond four ceilings."""
    for number, (found, family, frame) in enumerate(one_input.of_losses(folder)):
        for horizon in one_input.HORIZONS if found == kind else ():
            parts = one_input.split(frame, horizon)
            if len(parts[0]) >= one_input.FEWEST:
                train, test = (Runs.from_frame(part.reset_index(drop=True)) for part in parts)
                if members(train):
                    yield family, f"{family} {number}", horizon, train, test


def hidden_points(folder: Path | None) -> Iterator[Case]:
    """Every learning curve, all of one horizon: each has its own split into points seen and hidden."""
    for (domain, name), curve in development_curves(folder).groupby(["domain", "group"], sort=False):
        seen, hidden = (curve[curve["split"] == part] for part in ("fit", "extrapolate"))
        train, test = (Runs.from_frame(part[["x", "y"]].reset_index(drop=True), outcome="y") for part in (seen, hidden))
        yield domain, name, 1.0, train, test


def broken_points(folder: Path | None) -> Iterator[Case]:
    """The learning curves whose seen points show a break."""
    return (case for case in hidden_points(folder) if shown({"x": case[3].column("x")}, case[3].column("y")))


def changing_points(folder: Path | None) -> Iterator[Case]:
    """Every learning curve, with the error curves of OpenML and their standard errors."""
    yield from hidden_points(folder)
    if folder is not None:
        for name, curve in openml_development_curves(folder).groupby("group", sort=False):
            seen, hidden = (curve[curve["split"] == part] for part in ("fit", "extrapolate"))
            columns = ["x", "y", "y_se"]
            parts = (Runs.from_frame(part[columns].reset_index(drop=True), outcome="y") for part in (seen, hidden))
            yield "OpenML", str(name), 1.0, *parts


def learn(options: argparse.Namespace, kind: str, cases: list[Case]) -> dict[str, Any]:
    """Scores of each choice of constants of one kind, the best choice, and the choice without each family."""
    grid = GRIDS[kind]
    base = learnt.learnt_scales()[kind]
    choices = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    tasks = [(kind, asdict(replace(base, **choice)), *case) for choice in choices for case in cases]
    found = [row for rows in study(options, f"learn_defaults_{kind}", score, tasks) for row in rows]
    by_mixture = {name: averaged(rows, list(grid)) for name, rows in pd.DataFrame(found).groupby("laws")}
    default = " + ".join(default_members(kind)) if kind in CANDIDATES else DEFAULT
    title = f"Constants of the discrepancy, {kind}: equal mixture of {default.replace(' +', ',')}; {machine()}"
    learnt_here = summarised(title, by_mixture[default], list(grid), least_held(kind))
    if kind not in CANDIDATES:
        return learnt_here
    best = learnt_here["chosen"]
    mixtures = pd.concat({name: over_families(of_choice(rows, best), []) for name, rows in by_mixture.items()})
    text = [learnt_here["text"], "Other equal mixtures with the constants chosen", mixtures.round(4).to_string()]
    found_mixtures = mixtures.reset_index(names=["laws", "horizon"]).to_dict("records")
    return {**learnt_here, "text": "\n\n".join(text), "mixtures": found_mixtures}


def learn_changes(options: argparse.Namespace, cases: list[Case]) -> dict[str, Any]:
    """Scores of the default mixture with each choice of how curves change beyond their points."""
    rows = [row for found in study(options, "learn_defaults_change", score_changes, cases) for row in found]
    title = f"How curves change beyond their points: the default mixture; {machine()}"
    grid = list(GRIDS["change"])
    return summarised(title, averaged(pd.DataFrame(rows), grid), grid, least_held("change"))


def score_changes(family: str, name: str, horizon: float, train: Runs, hidden: Runs) -> list[dict[str, Any]]:
    """Scores of one fit of the default with each choice of how curves change."""
    constants = learnt.learnt_scales()
    _set_changes(constants, {"change": 0.0})
    fitted = fit_to_score("auto", train, Options())
    found = []
    for values in itertools.product(*GRIDS["change"].values()):
        choice = dict(zip(GRIDS["change"], values, strict=True))
        _set_changes(constants, choice)
        anew = replace(fitted, members={law: replace(member) for law, member in fitted.members.items()})
        forecast, observed = predicted_runs(anew, hidden)
        table = scores_of(forecast, observed, np.random.default_rng(0))
        case = {"family": family, "table": name, "horizon": horizon, **choice}
        found += [{**case, **row} for row in table[list(SCORES)].to_dict("records")]
    return found


def _set_changes(constants: dict[str, learnt.Scales], choice: dict[str, float]) -> None:
    for kind in ("curve", "break"):
        constants[kind] = replace(constants[kind], **choice)


def summarised(title: str, by_family: pd.DataFrame, grid: list[str], least: float) -> dict[str, Any]:
    """The best choice, the scores of each choice, and those of each family with the choice of all others."""
    best = chosen(by_family, grid, least)
    apart = []
    for family in by_family["family"].unique():
        others = chosen(by_family[by_family["family"] != family], grid, least)
        own = of_choice(by_family, others)
        apart.append(own[own["family"] == family])
    left_out, means = pd.concat(apart), over_families(by_family, grid)
    text = [
        title,
        "Mean over families (crps: geometric; worst: least share in the 90 % band of any family)",
        means.round(4).to_string(),
        f"Chosen: {', '.join(f'{name} {value:g}' for name, value in best.items())}",
        "Each family with the constants that the others choose",
        left_out[["horizon", "family", *SCORES, *grid]]
        .sort_values(["horizon", "family"])
        .round(4)
        .to_string(index=False),
        "Mean over families, each with the constants that the others choose",
        over_families(left_out, []).round(4).to_string(),
    ]
    return {
        "text": "\n\n".join(text),
        "chosen": best,
        "by_choice": means.reset_index().to_dict("records"),
        "by_family": of_choice(by_family, best).to_dict("records"),
        "left_out": left_out.to_dict("records"),
        "scores": of_choice(means.reset_index(), best).round(4).to_dict("records"),
    }


def members(runs: Runs) -> list[Law]:
    """The smooth laws in one step of the default for some runs; none where nothing can be learnt from these."""
    try:
        return [law for law in default_laws(runs)[0] if law.asked_for is None and not isinstance(law, TwoSteps)]
    except LawError:
        return []


def default_members(kind: str) -> list[str]:
    """The candidates that are in the default mixture."""
    return [name for name in CANDIDATES[kind] if catalog.load_law(name).in_ensemble]


def mixtures_of(kind: str) -> list[tuple[str, ...]]:
    """Each law alone, those of the default, those with one more and all."""
    laws, default = CANDIDATES[kind], tuple(default_members(kind))
    more = ((*default, law) for law in laws if law not in default)
    return list(dict.fromkeys([*((law,) for law in laws), default, *more, laws]))


def score(
    kind: str, scales: dict[str, float], family: str, name: str, horizon: float, train: Runs, hidden: Runs
) -> list[dict[str, Any]]:
    """Scores of equal mixtures of laws on some hidden runs, with the given constants."""
    constants = learnt.Scales(**scales)
    if learnt.learnt_scales()[kind] != constants:
        learnt.learnt_scales()[kind] = constants
        inference.forget()
    forecasts = {}
    for law in map(catalog.load_law, CANDIDATES[kind]) if kind in CANDIDATES else members(train):
        forecasts[law.name], observed = predicted_runs(fit_law(law, train, certify=False, draws=DRAWS), hidden)
    mixtures = {" + ".join(laws): laws for laws in mixtures_of(kind)} if kind in CANDIDATES else {DEFAULT: forecasts}
    case = {"family": family, "table": name, "horizon": horizon, **{key: scales[key] for key in GRIDS[kind]}}
    found = []
    for title, laws in mixtures.items():
        table = scores_of(mixed([forecasts[law] for law in laws]), observed, np.random.default_rng(0))
        found += [{**case, "laws": title, **row} for row in table[list(SCORES)].to_dict("records")]
    return found


def mixed(forecasts: list[Predictive]) -> Mixed:
    """An equal mixture of forecasts of as many draws, taken in turns."""
    n, k = forecasts[0].draws(np.random.default_rng(0)).shape, len(forecasts)
    turns = np.broadcast_to(np.arange(n[0])[:, None] % k, n)
    return Mixed(forecasts, np.full((n[1], k), 1 / k), turns)


def averaged(scores: pd.DataFrame, constants: list[str]) -> pd.DataFrame:
    """Mean scores by constants, horizon and family."""
    by_table = scores.groupby([*constants, "horizon", "family", "table"])[list(SCORES)].mean()
    return by_table.groupby([*constants, "horizon", "family"]).mean().reset_index()


def over_families(by_family: pd.DataFrame, constants: list[str]) -> pd.DataFrame:
    """Means over families by constants and horizon, the geometric one of the CRPS."""
    grouped = by_family.assign(crps=np.log(by_family["crps"])).groupby([*constants, "horizon"])
    means = grouped[list(SCORES)].mean()
    return means.assign(crps=np.exp(means["crps"]), worst=grouped["cover_0.9"].min())


def chosen(by_family: pd.DataFrame, constants: list[str], least: float) -> dict[str, float]:
    """Constants with the best mean of CRPS and log score over families and horizons.

    Of those whose 90 % bands hold at least a given share in every family, if there are any.
    """
    means = over_families(by_family, constants)
    cost = (np.log(means["crps"]) - means["log_score"]).groupby(constants).mean()
    held = means["worst"].groupby(constants).min() >= least
    cost = cost[held] if held.any() else cost
    return dict(zip(constants, cost.idxmin(), strict=True))


def least_held(kind: str) -> float:
    """Share of every family that 90 % bands should hold."""
    return LEAST_HELD if kind in HELD else 0.0


def of_choice(table: pd.DataFrame, choice: dict[str, float]) -> pd.DataFrame:
    """Rows of one choice of constants."""
    return table[np.all([table[name] == value for name, value in choice.items()], axis=0)]


def write(kind: str, learnt: dict[str, Any]) -> None:
    """Write the constants, with their scores, to the file that the package reads."""
    found = json.loads(FILE.read_text(encoding="utf-8"))
    found[kind] |= learnt["chosen"]
    found["scores"] = found.get("scores", {}) | {kind: learnt["scores"]}
    FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
