"""What training costs: dollars, FLOP, days and megawatt-hours, each from any other, with the uncertainty of all inputs.

Every conversion is a product of uncertain inputs, drawn together: a cheap hour stays cheap for all runs of a draw.
Default inputs come from public prices, data sheets and reported utilisations; each is a prior that a user replaces.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayescale.basics.errors import QuantityError
from bayescale.basics.quantities import check_positive, format_quantity, number, numbers
from bayescale.basics.wording import nearest
from bayescale.laws.parameters import Prior

Array = NDArray[np.float64]

UNITS = {
    "compute": "FLOP",
    "dollars": "dollars",
    "accelerator_hours": "hours",
    "megawatt_hours": "MWh",
    "days": "days",
}
SECONDS_PER_HOUR = 3600.0
HOURS_PER_DAY = 24.0
WATTS_PER_MEGAWATT = 1e6
DRAWS = 4000

UTILISATION = Prior("Beta", alpha=18.0, beta=29.0)
"""Share of peak that training sustains: mean 0.38, sd 0.07; reported ones run from 0.21 (GPT-3) to 0.46 (PaLM)."""
ENERGY_PRICE = Prior("LogNormal", mu=float(np.log(0.08)), sigma=0.3)
"""Dollars per kilowatt-hour: industrial prices, 5-95 % 0.05-0.13."""


@dataclass(frozen=True, kw_only=True)
class Accelerator:
    """A kind of accelerator.

    Attributes
    ----------
    name : str
    peak : float
        Dense BF16 FLOP per second.
    power : Prior
        Watts an accelerator, with its share of servers, network and cooling.
    price : Prior
        Dollars per accelerator-hour, rented.
    source : str
    """

    name: str
    peak: float
    power: Prior
    price: Prior
    source: str


ACCELERATORS = {
    item.name: item
    for item in (
        Accelerator(
            name="h100",
            peak=989e12,
            power=Prior("LogNormal", mu=float(np.log(1300.0)), sigma=0.2),
            price=Prior("LogNormal", mu=float(np.log(2.5)), sigma=0.35),
            source="peak of the vendor's data sheet; 700 W alone and 1,700 W all-in at peak (Sevilla et al. 2024, "
            "https://epoch.ai/blog/can-ai-scaling-continue-through-2030); prices of public trackers, May 2026",
        ),
        Accelerator(
            name="h200",
            peak=989e12,
            power=Prior("LogNormal", mu=float(np.log(1300.0)), sigma=0.2),
            price=Prior("LogNormal", mu=float(np.log(3.8)), sigma=0.35),
            source="as h100, which computes as fast; 2.5-7.0 dollars an hour, public trackers, May 2026",
        ),
        Accelerator(
            name="a100",
            peak=312e12,
            power=Prior("LogNormal", mu=float(np.log(750.0)), sigma=0.2),
            price=Prior("LogNormal", mu=float(np.log(1.5)), sigma=0.4),
            source="peak and 400 W of the vendor's data sheet, all-in in the h100's proportion (assumed); 0.8-3.0 "
            "dollars an hour, public trackers, May 2026",
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Prices and efficiencies of training, as uncertain as they are.

    Parameters
    ----------
    accelerator : Accelerator
    utilisation : Prior or float
        Share of the peak that training sustains (MFU).
    price : Prior, float or None
        Dollars per accelerator-hour; None takes the accelerator's.
    energy_price : Prior or float
        Dollars per kilowatt-hour, paid on top only if ``pays_energy``.
    pays_energy : bool
        Whether energy is paid beside the hours, as for accelerators that you own, whose ``price`` is then that of
        an hour without energy; rents include it.
    overhead : float
        Everything else per dollar of hours, such as failed runs, storage and network: 0.3 adds thirty per cent.
    study : float
        Dollars spent before the run, such as the small runs that were fitted; not scaled.

    Examples
    --------
    >>> cost = Cost(utilisation=0.4, price=2.35)
    >>> round(float(cost.dollars(1e24).median()) / 1e6, 2)
    1.65
    >>> round(float(cost.compute(1.65e6).median()) / 1e24, 2)
    1.0
    """

    accelerator: Accelerator = ACCELERATORS["h100"]
    utilisation: Prior | float = UTILISATION
    price: Prior | float | None = None
    energy_price: Prior | float = ENERGY_PRICE
    pays_energy: bool = False
    overhead: float = 0.0
    study: float = 0.0
    draws: int = DRAWS
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("utilisation", "price", "energy_price", "overhead", "study"):
            if isinstance(given := getattr(self, name), str):
                object.__setattr__(self, name, number(name, given))
        for name, value in (("overhead", self.overhead), ("study", self.study)):
            if not (np.isfinite(value) and value >= 0):
                raise QuantityError(f"{name} is {value:g}, but must be a finite number, zero or more")
        if self.pays_energy and self.price is None:
            raise QuantityError("rents include energy: give the price of an hour of your own accelerators, without it")

    @property
    def note(self) -> str:
        """Where prices and efficiencies come from."""
        return f"{self.accelerator.name}: {self.accelerator.source}"

    def inputs(self) -> dict[str, Array]:
        """Joint draws of the uncertain inputs, each of shape (draw,)."""
        rng = np.random.default_rng(self.seed)
        given = {
            "utilisation": self.utilisation,
            "price": self.accelerator.price if self.price is None else self.price,
            "power": self.accelerator.power,
            "energy_price": self.energy_price,
        }
        return {name: draw(value, rng, self.draws, name) for name, value in given.items()}

    @property
    def flop_per_hour(self) -> xr.DataArray:
        """Useful FLOP of an accelerator in an hour."""
        return self._array(self.accelerator.peak * self.inputs()["utilisation"] * SECONDS_PER_HOUR, "FLOP/hour")

    @property
    def dollars_per_flop(self) -> xr.DataArray:
        """Dollars per useful FLOP, with overhead and, where it is paid, energy."""
        given = self.inputs()
        hour = given["price"] * (1 + self.overhead)
        if self.pays_energy:
            hour = hour + given["power"] / 1000 * given["energy_price"]
        return self._array(hour / self.flop_per_hour.to_numpy(), "dollars/FLOP")

    def dollars(self, compute: ArrayLike) -> xr.DataArray:
        """Dollars that training compute (FLOP) costs, the study before it included; dims draw and budget."""
        return self._outer(self.dollars_per_flop.to_numpy(), compute, "compute", "dollars") + self.study

    def compute(self, dollars: ArrayLike) -> xr.DataArray:
        """Training compute (FLOP) that dollars buy, after the study; dims draw and budget.

        Raises
        ------
        QuantityError
            If the study costs as much as there is.
        """
        sums = np.atleast_1d(numbers("dollars", dollars))
        for value in sums:
            check_positive("dollars", value)
            if value <= self.study:
                study = format_quantity(self.study)
                raise QuantityError(f"{format_quantity(value)} dollars do not pay for the study of {study}: give more")
        bought = self._outer(1 / self.dollars_per_flop.to_numpy(), sums - self.study, "dollars", "FLOP")
        return bought.assign_coords(dollars=("budget", sums))

    def days(self, compute: ArrayLike, accelerators: float | str) -> xr.DataArray:
        """Days that a number of accelerators take for training compute (FLOP); dims draw and budget."""
        return self._outer(1 / self._flop_per_day(accelerators), compute, "compute", "days")

    def compute_in(self, days: ArrayLike, accelerators: float | str) -> xr.DataArray:
        """Training compute (FLOP) of a number of accelerators in days; dims draw and budget."""
        return self._outer(self._flop_per_day(accelerators), days, "days", "FLOP")

    def accelerator_hours(self, compute: ArrayLike) -> xr.DataArray:
        """Accelerator-hours that training compute (FLOP) takes; dims draw and budget."""
        return self._outer(1 / self.flop_per_hour.to_numpy(), compute, "compute", "hours")

    def megawatt_hours(self, compute: ArrayLike) -> xr.DataArray:
        """Energy (MWh) of training compute (FLOP), all-in; dims draw and budget."""
        return self._outer(1 / self._flop_per_megawatt_hour(), compute, "compute", "MWh")

    def compute_of_energy(self, megawatt_hours: ArrayLike) -> xr.DataArray:
        """Training compute (FLOP) of energy (MWh), all-in; dims draw and budget."""
        return self._outer(self._flop_per_megawatt_hour(), megawatt_hours, "energy", "FLOP")

    def bill(self, compute: Array, accelerators: float | None = None) -> xr.Dataset:
        """Everything that a run costs.

        Parameters
        ----------
        compute : array, shape (draw,)
            Training compute (FLOP) of each draw.
        accelerators : float, optional
            How many work at once.

        Returns
        -------
        xarray.Dataset
            ``compute``, ``dollars``, ``accelerator_hours``, ``megawatt_hours`` and, given accelerators, ``days``.
        """
        found = {
            "compute": compute,
            "dollars": self.dollars_per_flop.to_numpy() * compute + self.study,
            "accelerator_hours": compute / self.flop_per_hour.to_numpy(),
            "megawatt_hours": compute / self._flop_per_megawatt_hour(),
        }
        if accelerators is not None:
            found["days"] = compute / self._flop_per_day(accelerators)
        return xr.Dataset({name: self._array(values, UNITS[name]) for name, values in found.items()})

    def _flop_per_day(self, accelerators: float | str) -> Array:
        """Useful FLOP of a number of accelerators in a day, shape (draw,)."""
        accelerators = number("accelerators", accelerators)
        check_positive("accelerators", accelerators)
        return np.asarray(self.flop_per_hour * HOURS_PER_DAY * accelerators)

    def _flop_per_megawatt_hour(self) -> Array:
        """Useful FLOP of energy, all-in, shape (draw,)."""
        return np.asarray(self.flop_per_hour * WATTS_PER_MEGAWATT / self.inputs()["power"])

    def paired(self, draws: int, seed: int) -> "Cost":
        """The same inputs, drawn once for each draw of a posterior."""
        return replace(self, draws=draws, seed=seed)

    def with_given(self, **inputs: Any) -> "Cost":
        """The same with some inputs replaced, those that are None left as they are."""
        return replace(self, **{name: value for name, value in inputs.items() if value is not None})

    def _array(self, values: Array, unit: str) -> xr.DataArray:
        return xr.DataArray(values, dims=("draw",), coords={"draw": np.arange(len(values))}, attrs={"units": unit})

    def _outer(self, rate: Array, amounts: ArrayLike, name: str, unit: str) -> xr.DataArray:
        values = np.atleast_1d(numbers(name, amounts))
        for value in values:
            check_positive(name, value)
        return xr.DataArray(
            rate[:, None] * values,
            dims=("draw", "budget"),
            coords={"draw": np.arange(len(rate)), name: ("budget", values)},
            attrs={"units": unit},
        )


