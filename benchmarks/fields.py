"""How fast are fields at equal error?

Every field is integrated over a tenth of a Lyapunov time, from a state on its attractor without
fast transients. Each method runs at the loosest tolerance that reaches the required error, so times
are compared at equal error. Collocation is our default, the exponential Adams method is its
witness, and ETDRK4, of order 4, is the usual method in the literature.
"""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
from _pairs import interleave, report

import chaosbench as cb
from chaosbench.dynamics.attractor import attractor_orbit
from chaosbench.dynamics.orbits import orbit_of
from chaosbench.dynamics.scales import scales_of
from chaosbench.systems import registry

METHODS = ("collocation", "exponential-adams", "etdrk4")
TOLERANCES = [10.0**-k for k in range(3, 16)]
ERRORS = (1e-5, 1e-9)


def end(system, state, span, method, rtol):
    """Return the state after `span`."""
    orbit = orbit_of(system, state, rtol=rtol, integrator=method)
    orbit.advance(span)
    return orbit.state


def main(names: list[str]) -> None:
    """Measure the fields of these names, or every ranked one."""
    for name in names or [n for n in registry if registry[n].kind == "field" and n != "burgers"]:
        system, known = registry[name], cb.constants(name)
        state = attractor_orbit(scales_of(system), key=(1,), rtol=1e-12).state
        span, sigma = 0.1 * known.lyapunov_time, np.array(known.std)
        truth = end(system, state, span, "collocation", 3e-15)
        other = end(system, state, span, "exponential-adams", 1e-15)
        print(f"\n{name}: two solutions differ by {np.abs((other - truth) / sigma).max():.1e} σ")
        for error in ERRORS:
            cases, notes = {}, {}
            for method in METHODS:
                for rtol in TOLERANCES:
                    off = np.abs((end(system, state, span, method, rtol) - truth) / sigma).max()
                    if off <= error:
                        notes[method] = f"rtol {rtol:g}, error {off:.0e} σ"
                        cases[method] = partial(end, system, state, span, method, rtol)
                        break
            print(f"errors up to {error:g} σ")
            report(interleave(cases, rounds=7), METHODS[0], notes)


if __name__ == "__main__":
    main(sys.argv[1:])
