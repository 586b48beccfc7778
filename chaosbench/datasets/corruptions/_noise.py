"""Noise of the observation, and a sensor that drifts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from chaosbench.datasets.corruptions._corruption import Corruption, Observer, Scene, check_number
from chaosbench.trajectories import FloatArray

__all__ = ["Coloured", "Drift", "Gaussian", "HeavyTailed", "Multiplicative"]


@dataclass(frozen=True)
class Gaussian(Corruption):
    """Independent normal noise of standard deviation `size`, in σ of each variable."""

    kind: ClassVar[str] = "gaussian"
    size: float

    def check(self) -> None:
        """Check the size."""
        check_number(self, "size", 0.0, 100.0)

    def observer(self, scene: Scene) -> Observer:
        """Add noise."""
        generator = scene.generator()
        return lambda u, t: (u + self.size * scene.scale * generator.standard_normal(u.shape), t)


@dataclass(frozen=True)
class Multiplicative(Corruption):
    """Independent normal noise on the gain: each value times 1 + `size` times a normal number."""

    kind: ClassVar[str] = "multiplicative"
    size: float

    def check(self) -> None:
        """Check the size."""
        check_number(self, "size", 0.0, 100.0)

    def observer(self, scene: Scene) -> Observer:
        """Multiply by a noisy gain."""
        generator = scene.generator()
        return lambda u, t: (u * (1.0 + self.size * generator.standard_normal(u.shape)), t)


@dataclass(frozen=True)
class HeavyTailed(Corruption):
    """Independent noise with Student's t distribution.

    Attributes:
        size: its scale, in σ of each variable; the standard deviation is √(ν/(ν-2)) times as large.
        degrees: degrees of freedom ν; 1 is the Cauchy distribution.

    """

    kind: ClassVar[str] = "heavy_tailed"
    size: float
    degrees: float = 2.0

    def check(self) -> None:
        """Check size and degrees of freedom."""
        check_number(self, "size", 0.0, 100.0)
        check_number(self, "degrees", 0.5, 1000.0)

    def observer(self, scene: Scene) -> Observer:
        """Add noise."""
        generator = scene.generator()
        return lambda u, t: (
            u + self.size * scene.scale * generator.standard_t(self.degrees, u.shape),
            t,
        )


RATIO = 4.0
"""Ratio of the correlation times of the processes whose sum is coloured noise."""

SHORTEST, LONGEST = -1, 9
"""Powers of the ratio, in samples. With the shortest one, which is nearly white, the slope of the
spectrum is right within 0.06 up to a tenth of the sampling rate."""

FLATTEST = 0.25
"""Smallest exponent but 0; the sum cannot make a flatter slope."""


@dataclass(frozen=True)
class Coloured(Corruption):
    """Noise with a power spectrum f^-`exponent`, of standard deviation `size` in σ.

    It is a sum of stationary processes of first order, with correlation times from a quarter of a
    sample to 4⁹ samples, so the spectrum is a power law down to one cycle in about 10⁶ samples, and
    flat below.

    Attributes:
        size: standard deviation, in σ of each variable.
        exponent: 0 for white noise, 1 for pink, towards 2 for red; at least 0.25 if not 0.

    """

    kind: ClassVar[str] = "coloured"
    size: float
    exponent: float = 1.0

    def check(self) -> None:
        """Check size and exponent."""
        check_number(self, "size", 0.0, 100.0)
        check_number(self, "exponent", FLATTEST if self.exponent else 0.0, 2.0)

    def observer(self, scene: Scene) -> Observer:
        """Add noise."""
        from scipy.signal import lfilter

        if self.exponent == 0.0:
            return Gaussian(self.size).observer(scene)
        generator = scene.generator()
        times = RATIO ** np.arange(SHORTEST, LONGEST + 1)
        shares = times ** (self.exponent - 1.0)
        sizes = np.sqrt(shares / shares.sum())
        decay = np.exp(-1.0 / times)
        kicks = sizes * np.sqrt(1.0 - decay**2)
        d, count = scene.scale.size, len(times)
        # what remains of the process before the first sample: y[0] = decay y[-1] + kick
        state = [decay[j] * sizes[j] * generator.standard_normal((1, d)) for j in range(count)]

        def observe(u: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
            random = generator.standard_normal((len(u), count, d))
            noise = np.zeros_like(u)
            for j in range(count):
                part, state[j] = lfilter(
                    [kicks[j]], [1.0, -decay[j]], random[:, j], axis=0, zi=state[j]
                )
                noise += part
            return u + self.size * scene.scale * noise, t

        return observe


@dataclass(frozen=True)
class Drift(Corruption):
    """A sensor whose zero drifts: an offset that grows from 0 to ±`size` σ at the last sample.

    The sign of each variable is drawn once.
    """

    kind: ClassVar[str] = "drift"
    size: float

    def check(self) -> None:
        """Check the size."""
        check_number(self, "size", 0.0, 100.0)

    def observer(self, scene: Scene) -> Observer:
        """Add the offset."""
        signs = scene.generator().choice([-1.0, 1.0], size=scene.scale.size)
        done = [0]

        def observe(u: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
            steps = np.arange(done[0], done[0] + len(u))
            done[0] += len(u)
            share = steps / max(1, scene.length - 1)
            return u + share[:, None] * (self.size * signs * scene.scale), t

        return observe
