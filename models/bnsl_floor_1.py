"""Smoothly broken power law with a floor and one break, however sharp (Caballero et al. 2022, arXiv:2210.14891).

Priors reach what Caballero et al. publish: a start that is flat or rises (exponent_0 -0.3 to 0.4), exponents after the
break up to 8 and more (5.7 in four-digit addition), and changes of slope within 0.03 to 0.8 e-folds (0.06 there). The
slope after the break and the floor are sampled at the largest run, because that is where runs that have just begun to
fall determine them: the slope there is known long before it is known how exponent and floor share it.
"""

from bayescale import Law, breaks

LAW = Law(
    name="bnsl_floor_1",
    title="Broken power law with a floor, one break",
    formula="a + b x^-c0 (1 + (x/d1)^(1/f))^(-c1 f), c1 = exponent_1 - exponent_0",
    citation="Caballero et al. 2022, arXiv:2210.14891",
    decision="How far a sudden fall goes that the runs show the beginning of.",
    failure="Only the prior knows a break that the runs have not passed, and a floor that they are far from.",
    outcome="y",
    outcome_unit="",
    in_outcome_unit=("y_break", "floor"),
    **breaks.one_break(breaks.X),
)
