"""Smoothly broken power law with two breaks (Caballero et al. 2022)."""

from bayescale.curves import broken_law

LAW = broken_law(2)
