"""Whether what was read from a file, JSON or TOML, is of the kinds that a dataclass says."""

from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints


def misfit(kind: type, entries: Any) -> str:
    """What is wrong with the entries of a dataclass, as they came from a file; empty if nothing is.

    Parameters
    ----------
    kind : type
        A dataclass of texts, numbers, flags, tuples and mappings.
    entries : mapping
        By the names of its fields; a list stands for a tuple. Missing ones are for the dataclass to notice.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Run:
    ...     name: str
    ...     sizes: tuple[float, ...] = ()
    >>> misfit(Run, {"name": "a", "sizes": [1.0, 2]}), misfit(Run, {"name": "a", "sizes": ["x"]})
    ('', 'sizes')
    >>> misfit(Run, {"name": "a", "colour": "red"}), misfit(Run, "a")
    ('colour', "'a'")
    """
    if not isinstance(entries, dict):
        return repr(entries)[:60]
    hints = get_type_hints(kind)
    return next((name for name, value in entries.items() if name not in hints or not _is(hints[name], value)), "")


def _is(hint: Any, value: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is UnionType:
        return any(_is(each, value) for each in inner)
    if origin is tuple:
        return isinstance(value, list | tuple) and all(_is(inner[0], each) for each in value)
    if origin is Mapping:
        return isinstance(value, dict) and all(_is(inner[0], k) and _is(inner[1], v) for k, v in value.items())
    if hint is float:
        return type(value) in (int, float)
    if hint is NoneType:
        return value is None
    return type(value) is hint
