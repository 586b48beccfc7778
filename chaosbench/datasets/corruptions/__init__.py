"""Corruptions: what an observer sees of clean trajectories, as pure functions of these and a seed.

Each is a frozen dataclass. A chain of them is applied by `corrupted` to whole trajectories and by a
recipe (`Dataset(corruptions=...)`) to training data and contexts, whose clean truth is kept beside.
The result depends on the clean data, the seed and the index of the trajectory, not on the pieces in
which a long trajectory is handed over.
"""

from __future__ import annotations

from chaosbench.datasets.corruptions._chain import (
    Chain,
    check_chain,
    corrupted,
    corruption_from,
    seen_variables,
)
from chaosbench.datasets.corruptions._corruption import Corruption, Scene
from chaosbench.datasets.corruptions._dynamics import DynamicNoise, Irregular, RegimeSwitch
from chaosbench.datasets.corruptions._noise import (
    Coloured,
    Drift,
    Gaussian,
    HeavyTailed,
    Multiplicative,
)
from chaosbench.datasets.corruptions._sampling import (
    Delays,
    Missing,
    MissingBlocks,
    Partial,
    Quantised,
)

__all__ = [
    "Chain", "Coloured", "Corruption", "Delays", "Drift", "DynamicNoise", "Gaussian", "HeavyTailed",
    "Irregular", "Missing", "MissingBlocks", "Multiplicative", "Partial", "Quantised",
    "RegimeSwitch", "Scene", "check_chain", "corrupted", "corruption_from", "seen_variables",
]  # fmt: skip
