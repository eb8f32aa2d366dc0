"""How training compute is counted: one rule for the runs of a table, for budgets, and for runs not yet trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bayescale.basics.errors import RunsError
from bayescale.basics.quantities import format_quantity
from bayescale.basics.wording import listed
from bayescale.data.expressions import Expression
from bayescale.data.tables import positive, refuse

Array = NDArray[np.float64]

SIX_ND = "6*N*D"
TABLE = "C"
AGREED = 0.05
"""Largest share by which a row's C may differ from another count of it, such as by rounding, and be taken as equal."""
_NOTED = 0.005
"""Share by which a count of new runs may miss that of the table's without a note."""
_SIZES = np.geomspace(1e2, 1e18, 4001)
"""Parameters between which those of a budget are interpolated."""
_FEW = 0.1
"""Largest share of the rows that may differ and be taken for mistakes, rather than for another count."""


@dataclass(frozen=True)
class Count:
    """A count of training compute, which a budget, a horizon and a reach are in.

    Parameters
    ----------
    rule : str
        Arithmetic over columns, such as ``"6*N*D"``, or ``"C"``: that column of the table.
    factor : tuple of float
        Where the rule reads more than N and D, which runs not yet trained do not have: the compute of these over
        6 N D, as the logarithm at N of one and the power of N, and the N between which it holds; the ends hold beyond.

    Examples
    --------
    >>> forward = Count("2*N*D")
    >>> float(forward(280e9, 300e9)), float(forward.tokens(1.68e23, 280e9))
    (1.68e+23, 300000000000.0)
    """

    rule: str = SIX_ND
    factor: tuple[float, ...] = ()

    def __call__(self, N: Array | float, D: Array | float) -> Array:
        """Compute (FLOP) of training N parameters on D tokens; arrays broadcast."""
        return np.asarray(self.per_token(N) * D)

    def tokens(self, budgets: Array | float, N: Array | float) -> Array:
        """Tokens on which a budget trains N parameters; arrays broadcast."""
        return np.asarray(budgets / self.per_token(N))

    def parameters(self, budgets: Array | float, D: Array | float) -> Array:
        """Parameters that a budget trains on a number of tokens; arrays broadcast."""
        if self.per_parameter_and_token is not None:
            return np.asarray(budgets / (self.per_parameter_and_token * D))
        return np.exp(np.interp(np.log(budgets / D), np.log(self.per_token(_SIZES)), np.log(_SIZES)))

    def third(self, name: str, known: Mapping[str, Array]) -> Array:
        """Whichever of N, D and C is named, from the other two."""
        if name == "C":
            return self(known["N"], known["D"])
        return self.tokens(known["C"], known["N"]) if name == "D" else self.parameters(known["C"], known["D"])

    def largest(self, budgets: Array | float) -> Array:
        """Parameters that a budget can train at all: any number, on few enough tokens."""
        return np.full(np.shape(budgets), np.inf)

    def per_token(self, N: Array | float) -> Array:
        """Compute (FLOP) of training N parameters on a token."""
        if self.factor:
            at_one, power, low, high = self.factor
            return np.asarray(6.0 * np.asarray(N) * np.exp(at_one + power * np.log(np.clip(N, low, high))))
        if self.per_parameter_and_token is not None:
            return np.asarray(self.per_parameter_and_token * np.asarray(N))
        return np.asarray(self._expression.value({"N": N, "D": np.ones_like(N)}))

    @cached_property
    def per_parameter_and_token(self) -> float | None:
        """Compute (FLOP) of a parameter and a token where that is the same for all runs; None where it is not."""
        if self.factor:
            return None
        if self.rule in (SIX_ND, TABLE):
            return 6.0  # of the table's own count too, where nothing else is known
        sizes = np.geomspace(1e5, 1e13, 5)
        each = self._expression.value({"N": sizes, "D": np.ones_like(sizes)}) / sizes
        return float(each[0]) if np.allclose(each, each[0], rtol=1e-12) else None

    @cached_property
    def _expression(self) -> Expression:
        return Expression.of(self.rule, ["N", "D"])

    @property
    def words(self) -> str:
        """What a FLOP of a budget is, for people to read."""
        if self.rule == SIX_ND:
            return "6 N D"
        own = "the table's C" if self.rule == TABLE else self.rule
        if not self.factor:
            return own
        at_one, power, low, high = self.factor
        first, last = (f"{np.exp(at_one + power * np.log(n)):.3g}" for n in (low, high))
        if first == last:
            return f"{own}, for new runs 6 N D times {first}"
        sizes = f"{first} at {format_quantity(low)} parameters to {last} at {format_quantity(high)}"
        return f"{own}, for new runs 6 N D times {sizes} and no further"


six_nd = Count()
"""Training compute of a dense Transformer, 6 N D (Kaplan et al. 2020, arXiv:2001.08361, section 2.1)."""


