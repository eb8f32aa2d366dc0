"""Arguments of Python functions in messages, spelt as options of the command line."""

import json
import re
import shlex
from typing import Any

_SAME = (
    "as_is",
    "by",
    "chains",
    "columns",
    "discrepancy",
    "draws",
    "drop_bad",
    "evidence",
    "glob",
    "group",
    "law",
    "minutes",
    "outcome",
    "pool",
    "tune",
    "unit",
)
_OPTIONS = {**{name: f"--{name.replace('_', '-')}" for name in _SAME}, "priors": "--prior"}
"""The option of each argument."""

_CALLS = {
    "best_runs(runs)": "--best",
    "mean_runs(runs)": "--mean",
    "tell_checkpoints(runs, True)": "--checkpoints",
    "tell_checkpoints(runs, False)": "--no-checkpoints",
    "bayescale.compare": "bayescale compare",
}
"""Calls that are an option of the command line."""

_FLOPS = re.compile(r"\bcount_flops\(runs, (?=\")")
_NAMED = re.compile(rf"(?<![\w.\"'`-])({'|'.join(_OPTIONS)})=(?![=\s]*\d)")
_WORDS = {"True": True, "False": False}


def as_options(text: str) -> str:
    """A message with arguments and calls of Python spelt as options.

    Examples
    --------
    >>> as_options('add columns={"N": "params*1e6"}; if they are right, as_is=True')
    'add --columns N=params*1e6; if they are right, --as-is'
    >>> as_options('count_flops(runs, "C") counts as the table does; discrepancy=False takes the law as true')
    '--flops C counts as the table does; --no-discrepancy takes the law as true'
    >>> as_options("give group=, one of a, b")
    'give --group, one of a, b'
    """
    for call, option in _CALLS.items():
        text = text.replace(call, option)
    while flops := _FLOPS.search(text):
        rule, end = json.JSONDecoder().raw_decode(text, flops.end())
        text = f"{text[: flops.start()]}--flops {shlex.quote(rule)}{text[end:].removeprefix(')')}"
    position = 0
    while named := _NAMED.search(text, position):
        value, end = _value(text, named.end())
        option = _option(named[1], value)
        text = text[: named.start()] + option + text[end:]
        position = named.start() + len(option)
    return text


def _value(text: str, start: int) -> tuple[Any, int]:
    """The literal that starts at a place and where it ends; None if there is none."""
    for word, meant in _WORDS.items():
        if text.startswith(word, start):
            return meant, start + len(word)
    if quoted := re.compile(r"'([^']*)'").match(text, start):
        return quoted[1], quoted.end()
    try:
        return json.JSONDecoder().raw_decode(text, start)
    except json.JSONDecodeError:
        return None, start


def _option(name: str, value: Any) -> str:
    option = _OPTIONS[name]
    match value:
        case bool():
            return option if value else f"--no-{option[2:]}"
        case dict():
            return f"{option} {','.join(f'{ours}={theirs}' for ours, theirs in value.items())}"
        case str():
            return f"{option} {shlex.quote(value) if name == 'glob' else value}"
        case _:
            return option
