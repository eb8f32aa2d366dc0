"""Accuracy as a sigmoid of the logarithm of data alone, between chance and a ceiling."""

from bayescale import Law, accuracies

LAW = Law(
    name="sigmoid_accuracy_d",
    title="Sigmoid of data",
    formula="chance + (1 - chance) (1 - missed) / (1 + (D_mid/D)^k)",
    citation="A common form; of compute in Ruan, Maddison, Hashimoto 2024, arXiv:2405.10938",
    decision="Accuracy of a larger model of a family whose members differ in data alone.",
    failure="The start of the rise is unknown while all models guess; includes what else grows with it.",
    **accuracies.sigmoid_alone(accuracies.DATA),
)
