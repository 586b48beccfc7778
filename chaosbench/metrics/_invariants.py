"""Invariants of an attractor: the correlation dimension of a series, and errors of constants."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from chaosbench.errors import InputError
from chaosbench.metrics._arrays import (
    CEILING,
    CONSTANT,
    capped_ratio,
    positive,
    real,
    series,
    whole,
)
from chaosbench.metrics._metadata import metric
from chaosbench.numerics.correlation import correlation_slope
from chaosbench.trajectories import unmasked

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chaosbench.trajectories import FloatArray

__all__ = [
    "CorrelationDimension",
    "correlation_dimension",
    "correlation_dimension_error",
    "invariant_error",
    "invariant_z_score",
]

LEAST_ROWS = 100
MOST_ROWS = 20_000


class CorrelationDimension(NamedTuple):
    """A correlation dimension and the quantities behind its measurement.

    Attributes:
        value: the dimension.
        stderr: its standard error, from eight blocks of the series.
        lower: lower end of the scaling region, in σ.
        upper: upper end of the scaling region, in σ.
        theiler: pairs at most this many rows apart were left out.
        pairs: number of pairs closer than `upper`.

    """

    value: float
    stderr: float
    lower: float
    upper: float
    theiler: int
    pairs: int


def correlation_dimension(
    states: ArrayLike, *, fraction: float = 1 / 100, theiler: int | None = None, seed: int = 0
) -> CorrelationDimension:
    """Measure the correlation dimension of a series, after Grassberger and Procaccia.

    Variables are divided by their standard deviations; constant variables are left out. ``C(r)``
    counts the pairs of rows, more than `theiler` rows apart, that are closer than `r`. The
    dimension is the least-squares slope of ``ln C`` over ``ln r`` at 40 radii, evenly spaced in
    ``ln r`` over the scaling region. The upper end of this region is the radius within which
    `fraction` of all pairs lie (at least 300 pairs); the lower end is the radius within which a
    thousandth of these lie (at least 30). On sets with gaps ``C`` oscillates, and a slope over
    decades averages this oscillation. Takens' estimate at one radius does not: it gives 0.36
    instead of 0.43 on the Cantor set of two fifths.

    A series that visits finitely many states has dimension 0. A series of `T` rows cannot show a
    dimension above ``2 log₁₀ T`` (eckmann1992). Quasi-periodic motion sampled at equal steps has
    few distinct distances, and the standard error is then too small.

    Args:
        states: ``(T, d)``, finite, at least 100 rows; of more than 20,000 rows, every second,
            third, … row is used. A scalar series must be embedded first.
        fraction: fraction of all pairs that are closer than the upper end of the scaling region.
        theiler: Theiler window in rows; by default three times the first lag at which the
            autocorrelation of every variable has fallen below 1/e, at most a tenth of the series.
        seed: seed of the 200,000 pairs that estimate the upper end.

    Returns:
        The dimension with its standard error over eight blocks, the scaling region, the window
        and the number of pairs.

    Raises:
        InputError: wrong shape, too few rows, states that are not finite, settings out of range.

    References:
        grassberger1983, theiler1986.

    """
    x = real(states, axes="T, d", what="states")
    if len(x) < LEAST_ROWS or not np.isfinite(x).all():
        raise InputError(
            f"a correlation dimension needs at least {LEAST_ROWS} finite rows; the {len(x)} rows "
            "given are too few or not all finite"
        )
    share = positive(fraction, what="fraction")
    if share > 1:
        raise InputError(f"fraction must be at most 1, not {fraction!r}")
    stride = -(-len(x) // MOST_ROWS)
    x = x[::stride]
    x = x / np.maximum(np.abs(x).max(axis=0), 1e-300)
    x = x[:, np.ptp(x, axis=0) > CONSTANT]
    if x.shape[1] == 0:
        return CorrelationDimension(0.0, 0.0, 0.0, 0.0, 0, 0)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    if theiler is None:
        apart = min(3 * _memory(x), len(x) // 10)
    else:
        apart = -(-whole(theiler, what="theiler", least=0) // stride)
    if apart > len(x) // 2:
        raise InputError(f"theiler must be at most half of the series, not {theiler}")
    found = correlation_slope(x, share=share, apart=apart, generator=np.random.default_rng(seed))
    if found is None:
        return CorrelationDimension(0.0, 0.0, 0.0, 0.0, apart, 0)
    return CorrelationDimension(
        found.value, found.stderr, found.lower, found.upper, apart, found.pairs
    )


def _memory(x: FloatArray) -> int:
    """Return the first lag at which the autocorrelation of every variable is below 1/e."""
    length = len(x)
    power = np.abs(np.fft.rfft(x, 2 * length, axis=0)) ** 2
    correlation = np.fft.irfft(power, axis=0)[:length]
    below = correlation < correlation[0] / math.e
    first = np.where(below.any(axis=0), np.argmax(below, axis=0), length)
    return int(first.max())


@metric(
    unit="",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=3,
    label="ΔD₂",
    source="grassberger1983",
)
def correlation_dimension_error(
    truth: ArrayLike,
    forecast: ArrayLike,
    *,
    fraction: float = 1 / 100,
    theiler: int | None = None,
    seed: int = 0,
) -> float:
    """Relative error of the correlation dimension of a free run, ``|D̂ - D| / D``.

    Both dimensions come from `correlation_dimension` with the same settings, so that its bias
    largely cancels.

    Args:
        truth: ``(T, d)``, finite, at least 100 rows.
        forecast: ``(T', d)``; its length may differ.
        fraction: fraction of all pairs that are closer than the upper end of the scaling region.
        theiler: Theiler window in rows; see `correlation_dimension`.
        seed: seed of the pairs that estimate the upper end.

    Returns:
        From 0 to 10⁶ (worst: any NaN or infinity, or fewer than 100 rows); lower is better. A run
        that collapsed to a point scores 1. If the truth's dimension is 0, the error is 0 only for
        a run of dimension 0.

    Raises:
        InputError: wrong shapes, a truth that is not finite or too short.

    References:
        grassberger1983.

    """
    y, yhat = series(truth, forecast)
    true = correlation_dimension(y, fraction=fraction, theiler=theiler, seed=seed)
    if len(yhat) < LEAST_ROWS or not np.isfinite(yhat).all():
        return CEILING
    made = correlation_dimension(yhat, fraction=fraction, theiler=theiler, seed=seed)
    return float(invariant_error(true.value, made.value))


def _numbers(truth: ArrayLike, estimate: ArrayLike) -> tuple[FloatArray, FloatArray]:
    pair = [unmasked(value) for value in (truth, estimate)]
    for array, what in zip(pair, ("truth", "estimate"), strict=True):
        if array.dtype.kind not in "fiu" or array.size == 0:
            raise InputError(f"{what} must be one real number or several, not {array.dtype}")
    try:
        known, found = np.broadcast_arrays(*pair)
    except ValueError as error:
        raise InputError(
            f"truth and estimate must have one shape, not {pair[0].shape} and {pair[1].shape}"
        ) from error
    if not np.isfinite(known).all():
        raise InputError("the true value of an invariant must be finite")
    return known.astype(np.float64), found.astype(np.float64)


@metric(
    unit="",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=3,
    label="relative error",
    source="pathak2017",
)
def invariant_error(truth: ArrayLike, estimate: ArrayLike) -> FloatArray:
    """Relative error of an invariant (an exponent or a dimension), ``|λ̂ - λ| / |λ|``.

    Args:
        truth: the known value, ``()`` or any shape.
        estimate: the value of the trained predictor or of its free run, of the same shape.

    Returns:
        An array of the same shape, from 0 to 10⁶ (worst: NaN or infinity, or any error if the true
        value is 0); lower is better.

    Raises:
        InputError: shapes that differ, a true value that is not finite.

    References:
        pathak2017.

    """
    known, found = _numbers(truth, estimate)
    with np.errstate(over="ignore", invalid="ignore"):
        return capped_ratio(np.abs(found - known), np.abs(known))


@metric(
    unit="standard errors",
    direction="lower",
    worst=CEILING,
    limits=(0.0, CEILING),
    digits=1,
    label="z",
    source="pathak2017",
)
def invariant_z_score(
    truth: ArrayLike,
    estimate: ArrayLike,
    *,
    stderr: ArrayLike,
    estimate_stderr: ArrayLike = 0.0,
) -> FloatArray:
    """Error of an invariant in units of its standard error, ``|λ̂ - λ| / √(s² + ŝ²)``.

    The uncertainty of the reference and of the measurement does not count against a predictor: up
    to a value of about 2 the two numbers agree.

    Args:
        truth: the known value, ``()`` or any shape.
        estimate: the value of the trained predictor or of its free run, of the same shape.
        stderr: standard error of `truth`, of the same shape or one number for all.
        estimate_stderr: standard error of `estimate`; 0 if the estimate is exact, infinity or NaN
            if it is useless, which gives the worst value.

    Returns:
        An array of the same shape, from 0 to 10⁶ (worst: NaN or infinity, or any error if both
        standard errors are 0); lower is better.

    Raises:
        InputError: shapes that differ, a true value or its standard error that is not finite.

    References:
        pathak2017, for the comparison; the normalisation is ours.

    """
    known, found = _numbers(truth, estimate)
    errors = []
    for value, what in ((stderr, "stderr"), (estimate_stderr, "estimate_stderr")):
        array = unmasked(value)
        if array.dtype.kind not in "fiu" or array.shape not in ((), known.shape):
            raise InputError(f"{what} must be one number, or of the shape {known.shape}")
        if (array < 0).any() or (what == "stderr" and not np.isfinite(array).all()):
            raise InputError(f"{what} must not be negative, and that of the truth finite")
        errors.append(array.astype(np.float64))
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.abs(found - known)
        ratio = capped_ratio(error, np.hypot(*errors))
    return np.where(np.isfinite(errors[1]), ratio, CEILING)
