"""Figures: they draw the numbers that the functions return, and are written whole or not at all."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayescale.basics.errors import LawError, OutputError
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
from bayescale.plots.fits import logarithmic
from bayescale.posterior.replicates import posterior_predictive
from bayescale.validation.calibration import Calibration, calibration
from bayescale.validation.comparison import Comparison

BUDGETS = (1e22, 5.76e23)
HEAVY = 5.0
"""Width of the bars of half of the probability."""


@pytest.fixture(scope="module")
def figure(chinchilla_fit):
    return plot_plan(chinchilla_fit, BUDGETS)


@pytest.fixture(scope="module")
def best(chinchilla_fit):
    return optimum(chinchilla_fit, BUDGETS).draws


def points(ax):
    """Medians that are drawn as points, as pairs."""
    lines = [line for line in ax.get_lines() if line.get_marker() == "o" and len(line.get_xdata()) == 1]
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in lines]


def bars(ax, width, along="x"):
    """Ends of the bars of a width."""
    lines = [line for line in ax.get_lines() if line.get_linewidth() == width and len(line.get_xdata()) == 2]
    return [getattr(line, f"get_{along}data")() for line in lines]


def texts(ax):
    return [" ".join(text.get_text().split()) for text in ax.texts]


def title(ax):
    return " ".join(ax.get_title(loc="left").split())


def ends(draws, mass):
    return draws.quantile([(1 - mass) / 2, (1 + mass) / 2], dim=("chain", "draw")).to_numpy().T


def test_every_budget_has_its_optimum_at_the_median(figure, best):
    medians = best[["N", "latent"]].median(("chain", "draw"))
    np.testing.assert_allclose(points(figure.axes[0]), np.column_stack([medians["N"], medians["latent"]]))


def test_every_optimum_has_its_intervals(figure, best):
    np.testing.assert_allclose(bars(figure.axes[0], HEAVY), ends(best["N"], 0.5))
    np.testing.assert_allclose(bars(figure.axes[0], 1.6), ends(best["N"], 0.9))


def test_optima_are_labelled_with_the_numbers_of_the_plan(figure, best):
    from bayescale.basics.intervals import quantiles
    from bayescale.basics.quantities import format_interval

    labels = texts(figure.axes[0])
    for i, budget in enumerate(("10²²", "5.76×10²³")):
        said = format_interval(quantiles(best["N"].isel(budget=i), [0.05, 0.5, 0.95]).values())
        assert f"{budget} FLOP N* {said}" in labels
        assert f"{said} at {budget} FLOP" in title(figure.axes[0])
    loss = format_interval(quantiles(best["loss"].isel(budget=1), [0.05, 0.5, 0.95]).values(), 4)
    assert title(figure.axes[1]) == f"Loss of the best run of 5.76×10²³ FLOP: {loss} nats/token"


def test_the_fitted_runs_are_drawn_along_the_isoflop_curves(figure, chinchilla_fit):
    runs = next(each for each in figure.axes[0].collections if each.get_array() is not None)
    np.testing.assert_allclose(runs.get_offsets(), chinchilla_fit.runs.frame[["N", "loss"]])
    np.testing.assert_allclose(runs.get_array(), chinchilla_fit.runs.column("C"))
    bar = figure.axes[2]
    assert bar.get_ylabel() == "Training compute $C$ (FLOP)"


def test_bands_are_those_of_a_forecast_and_smooth(figure, chinchilla_fit):
    band, inner = [each for each in figure.axes[1].collections if each.get_array() is None][:2]
    for drawn, mass in ((band, 0.9), (inner, 0.5)):
        outline = drawn.get_paths()[0].vertices
        compute = np.unique(outline[:, 0])
        sides = np.array([[f(outline[outline[:, 0] == c, 1]) for f in (min, max)] for c in compute])
        forecast = optimum(chinchilla_fit, compute[[0, -1]]).draws["loss"]
        expected = ends(forecast, mass)
        # Smoothing takes away Monte Carlo error of the ends, which is largest where noise has heavy tails.
        assert (np.abs(sides[[0, -1]] - expected) < 0.1 * np.ptp(expected, axis=1, keepdims=True)).all()
        assert np.abs(np.diff(np.log(sides), n=2, axis=0)).max() < 2e-3  # by points it would be 1e-2


def test_all_runs_and_the_irreducible_loss_are_drawn(figure, chinchilla_fit):
    right = figure.axes[1]
    (runs,) = [line for line in right.get_lines() if line.get_label() == "fitted runs"]
    np.testing.assert_array_equal(runs.get_xdata(), chinchilla_fit.runs.column("C"))
    np.testing.assert_array_equal(runs.get_ydata(), chinchilla_fit.runs.column("loss"))
    (floor,) = [line for line in right.get_lines() if line.get_linestyle() == ":"]
    assert float(floor.get_ydata()[0]) == pytest.approx(float(np.median(chinchilla_fit.parameters["E"])))


def test_the_same_law_and_runs_are_named_below(figure):
    assert figure.get_supxlabel() == "Chinchilla, fitted to 240 runs of chinchilla"


def test_limits_are_drawn_with_their_quantiles_a_panel_a_year():
    found = limits([2028, 2030])
    figure = plot_limits(found)
    for ax, year in zip(figure.axes, (2028, 2030), strict=True):
        assert ax.get_title(loc="left") == str(year)
        assert ax.get_xscale() == "log"
        assert [label.get_text() for label in ax.get_yticklabels()] == list(found.titles.values())
        draws = found.quantities.sel(year=year)[list(found.titles)].to_array()
        np.testing.assert_allclose([x for x, _ in points(ax)], draws.median(("chain", "draw")))
        np.testing.assert_allclose(bars(ax, HEAVY), ends(draws, 0.5))
        np.testing.assert_allclose(bars(ax, 1.6), ends(draws, 0.9))
    assert figure.axes[-1].get_xlabel() == "Training compute (FLOP)"
    assert sum("binds" in text for text in texts(figure.axes[0])) == 4
    assert "power binds with probability 0.64" in " ".join(figure.get_suptitle().split())
    np.testing.assert_allclose(
        bars(plot_limits(found, ci_prob=0.8).axes[0], 1.6)[0], ends(found.quantities["power"].sel(year=2028), 0.8)
    )


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
    (dots,) = ax.collections
    np.testing.assert_allclose(dots.get_offsets(), chinchilla_runs.frame[["N", "D"]])
    np.testing.assert_allclose(dots.get_array(), chinchilla_runs.column("loss"))
    labels = {
        text: 10.0 ** int(text.split()[0][2:].translate(str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")))
        for text in texts(ax)[1:]
    }
    lines = [line.get_xydata().prod(axis=1) * 6 for line in ax.get_lines()]
    assert len(labels) == len(lines) == 4
    np.testing.assert_allclose([line[0] for line in lines], list(labels.values()))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Model size $N$ (parameters)", "Training data $D$ (tokens)")
    assert title(ax) == "240 runs of chinchilla: 57.3M to 16.2B parameters, 819M to 318B tokens"


def test_parameters_stand_beside_published_ones(chinchilla_fit):
    ax = plot_parameters(chinchilla_fit)
    names = [label.get_text() for label in ax.get_yticklabels()]
    greek = [r"$\alpha_{N}$", r"$\beta_{D}$"]
    assert names == [r"$a_{\mathrm{opt}}$", "$E$", "$A$", "$B$", *greek]
    squares = [line.get_xydata()[0] for line in ax.get_lines() if line.get_marker() == "s" and len(line.get_xdata())]
    drawn = {tuple(np.round(place, 4)) for place in squares}
    posterior, (first, second) = chinchilla_fit.parameters, chinchilla_fit.law.published
    for k, published in ((1, first), (2, second)):
        for name, value in published.values.items():  # noqa: PD011
            row = -["a_opt", "E", "A", "B", "alpha_N", "beta_D"].index(name)
            scaled = np.log if logarithmic(posterior[name]) else np.asarray
            draws = scaled(posterior[name])
            distance = (scaled(value) - np.median(draws)) / draws.std()
            assert any(abs(x - distance) < 0.01 and y == pytest.approx(row - 0.2 * k) for x, y in drawn), name
    assert title(ax).startswith("Published values inside the 90 % interval: 6 of 6 (Besiroglu et al. 2024), ")
    assert sum("nats/token" in text for text in texts(ax)) == 3


def test_a_parameter_that_does_not_exist_is_refused(chinchilla_fit):
    with pytest.raises(LawError, match="law 'chinchilla' has no parameter 'alpha': choose from share_N, "):
        plot_parameters(chinchilla_fit, ("alpha",))


def test_residuals_are_those_of_the_fit(chinchilla_fit, few_runs):
    from bayescale.posterior.single import fit_law

    ax = plot_residuals(chinchilla_fit, "D")
    np.testing.assert_allclose(ax.get_lines()[0].get_ydata(), np.median(chinchilla_fit.residuals(), axis=0))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Training data $D$ (tokens)", "Outcome minus law (log loss)")
    rms = np.median(np.sqrt(np.square(chinchilla_fit.residuals()).mean(axis=1)))
    assert title(ax).startswith(f"The runs lie {100 * rms:.3g} [")
    doubtful = fit_law("chinchilla", few_runs, draws=50)
    ax = plot_residuals(doubtful)
    assert len(ax.collections) == 2  # bands of the model discrepancy, not a bar for each run
    (middle,) = [line for line in ax.get_lines() if "discrepancy" in line.get_label()]
    assert len(middle.get_xdata()) >= 100


def test_the_optimum_is_drawn_against_the_budget(chinchilla_fit):
    ax = plot_optimum(chinchilla_fit, [1e24])
    sizes, tokens = ax.get_lines()
    compute = sizes.get_xdata()
    np.testing.assert_allclose(6 * sizes.get_ydata() * tokens.get_ydata(), compute, rtol=0.02)
    expected = np.median(optimum(chinchilla_fit, compute[-1:]).draws["N"])
    assert float(sizes.get_ydata()[-1]) == pytest.approx(float(expected))
    assert compute[-1] >= 1e24
    assert f"N* grows as compute to the power of {np.median(chinchilla_fit.parameters['a_opt']):.2g} [" in title(ax)


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
    middle = next(line for line in ax.get_lines() if line.get_label() == "a new run: median, 50 and 90 %")
    np.testing.assert_allclose(middle.get_ydata(), replicated.curve["predictive"].median(("chain", "draw")))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Training compute $C$ (FLOP)", "Loss (nats/token)")
    summary = replicated.summary()
    inside = ((summary["q05"] <= summary["observed"]) & (summary["observed"] <= summary["q95"])).mean()
    assert title(ax) == f"Posterior predictive: {100 * inside:.0f} % of the runs lie in their 90 % interval"
    assert any("drawn curves" in text.get_text() for text in ax.get_legend().get_texts())


def test_outcomes_are_checked_on_their_own_scale(few_fit, few_runs):
    ax = plot_predictive_check(few_fit)
    (marks,) = [line for line in ax.get_lines() if line.get_marker() == "|"]
    np.testing.assert_array_equal(marks.get_xdata(), few_runs["loss"])
    replicated, observed = ax.get_lines()[:2]
    for line in (replicated, observed):
        assert np.trapezoid(line.get_ydata(), line.get_xdata()) == pytest.approx(1, abs=0.1)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["replicated tables: median, 50 and 90 %", "observed runs"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Loss (nats/token)", "Density of runs (per nats/token)")


def test_calibration_is_drawn_as_the_distance_from_the_diagonal(few_fit):
    found = calibration(few_fit)
    ax = plot_calibration(found)
    line = ax.get_lines()[0]
    places = np.sort(found.runs["probability"])
    np.testing.assert_allclose(line.get_xdata()[1:-1:2], places)
    np.testing.assert_allclose(line.get_ydata()[2:-1:2], np.arange(1, 12) / 11 - places)
    assert (line.get_ydata()[0], line.get_ydata()[-1]) == (0, 0)
    assert ax.get_xlabel().startswith("LOO-PIT")


def test_the_bands_of_a_calibration_hold_their_share_of_uniform_places():
    places = np.random.default_rng(0).uniform(size=(2000, 60))
    runs = xr.Dataset(
        {"probability": ("run", places[0]), "k_hat": ("run", 0 * places[0])}, {"training_run": ("run", np.arange(60))}
    )
    wide, narrow = plot_calibration(Calibration(runs, 60, "even")).collections
    below = (places < 0.3).mean(axis=1) - 0.3
    for band, mass in ((wide, 0.9), (narrow, 0.5)):
        outline = band.get_paths()[0].vertices
        low, high = np.sort(outline[np.isclose(outline[:, 0], 0.3), 1])[[0, -1]]
        held = (
            (below > low).mean() / 2
            + (below >= low).mean() / 2
            + (below < high).mean() / 2
            + (below <= high).mean() / 2
        )
        assert held - 1 == pytest.approx(mass, abs=0.06)


def test_answers_are_drawn_case_by_case(chinchilla_fit):
    answer = next_dollar(chinchilla_fit, 1e6, N=7e10, D=1.4e12)
    ax = plot_answer(answer, "gain")
    assert [label.get_text() for label in ax.get_yticklabels()] == ["larger model", "longer training", "both alike"]
    np.testing.assert_allclose([x for x, _ in points(ax)], answer.draws["gain"].median(("chain", "draw")))
    np.testing.assert_allclose(bars(ax, HEAVY), ends(answer.draws["gain"], 0.5))
    assert ax.get_xlabel() == "Gain (nats/token)"


def made_up_backtest():
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


def made_up_comparison(hidden):
    inside = {"elpd_diff": [0.0, -3.0], "dse": [0.0, 1.5]}
    beyond = {"score_diff": [0.0, -0.5], "score_diff_se": [0.0, 0.2]} if hidden else {}
    score = {"horizon_score": [2.0, 1.5] if hidden else [None, None], "probability": [0.9, 0.1]}
    return Comparison(pd.DataFrame({"law": ["tied", "chinchilla"], **inside, **beyond, **score}), {}, pd.DataFrame())


def test_coverage_is_drawn_by_horizon_beside_the_diagonal():
    ax = plot_coverage(made_up_backtest())
    diagonal, *horizons = [line for line in ax.get_lines() if line.get_linestyle() != "None"]
    assert len(horizons) == 2
    np.testing.assert_allclose(horizons[0].get_ydata(), [50, 100, 100, 100])
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())
    assert title(ax) == "Hidden runs inside 90 % bands: 100 % at × 1, 100 % at × 3"


def test_hidden_runs_are_drawn_predicted_against_observed():
    first, _, _ = plot_predicted(made_up_backtest()).get_lines()
    np.testing.assert_allclose(first.get_xdata(), [1.0, 0.9, 0.8, 0.7])
    np.testing.assert_allclose(first.get_ydata() - first.get_xdata(), [0.0, 0.01, 0.02, 0.03])


@pytest.mark.parametrize("hidden", [True, False])
def test_laws_are_drawn_by_their_difference_from_the_first(hidden):
    ax = plot_comparison(made_up_comparison(hidden))
    np.testing.assert_allclose(ax.get_lines()[0].get_xdata(), [0.0, -0.5 if hidden else -3.0])
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["tied, P(best) = 0.90", "chinchilla, P(best) = 0.10"]
    wide, half = (each.get_paths()[1].vertices[:, 0] for each in ax.collections)
    np.testing.assert_allclose(np.ptp(wide) / np.ptp(half), 1.645 / 0.674, rtol=1e-3)
    assert title(ax) == f"tied {'predicts larger runs' if hidden else 'describes the runs'} best with probability 0.90"


def test_pairs_hold_the_mass_of_their_regions(few_fit):
    names = ("E", "alpha_N")
    figure = plot_pairs(few_fit, names)
    first, below, second = figure.axes
    draws = np.column_stack([few_fit.parameters[name] for name in names])
    outer, _, inner, _ = below.collections
    for region, mass in ((outer, 0.9), (inner, 0.5)):
        held = sum(path.contains_points(draws) for path in region.get_paths())
        assert np.mean(held) == pytest.approx(mass, abs=0.06)
    assert (below.get_xlabel(), below.get_ylabel()) == ("$E$ (nats/token)", r"$\alpha_{N}$ (no unit)")
    assert second.get_xlabel() == r"$\alpha_{N}$ (no unit)"
    assert first.get_ylabel() == ""


def test_prior_and_posterior_are_densities_with_units(few_fit):
    figure = plot_prior_posterior(few_fit, ("E", "a_opt"))
    assert [ax.get_xlabel() for ax in figure.axes] == ["$E$ (nats/token)", r"$a_{\mathrm{opt}}$ (no unit)"]
    posterior, prior = figure.axes[1].get_lines()
    for line, name in ((posterior, "posterior"), (prior, "prior")):
        x, y = line.get_xydata().T
        draws = few_fit.groups[name]["a_opt"].to_numpy()
        inside = ((draws >= x.min()) & (draws <= x.max())).mean()
        assert np.trapezoid(y, x) == pytest.approx(inside, abs=0.03)
    low, high = np.quantile(few_fit.parameters["E"], [0.05, 0.95])
    assert f"[{low:.3g}, {high:.3g}]" in title(figure.axes[0])


@pytest.mark.parametrize("draw", [plot_pairs, plot_prior_posterior])
def test_figures_of_several_panels_show_themselves_once(few_fit, draw):
    from matplotlib import pyplot

    figure = draw(few_fit, ("E", "a_opt"))
    assert not pyplot.get_fignums()  # else a notebook would display it twice
    assert figure._repr_png_().startswith(b"\x89PNG")
