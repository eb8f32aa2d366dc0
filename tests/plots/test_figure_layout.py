"""Layout of figures: words never overlap, lie on bands, or leave the figure, and every axis says what it is of."""

from itertools import combinations

import numpy as np
import pytest
from test_plots import made_up_backtest, made_up_comparison

import bayescale as bs
from bayescale.plots.labels import spread

SMALL = 1.0
"""Points by which boxes may touch."""


@pytest.fixture(scope="module")
def figures(chinchilla_fit, chinchilla_runs, few_fit, few_runs):
    """Figures by name, drawn once."""
    plots, drawn = bs.plots, bs.posterior_predictive(few_fit)
    plan = chinchilla_fit.plan(budget=[1e22, 1e23, 1e24])
    made = {
        "runs": plots.plot_runs(chinchilla_runs),
        "check": plots.plot_check(bs.check(chinchilla_runs)),
        "plan": plots.plot_plan(chinchilla_fit, [5.76e23, 1e26]),
        "near budgets": plots.plot_isoflop(chinchilla_fit, [1e22, 1.3e22, 1.6e22, 2e22]),
        "axes of a user": users_figure(chinchilla_fit),
        "optimum": plots.plot_optimum(chinchilla_fit, [1e26]),
        "answer": plots.plot_answer(plan, "tokens_per_parameter"),
        "parameters": plots.plot_parameters(chinchilla_fit),
        "pairs": plots.plot_pairs(chinchilla_fit),
        "prior and posterior": plots.plot_prior_posterior(chinchilla_fit),
        "residuals": plots.plot_residuals(chinchilla_fit),
        "predictive": plots.plot_predictive(drawn),
        "predictive check": plots.plot_predictive_check(few_fit),
        "calibration": plots.plot_calibration(bs.calibration(few_fit)),
        "coverage": plots.plot_coverage(made_up_backtest()),
        "predicted": plots.plot_predicted(made_up_backtest()),
        "comparison": plots.plot_comparison(made_up_comparison(hidden=True)),
        "limits": plots.plot_limits(bs.limits([2028, 2030])),
    }
    found = {name: each.get_figure(root=True) for name, each in made.items()}
    for figure in found.values():
        figure.draw_without_rendering()
    return found


NAMES = (
    "runs", "check", "plan", "near budgets", "axes of a user", "optimum", "answer", "parameters", "pairs",
    "prior and posterior", "residuals", "predictive", "predictive check", "calibration", "coverage", "predicted",
    "comparison", "limits",
)  # fmt: skip
of_every_figure = pytest.mark.parametrize("name", NAMES)


def users_figure(fit):
    """Two panels on axes that a user made."""
    from matplotlib.figure import Figure

    left, right = Figure(figsize=(11, 5)).subplots(1, 2)
    bs.plots.plot_optimum(fit, [1e24], ax=left)
    return bs.plots.plot_loss_against_compute(fit, [1e24], ax=right)


def words_of(figure):
    """Every text that is drawn, with its box."""
    found = [*figure.texts]
    for ax in figure.axes:
        found += [*ax.texts, ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label]
        found += ax.get_legend().get_texts() if ax.get_legend() else []
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            found += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    shown = [text for text in found if text is not None and text.get_visible() and text.get_text().strip()]
    return {f"{i} {text.get_text()}": box_of(text) for i, text in enumerate(shown)}


def box_of(text):
    """The box of a text without the arrow of an annotation."""
    from matplotlib.text import Text

    return Text.get_window_extent(text)


@of_every_figure
def test_words_do_not_overlap(figures, name):
    boxes = words_of(figures[name])
    assert len(boxes) > 5
    for (first, a), (second, b) in combinations(boxes.items(), 2):
        assert not a.padded(-SMALL).overlaps(b.padded(-SMALL)), f"{first!r} lies on {second!r}"


