"""The report in a real browser: it opens in silence, and its planner's numbers are those of the Python functions."""

import base64
import json
import time
from urllib.parse import quote

import numpy as np
import pytest
from scipy.interpolate import CubicSpline, RectBivariateSpline

from bayescale.planning.allocation import lowest, optimum
from bayescale.planning.costs import Cost
from bayescale.planning.data_wall import data_limited
from bayescale.planning.lifetimes import lifetime_budget
from bayescale.planning.spending import optimum_for
from bayescale.report.planner import planner_document

pytestmark = pytest.mark.browser

MASS = 0.9
QUANTITIES = ("N", "D", "loss")


@pytest.fixture(scope="module")
def opened(browser, report):
    open_page(browser, report.as_uri())
    return browser


def open_page(browser, address):
    browser.get("about:blank")
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(address)
    wait_until(lambda: browser.execute_script("return document.documentElement.dataset.ready") == "yes")


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the page did not get ready"
        time.sleep(0.05)


def enter(browser, **texts):
    """Fill in fields as a user does, with one event for each."""
    browser.execute_script(
        "for (const [id, text] of Object.entries(arguments[0])) { const field = document.getElementById(id);"
        "field.value = text; field.dispatchEvent(new Event('input', { bubbles: true })); }",
        texts,
    )


def shown(browser):
    """Low, median and high of each quantity of the planner, at full precision."""
    rows = browser.execute_script(
        "return [...document.querySelectorAll('#results-rows tr')].map(r => [r.id.slice(4), r.dataset.low, "
        "r.dataset.median, r.dataset.high])"
    )
    return {name: [float(value) for value in values] for name, *values in rows}


def start_again(browser):
    browser.execute_script("document.querySelector('button[type=reset]').click()")


@pytest.fixture
def planner_page(opened):
    start_again(opened)
    return opened


class Embedded:
    """The draws that the page holds, and the best run of each at a budget of the grid, by the Python functions."""

    def __init__(self, planner):
        self.shape = planner["shape"]
        low, span = (self.array(planner[name], "<f4", self.shape[1:]) for name in ("low", "span"))
        self.latent = low + span * self.array(planner["latent"], "<u2", self.shape)
        self.noise = self.array(planner["noise"], "<f4", self.shape[:1])
        self.noise_scale = self.array(planner["noise_scale"], "<f4", self.shape[1:])
        first, step = planner["log_compute"]
        self.log_compute = first + step * np.arange(self.shape[1])
        start, self.slope, size = planner["sizes"]
        self.log_n = start + self.slope * self.log_compute[:, None] + size * np.arange(self.shape[2])

    @staticmethod
    def array(text, kind, shape):
        return np.frombuffer(base64.b64decode(text), kind).reshape(shape).astype(float)

    def best(self, row, least=-np.inf):
        log_n = np.maximum(lowest(self.log_n[row], self.latent[:, row]), least)
        heights = CubicSpline(self.log_n[row], self.latent[:, row].T)
        height = np.array([heights(at)[i] for i, at in enumerate(log_n)])
        near = np.abs(self.log_n[row] - log_n[:, None]).argmin(axis=1)
        loss = np.exp(height + self.noise * self.noise_scale[row, near])
        return {"N": np.exp(log_n), "D": np.exp(self.log_compute[row] - log_n) / 6, "loss": loss, "latent": height}


@pytest.fixture(scope="module")
def embedded(planner):
    return Embedded(planner)


def ends(values):
    return np.quantile(values, [(1 - MASS) / 2, 0.5, (1 + MASS) / 2])


def test_it_opens_without_a_word_in_the_console_or_to_the_network(opened):
    assert opened.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in opened.get_log("performance")]
    asked = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    assert [url[:40] for url in asked if not url.startswith(("file://", "data:", "about:", "blob:"))] == []
    assert len([url for url in asked if url.startswith("file://")]) == 1


