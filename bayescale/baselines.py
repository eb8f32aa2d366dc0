"""What people do instead: a point fit with a bootstrap, isoFLOP parabolas, and the last run repeated.

They are run beside the posterior in every back-test, on the same runs. Each predicts log loss by draws; point forecasts
get the scatter of their own training residuals.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bayescale.predictive import Predicted
from bayescale.runs import Runs

Array = NDArray[np.float64]

HUBER_DELTA = 1e-3
"""Log residual beyond which the loss is linear (Hoffmann et al. 2022, arXiv:2203.15556, approach 3)."""
REPLICATES = 1000

_STARTS = 64
_ITERATIONS = 60


def bootstrap(train: Runs, test: Runs, seed: int) -> Predicted | None:
    """Chinchilla law by Huber loss, refitted to resampled runs (Besiroglu et al. 2024, arXiv:2404.10102)."""
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


def isoflop(train: Runs, test: Runs, seed: int) -> Predicted | None:
    """Parabolas in log N at fixed compute, their minima extrapolated by power laws in compute.

    Hoffmann et al. 2022, approach 2. None where fewer than three budgets hold an interior minimum.
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
    """The loss of the largest run in training, repeated; it scatters as runs next in compute differ."""
    y = np.log(train.column("loss"))[np.argsort(train.column("C"), kind="stable")]
    scale = max(float(np.sqrt(np.square(np.diff(y)).mean())), 1e-6)
    return Predicted(np.full((REPLICATES, len(test)), y[-1]), np.full((1, 1), scale))


BASELINES: dict[str, Callable[[Runs, Runs, int], Predicted | None]] = {
    "bootstrap": bootstrap,
    "isoflop": isoflop,
    "last_value": last_value,
}


def _log_inputs(runs: Runs) -> Array:
    return np.log(np.column_stack([runs.column("N"), runs.column("D")]))


def _isoflop_slices(log_c: Array) -> list[NDArray[np.intp]]:
    """Rows whose compute is the same to a tenth of a decade."""
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
    """The best of many starts."""
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
    """Minimise the weighted Huber loss for every row of weights, by damped reweighted Gauss-Newton steps at once."""
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
    """A reweighted Gauss-Newton step of every fit, shape (fit, parameter)."""
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
