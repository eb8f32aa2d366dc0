"""Check that entries read from a JSON or TOML file have the types of a dataclass."""

from collections.abc import Mapping
from dataclasses import is_dataclass
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints


def misfit(kind: type, entries: Any) -> str:
    """Name the first entry that does not fit a dataclass; return an empty string if all do.

    Parameters
    ----------
    kind : type
        A dataclass whose fields are strings, numbers, booleans, tuples, mappings and such dataclasses.
    entries : mapping
        Values by field name, as read from the file; a list may replace a tuple. The dataclass itself checks for missing
        fields.

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
    if isinstance(hint, type) and is_dataclass(hint):
        return not misfit(hint, value)
    if hint is float:
        return type(value) in (int, float)
    if hint is NoneType:
        return value is None
    return type(value) is hint
