"""Loss as a broken power law of training tokens alone, with a floor and one break (Caballero et al. 2022)."""

from bayescale import TOKENS, Law, breaks

LAW = Law(
    name="bnsl_floor_d",
    title="Broken power law with a floor, training tokens alone",
    formula="a + b D^-c0 (1 + (D/d1)^(1/f))^(-c1 f), c1 = exponent_1 - exponent_0",
    citation="Caballero et al. 2022, arXiv:2210.14891",
    decision="How far a loss goes on that falls at once after a plateau.",
    failure="Only the prior knows a break that the runs have not passed, and a floor that they are far from.",
    **breaks.one_break(TOKENS, "nats/token"),
)
