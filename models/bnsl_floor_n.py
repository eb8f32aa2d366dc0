"""Loss as a broken power law of model parameters alone, with a floor and one break (Caballero et al. 2022)."""

from bayescale import PARAMETERS, Law, breaks

LAW = Law(
    name="bnsl_floor_n",
    title="Broken power law with a floor, model parameters alone",
    formula="a + b N^-c0 (1 + (N/d1)^(1/f))^(-c1 f), c1 = exponent_1 - exponent_0",
    citation="Caballero et al. 2022, arXiv:2210.14891",
    decision="How far a loss goes on that falls at once after a plateau.",
    failure="Only the prior knows a break that the runs have not passed, and a floor that they are far from.",
    **breaks.one_break(PARAMETERS, "nats/token"),
)
