"""Which laws suit a table, from the command line."""

import pytest


def test_laws_of_a_table_are_those_that_suit_it_and_why_not_the_others(run_cli):
    status, out, err = run_cli("laws", "gadre:c4")
    assert (status, err) == (0, "")
    lines = {line.split()[0]: line for line in out.splitlines() if line.split()}
    assert all(lines[law].rstrip().endswith("yes") for law in ("skaling", "tied"))
    assert not lines["chinchilla"].rstrip().endswith("yes")
    assert "reads U, which is not in the table" in lines["data_constrained"]
    assert "reads only C, but D and N vary too" in lines["floor_c"]


def test_a_file_is_a_table_and_a_name_of_both_is_the_law(run_cli, elsewhere):
    (elsewhere / "mine.csv").write_text("C,loss\n1e18,3.2\n1e19,3.0\n1e20,2.8\n")
    _, out, _ = run_cli("laws", "mine.csv")
    assert "floor_c" in out
    assert "Sampled parameters" in run_cli("laws", "chinchilla")[1]


@pytest.mark.parametrize("name", ["absent.csv", "gadre:nosuch"])
def test_a_table_that_is_not_there_is_refused(run_cli, elsewhere, name):
    status, _, err = run_cli("laws", name)
    assert status == 2
    assert len(err.splitlines()) == 1


def test_laws_in_two_steps_are_among_those_of_an_outcome_that_is_asked_for(run_cli):
    status, out, err = run_cli("laws", "gadre:c4", "--outcome", "accuracy")
    assert (status, err) == (0, "")
    assert "kaplan_c, then accuracy_of_loss yes" in " ".join(out.split())
    assert "known only after a run" in out
    status, _, err = run_cli("laws", "tied", "--outcome", "accuracy")
    assert (status, err.splitlines()[-1]) == (2, "Error: --outcome goes with a table: give a data set's name or a file")


def test_an_outcome_that_a_named_law_does_not_predict_is_refused(run_cli):
    status, _, err = run_cli("predict", "gadre:c4", "--outcome", "accuracy", "--law", "tied", "--at", "N=1e9,D=1e10")
    assert (status, err.splitlines()[-1]) == (2, "Error: --outcome accuracy: law 'tied' predicts loss or perplexity")
