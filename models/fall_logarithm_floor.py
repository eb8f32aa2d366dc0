"""A straight line in the logarithm of one input, falling to a floor."""

from bayescale import Law, lines

LAW = Law(
    name="fall_logarithm_floor",
    title="Line in log x with a floor",
    formula="c + max(b (log_x_end - log x), 0)",
    citation="Viering and Loog 2021, arXiv:2103.10948, where it is one of the usual forms of learning curves",
    decision="What more x brings if each e-fold of x brings as much as the last, down to a floor.",
    failure="Bends at once, where learning curves flatten slowly; only runs beyond the bend determine the floor.",
    **lines.line(logarithm=True, floor=True),
)
