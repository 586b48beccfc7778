"""What observation does to a trajectory by the settings `noise` and `missing` of a recipe."""

from __future__ import annotations

import numpy as np

from chaosbench.trajectories import FloatArray

__all__ = ["NoiseAndGaps", "corrupt"]

PIECE = 2**14
"""Samples whose noise is drawn at a time to be skipped."""


class NoiseAndGaps:
    """What an observer sees of one trajectory that arrives in pieces; see `corrupt`.

    Noise and gaps come from one generator, the noise of all samples first. A second one runs ahead
    to the gaps, so no piece depends on how the trajectory is cut.
    """

    def __init__(
        self, *, scale: FloatArray, noise: float, missing: float, key: tuple[int, ...], length: int
    ) -> None:
        self.scale, self.noise, self.missing, self.length = scale, noise, missing, length
        self._noise = np.random.default_rng(key)
        self._gaps = np.random.default_rng(key)
        for begin in range(0, length if missing else 0, PIECE):
            self._gaps.standard_normal((min(PIECE, length - begin), scale.size))
        self._done = 0

    def __call__(self, values: FloatArray) -> FloatArray:
        """Return the next samples ``(m, d)`` as they are seen."""
        seen = values + self.noise * self.scale * self._noise.standard_normal(values.shape)
        if self.missing:
            lost = self._gaps.random(len(values)) < self.missing
            if self._done == 0:
                lost[:1] = False
            if self._done + len(values) == self.length:
                lost[-1:] = False
            seen[lost] = np.nan
        self._done += len(values)
        return seen


def corrupt(
    values: FloatArray,
    *,
    scale: FloatArray,
    noise: float,
    missing: float,
    key: tuple[int, ...],
    first: int = 0,
) -> FloatArray:
    """Return what an observer sees of ``(n, T, d)``.

    Args:
        values: the truth.
        scale: standard deviation of each variable, ``(d,)``.
        noise: standard deviation of the Gaussian noise in units of `scale`.
        missing: probability that a sample is lost, all variables at once: NaN. The first and
            the last sample of a trajectory are always there.
        key: seeds the randomness of trajectory k together with k.
        first: index of the first of these trajectories.

    """
    seen = [
        NoiseAndGaps(
            scale=scale, noise=noise, missing=missing, key=(*key, first + k), length=len(trajectory)
        )(trajectory)
        for k, trajectory in enumerate(values)
    ]
    return np.stack(seen)
