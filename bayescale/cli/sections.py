"""Commands whose help has sections: their own options first, then those that several commands share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

_COLUMN = 33
"""Widest column of option names."""


@dataclass(frozen=True)
class Section:
    """A section of a command's help.

    Parameters
    ----------
    title : str
    described_by : str, optional
        The only command whose help describes these options; that of the others lists their names.
    """

    title: str
    described_by: str | None = None


PRICES = Section("Prices", described_by="cost")
FIT = Section("Fit")
POSTERIOR = Section("Groups, priors and sampling", described_by="fit")
TABLE = Section("Table", described_by="check")
STUDY = Section("Study")
OUTPUT = Section("Output")

_SHARED = (PRICES, FIT, POSTERIOR, TABLE, STUDY, OUTPUT)
"""Sections that several commands have, in their order, after those of a command itself."""


class Option(click.Option):
    """An option in a section of the help."""

    def __init__(self, *names: Any, section: Section, **settings: Any) -> None:
        super().__init__(*names, **settings)
        self.section = section


class Command(click.Command):
    """A command whose help lists its options section by section."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options of each section that has any."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        sections = dict.fromkeys(getattr(each, "section", OUTPUT) for each in options)
        for section in sorted(sections, key=lambda each: _SHARED.index(each) if each in _SHARED else -1):
            found = [each for each in options if getattr(each, "section", OUTPUT) == section]
            if section.described_by in {None, self.name}:
                with formatter.section(section.title):
                    records = (each.get_help_record(ctx) for each in found)
                    formatter.write_dl([record for record in records if record], col_max=_COLUMN)
            else:
                with formatter.section(f"{section.title} (described by `bayescale {section.described_by} --help`)"):
                    formatter.write_text(", ".join(each.opts[-1] for each in found))


def option(*names: str, section: Section, **settings: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command an option in a section of its help."""
    return click.option(*names, cls=Option, section=section, **settings)
