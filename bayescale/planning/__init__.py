"""Decisions made from posterior draws: budgets, prices, demand, data, limits, and the next run."""
