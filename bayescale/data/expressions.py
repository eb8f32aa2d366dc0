"""Arithmetic over the columns of a table, such as ``params_m * 1e6``: parsed, checked, and never run as code."""

import ast
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayescale.basics.errors import RunsError
from bayescale.basics.wording import listed, nearest

CONSTANTS = {"ln2": float(np.log(2)), "pi": float(np.pi)}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "log": np.log,
    "ln": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "abs": np.abs,
}
_BINARY: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_UNARY: dict[type, Callable[..., Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
_LONGEST = 500
_QUANTITY = re.compile(r"(?<![\w.])(\d+\.?\d*|\.\d+)([kMBGT])(?!\w)")
_POWERS = {"k": "e3", "M": "e6", "B": "e9", "G": "e9", "T": "e12"}


@dataclass(frozen=True)
class Expression:
    """Parsed arithmetic over columns.

    Attributes
    ----------
    text : str
        As it was written.
    columns : tuple of str
        Columns that it reads, each once.

    Examples
    --------
    >>> loss = Expression.of("bpb * ln2 * 4", ["bpb", "N"])
    >>> loss.columns, float(loss.value({"bpb": np.array(0.8)}).round(3))
    (('bpb',), 2.218)
    """

    text: str
    columns: tuple[str, ...]
    _tree: ast.expr
    _names: Mapping[str, str]

    @classmethod
    def of(cls, text: str, columns: Iterable[str]) -> "Expression":
        """Parse an expression over some columns.

        A column whose name is not a plain word, such as ``eval/loss``, may stand as it is or between backticks.

        Raises
        ------
        RunsError
            If it is no arithmetic, reads a column that is not there, or can be read in two ways.
        """
        columns = list(columns)
        if len(text) > _LONGEST:
            raise RunsError(f"{_shown(text)} is too long: compute the column before")
        plain, names = _plain_names(text, columns)
        try:
            tree = ast.parse(_QUANTITY.sub(lambda found: found[1] + _POWERS[found[2]], plain.strip()), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise RunsError(
                f"{_shown(text)} is not arithmetic over columns: write it as params_m*1e6; columns are "
                f"{listed(columns)}"
            ) from None
        read = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
        called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        used = dict.fromkeys(
            names.get(name, name) for name in read if not (name in FUNCTIONS and _is_called(name, called))
        )
        found = cls(text, tuple(name for name in used if name in columns or name not in CONSTANTS), tree, names)
        for name in found.columns:
            if name not in columns:
                near = nearest(name, columns)
                cure = f"did you mean {near!r}?" if near else f"columns are {listed(columns)}"
                raise RunsError(f"{_shown(text)} reads {name!r}, which is no column; {cure}")
        found.value(dict.fromkeys(found.columns, np.ones(1)))
        return found

    def value(self, columns: Mapping[str, Any]) -> Any:
        """The expression's value where columns have these values; not finite where it has none."""
        with np.errstate(all="ignore"):
            try:
                return np.asarray(self._value(self._tree, columns), dtype=np.float64)
            except RecursionError:
                raise RunsError(f"{_shown(self.text)} is nested too deeply: compute the column before") from None

    def _value(self, node: ast.expr, columns: Mapping[str, Any]) -> Any:
        match node:
            case ast.Constant(value=bool() | complex()):
                pass
            case ast.Constant(value=int() | float() as number):
                return np.float64(float(number))
            case ast.Name(id=name):
                name = self._names.get(name, name)
                return columns[name] if name in columns else np.float64(CONSTANTS[name])
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
                return _UNARY[type(op)](self._value(operand, columns))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return _BINARY[type(op)](self._value(left, columns), self._value(right, columns))
            case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in FUNCTIONS:
                return FUNCTIONS[name](self._value(argument, columns))
            case _:
                pass
        raise RunsError(
            f"{_shown(self.text)} holds {ast.unparse(node)!r}: use columns, numbers, + - * / **, "
            f"{listed(CONSTANTS)}, and {listed(f'{name}()' for name in FUNCTIONS)}"
        )


def _is_called(name: str, called: list[ast.expr]) -> bool:
    return any(isinstance(function, ast.Name) and function.id == name for function in called)


def _plain_names(text: str, columns: list[str]) -> tuple[str, dict[str, str]]:
    """The text with plain words for columns that have other names, and the columns by those words."""
    names: dict[str, str] = {}

    def word(column: str) -> str:
        plain = f"column_{len(names)}_"
        names[plain] = column
        return plain

    quoted = re.split(r"`([^`]*)`", text)
    pieces = [word(piece) if i % 2 else piece for i, piece in enumerate(quoted)]
    odd = sorted((column for column in columns if column and not column.isidentifier()), key=len, reverse=True)
    for column in odd:
        whole = re.compile(rf"(?<![\w.]){re.escape(column)}(?![\w.])")
        for i in range(0, len(pieces), 2):
            if not whole.search(pieces[i]) or re.fullmatch(r"[\d.eE+-]+", column):
                continue
            parts = [part for part in re.split(r"[^\w.]+", column) if part]
            if len(parts) > 1 and all(part in columns or _is_number(part) for part in parts):
                raise RunsError(
                    f"{_shown(text)}: {column!r} is a column, and arithmetic over columns too: write `{column}` with "
                    "backticks for the column, and spaces around the operator for arithmetic"
                )
            pieces[i] = whole.sub(word(column), pieces[i])
    return "".join(pieces), names


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[\d.]+([eE][\d]+)?", text) is not None


def _shown(text: str, length: int = 80) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= length else text[:length] + "...")
