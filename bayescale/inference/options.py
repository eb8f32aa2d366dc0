"""Options of a fit: noise, model discrepancy, sampler and number of draws, in one value that is passed whole."""

from dataclasses import dataclass, replace
from typing import Literal, TypedDict, get_args

from bayescale.basics.errors import LawError, SamplingError
from bayescale.laws.law import Law
from bayescale.laws.noise import Noise, noise_by_name

Engine = Literal["importance", "nuts"]


class Choices(TypedDict, total=False):
    """The fields of :class:`Options` as keywords of the functions that take them."""

    noise: str
    discrepancy: bool
    engine: Engine
    draws: int
    chains: int
    seed: int


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
    seed : int
        The same seed gives the same draws.

    Raises
    ------
    LawError
        If the noise is unknown or cannot be combined with a discrepancy.
    SamplingError
        If the engine is unknown.

    Examples
    --------
    >>> Options(engine="nuts", draws=500)
    Options(noise='student_t', discrepancy=True, engine='nuts', draws=500, chains=4, seed=0)
    """

    noise: str = "student_t"
    discrepancy: bool = True
    engine: Engine = "importance"
    draws: int = 1000
    chains: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.engine not in get_args(Engine):
            raise SamplingError(f"unknown engine {self.engine!r}: choose one of {', '.join(get_args(Engine))}")
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


def chosen(options: Options | None, choices: Choices) -> Options:
    """The given options, or the default ones, with the fields that are given as keywords replaced.

    Examples
    --------
    >>> chosen(None, {"seed": 3}).seed
    3
    """
    return replace(options or Options(), **choices)
