"""Bands on tables of three seeds: the mean of each setting fitted, as by default, against every row as a run.

Fifteen settings (five budgets, three ratios of tokens to parameters) around Chinchilla's law scatter by heavy-tailed
noise that their seeds share, and seeds scatter by normal noise of their own. One run at three and one at ten times the
largest compute is forecast by ``tied``, quickly and uncertified. A column that differs between seeds makes each row a
run. Run it as ``python benchmarks/repeats.py [--tables N] [--jobs N]``.
"""

import argparse
from typing import Any

import numpy as np
import pandas as pd
from reporting import add_study_options, keep, machine, study

from bayescale.laws.catalog import load_law
from bayescale.posterior.forecasting import forecast
from bayescale.posterior.single import fit_law

STEM = "repeats"
LAW = "tied"
SEEDS = 3
SCATTERS = ((0.01, 0.004), (0.003, 0.01), (0.0, 0.01))
"""Scatter of settings, and of seeds, of log loss."""
HORIZONS = (3, 10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=60, help="of each kind")
    add_study_options(parser)
    options = parser.parse_args()
    asked = [(*scatters, k) for scatters in SCATTERS for k in range(options.tables)]
    rows = pd.DataFrame([row for found in study(options, STEM, scored, asked) for row in found])
    means = rows.groupby(["settings", "seeds", "fitted", "compute"], sort=False).mean().reset_index()
    shown = means.assign(
        **{"in 90%": means["inside"].map("{:.2f}".format)},
        **{name: means[name].map("{:.4f}".format) for name in ("width", "error")},
    )
    columns = ["settings", "seeds", "compute", "fitted", "in 90%", "width", "error"]
    text = shown[columns].sort_values(["settings", "compute", "fitted"], ascending=[False, True, False])
    head = f"{machine()}\n{options.tables} tables of each kind; scatter, width and mean absolute error of log loss"
    keep(STEM, f"{head}\n\n{text.to_string(index=False)}", {"machine": machine(), "rows": means.to_dict("records")})


def scored(settings: float, seeds: float, k: int) -> list[dict[str, Any]]:
    """Whether bands hold the runs beyond one table, by either way, their widths and the errors of medians."""
    rng = np.random.default_rng(k)
    compute, ratio = (each.ravel() for each in np.meshgrid(np.geomspace(1e18, 1e20, 5), [8, 20, 50]))
    n, d = np.sqrt(compute / 6 / ratio), np.sqrt(compute / 6 * ratio)
    apart = settings * rng.standard_t(5, len(n))
    table = pd.DataFrame(
        {
            "N": np.repeat(n, SEEDS),
            "D": np.repeat(d, SEEDS),
            "seed": np.tile(np.arange(SEEDS), len(n)),
            "loss": np.repeat(law(n, d) * np.exp(apart), SEEDS) * np.exp(seeds * rng.standard_normal(len(n) * SEEDS)),
        }
    )
    beyond = compute.max() * np.array(HORIZONS)
    at = {"N": np.sqrt(beyond / 6 / 20), "D": np.sqrt(beyond / 6 * 20)}
    noise = settings * rng.standard_t(5, len(beyond)) + seeds * rng.standard_normal(len(beyond))
    observed = law(at["N"], at["D"]) * np.exp(noise)
    rows = []
    for fitted, given in (("means", table), ("every row", table.assign(kind=1.0 + table["seed"]))):
        bands = forecast(fit_law(LAW, given, certify=False, doubts=False), **at).summary()
        low, middle, high = (bands[name].to_numpy() for name in ("q05", "q50", "q95"))
        for j, horizon in enumerate(HORIZONS):
            rows.append(
                {
                    "settings": settings,
                    "seeds": seeds,
                    "fitted": fitted,
                    "compute": horizon,
                    "inside": float(low[j] <= observed[j] <= high[j]),
                    "width": float(np.log(high[j] / low[j])),
                    "error": float(abs(np.log(middle[j] / observed[j]))),
                }
            )
    return rows


def law(n: Any, d: Any) -> Any:
    """Chinchilla's law at published values."""
    found = load_law("chinchilla")
    return found.mean(np, {"N": n, "D": d}, dict(found.published[0].values))


if __name__ == "__main__":
    main()
