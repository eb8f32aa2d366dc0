"""Which shipped laws suit a table's columns, and why the others do not."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from bayescale.basics.errors import BayescaleError, LawError
from bayescale.basics.wording import listed
from bayescale.data.checks import observe
from bayescale.data.names import bounded
from bayescale.data.observed import Observed, serving
from bayescale.data.runs import Runs
from bayescale.data.steps import first_runs
from bayescale.data.tables import floats
from bayescale.laws import catalog
from bayescale.laws.law import Law
from bayescale.laws.links import LOG
from bayescale.laws.steps import two_steps


def default_laws(runs: Runs) -> tuple[list[Law], Runs]:
    """Laws of the default mixture that suit a table: those that follow the most of what varies, the way that it goes.

    Where an outcome may fall or rise, as that of a learning curve, the laws of its direction are taken, and those of
    both where the runs do not tell it. Where runs show a sharp break, laws with a break replace smooth ones.
    Laws that need more runs than there are are left out, and of a score that has a largest value, such as BLEU, rising
    laws without a ceiling. Of an accuracy or an error whose runs have a loss too, laws in two steps follow: each law of
    the mixture for that loss by the same inputs, and then the outcome by the loss.

    Parameters
    ----------
    runs : Runs

    Returns
    -------
    laws : list of Law
        In the order of their names, those in two steps last.
    runs : Runs
        With a note where a column that laws of the mixture read has one value only, which no law can follow.

    Raises
    ------
    LawError
        If no law of the mixture suits; it names what is missing, or the laws that suit by name.

    Examples
    --------
    >>> from bayescale.data.datasets import load_runs
    >>> [law.name for law in default_laws(load_runs("chinchilla"))[0]]
    ['skaling', 'tied']
    >>> curve = Runs.from_frame(pd.DataFrame({"x": [1, 2, 4], "y": [0.5, 0.6, 0.7]}), outcome="y")
    >>> [law.name for law in default_laws(curve)[0]]
    ['rise_logarithm', 'rise_logistic', 'rise_power', 'rise_to_ceiling']
    >>> both = Runs.from_frame(load_runs("gadre:c4").frame, outcome="accuracy")
    >>> [law.name for law in default_laws(both)[0]][-2:]
    ['floor_c, then accuracy_of_loss', 'kaplan_c, then accuracy_of_loss']
    """
    shipped = map(catalog.load_law, catalog.law_names())
    members = [law for law in shipped if law.in_ensemble and len(runs) >= law.fewest_runs]
    found, reasons = suited_laws(runs, [law for law in members if law.outcome == runs.outcome])
    if not found:
        found, reasons = suited_laws(runs, members)
    if not found:
        raise LawError(_none_suits(runs, reasons))
    directions = {law.falls for law in found}
    if len(directions) > 1 and (rises := _rises(runs, found[0])) is not None:
        found = [law for law in found if law.falls is not rises]
    if bounded(runs.named) and found[0].link is LOG:
        found = [law for law in found if law.falls or "ceiling" in law.units] or found
    asked = [law for law in found if law.asked_for is not None and _asks(runs, law)]
    found = asked or [law for law in found if law.asked_for is None]
    read = f"so that laws of {' and '.join(found[0].input_names)} alone are fitted"
    constant = [why for why in reasons.values() if why.startswith("every run has")]
    followed = set(found[0].input_names)
    followed |= {"C"} if {"N", "D"} <= followed else set()  # runs of one budget
    constant = [why for why in constant if not any(why.startswith(f"every run has {name} ") for name in followed)]
    fixed = dict.fromkeys(why.partition(": law ")[0] for why in constant)
    notes = dict.fromkeys((*runs.notes, *(f"{text}, {read}" for text in fixed)))
    if _repeats(runs) and "U" not in followed:
        notes[_UNREAD] = None
    through, why_not = _in_two_steps(runs, found[0])
    notes |= dict.fromkeys(why_not)
    return [*found, *through], replace(runs, notes=tuple(notes))


_UNREAD = (
    "some runs have seen data more than once (D is above U), which the fitted laws do not read: laws that do need the "
    "parameters too, also where all runs have the same (--columns N=1.3e9)"
)


def two_step_laws(runs: Runs, beside: Sequence[Law]) -> list[Law]:
    """Laws in two steps that the default has beside laws in one, by the inputs of any of these.

    Parameters
    ----------
    runs : Runs
    beside : sequence of Law
        Laws in one step that suit the runs.

    Examples
    --------
    >>> from bayescale.data.datasets import load_runs
    >>> runs = Runs.from_frame(load_runs("gadre:c4").frame, outcome="accuracy")
    >>> [law.name for law in two_step_laws(runs, [catalog.load_law("direct_accuracy")])]
    ['floor_c, then accuracy_of_loss', 'kaplan_c, then accuracy_of_loss']
    """
    inputs = {frozenset(law.input_names): law for law in beside}
    return [law for each in inputs.values() for law in _in_two_steps(runs, each)[0]]


def _in_two_steps(runs: Runs, beside: Law) -> tuple[list[Law], list[str]]:
    """Laws in two steps that read the inputs of another law, and what is to be said where some runs lack a loss."""
    shipped = [law for law in map(catalog.load_law, catalog.law_names()) if law.second_step]
    seconds = [law for law in shipped if law.outcome == runs.outcome]
    found: list[Law] = []
    for second in seconds or [law for each in shipped if (law := serving(each, runs)).outcome == runs.outcome]:
        (read,) = second.input_names
        if read not in runs.frame or read in beside.input_names:
            continue
        known = int(np.sum(floats(runs.frame[read])[0] > 0))
        if 0 < known < len(runs):
            return [], [
                f"{known} of {len(runs)} runs have a {read}, so {runs.outcome} is not forecast through it: give all "
                f"runs a {read}, or leave out those without"
            ]
        try:
            observe(second, runs)
            firsts, _ = default_laws(_read_alone(first_runs(runs, read), beside))
        except BayescaleError:
            continue  # a loss that is the same in all runs, say
        same = [law for law in firsts if set(law.input_names) == set(beside.input_names)]
        found += [two_steps(first, second) for first in same]
    return found, []


def _read_alone(runs: Runs, law: Law) -> Runs:
    """Runs without the sizes that a law does not read."""
    frame = runs.frame.drop(columns=[name for name in ("N", "D", "U") if name not in law.input_names], errors="ignore")
    return replace(runs, frame=frame)


def _asks(runs: Runs, law: Law) -> bool:
    """Whether runs show what only this law describes."""
    assert law.asked_for is not None
    with law.blamed("asked_for"):
        return law.asked_for(Observed(law, runs).inputs, runs.column(law.outcome))


def _rises(runs: Runs, law: Law) -> bool | None:
    """Whether the outcome rises with what a law reads; None where the runs do not tell."""
    size = law.size({name: runs.column(name) for name in law.input_names})
    ranks = pd.DataFrame({"size": size, "outcome": runs.column(law.outcome)}).rank()
    correlation = float(ranks["size"].corr(ranks["outcome"]))
    return None if not abs(correlation) > min(2 / np.sqrt(len(runs)), _SURE) else correlation > 0


_SURE = 0.99
"""Rank correlation that tells the direction however few the runs are."""


_NEAREST = 4
"""Laws that a refusal names: those that read the columns, then those with the shortest reasons, which miss few."""


def _none_suits(runs: Runs, reasons: dict[str, str]) -> str:
    """Why a table has no default, and what to do about it."""
    columns = ", ".join(map(str, runs.frame.columns))
    start = f"{runs.source}: no law of the default mixture suits {runs.outcome} from columns {columns}"
    suited, _ = suited_laws(runs)
    if suited:
        return f"{start}: name one of the laws that do: {listed(law.name for law in suited)}"
    if reasons:
        nearest = sorted(reasons, key=lambda name: (reasons[name].startswith("reads "), len(reasons[name])))[:_NEAREST]
        return f"{start}: {'; '.join(f'{name} {reasons[name]}' for name in nearest)}"
    outcomes = sorted({law.outcome for law in map(catalog.load_law, catalog.law_names()) if law.in_ensemble})
    return f"{start}: laws of it predict {listed(outcomes)}; name the outcome's column as one of these"


def suited_laws(runs: Runs, laws: Sequence[Law] | None = None) -> tuple[list[Law], dict[str, str]]:
    """Shipped laws that predict a table's outcome from its columns, and why other laws of that outcome do not.

    A law that reads only some of the quantities that vary, such as a law of N where D varies too, would treat the
    others as noise, and does not suit.

    Parameters
    ----------
    runs : Runs
    laws : sequence of Law, optional
        Those to choose from; all shipped ones if they are left out.

    Returns
    -------
    laws : list of Law
        In the order of their names.
    reasons : dict of str
        Why each other law of the same outcome was left out.

    Examples
    --------
    >>> from bayescale.data.datasets import load_runs
    >>> laws, reasons = suited_laws(load_runs("chinchilla"))
    >>> [law.name for law in laws][:3]
    ['chinchilla', 'embedding_aware', 'farseer']
    >>> reasons["kaplan_n"], reasons["data_constrained"]
    ('reads only N, but D varies too', 'reads U, which is not in the table')
    """
    choice = map(catalog.load_law, catalog.law_names()) if laws is None else laws
    same = [law for each in choice if (law := serving(each, runs)).outcome == runs.outcome]
    reasons: dict[str, str] = {}
    able = []
    for law in same:
        needed = (*law.input_names, *(setting.name for setting in law.settings if setting.default is None))
        missing = [name for name in needed if name not in runs.frame]
        if missing:
            reasons[law.name] = (
                f"reads {listed(missing)}, which {'is' if len(missing) == 1 else 'are'} not in the table"
            )
            continue
        try:
            observe(law, runs)
        except BayescaleError as error:
            reasons[law.name] = str(error).removeprefix(runs.source).lstrip(":, ")
            continue
        able.append(law)
    after = {law.name for law in able if law.second_step}
    if len(after) < len(able):
        reasons |= dict.fromkeys(after, "reads what is known only after a run: it is the second of two steps")
        able = [law for law in able if law.name not in after]
    varied = {law.name: _varied(law, runs) for law in able}
    for law in able:
        besides = max((found - varied[law.name] for found in varied.values()), key=len, default=set())
        if "U" in set(law.input_names) - varied[law.name]:
            reasons[law.name] = "reads U, but no run has seen its data twice"
        elif besides and law.outcome in _OF_COMPUTE:
            reasons[law.name] = f"reads only {listed(law.input_names)}: laws of C follow N and D together"
        elif besides:
            verb = "varies" if len(besides) == 1 else "vary"
            reasons[law.name] = f"reads only {listed(law.input_names)}, but {' and '.join(sorted(besides))} {verb} too"
    return [law for law in able if law.name not in reasons], reasons


_OF_COMPUTE = ("accuracy", "error")
"""Outcomes whose published laws read compute, which then stands for N and D."""


def _repeats(runs: Runs) -> bool:
    """Whether some run has seen some of its data more than once."""
    return {"D", "U"} <= set(runs.frame) and bool((runs.column("D") > runs.column("U")).any())


def _varied(law: Law, runs: Runs) -> set[str]:
    """Inputs whose variation a law models; compute is excluded, because it determines neither parameters nor data.

    Unique tokens count only where they vary, or where some of them are repeated.
    """
    stands_for = {"N", "D"} if law.outcome in _OF_COMPUTE and "C" in law.input_names else set()
    constant = {item.name for item in law.inputs if item.constant and np.ptp(runs.column(item.name)) == 0}
    return (set(law.input_names) - {"C"} - (constant - {"U"} if _repeats(runs) else constant)) | stands_for
