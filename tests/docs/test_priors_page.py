"""The page on priors and evidence: its numbers are those of its fits, and what it names exists."""

import re

import numpy as np
import pytest
from shown import is_shown

import bayescale as bs
from bayescale.basics.files import root
from bayescale.basics.quantities import format_interval
from bayescale.laws.evidence import parse_evidence
from bayescale.laws.priors import DISTRIBUTIONS, parse_prior

pytestmark = pytest.mark.docs

PAGE = (root("models").parent / "docs/priors.md").read_text(encoding="utf-8")


def rows(fits):
    """What the page's table shows of each fit: median and 90 % interval."""
    names = {"E": "E (nats/token)", "alpha_N": "alpha", "a_opt": "a_opt"}
    values = {label: [each.parameters[name] for each in fits] for name, label in names.items()}
    values["N* at 5.76e23 FLOP (parameters)"] = [bs.plan(each, budget=5.76e23).draws["N"].to_numpy() for each in fits]
    points = [bs.forecast(each, N=70e9, D=1.4e12).draws["predictive"].to_numpy() for each in fits]
    values["loss of 70B on 1.4T (nats/token)"] = points
    for label, of in values.items():
        shown = [format_interval(np.quantile(each, [0.05, 0.5, 0.95]), 3) for each in of]
        yield f"| {label} | {' | '.join(shown)} |"


def test_the_table_is_that_of_the_fits(few_fit, believing_fit):
    printed = list(rows([few_fit, believing_fit]))
    shown = [line for line in PAGE.splitlines() if line.startswith("| ") and line.count("[") == 2]
    assert len(shown) == len(printed)
    for line in shown:
        assert is_shown(line, printed), line


def test_the_runs_of_the_page_are_those_that_were_fitted(few_runs):
    (code,) = re.findall(r"<!-- runs -->\n```python\n(.*?)```", PAGE, flags=re.DOTALL)
    names = {}
    exec(code, names)
    np.testing.assert_allclose(names["runs"].to_numpy(), few_runs.to_numpy())


def test_priors_and_evidence_of_the_command_line_are_read():
    priors = re.findall(r"--prior \"(.*?)\"", PAGE)
    evidence = re.findall(r"--evidence \"(.*?)\"", PAGE)
    assert len(priors) > 1
    assert len(evidence) > 1
    for text in priors:
        parse_prior(text)
    for text in evidence:
        parse_evidence(text)


def test_every_distribution_is_named():
    assert [name for name in DISTRIBUTIONS if f"`{name}" not in PAGE] == []
