"""Two steps from a planned run to what it can do: posteriors of a loss and of an outcome given it, fitted apart.

If every run has both a loss and the outcome, their joint density is the density of the loss times that of the outcome
given the loss. The two laws share no parameter, so two separate fits to the same runs equal the joint fit; if the first
step is an ensemble, this holds for each of its laws, and their weights stay.
"""

from dataclasses import replace
from pathlib import Path
from typing import Unpack

from bayescale.data.observed import Observed, check_unit_read
from bayescale.data.runs import AnyRuns, Runs
from bayescale.inference.options import Choices, Options, chosen
from bayescale.laws import catalog
from bayescale.laws.following import outcomes_of
from bayescale.laws.law import Law
from bayescale.posterior.ensembles import Ensemble, Posterior, first_fit, members
from bayescale.posterior.fit import Fit
from bayescale.posterior.fitting import AnyLaw, fit
from bayescale.posterior.single import fit_law
from bayescale.posterior.steps import stepped


def Chain(first: Posterior, second: Fit) -> Posterior:  # noqa: N802, a class of that name until 0.2
    """Join two posteriors given the same runs: the second law predicts its outcome from the outcome of the first.

    Parameters
    ----------
    first : Fit or Ensemble
        For example of loss from N and D.
    second : Fit
        For example of accuracy from loss.

    Returns
    -------
    Fit or Ensemble
        Of laws in two steps, as of ``fit("tied, then accuracy_of_loss", ...)``; an ensemble if the first is one, with
        its weights.

    Raises
    ------
    LawError
        If the outcome of the first law, in the same unit and of the same runs, is not the only input of the second, or
        the two differ in their numbers of draws and chains.

    Examples
    --------
    >>> from bayescale import fit
    >>> first = fit("chinchilla", "gadre:c4", draws=100)
    >>> both = Chain(first, fit("downstream_error", "gadre:c4", draws=100))
    >>> both.law.name, both.outcome
    ('chinchilla, then downstream_error', 'error')
    """
    steps = [stepped(member, second) for member in members(first).values()]
    check_unit_read(second.law.inputs[0], second.law.name, first_fit(first).record.unit)
    if not isinstance(first, Ensemble):
        return steps[0]
    named = {each.law.name: each for each in steps}
    return Ensemble(named, first.weights.assign_coords(law=list(named)))


def fit_chain(
    law: AnyLaw | list[AnyLaw],
    then: str | Path | Law,
    runs: AnyRuns,
    options: Options | None = None,
    **choices: Unpack[Choices],
) -> Posterior:
    """Sample the posteriors of both steps given the same runs.

    Parameters
    ----------
    law : str, path, Law, or a list of them
        Law of the first outcome, as for :func:`bayescale.fit`; the weights of several are learnt from that outcome.
    then : str, path or Law
        Law of the second outcome; its only input is the first outcome.
    runs : str, path, DataFrame or Runs
        Runs with both outcomes.
    options : Options, optional
        Options of both fits.
    **choices
        Fields of the options, as for :func:`bayescale.fit`; priors and evidence are those of the first law.

    Returns
    -------
    Fit or Ensemble
        As of :func:`bayescale.Chain`.

    Raises
    ------
    LawError
        If the outcome of the first law is not the only input of the second.
    RunsError, CatalogError, SamplingError
        As for :func:`bayescale.fit`.

    Examples
    --------
    >>> steps = fit_chain("chinchilla", "downstream_error", "gadre:c4", discrepancy=False)
    >>> bands = steps.forecast(N=6.9e9, D=138e9)
    >>> bands.outcome, bands.draws["predictive"].dims
    ('error', ('chain', 'draw', 'point'))
    >>> bool(0.4 < bands.draws["predictive"].median() < 0.6)
    True
    """
    second = then if isinstance(then, Law) else catalog.load_law(then)
    if isinstance(runs, Runs):
        Observed.of(second, runs)  # fails here rather than after the first fit
    asked = chosen(options, choices)
    first = fit(law, runs, asked)
    # What a user believes concerns the first step.
    after = replace(asked, priors={}, evidence=())
    return Chain(first, fit_law(then, _with_outcome(runs, second), after))


def _with_outcome(runs: AnyRuns, law: Law) -> AnyRuns:
    if not isinstance(runs, Runs):
        return runs
    return Runs.from_frame(runs.frame, source=runs.source, outcome=outcomes_of(law))
