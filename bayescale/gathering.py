"""Large tables: a proposal is learnt from runs gathered into cells, and all runs weight the draws from it.

A sampler looks at tens of thousands of draws before it knows where a posterior lies, and a hundred thousand runs tell
it no more of that than a few thousand cells of near neighbours, each with the mean of its runs' residuals around the
mode and all of their weight. So modes, noise scales and proposal are found on cells, and the draws that are kept are
then weighted by the posterior of all runs, so that they are draws from that and from nothing else (sampling importance
resampling, Rubin 1988, in Bayesian Statistics 3). All runs are read in blocks, whose features are never held together.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bayescale.discrepancy import BLOCK, SQUARES, Basis, Elsewhere, Process
from bayescale.law import Law
from bayescale.noise import Noise
from bayescale.observations import link_outcome, link_standard_error
from bayescale.posterior import centre_data, run_data
from bayescale.robust import PASSES, STARTS, noise_scales
from bayescale.runs import Runs, law_inputs
from bayescale.sampling.modes import Density, best_starts, find_modes

if TYPE_CHECKING:
    from bayescale.sampling.logdensity import LogDensity

Array = NDArray[np.float64]

CELLS = 2500
"""Cells at most: 50 along each of two inputs, a tenth of an e-fold wide where runs span five."""


def can_gather(law: Law, basis: Basis[Process]) -> bool:
    """Whether neighbours can stand for each other: where no row has an effect or a setting of its own."""
    return basis.in_blocks and not law.settings


def some_of(runs: Runs, basis: Basis[Process], seed: int) -> tuple[Runs, Basis[Process]]:
    """As many runs as there are cells, taken at random, and their basis: enough to see where a mode may lie."""
    rows = np.sort(np.random.default_rng(seed).choice(len(runs), CELLS, replace=False))
    process = replace(basis.process, log_inputs=basis.process.log_inputs[rows])
    return runs.take(rows), Basis(process, basis.noise_scale[rows])


def density_in_blocks(law: Law, runs: Runs, density: "LogDensity", basis: Basis[Process] | None = None) -> Density:
    """The log density given all runs, read a block at a time.

    Parameters
    ----------
    law : Law
    runs : Runs
    density : LogDensity
        Of the law's model, whatever runs that holds.
    basis : Basis[Process], optional
        Of the law's error; without it the law is taken as true.
    """
    of_runs, table = run_data(law, runs, basis), centre_data(law, runs)
    if basis is not None:
        table |= {"discrepancy_variances": basis.variances, "noise_scale": basis.noise_scale}

    def blocks() -> Iterator[Mapping[str, Array]]:
        for start in range(0, len(runs), BLOCK):
            rows = slice(start, start + BLOCK)
            block = {name: values[rows] for name, values in of_runs.items()}
            if basis is not None:
                block |= {"noise_scale": basis.noise_scale[rows], "discrepancy_rotation": basis.directions(rows)}
            yield block

    return density.summed(blocks, table)


def gathered(
    law: Law, runs: Runs, noise: Noise, density: "LogDensity", basis: Basis[Process], prior_draws: Array
) -> tuple[Density, Basis[Process]]:
    """The log density given runs gathered into cells around its mode, and the basis with the runs' noise scales.

    Parameters
    ----------
    law : Law
    runs : Runs
    noise : Noise
    density : LogDensity
        Of a model that holds some of the runs, and the centres of all.
    basis : Basis[Process]
        Of all runs, with the noise scales that they have before they are looked at.
    prior_draws : array, shape (draw, coordinate)
        Where the search for the mode starts.
    """
    table = _Table(law, runs, density, basis.process)
    points = best_starts(density, prior_draws, STARTS)
    cells = table.gathered(find_modes(density, points)[0].location, basis.noise_scale)
    before, error = basis.noise_scale, link_standard_error(law, runs)
    for _ in range(PASSES):
        mode = find_modes(cells.log_density, cells.mode[None])[0].location
        sigma = float(table.parameters(mode)["sigma"].item())
        scale = noise_scales(noise, before, None if error is None else error / sigma, cells.left_at(mode) / sigma)
        cells = table.gathered(mode, scale)
    return cells.log_density, Basis(basis.process, scale)


@dataclass(frozen=True, eq=False)
class _Table:
    """All runs of a law, and the cells that they lie in."""

    law: Law
    runs: Runs
    density: "LogDensity"
    process: Process

    @cached_property
    def inputs(self) -> dict[str, Array]:
        return law_inputs(self.law, self.runs)

    @cached_property
    def outcome(self) -> Array:
        return link_outcome(self.law, self.runs)

    @cached_property
    def cell(self) -> NDArray[np.intp]:
        """Which cell of an even grid each run lies in, counted over those that hold runs, shape (run,)."""
        located = self.process.log_inputs
        low, width = located.min(axis=0), np.ptp(located, axis=0)
        side = int(CELLS ** (1 / located.shape[1]) + 1e-9)
        place = ((located - low) / width * side).astype(np.intp).clip(max=side - 1)
        return np.unique(np.ravel_multi_index(tuple(place.T), (side,) * located.shape[1]), return_inverse=True)[1]

    def parameters(self, mode: Array) -> dict[str, Array]:
        """Parameters at a point, each of shape (1, 1)."""
        return {name: values[:, None] for name, values in self.density.parameters(mode[None]).items()}

    def mean(self, inputs: Mapping[str, Array], mode: Array) -> Array:
        """The law's mean on the link's scale at a point, shape (run,)."""
        on_link = self.law.link.forward(np, self.law.mean(np, inputs, self.parameters(mode)))
        return np.asarray(on_link[0])

    def residuals(self, mode: Array) -> Array:
        return np.asarray(self.outcome - self.mean(self.inputs, mode))

    def gathered(self, mode: Array, scale: Array) -> "_Cells":
        """The runs gathered around a mode, given their noise scales."""
        weight, residuals = scale**-2, self.residuals(mode)
        total = np.bincount(self.cell, weight)

        def average(values: Array) -> Array:
            return np.asarray(np.bincount(self.cell, weight * values) / total)

        located = np.column_stack([average(column) for column in self.process.log_inputs.T])
        centres = {
            item.name: np.exp(column) if item.linear is None else column * item.linear
            for item, column in zip(self.law.inputs, located.T, strict=True)
        }
        left = average(residuals)
        within = float(weight @ np.square(residuals - left[self.cell]))
        basis = Basis(Elsewhere(self.process, located), total**-0.5)
        return _Cells(self, mode, scale, centres, self.mean(centres, mode) + left, basis, within)


@dataclass(frozen=True, eq=False)
class _Cells:
    """Runs gathered into cells around a mode.

    Attributes
    ----------
    table : _Table
    mode : array, shape (coordinate,)
    scale : array, shape (run,)
    inputs : mapping of array, shape (cell,)
    outcome : array, shape (cell,)
        The law's mean at the mode plus the mean residual of the cell's runs, on the link's scale.
    basis : Basis
        Of the cells.
    within : float
        Sum of the squares that the runs' scaled residuals have around their cells' means.
    """

    table: _Table
    mode: Array
    scale: Array
    inputs: dict[str, Array]
    outcome: Array
    basis: Basis[Elsewhere]
    within: float

    @cached_property
    def log_density(self) -> Density:
        law, runs = self.table.law, self.table.runs
        data = {
            **self.inputs,
            f"{law.link.variable(law.outcome)}_data": self.outcome,
            "noise_scale": self.basis.noise_scale,
            "discrepancy_rotation": self.basis.rotation,
        }
        table = centre_data(law, runs) | {"discrepancy_variances": self.basis.variances, "noise_scale": self.scale}
        return self.table.density.summed(lambda: [data], table, {SQUARES: self.within})

    def left_at(self, mode: Array) -> Array:
        """What law and discrepancy leave of each run's outcome at a point near the mode, shape (run,)."""
        parameters = self.table.parameters(mode)
        residuals = (self.outcome - self.table.mean(self.inputs, mode))[None]
        conditional = self.basis.condition(self.basis.rotate(residuals), parameters["sigma"][0], parameters["tau"][0])
        return np.asarray(self.table.residuals(mode) - conditional.mean(self.table.process.log_inputs)[0])
