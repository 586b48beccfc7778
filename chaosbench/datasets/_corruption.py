"""What observation does to a trajectory: noise and gaps."""

from __future__ import annotations

import numpy as np

from chaosbench.trajectories import FloatArray

__all__ = ["corrupt"]


def corrupt(
    values: FloatArray,
    *,
    scale: FloatArray,
    noise: float,
    missing: float,
    key: tuple[int, ...],
) -> FloatArray:
    """Return what an observer sees of ``(n, T, d)``.

    Args:
        values: the truth.
        scale: standard deviation of each variable, ``(d,)``.
        noise: standard deviation of the Gaussian noise in units of `scale`.
        missing: probability that a sample is lost, all variables at once: NaN. The first and
            the last sample of a trajectory are always there.
        key: seeds the randomness of trajectory k together with k.

    """
    seen = values.copy()
    for k, trajectory in enumerate(seen):
        generator = np.random.default_rng((*key, k))
        trajectory += noise * scale * generator.standard_normal(trajectory.shape)
        lost = generator.random(len(trajectory)) < missing
        lost[[0, -1]] = False
        trajectory[lost] = np.nan
    return seen
