"""The floor: forecasts that any method must beat."""
