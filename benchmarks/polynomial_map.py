"""Does `polynomial_map` see further when its least squares are solved with twice as many digits?

Each degree is fitted to the training data of `forecast/NAME-v2` by QR in double, as the forecaster
does it. The solution is then refined twice: the residual of all samples is computed in
double-double, terms included, and its own least-squares solution is added. Written are the median
valid prediction times over the windows, in Lyapunov times at threshold 0.4, the root mean square of
the residual, in half ranges of a variable, and the processor time of the fit in double.

    python benchmarks/polynomial_map.py            # minutes on one core; prints the table
    python benchmarks/polynomial_map.py --write    # and keeps it in benchmarks/results/
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import chaosbench as cb
from chaosbench.forecasters.autoregression.polynomial_map import PolynomialMap
from chaosbench.tasks import registry as tasks
from chaosbench.trajectories import Trajectories

SYSTEMS = ("lorenz", "rossler")
DEGREES = (5, 7, 9, 11, 13, 15)
SEED = 101
ROUNDS = 2
ROWS = 200
RESULT = Path(__file__).parent / "results" / "polynomial_map.md"


def two_sum(a, b):
    s = a + b
    z = s - a
    return s, (a - (s - z)) + (b - z)


def two_prod(a, b):
    p = a * b
    halves = []
    for x in (a, b):
        t = 134217729.0 * x
        high = t - (t - x)
        halves.append((high, x - high))
    (a1, a2), (b1, b2) = halves
    return p, ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2


def add(x, y):
    s, e = two_sum(x[0], y[0])
    t, f = two_sum(x[1], y[1])
    s, e = two_sum(s, e + t)
    return two_sum(s, e + f)


def mul(x, y):
    p, e = two_prod(x[0], y[0])
    return two_sum(p, e + (x[0] * y[1] + x[1] * y[0]))


def over(x, y):
    """Divide a double-double by a double."""
    q = x[0] / y
    p, e = two_prod(q, y)
    return two_sum(q, ((x[0] - p) - e + x[1]) / y)


def terms(states, predictor):
    """Evaluate products of Chebyshev polynomials in double-double, two arrays ``(p, n)``."""
    mean, scale = predictor.scaler.mean, predictor.scaler.scale
    u = over(two_sum(states.T, -mean[:, np.newaxis]), scale[:, np.newaxis])
    degree = int(predictor.powers.max())
    table = [(np.ones_like(u[0]), np.zeros_like(u[0])), u]
    for k in range(2, degree + 1):
        up = mul(u, table[k - 1])
        table.append(add((2 * up[0], 2 * up[1]), (-table[k - 2][0], -table[k - 2][1])))
    high, low = (np.stack([one[half] for one in table]) for half in (0, 1))
    product = None
    for i, powers in enumerate(predictor.powers.T):
        factor = high[powers, i], low[powers, i]
        product = factor if product is None else mul(product, factor)
    return product


def residual(values, predictor, readout):
    """Return increments minus fitted increments, both in double-double, as doubles ``(n, d)``."""
    found = []
    scale = predictor.scaler.scale
    for begin in range(0, len(values) - 1, ROWS):
        part = values[begin : begin + ROWS + 1]
        phi = terms(part[:-1], predictor)
        left = over(two_sum(part[1:], -part[:-1]), scale)
        columns = []
        for j in range(len(scale)):
            products = mul(phi, (readout[0][:, j, np.newaxis], readout[1][:, j, np.newaxis]))
            while len(products[0]) > 1:
                even = len(products[0]) // 2 * 2
                rest = tuple(half[even:] for half in products)
                pairs = add(
                    tuple(half[:even:2] for half in products),
                    tuple(half[1:even:2] for half in products),
                )
                products = tuple(np.concatenate(both) for both in zip(pairs, rest, strict=True))
            columns.append(add((left[0][:, j], left[1][:, j]), (-products[0][0], -products[1][0])))
        found.append(np.stack([column[0] for column in columns], axis=1))
    return np.concatenate(found)


def refined(values, predictor):
    """Return the refined map, and the root mean squares of the residual before and after."""
    phi = predictor.terms(values[:-1]).T
    p = phi.shape[1]
    readout = predictor.readout, np.zeros_like(predictor.readout)
    left = residual(values, predictor, readout)
    sizes = [np.sqrt((left**2).mean())]
    for _ in range(ROUNDS):
        r = np.linalg.qr(np.concatenate([phi, left], axis=1), mode="r")
        step = np.linalg.solve(r[:p, :p], r[:p, p:])
        readout = add(readout, (step, np.zeros_like(step)))
        left = residual(values, predictor, readout)
    sizes.append(np.sqrt((left**2).mean()))
    return replace(predictor, readout=readout[0]), sizes


def table(system: str, directory: Path) -> list[str]:
    task = tasks[f"forecast/{system}-v2"].with_seed(SEED)
    stored = cb.generate(task.dataset, directory / system)
    train, test = stored.load(system, "train"), stored.load(system, "test")
    context, truth = np.split(test.values, [task.dataset.context], axis=1)
    sigma = train.values[0].std(axis=0)
    clock = train.dt * cb.constants(system).largest_lyapunov_exponent

    def times(predictor):
        values = predictor.predict(context, truth.shape[1]).values
        error = np.sqrt((((values - truth) / sigma) ** 2).mean(axis=2))
        return np.median((np.maximum.accumulate(error, axis=1) <= 0.4).sum(axis=1)) * clock

    rows = []
    for degree in DEGREES:
        start = time.process_time()
        settings = PolynomialMap(degree=degree, ridge=0.0)
        fitted = settings.fit(Trajectories(train.values, dt=train.dt), seed=0)
        seconds = time.process_time() - start
        finer, (before, after) = refined(train.values[0], fitted)
        rows.append(
            f"| {system} | {degree} | {len(fitted.powers)} | {times(fitted):.1f} | "
            f"{times(finer):.1f} | {before:.1e} | {after:.1e} | {seconds:.1f} |"
        )
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true")
    write = parser.parse_args().write
    lines = [
        f"Made by `python benchmarks/polynomial_map.py --write`, exam seed {SEED}.",
        "",
        "| system | degree | terms | VPT, double | VPT, refined | residual | refined | fit, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as directory:
        for system in SYSTEMS:
            lines += table(system, Path(directory))
    if write:
        RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
