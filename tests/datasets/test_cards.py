"""Every folder of datasets/: its card is complete and describes its table correctly."""

import tomllib

import numpy as np
import pandas as pd
import pytest

from bayescale.basics import files
from bayescale.data import datasets
from bayescale.laws import catalog

pytestmark = pytest.mark.parametrize("name", datasets.dataset_names())


def test_every_folder_has_a_card(name):
    folders = {path.name for path in files.root("datasets").iterdir() if path.is_dir()}
    assert folders == set(datasets.dataset_names())


def test_card_is_complete(name):
    card = datasets.load_card(name)
    assert card.name == name
    for entry in (card.title, card.description, card.licence, card.licence_notes, card.outcome, card.family):
        assert entry.strip()
    assert card.citation
    assert all("arXiv:" in text or "https://" in text for text in card.citation)
    assert all(text.startswith("https://") for text in card.source)
    assert card.source
    assert card.known_problems
    assert set(card.laws) <= set(catalog.law_names())
    assert bool(card.exclude) == bool(card.exclude_reason)


def test_card_describes_the_table(name):
    card, table = datasets.load_card(name), _table(name)
    assert len(table) == card.rows
    assert card.sha256, "the card has no checksum: write what hashlib.sha256 gives of runs.csv with Unix line ends"
    assert list(table.columns) == list(card.columns)
    for column, entry in card.columns.items():
        assert entry["meaning"], column
        assert ("unit" in entry) == _is_quantity(table[column]), column
        assert set(entry) <= {"meaning", "unit", "counting", "trap"}, column


def test_quantities_are_finite_and_positive(name):
    table = _table(name)
    for column in filter(lambda column: _is_quantity(table[column]), table.columns):
        assert np.isfinite(table[column]).all(), column
        lowest = {"elo": -np.inf, "accuracy": 0.0, "chance": 0.0}.get(column, np.nextafter(0.0, 1.0))
        assert (table[column] >= lowest).all(), column


def test_default_rows_are_what_the_card_says(name):
    card, table = datasets.load_card(name), _table(name)
    left_out = int(table[card.exclude].sum()) if card.exclude else 0
    assert len(datasets.load_dataset(name)) == card.rows - left_out
    assert len(datasets.load_dataset(name, everything=True)) == card.rows


def test_series_are_what_the_card_says(name):
    card, everything = datasets.load_card(name), datasets.load_dataset(name)
    groups = datasets.dataset_groups(name)
    told = any("must be fitted one at a time" in warning for warning in everything.warnings)
    assert bool(groups) == (card.group is not None) == told
    series = [datasets.load_dataset(name, group=group) for group in groups]
    assert sum(map(len, series)) == len(everything) * bool(groups)
    for group, runs in zip(groups, series, strict=True):
        assert (runs.source, runs.outcome, runs.warnings) == (f"{name}:{group}", card.outcome, ())
        assert not set(group) & set(" ,:/"), "a name for the command line"


def test_runs_of_many_rows_are_named(name):
    card, table = datasets.load_card(name), _table(name)
    assert card.run == ("run" if "run" in table else None)
    if card.run is not None:
        assert table["run"].duplicated().any()
        if card.group is not None:
            assert len(table[["run", card.group]].drop_duplicates()) == table["run"].nunique()


def test_curves_are_in_order_and_split(name):
    table = _table(name)
    for _, curve in table.groupby("group") if "split" in table else ():
        assert curve["x"].is_monotonic_increasing
        first = (curve["split"] == "fit").sum()
        assert (curve["split"] == ["fit"] * first + ["extrapolate"] * (len(curve) - first)).all()


def test_published_fits_are_of_laws_that_have_those_parameters(name):
    for fit in _entries(name).get("published_fit", {}).values():
        law = catalog.load_law(fit["law"])
        assert set(fit["values"]) <= set(law.units)
        assert set(fit.get("standard_errors", {})) <= set(fit["values"])
        assert fit["citation"]


def _entries(name):
    return tomllib.loads((files.root("datasets") / name / "card.toml").read_text(encoding="utf-8"))


def _table(name):
    return pd.read_csv(files.root("datasets") / name / "runs.csv")


def _is_quantity(column):
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
