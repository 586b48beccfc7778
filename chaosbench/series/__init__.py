"""What a recorded series tells of the dynamics behind it: functions of arrays.

Embedding (`mutual_information`, `false_nearest_neighbours`, `embed`) and the largest Lyapunov
exponent with its error, or the reason why the data cannot tell it (`largest_exponent`).
"""

from __future__ import annotations

from chaosbench.series._embedding import (
    Embedding,
    FalseNeighbours,
    MutualInformation,
    embed,
    false_nearest_neighbours,
    mutual_information,
)
from chaosbench.series._exponent import ExponentFromData, largest_exponent

__all__ = [
    "Embedding",
    "ExponentFromData",
    "FalseNeighbours",
    "MutualInformation",
    "embed",
    "false_nearest_neighbours",
    "largest_exponent",
    "mutual_information",
]
