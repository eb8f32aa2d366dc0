"""Fitted posteriors, and the forecasts made from them."""
