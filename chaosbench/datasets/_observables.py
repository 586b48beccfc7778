"""How the state of a system is seen: an angle by its cosine and its sine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from chaosbench.dynamics.attractor import attractor_orbit
from chaosbench.dynamics.scales import scales_of
from chaosbench.systems import System
from chaosbench.trajectories import FloatArray

__all__ = ["Observables", "observables_of", "spread_of"]

SAMPLES = 5000
"""Samples from which the spread of cosines and sines is measured."""

STRIDE = 0.37
"""Periods between these samples; the share of a period that they fall on never repeats soon."""

SPREAD_KEY = (0, 7)
"""Seed of the orbit that they are taken from."""

SPLITTER = 2.0**27 + 1.0
"""Splits a double into two halves whose products are exact."""


@dataclass(frozen=True)
class Observables:
    """The functions of a state ``(d,)`` that forecasters see ``(D,)``.

    An angle or a position in a periodic box winds up and has no stationary distribution. It is
    seen as the cosine and the sine of its phase, 2π times its share of the period. Every other
    variable is seen as it is.

    Attributes:
        states: names of the `d` variables of the system.
        periods: the period of each that is an angle, None for the others.

    """

    states: tuple[str, ...]
    periods: tuple[float | None, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the `D` observables, in the order of the variables."""
        return tuple(name for variable in self.states for name in self.seen_of(variable))

    @property
    def plain(self) -> bool:
        """Whether the observables are the variables as they are."""
        return all(period is None for period in self.periods)

    def seen_of(self, variable: str) -> tuple[str, ...]:
        """Return the names under which one variable is seen."""
        period = self.periods[self.states.index(variable)]
        return (variable,) if period is None else (f"cos_{variable}", f"sin_{variable}")

    def of(self, states: FloatArray, rest: FloatArray | None = None) -> FloatArray:
        """Return the observables ``(..., D)`` of states ``(..., d)``.

        Args:
            states: doubles.
            rest: what the doubles lack of the exact state ``(..., d)``.

        """
        columns = []
        for i, period in enumerate(self.periods):
            if period is None:
                columns.append(states[..., i])
                continue
            phase, lacking = _product(states[..., i], 2 * math.pi / period)
            if rest is not None:
                lacking = lacking + rest[..., i] * (2 * math.pi / period)
            cos, sin = np.cos(phase), np.sin(phase)
            columns += [cos - lacking * sin, sin + lacking * cos]
        return np.stack(columns, axis=-1)

    def slopes(self, states: FloatArray) -> FloatArray:
        """Return the derivatives ``(..., D, d)`` of the observables by the state."""
        d = len(self.states)
        rows = []
        for i, period in enumerate(self.periods):
            unit = np.broadcast_to(np.eye(d)[i], states.shape)
            if period is None:
                rows.append(unit)
                continue
            rate = 2 * math.pi / period
            phase = rate * states[..., i, None]
            rows += [-rate * np.sin(phase) * unit, rate * np.cos(phase) * unit]
        return np.stack(rows, axis=-2)

    def states_of(self, seen: FloatArray) -> FloatArray:
        """Return the states ``(..., T, d)`` behind observables ``(..., T, D)``.

        Angles are continued from sample to sample by less than half a turn. The last one lies
        within half a turn of 0. A lost sample (NaN) stays lost.
        """
        if seen.shape[-1] == len(self.states):
            return seen
        columns, j = [], 0
        for period in self.periods:
            if period is None:
                columns.append(seen[..., j])
                j += 1
                continue
            turns = np.arctan2(seen[..., j + 1], seen[..., j]) / (2 * math.pi)
            columns.append(period * _continued(turns))
            j += 2
        return np.stack(columns, axis=-1)

    def wrapped(self, state: FloatArray) -> FloatArray:
        """Return the same state ``(d,)`` with every angle in its first period."""
        out = state.copy()
        for i, period in enumerate(self.periods):
            if period is not None:
                out[i] -= period * math.floor(out[i] / period)
        return out


def observables_of(system: System, *, bounded: bool = True) -> Observables:
    """Return what is seen of a system; all its variables as they are unless `bounded`."""
    periods = system.periods if bounded else (None,) * system.dimension
    return Observables(system.variables, periods)


@lru_cache(maxsize=64)
def spread_of(system: System, *, bounded: bool) -> tuple[float, ...]:
    """Return the standard deviation of each observable ``(D,)`` on the attractor.

    That of a variable is measured and stored with the constants of the system; that of a cosine
    or a sine is measured here, from an orbit of its own.
    """
    scales, observables = scales_of(system), observables_of(system, bounded=bounded)
    if observables.plain:
        return tuple(scales.spread.tolist())
    step = 1.0 if system.discrete else STRIDE * scales.period
    values = attractor_orbit(scales, key=SPREAD_KEY, rtol=1e-9).sample(SAMPLES, step)
    measured = observables.of(values).std(axis=0)
    stored = dict(zip(system.variables, scales.spread, strict=True))
    return tuple(
        float(stored.get(name, own))
        for name, own in zip(observables.variables, measured, strict=True)
    )


def _product(a: FloatArray, b: float) -> tuple[FloatArray, FloatArray]:
    """Return a product as a double and what that lacks."""
    p = a * b
    split_a, split_b = SPLITTER * a, SPLITTER * b
    a1, b1 = split_a - (split_a - a), split_b - (split_b - b)
    a2, b2 = a - a1, b - b1
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


def _continued(turns: FloatArray) -> FloatArray:
    """Continue shares of a turn ``(..., T)`` along the samples that are there."""
    out = turns.copy()
    for index in np.ndindex(turns.shape[:-1]):
        there = np.isfinite(turns[index])
        found = turns[index][there]
        whole = np.concatenate([[0.0], np.cumsum(np.round(np.diff(found)))])
        out[index][there] = found - (whole - (whole[-1] if len(found) else 0.0))
    return out
