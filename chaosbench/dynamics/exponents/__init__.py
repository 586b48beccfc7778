"""Lyapunov exponents: growth along an orbit; one file per kind of system."""

from __future__ import annotations

from chaosbench.dynamics.exponents._averages import (
    LyapunovSpectrum,
    TwinExponent,
    batch_means,
    batch_stderr,
    kaplan_yorke,
)
from chaosbench.dynamics.exponents._choice import tangents_of, twins_of
from chaosbench.dynamics.exponents._field import FieldEnsemble
from chaosbench.dynamics.exponents._schedule import (
    ITERATIONS_PER_PERIOD,
    SEGMENTS_PER_PERIOD,
    schedule_for,
)
from chaosbench.dynamics.exponents._tangents import Tangents
from chaosbench.dynamics.exponents._twins import Twins

__all__ = [
    "ITERATIONS_PER_PERIOD", "SEGMENTS_PER_PERIOD", "FieldEnsemble", "LyapunovSpectrum", "Tangents",
    "TwinExponent", "Twins", "batch_means", "batch_stderr", "kaplan_yorke", "schedule_for",
    "tangents_of", "twins_of",
]  # fmt: skip
