"""Options of a fit: noise, model discrepancy, sampler and number of draws, in one value that is passed whole."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypedDict, get_args

from bayescale.basics.errors import LawError, SamplingError
from bayescale.inference.scales import amplitude_parameters
from bayescale.laws.beliefs import with_beliefs
from bayescale.laws.evidence import Evidence, checked_evidence
from bayescale.laws.law import Law
from bayescale.laws.noise import Noise, noise_by_name
from bayescale.laws.optima import has_optimum, is_optimum
from bayescale.laws.priors import Stated, check_names, stated
from bayescale.laws.steps import TwoSteps

Engine = Literal["importance", "nuts"]


class Choices(TypedDict, total=False):
    """The fields of :class:`Options` as keywords of the functions that take them."""

    noise: str
    discrepancy: bool
    engine: Engine
    draws: int
    chains: int
    tune: int | None
    minutes: float
    seed: int
    priors: Stated
    evidence: Sequence[Evidence]


@dataclass(frozen=True)
class Options:
    """Options of a fit.

    Parameters
    ----------
    noise : {"student_t", "normal", "one_sided"}
        Noise of the outcome on the link's scale; ``one_sided``, for runs that poor tuning can only worsen, needs
        ``discrepancy=False``.
    discrepancy : bool
        Whether to model the discrepancy of the law: a smooth relative deviation, learnt from the runs and extrapolated
        to larger ones. Otherwise the law is taken as true, and its bands on larger runs are too narrow.
    engine : {"importance", "nuts"}
        Sampler. Importance sampling that is not certified falls back to NUTS, and ``warnings`` says so.
    draws, chains : int
        Shape of the posterior; draws by importance sampling are independent, so their division into chains is only a
        matter of shape.
    tune : int, optional
        Draws per chain for the adaptation of NUTS before; by default as many as ``draws``, and at least 1,000.
    minutes : float
        Time for chains of NUTS that are not certified to go on, each time twice as long, until they are; 0 samples
        them once.
    seed : int
        The same seed gives the same draws, unless ``minutes`` end before draws are certified: then the machine
        decides how long chains become.
    priors : mapping of Prior or float
        Your priors, by the names of what a fit reports, such as ``E``, ``alpha_N``, ``a_opt``, ``sigma`` or ``tau``, in
        place of the law's; a number fixes a quantity. Of a mixture, each law takes those on what it reports.
    evidence : sequence of Published, Measured, OtherRun or Bounded
        What was measured elsewhere: terms of the likelihood beside the runs. Of a mixture, each law takes those that
        concern it.

    Raises
    ------
    LawError
        If the noise is unknown or cannot be combined with a discrepancy, or a prior is wrong.
    SamplingError
        If the engine is unknown.

    Examples
    --------
    >>> Options(engine="nuts", draws=500)
    Options(noise='student_t', discrepancy=True, engine='nuts', draws=500, chains=4, tune=None, minutes=2.0, seed=0, \
priors={}, evidence=())
    """

    noise: str = "student_t"
    discrepancy: bool = True
    engine: Engine = "importance"
    draws: int = 1000
    chains: int = 4
    tune: int | None = None
    minutes: float = 2.0
    seed: int = 0
    priors: Stated = field(default_factory=dict, hash=False)
    evidence: Sequence[Evidence] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "priors", stated(self.priors))
        object.__setattr__(self, "evidence", checked_evidence(self.evidence))
        if self.engine not in get_args(Engine):
            raise SamplingError(f"unknown engine {self.engine!r}: choose one of {', '.join(get_args(Engine))}")
        if not self.minutes >= 0:
            raise SamplingError(f"minutes={self.minutes!r}: give the time to go on, 0 or more")
        if self.tune is not None and self.tune < 1:
            raise SamplingError(f"tune={self.tune!r}: give the draws for adaptation, 1 or more")
        if self.noise_model.name == "one_sided" and self.discrepancy:
            raise LawError(f"noise {self.noise!r} is for a law taken as true: give discrepancy=False with it")

    @property
    def noise_model(self) -> Noise:
        """Noise around the law, or around the law plus its discrepancy."""
        return noise_by_name(self.noise)

    def check_suits(self, law: Law) -> None:
        """Check that the noise suits a law.

        Raises
        ------
        LawError
            If it does not.
        """
        if self.noise == "one_sided" and not law.falls:
            raise LawError(
                f"noise {self.noise!r} is for outcomes that poor tuning raises, such as a loss, not for the "
                f"{law.outcome} of law {law.name!r}"
            )

    def applied(self, law: Law) -> Law:
        """A law with the user's priors, if it suits the noise and reports what they are on.

        Raises
        ------
        LawError
            If it does not.
        """
        self.check_suits(law)
        check_names(self.priors, self._reported([law]), f"law {law.name!r}")
        for each in self.evidence:
            if why := _unsuited(each, law):
                raise LawError(f"evidence {each}: law {law.name!r} {why}")
        return with_beliefs(law, stated(self.priors), tuple(self.evidence))

    def of_each(self, laws: Sequence[Law]) -> list["Options"]:
        """Options for each law of a mixture: the priors on what it reports, and the evidence that concerns it.

        Raises
        ------
        LawError
            If none of the laws reports what a prior is on, or can take a piece of evidence.
        """
        check_names(self.priors, self._reported(laws), " and ".join(law.name for law in laws))
        names = [set(self._reported([law])) for law in laws]
        for each in self.evidence:
            if all(reasons := [_unsuited(each, law) for law in laws]):
                raise LawError(f"evidence {each}: law {laws[0].name!r} {reasons[0]}")
        return [
            replace(
                self,
                priors={name: prior for name, prior in self.priors.items() if name in own},
                evidence=tuple(each for each in self.evidence if not _unsuited(each, law)),
            )
            for law, own in zip(laws, names, strict=True)
        ]

    def of_steps(self, law: TwoSteps) -> tuple["Options", "Options"]:
        """Options for each of two steps: the priors on what it reports, and the evidence that it can take.

        Raises
        ------
        LawError
            If neither step reports what a prior is on, or can take a piece of evidence.
        """
        (found,) = self.of_each([law])
        of_first, of_second = self._reported([law.first]), self._reported([law.second])
        names = {law.named(name, of_second): name for name in of_first}
        first = {names[name]: prior for name, prior in found.priors.items() if name in names}
        second = {name: prior for name, prior in found.priors.items() if name in of_second}
        told = ([each for each in found.evidence if not each.unsuited(step)] for step in (law.first, law.second))
        return (
            replace(self, priors=first, evidence=next(told)),
            replace(self, priors=second, evidence=next(told)),
        )

    def _reported(self, laws: Iterable[Law]) -> tuple[str, ...]:
        """Names of what fits of laws report, and of the optima that they would report if a prior is on them."""
        found: list[str] = []
        for law in laws:
            if isinstance(law, TwoSteps):
                second = self._reported([law.second])
                found += [*second, *(law.named(name, second) for name in self._reported([law.first]))]
                continue
            amplitudes = amplitude_parameters(law) if self.discrepancy else ()
            found += filter(is_optimum, self.priors if has_optimum(law) else ())
            found += [*law.units, *(each.name for each in (*self.noise_model.parameters(law), *amplitudes))]
        return tuple(dict.fromkeys(found))


def _unsuited(evidence: Evidence, law: Law) -> str:
    """Why a law, or both of two steps, cannot take a piece of evidence; empty if one can."""
    steps = (law.first, law.second) if isinstance(law, TwoSteps) else (law,)
    reasons = [evidence.unsuited(step) for step in steps]
    return reasons[0] if all(reasons) else ""


def chosen(options: Options | None, choices: Choices) -> Options:
    """The given options, or the default ones, with the fields that are given as keywords replaced.

    Examples
    --------
    >>> chosen(None, {"seed": 3}).seed
    3
    """
    return replace(options or Options(), **choices)
