"""Baselines: point fits with a bootstrap or conformal intervals, isoFLOP parabolas, and the last run repeated.

Every back-test of a law of loss compares the posterior with them on the same runs; a law of accuracy or error is
compared with a fit in two steps, through loss. Each baseline predicts by draws on a link's scale. Point forecasts take
their spread from the residuals of training runs or of hidden runs.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bayescale.basics.errors import RunsError
from bayescale.data.runs import Runs
from bayescale.data.splitting import HORIZONS, splits
from bayescale.laws.links import LOGIT
from bayescale.posterior.predictive import Predicted

Array = NDArray[np.float64]
Baseline = Callable[[Runs, Runs, int], Predicted | None]
Curve = Callable[[Array, Array], Array]

HUBER_DELTA = 1e-3
"""Log residual beyond which the loss is linear (Hoffmann et al. 2022, arXiv:2203.15556, approach 3)."""
REPLICATES = 1000

_STARTS = 64
_ITERATIONS = 60
_CURVE_STARTS = 16
_HIDDEN_WITHIN = 3.0
"""Ratio of the compute of the largest run that a split hides to the ceiling of the split."""


def bootstrap(train: Runs, test: Runs, seed: int) -> Predicted | None:
    """Chinchilla law fitted by Huber loss, and refitted to resampled runs (Besiroglu et al. 2024, arXiv:2404.10102)."""
    if len(train) < 6:
        return None
    rng = np.random.default_rng(seed)
    x, y, centre = _log_inputs(train), np.log(train.column("loss")), _log_inputs(train).mean(axis=0)
    best = _best_huber_fit(x - centre, y, rng)
    weights = rng.multinomial(len(y), np.full(len(y), 1 / len(y)), size=REPLICATES).astype(float)
    replicates = _huber_fits(x - centre, y, weights, np.tile(best, (REPLICATES, 1)))
    residuals = y - _log_loss(best[None], x - centre)[0]
    location = _log_loss(replicates, _log_inputs(test) - centre)
    return Predicted(location, np.full((1, 1), max(float(residuals.std()), 1e-6)))


class _Smoothed(Predicted):
    """A mixture whose draws are its locations; the scale only smooths the density."""

    def draws(self, rng: np.random.Generator) -> Array:
        """The locations, shape (draw, point)."""
        return self.location


def conformal(train: Runs, test: Runs, seed: int) -> Predicted | None:
    """Split-conformal intervals around the bootstrap's point fit (Vovk et al. 2005; Lei et al. 2018, arXiv:1604.04173).

    Residuals are those of the larger training runs, predicted by fits to smaller ones that lie as far below them as the
    training runs lie below the test runs. An interval of mass m extends to both sides by the ceil((n + 1) m)-th
    smallest of n absolute residuals, or by the largest if there are too few. It would cover a new run with probability
    m if all residuals were exchangeable. The draws have these quantiles. Conformal intervals have no density: for a log
    score the draws are smoothed by normals with Scott's bandwidth. None if no training runs can be hidden at that
    distance.
    """
    try:
        inner = splits(train, (_horizon(train, test),))
    except RunsError:
        return None
    rng = np.random.default_rng(seed)
    sizes = np.sort(np.concatenate([_misses(train.take(s.train), train.take(s.test), rng) for s in inner]))
    n, mass = len(sizes), np.linspace(-1.0, 1.0, REPLICATES + 1)
    rank = np.clip(np.ceil((n + 1) * np.abs(mass) - 1e-9), 1, n).astype(int)  # rounding must not raise it by one
    location = _point_fit(train, rng)(test) + (np.sign(mass) * sizes[rank - 1])[:, None]
    bandwidth = max(float(np.sqrt(np.square(sizes).mean()) * n**-0.2), 1e-6)
    return _Smoothed(location, np.full((1, 1), bandwidth))


def isoflop(train: Runs, test: Runs, seed: int) -> Predicted | None:
    """Parabolas in log N at fixed compute, their minima extrapolated by power laws in compute.

    Hoffmann et al. 2022, approach 2. None if fewer than three budgets have an interior minimum.
    """
    log_c, log_n, y = np.log(train.column("C")), np.log(train.column("N")), np.log(train.column("loss"))
    slices = [s for s in _isoflop_slices(log_c) if len(np.unique(log_n[s])) >= 4]
    fitted = [(log_c[s].mean(), *np.polyfit(log_n[s], y[s], 2)) for s in slices]
    minima = np.array([(c, -b / (2 * a), v - b * b / (4 * a), a) for c, a, b, v in fitted if a > 0])
    inside = [log_n.min() < m[1] < log_n.max() for m in minima]
    minima = minima[inside] if len(minima) else minima
    if len(minima) < 3:
        return None
    size, level = np.polyfit(minima[:, 0], minima[:, 1], 1), np.polyfit(minima[:, 0], minima[:, 2], 1)
    curvature = minima[:, 3].mean()

    def predict(runs: Runs) -> Array:
        c, n = np.log(runs.column("C")), np.log(runs.column("N"))
        return np.asarray(np.polyval(level, c) + curvature * np.square(n - np.polyval(size, c)))

    used = np.concatenate(slices)
    scale = max(float((y[used] - predict(train)[used]).std()), 1e-6)
    return Predicted(np.tile(predict(test), (REPLICATES, 1)), np.full((1, 1), scale))


def last_value(train: Runs, test: Runs, seed: int) -> Predicted | None:
    """The loss of the largest training run, repeated; its spread is that of differences between neighbouring runs."""
    y = np.log(train.column("loss"))[np.argsort(train.column("C"), kind="stable")]
    scale = max(float(np.sqrt(np.square(np.diff(y)).mean())), 1e-6)
    return Predicted(np.full((REPLICATES, len(test)), y[-1]), np.full((1, 1), scale))


def two_step(train: Runs, test: Runs, seed: int, *, outcome: str) -> Predicted | None:
    """Loss from a point fit of the Chinchilla law, then the outcome from a least-squares curve of loss.

    Accuracy is a sigmoid with a floor and a ceiling (Bhagia et al. 2024, arXiv:2412.04403; as in the authors' code, a
    point with zero loss and perfect accuracy is added); error is an exponential (Gadre et al. 2024, arXiv:2403.08540).
    The loss of the test runs is not used. The spread is that of the training residuals of both steps together, in
    log-odds. None if a training run has no loss, a run has no N or D, or the outcome is not a fraction.
    """
    rng = np.random.default_rng(seed)
    try:
        loss, observed = train.column("loss", "positive"), _fraction(train, outcome)
        predicted_loss = _point_fit(train, rng)
        seen, ahead = np.exp(predicted_loss(train)), np.exp(predicted_loss(test))
    except RunsError:
        return None
    curve = _fitted_curve(outcome, loss, observed, rng)
    residuals = LOGIT.forward(np, observed) - LOGIT.forward(np, curve(seen))
    scale = max(float(np.sqrt(np.square(residuals).mean())), 1e-6)
    return Predicted(np.tile(LOGIT.forward(np, curve(ahead)), (REPLICATES, 1)), np.full((1, 1), scale), LOGIT)


BASELINES: dict[str, dict[str, Baseline]] = {
    "loss": {"bootstrap": bootstrap, "conformal": conformal, "isoflop": isoflop, "last_value": last_value},
    "accuracy": {"two_step": partial(two_step, outcome="accuracy")},
    "error": {"two_step": partial(two_step, outcome="error")},
}
"""Baselines for each outcome."""


def _horizon(train: Runs, test: Runs) -> float:
    """The horizon of the split to which these runs belong, inferred from their compute."""
    reach = test.column("C").max() / _HIDDEN_WITHIN / train.column("C").max()
    return min(HORIZONS, key=lambda horizon: abs(np.log(reach / horizon)))


def _point_fit(train: Runs, rng: np.random.Generator) -> Callable[[Runs], Array]:
    """Predictor of log loss from the best Huber fit of the Chinchilla law."""
    x = _log_inputs(train)
    centre = x.mean(axis=0)
    best = _best_huber_fit(x - centre, np.log(train.column("loss")), rng)
    return lambda runs: _log_loss(best[None], _log_inputs(runs) - centre)[0]


def _misses(train: Runs, hidden: Runs, rng: np.random.Generator) -> Array:
    """Absolute residual of each hidden run's log loss."""
    return np.abs(np.log(hidden.column("loss")) - _point_fit(train, rng)(hidden))


