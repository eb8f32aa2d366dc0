"""The program: its commands, each loaded when it is called, and what becomes of errors and interrupts.

Exit status: 0 good, 1 a result that is not certified, 2 bad input or usage, 130 an interrupt.
"""

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from threading import current_thread, main_thread
from typing import Any, NoReturn

import click

from bayescale.cli.printing import INTERRUPTED
from bayescale.errors import BayescaleError

_COMMANDS = {
    "plan": "planning",
    "fit": "fitting",
    "predict": "fitting",
    "cost": "planning",
    "versus": "planning",
    "tradeoff": "tradeoffs",
    "limits": "limits",
    "design": "design",
    "report": "report",
    "backtest": "studies",
    "compare": "studies",
    "laws": "listing",
    "datasets": "listing",
}
"""Module of each command, in the order of the help."""


class _Commands(click.Group):
    """Loads the module of a command when it is asked for, so that the others cost no time."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"bayescale.cli.{_COMMANDS[cmd_name]}")
        found = (value for value in vars(module).values() if isinstance(value, click.Command))
        return next(command for command in found if command.name == cmd_name)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="bayescale")
def app() -> None:
    """Bayesian scaling laws: loss bands and compute-optimal N and D from a table of training runs."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit."""
    INTERRUPTED.clear()
    if current_thread() is main_thread():  # the only one that may set what signals do
        signal.signal(signal.SIGINT, _interrupt)
    try:
        # Not standalone, where click answers an interrupt by status 1.
        status = app(args=arguments, prog_name="bayescale", standalone_mode=False)
        print(end="", flush=True)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        _complain("interrupted")
        sys.exit(130)
    except BayescaleError as error:
        _complain(*str(error).splitlines())
        sys.exit(2)
    except OSError as error:
        # Of standard output: files have errors of their own. Nothing more can be flushed to it on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            sys.exit(1)
        _complain(f"standard output cannot be written ({error.strerror}): make room, or send it elsewhere")
        sys.exit(2)
    sys.exit(status)


def _interrupt(signum: int, frame: Any) -> NoReturn:
    INTERRUPTED.set()
    raise KeyboardInterrupt


def _complain(*lines: str) -> None:
    for line in lines:
        print(f"bayescale: {line}", file=sys.stderr)
