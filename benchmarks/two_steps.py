"""Accuracy with and without two steps, through the loss: hidden larger runs of Gadre.

Each of its three data sets has the loss and an accuracy of every run. It is cut as in ``accuracies.py``, at eight of
its ceilings of compute and horizons. The default is fitted to the accuracies by compute, without the losses and with
them, when it contains two steps. Beside it are two steps alone, whose first is the default for loss by compute, or by N
and D, and the default's laws in one step mixed with two steps by N and D. Run it as ``python benchmarks/two_steps.py``.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
from accuracies import some
from numpy.typing import NDArray
from reporting import add_study_options, keep, machine, study

from bayescale.data.datasets import dataset_groups, load_dataset
from bayescale.data.observed import Observed
from bayescale.data.runs import Runs
from bayescale.inference.options import Options
from bayescale.inference.sampled import Sampled
from bayescale.laws.catalog import load_law
from bayescale.laws.steps import THEN
from bayescale.posterior import single
from bayescale.posterior.chains import Chain
from bayescale.posterior.ensembles import Ensemble
from bayescale.posterior.fitting import fit_to_score
from bayescale.posterior.forecasting import predicted_runs
from bayescale.posterior.predictive import Predictive
from bayescale.posterior.single import fit_laws
from bayescale.posterior.stacking import horizon_weights, sketched
from bayescale.validation.backtesting import scores_of

SCORES = {
    "cover_0.5": "50 %",
    "cover_0.9": "90 %",
    "width": "width",
    "crps": "CRPS",
    "log_score": "log score",
    "error": "bias",
}
ACCURACY = ["accuracy", "accuracy_n", "chance"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_study_options(parser)
    tasks = []
    for group in dataset_groups("gadre"):
        columns = ["N", "D", "C", "loss", *ACCURACY]
        frame = load_dataset("gadre", group=group, everything=True).frame.sort_values("C")[columns]
        for each in some(Runs.from_frame(frame, outcome="accuracy")):
            train, test = (frame.iloc[rows].to_dict("list") for rows in (each.train, each.test))
            tasks.append((group, each.horizon, train, test))
    found = study(parser.parse_args(), "two_steps", scored, tasks)
    table = pd.DataFrame([row for rows in found for row in rows])
    keys = ["method", "horizon"]
    means = table.groupby(keys)[list(SCORES)].mean().rename(columns=SCORES)
    shown = table.groupby(keys).size().rename("splits").to_frame().join(means).reset_index()
    text = (
        f"{machine()}\nmeans over splits of three data sets; width, CRPS and bias are of log-odds, the log score is in "
        f"nats a run\n\n{shown.to_string(index=False, float_format='%.3f')}"
    )
    keep("two_steps", text, {"machine": machine(), "rows": table.to_dict("records")})


def scored(
    group: str, horizon: float, train: dict[str, list[float]], test: dict[str, list[float]]
) -> list[dict[str, Any]]:
    """Mean scores of hidden runs under each method."""
    with sampled_once():
        methods = predictions(pd.DataFrame(train), Runs.from_frame(pd.DataFrame(test), outcome="accuracy"))
    return [
        {
            "group": group,
            "horizon": horizon,
            "method": method,
            **scores_of(forecast, observed, np.random.default_rng(0))[list(SCORES)].mean().to_dict(),
        }
        for method, (forecast, observed) in methods.items()
    ]


def predictions(runs: pd.DataFrame, hidden: Runs) -> dict[str, tuple[Predictive, NDArray[np.float64]]]:
    """Predictions of hidden runs by each method, and what was observed."""
    options = Options()
    direct = fit_to_score("auto", Runs.from_frame(runs[["C", *ACCURACY]], outcome="accuracy"), options)
    both = fit_to_score("auto", Runs.from_frame(runs[["C", "loss", *ACCURACY]], outcome="accuracy"), options)
    second = fit_to_score("accuracy_of_loss", Runs.from_frame(runs[["loss", *ACCURACY]], outcome="accuracy"), options)
    methods: dict[str, tuple[Predictive, NDArray[np.float64]]] = {
        "default, one step by C": predicted_runs(direct, hidden),
        "default with two steps by C": predicted_runs(both, hidden),
    }
    for inputs in (["C"], ["N", "D"]):
        first = fit_to_score("auto", Runs.from_frame(runs[[*inputs, "loss"]]), options)
        methods[f"loss by {', '.join(inputs)}, then accuracy"] = predicted_runs(Chain(first, second), hidden)
    laws = [*direct.members, *(f"{name}{THEN}accuracy_of_loss" for name in first.members)]
    mixture = mixed(laws, Runs.from_frame(runs, outcome="accuracy"), options)
    methods["one step by C, two by N, D"] = predicted_runs(mixture, hidden)
    return methods


@contextmanager
def sampled_once() -> Iterator[None]:
    """Sample each posterior once, since the methods have laws in common."""
    known: dict[tuple[Any, ...], Sampled] = {}
    sample = single.sampled_runs

    def sampled(observed: Observed, options: Options, *, certify: bool = True) -> Sampled:
        error = observed.standard_error
        columns = (*observed.inputs.values(), observed.on_link, *(() if error is None else (error,)))
        key = (observed.law.name, options, certify, *(each.tobytes() for each in columns))
        if key not in known:
            known[key] = sample(observed, options, certify=certify)
        return known[key]

    with patch.object(single, "sampled_runs", sampled):
        yield


def mixed(laws: list[str], runs: Runs, options: Options) -> Ensemble:
    """Laws of different inputs with weights, as the default has them for laws of the same."""
    fits = fit_laws(laws, runs, [sketched(options)] * len(laws), certify=False)
    weights = horizon_weights([load_law(name) for name in laws], runs, options)
    return Ensemble(members=dict(zip(laws, fits, strict=True)), weights=weights)


if __name__ == "__main__":
    main()
