"""Simulation-based calibration of the default: discrepancy on two scales, heavy tails, standard errors or none.

Parameters are drawn from the prior, amplitudes and noise among them, coefficients of the discrepancy's features from
theirs, and outcomes from the model at the inputs of a design; the fit uses none of these. If a posterior is right, the
ranks of the true values are uniform. The tests are those of ``sbc.py``. Run it as ``python benchmarks/sbc_default.py
[--law LAW] [--noise NOISE] [--runs N] [--errors] [--replicates N] [--jobs N]``: each invocation adds a row.
"""

import argparse
import json
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from reporting import RESULTS, add_study_options, keep, machine, study
from sbc import faults, line, summary

from bayescale.data.datasets import load_dataset
from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.inference.discrepancy import DRIFT, Basis, discrepancy_basis
from bayescale.inference.model import COEFFICIENTS, build_model
from bayescale.laws.catalog import load_law
from bayescale.laws.law import Law
from bayescale.laws.noise import noise_by_name
from bayescale.posterior.single import fit_law
from bayescale.sampling.logdensity import LogDensity
from bayescale.validation.ranks import rank
from bayescale.validation.recovery import Replicate

STEM = "sbc_default"
DRAWS = 250


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--law", default="skaling")
    parser.add_argument("--noise", default="student_t", choices=("student_t", "normal"))
    parser.add_argument("--runs", type=int, default=36)
    parser.add_argument("--errors", action="store_true", help="tables state standard errors of .4 %% of the outcome")
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    add_study_options(parser)
    options = parser.parse_args()
    case = (options.law, options.noise, options.runs, options.errors)
    tasks = [(*case, options.seed * 100_000 + i) for i in range(options.replicates)]
    found = [Replicate(**each) for each in study(options, STEM, replicate, tasks)]
    row = {
        **dict(zip(("law", "noise", "runs", "errors"), case, strict=True)),
        "design": f"{options.noise}{', standard errors' if options.errors else ''}",
        "engine": "importance",
        "seed": options.seed,
        "asked": options.replicates,
        "made": datetime.now(UTC).date().isoformat(),
        **summary(found),
    }
    path = RESULTS / f"{STEM}.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    rows = [each for each in rows if any(each[name] != row[name] for name in ("law", "noise", "runs", "errors"))]
    rows = sorted([*rows, row], key=lambda each: (each["law"], each["noise"], -each["runs"], each["errors"]))
    keep(STEM, report(rows), {"machine": machine(), "rows": rows})


def replicate(law_name: str, noise_name: str, n_runs: int, errors: bool, seed: int) -> dict[str, Any]:
    """Simulate one table from the prior, fit it, and rank the truth among the draws."""
    law, rng = load_law(law_name), np.random.default_rng(seed)
    runs, truth, _ = simulated(law, noise_name, design(law, n_runs, errors), rng)
    start = time.process_time()
    fitted = fit_law(law_name, runs, noise=noise_name, draws=DRAWS, seed=seed)
    cpu_seconds, found = time.process_time() - start, fitted.diagnostics
    ranks = {name: rank(truth[name], draws) for name, draws in fitted.parameters.items()}
    result = Replicate(truth, ranks, fitted.record.engine, found.certified, found.pareto_k, found.ess_min, cpu_seconds)
    return asdict(result)


def design(law: Law, n: int, errors: bool) -> Runs:
    """Inputs of some of the Chinchilla runs, evenly spread over their compute, or of a curve."""
    if law.input_names == ("x",):
        frame = pd.DataFrame({"x": np.geomspace(10, 1e4, n)})
    else:
        table = load_dataset("chinchilla").frame.sort_values("C").reset_index(drop=True)
        frame = table.loc[np.linspace(0, len(table) - 1, n).round().astype(int), ["N", "D"]]
    frame = frame.assign(**{law.outcome: 1.0})
    frame = frame.assign(**{f"{law.outcome}_se": 0.004}) if errors else frame
    return Runs.from_frame(frame.reset_index(drop=True), outcome=law.outcome)


def simulated(
    law: Law, noise_name: str, runs: Runs, rng: np.random.Generator
) -> tuple[Runs, dict[str, float], "np.ndarray[Any, Any]"]:
    """A table drawn from the prior, and the parameters and the discrepancy's coefficients behind it."""
    observed, noise = Observed(law, runs), noise_by_name(noise_name)
    basis = discrepancy_basis(observed)
    posterior = build_model(observed, noise, basis)
    density = LogDensity(posterior.model)
    latent = rng.standard_normal((1, posterior.model[COEFFICIENTS].shape.eval()[0]))
    drawn = density.parameters(density.prior(1, int(rng.integers(2**31))), latent)
    truth = {name: float(values[0]) for name, values in drawn.items()}
    mean = np.log(law.mean(np, observed.inputs, truth)) + discrepancy(basis, truth, latent[0])
    relative = runs.column(f"{law.outcome}_se") if f"{law.outcome}_se" in runs.frame else None
    columns = {name: np.array([value]) for name, value in truth.items()}
    shift, scale = noise.draw_moments(rng, columns, mean.shape, relative=basis.noise_scale, standard_error=relative)
    outcome = np.exp(mean + shift + scale * rng.standard_normal(mean.shape))
    frame = runs.frame.assign(**{law.outcome: outcome})
    if relative is not None:
        frame = frame.assign(**{f"{law.outcome}_se": relative * outcome})
    return Runs.from_frame(frame, outcome=law.outcome), truth, latent[0]


def discrepancy(basis: "Basis[Any]", truth: dict[str, float], latent: "np.ndarray[Any, Any]") -> Any:
    kinds = basis.process.kinds
    amplitudes = np.where(kinds == DRIFT, truth["drift"], truth["tau"])
    return basis.process.at_runs @ (amplitudes * latent[: len(kinds)])


def report(rows: list[dict[str, Any]]) -> str:
    """One line per case, and every parameter that a test rejects."""
    rejected = [
        f"{row['law']}, {row['runs']} runs, {row['design']}: {', '.join(found)}"
        for row in rows
        if (found := faults(row))
    ]
    return "\n".join(
        [
            machine(),
            "50%, 90%: share of intervals that contain the truth, of the worst parameter; p: of the worst parameter,",
            "times the number of parameters; N: fell back on NUTS; !: not certified; CPU s: median, largest",
            "",
            pd.DataFrame([line(row) for row in rows]).to_string(index=False),
            "",
            f"rejected by a test at 1% for each case: {'; '.join(rejected) or 'none'}",
        ]
    )


if __name__ == "__main__":
    main()
