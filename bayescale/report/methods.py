"""The disclosure checklist of a scaling-law fit, filled in from the fit, a card, or the user.

The items are those of (Mis)Fitting (Li, Kudugunta, Zettlemoyer 2025, arXiv:2502.18969), with uncertainty and validation
added. An item without a value says so, which is a disclosure too.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bayescale.basics.errors import LawError
from bayescale.basics.intervals import DEFAULT_MASS
from bayescale.basics.quantities import format_quantity, with_unit
from bayescale.basics.wording import nearest
from bayescale.data import datasets
from bayescale.posterior.ensembles import Ensemble, Posterior, first_fit, members
from bayescale.posterior.fit import Fit
from bayescale.report.checks import Replicated
from bayescale.report.content import Table
from bayescale.report.labels import interval_of
from bayescale.report.sections import ranges_of
from bayescale.report.typesetting import Math

if TYPE_CHECKING:
    from bayescale.validation.backtesting import Backtest

NOT_GIVEN = "not given by the user"

ITEMS = {
    "architecture": "architecture",
    "tokenizer": "tokenizer",
    "training_data": "training data",
    "epochs": "epochs over the training data",
    "flop_rule": "how FLOP were counted",
    "parameter_rule": "how parameters were counted (embeddings, head, active or total)",
    "hyperparameters": "hyper-parameters, and whether they were tuned at each scale",
    "schedule": "whether the learning-rate schedule matched the length of each run",
    "checkpoints": "which checkpoints were fitted",
    "smoothing": "smoothing or interpolation of the outcomes",
    "outliers": "runs left out, and why",
    "evaluation": "evaluation set and metric",
    "derivation": "where the form of the law comes from",
    "code": "code that trained the models",
    "data_release": "where the table of runs is kept",
    "model_release": "where checkpoints or scores are kept",
}
"""Items that a user may fill in, and their meanings, by name."""

_REPORTED = ("E", "alpha_N", "beta_D", "a_opt")
"""Floor and exponents, of laws that have them."""

_Item = tuple[str, str, str]


def check_given(given: Mapping[str, str]) -> None:
    """Check that all given items exist.

    Raises
    ------
    LawError
        If an item is unknown.

    Examples
    --------
    >>> check_given({"tokeniser": "BPE"})
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.LawError: a report has no item 'tokeniser', did you mean 'tokenizer'?
    """
    for name in given:
        if name not in ITEMS:
            near = nearest(name, ITEMS)
            hint = f", did you mean {near!r}?" if near else f": it has {', '.join(ITEMS)}"
            raise LawError(f"a report has no item {name!r}{hint}")


def methods_tables(
    fit: Posterior,
    checked: Replicated,
    given: Mapping[str, str],
    backtested: "Backtest | None" = None,
    mass: float = DEFAULT_MASS,
) -> tuple[Table, ...]:
    """The checklist, with one table per topic.

    Parameters
    ----------
    fit : Fit or Ensemble
    checked : Replicated
        The fitted runs beside new runs like them.
    given : mapping of str
        Values of items of :data:`ITEMS` from the user; they override those of a card, which override the table's.
    backtested : Backtest, optional
    mass : float
        Of the intervals.
    """
    told = {**_from_fit(fit), **_from_card(fit), **given}

    def item(name: str) -> tuple[str, str]:
        return ITEMS[name], told.get(name, NOT_GIVEN)

    rows = [
        *_hypothesis(fit, item("derivation")),
        *_training(fit),
        *(("Training", *item(name)) for name in ("architecture", "tokenizer", "training_data", "epochs")),
        *(("Training", *item(name)) for name in ("flop_rule", "parameter_rule", "hyperparameters", "schedule")),
        *(("Data", *item(name)) for name in ("checkpoints", "smoothing", "outliers", "evaluation")),
        *_fitting(fit),
        *_uncertainty(fit, mass),
        *_validation(fit, checked, backtested, mass),
        ("Release", "code of the fit", _code(fit)),
        *(("Release", *item(name)) for name in ("code", "data_release", "model_release")),
    ]
    return tuple(
        Table(topic, ("item", "what was done"), tuple(row[1:] for row in block))
        for topic, block in groupby(rows, key=lambda row: row[0])
    )


def _from_fit(fit: Posterior) -> dict[str, str]:
    """Items that the law, the table and the fit determine themselves."""
    first, frame = first_fit(fit), fit.runs.frame
    law, n = first.law, len(fit.runs)
    left_out = [note for note in first.notes if "left out" in note]
    one_row_each = f"one row a run, as far as the table says: {n:,} rows"
    told = {
        "derivation": "; ".join(dict.fromkeys(each.law.citation for each in members(fit).values())),
        "checkpoints": one_row_each
        if first.cluster is None
        else f"{n:,} rows of {len(np.unique(first.cluster)):,} training runs; rows of one run share a random effect",
        "outliers": "; ".join(left_out) or f"none: all {n:,} rows of the table were fitted",
        "evaluation": f"{with_unit(law.outcome, law.outcome_unit)} as in the table; on which data is {NOT_GIVEN}",
        "data_release": f"table {Path(fit.dataset).name}, SHA-256 of its numbers {first.record.data_hash}",
    }
    if "U" in frame:
        epochs = fit.runs.column("D") / fit.runs.column("U")
        told["epochs"] = f"{format_quantity(epochs.min())} to {format_quantity(epochs.max())}, D/U"
    if {"N", "D"} <= set(frame):
        told["flop_rule"] = first.count.words
    elif "C" in frame:
        told["flop_rule"] = f"as the table gives them; the rule is {NOT_GIVEN}"
    return told


def _from_card(fit: Posterior) -> dict[str, str]:
    """Items from the card of a shipped data set; none for the user's own table."""
    name = fit.dataset.partition(":")[0]
    if name not in datasets.dataset_names():
        return {}
    card = datasets.load_card(name)
    told = {
        "training_data": card.description,
        "data_release": f"{'; '.join(card.source)}; licence {card.licence}; cite {'; '.join(card.citation)}",
        "evaluation": _of_column(card.columns.get(card.outcome, {}), "meaning", "trap"),
        "parameter_rule": _of_column(card.columns.get("N", {}), "counting", "trap"),
        "flop_rule": _of_column(card.columns.get("C", {}), "counting", "trap"),
        **card.methods,
    }
    return {key: f"{text} (from the data set's card)" for key, text in told.items() if text}


