"""Open LLM Leaderboard scores (Polo et al. 2024, arXiv:2412.06540): the largest models of six families from the others.

Tables, split and published errors are those of github.com/felipemaiapolo/statistical-scaling-law (commit ec189676):
absolute errors over all 102 scores of the eleven models, clipped to [0.001, 0.999] as there. Published methods fit all
286 models; scores of the second leaderboard are on two scales there, and we fit the rows on that of the models to
forecast. Lower bounds of scores are the published ones, as chance.

Our default reads compute alone: the models of all families are one table, each score by itself. Beside it one law of
it is shown, and the same law with the middle of the rise pooled by family, for all families and for the six alone.
"""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from public.scoring import DEFAULT, Task

LAW = "sigmoid_accuracy"
CHANCE = {
    "arc": 0.25,
    "hellaswag": 0.25,
    "mmlu": 0.25,
    "truthfulqa": 0.31,
    "winogrande": 0.5,
    "gsm8k": 0.0,
    "ifeval": 0.0,
    "bbh": 0.0,
    "math": 0.0,
    "mmlu_pro": 0.1,
    "gpqa": 0.25,
    "musr": 0.0,
}
"""Lower bound of each score; none is published for ``bbh`` and ``musr``."""
SECOND = ("ifeval", "bbh", "math", "mmlu_pro", "gpqa", "musr")
"""Scores of the second leaderboard."""
LEAST, MOST = 0.001, 0.999
PUBLISHED = {
    "FLOP": 0.142,
    "size and tokens": 0.110,
    "family and FLOP": 0.048,
    "family, size and tokens": 0.061,
    "simple Sloth, best of four": 0.070,
    "Sloth, best of four": 0.059,
    "observational, best of four": 0.071,
}
"""Mean absolute errors, as the authors' notebook prints them."""


def tasks(folder: Path) -> list[Task]:
    """All scores as one task, whose groups are the scores, with all models and with those of the six families."""
    models = pd.read_csv(folder / "models.csv")
    train, test = (_scores(models[models["split"] == split]) for split in ("train", "test"))
    asked = Task(
        name="all models",
        train=train,
        test=test,
        inputs=("C", "chance"),
        outcome="accuracy",
        laws=(DEFAULT,),
        metric="MAE",
        published=PUBLISHED,
    )
    own = train[train["family"].isin(test["family"])]
    by_name = replace(asked, name="all models, one law", laws=(LAW,))
    pooled = replace(by_name, name="all models, pooled", pool=("log_odds_centre",))
    return [asked, by_name, pooled, replace(pooled, name="six families, pooled", train=own)]


def _scores(models: pd.DataFrame) -> pd.DataFrame:
    """One row for each model and score that it has."""
    parts = []
    for score, chance in CHANCE.items():
        usable = models[score].notna() & ((models["v2_scale"] == "raw") | (score not in SECOND))
        rows = models.loc[usable, ["family", "C", score]].rename(columns={score: "accuracy"})
        parts.append(rows.assign(group=score, chance=chance, accuracy=rows["accuracy"].clip(LEAST, MOST)))
    return pd.concat(parts, ignore_index=True)
