"""Learning curves: forecasts of each curve's later points by the default ensemble of one-input laws.

The table has columns domain, group (a curve), x, y and split (fit or extrapolate). Scores are those of a public
benchmark (Lee et al. 2025, arXiv:2505.23032): per curve, RMSLE of the predictive median, mean log density of y,
coverage of central intervals and MSCE, the mean squared calibration error over seven levels; then means over curves.
They are compared with the last fitted value, repeated. Run it as ``python benchmarks/learning_curves.py TABLE.csv
[--json]``; without a table it uses the shipped curves, and with ``--curves FOLDER`` also the development curves that do
not ship, whose result is stored separately, as is that of the curves of ``--openml FOLDER``, whose standard errors are
used. With ``--far`` each curve is seen up to a thirtieth of some x, and scored from a third of that x on.
"""

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from development import CURVE_COLUMNS, development_curves, openml_curves
from reporting import add_study_options, keep, machine, study

import bayescale as bs
from bayescale.data.formats import read_table
from bayescale.data.splitting import splits
from bayescale.inference.options import Options
from bayescale.posterior.fitting import fit_to_score
from bayescale.posterior.forecasting import predicted_runs

LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
SHOWN = (0.5, 0.8, 0.9)
FAR = 10.0
"""Ratio of the smallest hidden x to the largest seen x in a back-test far ahead."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", type=Path, metavar="TABLE.csv")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--normalise", action="store_true", help="divide y by the largest fitted y of its curve")
    parser.add_argument("--law", nargs="+", default=["auto"], help="laws to mix; by default the ensemble's")
    parser.add_argument(
        "--curves", type=Path, metavar="FOLDER", help="also curves that do not ship: FOLDER/NAME/curves.csv"
    )
    parser.add_argument("--openml", type=Path, metavar="FOLDER", help="other curves instead: FOLDER/lcdb/curves.csv")
    parser.add_argument(
        "--quick", action="store_true", help="score a thousand draws of each law that are not certified"
    )
    parser.add_argument("--far", action="store_true", help="hide points that are ten times as far as those seen")
    add_study_options(parser)
    options = parser.parse_args()

    frames = [read_table(path) for path in options.tables]
    if not frames:
        frames = [openml_curves(options.openml) if options.openml else development_curves(options.curves)]
    for frame in frames:
        missing = [name for name in CURVE_COLUMNS if name not in frame]
        if missing:
            parser.error(f"no column {', '.join(missing)}: a table needs {', '.join(CURVE_COLUMNS)}")
    law = options.law[0] if len(options.law) == 1 else options.law
    curves = [curve for _, curve in pd.concat(frames).groupby(["domain", "group"], sort=False)]
    if options.far:
        curves = [part for curve in curves for part in far_ahead(curve)]
    tasks = [(curve, law, options.normalise, options.quick) for curve in curves]
    scores = pd.DataFrame(study(options, "learning_curves", _score, tasks))
    document = {
        "all": summary(scores),
        "domains": {str(domain): summary(block) for domain, block in scores.groupby("domain", sort=False)},
    }
    if options.json:
        print(json.dumps(document, indent=1))
        return
    table = pd.json_normalize([{"domain": k, **v} for k, v in {**document["domains"], "all": document["all"]}.items()])
    head = f"{law if isinstance(law, str) else ', '.join(law)}; {machine()}"
    text = f"{head}\n{table.to_string(index=False, float_format='%.4f')}"
    if options.tables or law != "auto":
        print(text)
    else:
        parts = {"_openml": options.openml, "_far": options.far, "_development": options.openml or options.curves}
        keep("learning_curves" + "".join(part for part, asked in parts.items() if asked), text, document)


def far_ahead(curve: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """The curve with its own split replaced by each of a back-test at a horizon of ten."""
    curve = curve.sort_values("x").reset_index(drop=True)
    try:
        found = splits(bs.Runs.from_frame(curve[["x", "y"]], outcome="y"), [FAR], size=curve["x"].to_numpy(float))
    except bs.BayescaleError:
        return  # too few points
    for each in found:
        parts = [curve.iloc[each.train].assign(split="fit"), curve.iloc[each.test].assign(split="extrapolate")]
        yield pd.concat(parts)


def _score(curve: pd.DataFrame, law: str | Sequence[str], normalise: bool, quick: bool) -> dict[str, Any]:
    curve = curve.sort_values("x")
    seen = (curve["split"] == "fit").to_numpy()
    unit = curve["y"].to_numpy()[seen].max() if normalise else 1.0
    y = np.log(curve["y"].to_numpy() / unit)
    table = pd.DataFrame({"x": curve["x"].to_numpy(float), "y": np.exp(y)})
    if "y_se" in curve and curve["y_se"].notna().all():
        table["y_se"] = curve["y_se"].to_numpy() / unit
    runs, hidden = (
        bs.Runs.from_frame(table[part].reset_index(drop=True), outcome="y", source=curve["group"].iloc[0])
        for part in (seen, ~seen)
    )
    start = time.process_time()
    fitted = fit_to_score(law, runs, Options()) if quick else bs.fit(law, runs)
    forecast, _ = predicted_runs(fitted, hidden)
    seconds = time.process_time() - start
    draws, target = forecast.draws(np.random.default_rng(0)), y[~seen]
    low, high = (np.quantile(draws, [0.5 - s * np.array(LEVELS) / 2], axis=0)[0] for s in (1, -1))
    covered = dict(zip(LEVELS, ((low <= target) & (target <= high)).mean(axis=1), strict=True))
    return {
        "domain": curve["domain"].iloc[0],
        "rmsle": _rms(np.median(draws, axis=0) - target),
        "log_likelihood": float(forecast.log_density(np.exp(target)).mean()),
        "msce": float(np.mean([(share - level) ** 2 for level, share in covered.items()])),
        **{f"coverage {level:g}": float(covered[level]) for level in SHOWN},
        "last_value_rmsle": _rms(y[seen][-1] - target),
        "cpu_s_per_curve": seconds,
    }


def summary(scores: pd.DataFrame) -> dict[str, Any]:
    """Means over curves."""
    means = scores.drop(columns="domain").mean()
    coverage = {f"{level:g}": float(means.pop(f"coverage {level:g}")) for level in SHOWN}
    return {"curves": len(scores), **{str(k): float(v) for k, v in means.items()}, "coverage": coverage}


def _rms(errors: Any) -> float:
    return float(np.sqrt(np.square(errors).mean()))


if __name__ == "__main__":
    main()
