"""Trajectories: arrays with a sampling step, for integrators and forecasters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chaosbench.errors import InputError

__all__ = ["FloatArray", "Trajectories", "fill_gaps"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trajectories:
    """`n` trajectories of `T` samples of `d` variables on one uniform time grid.

    Attributes:
        values: ``(n, T, d)``; a single ``(T, d)`` array becomes ``n = 1``.
        dt: sampling step in time units (1 for maps).
        variables: `d` names.
        start_times: ``(n,)`` absolute time of each first sample, in time units; it matters only
            for driven systems.
        provenance: where the numbers come from; empty for a user's own data.
        certified_until: ``(n,)`` for how long each trajectory is the solution through its sample
            `certified_from`, in time units since that sample; None if this was not checked.
        certified_from: index of that sample.

    Raises:
        InputError: the number of axes is wrong, an axis is empty, the step is not positive, or
            the certificate has the wrong shape.

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
        try:
            array = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"trajectories must be arrays of numbers: {error}") from error
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
        names = tuple(variables) or tuple(f"x{i}" for i in range(d))
        if len(names) != d:
            raise InputError(f"{d} variables need {d} names, not {len(names)}: {names}")
        if len(set(names)) != d:
            raise InputError(f"the names of the variables must differ: {names}")
        starts = np.zeros(n) if start_times is None else np.asarray(start_times, dtype=np.float64)
        if starts.shape != (n,):
            raise InputError(f"start_times must have shape ({n},), not {starts.shape}")
        until = None
        if certified_until is not None:
            until = np.asarray(certified_until, dtype=np.float64)
            if until.shape != (n,) or not (until >= 0).all():
                raise InputError(
                    f"certified_until must hold one time of at least 0 for each of {n} "
                    f"trajectories, not {certified_until!r}"
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