def test_no_name_has_run(opened, hostile):
    assert opened.execute_script("return window.broken === undefined")
    assert opened.execute_script("return document.querySelectorAll('main img').length") == 0
    labels = opened.execute_script("return [...document.querySelectorAll('.plot text')].map(t => t.textContent)")
    assert any("script><script>" in label for label in labels)
    assert opened.execute_script("return document.querySelectorAll('.plot a, .plot script').length") == 0


def test_every_figure_is_drawn_and_seen(opened):
    plots = opened.execute_script(
        "return [...document.querySelectorAll('.plot')].map(p => [p.id, p.offsetWidth, p.offsetHeight, "
        "p.querySelectorAll('.main-svg .trace, .main-svg .bars path, .main-svg .point').length])"
    )
    assert len(plots) >= 8
    for name, width, height, marks in plots:
        assert (width > 300, height > 150, marks > 0) == (True, True, True), name


def test_no_button_sends_figures_away(opened):
    titles = opened.execute_script("return [...document.querySelectorAll('.modebar-btn')].map(b => b.dataset.title)")
    assert set(titles) == {"Download plot as a PNG", "Reset axes"}


@pytest.mark.parametrize("row", [5, 14, 22])
def test_the_slider_gives_the_optimum_of_the_very_draws(planner_page, embedded, row):
    planner_page.execute_script(
        "const s = document.getElementById('budget-slider'); s.value = arguments[0];"
        "s.dispatchEvent(new Event('input', { bubbles: true }))",
        row,
    )
    found, expected = shown(planner_page), embedded.best(row)
    for name in QUANTITIES:
        # The budget is written to four digits, and numbers are shown to three.
        assert found[name] == pytest.approx(ends(expected[name]), rel=2e-3 if name != "loss" else 2e-4), name


def test_the_numbers_are_those_of_plan_within_the_error_that_the_page_states(planner_page, planner, best):
    for i, budget in enumerate(("1e22", "1e23")):
        enter(planner_page, budget=budget)
        found = shown(planner_page)
        for name in QUANTITIES:
            error = planner["thinning"][name]
            assert 0 < error < 0.2
            assert found[name] == pytest.approx(ends(best[name].isel(budget=i).to_numpy()), rel=5 * error), name


def test_few_tokens_bind_and_many_do_not(planner_page, embedded):
    row = 20
    budget = np.exp(embedded.log_compute[row])
    enter(planner_page, budget=f"{budget:.15g}")
    free = shown(planner_page)
    enter(planner_page, tokens=f"{10 * free['D'][2]:.4g}")
    assert shown(planner_page)["N"] == pytest.approx(free["N"])
    scarce = float(f"{0.6 * free['D'][1]:.4g}")
    enter(planner_page, tokens=f"{scarce:.15g}")
    bound, expected = shown(planner_page), embedded.best(row, np.log(budget / (6 * scarce)))
    for name in QUANTITIES:
        assert bound[name] == pytest.approx(ends(expected[name]), rel=1e-3), name
    assert max(bound["D"]) <= scarce * (1 + 1e-9)
    assert bound["loss"][1] >= free["loss"][1]


def test_serving_is_paid_from_the_budget(planner_page, embedded):
    row, served = 20, 2e12
    budget = np.exp(embedded.log_compute[row])
    enter(planner_page, budget=f"{budget:.15g}", served="2T")
    found = shown(planner_page)
    log_n = np.linspace(embedded.log_n[row, 0], embedded.log_n[row, -1], 4000)
    left = budget - 2 * np.exp(log_n) * served
    held = left > np.exp(embedded.log_compute[0])
    log_n, left = log_n[held], left[held]
    # Along every draw's surface, by splines, where the page has cubics and a parabola.
    places = (np.log(left), log_n - embedded.slope * np.log(left))
    axes = embedded.log_compute, embedded.log_n[0] - embedded.slope * embedded.log_compute[0]
    heights = np.stack([RectBivariateSpline(*axes, surface).ev(*places) for surface in embedded.latent])
    chosen = heights.argmin(axis=1)
    expected = {"N": np.exp(log_n[chosen]), "D": left[chosen] / (6 * np.exp(log_n[chosen]))}
    for name, values in expected.items():
        assert found[name] == pytest.approx(ends(values), rel=0.02), name
    assert found["serving"] == pytest.approx(ends(2 * expected["N"] * served / budget), rel=0.02)


