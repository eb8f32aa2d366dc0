"""Fits that take seconds, made once and shared."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from mixing import mixture_runs
from promises import sketches
from shown import unfolded

from bayescale import OtherRun, Prior, Published
from bayescale.cli import main
from bayescale.data.datasets import load_dataset
from bayescale.posterior.domains import fit_domains
from bayescale.posterior.single import fit_law
from bayescale.posterior.storage import save

settings.register_profile("bayescale", deadline=None)
settings.load_profile("bayescale")
"""No deadline, since a busy machine is not a fault of the code."""

fit = partial(fit_law, discrepancy=False)
"""A fit that takes the law as true."""

OWN_LAW = """
from bayescale import Input, Law, Parameter, Prior, power


def mean(xp, x, p):
    return p["floor"] + p["scale"] * power(xp, x["steps"], -p["rate"])


LAW = Law(
    name="steps",
    title="Learning curve",
    formula="floor + scale steps^-rate",
    citation="nobody",
    inputs=(Input(name="steps", meaning="optimiser steps", unit="steps"),),
    parameters=(
        Parameter(name="floor", prior=Prior("LogNormal", mu=0.5, sigma=0.5), meaning="loss after infinite steps"),
        Parameter(name="scale", prior=Prior("LogNormal", mu=2.0, sigma=1.0), meaning="loss at one step, above floor"),
        Parameter(name="rate", prior=Prior("LogNormal", mu=-1.0, sigma=0.5), meaning="exponent"),
    ),
    mean=mean,
)
"""


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
def few_runs():
    """Eleven runs of a known law with 0.4 % of noise: a typical small table."""
    N = np.repeat([1e8, 3e8, 1e9], [4, 4, 3])
    D = np.array([2e9, 6e9, 2e10, 6e10, 2e9, 6e9, 2e10, 6e10, 6e9, 2e10, 6e10])
    noise = np.random.default_rng(0).normal(scale=0.004, size=len(N))
    return pd.DataFrame({"N": N, "D": D, "loss": (1.8 + 480 * N**-0.35 + 2080 * D**-0.366) * np.exp(noise)})


@pytest.fixture(scope="session")
def few_fit(few_runs):
    return fit("chinchilla", few_runs)


@pytest.fixture(scope="session")
def believing_fit(few_runs):
    """A fit with a user's prior, and evidence from elsewhere."""
    other = OtherRun(2.16, sd=0.01, offset=0.005, N=7e9, D=1.4e11)
    return fit(
        "chinchilla",
        few_runs,
        priors={"E": Prior("Normal", mu=1.7, sigma=0.05)},
        evidence=[Published(N_star=70e9, C=5.76e23, sd=0.3), other],
    )


@pytest.fixture(scope="session")
def saved_fit(chinchilla_fit, tmp_path_factory):
    """File of a saved fit; not to be written to."""
    return save(chinchilla_fit, tmp_path_factory.mktemp("saved") / "chinchilla.nc")


@pytest.fixture
def sketched():
    """Fits that need not be certified."""
    with sketches():
        yield


@pytest.fixture
def own_law(tmp_path):
    """A user's own law file: of one input, steps, to time."""
    path = tmp_path / "my_law.py"
    path.write_text(OWN_LAW)
    return path


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Run in an empty folder, so that a test sees every file that is written."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="session")
def domains_fit():
    """Three domains that are mixed, whose laws are taken as true."""
    with sketches():
        return fit_domains(mixture_runs(), discrepancy=False)


@pytest.fixture(scope="session")
def domains_file(domains_fit, tmp_path_factory):
    return domains_fit.save(tmp_path_factory.mktemp("domains") / "domains.nc")


@pytest.fixture
def run_cli(capsys, monkeypatch):
    """Run the command line in this process; returns exit status, output with each paragraph on a line, and errors."""
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return left.value.code or 0, unfolded(out), err

    return run
