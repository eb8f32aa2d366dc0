"""Units in the names of columns, such as ``params (M)`` or ``pf_days``, and numbers that no run can have in ours."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayescale.basics.quantities import format_quantity
from bayescale.basics.wording import columns_are
from bayescale.data.tables import FloatArray, middle_of


@dataclass(frozen=True)
class Unit:
    """What a name says about the unit of its column.

    Attributes
    ----------
    scale : float
        How many of our units one of theirs is.
    words : str
        The unit in words.
    kind : {"count", "FLOP", "share", "loss"}
        What can have this unit.
    """

    scale: float
    words: str
    kind: str = "count"


PER_CENT = Unit(0.01, "per cent", "share")
DAY = 86_400.0
_SCALES = {
    1e3: ("k", "thousand", "thousands"),
    1e6: ("m", "mm", "mil", "mio", "mn", "million", "millions"),
    1e9: ("b", "bn", "g", "billion", "billions"),
    1e12: ("t", "tn", "trillion", "trillions"),
}
_COUNTS = {word: Unit(scale, words[-1]) for scale, words in _SCALES.items() for word in words}
_METRIC = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18, "z": 1e21, "y": 1e24}
_LONG = {"kilo": "k", "mega": "m", "giga": "g", "tera": "t", "peta": "p", "exa": "e", "zetta": "z", "yotta": "y"}
_FLOP = re.compile(rf"({'|'.join(_LONG)}|[kmgtpezy])?(?:flops|flop|flos|flo|f)(s?)(days?|d)?")
_LOSSES = {
    ("bpb",): "bits/byte",
    ("bits", "per", "byte"): "bits/byte",
    ("bits", "byte"): "bits/byte",
    ("bit", "byte"): "bits/byte",
    ("bpc",): "bits/character",
    ("bits", "per", "character"): "bits/character",
    ("bits", "per", "char"): "bits/character",
    ("bits", "character"): "bits/character",
    ("bits", "char"): "bits/character",
    ("bits", "per", "token"): "bits/token",
    ("bits", "token"): "bits/token",
    ("bits",): "bits/token",
    ("nats", "per", "byte"): "nats/byte",
    ("nats", "byte"): "nats/byte",
    ("nats", "per", "token"): "nats/token",
    ("nats", "token"): "nats/token",
    ("nats",): "nats/token",
    ("nat",): "nats/token",
}
_NOISE = frozenset({"in", "of", "x", "times", "params", "parameters", "param", "tokens", "token", "units", "toks"})


def unit_of(words: Sequence[str]) -> Unit | None:
    """The unit that some words of a name mean, in small letters; None if they mean none.

    Examples
    --------
    >>> unit_of(["m"]), unit_of(["pf", "days"]), unit_of(["1e9"])
    (Unit(scale=1000000.0, words='millions', kind='count'), \
Unit(scale=8.64e+19, words='PFLOP/s-days', kind='FLOP'), Unit(scale=1000000000.0, words='1e9', kind='count'))
    """
    words = tuple(words)
    if words in _LOSSES:
        return Unit(1.0, _LOSSES[words], "loss")
    if words in {("%",), ("pct",), ("percent",), ("percentage",), ("per", "cent")}:
        return PER_CENT
    rest = tuple(word for word in words if word not in _NOISE)
    if not rest:
        return Unit(1.0, "") if words else None
    if len(rest) == 1 and (found := _COUNTS.get(rest[0]) or _power(rest[0])):
        return found
    if len(rest) > 1 and (found := _COUNTS.get(rest[0]) or _power(rest[0])) and rest[1:] in {("flop",), ("flops",)}:
        return Unit(found.scale, f"{found.words} of FLOP", "FLOP")
    return _flop(rest)


def _power(word: str) -> Unit | None:
    """A power of ten, such as 1e9, e9 or 10^9."""
    match = re.fullmatch(r"(?:1?e\+?|10\^|10\*\*)(\d{1,2})", word)
    return Unit(float(f"1e{match[1]}"), f"1e{match[1]}") if match else None


def _flop(words: Sequence[str]) -> Unit | None:
    text = "".join(words).replace("/", "")
    match = _FLOP.fullmatch(text)
    if match is None:
        return None
    prefix = _LONG.get(match[1] or "", match[1] or "")
    letter = prefix if prefix == "k" else prefix.upper()
    if match[3]:
        return Unit(_METRIC[prefix] * DAY, f"{letter}FLOP/s-days", "FLOP")
    if text.endswith(("f", "fs")):
        return None  # PF is no word for FLOP, as PF-days is
    return Unit(_METRIC[prefix], f"{letter}FLOP", "FLOP")


_MOST = {"N": 2e13, "D": 2e14, "U": 2e14, "C": 1e29}
"""Medians above which a unit in a name contradicts the numbers."""
FEWEST_PARAMETERS = 1e4
_AS_IS = "as_is=True"
_FEWEST_TOKENS = 1e5
LEAST_COMPUTE = 1e12
_MOST_PARAMETERS = 1e15
_APART = 10.0
"""Factor between C and 6 N D above which their units differ."""
_NEAR = 0.8
"""Decades within which a factor is that of a unit."""
_TOKENS_PER_PARAMETER = (0.5, 5000.0)
_ENOUGH = 50_000
"""Rows that tell a median's order of magnitude."""
_OURS = {"N": "parameters", "D": "tokens", "C": "FLOP"}
_CURES = {"thousands": 1e3, "millions": 1e6, "billions": 1e9, "trillions": 1e12}
_COMPUTES = {
    "PFLOP/s-days": 1e15 * DAY,
    **{f"{letter}FLOP": scale for letter, scale in zip("GTPEZ", (1e9, 1e12, 1e15, 1e18, 1e21), strict=True)},
}


