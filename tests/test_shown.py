"""Every result shows itself in a notebook: a small table with units and intervals, warnings on top, all escaped."""

import inspect
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayescale as bs
from bayescale.posterior.ensembles import Ensemble, equal_weights
from bayescale.posterior.pooling import Pooled
from bayescale.validation.recovery import Replicate

HOSTILE = "<script>alert('&')</script>"

CLASSES = {name: getattr(bs, name) for name in bs.__all__ if inspect.isclass(getattr(bs, name))}
RESULTS = {
    name
    for name, found in CLASSES.items()
    if hasattr(found, "summary")
    or "warnings" in getattr(found, "__dataclass_fields__", {})
    or hasattr(found, "warnings")
}
"""Public classes that can be summed up, or have warnings."""


class Reader(HTMLParser):
    """Elements, and the text between them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.texts.append(data.strip())


@pytest.fixture(scope="module")
def results(few_fit, few_runs):
    """One of each result, with a warning that tries to be markup where it can have one."""
    fit = replace(few_fit, warnings=(HOSTILE,))
    drawn = bs.posterior_predictive(fit)
    table = pd.DataFrame({"law": ["tied", HOSTILE], "horizon_score": [2.0, np.nan]})
    backtest = pd.DataFrame(
        {
            **{f"cover_{level:g}": [1.0, 0.0] for level in (0.5, 0.8, 0.9, 0.95)},
            **{name: [0.1, 0.2] for name in ("crps", "log_score", "interval_score", "width", "error", "observed")},
            **{"outside_N": [0.1, 0.2], "outside_D": [0.1, 0.2], "ceiling": [1.0, 2.0], "method": ["tied", HOSTILE]},
            "horizon": [1.0, 1.0],
        }
    )
    runs = {name: ("run", np.linspace(0.1, 0.9, 9)) for name in ("probability", "observed", "k_hat")}
    of_runs = xr.Dataset(runs, coords={"training_run": ("run", np.arange(9))})
    replicates = [Replicate({"E": i}, {"E": i / 9}, "nuts", False, None, 1e3, 1.0) for i in range(9)]
    each = [
        *(fit, fit.forecast(N="1B", D="20B"), drawn, fit.plan(budget="1e21"), fit.runs),
        Ensemble({"chinchilla": fit}, equal_weights(["chinchilla"])),
        Pooled({HOSTILE: fit}, fit.groups["posterior"].to_dataset()[["E"]], ("E",)),
        bs.Domains({HOSTILE: fit}, (HOSTILE, "web")),
        bs.check(bs.Runs.from_frame(few_runs, source=HOSTILE)),
        bs.next_runs(fit, target=bs.OptimumAt("1e22"), budget="1e21"),
        bs.limits(2030, draws=100),
        bs.Comparison(table, {}, pd.DataFrame(), verdict=HOSTILE, warnings=(HOSTILE,)),
        bs.Backtest(backtest, HOSTILE, {1.0: 9.0}),
        bs.ApproachesCompared({"law": fit.plan(budget="1e21")}, {"envelope": HOSTILE}, None, True, (HOSTILE,), ()),
        bs.Calibration(of_runs, 9, HOSTILE),
        bs.Recovery(HOSTILE, tuple(replicates)),
    ]
    return {type(result).__name__: result for result in each}


@pytest.fixture(scope="module")
def pages(results, few_fit, tmp_path_factory):
    results["Registered"] = bs.register(few_fit, tmp_path_factory.mktemp("registered") / "f.json", N="1B", D="20B")
    return {name: Reader(result._repr_html_()) for name, result in results.items()}


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_every_result_shows_itself(pages, name):
    assert name in pages, "make one of these in the fixture"
    assert "table" in pages[name].tags


def test_no_text_is_markup(pages):
    for name, page in pages.items():
        assert "script" not in page.tags, name
    assert sum(HOSTILE in page.texts for page in pages.values()) >= 10


def test_warnings_come_before_the_table(pages, results):
    for name, result in results.items():
        for text in getattr(result, "warnings", ()):
            texts, rows = pages[name].texts, pages[name].tags.index("table")
            assert "ul" in pages[name].tags[:rows], name
            assert text in " ".join(texts)


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("Fit", "nats/token"),
        ("Ensemble", "nats/token"),
        ("Pooled", "nats/token"),
        ("Domains", "nats/token"),
        ("Forecast", "nats/token"),
        ("Registered", "nats/token"),
        ("Replicates", "log loss"),
        ("Answer", "tokens/parameter"),
        ("Limits", "FLOP"),
    ],
)
def test_numbers_have_units_and_intervals(pages, name, unit):
    assert unit in pages[name].texts
    assert "90% interval" in pages[name].texts
    assert "median" in pages[name].texts


def test_long_tables_are_cut_and_long_texts_are_not():
    from bayescale.basics.html import html_of

    page = Reader(html_of("a", pd.DataFrame({"n": range(1000), "text": ["word " * 50] * 1000})))
    assert page.tags.count("tr") < 40
    assert ("word " * 50).strip() in page.texts
