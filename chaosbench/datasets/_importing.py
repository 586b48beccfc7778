"""Importing a recorded series: from files to a dataset that is split for an exam."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chaosbench.datasets._exponent import Exponent, exponent_of
from chaosbench.datasets._files import INDEX, LABELS, write_trajectories
from chaosbench.datasets._grids import Series, by_trajectory, on_grid, step_of, times_of
from chaosbench.datasets._known import check_name, recordings_folder, register
from chaosbench.datasets._noise_level import noise_level
from chaosbench.datasets._packaged import packaged
from chaosbench.datasets._recorded import TIME_UNITS, RecordedDataset, checked, read_recording
from chaosbench.datasets._splitting import (
    LEAST_WINDOWS,
    Parts,
    Windows,
    longest_whole,
    parted,
    steps_of,
    trained,
    windowed,
)
from chaosbench.datasets._store import MANIFEST, RECIPE, relative_path, seal
from chaosbench.datasets._tables import NUMBERS_AT_MOST, Table, of_array, of_frame, read_tables
from chaosbench.errors import InputError, ParameterError, RecipeMismatchError, check_integer
from chaosbench.files import claim, read_json, sha256, write_json
from chaosbench.provenance import digest, versions
from chaosbench.trajectories import FloatArray, Trajectories, unmasked

__all__ = ["import_recording"]

UNIT = re.compile(r"[^\s<>&\"'](?:[^<>&\"'\x00-\x1f\x7f]{0,22}[^\s<>&\"'])?")

SPANS = {"exponent": 10.0, "period": 5}
"""Of the usual forecast: Lyapunov times where they are known, else dominant periods."""

FORMAT = 1
"""Version of what an import means; raised when the same file would make other numbers."""


@dataclass(frozen=True)
class _Settings:
    """What an import was asked for, checked."""

    name: str
    dt: float | None
    time: str | None
    columns: tuple[str, ...]
    trajectory: str | None
    key: str | None
    units: Mapping[str, str]
    time_unit: str
    missing_values: tuple[float, ...]
    longest_gap: int

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.dt is None and self.time is None:
            raise InputError(
                "say how far apart the samples are: the step with --dt, or the column of times "
                "with --time"
            )
        if self.dt is not None and not (np.isfinite(self.dt) and self.dt > 0):
            raise InputError(f"the sampling step --dt must be positive and finite, not {self.dt!r}")
        for what, unit in {"time": self.time_unit, **self.units}.items():
            if not isinstance(unit, str) or not UNIT.fullmatch(unit):
                raise InputError(
                    f"the unit of {what} has 1 to 24 printable characters without quotes and "
                    f"angle brackets, not {unit!r}"
                )


def import_recording(
    source: str | Path | ArrayLike | Trajectories | Sequence[str | Path],
    *,
    name: str,
    dt: float | None = None,
    time: str | None = None,
    out: Path | str | None = None,
    columns: str | Sequence[str] = (),
    trajectory: str | None = None,
    key: str | None = None,
    test: str | Path | Sequence[str | Path] = (),
    units: Mapping[str, str] | None = None,
    time_unit: str | None = None,
    missing_values: Sequence[float] = (),
    longest_gap: int = 10,
    exponent: str | float = "estimate",
    exponent_from: str | None = None,
    test_share: float = 0.3,
    gap: int | None = None,
    windows: int = 20,
    context: int | None = None,
    horizon: int | None = None,
) -> RecordedDataset:
    """Make a dataset of a recorded series, known as the task ``own/NAME``.

    Every series is split in time: a training part, a gap that nobody sees, and a test part, over
    which windows roll that share no sample. NaN and empty cells are gaps. A gap longer than
    `longest_gap` cuts a series. Shorter ones stay: forecasters get them interpolated, unless they
    say that they handle gaps, and a forecast is scored up to the first gap after its context.

    Args:
        source: a file (``.csv``, ``.tsv``, ``.npy``, ``.npz``, ``.parquet``, ``.mat``), several
            files of one trajectory each, a name such as ``statsmodels:sunspots``, an array
            ``(T,)``, ``(T, d)`` or ``(n, T, d)``, a DataFrame, or Trajectories.
        name: small letters, digits and _.
        dt: sampling step; with `time`, the step to which the samples are brought.
        time: column of times, numbers or dates. Times within 5% of a step of a grid count as on
            it; others are interpolated linearly.
        out: folder; by default the folder NAME in `recordings_folder()`.
        columns: variables, in this order; all others than `time` and `trajectory` by default.
        trajectory: column whose values tell trajectories apart.
        key: array of a ``.npz`` or ``.mat`` file that holds several.
        test: files to test on; those of `source` are then for training as a whole.
        units: of variables.
        time_unit: of `dt` and times; dates are counted in it.
        missing_values: numbers that stand for a missing value.
        longest_gap: in samples.
        exponent: largest Lyapunov exponent per time unit, ``"estimate"`` or ``"unknown"``.
        exponent_from: variable to estimate it from; by default the first.
        test_share: share of each series to test on.
        gap: samples left out between training and test; by default the dominant period of the
            training part and at most 5% of the series.
        windows: test windows at most.
        context: samples seen of each; by default 512, less in a short series (see the guide).
        horizon: samples to forecast; by default 10 Lyapunov times, or 5 dominant periods where the
            exponent is not known, less in a short series.

    Returns:
        The dataset.

    Raises:
        InputError: anything about the files or settings is not as it must be.

    """
    columns = (columns,) if isinstance(columns, str) else tuple(columns)
    test = [test] if isinstance(test, str | Path) else list(test)
    settings = _Settings(
        name=name, dt=dt, time=time, columns=tuple(columns), trajectory=trajectory, key=key,
        units=dict(units or {}), time_unit=time_unit or TIME_UNITS,
        missing_values=tuple(float(value) for value in missing_values), longest_gap=longest_gap,
    ) if not _is_packaged(source) else _Settings(
        **_packaged_settings(str(source), name, dt, columns, units, time_unit), time=time,
        trajectory=trajectory, key=key, longest_gap=longest_gap,
        missing_values=tuple(float(value) for value in missing_values),
    )  # fmt: skip
    for what, value, least in (
        ("longest_gap", longest_gap, 0), ("windows", windows, 1), ("gap", gap, 1),
        ("context", context, 2), ("horizon", horizon, 1),
    ):  # fmt: skip
        if value is not None:
            check_integer(what, value, least)
    if not (isinstance(test_share, int | float) and 0 < test_share < 1):
        raise ParameterError(f"test_share lies between 0 and 1, not {test_share!r}")
    tables, sources = _tables_of(source, settings)
    held, more = _tables_of(test, settings) if test else ([], [])
    names, step, series = _series(tables, held, settings)
    parts = parted(series, step, float(test_share), gap)
    values, starts = trained(parts.train, step, longest_gap)
    _check_spread(values, names)
    which = 0 if exponent_from is None else _index(exponent_from, names)
    found = exponent_of(exponent, longest_whole(parts.train, which), step, names[which])
    wanted = (
        SPANS["period"] * parts.period
        if found.value is None
        else steps_of(SPANS["exponent"] / found.value, step)
    )
    tested = windowed(
        parts, step, windows=windows, context=context, horizon=horizon, wanted=int(wanted),
        longest_gap=longest_gap,
    )  # fmt: skip
    made = _Made(settings, names, step, series, parts, values, starts, tested, found)
    folder = recordings_folder() / name if out is None else Path(out)
    _write(folder, made, [*sources, *more])
    dataset = read_recording(folder)
    register(dataset)
    return dataset


def _is_packaged(source: object) -> bool:
    return isinstance(source, str) and bool(re.match(r"[a-z_]+:[a-z0-9_]+$", source))


def _packaged_settings(
    source: str,
    name: str,
    dt: float | None,
    columns: Sequence[str],
    units: Mapping[str, str] | None,
    time_unit: str | None,
) -> dict[str, Any]:
    if dt is not None or units or time_unit:
        raise InputError(f"{source} brings its own step and units; leave --dt and units out")
    found, _, _ = packaged(source)
    return {
        "name": name, "dt": found.dt, "columns": tuple(columns), "units": found.units,
        "time_unit": found.time_unit,
    }  # fmt: skip


def _tables_of(source: Any, settings: _Settings) -> tuple[list[Table], list[dict[str, Any]]]:
    """Return one table a trajectory, and where they come from."""
    if isinstance(source, Trajectories):
        if settings.dt is not None and source.dt != settings.dt:
            raise InputError(f"the trajectories have the step {source.dt:g}, not {settings.dt:g}")
        tables = of_array(source.values, source.variables, "the trajectories")
        return tables, [{"file": "trajectories"}]
    if isinstance(source, str) and _is_packaged(source):
        _, path, table = packaged(source)
        return [table], [{"file": source, "sha256": sha256(path)}]
    if isinstance(source, str | Path):
        source = [source]
    if isinstance(source, Sequence) and source and all(isinstance(s, str | Path) for s in source):
        return _of_files([Path(s) for s in source], settings)
    if hasattr(source, "columns") and hasattr(source, "dtypes"):  # pandas
        return of_frame(source), [{"file": "DataFrame"}]
    return of_array(unmasked(source), (), "the array"), [{"file": "array"}]


def _of_files(
    paths: Sequence[Path], settings: _Settings
) -> tuple[list[Table], list[dict[str, Any]]]:
    if len({path.resolve() for path in paths}) < len(paths):
        raise InputError("a file is given twice; each is a trajectory of its own")
    tables, told = [], []
    for path in paths:
        read = read_tables(path, settings.key)
        for table in read:
            if settings.trajectory is None:
                tables.append(table)
                continue
            table.names((), [settings.trajectory])
            tables += by_trajectory(table, settings.trajectory)
        told.append({"file": path.name, "sha256": sha256(path), "path": str(path.resolve())})
    total = sum(len(table) * len(table.columns) for table in tables)
    if total > NUMBERS_AT_MOST:
        raise InputError(f"the files hold {total:,} numbers, more than {NUMBERS_AT_MOST:,}")
    return tables, told


def _series(
    tables: list[Table], held: list[Table], settings: _Settings
) -> tuple[tuple[str, ...], float, list[Series]]:
    """Bring all trajectories to one grid: names, step and series."""
    besides = [name for name in (settings.time, settings.trajectory) if name is not None]
    both = [*tables, *held]
    names = both[0].names(settings.columns, besides)
    if not names:
        raise InputError(f"{both[0].source} has no column but that of times; a variable is missing")
    for name in settings.units:
        _index(name, names)
    if taken := {*INDEX, *LABELS} & set(names):
        word = sorted(taken)[0]
        raise InputError(
            f"a variable cannot be named {word!r}, which is a column of the files that are made; "
            f"rename it, or say what it is (--time {word}, --trajectory {word})"
        )
    times: list[FloatArray | None] = [None] * len(both)
    if settings.time is not None:
        times = [times_of(table, settings.time, settings.time_unit) for table in both]
    for table in both:
        if table.names(settings.columns, besides) != names:
            raise InputError(
                f"{table.source} has other columns than {both[0].source}; all trajectories need "
                "the same, so name them with --column"
            )
        if len(table) < 2:
            raise InputError(f"{table.source} has {len(table)} sample; a series needs many")
    step = settings.dt or step_of([t for t in times if t is not None])
    made = []
    for k, (table, when) in enumerate(zip(both, times, strict=True)):
        values = _values(table, names, settings.missing_values)
        out_of_training = k >= len(tables)
        one = Series(values, 0.0) if when is None else on_grid(when, values, step, table.source)
        made.append(Series(one.values, one.start, one.resampled, out_of_training))
    for j, name in enumerate(names):
        known = np.concatenate([one.values[:, j] for one in made])
        known = known[np.isfinite(known)]
        if not len(known):
            raise InputError(f"the column {name!r} has no number; leave it out with --column")
        if (known == known[0]).all():
            raise InputError(
                f"the column {name!r} is {known[0]:g} throughout; leave it out with --column"
            )
    return names, step, made


def _values(table: Table, names: Sequence[str], missing: Sequence[float]) -> FloatArray:
    values = np.column_stack([table.numbers(name) for name in names])
    for value in missing:
        values[values == value] = np.nan
    infinite = np.isinf(values)
    if infinite.any():
        row, column = np.argwhere(infinite)[0]
        raise InputError(
            f"the column {names[column]!r} of {table.source} is {values[row, column]} in row "
            f"{row + 1}; if that stands for a missing value, say so with --missing-value "
            f"{values[row, column]}"
        )
    if (np.abs(values[np.isfinite(values)]) > 1e150).any():
        raise InputError(
            f"{table.source} holds numbers beyond 1e150, whose squares overflow; use other units"
        )
    return values


def _index(name: str, names: Sequence[str]) -> int:
    if name not in names:
        raise InputError(f"there is no variable {name!r}; the variables are {', '.join(names)}")
    return list(names).index(name)


def _check_spread(values: FloatArray, names: Sequence[str]) -> None:
    for name, spread in zip(names, np.nanstd(values, axis=(0, 1)), strict=True):
        if spread == 0:
            raise InputError(
                f"the column {name!r} never changes in the training part; leave it out with "
                "--column"
            )


@dataclass(frozen=True, eq=False)
class _Made:
    """An import before it is written."""

    settings: _Settings
    names: tuple[str, ...]
    step: float
    series: list[Series]
    parts: Parts
    train: FloatArray
    starts: FloatArray
    test: Windows
    exponent: Exponent

    def recipe(self) -> dict[str, Any]:
        """Return all that decides what is asked, with a hash of the numbers themselves."""
        numbers = hashlib.sha256()
        for array in (self.train, self.starts, self.test.values, self.test.starts):
            numbers.update(f"{array.shape}".encode())
            known = np.where(np.isnan(array), np.nan, array)  # one NaN is like another
            numbers.update(np.ascontiguousarray(known, dtype="<f8").tobytes())
        return {
            "recording": self.settings.name,
            "format": FORMAT,
            "variables": list(self.names),
            "units": [self.settings.units.get(name, "") for name in self.names],
            "time_unit": self.settings.time_unit,
            "dt": self.step,
            "exponent": self.exponent.to_dict(),
            "train_points": int(self.train.shape[1]),
            "train_trajectories": len(self.train),
            "windows": len(self.test.values),
            "context": self.test.context,
            "horizon": self.test.horizon,
            "gap": self.parts.gap,
            "longest_gap": self.settings.longest_gap,
            "missing_values": [repr(value) for value in self.settings.missing_values],
            "noise": 0.0,
            "content": numbers.hexdigest(),
        }

    def notes(self) -> dict[str, Any]:
        """Return what is worth knowing and decides nothing."""
        noise = noise_level(self.train)
        spread = np.nanstd(self.train, axis=(0, 1))
        return {
            "trajectories": len(self.series),
            "samples": [len(one.values) for one in self.series],
            "missing": [float(np.isnan(one.values).any(axis=1).mean()) for one in self.series],
            "resampled": sum(one.resampled for one in self.series),
            "period": self.parts.period * self.step,
            "noise": {
                name: None if np.isnan(level) else float(level)
                for name, level in zip(self.names, noise, strict=True)
            },
            "noise_share": {
                name: None if np.isnan(level) else float(level / sigma)
                for name, level, sigma in zip(self.names, noise, spread, strict=True)
            },
            "few_windows": len(self.test.values) < LEAST_WINDOWS,
        }


def _write(folder: Path, made: _Made, sources: list[dict[str, Any]]) -> None:
    """Write a recording; its manifest comes last and makes it count."""
    name, recipe = made.settings.name, made.recipe()
    owner = {"hash": digest(recipe), "recipe": recipe}
    if (folder / RECIPE).is_file() and read_json(folder / RECIPE).get("hash") != owner["hash"]:
        raise RecipeMismatchError(
            f"{folder} holds another recording, or this one with other settings; choose another "
            "name or another --out, or delete that folder (nothing was changed)"
        )
    claim(folder, RECIPE, owner, what="dataset", by=["hash"])
    if (folder / MANIFEST).is_file():
        checked(folder, name)
        return
    splits = {
        "train": Trajectories(made.train, made.step, made.names, made.starts),
        "test": Trajectories(made.test.values, made.step, made.names, made.test.starts),
    }
    files = {}
    for split, trajectories in splits.items():
        relative = relative_path(name, split)  # type: ignore[arg-type]
        facts = {
            "recording": name, "split": split, "dt": repr(made.step), "hash": digest(recipe),
            "units": f"time in {made.settings.time_unit}",
        }  # fmt: skip
        write_trajectories(
            folder / relative, trajectories, labels={"system": name, "split": split},
            metadata=facts,
        )  # fmt: skip
        n, steps, _ = trajectories.values.shape
        files[relative] = {
            "rows": n * steps, "sha256": sha256(folder / relative), "variables": list(made.names),
        }  # fmt: skip
    manifest: dict[str, Any] = {
        "hash": owner["hash"],
        "recipe": recipe,
        "paces": {
            name: {
                "dt": made.step,
                "horizon": made.test.horizon,
                "lyapunov_exponent": made.exponent.value,
            }
        },
        "files": files,
        "notes": made.notes(),
        "provenance": {"versions": versions(), "sources": sources},
    }
    manifest["checksum"] = seal(manifest)
    write_json(folder / MANIFEST, manifest)
