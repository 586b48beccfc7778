"""Measurements of a system, and the gate of the ranked suites."""
