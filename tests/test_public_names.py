"""The public face: names declared once, in a table that loads them on first use and a stub that types them."""

import inspect
import typing

import pytest

import bayescale
from bayescale.basics.files import root

STUB = root("models").parent / "bayescale" / "__init__.pyi"


def stub():
    """What a type checker is to read of the table: each name from where it is defined."""
    lines = []
    for name, home in bayescale._HOME.items():
        package, _, module = f"bayescale.{home}".rpartition(".")
        is_module = inspect.ismodule(getattr(bayescale, name))
        lines.append(
            f"from {package} import {module} as {name}"
            if is_module
            else f"from {package}.{module} import {name} as {name}"
        )
    exported = "\n".join(f'    "{name}",' for name in bayescale.__all__)
    return "\n".join([*lines, "", f"__all__ = [\n{exported}\n]", "_HOME: dict[str, str]", "__version__: str", ""])


def test_the_stub_is_what_the_table_says():
    """Write it anew by ``python tests/test_public_names.py`` where the table has changed."""
    assert STUB.read_text(encoding="utf-8") == stub()


@pytest.mark.parametrize("name", bayescale.__all__)
def test_a_public_name_says_what_it_is_for(name):
    found = getattr(bayescale, name)
    if callable(found) or inspect.ismodule(found):
        assert inspect.getdoc(found)


def classes_of(annotation):
    """Classes of the package that an annotation names, through unions and aliases."""
    if isinstance(annotation, typing.TypeAliasType):
        annotation = annotation.__value__
    parts = typing.get_args(annotation)
    if parts:
        return {each for part in parts for each in classes_of(part)}
    ours = inspect.isclass(annotation) and annotation.__module__.startswith("bayescale.")
    return {annotation.__name__} if ours else set()


FUNCTIONS = [name for name in bayescale.__all__ if inspect.isfunction(getattr(bayescale, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_a_public_function_returns_is_public(name):
    annotation = inspect.signature(getattr(bayescale, name)).return_annotation
    assert not isinstance(annotation, str)
    assert classes_of(annotation) <= set(bayescale.__all__)


def test_dropped_names_are_not_public():
    for name in ("optimum", "robust_choice", "Optimum", "with_risk", "backend"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
            getattr(bayescale, name)


if __name__ == "__main__":
    STUB.write_text(stub(), encoding="utf-8")
