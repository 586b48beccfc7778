"""Datasets: frozen recipes, the Parquet files they make, and reading them back with proof."""

from __future__ import annotations

from chaosbench.datasets._collection import generate_all, verify_all
from chaosbench.datasets._describe import card, croissant
from chaosbench.datasets._files import read_trajectories, write_trajectories
from chaosbench.datasets._generate import Tally, generate, size_of
from chaosbench.datasets._look import ask, describe, export, head, recipe_of
from chaosbench.datasets._observables import Observables, observables_of, spread_of
from chaosbench.datasets._recipe import Clock, Dataset, Pace
from chaosbench.datasets._store import MANIFEST, RECIPE, StoredDataset, open_dataset, verify
from chaosbench.datasets.readers import connect_duckdb, darts_series, torch_windows, windows
from chaosbench.datasets.toml import from_toml, read_toml, to_toml

__all__ = [
    "MANIFEST", "RECIPE", "Clock", "Dataset", "Observables", "Pace", "StoredDataset", "Tally",
    "ask", "card", "connect_duckdb", "croissant", "darts_series", "describe", "export", "from_toml",
    "generate", "generate_all", "head", "observables_of", "open_dataset", "read_toml",
    "read_trajectories", "recipe_of", "size_of", "spread_of", "to_toml", "torch_windows", "verify",
    "verify_all", "windows", "write_trajectories",
]  # fmt: skip
