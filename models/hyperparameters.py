"""Learning rate and batch size: how far from their best values a run loses, and how these move with N and D.

Well-tuned runs follow the law ``skaling``, in which parameters and data interact: sweeps of the Step Law show that
interaction plainly. Off the best learning rate and batch the reducible loss rises in proportion to itself, as a
quadratic of the logarithms, as near any smooth minimum. Both optima are powers of N and D, as in the published rules,
and the best learning rate for a batch is a power of that batch. A run whose learning rate or batch is not given is
taken as tuned.
"""

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from bayescale import PARAMETERS, TOKENS, Derived, Law, Parameter, Prior, PublishedFit, Setting, Values, additive, power

SETTINGS_PER_CELL = 3
"""Combinations of learning rate and batch per pair of N and D from which on runs are a sweep."""
SAME_SIZE = 0.1
"""Difference of log N or log D up to which runs are of one cell."""

LEARNING_RATE = Setting(name="lr", meaning="peak learning rate", unit="", tuned=True)
BATCH = Setting(name="batch", meaning="batch size, in sequences or in tokens", unit="", tuned=True)


def _best(name: str, what: str, mu: float, sigma: float, reason: str) -> Parameter:
    prior = Prior("LogNormal", mu=mu, sigma=sigma)
    return Parameter(
        name=f"{name}_centre", prior=prior, meaning=f"best {what} at the runs' geometric-mean N and D", reason=reason
    )


def _power(name: str, of: str, mu: float, sigma: float, reason: str) -> Parameter:
    return Parameter(name=name, prior=Prior("Normal", mu=mu, sigma=sigma), meaning=f"exponent of {of}", reason=reason)


def _loss(name: str, what: str) -> Parameter:
    return Parameter(
        name=f"{name}_cost",
        prior=Prior("LogNormal", mu=float(np.log(0.01)), sigma=0.7),
        meaning=f"rise of the loss at the centre of the runs, relative to it, per squared e-fold that {what} is off",
        reason="5-95 % 0.3-3 %",
    )


OPTIMA = (
    _best("lr", "learning rate", float(np.log(1e-3)), 1.5, "5-95 % 0.00008-0.012: learning rates of Adam"),
    _best("batch", "batch", float(np.log(2e4)), 3.0, "5-95 % 140-2.8e6: in sequences or in tokens"),
    _power("lr_N", "N in the best learning rate", -0.4, 0.4, "published -0.71 to -0.23"),
    _power("lr_D", "D in the best learning rate", 0.0, 0.4, "published -0.32 to 0.31"),
    _power("batch_N", "N in the best batch", 0.0, 0.3, "published rules have none, or one of compute"),
    _power("batch_D", "D in the best batch", 0.5, 0.3, "published 0.37 to 0.57"),
    _power(
        "lr_batch", "the batch in the best learning rate for it", 0.5, 0.4, "the square root of Adam, the line of SGD"
    ),
)
COSTS = (_loss("lr", "the learning rate"), _loss("batch", "the batch, with the learning rate that is best for it,"))


def log_optima(xp: ModuleType, x: Values, p: Values) -> tuple[Any, Any]:
    """Logs of the best learning rate and batch at N and D."""
    log_n, log_d = xp.log(x["N"]), xp.log(x["D"])
    lr = xp.log(p["lr_coefficient"]) + p["lr_N"] * log_n + p["lr_D"] * log_d
    return lr, xp.log(p["batch_coefficient"]) + p["batch_N"] * log_n + p["batch_D"] * log_d


def best_settings(x: Values, p: Values) -> dict[str, Any]:
    """Best batch at N and D, and the best learning rate there, or for the batch that is given."""
    lr, batch = log_optima(np, x, p)
    off = np.log(x["batch"]) - batch if "batch" in x else 0.0
    return {"lr": np.exp(lr + p["lr_batch"] * off), "batch": np.exp(batch)}


