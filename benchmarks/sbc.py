"""Simulation-based calibration of every law in the catalogue, at a design that suits it.

Parameters are drawn from the prior, runs from the law at the inputs of a table, and fitted with the law assumed exact,
fallbacks included. The table is the largest of those that a card pairs with the law; otherwise the Chinchilla runs, if
they have the law's inputs; otherwise a small design. Standard errors and counts of a table are left out.

If a law is calibrated, the ranks of the true values are uniform. Four tests check each parameter: whether 50 and
90 % intervals cover as often as they say (exact binomial), a chi-square of ten bins, and the greatest distance of the
ranks' distribution from the diagonal (simultaneous bands, Sailynoja et al. 2022). Each has a probability of 1 % to
reject any parameter of a calibrated law (Bonferroni over its distinct parameters), so that one law in thirty is
rejected by chance; the same tests are also made at 1 % for all laws together.

Run it as ``python benchmarks/sbc.py [--law LAW] [--replicates N] [--engine nuts] [--seed N] [--jobs N | --backend
ADDRESS]``. Replicates in ``--keep`` are not repeated, so a stopped study resumes where it stopped.
"""

import argparse
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from engines import runs_of
from reporting import RESULTS, add_study_options, keep, machine

from bayescale.basics.parallel import backend
from bayescale.data.datasets import dataset_names, load_card, load_runs
from bayescale.data.runs import Runs
from bayescale.laws.catalog import law_names, load_law
from bayescale.laws.designs import example_inputs
from bayescale.validation.ranks import coverage, coverage_band, ecdf_p_value
from bayescale.validation.recovery import Replicate, design_of, recover

