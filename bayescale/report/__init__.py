"""The report: one page with the results, their basis, and a planner that uses the posterior's draws."""
