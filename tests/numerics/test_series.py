"""Compare Taylor coefficients with derivatives taken one after the other."""

from __future__ import annotations

import ctypes
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_expressions import OPERATIONS, programs, trace

from chaosbench import expressions as ex
from chaosbench.compile import ATTRIBUTES, Emitter, declarations, make_engine
from chaosbench.expressions import Graph, differentiate, evaluate
from chaosbench.numerics._series import Series

LANES = 4


def coefficients(outputs, inputs, points, times, order):
    """Return ``(order + 1, n, d)`` coefficients of the solutions through ``points (n, d)``."""
    series = Series(outputs, inputs)
    emit = Emitter(LANES)
    emit.lines += [f"  %t = load {emit.real}, ptr %time, align 32"]
    emit.lines += ["  %y = getelementptr inbounds i8, ptr %c, i64 0"]
    values = series.evaluate(emit)
    emit.lines += ["  br label %orders", "orders:"]
    width = len(series.rows)
    for i, node in enumerate(series.outputs):
        emit.store(emit.number(node, values), "%c", width + i)
    series.coefficients(emit, values)
    text = "\n".join([
        *declarations(LANES), "define void @series(ptr %time, ptr %c, i64 %n) #0 {", "entry:",
        *emit.lines, "  ret void", "}", *ATTRIBUTES,
    ])  # fmt: skip
    engine = make_engine(text, optimise=False)
    pointer = ctypes.c_void_p
    run = ctypes.CFUNCTYPE(None, pointer, pointer, ctypes.c_int64)(
        engine.get_function_address("series")
    )
    d, made = len(inputs), []
    for k in range(0, len(points), LANES):
        raw = np.zeros((order + 1) * width * LANES + LANES + 8)
        raw = raw[-raw.ctypes.data % 64 // 8 :]
        time, table = raw[:LANES], raw[LANES : LANES + (order + 1) * width * LANES]
        table = table.reshape(order + 1, width, LANES)
        time[:] = times[k : k + LANES]
        table[0, :d] = points[k : k + LANES].T
        run(time.ctypes.data, table.ctypes.data, order)
        made.append(np.swapaxes(table[:, :d], 1, 2).copy())
    return np.concatenate(made, axis=1)


def repeated_derivatives(outputs, inputs, time, points, times, order):
    """Return the same by the chain rule: each derivative along the flow is a new expression."""
    fields = [*outputs, outputs[0].graph.constant(1.0)]
    variables = [*inputs, time]
    values = {s.id: points[:, i] for i, s in enumerate(inputs)} | {time.id: times}
    now, made = list(inputs), []
    for k in range(order + 1):
        with np.errstate(all="ignore"):
            columns = evaluate(now, values)
        made.append([np.broadcast_to(c, len(points)) / math.factorial(k) for c in columns])
        rows = differentiate(now, variables)
        zero = outputs[0].graph.constant(0.0)
        now = [sum((e * fields[j] for j, e in row.items()), start=zero) for row in rows]
    return np.moveaxis(np.array(made, float), 1, 2)


def compare(outputs, inputs, time, seed, order):
    generator = np.random.default_rng(seed)
    points, times = generator.uniform(-2, 2, size=(8, 3)), generator.uniform(-2, 2, size=8)
    exact = repeated_derivatives(outputs, inputs, time, points, times, order)
    found = coefficients(outputs, inputs, points, times, order)
    return found, exact


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation(name):
    inputs, values = trace([(name, 0, 1, 2)])
    time = inputs[0].graph.symbol("time", 0, "t")
    outputs = [values[-1], inputs[0] - 0.3 * inputs[2], ex.sin(time) + inputs[1]]
    found, exact = compare(outputs, inputs, time, 1, 5)
    # a few roundings per order, relative to the largest coefficient of each point
    scale = np.abs(exact).max(axis=(0, 2), keepdims=True)
    np.testing.assert_allclose(found / scale, exact / scale, rtol=0, atol=1e-12)


@given(programs(kinked=True), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_random_equations(program, seed):
    inputs, values = trace(program[:8])
    time = inputs[0].graph.symbol("time", 0, "t")
    found, exact = compare([*values[-2:], values[-1] * ex.cos(time)], inputs, time, seed, 3)
    assume(np.isfinite(exact).all() and np.abs(exact).max() < 1e6)
    scale = np.maximum(1.0, np.abs(exact).max(axis=(0, 2), keepdims=True))
    agree = np.abs(found - exact) <= 1e-9 * scale
    # one rounding decides on which side of a jump a point lies; such points are few
    assert agree.all(axis=(0, 2)).mean() >= 7 / 8


@pytest.mark.parametrize("order", [4, 9, 16])
def test_the_polynomial_is_off_by_one_order_more(order):
    """y' = y cos t from 1 is exp(sin t): halving the time divides the error by 2^(order + 1)."""
    graph = Graph()
    y, t = graph.symbol("state", 0, "y"), graph.symbol("time", 0, "t")
    found = coefficients([y * ex.cos(t)], [y], np.ones((4, 1)), np.zeros(4), order)[:, 0, 0]
    h = 0.5 * 2.0 ** np.arange(2) if order < 16 else 1.0 * 2.0 ** np.arange(2)
    errors = np.abs([np.polyval(found[::-1], s) - math.exp(math.sin(s)) for s in h])
    assert math.log2(errors[1] / errors[0]) == pytest.approx(order + 1, abs=0.6)


def test_a_constant_slope_has_no_further_terms():
    graph = Graph()
    x = graph.symbol("state", 0, "x")
    found = coefficients([graph.constant(3.0)], [x], np.full((4, 1), 2.0), np.zeros(4), 5)
    assert found[:, 0, 0].tolist() == [2.0, 3.0, 0.0, 0.0, 0.0, 0.0]
