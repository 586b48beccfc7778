"""Datasets: frozen recipes, the Parquet files they make, and reading them back with proof."""

from __future__ import annotations

from chaosbench.datasets._collection import generate_all, verify_all
from chaosbench.datasets._describe import card, croissant
from chaosbench.datasets._files import read_trajectories, write_trajectories
from chaosbench.datasets._generate import Tally, generate, size_of
from chaosbench.datasets._observables import Observables, observables_of, spread_of
from chaosbench.datasets._recipe import Clock, Dataset, Pace
from chaosbench.datasets._store import MANIFEST, RECIPE, StoredDataset, open_dataset, verify

__all__ = [
    "MANIFEST", "RECIPE", "Clock", "Dataset", "Observables", "Pace", "StoredDataset", "Tally",
    "card", "croissant", "generate", "generate_all", "observables_of", "open_dataset",
    "read_trajectories", "size_of", "spread_of", "verify", "verify_all", "write_trajectories",
]  # fmt: skip
