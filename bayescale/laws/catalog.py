"""Find and load laws: those that ship, and the user's own."""

import functools
import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from bayescale.basics.errors import CatalogError, LawError
from bayescale.basics.files import root
from bayescale.basics.wording import known
from bayescale.laws.law import Law
from bayescale.laws.sources import failed, read_source, source_hash
from bayescale.laws.steps import two_steps

_BETWEEN = re.compile(r"\s*,\s*then\s+")
"""What two steps of one name have between them, as people type it."""


def law_names() -> tuple[str, ...]:
    """Names of the shipped laws.

    Examples
    --------
    >>> "chinchilla" in law_names()
    True
    """
    return tuple(sorted(name.removesuffix(".py") for name in os.listdir(root("models")) if name.endswith(".py")))


def law_path(name_or_path: str | Path) -> Path:
    """Path of the file that defines a law.

    Parameters
    ----------
    name_or_path : str or path
        Name of a shipped law, or a path that ends in ``.py``.

    Returns
    -------
    pathlib.Path
        Absolute.

    Raises
    ------
    CatalogError
        If there is no such law or file.

    Examples
    --------
    >>> law_path("chinchila")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    bayescale.basics.errors.CatalogError: no law 'chinchila', did you mean 'chinchilla'? Laws: ...
    """
    path = Path(name_or_path)
    if path.suffix != ".py":
        return root("models") / f"{known(str(name_or_path), law_names(), 'law', 'a path that ends in .py')}.py"
    if not os.path.isfile(path):
        raise CatalogError(f"{path}: no such law file in {os.path.abspath(path.parent)}: check the path")
    return path.resolve()


def load_law(name_or_path: str | Path) -> Law:
    """Load a shipped law by name, or your own law by the path of its file.

    Parameters
    ----------
    name_or_path : str or path
        Name of a shipped law, or path of a Python file that defines ``LAW``. A file is run once, and again if it has
        changed. Two with ``", then "`` between them are a law in two steps.

    Returns
    -------
    Law

    Raises
    ------
    CatalogError
        If there is no such law or file, or the file fails or defines no ``LAW``.

    Examples
    --------
    >>> load_law("chinchilla").formula
    'E + A N^-alpha + B D^-beta'
    >>> load_law("tied, then accuracy_of_loss").title
    'Chinchilla with tied exponents, then Accuracy from loss'
    """
    steps = steps_of(name_or_path)
    if len(steps) == 2:
        return two_steps(*map(load_law, steps))
    path = law_path(name_or_path)
    return _run_law_file(path, read_source(path))


def law_of(law: str | Path | Law) -> Law:
    """A law given by its name, its file, or as a Law."""
    return law if isinstance(law, Law) else load_law(law)


def law_source_hashes(laws: Sequence[str | Path | Law]) -> list[str]:
    """Hashes of the code of laws, so that cached results of other code are not used.

    Raises
    ------
    LawError
        If one is a Law object, whose code cannot be read.
    """
    named = [each for each in laws if not isinstance(each, Law)]
    if len(named) < len(laws):
        raise LawError("a cache stores results under the code of a law: give the law's name or file")
    return [law_source_hash(each) for each in named]


def law_source_hash(name_or_path: str | Path) -> str:
    """SHA-256 of a law's code and of the modules that it uses, as hexadecimal digits.

    It covers the modules of ``bayescale.laws`` and those beside the law's file that it imports, directly or indirectly.
    Comments, docstrings and layout do not count.

    Raises
    ------
    CatalogError
        If there is no such law or file, or it is not Python.
    """
    return joint_hash([source_hash(law_path(step)) for step in steps_of(name_or_path)])


def joint_hash(hashes: Sequence[str]) -> str:
    """The hash of the code of a law, from those of its one or two steps."""
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("\0".join(hashes).encode()).hexdigest()


def steps_of(name_or_path: str | Path) -> list[str | Path]:
    """The names or paths of both laws of a name of two steps, or the one that is named.

    Examples
    --------
    >>> steps_of("tied, then accuracy_of_loss")
    ['tied', 'accuracy_of_loss']
    >>> steps_of("tied,then  accuracy_of_loss")
    ['tied', 'accuracy_of_loss']
    """
    return [*_BETWEEN.split(name_or_path, 1)] if isinstance(name_or_path, str) else [name_or_path]


@functools.cache
def _run_law_file(path: Path, source: bytes) -> Law:
    # Not importlib, because joblib sends the code of functions to workers only if their module is not in sys.modules.
    module = ModuleType(f"bayescale_law_{path.stem}")
    module.__file__ = str(path)
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit, GeneratorExit) as error:
        raise failed(path, error) from error
    law: Any = module.__dict__.get("LAW")
    if not isinstance(law, Law):
        found = "no LAW" if law is None else f"LAW as {type(law).__name__}"
        raise CatalogError(f"{path}: defines {found}: write LAW = Law(...), as the files in {root('models')} do")
    return law
