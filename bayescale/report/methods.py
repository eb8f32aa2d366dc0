"""The disclosure checklist of a scaling-law fit, filled in from the fit, a card, or the user.

The items are those of (Mis)Fitting (Li, Kudugunta, Zettlemoyer 2025, arXiv:2502.18969), with uncertainty and validation
added. An item without a value says so, which is a disclosure too.
"""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from bayescale.basics.errors import LawError
from bayescale.basics.quantities import format_quantity, with_unit
from bayescale.basics.wording import nearest
from bayescale.data import datasets
from bayescale.posterior.ensembles import Ensemble, Posterior, first_fit, members
from bayescale.posterior.fit import Fit
from bayescale.report.content import Table

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


def methods_tables(fit: Posterior, given: Mapping[str, str], backtested: "Backtest | None" = None) -> tuple[Table, ...]:
    """The checklist, with one table per topic.

    Parameters
    ----------
    fit : Fit or Ensemble
    given : mapping of str
        Values of items of :data:`ITEMS` from the user; they override those of a card.
    backtested : Backtest, optional
    """
    left_out = {"outliers": "; ".join(first_fit(fit).notes)} if first_fit(fit).notes else {}
    told = {**left_out, **_from_card(fit), **given}

    def item(name: str) -> tuple[str, str]:
        return ITEMS[name], told.get(name, NOT_GIVEN)

    rows = [
        *_hypothesis(fit, item("derivation")),
        *_training(fit),
        *(("Training", *item(name)) for name in ("architecture", "tokenizer", "training_data", "epochs")),
        *(("Training", *item(name)) for name in ("flop_rule", "parameter_rule", "hyperparameters", "schedule")),
        *(("Data", *item(name)) for name in ("checkpoints", "smoothing", "outliers", "evaluation")),
        *_fitting(fit),
        *_uncertainty(fit),
        *_validation(fit, backtested),
        ("Release", "code of the fit", _code(fit)),
        *(("Release", *item(name)) for name in ("code", "data_release", "model_release")),
    ]
    return tuple(
        Table(topic, ("item", "what was done"), tuple(row[1:] for row in block))
        for topic, block in groupby(rows, key=lambda row: row[0])
    )


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
    }
    return {key: f"{text} (from the data set's card)" for key, text in told.items() if text}


def _of_column(column: Mapping[str, str], *keys: str) -> str:
    return "; ".join(column[key] for key in keys if column.get(key))


def _hypothesis(fit: Posterior, derivation: tuple[str, str]) -> Iterator[_Item]:
    law = first_fit(fit).law
    for name, member in members(fit).items():
        yield "Hypothesis", f"form of {name}", f"{member.law.formula} ({member.law.citation})"
    for each in (*law.inputs, *law.settings):
        yield "Hypothesis", f"variable {each.name}", with_unit(each.meaning, each.unit)
    yield "Hypothesis", "outcome", f"{with_unit(law.outcome, law.outcome_unit)}, on the scale of its {law.link.name}"
    yield "Hypothesis", *derivation


def _training(fit: Posterior) -> Iterator[_Item]:
    runs = fit.runs
    yield "Training", "number of runs", str(len(runs))
    for row in runs.summary().to_dict("records"):
        low, high = (format_quantity(row[end]) for end in ("min", "max"))
        yield "Training", f"range of {row['column']}", with_unit(f"{low} to {high}", row["unit"])
    if {"N", "D"} <= set(runs.frame):
        ratio = runs.column("D") / runs.column("N")
        low, high = format_quantity(ratio.min()), format_quantity(ratio.max())
        yield "Training", "range of D/N", f"{low} to {high} (tokens/parameter), on {runs.n_rays} rays"


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
    standard_errors = f"{law.outcome}_se" in fit.runs.frame
    yield (
        "Fit",
        "weights of runs",
        "by the standard errors of their outcomes in the table" if standard_errors else "equal",
    )


def _sampler(engine: str) -> str:
    if engine == "prior":
        return "none: the draws are from the prior"
    if engine == "nuts":
        return "the No-U-Turn sampler, with chains started at draws from the prior"
    return "adaptive mixture importance sampling: modes from several starts, two independent adaptations"


def _diagnosed(member: Fit) -> str:
    found = member.diagnostics
    shown = [f"{name} {value}" for name, value in found.figures.items()]
    state = "certified" if found.certified else "NOT CERTIFIED"
    return ", ".join([state, *shown, f"effective draws {found.ess_min:.0f} for the worst parameter"])


def _uncertainty(fit: Posterior) -> Iterator[_Item]:
    record = first_fit(fit).record
    yield "Uncertainty", "method", f"posterior draws ({record.draws * record.chains} a law); equal-tailed intervals"
    clustered = "cluster" in first_fit(fit).groups["constant_data"]
    unit = "a training run, whose checkpoints share a random effect" if clustered else "a row of the table"
    yield "Uncertainty", "independent unit", unit
    yield "Uncertainty", "share of replicates that converged", "no replicates: see the evidence of convergence"
    yield "Uncertainty", "intervals of exponents, floor and optimum", "in the tables of parameters and of the plan"


def _validation(fit: Posterior, backtested: "Backtest | None") -> Iterator[_Item]:
    if backtested is not None:
        own = backtested.summary()
        own = own[own["method"] == backtested.law]
        for row in own.to_dict("records"):
            yield (
                "Validation",
                f"hidden runs up to {row['horizon']:g} times the compute trained on",
                f"{row['n_test']} runs: the 90 % interval contained {row['cover_0.9']:.0%}, rms of the error "
                f"{row['rmse']:.4f} on the scale of the noise",
            )
    elif isinstance(fit, Ensemble) and bool(fit.weights["hidden_runs"].any()):
        hidden = fit.weights["hidden_runs"].to_series()
        largest = hidden[hidden > 0].index.max()
        yield (
            "Validation",
            "hidden runs",
            f"up to {largest:g} times the compute trained on, only to learn the weights of the laws; no back-test was "
            "requested",
        )
    else:
        yield "Validation", "hidden runs", "no back-test was requested"


def _code(fit: Posterior) -> str:
    record = first_fit(fit).record
    laws = [f"{name} {(member.record.law_hash or 'without a hash')[:12]}" for name, member in members(fit).items()]
    return f"bayescale {record.versions['bayescale']}, Apache-2.0; law files {', '.join(laws)}"
