"""Fitting one law, or an ensemble of laws weighted by how well each predicts hidden larger runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack, overload

from bayescale.basics.errors import LawError
from bayescale.data.candidates import default_laws
from bayescale.data.observed import serving
from bayescale.data.runs import AnyRuns, Runs
from bayescale.inference.options import Choices, Options, chosen
from bayescale.laws import catalog
from bayescale.laws.law import Law
from bayescale.posterior.directions import of_likely_direction
from bayescale.posterior.ensembles import Ensemble
from bayescale.posterior.fit import Fit
from bayescale.posterior.pooling import Pooled, fit_pooled
from bayescale.posterior.single import as_runs, fit_law, fit_laws, n_fits_of
from bayescale.posterior.stacking import horizon_weights, n_teaching, sketched

if TYPE_CHECKING:
    from typing_extensions import TypeIs  # in typing since Python 3.13

AnyLaw = str | Path | Law

AUTO = "auto"
"""Name of the ensemble of shipped laws that suit a table."""


@overload
def fit(  # type: ignore[overload-overlap]
    law: Literal["auto"],
    runs: AnyRuns = ...,
    options: Options | None = ...,
    **choices: Unpack[Choices],
) -> Ensemble: ...
@overload
def fit(
    law: AnyLaw = ...,
    runs: AnyRuns = ...,
    options: Options | None = ...,
    *,
    pool: Sequence[str],
    by: str = ...,
    **choices: Unpack[Choices],
) -> Pooled: ...
@overload
def fit(  # type: ignore[overload-overlap]
    law: AnyLaw = ..., runs: AnyRuns = ..., options: Options | None = ..., **choices: Unpack[Choices]
) -> Fit: ...
@overload
def fit(
    law: Sequence[AnyLaw], runs: AnyRuns = ..., options: Options | None = ..., **choices: Unpack[Choices]
) -> Ensemble: ...
def fit(
    law: AnyLaw | Sequence[AnyLaw] = "chinchilla",
    runs: AnyRuns = "chinchilla",
    options: Options | None = None,
    *,
    pool: Sequence[str] = (),
    by: str = "group",
    **choices: Unpack[Choices],
) -> Fit | Ensemble | Pooled:
    """Sample the posterior of a law given training runs, or the posteriors of several laws, which are then mixed.

    By default the law is treated as an approximation, and its model discrepancy is learnt from the runs.

    Parameters
    ----------
    law : str, path, Law, or a sequence of them
        Name of a shipped law, path of a law file, or a law. ``"auto"`` or a sequence gives an ensemble: each law is
        fitted, and their draws are mixed by weights learnt from how well each predicts larger runs hidden from it.
        ``"auto"`` chooses the shipped laws whose mixture predicted published tables best.
    runs : str, path, DataFrame or Runs
        Name of a shipped data set, path of a CSV or Parquet file, or a table.
    options : Options, optional
        Noise, model discrepancy, sampler and number of draws; the default ones if it is left out.
    pool : sequence of str
        Parameters of a single law that differ between groups of runs but inform each other (partial pooling); all other
        parameters are the same for all groups.
    by : str
        Column that names the group of each run.
    **choices
        Fields of :class:`bayescale.Options`, such as ``seed=1``, ``discrepancy=False`` or
        ``priors={"E": Prior("LogNormal", mu=0.5, sigma=0.1)}``, in place of those of ``options``.

    Returns
    -------
    Fit or Ensemble, or Pooled if ``pool`` names parameters
        If neither sampler is certified, ``certified`` is false and ``warnings`` says so.

    Raises
    ------
    RunsError, CatalogError, LawError
        If the runs, the law, or the two together cannot be used.
    SamplingError
        If the posterior density is finite nowhere.

    Examples
    --------
    >>> posterior = fit("chinchilla", "chinchilla", seed=1)
    >>> posterior.certified
    True
    >>> bool(1.5 < posterior.parameters["E"].mean() < 1.9)
    True
    >>> list(fit("auto", "chinchilla").members)
    ['skaling', 'tied']
    """
    asked = chosen(options, choices)
    if pool:
        if several(law):
            raise LawError("pooling takes a single law: name it")
        return fit_pooled(law, runs, pool, asked, by=by)
    if not several(law):
        return fit_law(law, runs, asked)
    laws, table = chosen_laws(law, runs)
    members = fit_laws(named_laws(law, laws), table, asked.of_each(laws))
    return _mixed(laws, members, table, asked)


def fit_to_score(law: AnyLaw | Sequence[AnyLaw], runs: Runs, options: Options) -> Fit | Ensemble:
    """Fit as :func:`fit` does, but with a thousand draws that are not certified: enough to score a forecast.

    NUTS draws and certifies as usual.
    """
    if options.engine == "nuts":
        return fit(law, runs, options)
    laws, table = chosen_laws(law, runs)
    own = [sketched(each) for each in (options.of_each(laws) if several(law) else [options])]
    members = fit_laws(named_laws(law, laws), table, own, certify=False)
    if not several(law):
        return members[0]
    return _mixed(laws, members, table, options)


def _mixed(laws: Sequence[Law], members: Sequence[Fit], table: Runs, options: Options) -> Ensemble:
    """The fits of several laws with the weight of each; laws of a direction that the runs do not support have none."""
    likely = {member.law.name for member in of_likely_direction(members)}
    weights = horizon_weights([law for law in laws if law.name in likely], table, options)
    named = {member.law.name: member for member in members}
    return Ensemble(members=named, weights=weights.reindex(law=list(named), fill_value=0.0))


def n_fits(law: AnyLaw | Sequence[AnyLaw], runs: Runs) -> int:
    """How many fits a choice of laws takes, with those from which the weights of an ensemble are learnt."""
    if not several(law):
        return n_fits_of([catalog.law_of(law)])
    laws, table = chosen_laws(law, runs)
    return n_fits_of(laws) * (1 + n_teaching(laws, table))


def several(law: AnyLaw | Sequence[AnyLaw]) -> "TypeIs[Sequence[AnyLaw]]":
    """Whether a choice of laws means an ensemble."""
    return law == AUTO or (isinstance(law, Sequence) and not isinstance(law, str))


def named_laws(law: AnyLaw | Sequence[AnyLaw], laws: Sequence[Law]) -> list[AnyLaw]:
    """The laws of a choice as the user gave them, which locates their code; those of ``"auto"`` by name."""
    if law == AUTO:
        return [each.name for each in laws]
    return list(law) if several(law) else [law]


def chosen_laws(law: AnyLaw | Sequence[AnyLaw], runs: AnyRuns) -> tuple[list[Law], Runs]:
    """Load the laws of a choice, and the runs to fit them to.

    Raises
    ------
    LawError
        If several laws share a name or differ in inputs or outcome, or if none suits the runs.
    """
    if law == AUTO:
        return default_laws(as_runs(runs))
    named = [catalog.law_of(each) for each in (law if several(law) else [law])]
    names = [each.name for each in named]
    if not named or len(set(names)) < len(names):
        raise LawError(f"an ensemble needs different laws, not {', '.join(names) or 'none'}")
    table = as_runs(runs, named[0])
    laws = [serving(each, table) for each in named]
    odd = [each.name for each in laws if _columns(each) != _columns(laws[0])]
    if odd:
        raise LawError(f"laws of one ensemble share inputs and outcome: {odd[0]} and {names[0]} do not")
    return laws, table


def _columns(law: Law) -> tuple[set[str], str]:
    return set(law.input_names), law.outcome
