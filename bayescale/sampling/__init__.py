"""Samplers of a posterior: adaptive importance sampling (default) and NUTS (reference), from the same graph."""
