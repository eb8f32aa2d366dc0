r"""Formulas as laws write them in one line, in LaTeX: ``E + A N^-alpha`` becomes ``E + A\,N^{-\alpha}``."""

import re
from collections.abc import Iterator

_TOKEN = re.compile(r"\s*([A-Za-z]\w*'?|\d+(?:\.\d+)?|\S)")
_GREEK = re.compile("alpha|beta|gamma|delta|epsilon|eta|theta|kappa|lambda|mu|nu|rho|sigma|tau|omega")
_SPOKEN = {"eps": "epsilon"}
_FUNCTIONS = {"exp", "log", "min", "max"}


def latex(formula: str) -> str:
    """A formula in LaTeX.

    Examples
    --------
    >>> print(latex("E + A N^-alpha + B D^-beta"))
    E+A\\,N^{-\\alpha }+B\\,D^{-\\beta }
    >>> print(latex("ceiling/(1 + (x/x0)^-b)"))
    \\mathrm{ceiling}/\\left(1+\\left(x/x_{0}\\right)^{-b}\\right)
    """
    return _sequence(iter(_TOKEN.findall(formula)))


def _sequence(tokens: Iterator[str]) -> str:
    """What is written up to the end, or up to the bracket that closes."""
    parts: list[str] = []
    touching = False  # whether a factor that follows needs a space before it
    for token in tokens:
        if token == ")":
            break
        if token == "^":
            parts.append(f"^{{{_exponent(tokens)}}}")
            continue
        factor = token == "(" or token[0].isalnum()
        called = token == "(" and parts and parts[-1] in _CALLED
        atom = _atom(token, tokens)
        if touching and factor and not called:
            parts.append(r"\ " if parts[-1].startswith(_WORD) or atom.startswith(_WORD) else r"\,")
        parts.append(atom)
        parts += [r"\ "] * (token in ",=")
        touching = factor and atom not in _CALLED
    return "".join(parts)


def _atom(token: str, tokens: Iterator[str]) -> str:
    if token == "(":
        return rf"\left({_sequence(tokens)}\right)"
    if token == "sqrt":
        next(tokens)
        return rf"\sqrt{{{_sequence(tokens)}}}"
    return _symbol(token) if token[0].isalpha() else token


def _exponent(tokens: Iterator[str]) -> str:
    """One factor, with its sign; brackets around it are not needed above the line."""
    token = next(tokens)
    if token in "+-":
        return token + _exponent(tokens)
    return _sequence(tokens) if token == "(" else _atom(token, tokens)


def _symbol(name: str) -> str:
    """A name as it is typeset: Greek letters, subscripts, words upright."""
    name, prime, _ = name.partition("'")
    base, _, below = name.partition("_")
    letters, digits = re.fullmatch(r"(.*?)(\d*)", base).groups()  # type: ignore[union-attr]
    letters = _SPOKEN.get(letters, letters)
    below = "_".join(part for part in (digits, below) if part)
    if letters in _FUNCTIONS and below and not below.isdigit():
        return rf"\{letters} {_symbol(below)}"
    if letters in _FUNCTIONS or _GREEK.fullmatch(letters):
        shown = rf"\{letters} "
    else:
        shown = letters if len(letters) == 1 else rf"\mathrm{{{letters}}}"
    return shown + prime + (f"_{{{_subscript(below)}}}" if below else "")


def _subscript(text: str) -> str:
    return text if len(text) == 1 or text.isdigit() else rf"\mathrm{{{text.replace('_', r'\_')}}}"


_CALLED = {rf"\{name} " for name in _FUNCTIONS} | {r"\log _{10}"}
"""Functions as typeset: no space before what they are functions of."""
_WORD = r"\mathrm"
