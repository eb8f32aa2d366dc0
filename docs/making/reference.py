"""The reference: a page for each public name, in groups."""

import inspect
import re
from collections.abc import Iterator

import bayescale as bs
from making.markdown import ORPHAN, table

_GROUPS = """
Runs: Runs load_dataset dataset_names check Check best_runs mean_runs count_flops tell_checkpoints
Fit: fit Fit Ensemble Pooled fit_chain Chain fit_domains Domains Options save load
Forecast and plan: forecast Forecast plan Answer versus Cost best_mixture
Decide: compare_recipes floor_effect limits Limits next_dollar optimal_by_approach ApproachesCompared scale_up
Choose the next runs: next_runs Design LossAt OptimumAt WhichLaw
Priors and evidence: Prior elicit draw_prior prior_predictive Bounded Measured OtherRun Published pull
Check a fit: posterior_predictive Replicates calibration Calibration recover Recovery Replicate
Test forecasts: backtest Backtest compare Comparison register Registered
Show: plots write_report
Laws: Law law_names load_law Parameter Derived Input Setting PublishedFit Values PARAMETERS TOKENS power
Links: LOG LOGIT IDENTITY
Families that laws are made from: accuracies additive breaks curves growth lines perplexities routed
Errors: BayescaleError
"""
GROUPS = {title: names.split() for title, _, names in (line.partition(":") for line in _GROUPS.strip().splitlines())}
"""Public names by what they are for; each name of the package is in one group."""


def write() -> Iterator[tuple[str, str]]:
    """Names of pages, and their text.

    Raises
    ------
    ValueError
        If a public name is in no group, or a group names what is not public.
    """
    grouped = [name for names in GROUPS.values() for name in names]
    if sorted(grouped) != sorted(bs.__all__):
        raise ValueError(
            f"docs/making/reference.py: put each public name into one group: {set(grouped) ^ set(bs.__all__)}"
        )
    parts = [_HEAD]
    for title, names in GROUPS.items():
        rows = [{"name": f"[`{name}`]({name}.md)", "what it is or does": summary(name)} for name in names]
        parts.append(f"## {title}\n\n{table(rows)}")
    yield "api/index", "\n\n".join(parts) + "\n"
    for name in grouped:
        yield (
            f"api/{name}",
            f"{ORPHAN}[All names](index.md)\n\n# `{name}`\n\n```{{eval-rst}}\n{_directive(name)}\n```\n",
        )


_HEAD = """# Python reference

Everything public is a name of `bayescale`, loaded on first use:

```python
import bayescale as bs
```"""


def summary(name: str) -> str:
    """The first line of the documentation of a name."""
    value = getattr(bs, name)
    if name in _DATA:
        return _DATA[name]
    line = (inspect.getdoc(value) or "").partition("\n")[0]
    return re.sub(r":\w+:(?=`)", "", line).replace("``", "`")


_DATA = {
    "PARAMETERS": "The input `N`, model parameters.",
    "TOKENS": "The input `D`, training tokens.",
    "LOG": "The link of positive outcomes, such as losses.",
    "LOGIT": "The link of fractions, such as accuracies.",
    "IDENTITY": "The link of outcomes without bounds, such as ratings.",
    "Values": "Arrays or tensors by name: inputs (`N`, `D` ...) or parameters.",
}
"""What public values are; they have no documentation of their own."""


def _directive(name: str) -> str:
    value = getattr(bs, name)
    if name in _DATA:
        return f".. py:data:: bayescale.{name}\n\n   {_DATA[name].replace('`', '``')}"
    if inspect.ismodule(value):
        return f".. automodule:: {value.__name__}\n   :members:"
    if inspect.isclass(value):
        return f".. autoclass:: bayescale.{name}\n   :members:"
    return f".. autofunction:: bayescale.{name}"