@pytest.mark.parametrize("limit", ["none", "tokens", "served"])
def test_a_law_taken_as_true_gives_what_the_python_functions_give(opened, chinchilla_fit, limit):
    """Functions that share no line with the page, on all draws, within the page's error of thinning."""
    C, D = 5.76e23, 1e12
    best = optimum(chinchilla_fit, C).draws
    given = planner_document(chinchilla_fit, [C], Cost(), best, mass=MASS)
    state = {"currency": "flop", "budget": C, "tokens": None, "served": None, "size": None}
    asked = state if limit == "none" else {**state, limit: D}
    columns = opened.execute_script(
        "const found = new Planner(arguments[0]).solve(arguments[1]).columns;"
        "return Object.fromEntries(['N', 'D'].map((name) => [name, Array.from(found[name])]))",
        given,
        asked,
    )
    expected = {
        "none": lambda: best.isel(budget=0),
        "tokens": lambda: data_limited(chinchilla_fit, C, D).draws.isel(C=0),
        "served": lambda: lifetime_budget(chinchilla_fit, C, D).draws.isel(served=0),
    }[limit]()
    for name, values in columns.items():
        allowed = 4 * given["thinning"][name]
        assert ends(values) == pytest.approx(ends(expected[name].to_numpy()), rel=allowed), name


def test_dollars_are_those_of_plan_for_money(planner_page, planner, reported_fit):
    planner_page.execute_script("document.querySelector('input[value=dollars]').click()")
    enter(planner_page, budget="200k")
    found, expected = shown(planner_page), optimum_for(reported_fit, 200e3).draws.isel(budget=0)
    thinning = planner["thinning"]
    for name, allowed in {"C": 0.12, "N": 4 * thinning["N"], "D": 4 * thinning["D"]}.items():
        assert found[name] == pytest.approx(ends(expected[name].to_numpy()), rel=allowed), name
    assert found["loss"] == pytest.approx(ends(expected["loss"].to_numpy()), rel=5 * thinning["loss"])


def test_regret_is_what_a_size_loses_to_the_best(planner_page, embedded):
    row = 18
    enter(planner_page, budget=f"{np.exp(embedded.log_compute[row]):.15g}")
    size = 3 * shown(planner_page)["N"][1]
    enter(planner_page, size=f"{size:.15g}")
    own = CubicSpline(embedded.log_n[row], embedded.latent[:, row].T)(np.log(size))
    regret = np.exp(own) - np.exp(embedded.best(row)["latent"])
    assert shown(planner_page)["regret"] == pytest.approx(ends(np.maximum(regret, 0)), abs=1e-4)
    assert f"Expected regret of {planner_page.execute_script('return quantity(arguments[0])', size)}" in (
        planner_page.execute_script("return document.getElementById('results-note').textContent")
    )


def test_a_wider_interval_holds_a_narrower_one(planner_page):
    enter(planner_page, mass="50")
    narrow = shown(planner_page)["N"]
    enter(planner_page, mass="95")
    wide = shown(planner_page)["N"]
    assert wide[0] < narrow[0] < narrow[1] == wide[1] < narrow[2] < wide[2]


def test_a_link_restores_the_state(browser, planner_page, report):
    enter(planner_page, budget="3e22", tokens="500B", served="1T", size="6B", mass="80")
    link, before = planner_page.current_url, shown(planner_page)
    assert link.startswith(report.as_uri() + "#planner?")
    browser.get("about:blank")
    open_page(browser, link)
    assert shown(browser) == before
    value = browser.execute_script("return document.getElementById('tokens').value")
    assert value == "500B"


