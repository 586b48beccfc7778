"""Datasets: frozen recipes, the Parquet files they make, and reading them back with proof."""

from __future__ import annotations

from chaosbench.datasets._generate import (
    StoredDataset,
    generate,
    open_dataset,
    verify,
)
from chaosbench.datasets._recipe import Dataset, Pace

__all__ = ["Dataset", "Pace", "StoredDataset", "generate", "open_dataset", "verify"]
