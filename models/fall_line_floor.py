"""A straight line in one input, falling to a floor."""

from bayescale import Law, lines

LAW = Law(
    name="fall_line_floor",
    title="Falling line with a floor",
    formula="c + max(b (x_end - x), 0)",
    citation="Viering and Loog 2021, arXiv:2103.10948, where it is one of the usual forms of learning curves",
    decision="What more x brings if each unit of x brings as much as the last, down to a floor.",
    failure="Bends at once, where learning curves flatten slowly; only runs beyond the bend determine the floor.",
    **lines.line(logarithm=False, floor=True),
)
