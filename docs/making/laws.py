"""Pages of laws: the table of all laws by question, and a page for each, made from the files in ``models/``."""

import json
import shlex
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from bayescale import Input, Law, Setting, law_names, load_law
from bayescale.basics.files import root
from bayescale.cli.listing import prior_text
from bayescale.data.datasets import dataset_groups, dataset_names, load_card
from making.formulas import latex
from making.markdown import ORPHAN, by_name, cell, cited, plain, table

_SIZES = frozenset({"N", "D", "C"})

_KINDS: dict[str, Callable[[Law, frozenset[str]], bool]] = {
    "Loss from parameters and tokens": lambda law, reads: law.outcome == "loss" and reads == {"N", "D"},
    "Loss from compute, tokens or parameters alone": lambda law, reads: (
        law.outcome == "loss" and len(reads) == 1 and reads < _SIZES
    ),
    "Loss with more than that: repeated data, experts, bits, shape": lambda law, reads: law.outcome == "loss",
    "Perplexity": lambda law, reads: law.outcome == "perplexity",
    "Accuracy and error on tasks": lambda law, reads: law.outcome in {"accuracy", "error"},
    "Strength in games, and reinforcement learning": lambda law, reads: law.outcome in {"elo", "performance"},
    "Curves that fall": lambda law, reads: reads == {"x"} and law.falls,
    "Curves that rise": lambda law, reads: reads == {"x"},
    "Growth by the year": lambda law, reads: reads == {"year"},
    "Size, time, energy, latency, samples": lambda law, reads: True,
}
"""Headings of the table of laws, and what belongs below each: a law is below the first that takes it."""


def write() -> Iterator[tuple[str, str]]:
    """Names of pages, and their text."""
    laws = [load_law(name) for name in law_names()]
    yield "laws/_by_question", "\n".join(_by_question(laws))
    for law in laws:
        yield f"laws/{law.name}", page(law)


def _by_question(laws: list[Law]) -> Iterator[str]:
    """Tables of laws, one for each kind, the laws that are fitted by default first."""
    left = sorted(laws, key=lambda law: (not law.in_ensemble, not law.second_step, law.name))
    for title, takes in _KINDS.items():
        found = [law for law in left if takes(law, frozenset(law.input_names))]
        left = [law for law in left if law not in found]
        if found:
            yield f"## {title}\n\n{table([_row(law) for law in found])}\n"


def _row(law: Law) -> dict[str, str]:
    return {
        "question": plain(law.decision),
        "law": f"[`{law.name}`](laws/{law.name}.md)",
        "reads": ", ".join(f"`{item.name}`" for item in (*law.inputs, *law.settings)),
        "predicts": f"`{law.outcome}`",
        "status": status(law),
    }


def status(law: Law) -> str:
    """Whether a law is fitted when none is named, and what has been measured of it."""
    parts = ["**default**" if law.in_ensemble else "**default** as second step" if law.second_step else "by name"]
    if law.name in _simulated():
        parts.append("posterior tested")
    agreement = _agreement(law.name)
    if agreement:
        parts.append(f"{sum(agreement)} of {len(agreement)} published values agree")
    return ", ".join(parts)


