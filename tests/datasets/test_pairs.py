"""Every law that a card suggests fits the card's runs; ``benchmarks/engines.py`` fits all pairs by either sampler."""

import numpy as np
import pytest

from bayescale.data.datasets import dataset_groups, dataset_names, load_card, load_dataset, load_runs
from bayescale.laws.catalog import load_law
from bayescale.posterior.single import fit_law

pytestmark = pytest.mark.slow

ROWS = 60
"""Rows of a table that are fitted, evenly spread."""

# By law, whose graph is compiled once.
PAIRS = sorted((law, dataset) for dataset in dataset_names() for law in load_card(dataset).laws)
FIRST = dict(reversed(PAIRS))


def pair(law, dataset):
    """A law's second data set and those after it wait for the long tests."""
    marks = () if FIRST[law] == dataset else pytest.mark.long
    return pytest.param(law, dataset, marks=marks, id=f"{law}-{dataset}")


def chosen(law, dataset):
    """Some of the rows that the card names for the law, or else of its longest series."""
    card = load_card(dataset)
    groups = [card.selection[law]] if law in card.selection else dataset_groups(dataset)
    group = max(groups, key=lambda each: len(load_dataset(dataset, group=each)), default=None)
    found = load_law(law)
    name = dataset if group is None else f"{dataset}:{group}"
    runs = load_runs(name, outcome=found.outcome, domain=found.link.domain)
    return runs.take(np.linspace(0, len(runs) - 1, min(len(runs), ROWS)).round().astype(int))


@pytest.mark.usefixtures("sketched")
@pytest.mark.parametrize(("law", "dataset"), [pair(*each) for each in PAIRS])
def test_law_describes_the_runs_that_it_is_suggested_for(law, dataset):
    fitted = fit_law(law, chosen(law, dataset), draws=50)
    assert np.isfinite(fitted.tree["sample_stats"]["lp"]).all()
    missed = fitted.residuals() - fitted.conditional.at_runs
    assert np.median(np.abs(missed)) < 0.9 * np.median(np.abs(fitted.on_link - np.median(fitted.on_link)))
