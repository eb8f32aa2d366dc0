"""Arithmetic over columns: what it gives is what Python gives, and anything else is refused in words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bayescale.basics.errors import RunsError
from bayescale.data.expressions import FUNCTIONS, Expression

COLUMNS = {"a": np.array([1.5, 2.0]), "b_2": np.array([-3.0, 0.25]), "eval/loss": np.array([3.0, 4.0])}
WORDS = {"ln2": np.log(2), "pi": np.pi, **FUNCTIONS}

leaves = st.one_of(st.sampled_from(["a", "b_2", "ln2", "2", "0.5", "1e3"]))
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "**"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda text: f"-{text}"),
        st.tuples(st.sampled_from(list(FUNCTIONS)), inner).map(lambda t: f"{t[0]}({t[1]})"),
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(trees)
def test_arithmetic_is_that_of_python(text):
    if len(text) > 500:
        return
    found = Expression.of(text, COLUMNS)
    named = {"a": COLUMNS["a"], "b_2": COLUMNS["b_2"], **WORDS}
    with np.errstate(all="ignore"):
        expected = eval(
            f"np.float64(1) * {text.replace('1e3', 'np.float64(1e3)').replace('0.5', 'np.float64(0.5)')}",
            {"np": np, **named},
        )
    np.testing.assert_allclose(found.value(COLUMNS), expected, rtol=1e-12)


@given(st.one_of(st.text(max_size=40), st.text(alphabet="ab_2()*/+-.,'[]{}:=`e19 ", max_size=30)))
def test_any_text_is_arithmetic_or_refused_in_a_line(text):
    try:
        found = Expression.of(text, COLUMNS)
    except RunsError as refusal:
        lines = str(refusal).splitlines()
    else:
        lines = [str(found.value(COLUMNS).dtype)]
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("eval/loss*2", [6.0, 8.0]),
        ("`eval/loss` + a", [4.5, 6.0]),
        ("70M*a", [1.05e8, 1.4e8]),
        ("10**10**10", np.inf),
        ("log(a - a)", [-np.inf, -np.inf]),
        ("2", 2.0),
    ],
)
def test_names_and_numbers_are_as_people_write_them(text, value):
    assert Expression.of(text, COLUMNS).value(COLUMNS).tolist() == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.b", "holds 'a.b'"),
        ("a if a else a", "holds 'a if a else a'"),
        ("log(a, a)", "holds 'log(a, a)'"),
        ("a[0]", "holds 'a[0]'"),
        ("'a'", "holds"),
        ("(lambda: a)()", "holds"),
        ("open(a)", "reads 'open', which is no column"),
        ("aa*2", "did you mean 'a'?"),
        ("a+", "is not arithmetic over columns"),
        ("-" * 501 + "a", "is too long"),
        ("a < 2", "holds 'a < 2'"),
        ("a@a", "holds 'a @ a'"),
    ],
)
def test_what_is_no_arithmetic_is_refused(text, said):
    with pytest.raises(RunsError) as caught:
        Expression.of(text, COLUMNS)
    assert said in str(caught.value)


def test_a_column_that_is_arithmetic_too_is_asked_about():
    columns = {"a-b": np.ones(1), "a": np.full(1, 5.0), "b": np.full(1, 2.0)}
    with pytest.raises(RunsError, match="write `a-b` with backticks for the column, and spaces around the operator"):
        Expression.of("a-b*2", columns)
    assert Expression.of("`a-b`*2", columns).value(columns).tolist() == [2.0]
    assert Expression.of("a - b*2", columns).value(columns).tolist() == [1.0]
