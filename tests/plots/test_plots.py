"""Figures: they draw the numbers that the functions return, and are written whole or not at all."""

import numpy as np
import pandas as pd
import pytest

from bayescale.basics.errors import OutputError
from bayescale.planning.allocation import optimum
from bayescale.planning.limits import limits
from bayescale.planning.purchases import next_dollar
from bayescale.plots import (
    plot_answer,
    plot_calibration,
    plot_comparison,
    plot_coverage,
    plot_isoflop,
    plot_limits,
    plot_loss_against_compute,
    plot_optimum,
    plot_pairs,
    plot_parameters,
    plot_plan,
    plot_predicted,
    plot_predictive,
    plot_predictive_check,
    plot_prior_posterior,
    plot_residuals,
    plot_runs,
    save_figure,
)
from bayescale.posterior.replicates import posterior_predictive
from bayescale.validation.calibration import calibration
from bayescale.validation.comparison import Comparison

BUDGETS = (1e22, 5.76e23)


@pytest.fixture(scope="module")
def figure(chinchilla_fit):
    return plot_plan(chinchilla_fit, BUDGETS)


@pytest.fixture(scope="module")
def best(chinchilla_fit):
    return optimum(chinchilla_fit, BUDGETS).draws


def markers(ax):
    return [line for line in ax.get_lines() if line.get_marker() == "o"]


def test_every_budget_has_its_optimum_at_the_median(figure, best):
    drawn = markers(figure.axes[0])
    assert len(drawn) == len(BUDGETS)
    medians = best[["N", "latent"]].median(("chain", "draw"))
    for i, line in enumerate(drawn):
        assert float(line.get_xdata()[0]) == pytest.approx(float(medians["N"][i]))
        assert float(line.get_ydata()[0]) == pytest.approx(float(medians["latent"][i]))


def test_every_optimum_has_its_interval(figure, best):
    bars = [line for line in figure.axes[0].get_lines() if line.get_linewidth() == 4]
    expected = best["N"].quantile([0.05, 0.95], dim=("chain", "draw")).to_numpy().T
    np.testing.assert_allclose([line.get_xdata() for line in bars], expected)


def test_optima_are_labelled_in_words(figure):
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert len(texts) == len(BUDGETS)
    assert all(text.startswith("N* ") for text in texts)


def test_all_runs_and_the_irreducible_loss_are_drawn(figure, chinchilla_fit):
    right = figure.axes[1]
    (runs,) = markers(right)
    np.testing.assert_array_equal(runs.get_xdata(), chinchilla_fit.runs.column("C"))
    np.testing.assert_array_equal(runs.get_ydata(), chinchilla_fit.runs.column("loss"))
    (floor,) = [line for line in right.get_lines() if line.get_linestyle() == ":"]
    assert float(floor.get_ydata()[0]) == pytest.approx(float(np.median(chinchilla_fit.parameters["E"])))


def test_axes_say_what_they_show_in_which_unit(figure):
    left, right = figure.axes
    assert (left.get_xscale(), right.get_xscale()) == ("log", "log")
    assert left.get_xlabel() == "Parameters N"
    assert right.get_xlabel() == "Training compute C (FLOP)"
    assert left.get_ylabel() == right.get_ylabel() == "Loss (nats/token)"
    assert "240 runs of chinchilla" in figure.get_suptitle()


def test_limits_are_drawn_with_their_quantiles_a_panel_a_year():
    found = limits([2028, 2030])
    panels = plot_limits(found).axes
    assert [ax.get_title() for ax in panels] == [f"Limits to a training run in {year}" for year in (2028, 2030)]
    assert panels[-1].get_xlabel().startswith("Training compute (FLOP)")
    for ax, year in zip(panels, (2028, 2030), strict=True):
        assert ax.get_xscale() == "log"
        assert [label.get_text() for label in ax.get_yticklabels()] == list(found.titles.values())
        assert len(ax.patches) == len(found.titles)
        for box, name in zip(ax.patches, found.titles, strict=True):
            draws = found.quantities[name].sel(year=year)
            sides = box.get_path().vertices[:, 0]
            np.testing.assert_allclose([sides.min(), sides.max()], draws.quantile([0.25, 0.75]))
        ends = {x for line in ax.get_lines() for x in np.ravel(line.get_xdata())}
        expected = found.quantities["largest"].sel(year=year).quantile([0.1, 0.5, 0.9]).to_numpy()
        assert all(any(x == pytest.approx(value) for x in ends) for value in expected)
    assert sum("binds" in text.get_text() for text in panels[0].texts) == 4


