"""The sections on the comparison of laws and on coverage of hidden runs, as far as they were requested."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayescale.basics.quantities import format_quantity, with_unit
from bayescale.planning.answers import Answer
from bayescale.posterior.ensembles import Ensemble, Posterior
from bayescale.report.content import Figure, Section, Table
from bayescale.report.doubts import held
from bayescale.report.figures import intervals, shares_by
from bayescale.report.labels import ends_of, interval_of

if TYPE_CHECKING:
    from bayescale.validation.backtesting import Backtest
    from bayescale.validation.comparison import Comparison


def comparison_section(
    fit: Posterior, by_law: Mapping[str, Answer], compared: "Comparison | None", mass: float
) -> Section:
    """The answer of each law, the weights of the laws, and their comparison if it was requested."""
    found: list[Figure] = []
    paragraphs = []
    if isinstance(fit, Ensemble):
        found.append(_weights(fit))
        if by_law:
            found.append(_optima_by_law(fit, by_law, mass))
    else:
        paragraphs.append("The answer rests on one law.")
    tables: tuple[Table, ...] = ()
    if compared is None:
        paragraphs.append(
            "Laws were not compared by leave-one-out density, evidence and hidden runs: that takes minutes."
        )
    else:
        tables = (_compared(compared),)
        paragraphs += [compared.verdict, *compared.warnings]
    return Section("comparison", "Comparison of laws", tuple(paragraphs), figures=tuple(found), tables=tables)


def backtest_section(measured: "Backtest | None") -> Section:
    """Whether bands contained hidden larger runs, if a back-test was requested."""
    if measured is None:
        said = (
            "No back-test with hidden larger runs was made: that takes minutes. The documentation of bayescale "
            "(docs/calibration.md) shows how the defaults perform on published tables."
        )
        return Section("backtest", "Back-test", (said,))
    summary = measured.summary()
    horizons = [f"{each:g}" for each in summary["horizon"].unique()]
    shares = {
        str(method): block.set_index("horizon")["cover_0.9"].reindex(summary["horizon"].unique()).to_list()
        for method, block in summary.groupby("method", sort=False)
    }
    table = Table(
        "Scores of hidden runs, on the scale of the noise",
        (
            "times the largest run trained on",
            "method",
            "hidden runs",
            "in 50 %",
            "in 80 %",
            "in 90 %",
            "CRPS",
            "RMSE",
            "bias",
        ),
        tuple(_scores(row) for row in summary.to_dict("records")),
        "One standard error in brackets, clustered by split.",
    )
    figure = Figure(
        "backtest-coverage",
        f"90% intervals contain {held(measured)[0]:.0%} of the hidden larger runs",
        shares_by(horizons, shares, ("times the largest run trained on, at most", "share of hidden runs inside"), 0.9),
        table,
    )
    return Section("backtest", "Back-test", figures=(figure,))


def _weights(fit: Ensemble) -> Figure:
    horizons = fit.weights["horizon"].to_numpy()
    shares = {str(name): fit.weights.sel(law=name).to_numpy().tolist() for name in fit.weights["law"].to_numpy()}
    hidden = fit.weights["hidden_runs"].to_numpy()
    heaviest = max(shares, key=lambda name: shares[name][-1])
    rows = tuple(
        (f"{h:g}", *(f"{values[i]:.2f}" for values in shares.values()), str(int(hidden[i])))
        for i, h in enumerate(horizons)
    )
    return Figure(
        "weights",
        f"At {horizons[-1]:g} times the largest run trained on, {heaviest} has the most weight, "
        f"{shares[heaviest][-1]:.0%}",
        shares_by([f"{h:g}" for h in horizons], shares, ("times the largest run trained on", "weight of the law")),
        Table("Weights of the laws", ("times the largest run trained on", *shares, "hidden runs"), rows),
        "Weights are learnt from hidden runs; beyond the largest horizon they return towards equal weights.",
    )


def _optima_by_law(fit: Ensemble, by_law: Mapping[str, Answer], mass: float) -> Figure:
    found: dict[str, list[tuple[float, float, float]]] = {}
    rows = []
    budgets = next(iter(by_law.values())).draws["C"].to_numpy().tolist()
    for name, answer in by_law.items():
        draws = answer.draws
        found[name] = [ends_of(draws["N"].isel(budget=i), mass) for i in range(len(budgets))]
        for i, budget in enumerate(budgets):
            cells = [
                interval_of(draws[key].isel(budget=i), mass, 4 if key == "loss" else 3) for key in ("N", "D", "loss")
            ]
            rows.append((name, f"{format_quantity(budget)} FLOP", *cells))
    last = {name: values[-1][1] for name, values in found.items()}
    ratio = max(last.values()) / min(last.values())
    unit = fit.first.law.outcome_unit
    return Figure(
        "optima",
        f"The laws' separate answers differ by a factor of {ratio:.2g} in N* at {format_quantity(budgets[-1])} FLOP",
        intervals(found, [f"{format_quantity(each)} FLOP" for each in budgets], "N* (parameters)"),
        Table(
            f"Separate answer of each law, median and {mass:.0%} interval",
            ("law", "budget", "N* (parameters)", "D* (tokens)", with_unit(fit.outcome, unit)),
            tuple(rows),
        ),
    )


def _compared(compared: "Comparison") -> Table:
    rows = []
    for row in compared.table.to_dict("records"):
        score, evidence = row["horizon_score"], row["log_evidence"]
        rows.append(
            (
                str(row["law"]),
                "" if pd.isna(score) else f"{score:.3f}",
                "" if pd.isna(score) else f"{row['score_diff']:+.3f} ({row['score_diff_se']:.3f})",
                f"{row['probability']:.2f}",
                f"{row['elpd_loo']:.1f} ({row['se']:.1f})",
                f"{row['elpd_diff']:+.1f} ({row['dse']:.1f})",
                "" if pd.isna(row["max_pareto_k"]) else f"{row['max_pareto_k']:.2f}",
                "" if pd.isna(evidence) else f"{evidence:.1f}",
                "" if pd.isna(row["weight_stacking"]) else f"{row['weight_stacking']:.2f}",
            )
        )
    return Table(
        "Laws, the best forecaster first (nats; larger is better)",
        (
            "law",
            "score of hidden larger runs",
            "from the first",
            "probability of being best",
            "ELPD, leave one out",
            "from the first",
            "largest k-hat",
            "log evidence",
            "stacking weight",
        ),
        tuple(rows),
        "One standard error in brackets.",
    )


def _scores(row: Mapping[Any, Any]) -> tuple[str, ...]:
    return (
        f"{row['horizon']:g}",
        str(row["method"]),
        str(row["n_test"]),
        f"{row['cover_0.5']:.0%}",
        *(f"{row[name]:.0%}{_in_brackets(row[f'{name}_se'])}" for name in ("cover_0.8", "cover_0.9")),
        f"{row['crps']:.4f}",
        f"{row['rmse']:.4f}",
        f"{row['bias']:+.4f}",
    )


def _in_brackets(error: float) -> str:
    """A standard error; there is none for a single split."""
    return "" if math.isnan(error) else f" ({error:.0%})"
