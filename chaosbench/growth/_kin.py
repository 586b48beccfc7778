"""Kin: systems that a change of variables and of the unit of time makes the same.

Such a change keeps the exponents times the period, the Kaplan–Yorke dimension and, if it only
permutes, flips, scales and shifts the variables, the squared skewness and the kurtosis of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from chaosbench.dynamics.simulation import simulate
from chaosbench.dynamics.stored import Constants, known_constants
from chaosbench.errors import ChaosbenchError
from chaosbench.systems import FieldSystem, StochasticSystem, System
from chaosbench.systems import registry as systems
from chaosbench.trajectories import FloatArray

__all__ = ["Invariants", "catalogue_kin", "invariants", "of_catalogue"]

LEAST_APART = 0.02
"""Relative difference of two numbers that are not known better."""

SIGMAS = 3.0
"""Standard errors within which two exponents count as equal."""

MARKS_APART = 0.08
"""Difference of two marks, relative to 1 plus their size, that chance explains."""


@dataclass(frozen=True, eq=False)
class Invariants:
    """What a change of variables keeps.

    Attributes:
        kind: kind and dimension.
        exponents: the spectrum times the period.
        errors: their standard errors.
        marks: squared skewness and kurtosis ``(2, d)``, sorted by kurtosis.

    """

    kind: tuple[str, int]
    exponents: FloatArray
    errors: FloatArray
    marks: FloatArray | None

    def near(self, other: Invariants) -> bool:
        """Say whether two systems may be kin, by the exponents alone."""
        if self.kind != other.kind:
            return False
        n = min(len(self.exponents), len(other.exponents))
        mine, theirs = self.exponents[:n], other.exponents[:n]
        if not theirs[0] > 0.0:
            return False
        scale = np.maximum(np.abs(mine), np.abs(theirs))
        # where the period is uncertain all exponents move together
        ratio = mine[0] / theirs[0]
        if not 0.9 < ratio < 1.1:
            return False
        allowed = np.maximum(SIGMAS * np.hypot(self.errors[:n], other.errors[:n]),
                             np.maximum(LEAST_APART * scale, LEAST_APART * mine[0]))  # fmt: skip
        return bool((np.abs(mine - ratio * theirs) <= allowed).all())

    def kin(self, other: Invariants) -> bool:
        """Say whether two systems are the same up to a change of units, as far as can be seen."""
        if not self.near(other):
            return False
        if self.marks is None or other.marks is None:
            return True
        apart = np.abs(self.marks - other.marks)
        size = 1.0 + np.maximum(np.abs(self.marks), np.abs(other.marks))
        return bool((apart <= MARKS_APART * size).all())


def invariants(system: System, known: Constants, marks: FloatArray | None) -> Invariants:
    """Return the invariants of a measured system."""
    period = known.period
    if marks is not None:
        marks = marks[:, np.argsort(marks[1], kind="stable")]
    return Invariants(
        (system.kind, system.dimension),
        period * np.array(known.lyapunov_exponents),
        period * np.array(known.lyapunov_stderr),
        marks,
    )


@lru_cache(maxsize=512)
def of_catalogue(name: str) -> Invariants | None:
    """Return the invariants of a system of the catalogue; None where they cannot be had."""
    system, known = systems[name], known_constants(systems[name])
    if known is None or isinstance(system, (FieldSystem, StochasticSystem)):
        return None
    marks = None
    if system.stationary:
        try:
            dt = 1.0 if system.discrete else known.period / 16
            values = simulate(system, points=2**14, dt=dt, seed=4, rtol=1e-8).values[0]
        except ChaosbenchError:
            return invariants(system, known, None)
        standard = (values - values.mean(axis=0)) / values.std(axis=0)
        marks = np.stack([(standard**3).mean(axis=0) ** 2, (standard**4).mean(axis=0)])
    return invariants(system, known, marks)


@lru_cache(maxsize=64)
def _catalogue(kind: str, dimension: int) -> tuple[tuple[str, Invariants], ...]:
    found = []
    for name in systems:
        system = systems[name]
        known = known_constants(system)
        if known is not None and (system.kind, system.dimension) == (kind, dimension):
            found.append((name, invariants(system, known, None)))
    return tuple(found)


def catalogue_kin(one: Invariants) -> Iterator[str]:
    """Yield the systems of the catalogue that are kin; marks are measured only where it matters."""
    for name, brief in _catalogue(*one.kind):
        if one.near(brief):
            whole = of_catalogue(name)
            if whole is None or one.kin(whole):
                yield name
