"""A constant of priors that ``benchmarks/learn_ratio.py`` learnt from published tables, and wrote here."""

RATIO_SD = 0.5
"""Prior standard deviation of the log of the reducible over the irreducible loss."""
