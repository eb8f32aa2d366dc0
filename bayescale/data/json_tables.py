"""Tables in JSON: arrays and lines of objects, columns, and the summaries that trackers write for each run."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from bayescale.basics.errors import RunsError
from bayescale.data.delimited import shortened

Record = dict[str, Any]


def parse_json(text: str, source: str) -> pd.DataFrame:
    """Read a table from JSON: an array of objects, a line for each object, an object of columns, or one run.

    Objects in objects become columns such as ``eval.loss``.

    Raises
    ------
    RunsError
        If it is not JSON, or holds no table.

    Examples
    --------
    >>> parse_json('[{"N": 1e8, "eval": {"loss": 3.2}}]', "a.json")
                 N  eval.loss
    0  100000000.0        3.2
    """
    return pd.DataFrame(_flat(record) for record in records_of(text, source))


def records_of(text: str, source: str) -> list[Record]:
    """The objects of a JSON text, one for each run.

    Raises
    ------
    RunsError
        As :func:`parse_json`.
    """
    try:
        records = _records(_loaded(text, source, 0), source)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise RunsError(
                f"{source}, line {error.lineno}: is not JSON ({error.msg.lower()}): write an object for each run"
            ) from None
        records = _of_lines(text, source)
    except RecursionError:
        raise RunsError(f"{source}: is nested too deeply: write an array of objects, one for each run") from None
    if not records:
        raise RunsError(f"{source}: has no rows: a table needs at least one run")
    return records


def _of_lines(text: str, source: str) -> list[Record]:
    records = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = _loaded(line, source, number)
        except (json.JSONDecodeError, RecursionError):
            raise RunsError(
                f"{source}, line {number}: {shortened(line)!r} is not JSON: write an object on each line, or all in "
                "one array"
            ) from None
        if not isinstance(record, dict):
            raise RunsError(
                f"{source}, line {number}: {shortened(line)!r} is not an object: write {{...}} for each run"
            )
        records.append(record)
    return records


def _loaded(text: str, source: str, line: int) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> Record:
        record = dict(pairs)
        if len(record) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            place = f"{source}, line {line}" if line else source
            raise RunsError(f"{place}: {shortened(twice)!r} appears twice in one object: keep one of them")
        return record

    try:
        return json.loads(text, object_pairs_hook=unique)
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError | RunsError):
            raise
        raise RunsError(f"{source}: holds a number of too many digits: write it as 5.76e23") from None


def _records(document: Any, source: str) -> list[Record]:
    if isinstance(document, list):
        for position, record in enumerate(document, start=1):
            if not isinstance(record, dict):
                raise RunsError(
                    f"{source}, element {position}: {shortened(json.dumps(record))} is not an object: write an array "
                    "of objects, one for each run"
                )
        return document
    if not isinstance(document, dict):
        raise RunsError(f"{source}: holds no table: write an array of objects, one for each run")
    values = list(document.values())
    if {"columns", "data"} <= document.keys() and all(isinstance(document[key], list) for key in ("columns", "data")):
        return _of_split(document, source)
    if values and all(isinstance(value, list) for value in values):
        return _of_columns(document, source)
    if len(values) > 1 and all(isinstance(value, dict) and value.keys() == values[0].keys() for value in values):
        if all(name.isdigit() for name in values[0]):  # as pandas writes columns
            return _of_columns({name: list(column.values()) for name, column in document.items()}, source)
        return [{"run": name, **record} for name, record in document.items()]
    lists = [value for value in values if isinstance(value, list) and value and isinstance(value[0], dict)]
    return _records(lists[0], source) if len(lists) == 1 else [document]


def _of_split(document: Record, source: str) -> list[Record]:
    names, rows = document["columns"], document["data"]
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) != len(names):
            raise RunsError(f"{source}, row {number}: has not {len(names)} values, one for each column: correct it")
    return [dict(zip(map(str, names), row, strict=True)) for row in rows]


def _of_columns(document: Mapping[str, list[Any]], source: str) -> list[Record]:
    lengths = {name: len(column) for name, column in document.items()}
    if len(set(lengths.values())) > 1:
        first, *_ = lengths
        odd = next(name for name, length in lengths.items() if length != lengths[first])
        raise RunsError(
            f"{source}: column {odd!r} has {lengths[odd]} values, but {first!r} {lengths[first]}: give each as many"
        )
    return [dict(zip(document, row, strict=True)) for row in zip(*document.values(), strict=True)]


def _flat(record: Mapping[str, Any], before: str = "") -> Record:
    """A record without objects in it."""
    flat: Record = {}
    for name, value in record.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[f"{before}{name}"] = value
    return flat
