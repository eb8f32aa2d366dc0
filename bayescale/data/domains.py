"""Tables of mixtures, with a share and a loss for each domain, as the runs of each domain by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from bayescale.basics.errors import RunsError
from bayescale.basics.wording import listed
from bayescale.data.exports import read_tables
from bayescale.data.mapping import asked_for
from bayescale.data.names import LOSS_OF_DOMAIN, OTHERS, domains_in, loss_of, share_of
from bayescale.data.preparing import Preparation
from bayescale.data.runs import Runs
from bayescale.data.tables import FloatArray, Frame, as_frame, numbers_in, refuse

ROUNDING = 0.02
"""Largest distance of a sum of shares from one that rounding may leave."""
_MOST = len(OTHERS) + 1


@dataclass(frozen=True)
class Mixtures:
    """Runs on mixtures of domains.

    Attributes
    ----------
    runs : mapping of Runs
        By domain, in alphabetical order, of those that have a loss, as the law of one domain's loss reads them.
    names : tuple of str
        Domains that have a share, in alphabetical order.
    """

    runs: Mapping[str, Runs]
    names: tuple[str, ...]


def has_domains(table: str | Path | Frame, columns: Mapping[str, str] | None = None, glob: str | None = None) -> bool:
    """Whether a table has shares and losses of several domains, and no loss of its own.

    Raises
    ------
    RunsError
        If it cannot be read, or the columns that are asked for are not there.
    """
    frame, source = _read(table, glob, [])
    names = asked_for(frame, columns or {}, source).names
    return bool(domains_in(names)) and "loss" not in names


def mixtures(
    table: str | Path | Frame,
    *,
    columns: Mapping[str, str] | None = None,
    unit: str | None = None,
    glob: str | None = None,
    drop_bad: bool = False,
    as_is: bool = False,
    prepared: Preparation = Preparation(),  # noqa: B008, which is frozen
) -> Mixtures:
    """The runs of a table of mixtures; rows without a domain's loss are left out of its runs.

    Parameters
    ----------
    table : str, path, DataFrame or mapping of columns
        Shares and losses such as ``share_web`` and ``loss_web``, or ``p1`` and ``loss1``; standard errors of losses
        such as ``loss_web_se``.
    columns, unit, glob, drop_bad, as_is
        As for :meth:`bayescale.Runs.read`.
    prepared : Preparation

    Raises
    ------
    RunsError
        If there are no such columns, more than five domains, or shares do not sum to one.

    Examples
    --------
    >>> table = {"N": [1e8, 2e8], "share_web": [0.7, 0.6], "share_code": [0.3, 0.4], "loss_web": [3.1, 3.0]}
    >>> mixtures(table).runs["web"].frame.to_dict("list")
    {'N': [100000000.0, 200000000.0], 'share': [0.7, 0.6], 'other_1': [0.3, 0.4], 'loss': [3.1, 3.0]}
    """
    said: list[str] = []
    frame, source = _read(table, glob, said)
    frame = asked_for(frame, columns or {}, source).frame
    domains = _checked_domains(frame, source)
    own = [name for domain in domains for name in (share_of(domain), loss_of(domain), f"{loss_of(domain)}_se")]
    rest = frame.drop(columns=own, errors="ignore")
    strange = [name for name in rest.columns if LOSS_OF_DOMAIN.fullmatch(name)]
    doubts = [f"column {name} is not read: it is the loss of no domain that has a share" for name in strange]
    shares = _shares(frame, domains, source)
    losses = {domain: _losses(frame[loss_of(domain)], source) for domain in domains if loss_of(domain) in frame}
    # Faults of other columns are those of the whole table, whose rows they count.
    Runs.from_frame(rest.assign(loss=1.0), source=source, unit=unit, drop_bad=drop_bad, as_is=as_is)
    found = {}
    for domain, loss in losses.items():
        others = [shares[other] for other in domains if other != domain]
        columns_of = {"share": shares[domain], **dict(zip(OTHERS, others, strict=False)), "loss": loss}
        if (error := f"{loss_of(domain)}_se") in frame:
            columns_of["loss_se"] = frame[error].to_numpy()
        part = rest.assign(**columns_of)[np.isfinite(loss)]
        runs = Runs.from_frame(part, source=f"{source}:{domain}", unit=unit, drop_bad=drop_bad, as_is=as_is)
        notes = (*([f"read: {'; '.join(said)}"] if said else []), *runs.notes, *_left_out(loss))
        found[domain] = prepared.of(replace(runs, warnings=(*runs.warnings, *doubts), notes=notes))
    return Mixtures(found, domains)


def _read(table: str | Path | Frame, glob: str | None, said: list[str]) -> tuple[pd.DataFrame, str]:
    """A table and its name in messages."""
    if isinstance(table, str | Path):
        return read_tables(Path(table), glob, said), "standard input" if str(table) == "-" else str(table)
    return as_frame(table), "DataFrame"


def _checked_domains(frame: pd.DataFrame, source: str) -> tuple[str, ...]:
    """The domains of a table."""
    domains = domains_in(frame.columns)
    if not domains:
        raise RunsError(
            f"{source}: has no shares of domains with their losses, but columns {listed(frame.columns)}: name them as "
            "share_web, share_code, loss_web, loss_code, or p1, p2, loss1, loss2"
        )
    if len(domains) > _MOST:
        raise RunsError(
            f"{source}: has shares of {len(domains)} domains, {listed(domains)}: the law takes up to {_MOST}, so add "
            "the shares of some"
        )
    return domains


def _shares(frame: pd.DataFrame, domains: Sequence[str], source: str) -> dict[str, FloatArray]:
    """Shares of each domain in each run, which sum to one but for rounding, which is taken out."""
    read = [numbers_in("fraction", frame[share_of(domain)], source, share_of(domain)) for domain in domains]
    refuse(fault for _, faults in read for fault in faults)
    total = np.sum([values for values, _ in read], axis=0)
    refuse(
        f"{source}, row {row + 1}: shares of {listed(domains)} sum to {total[row]:.3g}: correct them to sum to 1"
        for row in np.flatnonzero(np.abs(total - 1) > ROUNDING)
    )
    return {domain: values / total for domain, (values, _) in zip(domains, read, strict=True)}


def _losses(column: "pd.Series[float]", source: str) -> FloatArray:
    """Losses of a domain, NaN where there is none."""
    missing = (column.isna() | (column.astype(str).str.strip() == "")).to_numpy()
    values, faults = numbers_in("positive", column.where(~missing, 1.0), source, str(column.name))
    refuse(faults)
    if missing.all():
        raise RunsError(f"{source}, column {column.name}: no row has a loss: fill it in or leave the column out")
    return np.where(missing, np.nan, values)


def _left_out(loss: FloatArray) -> tuple[str, ...]:
    missing = int(np.isnan(loss).sum())
    return (f"{missing} of {len(loss)} rows have no loss of this domain, and are left out",) if missing else ()