STEM = "sbc"
MAIN_LAWS = ("chinchilla", "tied", "kaplan_nd", "skaling", "power_law")
REPLICATES, REPLICATES_OF_MAIN_LAWS = 100, 500
LEVELS = (0.5, 0.9)
BINS = 10
ERROR = 0.01
DRAWS = 250
"""Of each of four chains."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--law", choices=law_names(), action="append")
    parser.add_argument("--replicates", type=int, help=f"{REPLICATES}, {REPLICATES_OF_MAIN_LAWS} of the main laws")
    parser.add_argument("--engine", choices=("importance", "nuts"), default="importance")
    parser.add_argument("--seed", type=int, default=0, help="another one makes other tables, in a row of their own")
    add_study_options(parser)
    options = parser.parse_args()
    with backend(options.backend):
        for name in options.law or law_names():
            asked = options.replicates or (REPLICATES_OF_MAIN_LAWS if name in MAIN_LAWS else REPLICATES)
            measure(name, asked, options.engine, options.seed, options.jobs, options.keep)
    document = json.loads((RESULTS / f"{STEM}.json").read_text())
    keep(STEM, report(document["rows"]), document)


def measure(law: str, asked: int, engine: str, seed: int, jobs: int | None, folder: Path) -> None:
    """Calibrate a law, and add its row to the stored ones."""
    source, runs = design(law)
    print(f"{law} at {source}, {asked} tables, {engine}", flush=True)
    found = recover(
        law,
        runs,
        replicates=asked,
        n_jobs=jobs,
        cache=folder,
        progress=True,
        discrepancy=False,
        engine=engine,  # type: ignore[typeddict-item]
        seed=seed,
        draws=DRAWS,
    ).replicates
    about = {"law": law, "engine": engine, "seed": seed, "design": source, "runs": len(runs), "asked": asked}
    row = {**about, "made": datetime.now(UTC).date().isoformat(), **summary(found)}
    path = RESULTS / f"{STEM}.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    others = [each for each in rows if identity(each) != identity(row)]
    ordered = sorted([*others, row], key=identity)
    path.write_text(json.dumps({"machine": machine(), "rows": ordered}, indent=1) + "\n")


def design(law: str) -> tuple[str, Runs]:
    """The source of the inputs, and a table of them."""
    loaded = load_law(law)
    paired = [runs_of(law, name) for name in dataset_names() if law in load_card(name).laws]
    read = {*loaded.input_names, *(each.name for each in loaded.settings if each.tuned or each.default is None)}
    if not paired and read <= {"N", "D", "C"}:
        paired = [load_runs("chinchilla")]
    if not paired:
        return "a small design", design_of(loaded, example_inputs(loaded))
    longest = max(paired, key=len)
    return longest.source, design_of(loaded, longest.frame)


def summary(replicates: Sequence[Replicate]) -> dict[str, Any]:
    """Tests of the ranks of a law, parameter by parameter, and statistics of its fits."""
    ranks = pd.DataFrame([replicate.ranks for replicate in replicates])
    truths = pd.DataFrame([replicate.parameters for replicate in replicates])
    # A constant of the design has no posterior, and a monotone function of another parameter adds nothing.
    distinct = ranks.loc[:, np.ptp(truths, axis=0) > 0].T.drop_duplicates().T
    table = pd.DataFrame({f"cover_{level:g}": coverage(distinct.to_numpy(), level) for level in LEVELS})
    table.index = distinct.columns
    table["mean_rank"] = distinct.mean()
    table["chi2_p"] = [chi_square_p(distinct[name].to_numpy()) for name in distinct]
    table["ecdf_p"] = [ecdf_p_value(distinct[name].to_numpy()) for name in distinct]
    cpu = [replicate.cpu_seconds for replicate in replicates]
    return {
        "usable": len(replicates),
        "fell_back": sum(replicate.engine == "nuts" or not replicate.certified for replicate in replicates),
        "uncertified": sum(not replicate.certified for replicate in replicates),
        "cpu_median": float(np.median(cpu)),
        "cpu_largest": float(max(cpu)),
        "parameters": table.reset_index(names="parameter").to_dict("records"),
    }


def chi_square_p(ranks: "np.ndarray[Any, np.dtype[np.float64]]") -> float:
    """Probability that uniform ranks are less even over ten bins than these."""
    from scipy.stats import chisquare

    return float(chisquare(np.histogram(ranks, bins=BINS, range=(0, 1))[0]).pvalue)


def faults(row: dict[str, Any], *, error: float = ERROR) -> list[str]:
    """Parameters of a law that fail some test, with what fails."""
    parameters = row["parameters"]
    share = error / len(parameters)
    bands = {level: coverage_band(row["usable"], level, error=share) for level in LEVELS}
    found = []
    for each in parameters:
        failed = [
            *(
                f"{level:.0%} holds {each[f'cover_{level:g}']:.0%}"
                for level in LEVELS
                if not bands[level][0] <= each[f"cover_{level:g}"] <= bands[level][1]
            ),
            *(f"{name} p = {each[key]:.1g}" for name, key in TESTS.items() if each[key] < share),
        ]
        if failed:
            found.append(f"{each['parameter']} ({', '.join(failed)})")
    return found


TESTS = {"chi-square": "chi2_p", "ECDF": "ecdf_p"}


def report(rows: Iterable[dict[str, Any]]) -> str:
    """One line per law and sampler, and every parameter that fails."""
    rows = list(rows)
    table = pd.DataFrame([line(row) for row in rows])
    laws, parameters = len({row["law"] for row in rows}), sum(len(row["parameters"]) for row in rows)
    everything = [
        (row, text) for row in rows for text in faults(row, error=ERROR * len(row["parameters"]) / parameters)
    ]
    rejected = [f"{named(row)}: {', '.join(found)}" for row in rows if (found := faults(row))]
    doubtful = [f"{named(row)} ({row['uncertified']})" for row in rows if row["uncertified"]]
    return "\n".join(
        [
            machine(),
            "50%, 90%: share of intervals that contain the truth, of the worst parameter; p: of the worst parameter,",
            "times the number of distinct parameters; N: fell back on NUTS; !: not certified; CPU s: median, largest",
            "",
            table.to_string(index=False),
            "",
            f"{laws} laws, {parameters} distinct parameters",
            *(power(tables) for tables in sorted({row["asked"] for row in rows})),
            f"rejected by a test at {ERROR:.0%} for all laws together: "
            f"{'; '.join(f'{named(row)}: {text}' for row, text in everything) or 'none'}",
            f"rejected by a test at {ERROR:.0%} for each law: {'; '.join(rejected) or 'none'}",
            f"not certified: {', '.join(doubtful) or 'none'}",
        ]
    )


def power(tables: int, parameters: int = 8) -> str:
    """Observed coverage at which a law is rejected."""
    bands = {level: coverage_band(tables, level, error=ERROR / parameters) for level in LEVELS}
    held = ", ".join(f"{level:.0%} intervals hold {low:.0%} to {high:.0%}" for level, (low, high) in bands.items())
    return f"not rejected with {tables} tables of {parameters} parameters: {held}"


def identity(row: dict[str, Any]) -> tuple[str, int, str]:
    return row["engine"], row["seed"], row["law"]


def named(row: dict[str, Any]) -> str:
    by = f" by {row['engine']}" if row["engine"] != "importance" else ""
    return f"{row['law']}{by}{f', seed {row["seed"]}' if row['seed'] else ''}"


def line(row: dict[str, Any]) -> dict[str, Any]:
    parameters = pd.DataFrame(row["parameters"])
    worst = {level: parameters[f"cover_{level:g}"] for level in LEVELS}
    far = {level: values.iloc[(values - level).abs().argmax()] for level, values in worst.items()}
    adjusted = {name: min(1.0, parameters[key].min() * len(parameters)) for name, key in TESTS.items()}
    return {
        "law": named(row),
        "inputs": row["design"].partition(":")[0],
        "runs": row["runs"],
        "tables": row["usable"],
        "parameters": len(parameters),
        **{f"{level:.0%}": f"{share:.0%}" for level, share in far.items()},
        **{f"{name} p": f"{p:.2g}" for name, p in adjusted.items()},
        "N": row["fell_back"] if row["engine"] != "nuts" else "",
        "!": row["uncertified"],
        "CPU s": f"{row['cpu_median']:.1f}, {row['cpu_largest']:.0f}",
        "rejected": "YES" if faults(row) else "no",
    }


if __name__ == "__main__":
    main()