def page(law: Law) -> str:
    """The page of one law."""
    unit = f" ({plain(law.outcome_unit)})" if law.outcome_unit else ""
    parts = [
        f"{ORPHAN}[All laws](../which_law.md)",
        f"# {plain(law.title)}: `{law.name}`",
        f"```{{math}}\n{latex(law.formula)}\n```",
        f"It predicts `{law.outcome}`{unit}. Source: {cited(law.citation)}.",
        f"**What it decides.** {plain(law.decision)}",
        f"**Where it fails.** {plain(law.failure)}" if law.failure else "",
        f"**Status.** {_status_in_words(law)}",
        *_use(law),
        *_parameters(law),
        *_published(law),
        *_posterior_test(law),
        f"## The file\n\n:::{{dropdown}} `models/{law.name}.py`\n"
        f"```{{literalinclude}} ../../models/{law.name}.py\n:language: python\n```\n:::",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _status_in_words(law: Law) -> str:
    """What a reader should know of how far the law is trusted."""
    if law.second_step:
        (read,) = law.input_names
        return (
            f"The second of two steps where runs have a {read} and nothing is named: "
            "[which laws are fitted then](../defaults.md#two-steps-through-the-loss). "
            f'`--law "tied, then {law.name}"` names both steps, and `--law {law.name}` fits it alone.'
        )
    if not law.in_ensemble:
        return (
            f"Fitted if you name it: `--law {law.name}`. [Which laws are fitted when none is named](../defaults.md) "
            "says what was measured to choose them."
        )
    asked = "where the runs show what only such a law describes, " if law.asked_for is not None else ""
    fewest = f"from {law.fewest_runs} runs on, " if law.fewest_runs else ""
    return (
        f"One of the laws that are [fitted when none is named](../defaults.md), {asked}{fewest}for a table with its "
        f"columns. `--law {law.name}` fits it alone."
    )


def _use(law: Law) -> Iterator[str]:
    read = [
        {
            "column": f"`{item.name}`",
            "meaning": plain(item.meaning),
            "unit": plain(item.unit),
            "without it": _default(item),
        }
        for item in (*law.inputs, *law.settings)
    ]
    yield f"## What it reads\n\n{table(read)}"
    practice = _practice().get(law.name)
    if practice:
        names = by_name([name.partition(":")[0] for name in practice], "../datasets/")
        yield f"Published tables to practise on: {names}."
        yield f"```console\nuv run bayescale fit {shlex.quote(practice[0])} --law {law.name}\n```"


def _default(item: Input) -> str:
    """What is taken if a table lacks the column."""
    return f"{item.default:g}" if isinstance(item, Setting) and item.default is not None else ""


@cache
def _practice() -> dict[str, list[str]]:
    """Shipped tables that a card pairs with each law, with the series that it can be fitted to."""
    found: dict[str, list[str]] = {}
    for name in dataset_names():
        card, series = load_card(name), next(iter(dataset_groups(name)), "")
        for law in card.laws:
            chosen = card.selection.get(law) or series
            found.setdefault(law, []).append(f"{name}:{chosen}" if chosen else name)
    return found


def _parameters(law: Law) -> Iterator[str]:
    sampled = [
        {
            "parameter": f"`{item.name}`",
            "prior": plain(prior_text(item)),
            "meaning": plain(item.meaning),
            "unit": plain(item.unit),
            "why this prior": plain(item.reason),
        }
        for item in law.parameters
    ]
    yield "## Parameters and priors\n\nThese are sampled; a prior of your own [replaces one](../priors.md)."
    yield table(sampled)
    if law.derived:
        derived = [
            {"parameter": f"`{item.name}`", "meaning": plain(item.meaning), "unit": plain(item.unit)}
            for item in law.derived
        ]
        yield f"These are computed from them, and reported as well.\n\n{table(derived)}"


def _published(law: Law) -> Iterator[str]:
    """Published values, beside the posterior on the same runs where they were compared."""
    compared_fits = _comparisons(law.name)
    if law.published or compared_fits:
        yield "## Published values"
    for fit in law.published:
        if fit.citation in {each["citation"] for each in compared_fits}:
            continue
        rows = [
            {
                "parameter": f"`{name}`",
                "value": f"{value:.6g}",
                "standard error": f"{fit.standard_errors[name]:.4g}" if name in fit.standard_errors else "",
            }
            for name, value in fit.values.items()
        ]
        yield f"{cited(fit.citation)}{f' ({plain(fit.note)})' if fit.note else ''}:\n\n{table(rows)}"
    for compared in compared_fits:
        rows = [
            {
                "parameter": f"`{row['parameter']}`",
                "reference": f"{row['reference']:.5g}" + ("" if row["se"] is None else f" ± {row['se']:.2g}"),
                "posterior": f"{row['mean']:.5g} ± {row['sd']:.2g}",
                "difference": f"{row['z']:+.1f} sd",
                "why": cell(plain(row["why"])),
            }
            for row in compared["rows"]
        ]
        yield (
            f"Our posterior on `{compared['dataset']}` ({compared['runs']} runs, the law taken as true), as mean ± "
            f"standard deviation, beside {'values computed as in' if compared['computed'] else 'the values of'} "
            f"{cited(compared['citation'])}:\n\n{table(rows)}"
        )


def _posterior_test(law: Law) -> Iterator[str]:
    """What simulation-based calibration found."""
    row = _simulated().get(law.name)
    if row is None:
        return
    covered = [parameter["cover_0.9"] for parameter in row["parameters"]]
    yield (
        f"## Is its posterior right?\n\nOf {row['usable']} tables that were simulated from the prior at the inputs of "
        f"{_design(row['design'])}, 90 % intervals of each parameter contain the truth in {min(covered):.0%} to "
        f"{max(covered):.0%}; {row['uncertified']} fits were not certified. A fit took {row['cpu_median']:.1f} CPU "
        "seconds (median). [Is the posterior right?](../posterior.md) says how this was tested, and how large a fault "
        "would show."
    )


def _design(name: str) -> str:
    dataset = name.partition(":")[0]
    return f"[`{name}`](../datasets/{dataset}.md)" if dataset in dataset_names() else plain(name)


@cache
def _result(name: str) -> Any:
    return json.loads((root("models").parent / f"benchmarks/results/{name}.json").read_text(encoding="utf-8"))


def _comparisons(name: str) -> list[dict[str, Any]]:
    return [each for each in _result("published_fits")["comparisons"] if each["law"] == name]


def _agreement(name: str) -> list[bool]:
    """Whether each published value is within two standard deviations."""
    return [abs(row["z"]) < 2 for each in _comparisons(name) for row in each["rows"]]


@cache
def _simulated() -> dict[str, dict[str, Any]]:
    """The study of each law with the default engine."""
    rows = [row for row in _result("sbc")["rows"] if row["engine"] == "importance" and row["seed"] == 0]
    return {row["law"]: row for row in rows}
