"""Baselines: simple forecasts that any method must beat."""
