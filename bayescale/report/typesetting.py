"""Text as a page shows it: formulas as MathML, powers of ten raised, and intervals that no line break splits.

Everything is escaped first, so no name of a law, a column or a unit becomes markup.
"""

import re
from html import escape

from bayescale.basics.quantities import SUPERSCRIPTS


class Math(str):
    """A formula as law files write it, such as ``E + A N^-alpha``; a page shows it as a formula."""

    __slots__ = ()


_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "eps": "ε", "eta": "η", "kappa": "κ",
    "mu": "μ", "nu": "ν", "omega": "ω", "sigma": "σ", "tau": "τ",
}  # fmt: skip
_FUNCTIONS = ("exp", "log", "max", "min", "sqrt")
_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([^\W\d]\w*'*)|([-+*/^(),=]))")
_NAME = re.compile(r"([^\W\d_]+?)_?(\d+)?((?:_[^\W_]+)*)('*)")
_MINUS = '<mo form="prefix">−</mo>'
_APPLY = "<mo>\u2061</mo>"
_TIMES = '<mo>\u2062</mo><mspace width="0.17em"/>'

_POWER_OF_TEN = re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?)e(?:\+|(-))0?(\d+)(?![\w.])")
_INTERVAL = re.compile(r"(?<![\w.])-?[\d.]+(?:e[+-]?\d+)?[kMBT]? \[[^\[\]]{1,40}, [^\[\]]{1,40}\]")


def typeset(text: str) -> str:
    """Text as markup: a formula as MathML, ``1e+24`` with a raised exponent, an interval in one piece.

    Examples
    --------
    >>> typeset("1e+24 FLOP")
    '1×10<span class="unseen">^</span><sup>24</sup> FLOP'
    >>> typeset("<b> is 2 [1, 3]")
    '&lt;b&gt; is <span class="whole">2 [1, 3]</span>'
    """
    if isinstance(text, Math):
        return formula(text)
    parts, end = [], 0
    for found in _INTERVAL.finditer(text):
        parts += [_raised(text[end : found.start()]), f'<span class="whole">{_raised(found[0])}</span>']
        end = found.end()
    return "".join([*parts, _raised(text[end:])])


def _raised(text: str) -> str:
    # A copied power keeps its caret, and a screen reader reads it.
    power = r'\1×10<span class="unseen">^</span><sup>\2\3</sup>'
    return _POWER_OF_TEN.sub(power, escape(text))


def raised(text: str) -> str:
    """Escaped text with raised powers of ten, as Plotly reads it.

    Examples
    --------
    >>> raised("1e+24 FLOP")
    '1×10<sup>24</sup> FLOP'
    """
    return _POWER_OF_TEN.sub(r"\1×10<sup>\2\3</sup>", text)


def spelt(text: str) -> str:
    """Text with powers of ten for places that hold no markup, such as a label.

    Examples
    --------
    >>> spelt("1e+24 FLOP")
    '1×10²⁴ FLOP'
    """

    def unicode(found: re.Match[str]) -> str:
        return f"{found[1]}×10{((found[2] or '') + found[3]).translate(SUPERSCRIPTS)}"

    return _POWER_OF_TEN.sub(unicode, text)


def symbol(name: str) -> str:
    """A parameter's name with Greek letters and a subscript, as Plotly reads it; a word stays a word.

    Examples
    --------
    >>> symbol("alpha_N"), symbol("loss_centre")
    ('α<sub>N</sub>', 'loss_centre')
    """
    stem, _, index = name.partition("_")
    if stem not in _GREEK and len(stem) > 1:
        return escape(name)
    return escape(_GREEK.get(stem, stem)) + (f"<sub>{escape(index)}</sub>" if index else "")


def formula(text: str) -> str:
    """A law's formula as MathML, one line per equation; as plain text if it cannot be read.

    The notation is that of law files: powers with ``^``, products by a space, ``log``, ``exp``, ``max`` and ``sqrt``,
    equations and remarks after commas.

    Examples
    --------
    >>> formula("A N^-alpha")[:38]
    '<math display="block"><mrow><mi>A</mi>'
    >>> formula("N ^^ <2>")
    '<code>N ^^ &lt;2&gt;</code>'
    """
    try:
        lines = [_line(clause) for clause in _clauses(text)]
    except _UnreadError:
        return f"<code>{escape(text)}</code>"
    return "".join(lines)


class _UnreadError(Exception):
    """Text that is no formula in the notation of law files."""


def _clauses(text: str) -> list[str]:
    """The parts between commas outside brackets."""
    found, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return [clause.strip() for clause in found]


def _line(clause: str) -> str:
    if not re.search(r"[-+*/^=()]", clause) and len(clause.split()) > 3:
        return f'<span class="remark">{escape(clause)}</span>'
    return f'<math display="block">{_Reader(clause).whole()}</math>'