def test_a_link_cannot_break_out(planner_page):
    bad = quote("<img src=x onerror=window.broken=3>")
    planner_page.execute_script(f"location.hash = '#planner?budget={bad}&tokens={bad}&mass=nan&in={bad}'")
    fault = "return document.getElementById('fault').textContent"
    wait_until(lambda: "is not a number above zero" in planner_page.execute_script(fault))
    assert planner_page.execute_script("return window.broken === undefined && !document.querySelector('main img')")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"budget": "lots"}, "“lots” is not a number above zero: write it as 70B"),
        ({"budget": ""}, "is not a number"),
        ({"budget": "-1e23"}, "is not a number above zero"),
        ({"budget": "1e60"}, "This page covers budgets from"),
        ({"tokens": "0"}, "is not a number above zero"),
        ({"tokens": "1M"}, "With so few tokens, all sizes are far above the best"),
        ({"served": "1e30"}, "Serving this many tokens uses the whole budget"),
    ],
)
def test_what_cannot_be_is_refused_in_words(planner_page, given, said):
    enter(planner_page, **given)
    assert said in planner_page.execute_script("return document.getElementById('fault').textContent")
    assert shown(planner_page) == {}
    start_again(planner_page)
    assert len(shown(planner_page)) >= 5


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size": "1"}, "too far from the best run for this page to judge."),
        ({"size": "1T", "served": "1T"}, "1T parameters cannot be trained with this budget: serving 1T tokens with it"),
        ({"size": "1M", "tokens": "200B"}, "training tokens to use the budget, more than are available."),
    ],
)
def test_an_own_size_that_cannot_be_had_is_said_to_be_so_and_the_rest_stays(planner_page, given, said):
    others = {name: text for name, text in given.items() if name != "size"}
    enter(planner_page, **others)
    before = shown(planner_page)
    enter(planner_page, size=given["size"])
    assert said in planner_page.execute_script("return document.getElementById('own').textContent")
    assert planner_page.execute_script("return document.getElementById('fault').textContent") == ""
    assert shown(planner_page) == before
    start_again(planner_page)
    assert planner_page.execute_script("return document.getElementById('own').textContent") == ""


def test_with_serving_the_axis_is_what_is_paid(planner_page):
    axis = "return document.getElementById('figure-curve').layout.xaxis.title.text"
    head = "return document.querySelector('#title-curve').textContent"
    wait_until(lambda: planner_page.execute_script(axis) == "training compute C (FLOP)")
    enter(planner_page, served="1T")
    wait_until(lambda: planner_page.execute_script(axis) == "compute paid for training and serving (FLOP)")
    assert planner_page.execute_script(head).endswith("by compute paid for training and serving")
    title = planner_page.execute_script("return document.getElementById('results-title').textContent")
    assert title == "Best run with 1×10^22 FLOP, 1T tokens to serve"


def test_numbers_are_written_and_read_as_bayescale_does(opened):
    from bayescale.basics.quantities import format_quantity, parse_quantity

    for value in (0.00123, 1.0, 1.885, 18.4, 999.6, 12_345.0, 7.24e10, 1.3e12, 9.996e14, 5.76e23, 1e26):
        for digits in (3, 4):
            assert opened.execute_script("return quantity(...arguments)", value, digits) == format_quantity(
                value, digits
            )
    for text in ("70B", "1.4T", "5.76e23", "12_000", ".5", "3k"):
        assert opened.execute_script("return parseQuantity(arguments[0])", text) == parse_quantity(text)


def test_draws_download_as_numbers(planner_page, planner):
    text = planner_page.execute_script(
        "let kept; const made = URL.createObjectURL;"
        "URL.createObjectURL = (blob) => { kept = blob; return made(blob); };"
        "document.getElementById('download').click(); URL.createObjectURL = made; return kept.text();"
    )
    head, *lines = text.strip().split("\n")
    assert head == "draw,compute_FLOP,N_parameters,D_tokens,outcome_with_noise,cost_dollars"
    table = np.array([[float(cell) for cell in line.split(",")] for line in lines])
    assert len(table) == planner["shape"][0]
    assert ends(table[:, 2]) == pytest.approx(shown(planner_page)["N"])
    np.testing.assert_allclose(6 * table[:, 2] * table[:, 3], table[:, 1])


