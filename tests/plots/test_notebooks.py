"""Notebooks: results, figures and progress bars show themselves, once."""

import os

import pytest

from bayescale.basics.files import root

nbformat = pytest.importorskip("nbformat")

CELLS = {
    "load": "import sys\nimport bayescale as bs\nassert bs.__file__, sys.path\nfit = bs.load({path!r})",
    "result": "fit",
    "axes": "bs.plots.plot_residuals(fit)",
    "figure": "bs.plots.plot_plan(fit, [1e22])",
    "own axes": (
        "import matplotlib.pyplot as plt\n_, ax = plt.subplots()\nbs.plots.plot_residuals(fit, ax=ax)\nbs.__version__"
    ),
    "progress": (
        "import math\nfrom bayescale.basics.parallel import run_tasks\n"
        "run_tasks(math.sqrt, {{'nine': (9,)}}, label='roots', progress=True)"
    ),
}


@pytest.fixture(scope="module")
def shown(saved_fit):
    """What each cell shows."""
    from nbclient import NotebookClient

    cells = [nbformat.v4.new_code_cell(text.format(path=str(saved_fit))) for text in CELLS.values()]
    book = nbformat.v4.new_notebook(cells=cells)
    checkout = str(root("models").parent)
    # The command line, run in this process by other tests, keeps its workers from importing what lies in their folder.
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    client = NotebookClient(book, timeout=300, kernel_name="python3")
    client.execute(cwd=checkout, env=variables | {"PYTHONPATH": checkout})
    return {name: cell.outputs for name, cell in zip(CELLS, book.cells, strict=True)}


def pictures(outputs):
    return [each for each in outputs if "image/png" in each.get("data", {})]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["axes", "figure", "own axes"])
def test_a_figure_is_displayed_once(shown, name):
    assert len(pictures(shown[name])) == 1


@pytest.mark.slow
def test_a_result_is_a_table(shown):
    (output,) = shown["result"]
    assert "<td>nats/token</td>" in output.data["text/html"]


@pytest.mark.slow
def test_a_bar_says_how_far_a_study_is(shown):
    assert all(each.get("name") != "stdout" for each in shown["progress"])
    text = "".join(each.text for each in shown["progress"] if each.get("name") == "stderr")
    assert "roots" in text
    assert "100%" in text
    assert "warn" not in text.lower()
