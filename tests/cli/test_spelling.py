"""Messages name arguments in Python and options at the command line."""

import ast
import re

import pytest

import bayescale as bs
from bayescale.basics.files import root
from bayescale.basics.wording import columns_are
from bayescale.cli.spelling import as_options

PACKAGE = root("models").parent / "bayescale"
LIBRARY = sorted(path for path in PACKAGE.rglob("*.py") if path.parent.name != "cli")
OPTION = re.compile(r"(?<![\w(-])--[a-z]")


@pytest.mark.parametrize("path", LIBRARY, ids=[str(path.relative_to(PACKAGE)) for path in LIBRARY])
def test_no_text_of_the_library_names_an_option(path):
    texts = [
        node.value for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Constant)
    ]
    assert not [text for text in texts if isinstance(text, str) and OPTION.search(text)]


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        (f"add {columns_are(N='`Model size`*1e9')}.", "add --columns N=`Model size`*1e9."),
        ('columns={"C": "a\\"b}"} and more', '--columns C=a"b} and more'),
        ("drop_bad=True leaves out, as_is=True keeps", "--drop-bad leaves out, --as-is keeps"),
        ('add glob="**/a b.json"', "add --glob '**/a b.json'"),
        ("its unit with unit='bits/byte'", "its unit with --unit bits/byte"),
        ("fit law='auto'", "fit --law auto"),
        ("fit with discrepancy=True", "fit with --discrepancy"),
        ("best_runs(runs) takes the best, mean_runs(runs) the mean", "--best takes the best, --mean the mean"),
        ("tell_checkpoints(runs, False) as runs", "--no-checkpoints as runs"),
        ('as by count_flops(runs, "2*N*D"), and', "as by --flops '2*N*D', and"),
        ("compare laws (bayescale.compare)", "compare laws (bayescale compare)"),
        ("give it by law=, or", "give it by --law, or"),
        # What is no argument stays as it is.
        ("N = 70B, D=1.4T, groups=3 and my_law=x", "N = 70B, D=1.4T, groups=3 and my_law=x"),
        ("the law == that one, by=2 and columns={broken", "the law == that one, by=2 and --columns{broken"),
    ],
)
def test_arguments_are_spelt_as_options(text, spelt):
    assert as_options(text) == spelt


def test_the_same_fault_is_told_to_each_in_its_words(run_cli, elsewhere):
    (elsewhere / "runs.csv").write_text("N,D,los\n1e8,2e9,3.2\n2e8,4e9,3.0\n")
    status, _, err = run_cli("check", "runs.csv")
    assert status == 2
    assert "add --columns loss=los" in err
    with pytest.raises(bs.BayescaleError, match=r'add columns=\{"loss": "los"\}'):
        bs.Runs.read("runs.csv")


def test_documents_and_reports_of_the_command_line_name_options(run_cli, elsewhere):
    rows = "\n".join(
        f"{N},{D},{3 * N * D},{2 + 400 * N**-0.34 + 400 * D**-0.28}" for N in (1e8, 1e9) for D in (2e9, 5e10)
    )
    (elsewhere / "runs.csv").write_text(f"N,D,C,loss\n{rows}\n")
    status, out, err = run_cli("check", "runs.csv", "--json")
    assert status == 0, err
    assert "count_flops" not in out
    assert "--flops C" in out
