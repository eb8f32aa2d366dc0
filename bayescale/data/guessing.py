"""Doubts about the share of correct answers by guessing, ``chance``, of a table of accuracies."""

import re
from collections.abc import Iterator

import numpy as np

from bayescale.data.names import CHOICES, COMMON
from bayescale.data.runs import Runs
from bayescale.data.tables import FloatArray
from bayescale.laws.law import Law

_USUAL = (0.25, 0.5)
_NEAR = 0.02
"""Distance from a usual chance level within which the weakest runs look like guessing."""

_BELOW = 0.05
"""How far below chance an accuracy must be to be called so, where the number of items is not known."""


def guessing_doubts(law: Law, runs: Runs) -> Iterator[str]:
    """Ask for a missing ``chance``, and name accuracies below it.

    Parameters
    ----------
    law : Law
        Only laws with the setting ``chance`` read it.
    runs : Runs

    Examples
    --------
    >>> import pandas as pd
    >>> from bayescale import load_law
    >>> table = pd.DataFrame({"C": [1e20, 1e21], "accuracy": [0.26, 0.4]})
    >>> runs = Runs.from_frame(table, source="mmlu.csv", outcome="accuracy")
    >>> next(guessing_doubts(load_law("sigmoid_accuracy"), runs))
    'mmlu has 4 choices, but no chance is given and 0 is assumed: add a column chance of 0.25'
    """
    if "chance" not in {setting.name for setting in law.settings}:
        return
    outcome = runs.column(law.outcome, "fraction")
    accuracy = 1 - outcome if law.outcome == "error" else outcome
    if "chance" not in runs.frame:
        yield from _missing(accuracy, _named(runs))
        return
    chance = runs.column("chance", "share")
    items = runs.frame[f"{law.outcome}_n"].to_numpy() if f"{law.outcome}_n" in runs.frame else None
    margin = _BELOW if items is None else 4 * np.sqrt(chance * (1 - chance) / items)
    below = accuracy < chance - margin
    if below.any():
        yield (
            f"{below.sum()} of {len(runs)} accuracies lie below chance ({chance[below].max():.2g}), down to "
            f"{accuracy[below].min():.2g}: laws of it cannot follow them, so check chance, or leave out runs that do "
            "not answer in the form that is asked for"
        )


def _missing(accuracy: FloatArray, task: str | None) -> Iterator[str]:
    if task is not None:
        level = 1 / CHOICES[task]
        if accuracy.min() > level - _BELOW:  # far below it, answers are not chosen from a list
            yield (
                f"{task} has {CHOICES[task]} choices, but no chance is given and 0 is assumed: add a column chance of "
                f"{level:.3g}"
            )
        return
    weakest = float(np.median(np.sort(accuracy)[: max(1, len(accuracy) // 4)]))
    for level in _USUAL:
        if abs(weakest - level) < _NEAR:
            yield (
                f"the weakest runs have an accuracy of {weakest:.2g}, and no chance is given, so that 0 is assumed: if "
                f"answers are chosen from {1 / level:.0f}, add a column chance of {level}"
            )


def _named(runs: Runs) -> str | None:
    """The multiple-choice task that a table is of, by its one label, or by its name."""
    labels = {
        text for name in ("group", "task", "benchmark") if name in runs.frame for text in runs.frame[name].astype(str)
    }
    if len(labels) > 1:
        return None
    words = {task: _text(*labels) if task in COMMON else _text(runs.source, *labels) for task in CHOICES}
    return next((task for task in CHOICES if re.search(rf"(?<![a-z0-9]){task}(?![a-z0-9])", words[task])), None)


def _text(*parts: str) -> str:
    return " ".join(parts).lower().replace("-", "_")
