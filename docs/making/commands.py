"""Pages of commands: what each prints with ``--help``."""

from collections.abc import Iterator

import click

from bayescale.cli.app import app

_WIDTH = 100


def write() -> Iterator[tuple[str, str]]:
    """Names of pages, and their text."""
    found = dict(_commands(app, "bayescale", click.Context(app, info_name="bayescale", **app.context_settings)))
    overview = found.pop("bayescale")
    for name, text in found.items():
        yield f"commands/{name.replace(' ', '_')}", f"# `{name}`\n\n```text\n{text}\n```\n"
    listed = "\n".join(name.replace(" ", "_") for name in found)
    yield "commands/index", f"{_HEAD}\n\n```text\n{overview}\n```\n\n```{{toctree}}\n:titlesonly:\n\n{listed}\n```\n"


_HEAD = """# Commands

What each command prints with `--help`. [Questions](../questions/index.md) show commands at work, with their output.

| exit status | meaning |
| --- | --- |
| 0 | done |
| 1 | done, but the draws are not certified: do not base a decision on them |
| 2 | bad input or usage: one line says which file, row and value, and the remedy |
| 130 | interrupted; no partial file is left behind |"""


def _commands(command: click.Command, name: str, context: click.Context) -> Iterator[tuple[str, str]]:
    """A command and those below it, with the help of each."""
    context.max_content_width = context.terminal_width = _WIDTH
    yield name, command.get_help(context)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            below = click.Context(found, info_name=each, parent=context)
            yield from _commands(found, f"{name} {each}" if name != "bayescale" else each, below)
