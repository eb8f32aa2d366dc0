"""Files of limits: what they say is read, and what they should not say is refused, with the key and the cure."""

import re
from dataclasses import replace

import pytest

from bayescale.basics.errors import LimitsError
from bayescale.planning.limits import limits
from bayescale.planning.outlook import SHIPPED, Quantiles, read_outlook

SHIPPED_TEXT = SHIPPED.read_text()


def test_the_shipped_file_is_complete_and_its_alternatives_can_be_switched_on(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SHIPPED_TEXT.replace("use = false", "use = true").replace("use = true", "use = false", 1))
    found = limits(2030, read_outlook(path))
    assert list(found.draws["limit"].to_numpy()) == ["chips", "data", "latency", "campus", "bandwidth"]
    assert found.binding.sel(limit="campus") > 0.7


POWER = "flop = { q10 = 2.5e28, q25 = 7.3e28, q50 = 1.9e29, q75 = 5.9e29, q90 = 1.5e30 }"
FAULTS = {
    "an unknown key": (
        "correlation = 0.3",
        "correlatoin = 0.3",
        "correlatoin: no such key; did you mean 'correlation'?",
    ),
    "an unknown key of a limit": (
        "use = true\n",
        "used = true\n",
        "limits.power.used: no such key; did you mean 'use'?",
    ),
    "a missing number": ("correlation = 0.3", "", "correlation: is missing"),
    "a missing source": ("source =", "# source =", "limits.power.source: is missing"),
    "a correlation of sizes": ("correlation = 0.3", "correlation = 30", "correlation: 30 is not a number from 0 to 1"),
    "a negative correlation": (
        "correlation = 0.3",
        "correlation = -0.3",
        "correlation: -0.3 is not a number from 0 to 1",
    ),
    "a wordy correlation": ("correlation = 0.3", 'correlation = "high"', "correlation: 'high' is not a number"),
    "a true correlation": ("correlation = 0.3", "correlation = true", "correlation: True is not a number"),
    "an undefined correlation": ("correlation = 0.3", "correlation = nan", "correlation: nan is not a number"),
    "a year in no calendar": ("year = 2030", "year = 30", "year: 30 is not a number from 2000 to 2100"),
    "a limit that is a number": (
        "[limits.power]",
        "limits.power = 3\n[limits.fuel]",
        "limits.power: 3 is not a table: write [limits.power] and its keys below",
    ),
    "falling quantiles": (
        "q25 = 7.3e28",
        "q25 = 7.3e29",
        "limits.power.flop: 1.9e+29 at 0.5 does not follow 7.3e+29 at 0.25",
    ),
    "equal quantiles": (
        "q25 = 7.3e28",
        "q25 = 2.5e28",
        "limits.power.flop: 2.5e+28 at 0.25 does not follow 2.5e+28 at 0.1",
    ),
    "a negative quantile": ("q25 = 7.3e28", "q25 = -1", "limits.power.flop.q25: -1 is not a number from 1 to"),
    "an infinite quantile": ("q90 = 1.5e30", "q90 = inf", "limits.power.flop.q90: inf is not a number from"),
    "a wordy quantile": ("q25 = 7.3e28", 'q25 = "7.3e28"', "limits.power.flop.q25: '7.3e28' is not a number"),
    "a probability above one": (
        "q90 = 1.5e30",
        "q190 = 1.5e30",
        "limits.power.flop.q190: is not a quantile: name them q10",
    ),
    "a probability of zero": ("q10 = 2.5e28", "q0 = 2.5e28", "limits.power.flop.q0: is not a quantile"),
    "a quantile by another name": ("q50 = 1.9e29", "median = 1.9e29", "limits.power.flop.median: is not a quantile"),
    "one quantile": (
        POWER,
        "flop = { q50 = 1.9e29 }",
        "limits.power.flop: fewer than two quantiles: give two or more",
    ),
    "no quantiles": (
        POWER,
        "flop = 1.9e29",
        "limits.power.flop: 1.9e+29 is not a set of quantiles: write it as { q10",
    ),
    "a use that is a number": ("use = true", "use = 1", "limits.power.use: 1 is neither true nor false"),
    "an empty title": ('"Chips"', '" "', "limits.chips.title: ' ' is not a text"),
    "an empty set of quantiles": (POWER, "flop = {}", "limits.power.flop: fewer than two quantiles"),
    "growth in per cent": ("q90 = 2.0", "q90 = 200", "limits.power.growth.q90: 200 is not a number from 0.01 to 100"),
    "a name of an axis": ("[limits.power]", "[limits.year]", "limits.year: the name 'year' is taken"),
    "a taken name": ("[limits.power]", "[limits.trend]", "limits.trend: the name 'trend' is taken: call it another"),
    "no growth of the frontier": ("growth = { q10 = 4, q90 = 5 }", "", "frontier.growth: is missing"),
    "broken TOML": ("year = 2030", "year 2030", "is not TOML (TOMLDecodeError: Expected"),
}


@pytest.mark.parametrize(("old", "new", "said"), FAULTS.values(), ids=FAULTS)
def test_faults_of_a_file_are_named_with_their_cure(tmp_path, old, new, said):
    path = tmp_path / "mine.toml"
    assert old in SHIPPED_TEXT
    path.write_text(SHIPPED_TEXT.replace(old, new, 1))
    with pytest.raises(LimitsError, match=re.escape(said)) as caught:
        read_outlook(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(LimitsError, match=r"absent\.toml: no such file: start from a copy of"):
        read_outlook(tmp_path / "absent.toml")
    with pytest.raises(LimitsError, match="cannot be read"):
        read_outlook(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b"title = '\xe9'")
    with pytest.raises(LimitsError, match="is not TOML"):
        read_outlook(tmp_path / "latin.toml")
    (tmp_path / "off.toml").write_text(SHIPPED_TEXT.replace("use = true", "use = false"))
    with pytest.raises(LimitsError, match="limits: none is in use: write use = true in one of them"):
        read_outlook(tmp_path / "off.toml")


def test_what_is_made_by_hand_is_checked_too():
    with pytest.raises(LimitsError, match=r"correlation: 1\.5 is not a number from 0 to 1"):
        replace(read_outlook(), correlation=1.5)
    with pytest.raises(LimitsError, match="no limit is in use"):
        replace(read_outlook(), limits={})
    for probabilities, values in (
        ((0.1, 0.1), (1, 2)),
        ((0.1, 0.9), (2, 1)),
        ((0.1, 1.0), (1, 2)),
        ((0.1, 0.9), (0, 1)),
    ):
        with pytest.raises(LimitsError, match="quantiles increase"):
            Quantiles(probabilities, values)
