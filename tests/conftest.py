"""Fits that take seconds, made once and shared."""

import pytest

from bayescale.catalog import load_dataset
from bayescale.fitting import fit


@pytest.fixture(scope="session")
def chinchilla_runs():
    return load_dataset("chinchilla")


@pytest.fixture(scope="session")
def chinchilla_fit(chinchilla_runs):
    return fit("chinchilla", chinchilla_runs)


@pytest.fixture(scope="session")
def skaling_fit(chinchilla_runs):
    return fit("skaling", chinchilla_runs)


@pytest.fixture(scope="session")
def nuts_fit(chinchilla_runs):
    return fit("chinchilla", chinchilla_runs, engine="nuts")
