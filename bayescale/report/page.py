"""The report as one file: gather its content, and render it so that no text of the user becomes markup.

The page needs no network, and its Content-Security-Policy allows only its two scripts, by their hashes: nothing else
can run in it, whatever the names in a table contain.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from bayescale.basics.errors import LawError
from bayescale.basics.extras import check_extra
from bayescale.basics.files import check_output, replacing
from bayescale.basics.intervals import DEFAULT_MASS
from bayescale.planning.allocation import checked_budgets, optimum
from bayescale.planning.answers import Answer
from bayescale.planning.costs import Cost
from bayescale.posterior.ensembles import Ensemble, Posterior, first_fit, members
from bayescale.report.checks import checks_section, replicated
from bayescale.report.comparisons import backtest_section, comparison_section
from bayescale.report.content import BAD, GOOD, OPEN, Content, Section
from bayescale.report.doubts import doubts, grouped
from bayescale.report.headline import headline
from bayescale.report.methods import check_given, methods_tables
from bayescale.report.planner import planner_document
from bayescale.report.sections import (
    data_section,
    law_section,
    plan_section,
    posterior_section,
    source_section,
)
from bayescale.report.typesetting import Math, spelt, typeset

if TYPE_CHECKING:
    from bayescale.validation.backtesting import Backtest
    from bayescale.validation.comparison import Comparison

BUDGETS = (5.76e23, 1e26)
"""FLOP of Chinchilla, and of about the largest training runs of 2026."""
ENDINGS = (".html", ".htm")
MARKS = {GOOD: ("✓", "Supported:"), OPEN: ("?", "Not examined:"), BAD: ("!", "Doubtful:")}
"""Sign of a finding's state, and what a screen reader says for it."""
SCRIPTS = ("planner.js", "planner_view.js", "page.js")


def write_report(
    fit: Posterior,
    path: str | Path,
    *,
    budgets: ArrayLike = BUDGETS,
    ci_prob: float = DEFAULT_MASS,
    seed: int = 0,
    cost: Cost | None = None,
    given: Mapping[str, str] | None = None,
    backtested: "Backtest | None" = None,
    compared: "Comparison | None" = None,
    command: str = "",
) -> Path:
    """Write a posterior's report: one HTML file that needs no network, with an interactive planner for laws of N and D.

    Parameters
    ----------
    fit : Fit or Ensemble
    path : path
        Ends in ``.html``; an existing file stays intact until the new one is complete.
    budgets : sequence of float
        Training compute (FLOP) that the answer is for.
    ci_prob : float
        Mass of the intervals.
    seed : int
        Seed of the noise and the model discrepancy.
    cost : Cost, optional
        Prices for the planner; by default an H100 at public prices.
    given : mapping of str, optional
        What the user discloses about the runs, by the names in ``bayescale.report.methods.ITEMS``.
    backtested : Backtest, optional
        Result of :func:`bayescale.backtest` to include.
    compared : Comparison, optional
        Result of :func:`bayescale.compare` to include.
    command : str
        Command that reproduces the report.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    OutputError
        If the file cannot be written.
    LawError
        If ``given`` holds an unknown item, or a budget is not positive and finite.

    Examples
    --------
    >>> import tempfile
    >>> from bayescale import fit
    >>> posterior = fit("chinchilla", "chinchilla", discrepancy=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_report(posterior, Path(folder) / "report.html", budgets=[1e24]).read_text(encoding="utf-8")
    >>> "With 1×10<span" in page
    True
    """
    path = Path(path)
    check_output(path, ENDINGS)
    check_extra("report", str(path))
    content = report_content(
        fit,
        budgets=budgets,
        ci_prob=ci_prob,
        seed=seed,
        cost=cost,
        given=given,
        backtested=backtested,
        compared=compared,
        command=command,
    )
    page = render(content)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="backslashreplace", newline="\n")
    return path


def report_content(
    fit: Posterior,
    *,
    budgets: ArrayLike = BUDGETS,
    ci_prob: float = DEFAULT_MASS,
    seed: int = 0,
    cost: Cost | None = None,
    given: Mapping[str, str] | None = None,
    backtested: "Backtest | None" = None,
    compared: "Comparison | None" = None,
    command: str = "",
) -> Content:
    """Content of the report; arguments as for :func:`write_report`."""
    check_given(given or {})
    asked = checked_budgets(budgets).tolist()
    best, planner, refusal = _planned(fit, asked, cost or Cost(), ci_prob, seed)
    by_law = _by_law(fit, best, asked, seed)
    first = headline(fit, best, asked, ci_prob, seed)
    checked = replicated(fit, ci_prob, seed)
    comparison = comparison_section(fit, by_law, compared, ci_prob)
    backtest = backtest_section(backtested)
    name = Path(fit.dataset).name
    return Content(
        title=f"Scaling of {fit.outcome} on {name}",
        subtitle=_subtitle(fit),
        answer=first.findings,
        reading=f"The first number is the median. The brackets are {ci_prob:.0%} intervals: they include what the runs "
        "leave open, what the law may miss if it is not taken as true, and the noise of a run.",
        figure=first.figure,
        certified=fit.certified,
        doubts=doubts(fit, first.reach, by_law, checked, backtested, ci_prob),
        warnings=first.warnings,
        notes=fit.notes,
        sections=(
            plan_section(fit, best, refusal, ci_prob),
            checks_section(fit, checked, ci_prob),
            _with_command(comparison, compared is None, command, "compare"),
            _with_command(backtest, backtested is None, command, "backtest"),
            data_section(fit),
            law_section(fit),
            posterior_section(fit, ci_prob),
            Section("methods", "Methods", tables=methods_tables(fit, checked, given or {}, backtested, ci_prob)),
            source_section(fit, command),
        ),
        planner=planner,
    )


