"""Progress of long steps on standard error: what is being done, how far it is, and the time that is left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_BAR = 20
"""Width of a bar in columns."""

_counting: ContextVar[Callable[[], None] | None] = ContextVar("counting", default=None)


@contextmanager
def bar(label: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a bar within a ``with`` block, whose value is a function that says how much is done.

    Parameters
    ----------
    label : str
        What is done.
    total : int or None
        How much there is to do, if that is known.

    Examples
    --------
    >>> with bar("roots", 2) as show:
    ...     show(2)
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    notebook = console.is_jupyter
    if notebook:
        # As text: otherwise it needs ipywidgets, and warns instead of showing anything where they are missing.
        console = Console(stderr=True, force_jupyter=False, force_terminal=True)
    known = (TaskProgressColumn(), MofNCompleteColumn(), TimeRemainingColumn(compact=True), TextColumn("left"))
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=_BAR),
        *(known if total is not None else (TimeElapsedColumn(),)),
    )
    with Progress(*columns, console=console, transient=console.is_terminal and not notebook) as shown:
        task = shown.add_task(label, total=total)
        yield lambda done: shown.update(task, completed=done)


@contextmanager
def steps(label: str, total: int | None) -> Iterator[None]:
    """Show a bar that :func:`step` moves on, within a ``with`` block.

    Examples
    --------
    >>> with steps("fits", 2):
    ...     step()
    """
    done = 0
    with bar(label, total) as show:

        def count() -> None:
            nonlocal done
            done += 1
            if total is not None:
                show(min(done, total))

        entered = _counting.set(count)
        try:
            yield
        finally:
            _counting.reset(entered)


def step() -> None:
    """Say that a step is done, to whoever counts them."""
    count = _counting.get()
    if count is not None:
        count()
