"""Chinchilla's run compared with Gopher's, at about equal compute, under every law of N and D and under their mixture.

``P`` is the probability that 70B parameters on 1.4T tokens have a lower loss than 280B on 300B, in expectation and with
the noise of one run of each; the optimum is at Gopher's compute. Run it as ``python benchmarks/gopher.py``.
"""

import pandas as pd
from reporting import keep, machine

import bayescale as bs
from bayescale.laws.catalog import law_names, load_law

CHINCHILLA, GOPHER = {"N": 70e9, "D": 1.4e12}, {"N": 280e9, "D": 300e9}
TABLE = "chinchilla"


def main() -> None:
    laws = [name for name in law_names() if _suits(load_law(name))]
    rows = []
    for name in (*laws, "auto"):
        for discrepancy in (True, False):
            fitted = bs.fit(name, TABLE, discrepancy=discrepancy)
            compared = bs.versus(fitted, CHINCHILLA, GOPHER)
            optimal = bs.plan(fitted, budget=6 * GOPHER["N"] * GOPHER["D"]).draws["tokens_per_parameter"]
            probability, of_runs = compared.probabilities.values()
            low, middle, high = compared.draws["difference"].quantile([0.05, 0.5, 0.95]).to_numpy()
            rows.append(
                {
                    "law": name,
                    "law may be wrong": "yes" if discrepancy else "no",
                    "P": probability,
                    "P of one run of each": of_runs,
                    "difference (nats/token)": f"{middle:.3f} [{low:.3f}, {high:.3f}]",
                    "optimal tokens/parameter": f"{float(optimal.median()):.3g}",
                    "certified": "yes" if fitted.certified else "NO",
                }
            )
    table = pd.DataFrame(rows)
    text = "\n\n".join([f"On the {TABLE} runs; {machine()}", table.to_string(index=False, float_format="%.4f")])
    keep("gopher", text, rows)


def _suits(law: bs.Law) -> bool:
    """Whether it is a law of the loss of language models in N and D alone."""
    return set(law.input_names) == {"N", "D"} and not law.settings and law.outcome == "loss"


if __name__ == "__main__":
    main()
