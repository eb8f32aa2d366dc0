"""Perplexity by parameters alone: the exponential of a loss that falls as a power to a floor (Henighan et al. 2020)."""

from bayescale import PARAMETERS, Law, Parameter, Prior, perplexities

EXPONENT = Parameter(
    name="alpha_N",
    prior=Prior("LogNormal", mu=-1.38, sigma=0.45),
    meaning="exponent of parameters, of the loss above the floor",
    reason="log-mean and log-sd over the exponents of 20 published fits",
)

LAW = Law(
    name="perplexity_n",
    title="Perplexity, parameters alone",
    formula="exp(E + K N^-alpha)",
    citation="Henighan et al. 2020, arXiv:2010.14701, for the loss",
    decision="Perplexity with more parameters, where perplexity was measured.",
    failure="Its floor includes what the other inputs leave, so it holds while they go on as in the runs.",
    **perplexities.alone(PARAMETERS, EXPONENT),
)