@dataclass(frozen=True, eq=False)
class Compared:
    """The table's own compute against 6 N D, row by row.

    Attributes
    ----------
    ratio : array, shape (run,)
        The table's C over 6 N D.
    """

    ratio: Array

    @property
    def apart(self) -> NDArray[np.intp]:
        """Rows that differ, counted from zero."""
        return np.flatnonzero(np.abs(np.log(self.ratio)) > np.log1p(AGREED))

    @property
    def agrees(self) -> bool:
        """Whether both counts are one."""
        return not len(self.apart)

    @property
    def few(self) -> bool:
        """Whether a few rows differ from all others, as mistakes do."""
        return 0 < len(self.apart) <= _FEW * len(self.ratio)

    @property
    def quartiles(self) -> dict[str, float]:
        """Smallest, median and largest ratio."""
        names = ("min", "median", "max")
        return dict(zip(names, np.quantile(self.ratio, [0, 0.5, 1]).tolist(), strict=True))

    @property
    def shown(self) -> str:
        """The ratios, for people to read."""
        ratio = self.ratio[self.apart] if self.few else self.ratio
        low, middle, high = np.quantile(ratio, [0, 0.5, 1])
        if high <= low * (1 + AGREED):
            return f"{middle:.3g}"
        return f"{low:.3g} to {high:.3g} (median {middle:.3g})"


