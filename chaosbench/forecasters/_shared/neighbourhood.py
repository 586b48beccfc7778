"""Local models for many variables: which variables a forecast of each one looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from chaosbench.forecasters._shared.arrays import Scaler
    from chaosbench.trajectories import FloatArray

__all__ = ["FEW_VARIABLES", "NEIGHBOURHOODS", "Neighbourhood", "neighbourhoods", "pooled"]

# With more variables than this, local models are tried beside those of all variables together.
FEW_VARIABLES = 8


# The values of the setting `neighbourhood`.
NEIGHBOURHOODS = ("auto", "all")


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The variables that the model of each variable sees.

    Attributes:
        seen: indices ``(d, w)``, those of each row in an order that means the same for every
            variable, the variable itself first.
        shared: whether one model serves all variables, which then must look alike. It is fitted to
            the data of all of them.

    """

    seen: NDArray[np.intp]
    shared: bool

    @property
    def width(self) -> int:
        """Number of variables w that a model sees."""
        return int(self.seen.shape[1])

    def local(self, states: FloatArray) -> FloatArray:
        """Cut delay vectors ``(n, k d)`` into those of each variable, ``(n, d, k w)``."""
        d = len(self.seen)
        delays = states.shape[1] // d
        columns = np.concatenate([self.seen + lag * d for lag in range(delays)], axis=1)
        return np.asarray(states[:, columns])


def neighbourhoods(z: FloatArray) -> list[Neighbourhood]:
    """Return the neighbourhoods to try for standardised trajectories ``(n, T, d)``.

    Nothing is told about the geometry. How strongly variable j acts on i is estimated by the
    correlation of the next increment of i with the value of j. The neighbourhoods are: the five or
    seven offsets j - i (modulo d) of the strongest mean correlation, with one model for all
    variables; the three variables on either side, with one model; and for each variable the five of
    its strongest correlations, with its own model. There are none for few variables.
    """
    d = z.shape[2]
    if d <= FEW_VARIABLES:
        return []
    value = z[:, :-1].reshape(-1, d)
    change = np.diff(z, axis=1).reshape(-1, d)
    value = value - value.mean(axis=0)
    change = change - change.mean(axis=0)
    size = np.sqrt(np.outer((change**2).sum(axis=0), (value**2).sum(axis=0)))
    strength = np.abs(change.T @ value) / np.where(size > 0, size, 1.0)
    own = np.arange(d)
    strength[own, own] = np.inf
    # Rounded, so that rounding errors do not decide between equals.
    strength = np.round(strength, 6)
    offsets = (own[:, np.newaxis] + own) % d
    by_offset = np.argsort(
        -np.take_along_axis(strength, offsets, axis=1).mean(axis=0), kind="stable"
    )
    ring = np.array([0, 1, -1, 2, -2, 3, -3])
    found = np.argsort(-strength, axis=1, kind="stable")
    return [
        Neighbourhood((own[:, np.newaxis] + by_offset[:5]) % d, shared=True),
        Neighbourhood((own[:, np.newaxis] + by_offset[:7]) % d, shared=True),
        Neighbourhood((own[:, np.newaxis] + ring) % d, shared=True),
        Neighbourhood(found[:, :5], shared=False),
    ]


def pooled(scaler: Scaler) -> Scaler:
    """Return a scaler that treats all variables alike, for a model that they share."""
    # The variance of the pooled data: within the variables, and of their means.
    mean = scaler.mean.mean()
    scale = np.sqrt((scaler.scale**2).mean() + scaler.mean.var())
    return type(scaler)(
        mean=np.full_like(scaler.mean, mean), scale=np.full_like(scaler.scale, scale)
    )
