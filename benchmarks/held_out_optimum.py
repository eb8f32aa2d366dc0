"""N* from small budgets compared with the isoFLOP optimum at the largest ones, on published tables.

Runs up to a tenth, and a thirtieth, of the largest budget are fitted, and N* at the largest budgets is compared with
the optimum of the isoFLOP slices there: that of Porian et al. (the data set porian_optima), and for the Chinchilla runs
the minimum of a parabola through the runs near each budget. These optima have errors of about 0.1 in log N. Run it as
``python benchmarks/held_out_optimum.py``.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from reporting import keep, machine

import bayescale as bs
from bayescale.data.datasets import dataset_groups, load_dataset, load_runs

FRACTIONS = (10.0, 30.0)
LARGEST = 3


def main() -> None:
    rows = pd.DataFrame([row for name in ("chinchilla", *_protocols()) for row in _measure(name)])
    summary = rows.groupby(["method", "trained up to"], sort=False)[["in 0.8", "in 0.9", "width", "error"]].agg(
        {"in 0.8": "mean", "in 0.9": "mean", "width": "mean", "error": ["mean", _rms]}
    )
    text = "\n\n".join([machine(), summary.to_string(float_format="%.2f"), rows.to_string(index=False)])
    keep("held_out_optimum", text, rows.to_dict("records"))


def _measure(name: str) -> Iterator[dict[str, Any]]:
    runs, optima = load_runs(name), _optima(name).sort_values("C").tail(LARGEST)
    compute = runs.column("C")
    for fraction in FRACTIONS:
        train = runs.take(np.flatnonzero(compute <= 1.01 * compute.max() / fraction))
        fits = {"bayescale": bs.fit("auto", train), "plain": bs.fit("chinchilla", train, discrepancy=False)}
        for method, fitted in fits.items():
            draws = bs.plan(fitted, budget=optima["C"].to_numpy()).draws["N"].to_numpy().reshape(-1, len(optima))
            for values, (_, found) in zip(draws.T, optima.iterrows(), strict=True):
                rank = float((values < found["N"]).mean())
                low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
                yield {
                    "table": name,
                    "method": method,
                    "trained up to": f"1/{fraction:.0f}",
                    "runs": len(train),
                    "C": f"{found['C']:.3g}",
                    "isoFLOP N": f"{found['N']:.3g}",
                    "N*": f"{middle:.3g} [{low:.3g}, {high:.3g}]",
                    "width": float(np.log(high / low)),
                    "error": float(np.log(middle / found["N"])),
                    "in 0.8": float(abs(rank - 0.5) <= 0.4),
                    "in 0.9": float(abs(rank - 0.5) <= 0.45),
                }


def _optima(name: str) -> pd.DataFrame:
    table, _, group = name.partition(":")
    if group:
        return load_dataset(f"{table}_optima", group=group).frame
    frame = load_runs(name).frame
    budgets = frame.assign(budget=(5 * np.log10(frame["C"])).round()).groupby("budget")
    found = []
    for _, block in budgets:
        if len(block) < 6:
            continue
        log_n = np.log(block["N"])
        curve = np.polyfit(log_n, np.log(block["loss"]), 2)
        lowest = -curve[1] / (2 * curve[0])
        if curve[0] > 0 and log_n.min() < lowest < log_n.max():
            found.append({"C": float(np.exp(np.log(block["C"]).mean())), "N": float(np.exp(lowest))})
    return pd.DataFrame(found)


def _protocols() -> list[str]:
    return [f"porian:{group}" for group in dataset_groups("porian")]


def _rms(values: "pd.Series[float]") -> float:
    return float(np.sqrt(np.square(values).mean()))


if __name__ == "__main__":
    main()
