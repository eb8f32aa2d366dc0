"""Parts of a forecast: a law's mean, its discrepancy, the noise of a new run, and how they go through two steps."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bayescale.laws.noise import noise_scale
from bayescale.posterior.ensembles import reach_of
from bayescale.posterior.fit import Fit
from bayescale.posterior.points import shared_settings
from bayescale.posterior.predictive import Predicted
from bayescale.posterior.steps import Steps

Array = NDArray[np.float64]


def link_mean(fit: Fit, inputs: Mapping[str, Array]) -> Array:
    """The law's mean on the link's scale, shape (sample, point); settings that all runs share may be left out."""
    given = {**shared_settings(fit), **inputs} if fit.law.settings else inputs
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(fit.law.link.forward(np, fit.law.mean(np, given, fit.columns)))


def draw_error(fit: Fit, points: Mapping[str, Array], rng: np.random.Generator) -> Array:
    """Joint draws of the law's discrepancy at points plus the effect of a recipe that breaks, shape (sample, point).

    A single sample of zeros if the law is taken as true and there is no such risk.
    """
    return law_error(fit, points, rng) + broken(fit, points)


def law_error(fit: Fit, points: Mapping[str, Array], rng: np.random.Generator) -> Array:
    """Joint draws of the law's discrepancy, shape (sample, point); one sample of zeros if the law is taken as true."""
    if isinstance(fit, Steps):
        own, rest = split_inputs(fit, points)
        between = fit.first.law.link.inverse(link_mean(fit.first, own) + law_error(fit.first, own, rng))
        given = {**rest, fit.read: between}
        return link_mean(fit.second, given) + error_given(fit.second, between, rng) - link_mean(fit, points)
    located = fit.law.located(points)
    return np.zeros((1, len(located))) if fit.basis is None else fit.conditional.draw(located, rng)


def broken(fit: Fit, points: Mapping[str, Array]) -> Array:
    """Effect of a recipe that breaks, at points of shape (point,) or (sample, point), on the link's scale.

    A single sample of zeros without that risk.
    """
    if fit.risk is None:
        return np.zeros((1, 1))
    reach = reach_of(fit, points)
    return fit.law.sign * fit.risk.draw(reach, len(fit.parameters["sigma"]), fit.record.seed)


def interpolated(grid: Array, values: Array, places: Array) -> Array:
    """Interpolate each row of values, known on an even grid, at that row's own place, shape (sample,)."""
    position = (places - grid[0]) / (grid[1] - grid[0])
    left = np.floor(position).astype(int).clip(0, len(grid) - 2)
    rows, share = np.arange(len(values)), position - left
    return np.asarray((1 - share) * values[rows, left] + share * values[rows, left + 1])


def error_moments(fit: Fit, points: Mapping[str, Array]) -> tuple[Array, Array]:
    """Mean and variance of the law's discrepancy plus a new run's own effect, each of shape (sample, point)."""
    located = fit.law.located(points)
    if fit.basis is None:
        return np.zeros((1, len(located))), np.zeros((1, len(located)))
    mean, variance = fit.conditional.moments(located)
    return mean, variance + fit.conditional.run_variance(located)


def noise_moments(
    fit: Fit, inputs: Mapping[str, Array], rng: np.random.Generator, standard_error: Array | None = None
) -> tuple[Array, Array]:
    """Draws of the mean and standard deviation of a new run's noise, each of shape (sample, point).

    ``standard_error`` is that of the measured outcome on the link's scale; without one it scatters as repeats do.
    """
    standard_error = fit.scatter_of_repeats if standard_error is None else standard_error
    shape = np.broadcast_shapes(fit.columns["sigma"].shape, *(values.shape for values in inputs.values()))
    relative = None if fit.basis is None else noise_scale(inputs)
    return fit.noise.draw_moments(rng, fit.columns, shape, relative=relative, standard_error=standard_error)


