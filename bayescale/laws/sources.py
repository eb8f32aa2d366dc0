"""Source code of laws: read from files, and identified by a hash of everything that it uses."""

import ast
import functools
import hashlib
import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import bayescale
from bayescale.basics.errors import CatalogError, described


def read_source(path: Path) -> bytes:
    """Read a file of code.

    Raises
    ------
    CatalogError
        If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise CatalogError(f"{path}: cannot be read ({error.strerror}): check its permissions") from None


def failed(path: Path, error: BaseException) -> CatalogError:
    """Error for a law file that raised an exception, with the line."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    line = error.lineno if isinstance(error, SyntaxError) else frames[-1].lineno if frames else None
    place = "" if line is None else f", line {line}"
    return CatalogError(f"{path}{place}: {described(error)}: correct the law file")


def source_hash(path: Path) -> str:
    """SHA-256 of a file's code and of the modules that it imports, directly or indirectly, as hexadecimal digits.

    It covers the modules of ``bayescale.laws`` and those beside the file, or in packages beside it; others, such as
    NumPy and the rest of bayescale, do not count. Imports count everywhere in the file, also in functions and under
    ``if TYPE_CHECKING``. ``bayescale`` itself only re-exports names, so the modules that define these names count.
    Comments, docstrings, layout and the location of the files do not count.

    Parameters
    ----------
    path : path
        Absolute. The file is read at every call, and a module once per process, as by Python itself.

    Raises
    ------
    CatalogError
        If one of the files cannot be read, or is not Python.
    """
    parsed = {path: _parse(path)}
    waiting = [path]
    for importer in waiting:
        for name in parsed[importer].imports:
            for module in _files(name, importer, path.parent):
                if module not in parsed:
                    parsed[module] = _parse_module(module)
                    waiting.append(module)
    return hashlib.sha256("\0".join(each.code for each in parsed.values()).encode()).hexdigest()


class _Parsed(NamedTuple):
    code: str
    imports: list[str]


def _parse(path: Path) -> _Parsed:
    return _parsed(path, read_source(path))


@functools.lru_cache(maxsize=64)
def _parsed(path: Path, source: bytes) -> _Parsed:
    reader = _Reader()
    try:
        # Not ast.dump, whose text differs between Python versions.
        code = ast.unparse(reader.visit(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise failed(path, error) from error
    return _Parsed(code, reader.imports)


_parse_module = functools.cache(_parse)


class _Reader(ast.NodeTransformer):
    """Remove docstrings from code, and record the dotted names that it imports; relative names begin with dots."""

    def __init__(self) -> None:
        self.imports: list[str] = []
        self.bound: set[str] = set()

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) else self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> ast.Import:
        self.imports += [alias.name for alias in node.names]
        self.bound |= {alias.asname or "bayescale" for alias in node.names if alias.name.split(".")[0] == "bayescale"}
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        package = "." * node.level + (f"{node.module}." if node.module else "")
        names = [alias.name for alias in node.names]
        if package == "bayescale." and names == ["*"]:
            names = bayescale.__all__
        self.imports += [package + name for name in names]
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id in self.bound:
            self.imports.append(f"bayescale.{node.attr}")
        return self.generic_visit(node)


def _files(name: str, importer: Path, folder: Path) -> Iterator[Path]:
    """Files that define an imported name, those of its packages first; none for other modules."""
    parts = name.lstrip(".").split(".")
    level = len(name) - len(name.lstrip("."))
    if level:
        start = importer.parent.joinpath(*[".."] * (level - 1))
    elif parts[0] == "bayescale":
        start = Path(__file__).parent.parent
        parts = [*bayescale._HOME.get(parts[1], parts[1]).split("."), *parts[2:]] if parts[1:] else []
        if parts[:1] != ["laws"]:
            return
    else:
        start = folder
    for depth in range(1, len(parts) + 1):
        place = start.joinpath(*parts[:depth])
        for file in (place / "__init__.py", place.with_suffix(".py")):
            if os.path.isfile(file):
                yield file.resolve()
