"""How fast are stiff problems at equal error?

Van der Pol (μ = 1000), the Oregonator and Robertson's reactions, from their usual initial states to
their usual end times, compared with their published solutions. Rodas5P and DOP853 are ours; the
peer is scipy's Radau with the exact Jacobian in plain Python (scipy 1.17 has no compiled stiff
one-step solver). Each solver runs at the loosest tolerance that reaches the required error, so
times are compared at equal error. DOP853 and Rodas5P are compared over a short stretch of each
problem, because DOP853 would need millions of steps for the whole.
"""

from __future__ import annotations

import numpy as np
from _pairs import interleave, report
from scipy.integrate import solve_ivp

from chaosbench.dynamics.orbits import orbit_of
from chaosbench.systems import flow

TOLERANCES = [10.0**-k for k in (4, 5, 6, 7, 8, 9, 10, 11, 12)]
ERRORS = (1e-4, 1e-7)


@flow(ic=(2.0, 0.0), reference="none")
def van_der_pol(x, v, *, mu=1000.0):
    """Relaxation oscillations."""
    return v, mu * (1 - x**2) * v - x


@flow(ic=(1.0, 2.0, 3.0), reference="none")
def oregonator(x, y, z, *, s=77.27, q=8.375e-6, w=0.161):
    """A limit cycle of the Belousov–Zhabotinsky reaction."""
    return s * (y - x * y + x - q * x**2), (z - y - x * y) / s, w * (x - z)


@flow(ic=(1.0, 0.0, 0.0), reference="none")
def robertson(x, y, z):
    """Three reactions whose rates differ by nine orders of magnitude."""
    slow, fast = 0.04 * x - 1e4 * y * z, 3e7 * y**2
    return -slow, slow - fast, fast


def van_der_pol_jacobian(_, u):
    x, v = u
    return [[0.0, 1.0], [-2000.0 * x * v - 1.0, 1000.0 * (1 - x * x)]]


def oregonator_jacobian(_, u):
    x, y, _z = u
    s, q, w = 77.27, 8.375e-6, 0.161
    return [[s * (1 - y - 2 * q * x), s * (1 - x), 0], [-y / s, -(1 + x) / s, 1 / s], [w, 0, -w]]


def robertson_jacobian(_, u):
    _x, y, z = u
    return [
        [-0.04, 1e4 * z, 1e4 * y],
        [0.04, -1e4 * z - 6e7 * y, -1e4 * y],
        [0, 6e7 * y, 0],
    ]


# the published solutions: Mazzia & Magherini, Test Set for Initial Value Problem Solvers 2.4
CASES = {
    van_der_pol: (2000.0, van_der_pol_jacobian, [1.706167732170469, -0.8928097010248125e-3]),
    oregonator: (
        360.0, oregonator_jacobian, [1.000814870318523, 1228.178521549917, 132.0554942846706],
    ),
    robertson: (
        1e11, robertson_jacobian,
        [0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050],
    ),
}  # fmt: skip


def ours(system, end, rtol, integrator):
    orbit = orbit_of(
        system, np.array(system.ic), rtol=rtol, atol=1e-6 * rtol, integrator=integrator
    )
    orbit.advance(end)
    return orbit.state


def scipy_radau(system, end, rtol, jacobian):
    parameters = dict(system.parameters)
    return solve_ivp(
        lambda _, u: system.function(*u.tolist(), **parameters),
        (0.0, end), np.array(system.ic), "Radau", rtol=rtol, atol=1e-6 * rtol, jac=jacobian,
    ).y[:, -1]  # fmt: skip


def loosest(run, published, error):
    """Return the loosest tolerance with a relative error of at most `error`, and its error."""
    for rtol in TOLERANCES:
        found = float(np.max(np.abs(run(rtol) / published - 1)))
        if found <= error:
            return rtol, found
    return None


def main() -> None:
    for system, (end, jacobian, published) in CASES.items():
        for error in ERRORS:
            runs, notes = {}, {}
            for name, run in {
                "rodas5p": lambda r, s=system, e=end: ours(s, e, r, "rodas5p"),
                "scipy Radau": lambda r, s=system, e=end, j=jacobian: scipy_radau(s, e, r, j),
            }.items():
                chosen = loosest(run, published, error)
                if chosen is None:
                    print(f"  {name} does not reach {error:g}")
                    continue
                rtol, found = chosen
                runs[name] = lambda run=run, r=rtol: run(r)
                notes[name] = f"rtol {rtol:g}, error {found:.1e}"
            print(f"{system.name} to t = {end:g}, relative error {error:g}")
            report(interleave(runs, rounds=5, inner={"rodas5p": 10}), "rodas5p", notes)
        # only its stability limits the step of DOP853, so a short stretch is enough
        span = {van_der_pol: 20.0, oregonator: 36.0, robertson: 40.0}[system]
        stretch = {
            name: lambda n=name, s=system, e=span: ours(s, e, 1e-8, n)
            for name in ("rodas5p", "dop853")
        }
        print(f"{system.name} to t = {span:g} at rtol 1e-8, with both of our integrators")
        report(interleave(stretch, rounds=5, inner={"rodas5p": 10}), "rodas5p")


if __name__ == "__main__":
    main()
