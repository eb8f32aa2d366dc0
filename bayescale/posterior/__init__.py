"""What was fitted, and what it forecasts."""
