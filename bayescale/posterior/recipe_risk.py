"""The risk that a recipe, such as a rule for learning rates, breaks at a scale where nobody has run it.

Published extrapolations have missed because the recipe broke at scale, by more than uncertain parameters and noise can
explain. No run in the table holds information about that, so the user states its probability and its size.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.errors import QuantityError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RecipeRisk:
    """Probability that a recipe breaks beyond the runs, and the size of the harm.

    The compute at which the recipe breaks, in decades beyond the largest run, is exponentially distributed, and so is
    the harm to every run beyond that compute. Each draw has one breaking point, shared by all of its forecasts.

    Parameters
    ----------
    probability : float
        Probability that it breaks within the next tenfold of compute, given that it has held so far; between 0 and 1.
    size : float
        Average harm of a break on the link's scale: 0.03 raises a loss by about 3 %.

    Raises
    ------
    QuantityError
        If the probability is not between 0 and 1, or the size not between 0 and 10.

    Examples
    --------
    >>> risk = RecipeRisk(probability=0.1, size=0.03)
    >>> added = risk.draw(np.array([0.5, 10.0, 1000.0]), n=100_000, seed=0)
    >>> (added > 0).mean(axis=0).round(2).tolist()
    [0.0, 0.1, 0.27]
    """

    probability: float
    size: float

    def __post_init__(self) -> None:
        if not 0 < self.probability < 1:
            raise QuantityError(
                f"the probability of a recipe that breaks is {self.probability:g}, but must lie between 0 and 1"
            )
        if not 0 < self.size <= _LARGEST:
            raise QuantityError(f"the size of a break is {self.size:g}, but must lie between 0 and {_LARGEST:g}")

    def draw(self, reach: Array, n: int, seed: int) -> Array:
        """Harm of the break, shape (sample, point), at ratios of shape (point,) to the largest run's compute.

        The same seed gives each draw the same breaking point in every call.
        """
        rng = np.random.default_rng([seed, _STREAM])
        holds_for = rng.exponential(size=(n, 1)) / -np.log1p(-self.probability)
        added = self.size * rng.exponential(size=(n, 1))
        return np.where(np.log10(np.maximum(reach, 1e-300)) > holds_for, added, 0.0)

    def __str__(self) -> str:
        return (
            f"a recipe that breaks with a probability of {self.probability:.0%} in each tenfold of compute beyond the "
            f"runs, and then makes the outcome worse by {self.size:g} on average, on the log or link scale"
        )


_STREAM = 77
_LARGEST = 10.0
