"""Trajectories: arrays with a sampling step, for integrators and forecasters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chaosbench.errors import InputError, shown
from chaosbench.text import html_facts

__all__ = ["FloatArray", "Trajectories", "fill_gaps", "in_order", "real_array", "unmasked"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trajectories:
    """`n` trajectories of `T` samples of `d` variables on one uniform time grid.

    Attributes:
        values: ``(n, T, d)``; a single ``(T, d)`` array becomes ``n = 1``. What a masked array
            hides is NaN, a lost sample.
        dt: sampling step in time units (1 for maps).
        variables: `d` names; by default the columns of a DataFrame.
        start_times: ``(n,)`` absolute time of each first sample, in time units; it matters only
            for driven systems.
        provenance: where the numbers come from; empty for a user's own data.
        certified_until: ``(n,)`` for how long each trajectory is the solution through its sample
            `certified_from`, in time units since that sample; None if this was not checked.
        certified_from: index of that sample.

    Raises:
        InputError: the numbers are not real, the number of axes is wrong, an axis is empty, a
            single array has more variables than samples and no names for them, the step is not
            positive, or the certificate has the wrong shape.

    """

    values: FloatArray
    dt: float
    variables: tuple[str, ...] = ()
    start_times: FloatArray | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    certified_until: FloatArray | None = None
    certified_from: int = 0

    def __init__(
        self,
        values: ArrayLike,
        dt: float,
        variables: tuple[str, ...] = (),
        start_times: ArrayLike | None = None,
        provenance: Mapping[str, Any] | None = None,
        certified_until: ArrayLike | None = None,
        certified_from: int = 0,
    ) -> None:
        array = real_array(values, what="trajectories")
        given = tuple(variables) or _columns(values)
        if array.ndim == 2 and array.shape[1] > array.shape[0] > 0 and not given:
            raise InputError(
                f"an array of shape {array.shape} would be one trajectory (T, d) of "
                f"{array.shape[0]} samples of {array.shape[1]} variables; transpose it, give "
                "several trajectories the shape (n, T, d), or name the variables"
            )
        if array.ndim == 2:
            array = array[np.newaxis]
        if array.ndim != 3 or 0 in array.shape:
            raise InputError(
                f"trajectories must have shape (n, T, d) or (T, d) without empty axes; "
                f"this array has shape {np.shape(values)}"
            )
        if not (isinstance(dt, Real) and np.isfinite(dt) and dt > 0):
            raise InputError(f"the sampling step dt must be positive and finite, not {dt!r}")
        n, _, d = array.shape
        names = given or tuple(f"x{i}" for i in range(d))
        if len(names) != d:
            raise InputError(f"{d} variables need {d} names, not {len(names)}: {names}")
        if len(set(names)) != d:
            raise InputError(f"the names of the variables must differ: {names}")
        starts = np.zeros(n) if start_times is None else real_array(start_times, what="start_times")
        if starts.shape != (n,):
            raise InputError(f"start_times must have shape ({n},), not {starts.shape}")
        until = None
        if certified_until is not None:
            until = real_array(certified_until, what="certified_until")
            if until.shape != (n,) or not (until >= 0).all():
                raise InputError(
                    f"certified_until must hold one time of at least 0 for each of {n} "
                    f"trajectories, not {shown(certified_until)}"
                )
        if not 0 <= certified_from < array.shape[1]:
            raise InputError(
                f"certified_from must be the index of one of {array.shape[1]} samples, "
                f"not {certified_from!r}"
            )
        object.__setattr__(self, "values", array)
        object.__setattr__(self, "dt", float(dt))
        object.__setattr__(self, "variables", names)
        object.__setattr__(self, "start_times", starts)
        object.__setattr__(self, "provenance", dict(provenance or {}))
        object.__setattr__(self, "certified_until", until)
        object.__setattr__(self, "certified_from", int(certified_from))

    @property
    def time(self) -> FloatArray:
        """Time since the first sample, ``(T,)``, in time units."""
        return np.asarray(np.arange(self.values.shape[1]) * self.dt, dtype=np.float64)

    def __len__(self) -> int:
        return int(self.values.shape[0])

    def __repr__(self) -> str:
        n, t, d = self.values.shape
        return f"Trajectories(n={n}, T={t}, d={d}, dt={self.dt:.6g}, variables={self.variables})"

    def _repr_html_(self) -> str:
        n, t, d = self.values.shape
        lost = int(np.isnan(self.values).sum())
        until = self.certified_until
        return html_facts(
            f"Trajectories: {n:,} of {t:,} samples of {d:,} variables",
            {
                "step": f"{self.dt:.6g} time units",
                "length": f"{(t - 1) * self.dt:.6g} time units",
                "variables": ", ".join(self.variables[:20]) + (", …" if d > 20 else ""),
                "certified": "" if until is None else f"for {until.min():.4g} time units at least",
                "lost samples": f"{lost:,}" if lost else "",
            },
        )

    def to_frame(self) -> Any:
        """Return a pandas DataFrame: a row a sample, with its trajectory, time and variables.

        `time` counts from `start_times`. A variable with the name ``trajectory`` or ``time`` is
        refused.
        """
        import pandas as pd

        return pd.DataFrame(self._table())

    def to_arrow(self) -> Any:
        """Return an Arrow table with the columns of `to_frame`."""
        import pyarrow as pa

        return pa.table(self._table())

    def _table(self) -> dict[str, NDArray[Any]]:
        for name in ("trajectory", "time"):
            if name in self.variables:
                raise InputError(
                    f"a table has a column {name!r} of its own; give the variable another name"
                )
        n, t, _ = self.values.shape
        starts = np.zeros(n) if self.start_times is None else self.start_times
        return {
            "trajectory": np.repeat(np.arange(n), t),
            "time": (starts[:, np.newaxis] + self.time).ravel(),
            **{name: self.values[:, :, k].ravel() for k, name in enumerate(self.variables)},
        }


def real_array(values: ArrayLike, *, what: str) -> FloatArray:
    """Return real numbers as an array of doubles that lies in memory as it is indexed.

    What a masked array hides becomes NaN. Sums depend in their last bit on the order in memory, so
    every array from outside gets one order.

    Raises:
        InputError: some are complex, text, times or no numbers at all.

    """
    try:
        array = unmasked(values)
        if array.dtype.kind == "O" and any(isinstance(v, (str, bytes)) for v in array.flat):
            raise TypeError("some are text")
        if array.dtype.kind not in "fiubO":
            raise TypeError(f"these are {array.dtype}")
        return np.ascontiguousarray(array, dtype=np.float64).reshape(array.shape)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must be arrays of numbers, real ones: {error}") from error


def unmasked(values: ArrayLike) -> NDArray[Any]:
    """Return an array with NaN where a masked array, or one among several, hides a value."""
    given: Any = values
    if isinstance(given, (list, tuple)) and any(isinstance(v, np.ma.MaskedArray) for v in given):
        given = np.ma.stack([np.ma.asarray(v) for v in given])
    if hasattr(given, "isna"):  # pandas, whose columns may hold its own mark of what is missing
        array = np.asarray(given)
        return np.where(np.asarray(given.isna()), np.nan, array) if array.dtype == object else array
    if not isinstance(given, np.ma.MaskedArray):
        return np.asarray(given)
    if not np.ma.is_masked(given):
        return np.asarray(given.data)
    kind = given.dtype if given.dtype.kind in "fc" else np.dtype(np.float64)
    return np.asarray(np.ma.filled(given.astype(kind), np.nan))


def in_order(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array whose later axes lie closer in memory; a copy only of one that does not."""
    strides = [s for s, length in zip(array.strides, array.shape, strict=True) if length > 1]
    return array if sorted(strides, reverse=True) == strides else np.ascontiguousarray(array)


def _columns(values: object) -> tuple[str, ...]:
    """Return the names of a DataFrame's columns, if they are text."""
    names = tuple(getattr(values, "columns", ()))
    return names if all(isinstance(name, str) for name in names) else ()


def fill_gaps(values: FloatArray) -> FloatArray:
    """Return ``(n, T, d)`` with lost samples interpolated linearly in time.

    Forecasters get data filled in this way unless they set ``handles_gaps = True``.
    """
    if np.isfinite(values).all():
        return values
    filled = values.copy()
    for trajectory in filled:
        for column in trajectory.T:
            known = np.isfinite(column)
            if not known.all():
                index = np.arange(len(column))
                column[~known] = np.interp(index[~known], index[known], column[known])
    return filled
