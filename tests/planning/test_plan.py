"""One function for the best run: each way to plan gives what its own function gives, contradictions are refused."""

import numpy as np
import pandas as pd
import pytest

import bayescale as bs
from bayescale.basics.errors import LawError, QuantityError
from bayescale.planning.allocation import optimum
from bayescale.planning.choices import robust_choice
from bayescale.planning.costs import Cost
from bayescale.planning.data_wall import data_limited
from bayescale.planning.lifetimes import lifetime_budget, lifetime_optimum
from bayescale.planning.modes import MODES, mode_of
from bayescale.planning.spending import optimum_for

CHEAP = Cost(price=1.0)

SAME = {
    "compute": ({"budget": [1e22, 1e24]}, lambda fit: optimum(fit, [1e22, 1e24], seed=3)),
    "money": ({"dollars": 1e6, "cost": CHEAP}, lambda fit: optimum_for(fit, 1e6, CHEAP, seed=3)),
    "quality": (
        {"loss": 2.0, "served": 1e13, "serving_price": 2.0},
        lambda fit: lifetime_optimum(fit, 2.0, 1e13, serving_price=2.0, seed=3),
    ),
    "lifetime": ({"budget": 1e24, "served": 1e13}, lambda fit: lifetime_budget(fit, 1e24, 1e13, seed=3)),
    "scarce data": (
        {"budget": 1e24, "unique": 1e11, "token_price": 1e-6, "cost": CHEAP},
        lambda fit: data_limited(fit, 1e24, 1e11, token_price=1e-6, cost=CHEAP, seed=3),
    ),
    "robust": ({"budget": 1e24, "robust": True}, lambda fit: robust_choice(fit, 1e24, seed=3)),
}


@pytest.mark.parametrize("name", SAME)
def test_each_way_to_plan_is_that_of_its_own_function(thin_chinchilla, name):
    arguments, own = SAME[name]
    found, expected = bs.plan(thin_chinchilla, seed=3, **arguments), own(thin_chinchilla)
    assert found.draws.identical(expected.draws)
    assert found.probabilities == expected.probabilities
    assert found.warnings == expected.warnings


def test_every_way_to_plan_is_tried():
    asked = [{name for name in arguments if name != "seed"} for arguments, _ in SAME.values()]
    for mode in MODES:
        assert any(set(mode.needs) <= given <= {*mode.needs, *mode.takes} for given in asked)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "say what to plan for: give budget=, dollars=, or served= and loss="),
        ({"budget": 1e24, "dollars": 1e6}, "leave out budget= with dollars="),
        ({"budget": 1e24, "loss": 2.0}, "loss= goes with served="),
        ({"loss": 2.0}, "loss= goes with served="),
        ({"served": 1e12}, "served= needs loss=, the loss to reach, or budget=, the compute for all"),
        ({"served": 1e12, "loss": 2.0, "budget": 1e24}, "served= needs loss=, .*, not both"),
        ({"served": 1e12, "budget": [1e23, 1e24]}, "served= takes one budget=, not 2"),
        ({"unique": 1e12}, "unique= needs budget=, the training compute"),
        ({"robust": True}, "robust= needs budget=, the training compute"),
        ({"budget": 1e24, "robust": True, "dollars": 1e6}, "give one of .*, not dollars= and robust="),
        ({"budget": 1e24, "unique": 1e12, "served": 1e12}, "give one of .*, not served= and unique="),
        ({"budget": 1e24, "serving_price": 2.0}, "serving_price= goes with served="),
        ({"budget": 1e24, "token_price": 1e-6}, "token_price= goes with unique="),
        ({"budget": 1e24, "cost": CHEAP}, "cost= goes with dollars= or unique="),
    ],
)
def test_contradictions_are_refused_in_one_line_of_python(thin_chinchilla, arguments, said):
    with pytest.raises(QuantityError, match=f"^{said}$") as caught:
        bs.plan(thin_chinchilla, **arguments)
    assert "--" not in str(caught.value)


def test_a_refusal_can_be_written_for_another_place():
    with pytest.raises(QuantityError, match=r"^<loss> goes with <served>$"):
        mode_of(["loss", "budget"], "<{}>".format)


@pytest.mark.slow
@pytest.mark.usefixtures("sketched")
def test_a_chain_is_planned_by_its_first_step_and_pooled_fits_group_by_group(few_fit):
    chain = bs.fit_chain("chinchilla", "downstream_error", "gadre:c4", draws=50, discrepancy=False)
    first = bs.plan(chain, budget=1e22)
    alone = bs.plan(chain.first, budget=1e22)
    assert all(first.draws[name].identical(alone.draws[name]) for name in ("N", "D", "tokens_per_parameter"))
    x = np.tile([1e2, 1e3, 1e4, 1e5], 2)
    runs = pd.DataFrame({"group": ["a"] * 4 + ["b"] * 4, "x": x, "y": 3 * x ** -np.repeat([0.2, 0.3], 4)})
    pooled = bs.fit("m1", runs, pool=["y_centre", "slope"], draws=50)
    with pytest.raises(LawError, match=r"give \.of\(group\), one of 'a', 'b'"):
        bs.plan(pooled, budget=1e22)