def compute_of(
    cost: Cost,
    *,
    flop: float | None = None,
    dollars: float | None = None,
    days: float | None = None,
    mwh: float | None = None,
    accelerators: float | None = None,
) -> Array:
    """Training compute (FLOP) of the one amount that is given, shape (draw,).

    Parameters
    ----------
    cost : Cost
    flop, dollars, days, mwh : float, optional
    accelerators : float, optional
        How many work at once, for days.

    Raises
    ------
    QuantityError
        If none is given, or days without accelerators.

    Examples
    --------
    >>> f"{np.median(compute_of(Cost(utilisation=0.4), days=30, accelerators=1024)):.2e}"
    '1.05e+24'
    """
    if flop is not None:
        check_positive("compute", flop)
        return np.full(cost.draws, flop)
    if dollars is not None:
        return np.asarray(cost.compute(dollars))[:, 0]
    if mwh is not None:
        return np.asarray(cost.compute_of_energy(mwh))[:, 0]
    if days is None or accelerators is None:
        raise QuantityError("give compute, dollars, energy, or days and the number of accelerators")
    return np.asarray(cost.compute_in(days, accelerators))[:, 0]


def accelerator(name: str) -> Accelerator:
    """Look up a kind of accelerator.

    Raises
    ------
    QuantityError
        If there is none of that name.

    Examples
    --------
    >>> accelerator("h100").peak
    989000000000000.0
    """
    if name not in ACCELERATORS:
        near = nearest(name, ACCELERATORS)
        hint = f", did you mean {near!r}?" if near else ":"
        raise QuantityError(f"no accelerator {name!r}{hint} known are {', '.join(ACCELERATORS)}")
    return ACCELERATORS[name]


def draw(given: Prior | float, rng: np.random.Generator, n: int, name: str) -> Array:
    """Draws of an uncertain input, or a known one repeated, shape (n,).

    Raises
    ------
    QuantityError
        If a known input is not positive and finite, or a prior is of a kind that inputs do not take.

    Examples
    --------
    >>> draw(0.4, np.random.default_rng(0), 3, "utilisation").tolist()
    [0.4, 0.4, 0.4]
    """
    if not isinstance(given, Prior):
        check_positive(name, given)
        return np.full(n, float(given))
    makers = _MAKERS.get(given.distribution)
    if makers is None:
        raise QuantityError(f"{name}: {given} is not one of {', '.join(_MAKERS)}")
    method, names = makers
    return np.asarray(getattr(rng, method)(*(given.arguments[each] for each in names), size=n))


_MAKERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "LogNormal": ("lognormal", ("mu", "sigma")),
    "Normal": ("normal", ("mu", "sigma")),
    "Beta": ("beta", ("alpha", "beta")),
    "Uniform": ("uniform", ("lower", "upper")),
}
