"""An exponential of one input, falling to a floor."""

from bayescale import Law, lines

LAW = Law(
    name="fall_exponential_floor",
    title="Exponential fall to a floor",
    formula="c + (y_centre - c) exp(-(x - x_centre)/length)",
    citation="Viering and Loog 2021, arXiv:2103.10948, where it is one of the usual forms of learning curves",
    decision="What more x brings if each unit of x removes the same share of what can be removed.",
    failure="Learning curves fall more slowly, so it takes the floor to be just below the last run.",
    **lines.exponential(floor=True),
)
