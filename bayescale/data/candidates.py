"""Which shipped laws suit a table's columns, and why the others do not."""

from bayescale.basics.errors import BayescaleError
from bayescale.basics.wording import listed
from bayescale.data.checks import observe
from bayescale.data.runs import Runs
from bayescale.laws import catalog
from bayescale.laws.law import Law


def suited_laws(runs: Runs) -> tuple[list[Law], dict[str, str]]:
    """Shipped laws that predict a table's outcome from its columns, and the reasons against the others of that outcome.

    A law that reads fewer of the quantities that vary, as one of N alone where D varies too, takes the others for
    noise, and does not suit.

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
    ('reads N alone, while D varies too', 'reads U, which the table has not')
    """
    same = [law for law in map(catalog.load_law, catalog.law_names()) if law.outcome == runs.outcome]
    reasons: dict[str, str] = {}
    able = []
    for law in same:
        needed = (*law.input_names, *(setting.name for setting in law.settings if setting.default is None))
        missing = [name for name in needed if name not in runs.frame]
        if missing:
            reasons[law.name] = f"reads {listed(missing)}, which the table has not"
            continue
        try:
            observe(law, runs)
        except BayescaleError as error:
            reasons[law.name] = str(error).removeprefix(f"{runs.source}: ")
            continue
        able.append(law)
    varied = {law.name: _varied(law) for law in able}
    for law in able:
        besides = max((found - varied[law.name] for found in varied.values()), key=len, default=set())
        if besides:
            verb = "varies" if len(besides) == 1 else "vary"
            reasons[law.name] = (
                f"reads {listed(law.input_names)} alone, while {' and '.join(sorted(besides))} {verb} too"
            )
    return [law for law in able if law.name not in reasons], reasons


def _varied(law: Law) -> set[str]:
    """What a law follows as it varies: compute alone stands for neither parameters nor data."""
    return set(law.input_names) - {"C"}
