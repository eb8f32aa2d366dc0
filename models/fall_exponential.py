"""An exponential of one input, falling to zero."""

from bayescale import Law, lines

LAW = Law(
    name="fall_exponential",
    title="Exponential fall",
    formula="y_centre exp(-(x - x_centre)/length)",
    citation="Viering and Loog 2021, arXiv:2103.10948, where it is one of the usual forms of learning curves",
    decision="What more x brings if each unit of x removes the same share of what is left.",
    failure="Learning curves fall more and more slowly, so it is too optimistic a little beyond the runs.",
    **lines.exponential(floor=False),
)