def thinned(frame: pd.DataFrame) -> pd.DataFrame:
    """The table, or rows spread evenly over it where they are more than medians need."""
    return frame.iloc[:: max(1, len(frame) // _ENOUGH)]


def contradicts(name: str, median: float, unit: Unit) -> bool:
    """Whether numbers are so large that they can hardly be in the unit that their name says."""
    return unit.scale > 1 and name in _MOST and median * unit.scale > _MOST[name]


def impossible(frame: pd.DataFrame, labels: dict[str, str], source: str) -> Iterator[str]:
    """A line for each of N, D and C that cannot be that of training runs, with the likely cure.

    Parameters
    ----------
    frame : pandas.DataFrame
        With checked columns.
    labels : dict of str
        What the columns are called in the table, by our names.
    source : str
    """
    frame = thinned(frame)
    medians = {name: float(frame[name].median()) for name in ("N", "D", "C") if name in frame}
    sizes, tokens, compute = (medians.get(name) for name in ("N", "D", "C"))
    counted = None if sizes is None or tokens is None else 6 * frame["N"] * frame["D"]
    cures: dict[str, str] = {}
    if sizes is not None and sizes < FEWEST_PARAMETERS:
        cures["N"] = _scaled("N", labels["N"], _likely(sizes, 1e6, tokens))
    elif sizes is not None and sizes > _MOST_PARAMETERS:
        divisor = "1e9" if sizes > _MOST_PARAMETERS * 1e3 else "1e6"
        divided = columns_are(N=f"{_theirs(labels['N'], 'N')}/{divisor}")
        cures["N"] = f"divide them, as in {divided}; if they are right, {_AS_IS}"
    if tokens is not None and counted is not None:
        too_few = tokens < _FEWEST_TOKENS if cures else float(counted.median()) < LEAST_COMPUTE
        if too_few:
            cures["D"] = _scaled("D", labels["D"], _likely(tokens, 1e8, None))
    if compute is not None and compute < LEAST_COMPUTE and counted is None and not cures:
        cures["C"] = _compute_unit(labels["C"])
    for name, cure in cures.items():
        yield (
            f"{source}, column {labels[name]}: median {format_quantity(medians[name])} {_OURS[name]} cannot be those "
            f"of training runs: {cure}"
        )
    if compute is not None and counted is not None and not cures:
        ratio = float((counted / frame["C"]).median())
        if not 1 / _APART <= ratio <= _APART:
            yield (
                f"{source}, column {labels['C']}: median {format_quantity(compute)} FLOP, but 6 N D is "
                f"{_times(ratio)}: {_compute_cure(labels['C'], ratio)}"
            )


def _times(ratio: float) -> str:
    return f"{ratio:.2g} times as much" if ratio > 1 else f"{1 / ratio:.2g} times less"


def _likely(median: float, least: float, tokens: float | None) -> str:
    """The unit in which a median is most likely given."""
    able = [words for words, scale in _CURES.items() if median * scale >= least]
    if tokens is not None:
        low, high = _TOKENS_PER_PARAMETER
        able = [words for words in able if low <= tokens / (median * _CURES[words]) <= high] or able
    return able[0] if able else "trillions"


def _scaled(name: str, label: str, words: str) -> str:
    scale = f"1e{round(np.log10(_CURES[words]))}"
    scaled = columns_are(**{name: f"{_theirs(label, name)}*{scale}"})
    return f"if they are in {words}, add {scaled}; if they are right, {_AS_IS}"


def _theirs(label: str, name: str) -> str:
    """What a column is called in the table, as arithmetic reads it."""
    theirs = label.removesuffix(f" (as {name})")
    return theirs if re.fullmatch(r"[\w.*/]+", theirs) else f"`{theirs}`" if "`" not in theirs else f"({theirs})"


def _compute_unit(label: str) -> str:
    theirs = _theirs(label, "C")
    return (
        f"if they are in PFLOP/s-days, add {columns_are(C=f'{theirs}*8.64e19')}, if in EFLOP "
        f"{columns_are(C=f'{theirs}*1e18')}; if they are right, {_AS_IS}"
    )


def _compute_cure(label: str, ratio: float) -> str:
    near = min(_COMPUTES, key=lambda words: abs(np.log(_COMPUTES[words] / ratio)))
    if abs(np.log10(_COMPUTES[near] / ratio)) < _NEAR:
        scale = f"{_COMPUTES[near]:.3g}".replace("e+0", "e").replace("e+", "e")
        scaled = columns_are(C=f"{_theirs(label, 'C')}*{scale}")
        return f"if it is in {near}, add {scaled}; if all three are right, {_AS_IS}"
    return f"check the units of all three; add {columns_are(C='6*N*D')} to count so, or {_AS_IS} if all three are right"


def odd_compute(name: str, compute: FloatArray, sizes: FloatArray, tokens: FloatArray) -> str:
    """What is said of a column that looks like compute, but is far from 6 N D; empty if it is near."""
    with np.errstate(all="ignore"):
        ratio = middle_of(compute / (6 * sizes * tokens))
    if 1 / _APART <= ratio <= _APART:
        return ""
    return f"column {name} is {ratio:.2g} times 6 N D, and is not read as C: name it by {columns_are(C=name)} if it is"


def odd_ratio(frame: pd.DataFrame) -> Iterator[str]:
    """Warn where tokens per parameter are those of swapped columns or of other units."""
    if not {"N", "D"} <= set(frame.columns):
        return
    few = thinned(frame)
    ratio = float((few["D"] / few["N"]).median())
    low, high = _TOKENS_PER_PARAMETER
    if low <= ratio <= high:
        return
    swapped = "they may be swapped, or " if low < 1 / ratio < high and ratio < low else ""
    yield (
        f"columns N and D: the median is {ratio:.2g} tokens per parameter: {swapped}one of them may be in another unit"
    )
