"""What a recorded series tells of the dynamics behind it: functions of arrays.

Embedding (`mutual_information`, `false_nearest_neighbours`, `embed`), the largest Lyapunov exponent
with its error or the reason why the data cannot tell it (`largest_exponent`), surrogates and a test
for determinism, recurrence, visibility graphs, the 0–1 test and the permutation entropy. `analyse`
does all of it.
"""

from __future__ import annotations

from chaosbench.series._chaos import ZeroOneTest, permutation_entropy, zero_one_test
from chaosbench.series._embedding import (
    Embedding,
    FalseNeighbours,
    MutualInformation,
    embed,
    false_nearest_neighbours,
    mutual_information,
)
from chaosbench.series._exponent import ExponentFromData, largest_exponent
from chaosbench.series._recurrence import Recurrence, recurrence
from chaosbench.series._summary import SeriesAnalysis, analyse
from chaosbench.series._surrogates import (
    DeterminismTest,
    determinism_test,
    prediction_error,
    surrogates,
    time_asymmetry,
)
from chaosbench.series._visibility import VisibilityGraph, visibility_graph

__all__ = [
    "DeterminismTest",
    "Embedding",
    "ExponentFromData",
    "FalseNeighbours",
    "MutualInformation",
    "Recurrence",
    "SeriesAnalysis",
    "VisibilityGraph",
    "ZeroOneTest",
    "analyse",
    "determinism_test",
    "embed",
    "false_nearest_neighbours",
    "largest_exponent",
    "mutual_information",
    "permutation_entropy",
    "prediction_error",
    "recurrence",
    "surrogates",
    "time_asymmetry",
    "visibility_graph",
    "zero_one_test",
]
