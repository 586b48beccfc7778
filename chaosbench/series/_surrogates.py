"""Surrogates of a series, and a rank test for determinism."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from chaosbench.errors import InputError, ParameterError
from chaosbench.series._arrays import constant, counted, memory, scalar, standardised
from chaosbench.series._embedding import embed, mutual_information
from chaosbench.series._neighbours import nearest

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chaosbench.trajectories import FloatArray

__all__ = [
    "DeterminismTest",
    "determinism_test",
    "prediction_error",
    "surrogates",
    "time_asymmetry",
]

Kind = Literal["iaaft", "phase"]
Statistic = Literal["prediction", "asymmetry"]

LEAST = 50
"""Fewest samples of a series with surrogates."""

ITERATIONS = 1_000
"""Most iterations of IAAFT; it usually ends after a hundred, when the order no longer changes."""

ROWS = 1_000
"""States from which a nonlinear prediction is made, at most."""

ANALOGUES = 5
"""Neighbours whose future is averaged for a prediction."""

COORDINATES = 3
"""Embedding dimension of the prediction, if none is given."""


@dataclass(frozen=True)
class DeterminismTest:
    """A series against its surrogates.

    Attributes:
        statistic: ``prediction`` or ``asymmetry``.
        value: the statistic of the series.
        surrogates: that of each surrogate.
        p_value: share of series and surrogates that are at least as deterministic as the series;
            it is never below ``1 / (count + 1)``.

    """

    statistic: str
    value: float
    surrogates: FloatArray
    p_value: float


def surrogates(
    series: ArrayLike, *, kind: str = "iaaft", count: int = 19, seed: int = 0
) -> FloatArray:
    """Make surrogates: series with the same linear properties and otherwise random.

    ``phase`` keeps the power spectrum exactly and draws the phases at random; the values become
    Gaussian. ``iaaft`` keeps the values exactly and adjusts their order until the spectrum is as
    close to that of the series as it gets. Both treat the series as periodic: a jump from its last
    value to its first appears as noise in the surrogates, so cut it where both ends are alike.

    Args:
        series: ``(T,)``.
        kind: ``iaaft`` or ``phase``.
        count: number of surrogates.
        seed: each surrogate depends only on the seed and its index.

    Returns:
        ``(count, T)``.

    Raises:
        InputError: wrong shape, too few samples, gaps.
        ParameterError: there is no such kind.

    References:
        theiler1992, schreiber1996.

    """
    x = scalar(series, least=LEAST)
    count, seed = counted("count", count, 1), counted("seed", seed, 0)
    if kind not in get_args(Kind):
        raise ParameterError(f"kind must be one of {', '.join(get_args(Kind))}, not {kind!r}")
    make = _iaaft if kind == "iaaft" else _phases
    return np.stack([make(x, np.random.default_rng((seed, k))) for k in range(count)])


def _phases(x: FloatArray, generator: np.random.Generator) -> FloatArray:
    spectrum = np.fft.rfft(x)
    phases = np.exp(2j * np.pi * generator.random(len(spectrum)))
    phases[0] = 1.0
    if len(x) % 2 == 0:  # the highest frequency has no phase
        phases[-1] = 1.0
    return np.fft.irfft(spectrum * phases, len(x))


def _iaaft(x: FloatArray, generator: np.random.Generator) -> FloatArray:
    values = np.sort(x)
    amplitudes = np.abs(np.fft.rfft(x))
    made = generator.permutation(x)
    order = np.argsort(made, kind="stable")
    for _ in range(ITERATIONS):
        spectrum = np.fft.rfft(made)
        size = np.abs(spectrum)
        spectrum *= amplitudes / np.where(size > 0, size, 1.0)
        before, order = order, np.argsort(np.fft.irfft(spectrum, len(x)), kind="stable")
        made = np.empty_like(values)
        made[order] = values
        if (order == before).all():
            break
    return made


def prediction_error(
    series: ArrayLike, *, dimension: int = COORDINATES, delay: int = 1, horizon: int = 1,
    theiler: int = 0,
) -> float:  # fmt: skip
    """Return the error of a prediction by analogues, in σ.

    The value `horizon` samples ahead is the mean over what followed the five nearest states.

    Args:
        series: ``(T,)``.
        dimension: embedding dimension.
        delay: samples between coordinates.
        horizon: samples ahead.
        theiler: analogues at most this many samples apart in time are left out.

    References:
        sugihara1990.

    """
    x = scalar(series, least=LEAST)
    if constant(x):
        return 0.0
    x = standardised(x)
    cloud = embed(x, dimension=dimension, delay=delay)
    last = len(cloud) - counted("horizon", horizon, 1)
    if last < 2 * ANALOGUES:
        raise InputError(f"{len(x)} samples are too few for a prediction with this embedding")
    rows = np.unique(np.linspace(0, last - 1, ROWS).astype(np.int64))
    _, index = nearest(cloud, rows, theiler=theiler, count=ANALOGUES, last=last)
    whole = index[:, -1] >= 0
    if not whole.any():
        raise InputError(f"{len(x)} samples are too few for a Theiler window of {theiler}")
    rows, index = rows[whole], index[whole]
    guess = cloud[index + horizon, -1].mean(axis=1)
    return float(np.sqrt(np.mean((cloud[rows + horizon, -1] - guess) ** 2)))


def time_asymmetry(series: ArrayLike, *, lag: int = 1) -> float:
    """Return ``|⟨δ³⟩| / ⟨δ²⟩^(3/2)`` of the differences δ over a lag; 0 if time has no direction.

    References:
        theiler1992.

    """
    x = scalar(series, least=LEAST)
    if constant(x):
        return 0.0
    x = standardised(x)
    step = x[counted("lag", lag, 1) :] - x[:-lag]
    square = np.mean(step**2)
    return float(np.abs(np.mean(step**3)) / square**1.5) if square > 0 else 0.0


def determinism_test(
    series: ArrayLike,
    *,
    statistic: str = "prediction",
    kind: str = "iaaft",
    count: int = 39,
    seed: int = 0,
) -> DeterminismTest:
    """Test whether a series is more than linear noise: a rank test against surrogates.

    The null hypothesis is a stationary linear Gaussian process seen through a monotonic function.
    It is rejected at a level α if the p-value is at most α; a test at 5 % needs at least 19
    surrogates. ``prediction`` compares the error of a prediction by analogues in a delay embedding
    of three coordinates, one delay ahead: it is small in a deterministic series. ``asymmetry``
    compares the asymmetry in time.

    Args:
        series: ``(T,)``.
        statistic: ``prediction`` or ``asymmetry``.
        kind: surrogates, ``iaaft`` or ``phase``.
        count: number of surrogates.
        seed: seed of the surrogates.

    Raises:
        InputError: wrong shape, too few samples, gaps, a constant series.
        ParameterError: there is no such statistic or kind.

    References:
        theiler1992, schreiber2000.

    """
    x = scalar(series, least=LEAST)
    if statistic not in get_args(Statistic):
        raise ParameterError(
            f"statistic must be one of {', '.join(get_args(Statistic))}, not {statistic!r}"
        )
    if constant(x):
        raise InputError("a constant series has no surrogates that differ from it")
    delay = mutual_information(x).delay
    apart = min(3 * memory(x), len(x) // 4)

    def measure(one: FloatArray) -> float:
        if statistic == "asymmetry":
            return -time_asymmetry(one, lag=delay)
        return prediction_error(one, delay=delay, horizon=delay, theiler=apart)

    value = measure(x)
    others = np.array([measure(one) for one in surrogates(x, kind=kind, count=count, seed=seed)])
    p = (1 + int((others <= value).sum())) / (len(others) + 1)
    sign = -1.0 if statistic == "asymmetry" else 1.0
    return DeterminismTest(statistic, sign * value, sign * others, p)
