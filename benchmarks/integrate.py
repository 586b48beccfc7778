"""How fast and how accurate are 10,000 points over 100 periods?

Lorenz, Rössler, Lorenz-96 with four sites (F = 20, as in dysts) and Belousov–Zhabotinsky at
relative and absolute tolerance 1e-10, one thread. Peers: scipy's LSODA and DOP853 with the
right-hand side in plain Python (no numba), numbalsoda if it is installed, heyoka's scalar Taylor
integrator (for Belousov–Zhabotinsky without max(0, x): a Taylor method cannot detect a kink, and x
stays positive there), and dysts with its defaults, extrapolated from 20 points.

Errors are the largest over two Lyapunov times, in standard deviations, relative to heyoka at
machine precision.
"""

from __future__ import annotations

import time
import warnings

import heyoka as hy
import numpy as np
from _pairs import interleave, report
from scipy.integrate import solve_ivp

import chaosbench as cb
from chaosbench.dynamics.orbits import orbit_of
from chaosbench.dynamics.simulation import sampling_step

RTOL = 1e-10
POINTS = 10_000

LORENZ96 = cb.systems["lorenz96"].with_dimension(4).with_params(F=20.0)
CASES = {
    "lorenz": (cb.systems["lorenz"], 0.9056, "Lorenz"),
    "rossler": (cb.systems["rossler"], 0.0714, "Rossler"),
    "lorenz96(4)": (LORENZ96, 1.25, "Lorenz96"),
    "belousov_zhabotinsky": (
        cb.systems["belousov_zhabotinsky"], 25.5, "BelousovZhabotinsky",
    ),
}  # fmt: skip


def equations(name, u, p):
    """Return the right-hand side, for heyoka's symbols and for floats."""
    if name == "lorenz":
        x, y, z = u
        return [p["sigma"] * (y - x), x * (p["rho"] - z) - y, x * y - p["beta"] * z]
    if name == "rossler":
        x, y, z = u
        return [-y - z, x + p["a"] * y, p["b"] + z * (x - p["c"])]
    if name == "lorenz96(4)":
        return [(u[(i + 1) % 4] - u[i - 2]) * u[i - 1] - u[i] + p["F"] for i in range(4)]
    x, z, v = u
    bromide = p["yb1"] * z * v / (p["y0"] * (p["yb2"] * x + p["yb3"] + p["kf"]))
    root = hy.sqrt(x) if isinstance(x, hy.expression) else max(0.0, x) ** 0.5
    rate = (p["ci"] - p["z0"] * z) * root
    c = [0.0] + [p[f"c{i}"] for i in range(1, 14)]
    t0, kf, z0 = p["t0"], p["kf"], p["z0"]
    return [
        t0 * (c[1] * x * bromide + c[2] * bromide + c[3] * x**2 + c[4] * rate + c[5] * x * z
              - kf * x),
        t0 * (c[6] / z0 * rate + c[7] * x * z + c[8] * z * v + c[9] * z - kf * z),
        t0 * (c[10] * x * bromide + c[11] * bromide + c[12] * x**2 + c[13] * z * v - kf * v),
    ]  # fmt: skip


def heyoka_run(name, system, ic, grid, **settings):
    names = hy.make_vars(*system.variables)
    field = list(zip(names, equations(name, list(names), system.parameters), strict=True))
    integrator = hy.taylor_adaptive(field, list(ic), **settings)

    def run():
        integrator.time = 0.0
        integrator.state[:] = ic
        return integrator.propagate_grid(grid)[-1]

    return run


def scipy_run(name, system, ic, grid, method):
    parameters = dict(system.parameters)

    def rhs(_, u):
        return equations(name, u.tolist(), parameters)

    def run():
        return solve_ivp(
            rhs, (0.0, grid[-1]), ic, method=method, rtol=RTOL, atol=RTOL, t_eval=grid
        ).y.T

    return run


def numbalsoda_run(name, system, ic, grid):
    try:
        import numbalsoda
    except ImportError:
        return None
    import numba

    parameters = dict(system.parameters)
    source = {
        "lorenz": "d[0]=s*(u[1]-u[0]); d[1]=u[0]*(r-u[2])-u[1]; d[2]=u[0]*u[1]-b*u[2]",
        "rossler": "d[0]=-u[1]-u[2]; d[1]=u[0]+s*u[1]; d[2]=r+u[2]*(u[0]-b)",
    }.get(name)
    if source is None:
        return None
    s, r, b = list(parameters.values())
    space = {"s": s, "r": r, "b": b}
    exec(f"def rhs(t, u, d, p):\n    {source}", space)
    address = numba.cfunc(numbalsoda.lsoda_sig)(space["rhs"]).address
    return lambda: numbalsoda.lsoda(address, ic, grid, rtol=RTOL, atol=RTOL)[0]


def dysts_seconds(alias):
    """Extrapolate the time of dysts from 20 points; its default is Radau at 1e-12."""
    import dysts.flows

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = getattr(dysts.flows, alias)()
        model.make_trajectory(2)
        start = time.perf_counter()
        model.make_trajectory(20, pts_per_period=100)
        return (time.perf_counter() - start) * POINTS / 20


def main() -> None:
    print(f"{POINTS} points = 100 periods, rtol = atol = {RTOL:g}; min / median / max of rounds")
    for name, (system, exponent, alias) in CASES.items():
        dt = sampling_step(system, points_per_period=100)
        orbit = orbit_of(system, np.array(system.ic))
        orbit.advance(100 * 100 * dt)
        ic = orbit.state.copy()
        grid = dt * np.arange(POINTS)
        runs = {
            "chaosbench": lambda s=system, i=ic, h=dt: cb.simulate(
                s, ic=i, points=POINTS, dt=h, rtol=RTOL
            ).values[0],
            "heyoka": heyoka_run(name, system, ic, grid, tol=RTOL),
            "scipy LSODA": scipy_run(name, system, ic, grid, "LSODA"),
            "scipy DOP853": scipy_run(name, system, ic, grid, "DOP853"),
        }
        if (extra := numbalsoda_run(name, system, ic, grid)) is not None:
            runs["numbalsoda"] = extra
        steps = min(POINTS, int(2 / exponent / dt) + 1)
        truth = heyoka_run(name, system, ic, grid)()[:steps]
        sigma = orbit.sample(4000, dt).std(axis=0)
        notes = {
            peer: f"error {np.abs((run()[:steps] - truth) / sigma).max():.1e} sd"
            for peer, run in runs.items()
        }
        tight = cb.simulate(system, ic=ic, points=steps, dt=dt, rtol=1e-12).values[0]
        print(f"{name}  (ours at 1e-12: error {np.abs((tight - truth) / sigma).max():.1e} sd)")
        times = interleave(runs, rounds=7, inner={"chaosbench": 10, "heyoka": 10})
        report(times, "chaosbench", notes)
        seconds = dysts_seconds(alias)
        ours = np.median(times["chaosbench"])
        print(f"  dysts default, extrapolated: {seconds:.3g} s, x ours {seconds / ours:.3g}")
    if numbalsoda_run("lorenz", cb.systems["lorenz"], np.ones(3), np.arange(3.0)) is None:
        print("numbalsoda is not installed here: its wheel needs a Fortran compiler to build")


if __name__ == "__main__":
    main()
