"""Simulation-based calibration with priors that a user states, on reported quantities and as fixed values.

Parameters are drawn from a law whose priors are the user's, runs are simulated from them, and fitted with the same
priors and the law assumed exact. Posteriors are calibrated only if the density of a stated prior enters with the right
Jacobian. The tests are those of ``sbc.py``.

Run it as ``python benchmarks/sbc_priors.py [--replicates N] [--only CASE] [--jobs N | --backend ADDRESS]``. Replicates
in ``--keep`` are not repeated, so a stopped study resumes where it stopped.
"""

import argparse

from reporting import add_study_options, keep, kept, machine
from sbc import DRAWS, faults, summary

from bayescale import Prior
from bayescale.basics.parallel import backend
from bayescale.laws.catalog import load_law
from bayescale.laws.designs import example_inputs
from bayescale.laws.priors import stated
from bayescale.validation.recovery import design_of, recover

STEM = "sbc_priors"
LAW = "chinchilla"
REPLICATES = 100
OPTIMUM = "tokens_per_parameter at C=5.76e+23"
SHOWN = ("E", "alpha_N", "beta_D", "a_opt", "sigma", OPTIMUM)
CASES = {
    "E": {"E": Prior("LogNormal", mu=0.5, sigma=0.15)},
    "E, alpha_N and a_opt": {
        "E": Prior("Normal", mu=1.7, sigma=0.2),
        "alpha_N": Prior("LogNormal", mu=-1.1, sigma=0.2),
        "a_opt": Prior("Normal", mu=0.5, sigma=0.05),
    },
    "exponents and optimum": {
        "alpha_N": Prior("LogNormal", mu=-1.1, sigma=0.2),
        "beta_D": Prior("LogNormal", mu=-1.0, sigma=0.2),
        OPTIMUM: Prior("LogNormal", mu=3.0, sigma=0.5),
    },
    "E fixed": {"E": 1.7},
    "a_opt fixed, sigma": {"a_opt": 0.5, "sigma": Prior("HalfNormal", sigma=0.01)},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--only", choices=CASES, nargs="+", default=list(CASES), help="others keep their results")
    add_study_options(parser)
    options = parser.parse_args()
    law = load_law(LAW)
    runs = design_of(law, example_inputs(law))
    rows = [] if options.only == list(CASES) else [row for row in kept(STEM)["rows"] if row["case"] not in options.only]
    with backend(options.backend):
        for name in options.only:
            priors = CASES[name]
            found = recover(
                LAW,
                runs,
                replicates=options.replicates,
                n_jobs=options.jobs,
                cache=options.keep,
                progress=True,
                discrepancy=False,
                draws=DRAWS,
                priors=priors,  # type: ignore[typeddict-item]
            ).replicates
            shown = ", ".join(f"{key} {'=' if prior.fixed else '~'} {prior}" for key, prior in stated(priors).items())
            rows.append(
                {"case": name, "priors": shown, "runs": len(runs), "replicates": options.replicates, **summary(found)}
            )
    rows.sort(key=lambda row: list(CASES).index(row["case"]))
    keep(STEM, report(rows), {"machine": machine(), "law": LAW, "rows": rows})


def report(rows: list[dict[str, object]]) -> str:
    """A line for each case: coverage of the quantities that have priors, and every parameter that fails a test."""
    lines = [machine(), f"law {LAW}, taken as true; shares of 50 and 90 % intervals that contain the truth", ""]
    for row in rows:
        parameters: list[dict[str, float | str]] = row["parameters"]  # type: ignore[assignment]
        of = [each for each in parameters if each["parameter"] in SHOWN]
        held = ", ".join(f"{each['parameter']} {each['cover_0.5']:.0%} {each['cover_0.9']:.0%}" for each in of)
        fewer = f", of {REPLICATES} in full," if row["replicates"] != REPLICATES else ""
        lines += [
            f"{row['priors']}: {row['usable']} tables{fewer} of {row['runs']} runs, "
            f"{row['fell_back']} fell back on NUTS, {row['uncertified']} not certified, "
            f"{row['cpu_median']:.1f} CPU s a fit",
            f"  {held}",
            f"  rejected: {'; '.join(faults(row)) or 'none'}",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
