"""Figures: they draw the numbers that the functions return, and are written whole or not at all."""

import numpy as np
import pytest

from bayescale.errors import OutputError
from bayescale.planning.allocation import optimum
from bayescale.planning.limits import limits
from bayescale.plots import plot_limits, plot_plan, save_figure

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
