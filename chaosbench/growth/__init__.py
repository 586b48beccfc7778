"""New chaotic systems: families that are searched, a quick gate, and systems as data."""

from __future__ import annotations

from chaosbench.growth._families import FAMILIES, GENERATOR, Family
from chaosbench.growth._grow import FILE, Grown, Tally, grow, write_grown

__all__ = ["FAMILIES", "FILE", "GENERATOR", "Family", "Grown", "Tally", "grow", "write_grown"]