@dataclass(frozen=True, eq=False)
class Counted:
    """How the column C of a table was counted.

    Attributes
    ----------
    count : Count
    against : Compared or None
        The table's own C against 6 N D, if it gives N, D and C.
    derived : tuple of str
        Whichever of N, D and C followed from the other two.
    notes : tuple of str
    """

    count: Count = six_nd
    against: Compared | None = None
    derived: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know where one table has two counts, and none was chosen."""
        against = self.against
        if against is None or against.agrees or self.count.rule != SIX_ND:
            return ()
        if against.few:
            rows = f"row{'s' * (len(against.apart) > 1)} {listed(against.apart + 1)}"
            return (
                f"column C, {rows}: {against.shown} times 6 N D, which it equals in all other rows: correct C, N or D",
            )
        return (
            f"column C is {against.shown} times 6 N D: budgets, and how far a run lies beyond these, are counted as "
            '6 N D; count_flops(runs, "C") counts as the table does, and count_flops(runs, "2*N*D") by such a rule',
        )


BY_DEFAULT = Counted()


def count_by(rule: str | None, frame: pd.DataFrame, source: str) -> Count:
    """The count that a user asks for, checked against the table.

    Parameters
    ----------
    rule : str, optional
        As of :class:`Count`; by default 6 N D.
    frame : pandas.DataFrame
        With whatever of N, D and C the table gives.
    source : str
        Name of the table in messages.

    Raises
    ------
    RunsError
        If the rule is no arithmetic over columns, is not proportional to D, or gives no positive number somewhere.

    Examples
    --------
    >>> table = pd.DataFrame({"N": [1e8, 1e9], "D": [2e9, 2e10], "context": [1024, 2048]})
    >>> count_by("6*N*D + 1e3*context*D", table, "runs.csv").factor == ()
    False
    """
    text = "".join((rule or SIX_ND).split())
    if text == SIX_ND:
        return six_nd
    if text == TABLE:
        if "C" not in frame:
            raise RunsError(
                f'{source}: count_flops(runs, "C") counts compute as column C does, but there is no such column'
            )
        return Count(TABLE, _factor(frame, frame["C"].to_numpy(dtype=np.float64)))
    try:
        expression = Expression.of(text, [*dict.fromkeys((*map(str, frame.columns), "N", "D"))])
    except RunsError as error:
        raise RunsError(f"{source}: the rule of compute: {error}") from None
    _check_proportional(expression, frame, source)
    if set(expression.columns) <= {"N", "D"}:
        return Count(text)
    return Count(text, _factor(frame, _by_rule(frame, text, source)) if {"N", "D"} <= set(frame.columns) else ())


def _by_rule(frame: pd.DataFrame, rule: str, source: str = "the table") -> Array:
    columns = {str(name): frame[name] for name in frame.columns}
    expression = Expression.of(rule, columns)
    read = {name: pd.to_numeric(columns[name], errors="coerce").to_numpy(np.float64) for name in expression.columns}
    found = np.broadcast_to(expression.value(read), len(frame))
    wrong = np.flatnonzero(~(np.isfinite(found) & (found > 0)))
    if len(wrong):
        raise RunsError(
            f"{source}, row {wrong[0] + 1}: compute by {rule} is {found[wrong[0]]:g}: FLOP are finite and above zero"
        )
    return np.asarray(found)


def _check_proportional(expression: Expression, frame: pd.DataFrame, source: str) -> None:
    """Check that twice the tokens take twice the compute, so that a budget tells the tokens that it pays for."""
    row: dict[str, Any] = dict.fromkeys(("N", "D"), 1000000000.0)
    for name in expression.columns:
        if name in frame:
            row[name] = pd.to_numeric(frame[name], errors="coerce").median()
    once, twice = (float(expression.value({**row, "D": times * row["D"]})) for times in (1, 2))
    if "D" not in expression.columns or not np.isclose(twice, 2 * once, rtol=1e-9):
        raise RunsError(
            f"{source}: compute by {expression.text} is not proportional to the tokens D: write the compute of "
            "training on all of them, such as 6*N*D"
        )


def _factor(frame: pd.DataFrame, compute: Array) -> tuple[float, ...]:
    """Compute over 6 N D as a power of N, by least squares: compute of a token is a matter of the architecture."""
    if not {"N", "D"} <= set(frame.columns):
        return ()
    N, D = (frame[name].to_numpy(dtype=np.float64) for name in ("N", "D"))
    log_n, log_ratio = np.log(N), np.log(compute / six_nd(N, D))
    spread = log_n - log_n.mean()
    power = float(spread @ log_ratio / (spread @ spread)) if np.ptp(log_n) > 0 else 0.0
    # Compute must not fall with N.
    power = max(power, -_STEEPEST)
    return float(log_ratio.mean() - power * log_n.mean()), power, float(N.min()), float(N.max())


_STEEPEST = 0.9
"""Largest exponent with which compute over 6 N D may fall with N."""


def count_epochs(frame: pd.DataFrame) -> list[str]:
    """Give a table the tokens that follow from unique tokens and epochs over them, or the other way round.

    Parameters
    ----------
    frame : pandas.DataFrame
        Checked columns; changed in place.

    Returns
    -------
    list of str
        What was computed.
    """
    given = {"D", "U"} & set(frame.columns)
    if len(given) != 1 or "epochs" not in frame:
        return []
    epochs = pd.to_numeric(frame["epochs"], errors="coerce").to_numpy(np.float64)
    if not ((epochs >= 1) & np.isfinite(epochs)).all():
        return []
    if "U" in given:
        frame["D"] = frame["U"] * epochs
        return ["U times epochs as D"]
    frame["U"] = frame["D"] / epochs
    return ["D over epochs as U"]


def count_compute(frame: pd.DataFrame, rule: str | None, source: str) -> Counted:
    """Give a table the compute of its runs by one count, as column C, and whichever of N and D follows from it.

    A column C that counts otherwise stays as ``C_table``.

    Parameters
    ----------
    frame : pandas.DataFrame
        Checked columns; changed in place.
    rule : str, optional
        As of :class:`Count`; by default 6 N D.
    source : str
        Name of the table in messages.

    Raises
    ------
    RunsError
        As of :func:`count_by`, or if a product is out of range.
    """
    if "C_table" in frame:
        frame["C"] = frame.pop("C_table")
    given = {"N", "D", "C"} & set(frame.columns)
    count = count_by(rule, frame, source)
    if given == {"C"} and rule is None:
        return Counted(Count(TABLE))
    if len(given) < 2:
        return Counted(count, notes=_said(count, 0.0))
    if len(given) == 2:
        name, note = _complete(frame, count, given, source)
        return Counted(count, derived=(name,), notes=(*note, *_said(count, _missed(count, frame))))
    N, D, C = (frame[name].to_numpy(dtype=np.float64) for name in ("N", "D", "C"))
    against = Compared(C / six_nd(N, D))
    if count.rule != TABLE and not (count.rule == SIX_ND and against.agrees):
        frame["C_table"] = C
        frame["C"] = six_nd(N, D) if count.rule == SIX_ND else _by_rule(frame, count.rule, source)
    return Counted(count, against, notes=_said(count, _missed(count, frame)))


def _said(count: Count, missed: float) -> tuple[str, ...]:
    """A note on a count that the user chose."""
    if count.rule == SIX_ND:
        return ()
    within = f", which misses that of these runs by {missed:.1%} (one standard deviation)" * (missed > _NOTED)
    return (f"FLOP are counted as {count.words}{within}",)


def _missed(count: Count, frame: pd.DataFrame) -> float:
    """Standard deviation of the log of the runs' compute over what the count takes of N and D."""
    if not count.factor:
        return 0.0
    N, D, C = (frame[name].to_numpy(dtype=np.float64) for name in ("N", "D", "C"))
    return float(np.sqrt(np.square(np.log(C / count(N, D))).mean()))


def _complete(frame: pd.DataFrame, count: Count, given: set[str], source: str) -> tuple[str, tuple[str, ...]]:
    """Add whichever of N, D and C is missing; its name, and a note unless it is compute."""
    columns = {name: frame[name].to_numpy(dtype=np.float64) for name in given}
    with np.errstate(over="ignore", under="ignore"):
        if "C" not in given:
            found = _by_rule(frame, count.rule, source) if count.factor else count.third("C", columns)
            frame["C"], faults = positive(pd.Series(found), source, f"C = {count.words}")
            refuse(faults)
            return "C", ()
        name, other = ("D", "N") if "N" in given else ("N", "D")
        if name == "N" and count.per_parameter_and_token is None:
            raise RunsError(f"{source}: no column N, which does not follow from C and D by {count.rule}")
        found = count.third(name, columns)
    by = f"C / (6 {other})" if count.rule in (SIX_ND, TABLE) else f"what C and {other} leave by {count.rule}"
    frame[name], faults = positive(pd.Series(found), source, f"{name} = {by}")
    refuse(faults)
    return name, (f"{name} is {by}, since the table gives no {name}",)
