"""Public benchmarks of scaling-law forecasts, run as published; ``benchmarks/scoreboard.py`` runs them."""
