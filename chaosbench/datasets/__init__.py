"""Datasets: frozen recipes, the Parquet files they make, and reading them back with proof."""

from __future__ import annotations

from chaosbench.datasets._files import read_trajectories, write_trajectories
from chaosbench.datasets._generate import (
    StoredDataset,
    generate,
    open_dataset,
    verify,
)
from chaosbench.datasets._recipe import Clock, Dataset, Pace

__all__ = [
    "Clock", "Dataset", "Pace", "StoredDataset", "generate", "open_dataset", "read_trajectories",
    "verify", "write_trajectories",
]  # fmt: skip
