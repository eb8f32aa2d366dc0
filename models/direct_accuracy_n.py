"""Accuracy directly from parameters alone: minus its logarithm falls as a power (Krajewski et al. 2025, of compute)."""

from bayescale import Law, accuracies

LAW = Law(
    name="direct_accuracy_n",
    title="Accuracy directly from parameters",
    formula="exp(-A N^-a)",
    citation="Krajewski et al. 2025, arXiv:2512.08894, of compute",
    decision="Accuracy of a larger model of a family whose members differ in parameters alone.",
    failure="Has neither chance level nor ceiling, so runs at chance do not follow it.",
    **accuracies.direct_alone(accuracies.SIZE),
)
