"""Perplexity by compute alone: the exponential of a loss that falls as a power to a floor (Henighan et al. 2020)."""

from bayescale import Law, Parameter, Prior, curves, perplexities

EXPONENT = Parameter(
    name="gamma_C",
    prior=Prior("LogNormal", mu=-2.08, sigma=0.38),
    meaning="exponent of compute, of the loss above the floor",
    reason="log-mean and log-sd of alpha beta/(alpha + beta) over 20 published fits",
)

LAW = Law(
    name="perplexity_c",
    title="Perplexity, compute alone",
    formula="exp(E + K C^-gamma)",
    citation="Henighan et al. 2020, arXiv:2010.14701, for the loss",
    decision="Perplexity with more compute, where perplexity was measured.",
    failure="Its floor includes what the other inputs leave, so it holds while they go on as in the runs.",
    **perplexities.alone(curves.COMPUTE, EXPONENT),
)
