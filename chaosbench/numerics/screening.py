"""Look at many candidates for chaotic systems, without compiling any of them.

A candidate is a list of terms: the equation that each belongs to, a coefficient, and up to three
factors. A factor below `d` is a state variable, one from `d` to `2 d` its hyperbolic tangent, and a
negative one is no factor. So polynomial flows, maps and networks go through the same loops.

The arithmetic is strict: no operations are fused or reordered, so that polynomial candidates have
the same bits on every machine.
"""

from __future__ import annotations

import numpy as np

from chaosbench.jit import jit

__all__ = [
    "BOUND", "CHAOTIC", "DELAY_SHAPES", "ESCAPED", "REGULAR", "RESTING", "screen_delays",
    "screen_flows", "screen_maps",
]  # fmt: skip

CHAOTIC, ESCAPED, RESTING, REGULAR = range(4)
"""What a candidate turned out to be."""

BOUND = 1e3
"""Magnitude at which a candidate has escaped."""

LEAST = 0.003
"""Least exponent, relative to the rate of change of the state, for which a candidate is kept."""

MAP_LEAST = 0.02
"""Least exponent per iteration."""

SHORT, LONG = 4000, 24000
"""Steps of the first and of the second look with a tangent vector."""

DELAY_SHAPES = 4
"""Kinds of nonlinearities of delayed values: sine, tanh, bump, and Mackey and Glass's hump."""

_jit = jit()


@_jit
def _slopes(equation, factors, coefficients, tanh, d, y, v, out, tangent):
    """Evaluate the terms at `y` and their derivative along `v`; `y` has room for the tanh."""
    for i in range(d):
        out[i] = 0.0
        tangent[i] = 0.0
        if tanh:
            y[d + i] = np.tanh(y[i])
            v[d + i] = (1.0 - y[d + i] * y[d + i]) * v[i]
    for k in range(coefficients.size):
        c = coefficients[k]
        if c == 0.0:
            continue
        value = c
        slope = 0.0
        for m in range(factors.shape[1]):
            f = factors[k, m]
            if f >= 0:
                slope = slope * y[f] + value * v[f]
                value = value * y[f]
        out[equation[k]] += value
        tangent[equation[k]] += slope


@_jit
def _steps(equation, factors, coefficients, tanh, d, y, v, h, steps, moments, work):
    """Take classical Runge–Kutta steps with state and tangent vector.

    `moments` ``(4, d)`` receives sums of the state, its square and the square of its slope, and in
    ``moments[3, 0]`` the logarithm of the growth of the tangent vector. Return the steps taken:
    fewer where the state escapes.
    """
    k1, k2, k3, k4, t1, t2, t3, t4, z, w = work
    for n in range(steps):
        _slopes(equation, factors, coefficients, tanh, d, y, v, k1, t1)
        for i in range(d):
            moments[0, i] += y[i]
            moments[1, i] += y[i] * y[i]
            moments[2, i] += k1[i] * k1[i]
            z[i] = y[i] + 0.5 * h * k1[i]
            w[i] = v[i] + 0.5 * h * t1[i]
        _slopes(equation, factors, coefficients, tanh, d, z, w, k2, t2)
        for i in range(d):
            z[i] = y[i] + 0.5 * h * k2[i]
            w[i] = v[i] + 0.5 * h * t2[i]
        _slopes(equation, factors, coefficients, tanh, d, z, w, k3, t3)
        for i in range(d):
            z[i] = y[i] + h * k3[i]
            w[i] = v[i] + h * t3[i]
        _slopes(equation, factors, coefficients, tanh, d, z, w, k4, t4)
        largest = 0.0
        length = 0.0
        for i in range(d):
            y[i] += h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i])
            v[i] += h / 6.0 * (t1[i] + 2.0 * t2[i] + 2.0 * t3[i] + t4[i])
            largest = max(largest, abs(y[i])) if y[i] == y[i] else np.inf
            length += v[i] * v[i]
        if not (largest < BOUND and length > 0.0):
            return n + 1
        if n % 8 == 7 or n == steps - 1:
            length = np.sqrt(length)
            moments[3, 0] += np.log(length)
            for i in range(d):
                v[i] /= length
    return steps


