"""A law in two steps, fitted: the posteriors of both steps given the same runs, as one fit.

Given the runs the steps are independent, since they share no parameter, so a draw of both is a draw of each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayescale.basics.errors import LawError
from bayescale.inference.conditional import Conditional
from bayescale.inference.discrepancy import Basis, Process
from bayescale.inference.sampled import Diagnostics
from bayescale.laws.catalog import joint_hash
from bayescale.laws.parameters import Derived, Parameter
from bayescale.laws.steps import TwoSteps, two_steps
from bayescale.posterior.fit import Fit, Record

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Steps(Fit):
    """A fit of a law in two steps; :func:`stepped` makes it of the fits of both.

    Attributes
    ----------
    first, second : Fit
        For example of loss from compute, and of accuracy from loss.

    Examples
    --------
    >>> from bayescale import fit
    >>> both = fit("kaplan_c, then accuracy_of_loss", "gadre:c4", draws=100)
    >>> both.first.outcome, both.second.outcome, both.outcome
    ('loss', 'accuracy', 'accuracy')
    >>> {"alpha_C", "rise", "sigma", "sigma_loss"} <= set(both.parameters)
    True
    """

    first: Fit = field(kw_only=True)
    second: Fit = field(kw_only=True)

    @property
    def read(self) -> str:
        """What the second step reads: the outcome of the first."""
        return self.first.outcome

    @cached_property
    def tree(self) -> xr.DataTree:
        """The draws of both steps for ArviZ, under ``first`` and ``second``."""
        return xr.DataTree.from_dict({"first": self.first.tree, "second": self.second.tree})

    @property
    def described(self) -> tuple[Parameter | Derived, ...]:
        """Every parameter of both steps, in the order of the summary; the second's first."""
        names = _joint_names(self.first, self.second)
        return (*self.second.described, *(replace(each, name=names[each.name]) for each in self.first.described))

    @property
    def centre(self) -> dict[str, float]:
        """Geometric mean of each input of either step over the fitted runs."""
        return {**self.second.centre, **self.first.centre}

    @cached_property
    def parameter_sensitivity(self) -> dict[str, tuple[float, float]]:
        """Sensitivity of every parameter to the prior and the runs of its own step, which alone inform it."""
        names, of_first = _joint_names(self.first, self.second), self.first.parameter_sensitivity
        return {**self.second.parameter_sensitivity, **{names[name]: value for name, value in of_first.items()}}

    @property
    def basis(self) -> Basis[Process] | None:
        """Refused, since each step has a discrepancy of its own.

        Raises
        ------
        LawError
        """
        raise self._apart

    @property
    def conditional(self) -> Conditional:
        """Refused, as :attr:`basis`.

        Raises
        ------
        LawError
        """
        raise self._apart

    @property
    def _apart(self) -> LawError:
        return LawError(
            f"law {self.law.name!r} has two steps, each with a discrepancy of its own, and this needs one: give "
            f"{self.first.law.name} or {self.second.law.name}, or laws of {self.outcome} in one step"
        )


def stepped(first: Fit, second: Fit) -> Steps:
    """Join the fits of two steps to the same runs.

    Raises
    ------
    LawError
        If the second law does not read the outcome of the first alone, or the two are not of the same runs, or not of
        as many draws and chains.
    """
    law = two_steps(first.law, second.law)
    if first.groups["posterior"].sizes != second.groups["posterior"].sizes:
        raise LawError("both steps need the same number of draws and chains: fit them alike")
    seen, read = first.groups["observed_data"][first.outcome], second.groups["constant_data"][first.outcome]
    if not np.array_equal(seen, read):
        raise LawError(
            f"both steps need the same runs, and law {second.law.name!r} was fitted to {len(read)} of "
            f"{second.dataset}, which are not the {len(seen)} of law {first.law.name!r}: fit both to those with a "
            f"{first.outcome} and the {second.outcome}"
        )
    names = _joint_names(first, second)
    stated = {names.get(name, name): prior for name, prior in first.law.priors.items()}
    law = replace(law, priors={**stated, **second.law.priors})
    draws = {
        group: second.groups[group].to_dataset().merge(first.groups[group].to_dataset().rename_vars(names))
        for group in ("posterior", "prior")
    }
    stats = ("log_prior", "total_log_likelihood")
    each = [step.groups["sample_stats"].to_dataset() for step in (first, second)]
    known = first.groups["constant_data"].to_dataset()
    more = second.groups["constant_data"].to_dataset()
    constant = known.merge(more[[name for name in more if name not in known]])
    groups = {
        **draws,
        "sample_stats": xr.Dataset({name: each[0][name] + each[1][name] for name in stats}),
        "observed_data": second.groups["observed_data"].to_dataset(),
        "constant_data": constant,
    }
    return Steps(
        groups=xr.DataTree.from_dict(groups),
        law=law,
        record=_record(law, first.record, second.record, names),
        diagnostics=_diagnostics(first.diagnostics, second.diagnostics, names),
        warnings=tuple(dict.fromkeys((*first.warnings, *second.warnings))),
        notes=tuple(dict.fromkeys((*first.notes, *second.notes))),
        first=first,
        second=second,
    )


def _joint_names(first: Fit, second: Fit) -> dict[str, str]:
    """What each parameter of the first step is called beside those of the second."""
    law, taken = two_steps(first.law, second.law), {item.name for item in second.described}
    return {item.name: law.named(item.name, taken) for item in first.described}


def _record(law: TwoSteps, first: Record, second: Record, names: Mapping[str, str]) -> Record:
    hashes = [each for each in (first.law_hash, second.law_hash) if each is not None]
    return replace(
        second,
        law=law.name,
        law_origin=first.law_origin if second.law_origin == "shipped" else second.law_origin,
        law_hash=joint_hash(hashes) if len(hashes) == 2 else None,
        engine=", then ".join(dict.fromkeys((first.engine, second.engine))),
        priors=law.priors,
        carriers={**{names.get(k, k): names.get(v, v) for k, v in first.carriers.items()}, **second.carriers},
        evidence=tuple(dict.fromkeys((*first.evidence, *second.evidence))),
        flops=first.flops,
        flops_factor=first.flops_factor,
    )


def _diagnostics(first: Diagnostics, second: Diagnostics, names: Mapping[str, str]) -> Diagnostics:
    """The worse of each; the evidence is left out, which is that of both outcomes together."""

    def worse(name: str) -> float | None:
        known = [value for each in (first, second) if (value := getattr(each, name)) is not None]
        return max(known, default=None)

    return Diagnostics(
        certified=first.certified and second.certified,
        pareto_k=worse("pareto_k"),
        ess={**second.ess, **{names.get(name, name): value for name, value in first.ess.items()}},
        r_hat_max=worse("r_hat_max"),
        divergent_share=worse("divergent_share"),
        log_evidence=None,
        log_evidence_se=None,
    )