def _of_column(column: Mapping[str, str], *keys: str) -> str:
    return "; ".join(column[key] for key in keys if column.get(key))


def _hypothesis(fit: Posterior, derivation: tuple[str, str]) -> Iterator[_Item]:
    law = first_fit(fit).law
    for name, member in members(fit).items():
        yield "Hypothesis", f"form of {name}", Math(member.law.formula)
    for each in (*law.inputs, *law.settings):
        yield "Hypothesis", f"variable {each.name}", with_unit(each.meaning, each.unit)
    yield "Hypothesis", "outcome", f"{with_unit(law.outcome, law.outcome_unit)}, on the scale of its {law.link.words}"
    yield "Hypothesis", *derivation


def _training(fit: Posterior) -> Iterator[_Item]:
    runs = fit.runs
    yield "Training", "number of runs", f"{len(runs):,}"
    for name, (unit, low, high, _) in ranges_of(fit).items():
        yield "Training", f"range of {name}", f"{low} to {high} {unit}".rstrip()
    if {"N", "D"} <= set(runs.frame):
        ratio = runs.column("D") / runs.column("N")
        low, high = format_quantity(ratio.min()), format_quantity(ratio.max())
        yield "Training", "range of D/N", f"{low} to {high} tokens/parameter, on {runs.n_rays} rays"


