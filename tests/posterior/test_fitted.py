"""What a fit, an ensemble, pooled groups and a chain have in common: forecasts, summaries, trees and files."""

import numpy as np
import pandas as pd
import pytest
from promises import sketches

import bayescale as bs
from bayescale.basics.errors import LawError

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fitted(few_fit, few_runs):
    law_as_true = {"discrepancy": False, "draws": 100}
    curves = pd.DataFrame({"x": np.tile([1e2, 1e3, 1e4, 1e5, 1e6], 2), "group": np.repeat(["a/b", "c"], 5)})
    noise = np.exp(np.random.default_rng(0).normal(scale=0.01, size=10))
    curves = curves.assign(y=3 * curves["x"] ** -np.repeat([0.2, 0.3], 5) * noise)
    steps = few_runs.assign(error=1 / (1 + np.exp(-2 * (few_runs["loss"] - 2.8))))
    with sketches():
        return {
            "fit": few_fit,
            "ensemble": bs.fit(["chinchilla", "tied"], few_runs, **law_as_true),
            "pooled": bs.fit("m1", curves, pool=["slope"], **law_as_true),
            "chain": bs.fit_chain("chinchilla", "downstream_error", steps, **law_as_true),
        }


NEW = {"pooled": {"x": 1e7, "group": "a/b"}}


@pytest.mark.parametrize("kind", ["fit", "ensemble", "pooled", "chain"])
def test_it_is_loaded_as_it_was_saved(fitted, kind, tmp_path):
    whole = fitted[kind]
    again = bs.load(whole.save(tmp_path / "saved.nc"))
    assert type(again) is type(whole)
    assert again.certified == whole.certified
    pd.testing.assert_frame_equal(again.summary(), whole.summary())
    new = NEW.get(kind, {"N": 7e9, "D": 1.4e11})
    before, after = (each.forecast(**new, seed=1).draws["predictive"] for each in (whole, again))
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize(("kind", "parts"), [("ensemble", 2), ("pooled", 2), ("chain", 2)])
def test_its_tree_holds_what_arviz_takes_of_each_part(fitted, kind, parts):
    children = fitted[kind].tree.children
    assert len(children) == parts
    assert all(
        {"posterior", "prior", "sample_stats", "observed_data"} <= set(node.children) for node in children.values()
    )


def test_an_interval_has_the_mass_that_is_asked_for(fitted):
    for whole in fitted.values():
        assert {"q25", "q75"} <= set(whole.summary(0.5))


def test_a_group_that_is_not_there_is_named(fitted):
    with pytest.raises(LawError, match=r"no group 'd': give group=, one of a/b, c"):
        fitted["pooled"].forecast(x=1e7, group="d")
    with pytest.raises(LawError, match="no group None"):
        fitted["pooled"].forecast(x=1e7)


@pytest.mark.parametrize("kind", ["fit", "ensemble", "pooled", "chain"])
def test_it_prints_as_a_table_with_units_and_intervals(fitted, kind):
    whole = fitted[kind]
    text = str(whole)
    assert text.startswith(f"{whole.title} on {whole.dataset}, ")
    assert "90% interval" in text
    assert all(str(unit) in text for unit in whole.summary()["unit"].unique())
    assert all(warning in text for warning in whole.warnings)
