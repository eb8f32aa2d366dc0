"""The command line: it parses, calls the same functions as a notebook does, and prints; it holds no statistics."""

import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; an interrupt while it is still being imported ends it without a traceback."""
    with suppress(ValueError):  # not the main thread, the only one that may set what signals do
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from bayescale.cli.app import main as run

    run(arguments)
