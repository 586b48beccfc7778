"""Equations as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from chaosbench.forecasters._shared.polynomial import Waves
    from chaosbench.trajectories import FloatArray

__all__ = ["written"]


def written(
    powers: NDArray[np.int64], coefficients: FloatArray, waves: Waves | None, *, discrete: bool
) -> list[str]:
    """Write the equation of each variable in one line, ``x0' = -10 x0 + 10 x1``, to five digits.

    Args:
        powers: exponents of the terms ``(p, D)``.
        coefficients: ``(p, d)``.
        waves: the variables after the first `d`: all sines, then all cosines.
        discrete: write ``x0[t+1]`` instead of ``x0'``.

    """
    d = coefficients.shape[1]
    names = [f"x{i}" for i in range(d)]
    if waves is not None:
        angles = [
            f"({frequency:.5g} x{i})"
            for frequency, i in zip(waves.frequencies, waves.variable, strict=True)
        ]
        names += [f"sin{angle}" for angle in angles] + [f"cos{angle}" for angle in angles]
    products = [
        " ".join(
            name if power == 1 else f"{name}^{power}"
            for name, power in zip(names, row, strict=True)
            if power
        )
        for row in powers.tolist()
    ]
    lines = []
    for i in range(d):
        right = ""
        for product, value in zip(products, coefficients[:, i], strict=True):
            if value == 0:
                continue
            sign = "-" if value < 0 else "+" if right else ""
            size = f"{abs(value):.5g} {product}".strip()
            right += f" {sign} {size}" if right else f"{sign}{size}"
        lines.append(f"x{i}{'[t+1]' if discrete else chr(39)} = {right or '0'}")
    return lines
