"""A person's own recordings: imported once, found by name, asked for as the task own/NAME."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from chaosbench.datasets._generate import generate
from chaosbench.datasets._importing import import_recording
from chaosbench.datasets._known import load_recordings, recordings_folder, registry
from chaosbench.datasets._noise_level import noise_level
from chaosbench.datasets._packaged import PACKAGED
from chaosbench.datasets._recipe import Dataset
from chaosbench.datasets._recorded import (
    TIME_UNITS,
    RecordedDataset,
    checked,
    copy_recording,
    sources_of,
)
from chaosbench.datasets._store import MANIFEST, StoredDataset
from chaosbench.files import read_json

__all__ = [
    "PACKAGED", "TIME_UNITS", "RecordedDataset", "facts_of", "import_recording", "load_recordings",
    "noise_level", "provide", "recordings_folder", "registry", "sources_of", "stored_of",
]  # fmt: skip


def provide(dataset: Dataset, directory: Path) -> StoredDataset:
    """Have the files of a dataset in a directory: a recording is copied, others are generated."""
    if isinstance(dataset, RecordedDataset):
        return copy_recording(dataset, directory)
    return generate(dataset, directory)


def stored_of(dataset: RecordedDataset) -> StoredDataset:
    """Open a recording where it lies, its files compared with their hashes."""
    return checked(Path(dataset.folder), dataset.systems[0])


def facts_of(dataset: RecordedDataset) -> dict[str, Any]:
    """Return what the import noted: sources, counts, noise, exponent."""
    noted = read_json(Path(dataset.folder) / MANIFEST)
    return {**noted["notes"], "sources": noted["provenance"]["sources"]}
