"""Formulas of laws as MathML, and numbers as a page shows them."""

import re
from xml.etree import ElementTree

import pytest

from bayescale.laws.catalog import law_names, load_law
from bayescale.report.typesetting import Math, formula, raised, spelt, symbol, typeset


def drawn(text):
    """A formula's MathML as elements, and as text in which a superscript stands in braces."""
    markup = str(formula(text))
    tree = ElementTree.fromstring(f"<p>{markup}</p>")
    for power in tree.iter("msup"):
        power[1].text = "^{" + (power[1].text or "")
        power[1].tail = "}" + (power[1].tail or "")
    return tree, re.sub(r"[\u2061\u2062]", "", "".join(tree.itertext()))


@pytest.mark.parametrize("name", law_names())
def test_the_formula_of_every_law_is_read(name):
    tree, _ = drawn(load_law(name).formula)
    assert tree[0].tag == "math"
    assert {each.tag for each in tree} <= {"math", "span"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("E + A N^-alpha", "E+AN^{−α}"),
        ("(N_c/N)^alpha_N", "(NcN)^{αN}"),
        ("b (1/x + g)^c", "b(1x+g)^{c}"),
        ("A (N + omega N^(1/3))^-alpha", "A(N+ωN^{1/3})^{−α}"),
        ("eps0 e/sqrt(e^2 + eps0^2)", "ε0ee^{2}+ε0^{2}"),
        ("c + 400 p log10 N", "c+400plog10N"),
        ("floor + scale (N/1e9)^-rate", "floor+scale(N10^{9})^{−rate}"),
        ("max(b (x_end - x), 0)", "max(b(xend−x),0)"),
        ("1/beta = 1/alpha_N + 1/alpha_E", "1β=1αN+1αE"),
    ],
)
def test_a_formula_is_drawn_as_it_is_written(text, shown):
    assert drawn(text)[1] == shown


def test_what_is_divided_stands_in_a_fraction():
    (fraction,) = drawn("2 N/(bandwidth u) + t0")[0].iter("mfrac")
    assert ["".join(part.itertext()).replace("\u2062", "") for part in fraction] == ["2N", "bandwidthu"]


def test_remarks_and_further_equations_have_lines_of_their_own():
    tree, _ = drawn("b x^-c0, c1 = c0 - 1, c1 and c2 the changes of exponent")
    assert [each.tag for each in tree] == ["math", "math", "span"]


@pytest.mark.parametrize("text", ["a ^^ b", "(a", "a)", "<script>", "a; b", "", "2 +"])
def test_what_is_no_formula_stays_text(text):
    markup = typeset(Math(text))
    assert markup.startswith("<code>")
    assert "<script>" not in markup


def test_names_cannot_become_markup():
    for made in (typeset("<b> 1e+24 <i>"), formula("<b>"), symbol("<b>"), symbol("a_<b>")):
        assert "<b>" not in str(made)
    assert symbol("nu") == "ν"


def test_powers_of_ten_are_raised_where_they_stand_alone():
    assert spelt("from 1.4e+18 to 1e-05, run_1e+24, 2e+24x") == "from 1.4×10¹⁸ to 1×10⁻⁵, run_1e+24, 2e+24x"
    assert raised("-2e+30") == "-2×10<sup>30</sup>"
    assert spelt("1234e8901, a hash or a typed number") == "1234e8901, a hash or a typed number"
