"""Whether bands hold and laws predict: back-tests, baselines, comparison, recovery."""
