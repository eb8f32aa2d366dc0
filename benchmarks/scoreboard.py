"""Public benchmarks run as published, by untouched defaults first: what we get beside what others have published.

Each module of ``public/`` states the protocol and the source of one benchmark. Their tables do not ship; they are read
from a folder with one folder per benchmark. Where several of our settings are run, all are shown. Run it as ``python
benchmarks/scoreboard.py FOLDER [NAME ...] [--task TASK ...]``; with ``--task`` the stored rows of other tasks stay.
"""

import argparse
import json
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from statistics import mean
from typing import Any

import pandas as pd
from public.scoring import Task, board, by_group, forecast_rows
from reporting import RESULTS, add_study_options, keep, kept, machine, study

NAMES = ("nai", "scalebench", "cert", "nsl_language", "lcdb", "sloth")
SCALEBENCH = "scalebench"
SLDBENCH = ("parallel", "vocab", "domain_mixture", "moe", "data_constrained", "lr_batch")
"""Tasks of ScaleBench that are also SLDBench's, whose systems are compared by their mean over tasks."""
DESIGN = "scalebench_design"
MISSES = "misses"
DOMAINS = "domains"
HELD_OUT = "held_out_cells"
OWN = (DESIGN, MISSES, HELD_OUT, DOMAINS)
"""Which runs to buy, why targets are missed, how a law was chosen, whether losses are independent: own questions."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="FOLDER/NAME/... as in the modules of public/")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join((*NAMES, *OWN))}; by default all")
    parser.add_argument("--task", action="append", help="of one benchmark, instead of all of its tasks")
    add_study_options(parser)
    options = parser.parse_args()
    for name in options.names or (*NAMES, *OWN):
        if name in OWN:
            _own(options, name)
            continue
        tasks: list[Task] = import_module(f"public.{name}").tasks(options.folder / name)
        asked = [task for task in tasks if options.task is None or task.name in options.task]
        settings = [(part, law) for task in asked for law in task.laws for part in by_group(task)]
        rows: dict[tuple[str, str], list[dict[str, object]]] = defaultdict(list)
        for (part, law), found in zip(settings, study(options, f"scoreboard_{name}", _rows, settings), strict=True):
            rows[part.name, law] += found
        made = board(asked, {setting: pd.DataFrame(found) for setting, found in rows.items()})
        stem = f"scoreboard_{name}_development"
        document = made if len(asked) == len(tasks) else _among_stored(stem, made, [task.name for task in tasks])
        text = f"{machine()}\n\n{_text(document)}"
        if name == SCALEBENCH:
            text += f"\n\n{_mean_of_six(document)}"
        keep(stem, text, document)
    _keep_costs()


def _keep_costs() -> None:
    """CPU seconds of the command of each benchmark, as its stored rows say, and of all of them."""
    seconds: dict[str, float] = {}
    for name in (*NAMES, *OWN):
        stem = f"scoreboard_{name}_development"
        if (RESULTS / f"{stem}.json").exists():
            seconds[name] = sum(row["cpu_s"] for row in kept(stem))
    lines = [*seconds.items(), ("", sum(seconds.values()))]
    table = pd.DataFrame({"NAME": [name or "all" for name, _ in lines], "CPU s": [f"{each:.0f}" for _, each in lines]})
    keep("scoreboard_costs_development", f"{machine()}\n\n{table.to_string(index=False)}", seconds)


def _among_stored(stem: str, made: list[dict[str, Any]], order: list[str]) -> list[dict[str, Any]]:
    """New rows in place of the stored ones of their tasks, in the order of the benchmark."""
    new = {entry["task"] for entry in made}
    stored = kept(stem) if (RESULTS / f"{stem}.json").exists() else []
    rows = [*made, *(entry for entry in stored if entry["task"] not in new)]
    return sorted(rows, key=lambda entry: order.index(entry["task"]))


def _own(options: argparse.Namespace, name: str) -> None:
    module = import_module(f"public.{name}")
    asked = [(question,) for question in module.questions(options.folder)]
    rows = [row for found in study(options, name, module.answer, asked) for row in found]
    keep(f"scoreboard_{name}_development", f"{machine()}\n\n{module.text(rows)}", rows)


def _rows(task: Task, law: str) -> list[dict[str, object]]:
    return json.loads(forecast_rows(task, law).to_json(orient="records", double_precision=15))


def _text(document: list[dict[str, Any]]) -> str:
    """One line per task and setting, and one per published interval."""
    rows = []
    for entry in document:
        best = f"{entry['published_best']:.3g} ({entry['by']})" if entry["by"] else "none"
        rows.append(
            {
                "task": entry["task"],
                "ours": entry["ours"],
                "metric": entry["metric"],
                "score": f"{entry[str(entry['metric'])]:.3g}",
                "best of others": best,
                "in 90%": f"{entry['cover_90']:.2f}",
                "width": f"{entry['width_90']:.3g}",
                "certified": f"{entry['certified']:.0%}",
                "CPU s": f"{entry['cpu_s']:.0f}",
                "defaults learnt on it": entry["seen"],
            }
        )
    bands = [
        {"task": entry["task"], "published intervals": method, "in them": f"{cover:.2f}", "width": f"{width:.3g}"}
        for entry in document
        if entry["ours"] == "default"
        for method, (cover, width) in entry["published_bands"].items()  # type: ignore[attr-defined]
    ]
    shown = [pd.DataFrame(each).to_string(index=False) for each in (rows, bands) if each]
    return "\n\n".join(shown)


def _mean_of_six(document: list[dict[str, Any]]) -> str:
    """Mean R2 over the tasks of SLDBench, by default, and of each system that has a published value for all."""
    entries = [entry for entry in document if entry["task"] in SLDBENCH and entry["ours"] == "default"]
    means = {"ours, default": mean(entry[entry["metric"]] for entry in entries)}
    for method in set.intersection(*(set(entry["published"]) for entry in entries)):
        means[method] = mean(entry["published"][method] for entry in entries)
    ranked = sorted(means.items(), key=lambda each: -each[1])
    told = "; ".join(f"{method} {value:.3f}" for method, value in ranked)
    return f"mean R2 over the {len(entries)} tasks of SLDBench that are here: {told}"


if __name__ == "__main__":
    main()
