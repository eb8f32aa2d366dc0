"""Tables of mixtures: split into the runs of each domain, or refused in a line that names what is wrong."""

import numpy as np
import pandas as pd
import pytest

from bayescale.basics.errors import RunsError
from bayescale.data.domains import has_domains, mixtures
from bayescale.data.runs import Runs

TABLE = {
    "N": ["100M", "200M", "400M"],
    "share_web": [0.7, 0.2, 0.5],
    "share_code": [0.2, 0.5, 0.25],
    "share_math": [0.1, 0.3, 0.25],
    "loss_web": [3.1, 3.2, 2.9],
    "loss_code": [1.9, 1.7, 1.6],
}


def test_each_domain_with_a_loss_has_its_runs():
    found = mixtures(TABLE)
    assert found.names == ("code", "math", "web")
    assert list(found.runs) == ["code", "web"]
    code = found.runs["code"]
    assert code.source == "DataFrame:code"
    assert code.frame.to_dict("list") == {
        "N": [1e8, 2e8, 4e8],
        "share": TABLE["share_code"],
        "other_1": TABLE["share_math"],
        "other_2": TABLE["share_web"],
        "loss": TABLE["loss_code"],
    }


def test_rounding_of_shares_is_taken_out():
    table = {**TABLE, **{name: [0.99 * value for value in TABLE[name]] for name in TABLE if name.startswith("share_")}}
    one, other = (mixtures(each).runs["code"].frame for each in (TABLE, table))
    np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_number_that_is_called_a_share_is_no_other_domain():
    table = {"N": [1e8, 2e8], "p1": [0.5, 0.25], "p2": [0.5, 0.75], "loss1": [3, 2], "loss2": [3, 2]}
    assert mixtures({**table, "share_p1": [0.1, 0.1]}).names == ("p1", "p2")


def test_the_order_of_columns_does_not_matter():
    turned = pd.DataFrame(TABLE)[list(TABLE)[::-1]]
    one, other = mixtures(TABLE), mixtures(turned)
    assert {name: runs.data_hash for name, runs in one.runs.items()} == {
        name: runs.data_hash for name, runs in other.runs.items()
    }


def test_numbered_domains_and_names_of_the_table(tmp_path):
    path = tmp_path / "mix.csv"
    path.write_text("size;p1;p2;loss1;val;loss1_se\n70M;0,5;0,5;2,5;3,1;0,01\n1B;0,25;0,75;2,4;2,9;0,02\n")
    found = mixtures(path, columns={"N": "size", "loss2": "val"})
    assert found.names == ("p1", "p2")
    np.testing.assert_array_equal(found.runs["p1"].frame["loss_se"], [0.01, 0.02])
    np.testing.assert_array_equal(found.runs["p2"].frame[["N", "share", "loss"]], [[7e7, 0.5, 3.1], [1e9, 0.75, 2.9]])
    assert any("read: " in note for note in found.runs["p2"].notes)


def test_rows_without_a_loss_are_left_out_of_that_domain_and_told():
    table = {**TABLE, "loss_web": [3.1, "", 2.9], "loss_total": [1, 1, 1]}
    web, code = (mixtures(table).runs[name] for name in ("web", "code"))
    assert web.frame["N"].tolist() == [1e8, 4e8]
    assert "1 of 3 rows have no loss of this domain, and are left out" in web.notes
    assert len(code) == 3
    assert "column loss_total is not read: it is the loss of no domain that has a share" in code.warnings


def test_shares_may_be_rounded():
    assert len(mixtures({**TABLE, "share_web": [0.69, 0.2, 0.5]}).runs["web"]) == 3


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"share_web": [0.7, 0.4, 0.5]}, "row 2: shares of code, math, web sum to 1.2: correct them to sum to 1"),
        ({"share_web": [70, 20, 50]}, "column share_web: values up to 70 look like per cent"),
        ({"share_web": [0.7, -0.2, 0.5]}, "row 2, column share_web: -0.2 is not between 0 and 1"),
        ({"share_web": [0.7, None, 0.5]}, "row 2, column share_web: None is a missing value"),
        ({"loss_web": [3.1, "", -1]}, "row 3, column loss_web: '-1' is not above zero"),
        ({"loss_web": ["", "", ""]}, "column loss_web: no row has a loss"),
        ({"N": ["100M", "200M", "many"], "loss_web": [None, 1, 2]}, "row 3, column N: 'many' is not a number"),
        ({f"share_{i}": [0, 0, 0] for i in range(3)}, "has shares of 6 domains, 0, 1, 2, code, math, web"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(changed, words):
    with pytest.raises(RunsError) as error:
        mixtures({**TABLE, **changed})
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_tables_of_one_outcome_are_no_mixtures():
    assert has_domains(TABLE)
    assert not has_domains(TABLE, {"loss": "loss_web"})
    assert not has_domains({"N": [1], "p1": [0.5], "p2": [0.5], "loss": [3]})
    with pytest.raises(RunsError, match="has no shares of domains with their losses, but columns N, loss"):
        mixtures({"N": [1e8], "loss": [3.1]})


def test_a_mixture_read_as_runs_of_one_outcome_says_who_reads_it():
    with pytest.raises(RunsError, match="is a table of mixtures of code, math, web: fit") as error:
        Runs.from_frame(TABLE)
    assert "fit_domains" in str(error.value)
    assert "\n" not in str(error.value)
    assert Runs.from_frame(TABLE, columns={"loss": "loss_web"}).column("loss")[0] == 3.1


def test_runs_that_differ_in_their_shares_are_no_copies():
    runs = mixtures({**TABLE, "N": [1e8] * 3, "loss_web": [3.1] * 3}).runs["web"]
    assert not any("repeated rows" in text for text in runs.warnings)
