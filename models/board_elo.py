"""Elo against compute and board size: untrained play, an incline, and perfect play (Jones 2021)."""

from types import ModuleType
from typing import Any

import numpy as np

from bayescale import IDENTITY, Derived, Input, Law, Parameter, Prior, Values, accuracies

BOARD = Input(name="board_size", meaning="side of the board", unit="cells", linear=3.0)
PER_DECADE = Parameter(
    name="incline",
    prior=Prior("LogNormal", mu=float(np.log(500.0)), sigma=0.35),
    meaning="Elo gained per decade of compute",
    unit="Elo/decade",
    reason="5-95 % 280-890",
)
BOARD_COST = Parameter(
    name="board_cost",
    prior=Prior("LogNormal", mu=float(np.log(450.0)), sigma=0.5),
    meaning="loss of Elo at equal compute when the board is larger by one cell",
    unit="Elo/cell",
    reason="5-95 % 200-1000: as much as about a decade of compute",
)
AT_CENTRE = Parameter(
    name="elo_centre",
    prior=Prior("Normal", mu=-500.0, sigma=500.0),
    meaning="Elo of the incline at the geometric-mean compute and board of the runs",
    unit="Elo",
    reason="5-95 % -1300 to 300: runs range from untrained to perfect play",
)
UNTRAINED = Parameter(
    name="untrained",
    prior=Prior("LogNormal", mu=float(np.log(800.0)), sigma=0.6),
    meaning="Elo of perfect play above untrained play on the geometric-mean board of the runs",
    unit="Elo",
    reason="5-95 % 300-2100",
)
UNTRAINED_COST = Parameter(
    name="untrained_cost",
    prior=Prior("LogNormal", mu=float(np.log(250.0)), sigma=0.6),
    meaning="increase of that difference when the board is larger by one cell",
    unit="Elo/cell",
    reason="5-95 % 90-670",
)
ROUNDING = Parameter(
    name="rounding",
    prior=Prior("LogNormal", mu=float(np.log(60.0)), sigma=0.8),
    meaning="width over which plateau, incline and perfect play blend",
    unit="Elo",
    reason="5-95 % 16-220: the published law has sharp kinks, actual play has none",
)


def derive(xp: ModuleType, q: Values, centre: Values) -> dict[str, Any]:
    decades = xp.log(centre["C"]) / np.log(10)
    return {
        "incline_constant": q["elo_centre"] - q["incline"] * decades + q["board_cost"] * centre["board_size"],
        "untrained_constant": q["untrained_cost"] * centre["board_size"] - q["untrained"],
    }


def mean(xp: ModuleType, x: Values, p: Values) -> Any:
    decades = xp.log(x["C"]) / np.log(10)
    untrained = p["untrained_constant"] - p["untrained_cost"] * x["board_size"]
    incline = p["incline"] * decades - p["board_cost"] * x["board_size"] + p["incline_constant"]
    width = p["rounding"]
    above = width * xp.logaddexp(untrained / width, incline / width)
    return -width * xp.logaddexp(0.0, -above / width)


LAW = Law(
    name="board_elo",
    title="Elo of board games",
    formula="min(0, max(m_p s + c_p, m_C log10 C + m_i s + c_i)), with smooth kinks",
    citation="Jones 2021, arXiv:2104.03113",
    decision="Compute for the same strength in a larger game, from runs on smaller ones.",
    failure="Describes the frontier, whose points, each the best of many, lie above a single run.",
    inputs=(accuracies.COMPUTE, BOARD),
    outcome="elo",
    outcome_unit="Elo",
    link=IDENTITY,
    scatter=50.0,
    falls=False,
    parameters=(PER_DECADE, BOARD_COST, AT_CENTRE, UNTRAINED, UNTRAINED_COST, ROUNDING),
    derived=(
        Derived(name="incline_constant", meaning="Elo of the incline for one FLOP and no board, c_i", unit="Elo"),
        Derived(name="untrained_constant", meaning="Elo of untrained play on no board, c_p", unit="Elo"),
    ),
    mean=mean,
    derive=derive,
    in_ensemble=True,
)