@pytest.mark.parametrize(("ending", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_figures_are_written_in_three_formats(figure, tmp_path, ending, magic):
    path = tmp_path / f"plan{ending}"
    save_figure(figure, path)
    assert path.read_bytes().startswith(magic)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["plan.gif", "plan", "plan.png.exe"])
def test_another_ending_is_refused(figure, tmp_path, name):
    with pytest.raises(OutputError, match=r"ends in \.png, \.svg, \.pdf"):
        save_figure(figure, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_figure_that_fails_leaves_the_old_one(figure, tmp_path, monkeypatch):
    path = tmp_path / "plan.png"
    path.write_bytes(b"old")

    def fail(target, **options):
        target.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OutputError, match="No space left"):
        save_figure(figure, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_runs_lie_where_they_were_trained(chinchilla_runs):
    ax = plot_runs(chinchilla_runs)
    (points,) = ax.collections
    np.testing.assert_allclose(points.get_offsets(), chinchilla_runs.frame[["N", "D"]])
    np.testing.assert_allclose(points.get_array(), chinchilla_runs.column("loss"))
    for line, text in zip(ax.get_lines(), ax.texts, strict=True):
        np.testing.assert_allclose(6 * line.get_xdata() * line.get_ydata(), float(text.get_text().split()[0]))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Parameters N", "Training tokens D")


def test_parameters_stand_beside_published_ones(chinchilla_fit):
    ax = plot_parameters(chinchilla_fit)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["a_opt (1)", "E (nats/token)", "A (nats/token)", "B (nats/token)", "alpha_N (1)", "beta_D (1)"]
    drawn = {round(float(x), 6) for line in ax.get_lines() for x in np.ravel(line.get_xdata())}
    for published in chinchilla_fit.law.published:
        for name in published.values:  # noqa: PD011
            ratio = published.values[name] / np.median(chinchilla_fit.parameters[name])  # noqa: PD011
            assert any(x == pytest.approx(ratio, abs=1e-5) for x in drawn), name
    assert "Besiroglu et al. 2024" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_residuals_are_those_of_the_fit(chinchilla_fit, few_runs):
    from bayescale.posterior.single import fit_law

    ax = plot_residuals(chinchilla_fit, "D")
    np.testing.assert_allclose(markers(ax)[0].get_ydata(), np.median(chinchilla_fit.residuals(), axis=0))
    assert ax.get_xlabel() == "Training tokens D (tokens)"
    assert len(plot_residuals(fit_law("chinchilla", few_runs, draws=50)).collections) == 1  # model discrepancy


def test_the_optimum_is_drawn_against_the_budget(chinchilla_fit):
    ax = plot_optimum(chinchilla_fit, [1e24])
    sizes, tokens = ax.get_lines()
    compute = sizes.get_xdata()
    np.testing.assert_allclose(6 * sizes.get_ydata() * tokens.get_ydata(), compute, rtol=0.02)
    expected = np.median(optimum(chinchilla_fit, compute[-1:]).draws["N"])
    assert float(sizes.get_ydata()[-1]) == pytest.approx(float(expected))
    assert compute[-1] >= 1e24


def test_runs_held_out_are_told_from_the_others(chinchilla_fit, chinchilla_runs):
    held = chinchilla_runs.take([0, 1, 2])
    ax = plot_loss_against_compute(chinchilla_fit, [1e23], held_out=held)
    (line,) = [line for line in ax.get_lines() if line.get_label() == "runs held out"]
    np.testing.assert_array_equal(line.get_ydata(), held.column("loss"))


def test_figures_take_axes_and_return_them(chinchilla_fit):
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert plot_isoflop(chinchilla_fit, [1e23], ax=ax) is ax
    assert plot_isoflop(chinchilla_fit, [1e23]) is not ax


@pytest.fixture(scope="module")
def replicated(few_fit):
    return posterior_predictive(few_fit)


def test_predictive_outcomes_are_drawn_over_the_observed_runs(replicated, few_runs):
    ax = plot_predictive(replicated)
    (observed,) = [line for line in ax.get_lines() if line.get_label() == "observed runs"]
    np.testing.assert_allclose(observed.get_xdata(), 6 * few_runs["N"] * few_runs["D"])
    np.testing.assert_array_equal(observed.get_ydata(), few_runs["loss"])
    middle = next(line for line in ax.get_lines() if line.get_label().startswith("median"))
    np.testing.assert_allclose(middle.get_ydata(), replicated.curve["predictive"].median(("chain", "draw")))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Training compute C (FLOP)", "Loss (nats/token)")
    assert ax.get_title() == "Posterior predictive: 45% and 90% bands"
    assert any("drawn curves" in text.get_text() for text in ax.get_legend().get_texts())


def test_calibration_is_drawn_as_the_distance_from_the_diagonal(few_fit):
    found = calibration(few_fit)
    line = plot_calibration(found).get_lines()[0]
    places = np.sort(found.runs["probability"])
    np.testing.assert_allclose(line.get_xdata()[1:-1:2], places)
    np.testing.assert_allclose(line.get_ydata()[2:-1:2], np.arange(1, 12) / 11 - places)
    assert (line.get_ydata()[0], line.get_ydata()[-1]) == (0, 0)


def test_answers_are_drawn_case_by_case(chinchilla_fit):
    answer = next_dollar(chinchilla_fit, 1e6, N=7e10, D=1.4e12)
    ax = plot_answer(answer, "gain")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["larger model", "longer training", "both alike"]
    medians = answer.draws["gain"].median(("chain", "draw"))
    np.testing.assert_allclose(ax.get_lines()[0].get_xdata(), medians)
    assert "nats/token" in ax.get_xlabel()


@pytest.fixture(scope="module")
def measured():
    """What a back-test found, by hand: two horizons, four runs each."""
    from bayescale.validation.backtesting import LEVELS, Backtest

    rows = [
        {
            **{f"cover_{level:g}": float(run < 4 * level) for level in LEVELS},
            **dict.fromkeys(("crps", "log_score", "interval_score", "width", "outside_N", "outside_D"), 0.1),
            **{"error": 0.01 * run, "observed": 1.0 - 0.1 * run, "ceiling": run},
            **{"method": method, "horizon": horizon},
        }
        for method in ("chinchilla", "plain")
        for horizon in (1.0, 3.0)
        for run in range(4)
    ]
    return Backtest(pd.DataFrame(rows), "chinchilla", {1.0: 10.0, 3.0: 8.0})


def test_coverage_is_drawn_by_horizon_beside_the_diagonal(measured):
    *horizons, diagonal = plot_coverage(measured).get_lines()
    assert len(horizons) == 2
    np.testing.assert_allclose(horizons[0].get_ydata(), [0.5, 1.0, 1.0, 1.0])
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())


def test_hidden_runs_are_drawn_predicted_against_observed(measured):
    first, _, _ = plot_predicted(measured).get_lines()
    np.testing.assert_allclose(first.get_xdata(), [1.0, 0.9, 0.8, 0.7])
    np.testing.assert_allclose(first.get_ydata() - first.get_xdata(), [0.0, 0.01, 0.02, 0.03])


@pytest.mark.parametrize("hidden", [True, False])
def test_laws_are_drawn_by_their_difference_from_the_first(hidden):
    inside = {"elpd_diff": [0.0, -3.0], "dse": [0.0, 1.5]}
    beyond = {"score_diff": [0.0, -0.5], "score_diff_se": [0.0, 0.2]} if hidden else {}
    score = {"horizon_score": [2.0, 1.5] if hidden else [None, None], "probability": [0.9, 0.1]}
    table = pd.DataFrame({"law": ["tied", "chinchilla"], **inside, **beyond, **score})
    ax = plot_comparison(Comparison(table, {}, pd.DataFrame()))
    np.testing.assert_allclose(ax.get_lines()[0].get_xdata(), [0.0, -0.5 if hidden else -3.0])
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["tied, best with probability 0.90", "chinchilla, best with probability 0.10"]


@pytest.mark.parametrize("draw", [plot_pairs, plot_prior_posterior, plot_predictive_check])
def test_checks_are_drawn_by_arviz(few_fit, tmp_path, draw):
    from matplotlib import pyplot

    figure = draw(few_fit)
    figure.savefig(tmp_path / "check.png")
    assert (tmp_path / "check.png").stat().st_size > 5_000
    assert not pyplot.get_fignums()  # else a notebook would display it twice
    assert figure._repr_png_().startswith(b"\x89PNG")
