"""The program: its commands, each loaded when it is called, and what becomes of errors and interrupts.

Exit status: 0 good, 1 a result that is not certified, 2 bad input or usage, 130 an interrupt; 143 and 129 for the
signals TERM and HUP, which end it as cleanly.
"""

import io
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from threading import current_thread, main_thread
from time import monotonic
from typing import Any, NoReturn

import click

from bayescale.basics.errors import BayescaleError
from bayescale.cli.printing import INTERRUPTED, printable

_COMMANDS = {
    "plan": "plan",
    "fit": "fitting",
    "predict": "fitting",
    "score": "score",
    "cost": "cost",
    "versus": "versus",
    "tradeoff": "tradeoffs",
    "limits": "limits",
    "design": "design",
    "report": "report",
    "backtest": "studies",
    "compare": "studies",
    "check": "check",
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
    _caught.clear()
    _prepare_streams()
    # Otherwise worker processes import files of the current folder that have the name of a module.
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    if current_thread() is main_thread():  # the only one that may set what signals do
        _listen()
    try:
        # Not standalone, where click answers an interrupt by status 1.
        status = app(args=arguments, prog_name="bayescale", standalone_mode=False)
        print(end="", flush=True)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        number, _ = _caught[0] if _caught else (signal.SIGINT, 0.0)
        if current_thread() is main_thread():
            signal.signal(number, signal.SIG_IGN)  # a second one must not end the tidying up on exit, nor its status
        _complain("interrupted" if number == signal.SIGINT else f"stopped by signal {signal.Signals(number).name}")
        sys.exit(128 + number)
    except BayescaleError as error:
        _complain(*str(error).split("\n"))
        sys.exit(2)
    except MemoryError:
        _complain("out of memory: free some, or ask for less at once")
        sys.exit(2)
    except OSError as error:
        _leave_after(error)
    sys.exit(status)


def _leave_after(error: OSError) -> NoReturn:
    """Exit after an error of the system's, most likely of standard output: files have errors of their own."""
    if error.filename is not None:
        _complain(f"{error.filename}: {error.strerror}: check that file or folder")
        sys.exit(2)
    # Nothing more can be flushed to it on exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if isinstance(error, BrokenPipeError):
        sys.exit(1)
    _complain(f"standard output cannot be written ({error.strerror}): make room, or send it elsewhere")
    sys.exit(2)


def _prepare_streams() -> None:
    """Keep what is printed out of other files, and printable whatever the locale."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The next file to be opened would be given a closed stream's number, and what is written to that stream.
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


_caught: list[tuple[int, float]] = []
"""Signals that asked for an end, and when."""


def _listen() -> None:
    """Let signals that ask for an end raise an interrupt, so that files and processes are tidied up."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # What `nohup` has put off stays so.
        if number is not None and not (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            signal.signal(number, _interrupt)


def _interrupt(signum: int, frame: Any) -> None:
    INTERRUPTED.set()
    _caught.append((signum, monotonic()))
    # `timeout`, say, signals a process and its group: a second signal must not disturb the tidying up after the first.
    if len(_caught) == 1 or _caught[-1][1] - _caught[-2][1] > 1:
        raise KeyboardInterrupt


def _complain(*lines: str) -> None:
    for line in lines:
        print(f"bayescale: {printable(line)}", file=sys.stderr)
