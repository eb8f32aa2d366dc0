"""A straight line in the logarithm of one input, falling to zero."""

from bayescale import Law, lines

LAW = Law(
    name="fall_logarithm",
    title="Line in log x, falling",
    formula="max(b (log_x_end - log x), 0)",
    citation="Viering and Loog 2021, arXiv:2103.10948, where it is one of the usual forms of learning curves",
    decision="What more x brings if each e-fold of x brings as much as the last, until nothing is left.",
    failure="Has no floor, so far ahead it is too optimistic.",
    **lines.line(logarithm=True, floor=False),
)
