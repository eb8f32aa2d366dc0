"""Which shipped laws suit a table's columns, and why the others do not."""

from bayescale.basics.errors import BayescaleError
from bayescale.basics.wording import listed
from bayescale.data.checks import check_runs
from bayescale.data.runs import Runs
from bayescale.laws import catalog
from bayescale.laws.law import Law


def suited_laws(runs: Runs) -> tuple[list[Law], dict[str, str]]:
    """Shipped laws that predict a table's outcome from its columns, and why other laws of that outcome do not.

    A law that reads only some of the quantities that vary, such as a law of N where D varies too, would treat the
    others as noise, and does not suit.

    Parameters
    ----------
    runs : Runs

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
    same = [law for law in map(catalog.load_law, catalog.law_names()) if law.outcome == runs.outcome]
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
            check_runs(law, runs)
        except BayescaleError as error:
            reasons[law.name] = str(error).removeprefix(f"{runs.source}: ")
            continue
        able.append(law)
    varied = {law.name: _varied(law) for law in able}
    for law in able:
        besides = max((found - varied[law.name] for found in varied.values()), key=len, default=set())
        if besides:
            verb = "varies" if len(besides) == 1 else "vary"
            reasons[law.name] = f"reads only {listed(law.input_names)}, but {' and '.join(sorted(besides))} {verb} too"
    return [law for law in able if law.name not in reasons], reasons


def _varied(law: Law) -> set[str]:
    """Inputs whose variation a law models; compute is excluded, because it determines neither parameters nor data."""
    return set(law.input_names) - {"C"}
