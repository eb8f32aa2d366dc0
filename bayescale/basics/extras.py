"""Packages of extras, which are installed only where they are asked for."""

from importlib.util import find_spec

from bayescale.basics.errors import OutputError

_PACKAGES = {"report": ("jinja2", "plotly")}


def check_extra(extra: str, what: str) -> None:
    """Check that the packages of an extra are installed.

    Parameters
    ----------
    extra : str
        Its name in ``pip install 'bayescale[...]'``.
    what : str
        What needs them, such as the file to be written, for the message.

    Raises
    ------
    OutputError
        If one is not.

    Examples
    --------
    >>> check_extra("report", "report.html")
    """
    absent = [name for name in _PACKAGES[extra] if find_spec(name) is None]
    if absent:
        raise OutputError(f"{what} needs {' and '.join(absent)}: pip install 'bayescale[{extra}]'")