def _fraction(runs: Runs, outcome: str) -> Array:
    """Fractions, moved away from 0 and 1 if the number of items is known (Haldane 1955, as in fits)."""
    values = runs.column(outcome, "fraction")
    if f"{outcome}_n" not in runs.frame:
        return values
    items = runs.column(f"{outcome}_n")
    return (values * items + 0.5) / (items + 1)


def _fitted_curve(outcome: str, loss: Array, observed: Array, rng: np.random.Generator) -> Callable[[Array], Array]:
    """Least-squares curve of an outcome against loss, the best from several starts."""
    from scipy.optimize import least_squares

    curve, low, high = _CURVES[outcome]
    centre, spread = loss.mean(), max(float(loss.std()), 1e-6)
    if outcome == "accuracy":
        loss, observed = np.append(loss, 0.0), np.append(observed, 1.0)
    z = (loss - centre) / spread
    starts = rng.uniform(low, high, (_CURVE_STARTS, len(low)))
    fits = [least_squares(lambda theta: curve(theta, z) - observed, start, bounds=(low, high)) for start in starts]
    best = min(fits, key=lambda found: found.cost).x
    return lambda values: curve(best, (values - centre) / spread)


def _sigmoid(theta: Array, z: Array) -> Array:
    """Accuracy at standardised losses, from floor, share of the range above it, log rate and midpoint."""
    floor, share, log_rate, middle = theta
    return np.asarray(floor + (1 - floor) * share / (1 + np.exp(np.exp(log_rate) * (z - middle))))


