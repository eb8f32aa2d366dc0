"""Perplexity by training tokens alone: the exponential of a loss that falls to a floor (Henighan et al. 2020)."""

from bayescale import TOKENS, Law, Parameter, Prior, perplexities

EXPONENT = Parameter(
    name="beta_D",
    prior=Prior("LogNormal", mu=-1.38, sigma=0.45),
    meaning="exponent of training tokens, of the loss above the floor",
    reason="log-mean and log-sd over the exponents of 20 published fits",
)

LAW = Law(
    name="perplexity_d",
    title="Perplexity, training tokens alone",
    formula="exp(E + K D^-beta)",
    citation="Henighan et al. 2020, arXiv:2010.14701, for the loss",
    decision="Perplexity with more training tokens, where perplexity was measured.",
    failure="Its floor includes what the other inputs leave, so it holds while they go on as in the runs.",
    **perplexities.alone(TOKENS, EXPONENT),
)
