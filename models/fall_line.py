"""A straight line in one input, falling to zero."""

from bayescale import Law, lines

LAW = Law(
    name="fall_line",
    title="Falling line",
    formula="max(b (x_end - x), 0)",
    citation="Viering and Loog 2021, arXiv:2103.10948, where it is one of the usual forms of learning curves",
    decision="What more x brings if each unit of x brings as much as the last, until nothing is left.",
    failure="Learning curves flatten, so it is too optimistic a little beyond the runs.",
    **lines.line(logarithm=False, floor=False),
)
