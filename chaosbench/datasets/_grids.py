"""From rows with times to samples on one uniform grid, with NaN where nothing was recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chaosbench.datasets._tables import Table
from chaosbench.errors import InputError
from chaosbench.trajectories import FloatArray

__all__ = ["UNITS", "Series", "by_trajectory", "on_grid", "pieces", "runs", "step_of", "times_of"]

UNITS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "y": 365.25 * 86400.0}
"""Seconds of the units in which dates become numbers."""

ON_GRID = 0.05
"""Steps by which a time may miss a grid and still count as on it: times in files are rounded."""

FINER, COARSER = 0.5, 10.0
"""Bounds of a step of resampling, in median distances between samples."""

NEAR = 2.0
"""Largest distance of two samples between which is interpolated, in steps or median distances."""

SPARSEST = 10.0
"""Points of a grid for each sample, from which on the times are refused."""


@dataclass(frozen=True, eq=False)
class Series:
    """One recorded trajectory on a uniform grid.

    Attributes:
        values: ``(T, d)``, NaN where nothing was recorded.
        start: time of the first sample.
        resampled: whether the samples are interpolated between the recorded ones.
        held_out: nothing of it is for training.

    """

    values: FloatArray
    start: float
    resampled: bool = False
    held_out: bool = False


def by_trajectory(table: Table, column: str) -> list[Table]:
    """Cut a table into one for each value of a column, in the order of their first rows.

    Raises:
        InputError: the column has an empty cell, or another value in nearly every row.

    """
    labels = [str(cell) for cell in table.columns[column].tolist()]
    if any(label in ("None", "nan", "NaT") for label in labels):
        raise InputError(
            f"the column {column!r} of {table.source}, which names the trajectory, has an empty "
            "cell; fill it"
        )
    number = {label: k for k, label in enumerate(dict.fromkeys(labels))}
    if len(number) > max(1, len(labels) // 4):
        raise InputError(
            f"the column {column!r} of {table.source} has {len(number):,} values in "
            f"{len(labels):,} rows; a trajectory needs many rows, so name another column"
        )
    belongs = np.array([number[label] for label in labels])
    return [
        Table(
            f"{table.source} ({column} {label})",
            {name: cells[belongs == k] for name, cells in table.columns.items()},
        )
        for label, k in number.items()
    ]


def times_of(table: Table, column: str, unit: str) -> FloatArray:
    """Return the times ``(T,)`` of a column: numbers as they are, dates in `unit`.

    Raises:
        InputError: an empty or unreadable time, or times that do not increase.

    """
    cells = table.columns[column]
    if cells.dtype.kind == "M":
        if unit not in UNITS:
            raise InputError(
                f"the column {column!r} of {table.source} holds dates; say in which unit they "
                f"count, --time-unit {', '.join(UNITS)}"
            )
        if np.isnat(cells).any():
            raise InputError(_empty(table, column, int(np.isnat(cells).argmax())))
        seconds = (cells - cells[0]).astype("timedelta64[ns]").astype(np.float64) * 1e-9
        times = seconds / UNITS[unit]
    else:
        times = table.numbers(column)
    if not np.isfinite(times).all():
        raise InputError(_empty(table, column, int((~np.isfinite(times)).argmax())))
    steps = np.diff(times)
    if (steps <= 0).any():
        row = int((steps <= 0).argmax())
        what = "is the same as" if steps[row] == 0 else "comes before"
        raise InputError(
            f"the time in row {row + 2} of {table.source} {what} that in the row above; times "
            "must increase"
            + (", so average the rows of one time or leave one out" if steps[row] == 0 else "")
        )
    return np.asarray(times, dtype=np.float64)


def _empty(table: Table, column: str, row: int) -> str:
    return (
        f"row {row + 1} of {table.source} has no time in the column {column!r}; leave the row out"
    )


def step_of(times: Iterable[FloatArray]) -> float:
    """Return the sampling step behind the times of all trajectories.

    It is the time from first to last sample over the number of steps between, where a distance of
    about n median distances counts n steps.

    Raises:
        InputError: a single sample.

    """
    parts = [part for part in times if len(part) > 1]
    if not parts:
        raise InputError("a series needs more than one sample")
    distances = np.concatenate([np.diff(part) for part in parts])
    median = float(np.median(distances))
    counted = distances < 1e6 * median
    steps = np.maximum(1.0, np.round(distances[counted] / median))
    found = float(distances[counted].sum() / steps.sum())
    # where times are irregular, the counts of steps mean nothing
    return found if abs(found / median - 1) < ON_GRID else median


def on_grid(times: FloatArray, values: FloatArray, dt: float, source: str) -> Series:
    """Bring samples ``(T, d)`` at `times` to a grid of step `dt` that begins with the first.

    Times that all lie within 5% of a step of a grid point are taken to lie on it. Otherwise every
    variable is interpolated linearly between its two nearest samples, where these are no further
    apart than two steps (or two median distances). Elsewhere, and on grid points without a row,
    nothing is known.

    Raises:
        InputError: a step much finer or coarser than the samples, or mostly gaps.

    """
    index = (times - times[0]) / dt
    places = np.round(index).astype(np.int64) if index[-1] < 2**40 else None
    median = float(np.median(np.diff(times))) if len(times) > 1 else dt
    if places is None or places[-1] + 1 > SPARSEST * len(times):
        raise InputError(
            f"{source} has {len(times):,} samples and would have {index[-1] + 1:,.0f} at steps of "
            f"{dt:g}, nearly all of them gaps; give a longer --dt, or cut the file where it pauses"
        )
    regular = bool((np.abs(index - places) <= ON_GRID).all() and (np.diff(places) > 0).all())
    if regular:
        made = np.full((int(places[-1]) + 1, values.shape[1]), np.nan)
        made[places] = values
        return Series(made, float(times[0]))
    if not FINER * median <= dt <= COARSER * median:
        what = "invent most samples" if dt < median else "lose most of them"
        raise InputError(
            f"{source} is sampled about every {median:g}, and steps of {dt:g} would {what}; give "
            f"a --dt between {FINER * median:g} and {COARSER * median:g}"
        )
    grid = times[0] + dt * np.arange(int(np.floor(index[-1] + 1e-9)) + 1)
    made = np.full((len(grid), values.shape[1]), np.nan)
    reach = NEAR * max(dt, median) * (1 + 1e-9)
    for column, target in zip(values.T, made.T, strict=True):
        known = np.isfinite(column)
        if known.sum() > 1:
            target[:] = _between(times[known], column[known], grid, reach)
    lost = float(np.isnan(made).any(axis=1).mean())
    if lost > 0.5:
        raise InputError(
            f"{source} has times so irregular that {100 * lost:.0f}% of the samples at steps of "
            f"{dt:g} would be gaps; give a longer --dt"
        )
    return Series(made, float(times[0]), resampled=True)


def _between(times: FloatArray, column: FloatArray, grid: FloatArray, reach: float) -> FloatArray:
    """Interpolate where the samples on both sides are within reach of each other."""
    made = np.interp(grid, times, column, left=np.nan, right=np.nan)
    right = np.clip(np.searchsorted(times, grid), 1, len(times) - 1)
    exact = np.isclose(grid, times[right], rtol=0, atol=1e-9 * reach)
    exact |= np.isclose(grid, times[right - 1], rtol=0, atol=1e-9 * reach)
    made[(times[right] - times[right - 1] > reach) & ~exact] = np.nan
    return np.asarray(made)


def pieces(values: FloatArray, longest: int) -> list[tuple[int, int]]:
    """Return the stretches of ``(T, d)`` between gaps of more than `longest` samples.

    Each begins and ends with a sample of all variables.
    """
    broken = np.zeros(len(values), dtype=np.bool_)
    for column in values.T:
        for start, stop in runs(np.isnan(column)):
            if stop - start > longest:
                broken[start:stop] = True
    complete = np.asarray(np.isfinite(values).all(axis=1))
    found = []
    for start, stop in runs(~broken):
        whole = np.flatnonzero(complete[start:stop])
        if len(whole):
            found.append((start + int(whole[0]), start + int(whole[-1]) + 1))
    return found


def runs(marks: NDArray[np.bool_]) -> Sequence[tuple[int, int]]:
    """Return where marks are set, as ``(start, stop)``."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marks.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
