"""Wording of messages: unknown names, near misses and lists."""

import difflib
import json
from collections.abc import Iterable
from typing import Any

from bayescale.basics.errors import CatalogError

_SYNONYMS = {"N": ("params", "parameters"), "D": ("tokens",), "C": ("flops", "compute")}
_SHOWN = 10


def known(name: str, names: tuple[str, ...], kind: str, otherwise: str = "") -> str:
    """Return the name if it is known.

    Raises
    ------
    CatalogError
        If it is not.
    """
    if name not in names:
        raise CatalogError(unknown(name, names, kind, otherwise))
    return name


def unknown(name: str, names: tuple[str, ...], kind: str, otherwise: str) -> str:
    """Message for an unknown name."""
    near = nearest(name, names)
    hint = f", did you mean {near!r}?" if near else "."
    return f"no {kind} {name!r}{hint} {kind.capitalize()}s: {', '.join(names)}{otherwise and f'; or {otherwise}'}"


def told_apart(value: float, limit: float) -> str:
    """A number with four digits, or as many as tell it from a limit that it misses.

    Examples
    --------
    >>> told_apart(1.01124, 1.01), told_apart(1.010004, 1.01), told_apart(787.3, 1000)
    ('1.011', '1.010004', '787.3')
    """
    shown = (f"{value:.{digits}g}" for digits in range(4, 18))
    return next((text for text in shown if float(text) != limit), f"{value}")


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Choice that a misspelt name most likely means, ignoring case.

    Examples
    --------
    >>> nearest("loss", ["step", "Val_Loss"]), nearest("N", ["params", "tokens"]), nearest("loss", ["step"])
    ('Val_Loss', 'params', None)
    """
    by_lower_case = {choice.lower(): choice for choice in choices}
    for spelling in (name, *_SYNONYMS.get(name, ())):
        found = difflib.get_close_matches(spelling.lower(), by_lower_case, n=1)
        if found:
            return by_lower_case[found[0]]
    return None


def columns_are(**theirs: str) -> str:
    """How to name a table's columns, or arithmetic over them, in a message: the argument ``columns``.

    Examples
    --------
    >>> columns_are(N="params*1e6")
    'columns={"N": "params*1e6"}'
    """
    return f"columns={json.dumps(theirs, ensure_ascii=False)}"


def listed(items: Iterable[Any]) -> str:
    """The first ten items as text, separated by commas, and how many more there are.

    Examples
    --------
    >>> listed(range(12)), listed([])
    ('0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more', 'none')
    """
    texts = [str(item) for item in items]
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return f"{', '.join(texts[:_SHOWN])}{more}" or "none"


def in_a_row(names: Iterable[str]) -> str:
    """Names of laws, or what starts with them, with a semicolon between where one of them has a comma.

    Examples
    --------
    >>> in_a_row(["skaling", "tied"]), in_a_row(["sigmoid_accuracy", "tied, then accuracy_of_loss"])
    ('skaling, tied', 'sigmoid_accuracy; tied, then accuracy_of_loss')
    """
    found = list(names)
    return ("; " if any(", " in name for name in found) else ", ").join(found)


def with_article(name: str) -> str:
    """The name of an outcome with its article; a symbol has none.

    Examples
    --------
    >>> with_article("loss"), with_article("accuracy"), with_article("y")
    ('a loss', 'an accuracy', 'y')
    """
    return name if len(name) == 1 else f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
