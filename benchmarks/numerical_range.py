"""Extreme but possible tables of runs, fitted as a user would: which are refused, certified, or right.

Every table is simulated from a known law, with and without a fault that a user's table may have. It is fitted with
model discrepancy (the default) and with the law assumed exact, forecast at ten times the largest compute, and asked for
the optimum there. Run it as ``python benchmarks/numerical_range.py``, or with ``--only`` and a part of a name.
"""

import argparse
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from textwrap import shorten, wrap
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from reporting import keep, machine

import bayescale as bs
from bayescale.basics.errors import BayescaleError
from bayescale.laws.catalog import load_law
from bayescale.laws.law import Law
from bayescale.planning.allocation import law_optimum

Array = NDArray[np.float64]
Change = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]

FORWARD = 10.0
"""Compute of the forecast and of the budget, over that of the largest run."""
NOISE = 0.004
CPU_SECONDS = 20.0
"""CPU seconds after which a case gets no further seed."""
LONGEST = 120.0
"""CPU seconds that no fit may take."""
INTERVALS = ("E", "forecast", "N")
_ALIKE = 30
"""Number of leading characters in which two warnings agree if only their numbers differ."""

CHINCHILLA = {"E": 1.81686, "A": 482.00572, "B": 2085.4342, "alpha_N": 0.34781, "beta_D": 0.36585}
TRUTHS: dict[str, dict[str, float]] = {
    "chinchilla": CHINCHILLA,
    "tied": CHINCHILLA | {"beta_D": 0.34781, "B": 1500.0},
    "skaling": CHINCHILLA | {"k": 1.0},
    "kaplan_nd": {"log_N_c": np.log(8.8e13), "log_D_c": np.log(5.4e13), "alpha_N": 0.076, "alpha_D": 0.095},
    "power_law": {"floor": 0.3, "A": 20.0, "exponent": 0.25},
    "m3": {"b": 20.0, "g": 1e-8, "exponent": 0.22, "floor": 20.0 * 1e-8**0.22},
    "sigmoid_accuracy": {"missed": 0.05, "rise": 0.5, "C_mid": 1e21},
    "energy": {"flop_per_joule": 3.5e11},
    "board_elo": {
        "incline": 500.0,
        "board_cost": 450.0,
        "incline_constant": -4500.0,
        "untrained_constant": 700.0,
        "untrained_cost": 250.0,
        "rounding": 60.0,
    },
}


def grid(**axes: Sequence[float] | Array) -> pd.DataFrame:
    """Every combination of the values of each input."""
    crossed = np.meshgrid(*axes.values(), indexing="ij")
    return pd.DataFrame({name: values.ravel() for name, values in zip(axes, crossed, strict=True)})


TWO = grid(N=np.geomspace(5e7, 5e9, 6), D=np.geomspace(1e9, 1e11, 6))
ONE = grid(x=np.geomspace(1e5, 1e9, 25))
COMPUTE = grid(C=np.geomspace(1e18, 1e23, 25))
BOARDS = grid(C=np.geomspace(1e9, 1e15, 10), board_size=np.array([3.0, 5.0, 7.0, 9.0]))


