"""Average task error as an exponential of pre-training loss (Gadre et al. 2024)."""

from types import ModuleType
from typing import Any

from bayescale import LOGIT, Derived, Law, Parameter, Prior, PublishedFit, Values, accuracies

EPSILON = Parameter(
    name="epsilon",
    prior=Prior("Beta", alpha=8.0, beta=2.0),
    meaning="error of random guessing, as of models with large loss",
    unit="fraction",
    reason="5-95 % 0.57-0.96: averages of tasks with two or more answers",
)
GAIN = Parameter(
    name="gain",
    prior=Prior("Beta", alpha=1.5, beta=6.0),
    meaning="share of that error that is removed at the geometric-mean loss of the runs",
    reason="5-95 % 0.03-0.46: small models hardly beat guessing",
)
GAMMA = Parameter(
    name="gamma",
    prior=Prior("LogNormal", mu=0.0, sigma=0.5),
    meaning="rate at which the gain grows as loss falls",
    unit="1/(nats/token)",
    reason="5-95 % 0.44-2.3 per nat",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    return {"k": q["epsilon"] * q["gain"] * xp.exp(q["gamma"] * centre["loss"])}


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    return p["epsilon"] - p["k"] * xp.exp(-p["gamma"] * x["loss"])


LAW = Law(
    name="downstream_error",
    title="Downstream error from loss",
    formula="epsilon - k exp(-gamma L)",
    citation="Gadre et al. 2024, arXiv:2403.08540",
    decision="Whether a planned run reaches a level on an average of benchmarks.",
    failure="Single tasks do not follow it, and far below the runs' losses it predicts negative error.",
    inputs=(accuracies.LOSS,),
    outcome="error",
    outcome_unit="fraction",
    link=LOGIT,
    scatter=0.03,
    parameters=(EPSILON, GAIN, GAMMA),
    derived=(Derived(name="k", meaning="gain over guessing at zero loss, which is unreachable", unit="fraction"),),
    mean=mean,
    derive=derive,
    second_step=True,
    published=(
        PublishedFit(
            citation="Gadre et al. 2024, arXiv:2403.08540: their rows and least squares, computed again",
            values={"epsilon": 0.857, "k": 2.2065, "gamma": 0.7146},
            note="six RedPajama runs and the mean of 17 tasks; it gives their published prediction errors",
        ),
    ),
)