@of_every_figure
def test_nothing_is_clipped_at_the_edge_of_the_figure(figures, name):
    page = figures[name].bbox.padded(SMALL)
    for text, box in words_of(figures[name]).items():
        assert page.contains(box.x0, box.y0), text
        assert page.contains(box.x1, box.y1), text


@of_every_figure
def test_no_mark_is_cut_off(figures, name):
    for ax in figures[name].axes:
        (left, right), (low, high) = sorted(ax.get_xlim()), sorted(ax.get_ylim())
        for line in ax.get_lines():
            if line.get_marker() in ("o", "s", "D") and line.get_transform().contains_branch(ax.transData):
                x, y = np.asarray(line.get_xydata(), dtype=float).T
                assert ((left <= x) & (x <= right) & (low <= y) & (y <= high)).all(), line.get_label()


@of_every_figure
def test_legends_lie_off_the_data(figures, name):
    for ax in figures[name].axes:
        if legend := ax.get_legend():
            assert legend.get_window_extent().y0 >= ax.bbox.y1 - SMALL


@of_every_figure
def test_labels_lie_on_no_band(figures, name):
    for ax in figures[name].axes:
        bands = [
            (path, each.get_transform()) for each in ax.collections for path in each.get_paths() if each.get_alpha()
        ]
        for text in ax.texts:
            box = box_of(text)
            for path, transform in bands:
                assert not path.transformed(transform).intersects_bbox(box), text.get_text()


@of_every_figure
def test_axes_have_names_with_units(figures, name):
    for ax in figures[name].axes:
        labels = [axis.label.get_text() for axis in (ax.xaxis, ax.yaxis)]
        shares = ax.get_shared_x_axes().get_siblings(ax)
        assert any(labels) or len(shares) > 1 or name == "pairs"
        for label in labels:
            assert not label or label == "Density" or label.endswith(")") or label == "Row", label
            assert "_" not in label.replace("_{", "")


@of_every_figure
def test_titles_state_what_was_found(figures, name):
    figure = figures[name]
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.get_label() != "<colorbar>"]
    said = figure.get_suptitle() or min(titles, key=len)
    assert any(letter.isdigit() for letter in said), said


@of_every_figure
def test_bands_are_named_by_their_masses(figures, name):
    if name in {"runs", "check", "coverage", "predicted", "residuals"}:  # without bands
        return
    said = " ".join(" ".join(words_of(figures[name])).split())
    assert "50 and 90 %" in said or {"50 % of", "90 % of"} <= {said[i : i + 7].strip() for i in range(len(said))}
    assert "45" not in figures[name].get_supxlabel()


def test_figures_follow_the_theme(chinchilla_runs):
    light = bs.plots.plot_runs(chinchilla_runs)
    with bs.plots.theme("dark", {"font.size": 12}):
        dark = bs.plots.plot_runs(chinchilla_runs)
    for ax, inside in ((light, (0.9, 0.3)), (dark, (0.2, 0.8))):
        paper, ink = ax.figure.get_facecolor()[0], ax.xaxis.label.get_color()
        assert (paper > 0.9) == (inside[0] > 0.5)
        assert (int(ink[1:3], 16) / 255 < 0.3) == (inside[1] < 0.5)
    again = bs.plots.plot_runs(chinchilla_runs)
    assert again.figure.get_facecolor() == light.figure.get_facecolor()
    with pytest.raises(ValueError, match="unknown theme 'blue': choose one of light, dark"), bs.plots.theme("blue"):
        pass


def test_boxes_are_spread_within_the_axes_in_their_order():
    heights = np.full(5, 0.15)
    wanted = np.array([0.02, 0.01, 0.5, 0.51, 0.99])
    found = spread(wanted, heights)
    assert found.min() >= 0.075 - 1e-9
    assert found.max() <= 0.925 + 1e-9
    order = np.argsort(wanted)
    assert (np.diff(found[order]) >= 0.15 - 1e-9).all()