@_jit
def _rate(moments, d, steps):
    """Return the largest rate of change relative to the spread; 0 where a variable rests."""
    rate = 0.0
    for i in range(d):
        mean = moments[0, i] / steps
        spread = moments[1, i] / steps - mean * mean
        if not spread > 1e-9 * (1e-3 + mean * mean):
            return 0.0
        rate = max(rate, np.sqrt(moments[2, i] / steps / spread))
    return rate


@_jit
def screen_flows(equation, factors, coefficients, starts, d, tanh, h, found):
    """Look at flows ``(B, T)``; row b of `found` receives what was seen.

    Args:
        equation: of each term ``(B, T)``.
        factors: of each term ``(B, T, 3)``.
        coefficients: ``(B, T)``; 0 for no term.
        starts: initial states ``(B, d)``; those of chaotic candidates move on to the attractor.
        d: number of variables.
        tanh: whether a factor is a hyperbolic tangent.
        h: first step in time units; later ones are adapted to the rate of change.
        found: ``(B, 3 + 2 d)``: verdict, exponent, rate of change, means, standard deviations.

    """
    work = np.zeros((10, 2 * d))
    moments = np.zeros((4, d))
    y = np.zeros(2 * d)
    v = np.zeros(2 * d)
    for b in range(coefficients.shape[0]):
        e, f, c = equation[b], factors[b], coefficients[b]
        y[:d] = starts[b]
        v[:d] = 1.0
        found[b, 0] = ESCAPED
        moments[:] = 0.0
        if _steps(e, f, c, tanh, d, y, v, h, 600, moments, work) < 600:
            continue
        moments[:] = 0.0
        if _steps(e, f, c, tanh, d, y, v, h, 600, moments, work) < 600:
            continue
        rate = _rate(moments, d, 600)
        found[b, 0] = RESTING
        if not rate > 1e-2:
            continue
        found[b, 0] = ESCAPED
        step = 0.12 / rate
        moments[:] = 0.0
        if _steps(e, f, c, tanh, d, y, v, step, SHORT, moments, work) < SHORT:
            continue
        found[b, 0] = REGULAR
        first = moments[3, 0] / (SHORT * step)
        rate = _rate(moments, d, SHORT)
        if not (rate > 0.0 and first > LEAST * rate):
            continue
        step = 0.12 / rate
        found[b, 0] = ESCAPED
        chaotic = True
        for _ in range(3):
            moments[:] = 0.0
            if _steps(e, f, c, tanh, d, y, v, step, LONG, moments, work) < LONG:
                chaotic = False
                break
            rate = _rate(moments, d, LONG)
            value = moments[3, 0] / (LONG * step)
            if not (rate > 0.0 and value > LEAST * rate):
                found[b, 0] = REGULAR
                chaotic = False
                break
        if not chaotic:
            continue
        found[b, 0] = CHAOTIC
        found[b, 1] = moments[3, 0] / (LONG * step)
        found[b, 2] = rate
        for i in range(d):
            mean = moments[0, i] / LONG
            found[b, 3 + i] = mean
            found[b, 3 + d + i] = np.sqrt(moments[1, i] / LONG - mean * mean)
            starts[b, i] = y[i]


