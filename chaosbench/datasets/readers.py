"""Stored datasets for other libraries: windows in bounded memory, PyTorch, darts, DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from chaosbench.datasets._recipe import Split
from chaosbench.datasets._store import StoredDataset, open_dataset
from chaosbench.errors import CorruptDataError, InputError, check_integer
from chaosbench.trajectories import FloatArray

if TYPE_CHECKING:
    from darts import TimeSeries

__all__ = ["Windows", "connect_duckdb", "darts_series", "torch_windows", "windows"]


@dataclass(frozen=True)
class Windows:
    """Windows of a split, read row group by row group; made by `windows`.

    Iterating gives arrays ``(length, d)`` in the type of the files, or batches ``(b, length, d)``.
    Memory is that of one row group and one batch, and of the buffer where windows are shuffled.
    """

    paths: tuple[Path, ...]
    variables: tuple[str, ...]
    length: int
    stride: int = 1
    batch: int | None = None
    shuffle: int = 0
    seed: int = 0
    share: tuple[int, int] = (0, 1)

    def __iter__(self) -> Iterator[FloatArray]:
        found = self._shuffled() if self.shuffle else self._in_order()
        if self.batch is None:
            yield from found
            return
        held: list[FloatArray] = []
        for window in found:
            held.append(window)
            if len(held) == self.batch:
                yield np.stack(held)
                held = []
        if held:
            yield np.stack(held)

    def _shuffled(self) -> Iterator[FloatArray]:
        """Draw windows from a buffer that is filled in order."""
        generator = np.random.default_rng(self.seed)
        held: list[FloatArray] = []
        for window in self._in_order():
            if len(held) < self.shuffle:
                held.append(window.copy())
                continue
            place = int(generator.integers(len(held)))
            yield held[place]
            held[place] = window.copy()
        for place in generator.permutation(len(held)).tolist():
            yield held[place]

    def _in_order(self) -> Iterator[FloatArray]:
        mine, every = self.share
        count = 0
        for begin, samples in self._pieces():
            first = -begin % self.stride  # windows start at multiples of the stride
            for start in range(first, len(samples) - self.length + 1, self.stride):
                if count % every == mine:
                    yield samples[start : start + self.length]
                count += 1

    def _pieces(self) -> Iterator[tuple[int, FloatArray]]:
        """Yield samples ``(m, d)`` of one trajectory, with the step of the first of them.

        Each piece begins with those samples of the one before it that begin no window there.
        """
        trajectory, begin = -1, 0
        kept = np.empty((0, len(self.variables)))
        for index, steps, values in self._groups():
            cuts = np.flatnonzero(np.diff(index)) + 1
            for first, last in zip([0, *cuts], [*cuts, len(index)], strict=True):
                if index[first] != trajectory:
                    trajectory, begin, kept = int(index[first]), int(steps[first]), values[:0]
                piece = np.concatenate([kept, values[first:last]])
                yield begin, piece
                rest = max(0, len(piece) - self.length + 1)
                kept, begin = piece[rest:], begin + rest

    def _groups(self) -> Iterator[tuple[Any, Any, FloatArray]]:
        """Yield index of the trajectory, step and values of each row group."""
        import pyarrow.parquet as pq

        columns = ["trajectory", "step", *self.variables]
        for path in self.paths:
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group, columns=columns)
                    found = [table[name].to_numpy() for name in columns]
                    yield found[0], found[1], np.stack(found[2:], axis=1)


def windows(
    dataset: StoredDataset | Path | str,
    system: str,
    split: Split = "train",
    *,
    length: int,
    stride: int = 1,
    batch: int | None = None,
    shuffle: int = 0,
    seed: int = 0,
) -> Windows:
    """Return the windows of a split, to be read in bounded memory as often as wanted.

    No window crosses from one trajectory to the next. The files are checked once, here.

    Args:
        dataset: a stored dataset or its directory.
        system: name of the system.
        split: name of the split.
        length: samples of a window.
        stride: samples between the starts of windows.
        batch: windows of a batch; None for single windows.
        shuffle: windows in the buffer from which one is drawn at random; 0 for the order of time.
        seed: of the shuffling.

    Raises:
        CorruptDataError: a file is not what its manifest says, or the dataset has no such split.
        InputError: a number is out of its range.

    """
    stored = dataset if isinstance(dataset, StoredDataset) else open_dataset(dataset)
    for name, value, least in (
        ("length", length, 1), ("stride", stride, 1), ("batch", 1 if batch is None else batch, 1),
        ("shuffle", shuffle, 0), ("seed", seed, 0),
    ):  # fmt: skip
        check_integer(name, value, least)
    name = stored.name_of(system)
    return Windows(
        tuple(stored.paths(name, split)), stored.variables(name, split), length, stride, batch,
        shuffle, seed,
    )  # fmt: skip


def torch_windows(made: Windows) -> Any:
    """Return windows as an `IterableDataset` of PyTorch, for a `DataLoader`.

    Each worker of the loader reads the files and gives its share of the windows.

    Raises:
        InputError: PyTorch is not installed.

    """
    try:
        import torch
        from torch.utils.data import IterableDataset, get_worker_info
    except ImportError as error:
        raise InputError(
            "windows for PyTorch need torch; install it with: pip install 'chaosbench[torch]'"
        ) from error
    from dataclasses import replace

    class TorchWindows(IterableDataset):  # type: ignore[type-arg]
        def __iter__(self) -> Iterator[Any]:
            info = get_worker_info()
            share = (0, 1) if info is None else (info.id, info.num_workers)
            for window in replace(made, share=share):
                yield torch.from_numpy(np.array(window))

    return TorchWindows()


def darts_series(
    dataset: StoredDataset | Path | str, system: str, split: Split = "train"
) -> list[TimeSeries]:
    """Return the trajectories of a split as series of darts, with the variables as components.

    Raises:
        CorruptDataError: a file is not what its manifest says, or the dataset has no such split.

    """
    import pandas as pd
    from darts import TimeSeries

    stored = dataset if isinstance(dataset, StoredDataset) else open_dataset(dataset)
    made = stored.load(system, split)
    index = pd.RangeIndex(made.values.shape[1], name="step")
    kind = np.dtype(stored.precision)
    return [
        TimeSeries.from_times_and_values(index, values.astype(kind), columns=list(made.variables))
        for values in made.values
    ]


def connect_duckdb(dataset: StoredDataset | Path | str) -> Any:
    """Return a connection of DuckDB in which every system of a dataset is a view of its name.

    The view `everything` has all systems; what a system lacks is NULL there. Files are read as a
    query needs them. They are not checked: `verify` does that.

    Raises:
        InputError: DuckDB is not installed.

    """
    try:
        import duckdb
    except ImportError as error:
        raise InputError(
            "SQL needs DuckDB; install it with: pip install 'chaosbench[sql]'"
        ) from error
    stored = dataset if isinstance(dataset, StoredDataset) else open_dataset(dataset)
    connection = duckdb.connect()
    everything = []
    for system in stored.manifest["paces"]:
        files = [
            str(stored.directory / relative)
            for split in stored.splits(system)
            for relative, _ in stored.entries(system, split)
        ]
        for file in files:
            if not Path(file).is_file():
                raise CorruptDataError(f"{file} is missing; generate the data again")
        everything += files
        _view(connection, system, files)
    _view(connection, "everything", everything)
    return connection


def _view(connection: Any, name: str, files: list[str]) -> None:
    listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    connection.execute(
        f'CREATE VIEW "{name}" AS SELECT * FROM read_parquet([{listed}], '
        "union_by_name = true, hive_partitioning = false)"
    )