class _Reader:
    """Reads a clause by recursive descent; every method returns the MathML of what it read."""

    def __init__(self, text: str) -> None:
        self.tokens: list[tuple[str, str, str]] = []
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if not found:
                raise _UnreadError
            self.tokens.append(found.groups(""))  # type: ignore[arg-type]
            at = found.end()
        self.at = 0

    def peek(self) -> tuple[str, str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("", "", "")

    def take(self, sign: str) -> bool:
        found = self.peek()[2] == sign
        self.at += found
        return found

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise _UnreadError

    def whole(self) -> str:
        found = self.sum()
        while self.take("="):
            found += "<mo>=</mo>" + self.sum()
        if self.at < len(self.tokens):
            raise _UnreadError
        return f"<mrow>{found}</mrow>"

    def sum(self) -> str:
        found = _MINUS if self.take("-") else ""
        found += self.product()
        while self.peek()[2] in ("+", "-") and self.peek()[2]:
            sign = "+" if self.take("+") else "−"
            self.take("-")
            found += f"<mo>{sign}</mo>" + self.product()
        return found

    def product(self) -> str:
        """Factors beside each other; a slash divides those before it by the next one."""
        factors = [self.power()]
        while True:
            if self.take("/"):
                above, below = _TIMES.join(factors), self.power(bare=True)
                above = _without_brackets(above) if len(factors) == 1 else above
                factors = [f"<mfrac><mrow>{above}</mrow><mrow>{below}</mrow></mfrac>"]
            elif self.take("*") or any(self.peek()[:2]) or self.peek()[2] == "(":
                factors.append(self.power())
            else:
                return _TIMES.join(factors)

    def power(self, bare: bool = False) -> str:
        """A base with its exponent; brackets around the whole are dropped if ``bare``."""
        base = self.base()
        if not self.take("^"):
            return _without_brackets(base) if bare else base
        sign = _MINUS if self.take("-") else ""
        exponent = self.exponent()
        return f"<msup><mrow>{base}</mrow><mrow>{sign}{exponent}</mrow></msup>"

    def exponent(self) -> str:
        if not self.take("("):
            return self.base()
        start = self.at
        inner = self.sum()
        self.need(")")
        read = self.tokens[start : self.at - 1]
        if [token[2] for token in read].count("/") == 1 and len(read) in (3, 4):
            # A short quotient stays on its line: a fraction would be too small to read there.
            return "".join(_leaf(token) for token in read)
        return inner

    def base(self) -> str:
        number, name, _ = self.peek()
        if self.take("("):
            inner = self.arguments()
            return f'<mrow><mo form="prefix">(</mo>{inner}<mo form="postfix">)</mo></mrow>'
        if not (number or name):
            raise _UnreadError
        self.at += 1
        if name in _FUNCTIONS or re.fullmatch(r"log\d+", name):
            return self.function(name)
        if name.startswith("log_"):
            return f"<mrow><mi>log</mi>{_APPLY}<mspace width='0.17em'/>{_name(name[4:])}</mrow>"
        return _leaf((number, name, ""))

    def function(self, name: str) -> str:
        if name == "sqrt":
            return f"<msqrt><mrow>{_without_brackets(self.base())}</mrow></msqrt>"
        shown = f"<msub><mi>log</mi><mn>{name[3:]}</mn></msub>" if name[3:].isdigit() else f"<mi>{name}</mi>"
        space = "" if self.peek()[2] == "(" else '<mspace width="0.17em"/>'
        return f"<mrow>{shown}{_APPLY}{space}{self.base()}</mrow>"

    def arguments(self) -> str:
        found = self.sum()
        while self.take(","):
            found += '<mo separator="true">,</mo>' + self.sum()
        self.need(")")
        return found


def _without_brackets(markup: str) -> str:
    before, after = '<mrow><mo form="prefix">(</mo>', '<mo form="postfix">)</mo></mrow>'
    if not (markup.startswith(before) and markup.endswith(after)):
        return markup
    inner = markup[len(before) : -len(after)]
    depth = 0
    for found in re.finditer(r'form="(prefix|postfix)"', inner):
        depth += 1 if found[1] == "prefix" else -1
        if depth < 0:  # the first bracket ends before the last one
            return markup
    return inner


def _leaf(token: tuple[str, str, str]) -> str:
    number, name, sign = token
    if name:
        return _name(name)
    if not number:
        return f"<mo>{'−' if sign == '-' else escape(sign)}</mo>"
    digits, _, power = number.lower().partition("e")
    if not power:
        return f"<mn>{number}</mn>"
    raised = f"<msup><mn>10</mn><mn>{int(power)}</mn></msup>"
    return raised if digits == "1" else f"<mrow><mn>{digits}</mn><mo>×</mo>{raised}</mrow>"


def _name(name: str) -> str:
    """A name with its Greek letter, subscript and primes."""
    parts = _NAME.fullmatch(name)
    if parts is None:
        return f"<mi>{escape(name)}</mi>"
    stem, digits, indices, primes = parts.groups("")
    below = [part for part in (digits, *indices.split("_")) if part]
    shown = [f"<mn>{part}</mn>" if part.isdigit() else _leaf(("", part, "")) for part in below]
    found = f"<mi>{_GREEK.get(stem, escape(stem))}</mi>"
    if primes:
        found = f"<mrow>{found}<mo>{'′' * len(primes)}</mo></mrow>"
    return f"<msub>{found}<mrow>{'<mspace width="0.15em"/>'.join(shown)}</mrow></msub>" if below else found
