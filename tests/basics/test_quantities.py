"""Numbers with suffixes: what is read, what is refused, and that writing and reading agree."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayescale.basics.errors import QuantityError
from bayescale.basics.quantities import check_positive, format_quantity, parse_quantity


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("70B", 70e9),
        ("1.4T", 1.4e12),
        ("350M", 350e6),
        ("12k", 12e3),
        ("12K", 12e3),
        ("2G", 2e9),
        ("5.76e23", 5.76e23),
        ("12_000", 12e3),
        (" 70 B ", 70e9),
        (".5", 0.5),
        ("-3.2", -3.2),
    ],
)
def test_reads(text, value):
    assert parse_quantity(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("3,2", "(3.2)"),
        ("1,400,000", "(1400000)"),
        ("70 billion", "70B"),
        ("70b", "70B"),
        ("", "70B"),
        ("nan", "70B"),
        ("1e400", "too large"),
    ],
)
def test_refuses_with_the_value_and_the_cure(text, cure):
    with pytest.raises(QuantityError) as caught:
        parse_quantity(text)
    assert repr(text) in str(caught.value)
    assert cure in str(caught.value)


@given(st.floats(min_value=1e-3, max_value=1e300), st.integers(2, 15))
def test_what_is_written_reads_back_to_its_digits(value, digits):
    assert math.isclose(parse_quantity(format_quantity(value, digits)), value, rel_tol=0.51 * 10 ** (1 - digits))


@given(st.text())
def test_any_text_is_read_or_refused(text):
    try:
        value = parse_quantity(text)
    except QuantityError:
        return
    assert math.isfinite(value)


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "finite number above zero"), (float("nan"), "finite"), (1e41, "between"), (1e-31, "between")],
)
def test_numbers_that_count_nothing_are_refused(value, said):
    with pytest.raises(QuantityError, match=said):
        check_positive("price", value)