def _fitting(fit: Posterior) -> Iterator[_Item]:
    first = first_fit(fit)
    law, record = first.law, first.record
    yield (
        "Fit",
        "objective",
        f"posterior density: {record.noise} noise on the {law.scale_unit} of all runs, and the priors above",
    )
    yield (
        "Fit",
        "model discrepancy",
        "a smooth function of the logarithms of the inputs, learnt from the runs (Gaussian process, Matern 5/2)"
        if record.discrepancy
        else "none: the law is assumed exact, and bands on larger runs are then too narrow",
    )
    for name, member in members(fit).items():
        yield "Fit", f"sampler of {name}", _sampler(member.record.engine)
        yield "Fit", f"evidence of convergence of {name}", _diagnosed(member)
    yield "Fit", "bounds", "none except the priors, which are in the table of parameters"
    yield "Fit", "compute, of runs and of budgets", f"{first.count.words} (FLOP)"
    yield "Fit", "weights of runs", _weights(fit)


def _weights(fit: Posterior) -> str:
    frame, law = fit.runs.frame, first_fit(fit).law
    said = ["by the standard errors of their outcomes in the table"] if f"{law.outcome}_se" in frame else []
    if "noise_scale" in frame and (most := float(frame["noise_scale"].max())) > 1:
        said.append(f"runs with fewer than 5 tokens per parameter less, with up to {most:.2g} times the noise")
    return "; ".join(said) or "equal"


def _sampler(engine: str) -> str:
    if engine == "prior":
        return "none: the draws are from the prior"
    if engine == "nuts":
        return "the No-U-Turn sampler, with chains started at draws from the prior"
    return (
        "adaptive importance sampling: modes from several starts, two independent adaptations of kernels around draws"
    )


def _diagnosed(member: Fit) -> str:
    found = member.diagnostics
    shown = [f"{name} {value}" for name, value in found.figures.items()]
    state = "certified" if found.certified else "NOT CERTIFIED"
    return ", ".join([state, *shown, f"effective draws {found.ess_min:.0f} for the worst parameter"])


def _uncertainty(fit: Posterior, mass: float) -> Iterator[_Item]:
    record = first_fit(fit).record
    yield "Uncertainty", "method", f"posterior draws ({record.draws * record.chains:,} a law); equal-tailed intervals"
    clustered = "cluster" in first_fit(fit).groups["constant_data"]
    unit = "a training run, whose checkpoints share a random effect" if clustered else "a row of the table"
    yield "Uncertainty", "independent unit", unit
    yield "Uncertainty", "share of replicates that converged", "no replicates: see the evidence of convergence"
    for name, member in members(fit).items():
        draws, units = member.groups["posterior"].to_dataset(), {item.name: item.unit for item in member.described}
        shown = [each for each in _REPORTED if each in units] or list(units)[:4]
        text = "; ".join(f"{each} {interval_of(draws[each], mass, 3)} {units[each]}".rstrip() for each in shown)
        yield "Uncertainty", f"exponents and floor of {name}, {mass:.0%} intervals", text


def _validation(fit: Posterior, checked: Replicated, backtested: "Backtest | None", mass: float) -> Iterator[_Item]:
    n = len(checked.rows)
    yield (
        "Validation",
        "fitted runs",
        f"{checked.inside:.0%} of {n:,} lie in the {mass:.0%} band of a new run like them",
    )
    if backtested is not None:
        own = backtested.summary()
        own = own[own["method"] == backtested.law]
        for row in own.to_dict("records"):
            yield (
                "Validation",
                f"hidden runs up to {row['horizon']:g} times the largest run trained on",
                f"{row['n_test']} runs: the 90 % interval contained {row['cover_0.9']:.0%}, rms of the error "
                f"{row['rmse']:.4f} on the scale of the noise",
            )
    elif isinstance(fit, Ensemble) and bool(fit.weights["hidden_runs"].any()):
        hidden = fit.weights["hidden_runs"].to_series()
        largest = hidden[hidden > 0].index.max()
        yield (
            "Validation",
            "hidden runs",
            f"up to {largest:g} times the largest run trained on, only to learn the weights of the laws; no back-test "
            "was requested",
        )
    else:
        yield "Validation", "hidden runs", "no back-test was requested"


def _code(fit: Posterior) -> str:
    record = first_fit(fit).record
    laws = [f"{name} {(member.record.law_hash or 'without a hash')[:12]}" for name, member in members(fit).items()]
    return f"bayescale {record.versions['bayescale']}, Apache-2.0; law files {', '.join(laws)}"
