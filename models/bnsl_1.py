"""Smoothly broken power law with one break (Caballero et al. 2022)."""

from bayescale.curves import broken_law

LAW = broken_law(1)
