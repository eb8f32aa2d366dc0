"""Every law that a card suggests fits the card's runs: certified, by importance sampling, in seconds.

``benchmarks/engines.py`` fits all pairs with all defaults, and by either sampler.
"""

import pytest
from promises import vouched_for

from bayescale.data.datasets import dataset_groups, dataset_names, load_card, load_dataset, load_runs
from bayescale.laws.catalog import load_law
from bayescale.posterior.single import fit_law

pytestmark = pytest.mark.slow

PAIRS = [(law, dataset) for dataset in dataset_names() for law in load_card(dataset).laws]


def chosen(law, dataset):
    """The rows that the card names for the law, or else its longest series."""
    card = load_card(dataset)
    groups = [card.selection[law]] if law in card.selection else dataset_groups(dataset)
    group = max(groups, key=lambda each: len(load_dataset(dataset, group=each)), default=None)
    found = load_law(law)
    name = dataset if group is None else f"{dataset}:{group}"
    return load_runs(name, outcome=found.outcome, domain=found.link.domain)


def assert_vouched_for(fitted):
    assert vouched_for(fitted)
    if fitted.certified and fitted.record.engine == "importance":
        assert fitted.diagnostics.pareto_k < 0.7
        assert fitted.diagnostics.ess_min >= 1000


@pytest.mark.parametrize(("law", "dataset"), PAIRS, ids=[f"{law}-{dataset}" for law, dataset in PAIRS])
def test_law_fits_the_runs_that_it_is_suggested_for(law, dataset):
    assert_vouched_for(fit_law(law, chosen(law, dataset), draws=250, discrepancy=False))


@pytest.mark.parametrize("law", sorted({law for law, _ in PAIRS}))
def test_law_that_may_be_wrong_fits_the_smallest_table_that_it_is_suggested_for(law):
    """In normal noise, given which the law's error is integrated out exactly."""
    tables = [chosen(law, dataset) for other, dataset in PAIRS if other == law]
    assert_vouched_for(fit_law(law, min(tables, key=len), draws=250, noise="normal"))