@_jit
def screen_maps(equation, factors, coefficients, starts, d, found):
    """Look at maps; the arguments are those of `screen_flows`."""
    y = np.zeros(2 * d)
    v = np.zeros(2 * d)
    new = np.zeros(d)
    grown = np.zeros(d)
    moments = np.zeros((2, d))
    for b in range(coefficients.shape[0]):
        e, f, c = equation[b], factors[b], coefficients[b]
        y[:d] = starts[b]
        v[:d] = 1.0
        found[b, 0] = ESCAPED
        chaotic = True
        value = 0.0
        for part in range(4):  # the first settles
            total = 400 if part < 2 else 8000
            moments[:] = 0.0
            logs = 0.0
            for _ in range(total):
                for i in range(d):
                    moments[0, i] += y[i]
                    moments[1, i] += y[i] * y[i]
                _slopes(e, f, c, False, d, y, v, new, grown)
                largest = 0.0
                length = 0.0
                for i in range(d):
                    y[i] = new[i]
                    v[i] = grown[i]
                    largest = max(largest, abs(y[i])) if y[i] == y[i] else np.inf
                    length += v[i] * v[i]
                if not largest < BOUND:
                    chaotic = False
                    break
                if not length > 0.0:
                    found[b, 0] = REGULAR
                    chaotic = False
                    break
                length = np.sqrt(length)
                logs += np.log(length)
                for i in range(d):
                    v[i] /= length
            if not chaotic:
                break
            value = logs / total
            if part > 0 and not value > MAP_LEAST:
                found[b, 0] = REGULAR
                chaotic = False
                break
        if not chaotic:
            continue
        for i in range(d):
            mean = moments[0, i] / 8000
            spread = moments[1, i] / 8000 - mean * mean
            if not spread > 1e-9 * (1e-3 + mean * mean):
                chaotic = False
            found[b, 3 + i] = mean
            found[b, 3 + d + i] = np.sqrt(max(0.0, spread))
            starts[b, i] = y[i]
        found[b, 0] = CHAOTIC if chaotic else RESTING
        found[b, 1] = value
        found[b, 2] = 1.0


@_jit
def _feedback(shapes, weights, widths, shifts, x):
    total = 0.0
    for k in range(shapes.size):
        if weights[k] == 0.0:
            continue
        u = widths[k] * x + shifts[k]
        if shapes[k] == 0:
            value = np.sin(u)
        elif shapes[k] == 1:
            value = np.tanh(u)
        elif shapes[k] == 2:
            value = np.exp(-u * u)
        else:
            value = u / (1.0 + u * u * u * u * u * u)
        total += weights[k] * value
    return total


@_jit
def screen_delays(decay, lags, shapes, weights, widths, shifts, starts, found):
    """Look at ``x' = -decay x + Σ weight shape(width x(t - lag) + shift)`` ``(B,)``, ``(B, K)``.

    Heun's method with 64 steps a lag; the exponent comes from a second history nearby. `found` is
    as for `screen_flows`; its rate of change is that of the variable.
    """
    n = 64
    past = np.empty((2, n + 1))
    for b in range(decay.size):
        a, h = decay[b], lags[b] / n
        past[0, :] = starts[b, 0]
        past[1, :] = starts[b, 0] + 1e-7
        found[b, 0] = REGULAR
        total = 0.0
        s0 = s1 = s2 = 0.0
        chaotic = True
        for turn in range(500):
            for twin in range(2):
                x = past[twin, n]
                first = past[twin, 0]
                for k in range(n):
                    ahead = past[twin, k + 1]
                    g0 = _feedback(shapes[b], weights[b], widths[b], shifts[b], first)
                    g1 = _feedback(shapes[b], weights[b], widths[b], shifts[b], ahead)
                    k1 = g0 - a * x
                    k2 = g1 - a * (x + h * k1)
                    if twin == 0 and turn >= 150:
                        s0 += x
                        s1 += x * x
                        s2 += k1 * k1
                    if k == 0:
                        past[twin, 0] = x
                    x += 0.5 * h * (k1 + k2)
                    first = ahead
                    past[twin, k + 1] = x
            apart = 0.0
            for k in range(n + 1):
                apart += (past[1, k] - past[0, k]) ** 2
            apart = np.sqrt(apart / (n + 1))
            if not (apart > 0.0 and np.isfinite(apart)):
                chaotic = False
                break
            if turn >= 150:
                total += np.log(apart / 1e-7)
            for k in range(n + 1):
                past[1, k] = past[0, k] + (past[1, k] - past[0, k]) * (1e-7 / apart)
            if turn == 249 and not total > 2.0:
                chaotic = False
                break
        count = 350 * n
        mean = s0 / count
        spread = s1 / count - mean * mean
        if not (chaotic and spread > 1e-6):
            continue
        exponent = total / (350 * lags[b])
        rate = np.sqrt(s2 / count / spread)
        if not exponent > LEAST * rate:
            continue
        found[b, 0] = CHAOTIC
        found[b, 1] = exponent
        found[b, 2] = rate
        found[b, 3] = mean
        found[b, 4] = np.sqrt(spread)
        starts[b, 0] = past[0, n]