def swept(x: Values, loss: Any) -> bool:
    """Whether pairs of N and D have been run with several learning rates and batches."""
    sizes = np.round(np.log(np.stack([x["N"], x["D"]])) / SAME_SIZE)
    settings = np.log(np.stack([x["lr"], x["batch"]]))
    cells, combinations = (np.unique(rows, axis=1).shape[1] for rows in (sizes, np.vstack([sizes, settings])))
    return bool(np.ptp(settings, axis=1).all() and combinations >= SETTINGS_PER_CELL * cells)


def _coefficient(xp: ModuleType, q: Values, name: str, centre: Values) -> Any:
    """Best value at one parameter and one token."""
    at_n = power(xp, centre["N"], -q[f"{name}_N"])
    return q[f"{name}_centre"] * at_n * power(xp, centre["D"], -q[f"{name}_D"])


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {
        **additive.derive_raised(xp, q, centre),
        "lr_coefficient": _coefficient(xp, q, "lr", centre),
        "batch_coefficient": _coefficient(xp, q, "batch", centre),
        "lr_rise": q["loss_centre"] * q["lr_cost"],
        "batch_rise": q["loss_centre"] * q["batch_cost"],
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    reducible = additive.raised(xp, x, p)
    lr, batch = log_optima(xp, x, p)
    off_batch = xp.log(x["batch"]) - batch if "batch" in x else 0.0
    off_lr = xp.log(x["lr"]) - lr - p["lr_batch"] * off_batch if "lr" in x else 0.0
    rise = p["lr_rise"] * off_lr**2 + p["batch_rise"] * off_batch**2
    return p["E"] + reducible * (1 + rise / (p["level_N"] + p["level_D"]))


LAW = Law(
    name="hyperparameters",
    title="Learning rate and batch size",
    formula="E + (A N^-alpha + B D^-beta)^k (1 + r_l log(l/l_opt)^2 + r_b log(b/b_opt)^2), "
    "l_opt = k_l N^n D^d (b/b_opt)^c, b_opt = k_b N^m D^e",
    citation="arXiv:2608.07222 (2026), for tuned runs; Li et al. 2025, arXiv:2503.04715, for the optima",
    decision="Learning rate and batch size at a scale that cannot be swept, and what a wrong one costs.",
    failure="A quadratic is too kind to rates near divergence; schedule, weight decay and warm-up are left out.",
    inputs=(PARAMETERS, TOKENS),
    settings=(LEARNING_RATE, BATCH),
    parameters=(
        *additive.LEVELS,
        additive.OUTER_EXPONENT,
        replace(additive.LOSS_CENTRE, meaning="loss of tuned runs at the geometric-mean N and D of the runs"),
        *additive.EXPONENTS,
        *OPTIMA,
        *COSTS,
    ),
    derived=(
        additive.E,
        *additive.RAISED,
        additive.ALPHA_N,
        additive.BETA_D,
        *additive.EACH_LEVEL,
        additive.RAISED_EXPONENT,
        Derived(name="lr_coefficient", meaning="best learning rate at N = D = 1, k_l"),
        Derived(name="batch_coefficient", meaning="best batch at N = D = 1, k_b"),
        Derived(
            name="lr_rise",
            meaning="rise of the loss at the centre per squared e-fold of the learning rate",
            unit="nats/token",
        ),
        Derived(
            name="batch_rise",
            meaning="rise of the loss at the centre per squared e-fold of the batch",
            unit="nats/token",
        ),
    ),
    mean=mean,
    derive=derive,
    optimum=additive.additive_optimum,
    best_settings=best_settings,
    published=(
        PublishedFit(
            citation="Li et al. 2025, arXiv:2503.04715",
            values={
                "lr_coefficient": 1.79,
                "lr_N": -0.713,
                "lr_D": 0.307,
                "batch_coefficient": 0.58,
                "batch_N": 0.0,
                "batch_D": 0.571,
            },
            note="batch in tokens; the best learning rate does not depend on the batch; no standard errors given",
        ),
    ),
    in_ensemble=True,
    fewest_runs=20,
    asked_for=swept,
)
