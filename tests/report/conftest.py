"""One report for all tests, whose every name tries to break out of its cell; and a browser to open it in."""

import json
import re
import shutil
from dataclasses import replace

import pytest

from bayescale.data.runs import Runs
from bayescale.laws.catalog import load_law
from bayescale.planning.allocation import optimum
from bayescale.posterior.fitting import fit
from bayescale.report.page import write_report

BUDGETS = (1e22, 1e23)
HOSTILE = '</script><script>window.broken = 1</script><img src=x onerror="window.broken=2">\'"&=SUM(A1)%{x}\u2028–名前'
UNIT = '<img src=x onerror="window.broken=3">/%{'
COMMAND = f"bayescale report '{HOSTILE}'"


@pytest.fixture(scope="session")
def hostile():
    return HOSTILE


@pytest.fixture(scope="session")
def unit():
    return UNIT


@pytest.fixture(scope="session")
def command():
    return COMMAND


@pytest.fixture(scope="session")
def reported_fit(few_runs):
    """Two laws that may be wrong, fitted to eleven runs, with names that nobody should trust."""
    allowed = HOSTILE.replace("/", "\\").replace("\u2028", " ")  # in the name of a law, which names groups of a file
    laws = [
        replace(load_law(name), name=f"{name} {allowed}", title=f"{name} {HOSTILE}") for name in ("chinchilla", "tied")
    ]
    return fit(laws, Runs.from_frame(few_runs, source=f"{HOSTILE}.csv", unit=UNIT), draws=400)


@pytest.fixture(scope="session")
def best(reported_fit):
    return optimum(reported_fit, BUDGETS).draws


@pytest.fixture(scope="session")
def report(reported_fit, tmp_path_factory):
    """Path of the report; not to be written to."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    return write_report(reported_fit, path, budgets=BUDGETS, given={"tokenizer": HOSTILE}, command=COMMAND)


@pytest.fixture(scope="session")
def page(report):
    return report.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def planner(page):
    """What the page's planner computes with."""
    (text,) = re.findall(r'<script type="application/json" id="planner-draws">(.*?)</script>', page, flags=re.DOTALL)
    return json.loads(text)


@pytest.fixture(scope="session")
def browser():
    """A real browser without a window; skips where there is none."""
    found = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        pytest.skip(f"NO BROWSER, the report is not opened: {' and '.join(missing)} missing (.ci/run installs them)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = found["chromium"]
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument("--window-size=1280,900")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(found["chromedriver"]))
    yield driver
    driver.quit()
