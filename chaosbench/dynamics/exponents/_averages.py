"""From growth rates to exponents, their errors and dimensions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from chaosbench.trajectories import FloatArray

__all__ = [
    "BATCHES", "LyapunovSpectrum", "TwinExponent", "batch_means", "batch_stderr", "kaplan_yorke",
]  # fmt: skip

BATCHES = (16, 32, 64)
"""Numbers of batches from which the standard error of a mean is estimated."""


@dataclass(frozen=True, eq=False)
class LyapunovSpectrum:
    """Lyapunov exponents with their errors.

    Attributes:
        values: exponents in falling order ``(k,)``, per time unit (per iteration, for a map).
        stderr: standard errors ``(k,)`` from batch means.
        length: time units that were averaged over.
        complete: whether these are all exponents of the system.
        work: attempted steps times the size of the system, to estimate the cost of a longer run.
        batches: means over parts of that time ``(b, k)``, in the order of `values`.

    """

    values: FloatArray
    stderr: FloatArray
    length: float
    complete: bool
    work: int = 0
    batches: FloatArray = field(default_factory=lambda: np.empty((0, 0)), repr=False)

    @classmethod
    def from_batches(
        cls, batches: FloatArray, *, length: float, complete: bool
    ) -> LyapunovSpectrum:
        """Average over independent runs ``(b, k)`` of equal length."""
        values = batches.mean(axis=0)
        order = np.argsort(-values)
        stderr = batches.std(axis=0, ddof=1) / np.sqrt(len(batches))
        return cls(
            values[order], stderr[order], length, complete=complete, batches=batches[:, order]
        )

    @property
    def kaplan_yorke_dimension(self) -> float | None:
        """Kaplan–Yorke dimension; None where an incomplete spectrum does not determine it."""
        return kaplan_yorke(self.values, complete=self.complete)

    @property
    def kaplan_yorke_stderr(self) -> float | None:
        """Its standard error, from leaving out one batch at a time; None if it is not known."""
        n = len(self.batches)
        if n < 2 or self.kaplan_yorke_dimension is None:
            return None
        total = self.batches.sum(axis=0)
        without = [
            kaplan_yorke((total - batch) / (n - 1), complete=self.complete)
            for batch in self.batches
        ]
        found = np.array([value for value in without if value is not None])
        if len(found) < n:
            return None
        return float(np.sqrt((n - 1) / n * np.sum((found - found.mean()) ** 2)))


@dataclass(frozen=True)
class TwinExponent:
    """Largest exponent from two trajectories, per time unit, with its standard error."""

    value: float
    stderr: float


def batch_means(rates: FloatArray, batches: int) -> FloatArray:
    """Return the means ``(batches, k)`` over consecutive parts of ``(s, k)``."""
    size = len(rates) // batches
    means: FloatArray = rates[: size * batches].reshape(batches, size, -1).mean(axis=1)
    return means


def batch_stderr(rates: FloatArray) -> FloatArray:
    """Return the standard error of the mean of correlated rates ``(s, k)``.

    It is the largest of the estimates from 16, 32 and 64 batches. Batches that are too short are
    correlated and underestimate the error; too few batches scatter.
    """
    errors = []
    for batches in BATCHES:
        if len(rates) >= batches:
            means = batch_means(rates, batches)
            errors.append(means.std(axis=0, ddof=1) / np.sqrt(batches))
    return np.max(errors, axis=0) if errors else np.full(rates.shape[1], np.inf)


def kaplan_yorke(exponents: FloatArray, *, complete: bool = True) -> float | None:
    """Return the Kaplan–Yorke dimension of a spectrum in falling order.

    If the partial sums of a complete spectrum never become negative, the attractor fills its space:
    the dimension is the number of exponents. An incomplete spectrum, as of a delay system, does
    not determine it then: None.
    """
    if exponents[0] <= 0:
        return 0.0
    sums = np.cumsum(exponents)
    # a conservative flow's last sum is zero up to round-off and sampling
    below = np.flatnonzero(sums < -1e-4 * np.abs(exponents).sum())
    if below.size == 0:
        return float(len(exponents)) if complete else None
    k = int(below[0])
    return float(k + sums[k - 1] / abs(exponents[k]))