def _exponential(theta: Array, z: Array) -> Array:
    """Error rate at standardised losses, from that of guessing, the gain at mean loss and log rate."""
    guessing, gain, log_rate = theta
    return np.asarray(guessing - gain * np.exp(-np.exp(log_rate) * z))


_CURVES: dict[str, tuple[Curve, Array, Array]] = {
    "accuracy": (_sigmoid, np.array([0.0, 0.0, -3.0, -10.0]), np.array([1.0, 1.0, 3.0, 3.0])),
    "error": (_exponential, np.array([0.0, 0.0, -3.0]), np.array([1.0, 1.0, 2.0])),
}
"""Curve of loss, and the lower and upper bounds of its parameters, by outcome."""


def _log_inputs(runs: Runs) -> Array:
    return np.log(np.column_stack([runs.column("N"), runs.column("D")]))


def _isoflop_slices(log_c: Array) -> list[NDArray[np.intp]]:
    """Groups of rows whose compute is equal when rounded to a tenth of a decade."""
    budgets = np.round(10 * log_c / np.log(10))
    return [np.flatnonzero(budgets == budget) for budget in np.unique(budgets)]


def _log_loss(theta: Array, x: Array) -> Array:
    """Log of E + A N^-alpha + B D^-beta, shape (fit, run), from (log E, log A, log B, alpha, beta) at the centre."""
    terms = _log_terms(theta, x)
    return np.asarray(np.logaddexp.reduce(terms, axis=0))


def _log_terms(theta: Array, x: Array) -> Array:
    e, a, b, alpha, beta = (theta[:, i, None] for i in range(5))
    zero = np.zeros(len(x))
    return np.stack([e + zero, a - alpha * x[:, 0], b - beta * x[:, 1]])


def _best_huber_fit(x: Array, y: Array, rng: np.random.Generator) -> Array:
    """The best Huber fit from many starts."""
    level = y.mean()
    starts = np.column_stack(
        [
            level + rng.uniform(-1.5, 0.0, _STARTS),
            level + rng.uniform(-3.0, -0.5, _STARTS),
            level + rng.uniform(-3.0, -0.5, _STARTS),
            rng.uniform(0.1, 1.0, _STARTS),
            rng.uniform(0.1, 1.0, _STARTS),
        ]
    )
    weights = np.ones((_STARTS, len(y)))
    fits = _huber_fits(x, y, weights, starts)
    losses = (_huber(y - _log_loss(fits, x)) * weights).sum(axis=1)
    return np.asarray(fits[int(np.nanargmin(losses))])


def _huber_fits(x: Array, y: Array, weights: Array, theta: Array) -> Array:
    """Minimise the weighted Huber loss for all rows of weights at once, by damped reweighted Gauss-Newton steps."""
    theta, damping = theta.copy(), np.full(len(theta), 1e-3)
    losses = (_huber(y - _log_loss(theta, x)) * weights).sum(axis=1)
    moving = np.arange(len(theta))
    for _ in range(_ITERATIONS):
        step = _step(x, y, weights[moving], theta[moving], damping[moving])
        tried = theta[moving] + np.clip(step, -1.0, 1.0)
        tried[:, 3:] = np.clip(tried[:, 3:], 1e-3, 3.0)
        tried_losses = (_huber(y - _log_loss(tried, x)) * weights[moving]).sum(axis=1)
        gains = losses[moving] - tried_losses
        better = gains > 0
        theta[moving[better]], losses[moving[better]] = tried[better], tried_losses[better]
        damping[moving] = np.clip(np.where(better, damping[moving] / 5, damping[moving] * 5), 1e-9, 1e3)
        moving = moving[(gains > 1e-6 * losses[moving]) | (~better & (damping[moving] < 1e3))]
        if len(moving) == 0:
            break
    return theta


def _step(x: Array, y: Array, weights: Array, theta: Array, damping: Array) -> Array:
    """One reweighted Gauss-Newton step of every fit, shape (fit, parameter)."""
    terms = _log_terms(theta, x)
    total = np.logaddexp.reduce(terms, axis=0)
    shares = np.exp(terms - total)
    jacobian = np.stack([*shares, -shares[1] * x[:, 0], -shares[2] * x[:, 1]], axis=-1)
    residuals = y - total
    weighted = (jacobian * (weights / np.maximum(1.0, np.abs(residuals) / HUBER_DELTA))[..., None]).swapaxes(1, 2)
    normal, gradient = weighted @ jacobian, weighted @ residuals[..., None]
    ridge = damping[:, None] * np.einsum("fpp->fp", normal) + 1e-12
    return np.asarray(np.linalg.solve(normal + ridge[:, :, None] * np.eye(5), gradient)[..., 0])


def _huber(residuals: Array) -> Array:
    size = np.abs(residuals)
    return np.asarray(np.where(size <= HUBER_DELTA, 0.5 * size**2, HUBER_DELTA * (size - 0.5 * HUBER_DELTA)))