def test_the_keyboard_reaches_and_moves_everything(planner_page):
    from selenium.webdriver.common.keys import Keys

    slider = planner_page.find_element("id", "budget-slider")
    before = shown(planner_page)["N"][1]
    slider.send_keys(Keys.ARROW_RIGHT)
    assert shown(planner_page)["N"][1] > before
    assert "FLOP" in slider.get_attribute("aria-valuetext")
    reached = {"budget-slider"}
    for _ in range(9):
        planner_page.switch_to.active_element.send_keys(Keys.TAB)
        reached.add(planner_page.execute_script("return document.activeElement.id"))
    assert reached >= {"budget-slider", "budget", "tokens", "served", "size", "mass", "copy", "download"}


def contrast(first, second):
    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(planner_page, scheme):
    """At least 4.5 to 1, and 3 to 1 for marks: WCAG 2.2, criteria 1.4.3 and 1.4.11."""
    planner_page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    names = ["paper", "raised", "ink", "muted", "link", "good", "bad", "warn-paper", *(f"c{i}" for i in range(1, 7))]
    colours = planner_page.execute_script(
        "const s = getComputedStyle(document.documentElement); return Object.fromEntries(arguments[0].map(n => [n, "
        "s.getPropertyValue('--' + n).trim()]))",
        names,
    )
    for name in ("ink", "muted", "link", "good", "bad"):
        assert min(contrast(colours[name], colours[under]) for under in ("paper", "raised")) >= 4.5, name
    assert contrast(colours["ink"], colours["warn-paper"]) >= 4.5
    for name in names[-6:]:
        assert contrast(colours[name], colours["paper"]) >= 3, name
    planner_page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_phone_shows_the_page_without_scrolling_sideways(planner_page):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    planner_page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        wide = planner_page.execute_script("return document.documentElement.scrollWidth")
        # Nor does any table that is open, although a name here is longer than a line.
        tables = planner_page.execute_script(
            "return [...document.querySelectorAll('.scroll')].filter((each) => each.offsetParent).map((each) => "
            "[each.getAttribute('aria-label'), each.scrollWidth - each.clientWidth])"
        )
        units = planner_page.execute_script(
            "return [...document.querySelectorAll('#results-rows tr')].map((row) => "
            "row.lastChild.getBoundingClientRect().right)"
        )
    finally:
        planner_page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide <= 390
    assert len(tables) >= 10
    assert [name for name, beyond in tables if beyond > 0] == []
    assert 0 < max(units) <= 390


def test_formulas_are_drawn_as_such(opened):
    sizes = opened.execute_script(
        "return [...document.querySelectorAll('#laws math')].map((each) => [each.namespaceURI, "
        "each.querySelector('msup').getBoundingClientRect().height])"
    )
    assert len(sizes) == 2
    for namespace, height in sizes:
        assert namespace == "http://www.w3.org/1998/Math/MathML"
        assert height > 10


def test_paper_holds_no_control_and_whole_figures(planner_page):
    planner_page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    planner_page.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    try:
        controls = planner_page.execute_script(
            "return [...document.querySelectorAll('input, button, summary, nav')].filter((each) => "
            "each.offsetParent).length"
        )
        figures = planner_page.execute_script(
            "return [...document.querySelectorAll('.plot')].map((place) => [place.id, "
            "place.querySelector('.main-svg').getBoundingClientRect().width, "
            "place.querySelector('.main-svg').getBoundingClientRect().height - place.getBoundingClientRect().height])"
        )
        title = planner_page.execute_script("return document.getElementById('results-title').offsetParent !== null")
    finally:
        planner_page.execute_script("window.dispatchEvent(new Event('afterprint'))")
        planner_page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    assert controls == 0
    assert title  # what the numbers below are for
    for name, width, below in figures:
        assert width <= 660, name  # of the 178 mm between the margins of an A4 page
        assert below <= 1, name
