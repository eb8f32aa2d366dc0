"""What documentation shows is run with shared fits: its examples repeat each other's."""

import pytest

from bayescale.posterior import single


def pytest_collection_modifyitems(items):
    """Examples in docstrings are documentation too."""
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            item.add_marker("docs")


@pytest.fixture(scope="session")
def sampled_once():
    """Stands in for ``single.sampled_runs``: each posterior is sampled once, however often it is asked for."""
    kept, sample = {}, single.sampled_runs

    def sampled(observed, options, *, certify=True):
        key = (observed.law, observed.runs.data_hash, options, certify)
        if key not in kept:
            kept[key] = sample(observed, options, certify=certify)
        return kept[key]

    return sampled


@pytest.fixture(autouse=True)
def _shared_fits(request, monkeypatch):
    if request.node.get_closest_marker("docs"):
        monkeypatch.setattr(single, "sampled_runs", request.getfixturevalue("sampled_once"))
