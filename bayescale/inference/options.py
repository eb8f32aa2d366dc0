"""What a fit is asked for: noise, discrepancy, sampler and number of draws, in one value that is passed whole."""

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
    """What a fit is asked for.

    Parameters
    ----------
    noise : {"student_t", "normal", "one_sided"}
        Noise of the outcome on the link's scale; ``one_sided``, for runs that poor tuning can only worsen, takes the
        law as true.
    discrepancy : bool
        Whether the law itself may be wrong, by a smooth relative error that the runs teach and larger runs extrapolate;
        otherwise the law is taken as true, and its bands on larger runs are too narrow.
    engine : {"importance", "nuts"}
        Sampler. Importance sampling that is not certified falls back to NUTS, and says so in ``warnings``.
    draws, chains : int
        Shape of the posterior; importance sampling's draws are independent, so its chains are only a shape.
    seed : int
        The same seed gives the same draws.

    Raises
    ------
    LawError
        If there is no such noise, or it does not go with a discrepancy.
    SamplingError
        If there is no such engine.

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
        if self.discrepancy and self.noise_model.name == "one_sided":
            raise LawError(
                f"noise {self.noise!r} is for a law taken as true: give discrepancy=False (--no-discrepancy) with it"
            )

    @property
    def noise_model(self) -> Noise:
        """Noise around the law, or around the law and its discrepancy."""
        return noise_by_name(self.noise)

    def check_suits(self, law: Law) -> None:
        """Check that a law may have this noise.

        Raises
        ------
        LawError
            If it may not.
        """
        if self.noise == "one_sided" and not law.falls:
            raise LawError(
                f"noise {self.noise!r} is for outcomes that poor tuning raises, as it does a loss, not for the "
                f"{law.outcome} of law {law.name!r}"
            )


def chosen(options: Options | None, choices: Choices) -> Options:
    """Options as given, or the default ones, with the choices that were made by keyword.

    Examples
    --------
    >>> chosen(None, {"seed": 3}).seed
    3
    """
    return replace(options or Options(), **choices)