def add_noise(fit: Fit, inputs: Mapping[str, Array], latent: Array, rng: np.random.Generator) -> Array:
    """Outcomes of new runs on the link's scale, around a mean of shape (sample, point).

    The inputs are of shape (point,) or (sample, point). In two steps, noise of the first moves the second from where
    the first law itself lies.
    """
    if isinstance(fit, Steps):
        own, given = split_inputs(fit, inputs)
        inverse, on_link = fit.first.law.link.inverse, link_mean(fit.first, own)
        noisy = inverse(add_noise(fit.first, own, on_link, rng))
        moved = link_mean(fit.second, {**given, fit.read: noisy})
        moved = moved - link_mean(fit.second, {**given, fit.read: inverse(on_link)})
        return add_noise(fit.second, {**given, fit.read: noisy}, latent + moved, rng)
    shift, variance = run_moments(fit, inputs, rng)
    return np.asarray(latent + shift + np.sqrt(variance) * rng.standard_normal(latent.shape))


def run_moments(
    fit: Fit, inputs: Mapping[str, Array], rng: np.random.Generator, standard_error: Array | None = None
) -> tuple[Array, Array]:
    """Mean and variance of what a new run adds to the law and its discrepancy: noise and its own effect.

    Each is of shape (sample, point); the inputs are of shape (point,) or (sample, point).
    """
    shift, scale = noise_moments(fit, inputs, rng, standard_error)
    variance = np.square(scale)
    if fit.basis is not None:
        located = fit.law.located(inputs)
        size = fit.basis.process.size(located.reshape(-1, located.shape[-1])).reshape(located.shape[:-1])
        variance = variance + fit.conditional.run_share * np.square(size)
    return shift, variance


def split_inputs(fit: Steps, points: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """The inputs and settings that the first step reads, and the others, which the second reads."""
    read = {item.name for item in (*fit.first.law.inputs, *fit.first.law.settings)}
    own = {name: values for name, values in points.items() if name in read}
    return own, {name: values for name, values in points.items() if name not in read}


def outcomes_given(
    fit: Fit, between: Mapping[str, Array], settings: Mapping[str, Array], rng: np.random.Generator
) -> dict[str, Array]:
    """Outcomes of a second step on its link's scale, given draws of what it reads.

    Parameters
    ----------
    fit : Fit
        Of the second step.
    between : mapping of array, shape (sample, point)
        ``latent`` and ``predictive`` draws of the first outcome; noise is added to what follows from the latter.
    settings : mapping of array, shape (point,)
        Of the second law.
    rng : numpy.random.Generator
    """
    (name,) = fit.law.input_names
    errors = np.hsplit(error_given(fit, np.hstack(list(between.values())), rng), len(between))
    found = {}
    for (kind, values), error in zip(between.items(), errors, strict=True):
        given = {name: values, **settings}
        on_link = link_mean(fit, given) + error
        found[kind] = add_noise(fit, given, on_link, rng) if kind == "predictive" else on_link
    return found


def predicted_given(
    fit: Fit, read: Array, settings: Mapping[str, Array], rng: np.random.Generator, standard_error: Array | None
) -> Predicted:
    """The predictive distribution of a second outcome, with a component for each draw of the first.

    ``read`` has shape (sample, point); ``standard_error`` is that of the second outcome on its link's scale.
    """
    given = {fit.law.input_names[0]: read, **settings}
    shift, variance = run_moments(fit, given, rng, standard_error)
    location = link_mean(fit, given) + error_given(fit, read, rng) + shift
    return Predicted(location, np.sqrt(variance), fit.law.link)


def error_given(fit: Fit, values: Array, rng: np.random.Generator) -> Array:
    """A law's discrepancy, where each draw has its own values of the only input, shape (sample, point)."""
    if fit.basis is None:
        return np.zeros(values.shape)
    (item,) = fit.law.inputs
    # Quantiles, since outcomes have heavy tails: one far outcome would spread an even grid beyond all others.
    grid = np.unique(np.quantile(values, np.linspace(0, 1, _GRID)))
    errors, steps = draw_error(fit, {item.name: grid}, rng), np.arange(len(grid), dtype=float)
    return np.column_stack([interpolated(steps, errors, np.interp(column, grid, steps)) for column in values.T])


_GRID = 256
"""Number of values of a first outcome at which the second law's discrepancy is drawn, to be interpolated between."""
