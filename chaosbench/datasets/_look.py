"""Looking at stored datasets: ranges, first samples, queries, other formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from chaosbench.datasets._describe import shape_of
from chaosbench.datasets._files import INDEX
from chaosbench.datasets._recipe import Dataset, Split
from chaosbench.datasets._store import StoredDataset
from chaosbench.datasets.corruptions import corruption_from
from chaosbench.datasets.readers import connect_duckdb
from chaosbench.errors import InputError, ParameterError
from chaosbench.files import whole
from chaosbench.trajectories import Trajectories

__all__ = ["ask", "describe", "export", "head", "recipe_of"]


def describe(stored: StoredDataset) -> dict[str, Any]:
    """Return what a dataset holds; ranges come from the statistics of the files, without data."""
    import pyarrow.parquet as pq

    parts: list[dict[str, Any]] = []
    for system, pace in stored.manifest["paces"].items():
        for split in stored.splits(system):
            ranges: dict[str, list[float | None]] = {}
            paths = stored.paths(system, split)
            for path in paths:
                with pq.ParquetFile(path) as file:
                    for name, bounds in _ranges(file.metadata, stored.variables(system, split)):
                        low, high = ranges.setdefault(name, [None, None])
                        known = [bounds[0], low], [bounds[1], high]
                        ranges[name] = [
                            choose((v for v in both if v is not None), default=None)
                            for choose, both in zip((min, max), known, strict=True)
                        ]
            count, steps = shape_of(stored, system, split)
            parts.append({
                "system": system, "split": split, "trajectories": count, "steps": steps,
                "dt": pace["dt"], "lyapunov_exponent": pace["lyapunov_exponent"],
                "variables": ranges, "files": len(paths),
            })  # fmt: skip
    files = stored.manifest["files"]
    return {
        "hash": stored.hash,
        "layout": stored.manifest.get("layout", 2),
        "rows": sum(entry["rows"] for entry in files.values()),
        "files": len(files),
        "bytes": sum((stored.directory / relative).stat().st_size for relative in files),
        "parts": parts,
        "recipe": stored.manifest["recipe"],
    }


def _ranges(metadata: Any, variables: tuple[str, ...]) -> list[tuple[str, tuple[Any, Any]]]:
    """Return the smallest and the largest value of each column and row group, where known."""
    found = []
    for group in range(metadata.num_row_groups):
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(column)
            name, told = chunk.path_in_schema, chunk.statistics
            if name in variables:
                known = told is not None and told.has_min_max
                found.append((name, (told.min, told.max) if known else (None, None)))
    return found


def head(
    stored: StoredDataset, system: str, split: Split, *, trajectory: int = 0, points: int = 2000
) -> Trajectories:
    """Return the first samples of one trajectory, without reading the others.

    Raises:
        ParameterError: the split has no such trajectory.
        CorruptDataError: a file is not what its manifest says.

    """
    import pyarrow.parquet as pq

    name = stored.name_of(system)
    variables = stored.variables(name, split)
    kept: list[Any] = []
    have = 0
    for path in stored.paths(name, split):
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                if have >= points:
                    break
                table = file.read_row_group(group, columns=[*INDEX, *variables])
                chosen = table["trajectory"].to_numpy() == trajectory
                if chosen.any():
                    kept.append(table.filter(chosen))
                    have += int(chosen.sum())
    if not kept:
        count, _ = shape_of(stored, name, split)
        raise ParameterError(
            f"{split} of {name} has {count} trajectories; there is no {trajectory}"
        )
    values = np.concatenate([
        np.stack([part[v].to_numpy() for v in variables], axis=1) for part in kept
    ])  # fmt: skip
    start = kept[0]["time"][0].as_py()
    return Trajectories(values[:points], stored.manifest["paces"][name]["dt"], variables, [start])


def ask(stored: StoredDataset, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the columns and the rows that a query in SQL finds; see `connect_duckdb`.

    Raises:
        InputError: DuckDB is not installed, or does not understand the query.

    """
    connection = connect_duckdb(stored)
    import duckdb

    try:
        found = connection.execute(query)
        if found.description is None:
            raise InputError("the query finds nothing; begin it with SELECT")
        return [column[0] for column in found.description], found.fetchall()
    except duckdb.Error as error:
        raise InputError(f"the query failed: {' '.join(str(error).split())[:500]}") from error
    finally:
        connection.close()


def export(stored: StoredDataset, system: str, split: Split, path: Path) -> int:
    """Write one split in another format, by the suffix of the file; return its rows.

    CSV is written row group by row group. NPZ and HDF5 have the arrays `values` ``(n, T, d)``,
    `start_times` ``(n,)``, `dt` and `variables`.

    Raises:
        InputError: the suffix is unknown, or HDF5 needs a library that is not installed.

    """
    name = stored.name_of(system)
    if path.suffix == ".csv":
        return _export_csv(stored, name, split, path)
    if path.suffix not in (".npz", ".h5"):
        raise InputError(f"a file that ends in .csv, .npz or .h5 is expected, not {path.name!r}")
    hdf5 = _hdf5() if path.suffix == ".h5" else None
    made = stored.load(name, split)
    arrays: dict[str, Any] = {
        "values": made.values.astype(stored.precision), "start_times": made.start_times,
        "dt": np.array(made.dt), "variables": np.array(made.variables),
    }  # fmt: skip
    with whole(path) as place:
        if hdf5 is None:
            with place.open("wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
        else:
            with hdf5.File(place, "w") as file:
                for key, array in arrays.items():
                    file[key] = array.astype(bytes) if key == "variables" else array
    return int(made.values.shape[0] * made.values.shape[1])


def _hdf5() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise InputError(
            "HDF5 needs h5py, which is not installed; install it with: pip install h5py, or "
            "export .npz"
        ) from error
    return h5py


def _export_csv(stored: StoredDataset, name: str, split: Split, path: Path) -> int:
    import pyarrow.csv
    import pyarrow.parquet as pq

    columns, rows = [*INDEX, *stored.variables(name, split)], 0
    paths = stored.paths(name, split)
    with whole(path) as place, place.open("wb") as file:
        for part in paths:
            with pq.ParquetFile(part) as source:
                for group in range(source.num_row_groups):
                    table = source.read_row_group(group, columns=columns)
                    pyarrow.csv.write_csv(
                        table, file, pyarrow.csv.WriteOptions(include_header=rows == 0)
                    )
                    rows += table.num_rows
    return rows


def recipe_of(stored: StoredDataset) -> Dataset:
    """Return the recipe of a stored dataset.

    Raises:
        InputError: it was made by a version whose recipes had other settings, or its systems are
            not known here.

    """
    told = dict(stored.manifest["recipe"])
    for name in ("format", "fingerprints", "constants", "segment"):
        told.pop(name, None)
    corruptions = tuple(corruption_from(table) for table in told.pop("corruptions", ()))
    shift = tuple((k, v) for k, v in told.pop("shift", ()))
    plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in told.items()}
    return Dataset(**plain, corruptions=corruptions, shift=shift)
