"""Kinds of switching functions, in a module of their own so that importing them loads no numba."""

from __future__ import annotations

__all__ = ["BINARY", "CHATTERING", "RESET", "WHOLE"]

# A switching function selects the mode by its sign (BINARY) or by its integer part (WHOLE), or it
# resets the state when it rises through zero (RESET).
BINARY, WHOLE, RESET = 0, 1, 2

CHATTERING = 5
"""Status of an integration that met one event after another without time passing."""
