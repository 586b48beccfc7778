"""How noisy recorded samples are, from the samples alone."""

from __future__ import annotations

from math import comb

import numpy as np

from chaosbench.trajectories import FloatArray

__all__ = ["noise_level"]

ORDERS = range(1, 11)

LEAST = 50
"""Differences that an order needs."""


def noise_level(values: FloatArray) -> FloatArray:
    """Estimate the standard deviation of white observation noise of each variable.

    The k-th difference of white noise of standard deviation σ has the variance C(2k, k) σ², and of
    a signal that is smooth between samples it goes to zero as k grows. The estimate is the least of
    √(mean (Δᵏx)² / C(2k, k)) over k = 1 … 10. It is an upper bound: what a signal itself does
    between two samples counts as noise, so that for a map, or for a flow that is sampled a few
    times a period, it says nothing.

    Args:
        values: ``(n, T, d)``, NaN where nothing was recorded; differences across it are left out.

    Returns:
        ``(d,)`` in the units of the variables; NaN where too few differences are known.

    """
    found = np.full(values.shape[2], np.nan)
    for j in range(values.shape[2]):
        series = values[..., j]
        estimates = []
        for k in ORDERS:
            if series.shape[1] <= k:
                break
            difference = np.diff(series, n=k, axis=1)
            known = difference[np.isfinite(difference)]
            if len(known) < LEAST:
                break
            estimates.append(float(np.sqrt(np.mean(known**2) / comb(2 * k, k))))
        if estimates:
            found[j] = min(estimates)
    return found
