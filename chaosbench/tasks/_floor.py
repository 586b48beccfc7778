"""Where a forecaster that knows nothing of the system gets far, and why.

Persistence, drift and climatology should stay below 1 Lyapunov time on every ranked system and
forecast track of version 2, and parroting below 3. ``benchmarks/floor.py`` measures them; a test
compares its records with this list.
"""

from __future__ import annotations

__all__ = ["EXCEPTIONS", "LIMIT", "PARROTING_LIMIT"]

LIMIT = 1.0
"""Lyapunov times below which persistence, drift and climatology stay."""

PARROTING_LIMIT = 3.0
"""Lyapunov times below which parroting stays: it may know a pattern again."""

EXCEPTIONS: dict[str, str] = {
    "coullet": (
        "parroting: its orbit turns 13 times in a Lyapunov time on a narrow band, so that the next "
        "turns resemble earlier ones"
    ),
    "isothermal_chemical": (
        "parroting: its orbit turns 12 times in a Lyapunov time, and the turns resemble each other"
    ),
    "gauss": (
        "parroting: it visits two bands by turns, and a wrong place within the right band is less "
        "than the threshold away"
    ),
    "rulkov": "persistence, drift: between its bursts it moves slowly for a Lyapunov time or more",
}
"""Reasons by system, beginning with the forecasters that they hold for."""