def _subtitle(fit: Posterior) -> str:
    titles = " and ".join(member.law.title for member in members(fit).values())
    day = datetime.fromisoformat(first_fit(fit).record.created_at)
    mixed = "A mixture of " if isinstance(fit, Ensemble) else ""
    return f"{mixed}{titles}, fitted to {len(fit.runs):,} runs of {Path(fit.dataset).name} on {day.day} {day:%B %Y}"


def _by_law(fit: Posterior, best: Answer | None, budgets: Sequence[float], seed: int) -> dict[str, Answer]:
    """The plan of each law of an ensemble, if there is a plan."""
    if best is None or not isinstance(fit, Ensemble):
        return {}
    return {name: optimum(member, budgets, seed=seed) for name, member in fit.members.items()}


def render(content: Content) -> str:
    """Render the content of a report as a page.

    Examples
    --------
    >>> from bayescale.report.content import Finding
    >>> page = render(Content("<b>", "", (Finding("", "1 < 2"),), "", None, True, (), (), (), ()))
    >>> "<h1>&lt;b&gt;</h1>" in page, "1 &lt; 2" in page
    (True, True)
    """
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    folder = files("bayescale.report")
    read = {name: (folder / name).read_text(encoding="utf-8") for name in ("template.html", "style.css")}
    plotly = get_plotlyjs()
    script = "\n".join(['"use strict";', *((folder / name).read_text(encoding="utf-8") for name in SCRIPTS)])
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"typeset": lambda text: Markup(typeset(text)), "spelt": spelt}
    environment.tests["formula"] = lambda text: isinstance(text, Math)
    # Markup comes only from this package, and JSON has its angle brackets and ampersands escaped.
    return environment.from_string(read["template.html"]).render(
        content=content,
        warnings=grouped(content.warnings),
        marks=MARKS,
        reading=content.reading,
        version=version("bayescale"),
        policy=_policy(script, plotly),
        style=Markup(read["style.css"]),
        script=Markup(script),
        plotly=Markup(base64.b64encode(gzip.compress(plotly.encode(), mtime=0)).decode("ascii")),
        figures=Markup(_json({figure.name: figure.plot for figure in content.figures})),
        planner=Markup(_json(content.planner)),
        thinning=_thinning(content.planner),
    )


def _planned(
    fit: Posterior, budgets: Sequence[float], cost: Cost, ci_prob: float, seed: int
) -> tuple[Answer | None, dict[str, Any] | None, str]:
    """The best runs, the input of the planner, and the reason if either is missing."""
    law, best = first_fit(fit).law, None
    if not {"N", "D"} <= set(law.input_names):
        return None, None, f"law {law.name!r} reads {', '.join(law.input_names)}, and a plan needs a law of N and D"
    try:
        best = optimum(fit, budgets, seed=seed)
        if not law.falls:
            return best, None, f"it is for outcomes of which lower values are better, and {law.outcome} is none"
        return best, planner_document(fit, budgets, cost, best.draws, mass=ci_prob, seed=seed), ""
    except LawError as error:
        return best, None, str(error)


def _with_command(section: Section, missing: bool, command: str, study: str) -> Section:
    """The section with what adds a study that was not made: an option of the command, or a call of Python."""
    if not missing:
        return section
    if command:
        return replace(section, lead="This command adds it:", command=f"{command} --{study}")
    argument = {"compare": "compared=compare(laws, runs)", "backtest": "backtested=backtest(law, runs)"}[study]
    return replace(section, lead="This call adds it:", command=f"write_report(fit, path, {argument})")


def _thinning(planner: Mapping[str, Any] | None) -> str:
    if planner is None:
        return ""
    shares = ", ".join(f"{share:.1%} for {name}" for name, share in planner["thinning"].items())
    draws = planner["shape"][0]
    return (
        f"The planner holds {draws} of the posterior's draws, and new draws of the model discrepancy: its medians "
        f"and ends of intervals differ from those of the plan above by a Monte Carlo error of at most {shares} (one "
        f"standard deviation). Compute is {planner['count']}, serving 2 N a token. Prices are drawn too "
        f"({planner['prices']})."
    )


def _policy(*scripts: str) -> str:
    """A Content-Security-Policy that lets these scripts run, and allows no loading."""
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'"
    )


def _json(value: object) -> str:
    """JSON that is safe in a script element: characters that could end the element or a line are escaped."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
