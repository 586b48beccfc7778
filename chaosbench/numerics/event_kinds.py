"""How a switching function chooses; a module of its own, so that naming it loads no numba."""

from __future__ import annotations

__all__ = ["BINARY", "CHATTERING", "RESET", "WHOLE"]

BINARY, WHOLE, RESET = 0, 1, 2
"""By its sign, by its whole part, or by setting the state anew when it rises through zero."""

CHATTERING = 5
"""How an integration ended: events without end at one time."""
