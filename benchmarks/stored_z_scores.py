"""Stored constants against each other and against closed forms, in standard errors.

Two numbers that must be equal were measured apart: the sum of the exponents and the mean
divergence, the largest exponent and that of twins. Where a closed form is known, the exponent is
compared with it. If the stored standard errors are right, the ratios scatter like a normal
variable: 5% beyond 2, 0.3% beyond 3.
"""

from __future__ import annotations

import math

import numpy as np

from chaosbench.dynamics.stored import known_constants
from chaosbench.systems import registry

CLOSED_FORMS = {
    "arnold_cat": math.log((3 + math.sqrt(5)) / 2),
    "continued_fraction": math.pi**2 / 6 / math.log(2),
    "logistic": math.log(2),
}
ROUNDING = 1e-9  # of the sum of the sizes: a map of constant divergence has no statistical error


def report(title: str, found: dict[str, float]) -> None:
    z = np.array(list(found.values()))
    print(
        f"{title}: {len(z)} systems, mean {z.mean():+.2f}, rms {np.sqrt((z**2).mean()):.2f}, "
        f"{(np.abs(z) > 2).mean():.1%} beyond 2, {(np.abs(z) > 3).mean():.1%} beyond 3"
    )
    for name in sorted(found, key=lambda name: -abs(found[name]))[:8]:
        ranked = "" if known_constants(registry[name]).ranked else " (not ranked)"
        print(f"  {found[name]:+6.2f}  {name}{ranked}")


def main() -> None:
    sums, twins, closed = {}, {}, {}
    for name in registry:
        known = known_constants(registry[name])
        if known is None:
            continue
        first, error = known.lyapunov_exponents[0], known.lyapunov_stderr[0]
        scatter = math.hypot(error, known.largest_twin_stderr)
        if scatter > 0:
            twins[name] = (first - known.largest_twin) / scatter
        exponents = np.array(known.lyapunov_exponents)
        if known.mean_divergence is not None and len(exponents) == registry[name].dimension:
            scatter = math.hypot(
                *known.lyapunov_stderr,
                known.mean_divergence_stderr or 0.0,
                ROUNDING * np.abs(exponents).sum(),
            )
            if scatter > 0:
                sums[name] = float(exponents.sum() - known.mean_divergence) / scatter
        if (exact := CLOSED_FORMS.get(name)) is not None:
            closed[name] = (first - exact) / math.hypot(error, ROUNDING)
    report("sum of the exponents minus mean divergence", sums)
    report("largest exponent minus that of twins", twins)
    report("largest exponent minus its closed form", closed)


if __name__ == "__main__":
    main()
