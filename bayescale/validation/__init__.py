"""Checks of coverage and predictions: back-tests, baselines, comparison of laws, recovery of known parameters."""
