"""Warnings that a law does not describe its runs, with the number and the cure."""

import numpy as np
import pandas as pd
import pytest

from bayescale.data.runs import Runs
from bayescale.posterior.misfit import misfit_warnings
from bayescale.posterior.single import fit_law


def said(law, frame, **choices):
    runs = Runs.from_frame(pd.DataFrame(frame), outcome="y" if "y" in frame else "loss")
    return list(misfit_warnings(fit_law(law, runs, certify=False, draws=250, **choices)))


def curve(n=14, seed=0):
    x = np.geomspace(1e2, 1e5, n)
    return x, np.exp(0.005 * np.random.default_rng(seed).standard_normal(n))


def test_a_curve_of_the_law_raises_nothing():
    x, noise = curve()
    assert said("power_law", {"x": x, "y": (0.2 + 5 * x**-0.4) * noise}) == []


def test_a_curve_that_turns_is_missed_in_a_smooth_way():
    x, noise = curve()
    turned = 0.2 + 5 * x**-0.4 + 0.05 * np.log(x / 1e3).clip(0) ** 1.5
    (text,) = said("power_law", {"x": x, "y": turned * noise})
    assert text.startswith("the law misses the runs by ")
    assert 15 < float(text.split("by ")[1].split(" %")[0]) < 60
    assert "compare" in text


def test_residuals_that_are_alike_are_told_where_the_law_is_taken_as_true():
    x, noise = curve(30)
    wavy = (0.2 + 5 * x**-0.4) * np.exp(0.02 * np.sin(2.5 * np.log(x))) * noise
    assert any("alike along x" in text for text in said("power_law", {"x": x, "y": wavy}, discrepancy=False))


def test_a_largest_run_far_below_the_fit_is_named():
    x, noise = curve(11)
    y = 2.3 * x**-0.01 * noise
    y[-1] *= 0.4
    (text,) = [text for text in said("power_law", {"x": x, "y": y}) if "largest run" in text]
    assert "below the fit" in text
    assert 40 < float(text.split("lies ")[1].split(" %")[0]) < 70


def test_several_largest_runs_on_one_side_are_named_though_heavy_tails_explain_each():
    x, noise = curve(40)
    y = (0.1 + 2 * x**-0.8) * noise
    y[-4:] *= [1.6, 2.5, 3.2, 4]
    table = {"x": x, "y": y, "y_se": [0.001] * 36 + [0.01, 0.02, 0.02, 0.02]}
    (text,) = [text for text in said("power_law", table) if "largest run" in text]
    assert text.startswith("the 3 largest runs all lie ")
    assert "above the fit" in text
    assert "check those runs" in text


def test_the_largest_run_of_a_law_of_loss_is_that_of_the_lowest_loss():
    loss = np.linspace(2.0, 3.5, 12)
    accuracy = 1 / (1 + np.exp(3 * (loss - 3)))
    accuracy[0] = 0.02
    runs = Runs.from_frame(pd.DataFrame({"loss": loss, "accuracy": accuracy, "chance": 0.0}), outcome="accuracy")
    found = misfit_warnings(fit_law("accuracy_of_loss", runs, certify=False, draws=250))
    assert any(text.startswith("the largest run lies") and "below the fit" in text for text in found)


@pytest.mark.parametrize("spread", [0.004, 0.15])
def test_scatter_that_seeds_do_not_explain_is_told(spread):
    rng = np.random.default_rng(1)
    n, d = (each.ravel() for each in np.meshgrid(np.geomspace(5e7, 2e9, 6), np.geomspace(1e10, 5e11, 5)))
    loss = (1.7 + 400 / n**0.34 + 410 / d**0.28) * np.exp(spread * rng.standard_normal(len(n)))
    found = [text for text in said("tied", {"N": n, "D": d, "loss": loss}) if "scatter by" in text]
    assert len(found) == (spread > 0.05)
    if found:
        assert 5 < float(found[0].split("by ")[1].split(" %")[0]) < 25
        assert "N and D" in found[0]
