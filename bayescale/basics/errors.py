"""The exceptions of bayescale, all under one root.

::

    BayescaleError
    ├── QuantityError (ValueError)   a number with a suffix that cannot be read
    ├── RunsError (ValueError)       a table of runs that cannot be used
    ├── CatalogError (LookupError)   a law or data set that cannot be found or loaded
    ├── LawError (ValueError)        a law that contradicts itself or does not fit its runs
    ├── SamplingError (RuntimeError) a posterior that cannot be sampled at all
    ├── FitFileError (ValueError)    a saved fit that cannot be read or trusted
    ├── LimitsError (ValueError)     a file of limits to training that cannot be used
    ├── BackendError (RuntimeError)  a cluster that cannot run the fits
    └── OutputError (OSError)        a file that cannot be written

Every message names the object, its value, and what to do. The command line turns each of them into one line
and exit status 2.
"""


class BayescaleError(Exception):
    """Root of every error that bayescale raises on purpose.

    Examples
    --------
    >>> from bayescale import load_law
    >>> try:
    ...     load_law("skalling")
    ... except BayescaleError as error:
    ...     print(error)  # doctest: +ELLIPSIS
    no law 'skalling', did you mean 'skaling'? Laws: ...
    """


class QuantityError(BayescaleError, ValueError):
    """A number such as ``70B`` or ``5.76e23`` that cannot be read."""


class RunsError(BayescaleError, ValueError):
    """A table of runs that cannot be used; the message holds one line per fault."""


class CatalogError(BayescaleError, LookupError):
    """A law or data set that cannot be found or loaded."""


class LawError(BayescaleError, ValueError):
    """A law that contradicts itself, or that cannot be fitted to the given runs."""


class SamplingError(BayescaleError, RuntimeError):
    """A posterior that cannot be sampled at all."""


class FitFileError(BayescaleError, ValueError):
    """A saved fit that is damaged, was not written by bayescale, or belongs to another law or version."""


class RegistrationError(BayescaleError, ValueError):
    """A registered forecast that was changed or cannot be read, or runs that were not registered."""


class LimitsError(BayescaleError, ValueError):
    """A file of limits to training that cannot be read, or whose numbers contradict themselves."""


class BackendError(BayescaleError, RuntimeError):
    """A cluster that cannot be reached, or whose workers are lost."""


class OutputError(BayescaleError, OSError):
    """A file that cannot be written."""


def described(error: BaseException) -> str:
    r"""Describe an exception from other code in one line.

    Examples
    --------
    >>> described(ValueError("no\nway"))
    'ValueError: no way'
    """
    try:
        text = " ".join(str(error).split())
    except Exception:  # a law file may define an exception whose text fails
        text = ""
    return f"{type(error).__name__}: {text[:_LONGEST]}".removesuffix(": ")


_LONGEST = 300
