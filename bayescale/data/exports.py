"""Exports of experiment trackers: a directory with a file for each run, and charts with a column for each run."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from bayescale.basics.errors import RunsError
from bayescale.basics.wording import listed
from bayescale.data.formats import SUFFIXES, read_table
from bayescale.data.names import meaning

_CHART = re.compile(r"(?P<run>.+) - (?P<metric>.+?)(?P<band>__MIN|__MAX)?")
_CONFIGS = ("config.json", "config.yaml")


def read_tables(path: Path, glob: str | None, said: list[str]) -> pd.DataFrame:
    """Read a file, or the files of a directory that a pattern names, one below the other.

    Parameters
    ----------
    path : path
    glob : str or None
        Pattern of files in the directory.
    said : list of str
        Is given what was inferred.

    Raises
    ------
    RunsError
        If a file cannot be read, or the pattern names none.
    """
    if glob is None:
        return from_chart(read_table(path, said), said)
    if not path.is_dir():
        raise RunsError(f"{path}: is not a directory: glob= reads the files of a directory, such as .")
    try:
        files = sorted(found for found in path.glob(glob) if found.is_file())
    except (ValueError, NotImplementedError, IndexError) as error:
        raise RunsError(
            f"glob={json.dumps(glob)} is not a pattern of files ({error}): write **/wandb-summary.json"
        ) from None
    if not files:
        raise RunsError(f"{path}: no file fits {glob!r}: write a pattern such as **/wandb-summary.json")
    inferred: dict[str, None] = {}
    frames = []
    for file in files:
        words: list[str] = []
        frames.append(_one_run(file, _run_name(file, path, files), words))
        inferred |= dict.fromkeys(words)
    if len({tuple(frame.columns) for frame in frames}) > 1:
        shared = set.intersection(*(set(frame.columns) for frame in frames))
        if not shared - {"run"}:
            raise RunsError(f"{path}: the files that fit {glob!r} have no column in common: name those of one kind")
    said += [f"{len(files)} files", *inferred]
    return pd.concat(frames, ignore_index=True)


def _run_name(file: Path, folder: Path, files: list[Path]) -> str:
    """What tells a file from the others: its folder, or its own name."""
    relative = file.relative_to(folder)
    alike = len({each.name for each in files}) == 1 and len(files) > 1
    return str(relative.parent if alike else relative.with_suffix(""))


def _one_run(file: Path, name: str, said: list[str]) -> pd.DataFrame:
    """A file's table, with what the run's configuration beside it says, and the run's name."""
    if not file.suffix or file.suffix.lower() not in SUFFIXES:
        raise RunsError(f"{file}: ends in {file.suffix!r}: name tables or JSON by glob=")
    frame = read_table(file, said)
    if len(frame) == 1:
        for key, value in _configuration(file, said).items():
            if key not in frame:
                frame[key] = [value]
    if not any(found.role == "run" for each in frame.columns if (found := meaning(str(each)))):
        frame["run"] = name
    return frame


def _configuration(file: Path, said: list[str]) -> dict[str, Any]:
    """What ``config.json`` or ``config.yaml`` beside a file sets, flat."""
    for name in _CONFIGS:
        path = file.with_name(name)
        if path == file or not path.is_file():
            continue
        try:
            document = _loaded(path)
        except ModuleNotFoundError:
            said.append(f"{name} beside them not read, which needs pyyaml")
            return {}
        if isinstance(document, dict):
            said.append(f"{name} beside them")
            # Weights & Biases keeps each value in an object.
            values = {k: v["value"] if isinstance(v, dict) and "value" in v else v for k, v in document.items()}
            return {str(key): value for key, value in values.items() if isinstance(value, int | float | str)}
    return {}


def _loaded(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".json":
            return json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise RunsError(f"{path}: cannot be read ({error}): correct it or move it away") from None
    from yaml import YAMLError, safe_load

    try:
        return safe_load(text)
    except (YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise RunsError(f"{path}: is not YAML ({reason}): correct it or move it away") from None


def from_chart(frame: pd.DataFrame, said: list[str]) -> pd.DataFrame:
    """A table with a column for each run, as Weights & Biases exports charts, as one with a row for each point.

    Other tables are returned as they are.

    Examples
    --------
    >>> chart = pd.DataFrame({"Step": [1, 2], "a - eval/loss": [4.0, None], "b - eval/loss": [3.9, 3.5]})
    >>> from_chart(chart, [])
      run  Step  eval/loss
    0   a     1        4.0
    1   b     1        3.9
    2   b     2        3.5
    """
    found = {str(name): _CHART.fullmatch(str(name)) for name in frame.columns}
    shared = [name for name, match in found.items() if match is None]
    drawn = {name: match for name, match in found.items() if match is not None and match["band"] is None}
    runs = dict.fromkeys(match["run"] for match in drawn.values())
    metrics = list(dict.fromkeys(match["metric"] for match in drawn.values()))
    if not drawn or len(shared) > 2 or len(drawn) < len(runs):
        return frame
    parts = []
    for run in runs:
        own = {match["metric"]: frame[name] for name, match in drawn.items() if match["run"] == run}
        part = pd.DataFrame({"run": run, **{name: frame[name] for name in shared}, **own})
        parts.append(part.dropna(subset=list(own), how="all"))
    said.append(f"a chart of {listed(metrics)} with a column for each of {len(runs)} runs")
    joined = pd.concat(parts)
    joined["order"] = joined.index
    return joined.sort_values("order", kind="stable").drop(columns="order").reset_index(drop=True)
