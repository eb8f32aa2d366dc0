"""Pages of data sets, made from their cards and tables."""

import tomllib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bayescale.basics.files import root
from bayescale.basics.quantities import format_quantity
from bayescale.data.datasets import Card, dataset_groups, dataset_names, load_card, load_dataset
from making.markdown import by_name, cited, plain, table

if TYPE_CHECKING:
    import pandas as pd


def write() -> Iterator[tuple[str, str]]:
    """Names of pages, and their text."""
    cards = [load_card(name) for name in dataset_names()]
    for card in cards:
        yield f"datasets/{card.name}", page(card)
    rows = [
        {
            "data set": f"[`{card.name}`]({card.name}.md)",
            "content": plain(card.title),
            "rows": str(card.rows),
            "outcome": f"`{card.outcome}`",
            "licence": plain(card.licence),
        }
        for card in cards
    ]
    names = "\n".join(card.name for card in cards)
    yield "datasets/index", f"{_HEAD}\n\n{table(rows)}\n\n```{{toctree}}\n:hidden:\n:titlesonly:\n\n{names}\n```\n"


_HEAD = """# Data sets

Published tables of runs that ship with bayescale. Each keeps its own terms, which its page states with its source, whom
to cite, and every problem that is known. `bayescale datasets NAME` prints the same, and `bs.load_dataset("NAME")` loads
the runs. Wherever a command takes a table, a name will do:

```console
uv run bayescale fit gadre:c4 --law chinchilla
```"""


def page(card: Card) -> str:
    """The page of one data set."""
    parts = [
        f"# {plain(card.title)}: `{card.name}`",
        plain(card.description),
        _facts(card),
        "## Known problems\n\n" + "\n".join(f"- {plain(problem)}" for problem in card.known_problems),
        f"## Columns\n\n{table(list(_columns(card)))}",
        *_published(card),
        *_noise(card),
    ]
    return "\n\n".join(parts) + "\n"


def _facts(card: Card) -> str:
    """What to know before use, as a list."""
    runs = load_dataset(card.name)
    left_out = f", of which {len(runs)} are used: {'; '.join(runs.notes)}" if len(runs) < card.rows else ""
    facts = {
        "Rows": f"{card.rows}{plain(left_out)}",
        "Series": ", ".join(f"`{card.name}:{group}`" for group in dataset_groups(card.name)),
        "Checkpoints": f"rows with one value of `{card.run}` are of one training run" if card.run else "",
        "Source": "; ".join(map(cited, card.source)),
        "Cite": "; ".join(map(cited, card.citation)),
        "Licence": f"{plain(card.licence)}. {plain(card.licence_notes)}",
        "Laws": by_name(card.laws, "../laws/"),
    }
    return "\n".join(f"- **{name}.** {text}" for name, text in facts.items() if text)


def _columns(card: Card) -> Iterator[dict[str, str]]:
    frame = load_dataset(card.name, everything=True).frame
    for name, entries in card.columns.items():
        yield {
            "column": f"`{name}`",
            "meaning": plain(entries.get("meaning", "")),
            "unit": plain(entries.get("unit", "")),
            "range": _range(frame[name]) if name in frame and entries.get("unit") else "",
            "how it was counted": plain(entries.get("counting", "")),
            "trap": plain(entries.get("trap", "")),
        }


def _range(values: "pd.Series[Any]") -> str:
    """Smallest and largest value of a quantity."""
    if values.dtype.kind not in "fiu" or values.isna().all():
        return ""
    return " to ".join(format_quantity(float(end)) for end in (values.min(), values.max()))


def _entries(card: Card) -> dict[str, Any]:
    return tomllib.loads((root("datasets") / card.name / "card.toml").read_text(encoding="utf-8"))


def _published(card: Card) -> Iterator[str]:
    fits = _entries(card).get("published_fit", {})
    if fits:
        yield "## Published fits"
    for fit in fits.values():
        errors = fit.get("standard_errors", {})
        rows = [
            {
                "parameter": f"`{name}`",
                "value": f"{value:.6g}",
                "standard error": f"{errors[name]:.4g}" if name in errors else "",
            }
            for name, value in fit["values"].items()
        ]
        notes = [fit.get("method", ""), fit.get("note", "")]
        said = "".join(f" {plain(note[0].upper() + note[1:])}." for note in notes if note)
        yield f"[`{fit['law']}`](../laws/{fit['law']}.md), {cited(fit['citation'])}.{said}\n\n{table(rows)}"


def _noise(card: Card) -> Iterator[str]:
    known = _entries(card).get("noise", {})
    if known:
        yield "## What is known of the noise\n\n" + "\n".join(
            f"- {plain(name.replace('_', ' ').capitalize())}: {plain(str(text))}." for name, text in known.items()
        )