def as_it_is(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Nothing is wrong with the table."""
    return table


@dataclass(frozen=True, kw_only=True)
class Case:
    """A table of runs from a known law, with its own units and faults.

    Attributes
    ----------
    inputs : pandas.DataFrame
        Inputs of the runs, in the units of the law's known parameters.
    units : mapping
        Factors that multiply the columns in the table that is fitted.
    noise : float
        Standard deviation on the link's scale.
    change : callable
        The fault of the table; it gets its own random generator.
    """

    group: str
    name: str
    law: str = "chinchilla"
    inputs: pd.DataFrame = field(default_factory=TWO.copy)
    units: Mapping[str, float] = field(default_factory=dict)
    noise: float = NOISE
    change: Change = as_it_is
    truth: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def definition(self) -> Law:
        """The law."""
        return load_law(self.law)

    @property
    def known(self) -> dict[str, float]:
        """The parameters that make the outcomes."""
        return TRUTHS[self.law] | dict(self.truth)

    def mean(self, inputs: Mapping[str, Any]) -> Array:
        """The law's prediction, in the units of the known parameters."""
        settings = {setting.name: setting.default for setting in self.definition.settings}
        return np.asarray(self.definition.mean(np, {**settings, **inputs}, self.known), dtype=float)

    def shown(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table in the units that are fitted."""
        with np.errstate(over="ignore"):
            return table.assign(**{name: table[name] * unit for name, unit in self.units.items() if name in table})

    def table(self, seed: int) -> pd.DataFrame:
        """The runs as the user brings them."""
        rng, faults = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
        law = self.definition
        on_link = law.link.forward(np, self.mean(self.inputs)) + self.noise * rng.standard_normal(len(self.inputs))
        return self.change(self.shown(self.inputs.assign(**{law.outcome: law.link.inverse(on_link)})), faults)

    @property
    def point(self) -> pd.DataFrame:
        """The run to forecast, ten times beyond the largest, in the units of the known parameters."""
        largest = self.inputs.iloc[[int(np.log(self.inputs).sum(axis=1).argmax())]]
        if "board_size" in largest:
            return largest.assign(C=largest["C"] * FORWARD)
        return largest * FORWARD ** (1 / largest.shape[1])

    def true_optimum(self) -> tuple[float, float]:
        """N that is best at ten times the largest compute, and that compute, in the units that are fitted."""
        budget = 6 * self.point["N"].item() * self.point["D"].item()
        parameters = {name: np.array([value]) for name, value in self.known.items()}
        best = law_optimum(self.definition, parameters, np.array([budget])).item()
        unit_n, unit_d = (self.units.get(name, 1.0) for name in ("N", "D"))
        return best * unit_n, budget * unit_n * unit_d


def changed(column: str, rows: slice | Sequence[int], factor: float) -> Change:
    """Rows whose column is off by a factor."""

    def change(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        values = table[column].to_numpy(copy=True)
        values[rows] *= factor
        return table.assign(**{column: values})

    return change


def outliers(signs: Sequence[int]) -> Change:
    """A tenth of the rows off by ten times the noise."""

    def change(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        rows = rng.permutation(len(table))[: round(0.1 * len(table))]
        off = np.zeros(len(table))
        off[rows] = 10 * NOISE * rng.choice(signs, len(rows))
        return table.assign(loss=table["loss"] * np.exp(off))

    return change


def constant(value: float, spread: float = 0.0) -> Change:
    """Losses that do not depend on anything."""
    return lambda table, rng: table.assign(loss=value * (1 + spread * rng.standard_normal(len(table))))


def rising(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Losses that grow with N."""
    return table.assign(loss=2 * (table["N"] / table["N"].min()) ** 0.05)


def with_loss(value: float) -> Change:
    """The largest run has another loss."""
    return lambda table, rng: table.assign(loss=[*table["loss"].iloc[:-1], value])


def with_dtype(kind: str) -> Change:
    """Inputs as integers, or everything as short floats."""
    columns = ["N", "D"] if kind == "int64" else ["N", "D", "loss"]
    return lambda table, rng: table.astype(dict.fromkeys(columns, kind))


def copies(n: int) -> Change:
    """Every row several times."""
    return lambda table, rng: pd.concat([table] * n, ignore_index=True)


def one_point_again(n: int) -> Change:
    """One run copied into the table many times."""
    return lambda table, rng: pd.concat([table, *[table.iloc[[7]]] * n], ignore_index=True)


def spread(rows: int) -> pd.DataFrame:
    """Some of the clean table's runs, from its corners inwards."""
    return TWO.iloc[[0, 35, 5, 30, 14][:rows]]


def ray(n: int = 36) -> pd.DataFrame:
    """Runs of twenty tokens per parameter."""
    sizes = np.geomspace(5e7, 5e9, n)
    return pd.DataFrame({"N": sizes, "D": 20 * sizes})


def cases() -> list[Case]:
    """Every table of the benchmark."""
    wide = grid(N=np.geomspace(1, 1e15, 6), D=np.geomspace(1, 1e15, 6))
    return [
        Case(group="Clean tables", name="Chinchilla"),
        *(Case(group="Clean tables", name=law, law=law) for law in ("tied", "kaplan_nd", "skaling")),
        *(Case(group="Clean tables", name=law, law=law, inputs=ONE) for law in ("power_law", "m3")),
        *(Case(group="Clean tables", name=law, law=law, inputs=COMPUTE) for law in ("sigmoid_accuracy", "energy")),
        Case(group="Clean tables", name="board_elo", law="board_elo", inputs=BOARDS, noise=50.0),
        Case(group="Inputs", name="N and D 1 .. 1e15", inputs=wide),
        Case(group="Inputs", name="N and D 1 .. 1e15, kaplan_nd", law="kaplan_nd", inputs=wide),
        Case(group="Inputs", name="x 1e-15 .. 1e15, power_law", law="power_law",
             inputs=grid(x=np.geomspace(1e-15, 1e15, 25))),
        Case(group="Inputs", name="x 1e-15 .. 1e15, m3", law="m3", inputs=grid(x=np.geomspace(1e-15, 1e15, 25))),
        Case(group="Inputs", name="C 1e6 .. 1e36, sigmoid", law="sigmoid_accuracy",
             inputs=grid(C=np.geomspace(1e6, 1e36, 25))),
        Case(group="Inputs", name="N 1e-5 .. 1e-3", units={"N": 1e-12}),
        Case(group="Inputs", name="N and D in billions", units={"N": 1e-9, "D": 1e-9}),
        Case(group="Inputs", name="N and D times 1e-5", units={"N": 1e-5, "D": 1e-5}),
        Case(group="Inputs", name="N and D times 1e6", units={"N": 1e6, "D": 1e6}),
        Case(group="Inputs", name="N times 1e-30, D times 1e30", units={"N": 1e-30, "D": 1e30}),
        Case(group="Inputs", name="N times 1e300", units={"N": 1e300}),
        Case(group="Inputs", name="N times 1e290", units={"N": 1e290, "D": 1e-30}),
        Case(group="Inputs", name="N times 1e-300, D times 1e-30", units={"N": 1e-300, "D": 1e-30}),
        Case(group="Inputs", name="one N in billions", change=changed("N", [20], 1e-9)),
        Case(group="Inputs", name="one D off by 1000", change=changed("D", [20], 1e3)),
        Case(group="Outcomes", name="y times 1e15, power_law", law="power_law", inputs=ONE, units={"y": 1e15}),
        Case(group="Outcomes", name="y times 1e-15, power_law", law="power_law", inputs=ONE, units={"y": 1e-15}),
        Case(group="Outcomes", name="y over 14 decades, power_law", law="power_law",
             truth={"A": 1e14, "exponent": 2.0}, inputs=grid(x=np.geomspace(1, 1e7, 25))),
        Case(group="Outcomes", name="joules over 30 decades", law="energy", inputs=grid(C=np.geomspace(1e6, 1e36, 25))),
        Case(group="Outcomes", name="joules given in MWh", law="energy", inputs=COMPUTE, units={"joules": 1 / 3.6e9}),
        Case(group="Outcomes", name="Elo up by 5000", law="board_elo", inputs=BOARDS, noise=50.0,
             change=lambda table, rng: table.assign(elo=table["elo"] + 5000)),
        Case(group="Outcomes", name="Elo of noise 1e-3", law="board_elo", inputs=BOARDS, noise=1e-3),
        Case(group="Outcomes", name="loss 0.05 + tiny terms", truth={"E": 0.05, "A": 4.8, "B": 20.8}),
        Case(group="Outcomes", name="loss times 1000", units={"loss": 1e3}),
        Case(group="Outcomes", name="loss times 1e-6", units={"loss": 1e-6}),
        *(Case(group="Noise", name=f"noise {size:g}", noise=size) for size in (1e-4, 1e-6, 1e-9, 1e-12, 0.0)),
        Case(group="Noise", name="noise 30 %", noise=0.3),
        Case(group="Noise", name="noise of a factor 10", noise=float(np.log(10))),
        Case(group="Noise", name="noise 1e-6, kaplan_nd", law="kaplan_nd", noise=1e-6),
        Case(group="Noise", name="noise 0, power_law", law="power_law", inputs=ONE, noise=0.0),
        *(Case(group="Designs", name=f"{n} run{'s' * (n > 1)}", inputs=spread(n)) for n in (5, 4, 2, 1)),
        Case(group="Designs", name="every row twice", change=copies(2)),
        Case(group="Designs", name="every row ten times", change=copies(10)),
        Case(group="Designs", name="one row 20 times more", change=one_point_again(20)),
        Case(group="Designs", name="D = 20 N", inputs=ray()),
        Case(group="Designs", name="D = 20 N, noise 1e-6", inputs=ray(), noise=1e-6),
        Case(group="Designs", name="all N equal", inputs=grid(N=[1e9], D=np.geomspace(1e9, 1e11, 36))),
        Case(group="Designs", name="all D equal", inputs=grid(N=np.geomspace(5e7, 5e9, 36), D=[1e10])),
        Case(group="Designs", name="two points, 18 runs each", inputs=pd.concat([spread(2)] * 18, ignore_index=True)),
        Case(group="Losses", name="constant loss", change=constant(3.0)),
        Case(group="Losses", name="constant loss but for 1e-9", change=constant(3.0, 1e-9)),
        Case(group="Losses", name="constant loss but for 1e-3", change=constant(3.0, 1e-3)),
        Case(group="Losses", name="loss rises with N", change=rising),
        Case(group="Losses", name="10 sigma, 10 % of rows, up", change=outliers([1])),
        Case(group="Losses", name="10 sigma, 10 % of rows, both ways", change=outliers([-1, 1])),
        Case(group="Losses", name="one loss off by 1e6", change=changed("loss", [20], 1e6)),
        Case(group="Losses", name="one loss off by 1e-6", change=changed("loss", [20], 1e-6)),
        Case(group="Losses", name="largest run diverged to 11 nats", change=with_loss(11.0)),
        Case(group="Losses", name="largest run diverged to infinity", change=with_loss(np.inf)),
        Case(group="Types", name="int64 columns", change=with_dtype("int64")),
        Case(group="Types", name="float32 columns", change=with_dtype("float32")),
    ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Outcome of one table."""

    case: str
    group: str
    learns_error: bool
    seed: int
    status: str
    said: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    engine: str = ""
    pareto_k: float | None = None
    ess: float | None = None
    cpu_seconds: float = 0.0
    inside_90: Mapping[str, bool] = field(default_factory=dict)
    inside_99: Mapping[str, bool] = field(default_factory=dict)
    widths: Mapping[str, float] = field(default_factory=dict)
    medians: Mapping[str, float] = field(default_factory=dict)


def tried(case: Case, learns_error: bool, seed: int) -> Outcome:
    """Fit a table, forecast and compute the optimum, and record the outcome."""
    start = time.process_time()
    about: dict[str, Any] = {"case": case.name, "group": case.group, "learns_error": learns_error, "seed": seed}
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        try:
            found = _fitted(case, learns_error, seed)
        except BayescaleError as error:
            found = {"status": "refused", "said": (str(error),)}
        except Exception as error:  # what a user would see as a traceback is the worst result, not the end of the study
            found = {"status": "BROKEN", "faults": (f"{type(error).__name__}: {error}",)}
    cpu = time.process_time() - start
    faults = (*found.pop("faults", ()), *{f"leaked {item.category.__name__}: {item.message}" for item in leaked})
    slow = (f"{cpu:.0f} CPU s",) if cpu > LONGEST else ()
    return Outcome(**about, **found, faults=(*faults, *slow), cpu_seconds=cpu)


def _fitted(case: Case, learns_error: bool, seed: int) -> dict[str, Any]:
    law = case.definition
    fitted = bs.fit(case.law, case.table(seed), discrepancy=learns_error, seed=seed)
    said = list(fitted.warnings)
    drawn: dict[str, Array] = {}
    true: dict[str, float] = {}
    floor = next((name for name in ("E", "floor") if name in case.known and name in fitted.parameters), None)
    if floor:
        drawn["E"], true["E"] = fitted.parameters[floor], case.known[floor] * case.units.get(law.outcome, 1.0)
    point = case.shown(case.point)
    bands = bs.forecast(fitted, **{name: point[name].to_numpy() for name in law.input_names})
    said += [text for text in bands.warnings if text not in said]
    drawn["forecast"] = bands.draws["latent"].to_numpy().ravel()
    true["forecast"] = case.mean({k: case.point[k].to_numpy() for k in case.point}).item() * case.units.get(
        law.outcome, 1.0
    )
    arrays = [*fitted.parameters.values(), *(values.to_numpy() for values in bands.draws.data_vars.values())]
    if {"N", "D"} <= set(law.input_names):
        true["N"], budget = case.true_optimum()
        try:
            best = bs.plan(fitted, budget=budget)
        except BayescaleError as error:
            said.append(f"optimum refused: {error}")
            del true["N"]
        else:
            said += [text for text in best.warnings if text not in said]
            arrays += [values.to_numpy() for values in best.draws.data_vars.values()]
            drawn["N"] = best.draws["N"].to_numpy().ravel()
    unsound = not all(np.isfinite(values).all() for values in arrays)
    scale = {name: (lambda z: z) if law.link.domain == "real" and name == "forecast" else np.log for name in drawn}
    quantiles = {name: np.quantile(values, [0.005, 0.05, 0.5, 0.95, 0.995]) for name, values in drawn.items()}
    with np.errstate(all="ignore"):
        widths = {name: float(scale[name](q[3]) - scale[name](q[1])) for name, q in quantiles.items()}
    return {
        "status": "certified" if fitted.certified else "UNCERTIFIED",
        "said": tuple(said),
        "faults": ("infinite or undefined results",) * unsound,
        "engine": fitted.record.engine,
        "pareto_k": fitted.diagnostics.pareto_k,
        "ess": fitted.diagnostics.ess_min,
        "inside_90": {name: bool(q[1] <= true[name] <= q[3]) for name, q in quantiles.items()},
        "inside_99": {name: bool(q[0] <= true[name] <= q[4]) for name, q in quantiles.items()},
        "widths": widths,
        "medians": {name: float(q[2]) for name, q in quantiles.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="part of a case's name")
    parser.add_argument("--seeds", type=int, default=5, help="tables of each case at most")
    options = parser.parse_args()
    chosen = [case for case in cases() if options.only in case.name]
    found = [outcome for case in chosen for learns in (True, False) for outcome in _seeds(case, learns, options.seeds)]
    text = report(found, options.seeds)
    if options.only:
        print(text)
    else:
        keep("numerical_range", text, [vars(outcome) for outcome in found])


def _seeds(case: Case, learns_error: bool, most: int) -> list[Outcome]:
    """Outcomes of a case's tables, until they have taken long enough."""
    found: list[Outcome] = []
    while len(found) < most and sum(outcome.cpu_seconds for outcome in found) < CPU_SECONDS:
        found.append(tried(case, learns_error, seed=len(found)))
        if found[-1].status == "refused":
            break
    print(row(found, {}), *found[-1].faults, sep="\n  ", file=sys.stderr, flush=True)
    return found


def report(found: Sequence[Outcome], seeds: int) -> str:
    """The table, and below it the messages to users."""
    clean = {o.learns_error: _widths(_of(found, "Chinchilla", o.learns_error)) for o in found}
    blocks, told = [HEADER], []
    for name in dict.fromkeys(outcome.case for outcome in found):
        first = next(outcome for outcome in found if outcome.case == name)
        if f"\n{first.group}" not in blocks:
            blocks.append(f"\n{first.group}")
        each = [_of(found, name, learns) for learns in (True, False)]
        blocks += [row(outcomes, clean.get(outcomes[0].learns_error, {})) for outcomes in each if outcomes]
        told += _told(name, each)
    counts = Counter(outcome.status for outcome in found)
    faults = Counter(fault for outcome in found for fault in outcome.faults)
    return "\n".join(
        [
            f"{len(found)} fits of up to {seeds} tables a case; {machine()}",
            *wrap(LEGEND, 118),
            "",
            *blocks,
            "",
            ", ".join(f"{status} {count}" for status, count in counts.items())
            + f"; longest fit {max(outcome.cpu_seconds for outcome in found):.0f} CPU s; broken, infinite, leaked or "
            f"too slow: {sum(faults.values())}",
            *(f"  {count} x {fault}" for fault, count in faults.items()),
            "",
            "What is said of the first table of each case, cut to a line",
            *told,
        ]
    )


LEGEND = (
    "error: yes, the default, learns model discrepancy; no assumes an exact law. ok: certified fits of those made. "
    "nuts: fits that fell back to NUTS. k-hat, ESS: the worst. E, fore, N*: tables whose 90 % interval contains the "
    "truth (99 %), of those made, for the floor, the law at ten times the largest compute, and the optimum there. "
    "wide: width of the 90 % interval of the forecast and of N* (in logs; Elo as it is) over that of the clean "
    "Chinchilla tables."
)
HEADER = (
    f"{'table':33} {'error':5} {'ok':>6} {'nuts':>4} {'k-hat':>6} {'ESS':>6} {'CPU s':>6} "
    f"{'E':>9} {'fore':>9} {'N*':>9} {'wide':>6} {'N*':>6}"
)


def row(outcomes: Sequence[Outcome], clean: Mapping[str, float]) -> str:
    """One line of the table."""
    first = outcomes[0]
    head = f"{first.case:33} {'yes' if first.learns_error else 'no':5}"
    if first.status in ("refused", "BROKEN"):
        return f"{head} {first.status}"
    made = [outcome for outcome in outcomes if outcome.engine]
    certified = sum(outcome.status == "certified" for outcome in made)
    k_hats = [outcome.pareto_k for outcome in made if outcome.pareto_k is not None]
    widths = _widths(made)
    ratios = [f"{widths[name] / clean[name]:6.2g}" if name in clean and name in widths else " " * 6
              for name in ("forecast", "N")]  # fmt: skip
    return " ".join(
        [
            f"{head} {f'{certified}/{len(outcomes)}':>6}",
            f"{sum(outcome.engine == 'nuts' or outcome.status == 'UNCERTIFIED' for outcome in made):4}",
            f"{max(k_hats):6.2f}" if k_hats else " " * 6,
            f"{min(outcome.ess or 0.0 for outcome in made):6.0f}",
            f"{np.mean([outcome.cpu_seconds for outcome in outcomes]):6.1f}",
            *(_covered(made, name) for name in INTERVALS),
            *ratios,
        ]
    ).rstrip()


def _covered(made: Sequence[Outcome], name: str) -> str:
    of = [outcome for outcome in made if name in outcome.inside_90]
    if not of:
        return " " * 9
    at_90, at_99 = (sum(held[name] for held in each) for each in ([o.inside_90 for o in of], [o.inside_99 for o in of]))
    return f"{f'{at_90} ({at_99})/{len(of)}':>9}"


def _widths(outcomes: Sequence[Outcome]) -> dict[str, float]:
    made = [outcome for outcome in outcomes if outcome.widths]
    names = {name for outcome in made for name in outcome.widths}
    return {name: float(np.median([o.widths[name] for o in made if name in o.widths])) for name in names}


def _of(found: Sequence[Outcome], name: str, learns_error: bool) -> list[Outcome]:
    return [outcome for outcome in found if outcome.case == name and outcome.learns_error == learns_error]


def _told(name: str, each: Sequence[Sequence[Outcome]]) -> list[str]:
    first = [outcomes[0] for outcomes in each if outcomes]
    texts = {text[:_ALIKE]: text for outcome in reversed(first) for text in reversed(outcome.said)}
    lines = [f"  - {shorten(text, 112, placeholder=' ...')}" for text in reversed(texts.values())]
    return [name, *lines] if lines else []


if __name__ == "__main__":
    main()
