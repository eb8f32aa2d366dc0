"""The report: one page that says what was found, on what grounds, and lets a team plan with the posterior's draws."""
