"""Memories: forecasts from the training states that are like the present one."""
