from __future__ import annotations

import ctypes
import gc
import pickle
import threading

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_expressions import OPERATIONS, programs, trace

from chaosbench import expressions as ex
from chaosbench.compile import (
    ATTRIBUTES,
    Emitter,
    compile_delay_tangent,
    compile_jacobian,
    compile_pair,
    compile_rhs,
    compile_tangent,
    declarations,
    make_engine,
)
from chaosbench.expressions import Graph, differentiate, evaluate
from chaosbench.systems import registry

seeds = st.integers(0, 2**31)


def numpy_values(outputs, symbols, points):
    values = {s.id: points[:, i] for i, s in enumerate(symbols)}
    with np.errstate(all="ignore"):
        columns = evaluate(outputs, values)
    return np.stack([np.broadcast_to(np.asarray(c, float), len(points)) for c in columns], axis=1)


@given(programs(kinked=True), seeds)
@settings(max_examples=120, deadline=None, derandomize=True)
def test_random_graphs_against_numpy(program, seed):
    symbols, values = trace(program)
    points = np.random.default_rng(seed).uniform(-2, 2, size=(7, 3))
    everything = numpy_values(values, symbols, points)
    assume(np.abs(everything).max() < 1e6)
    compiled = compile_rhs(values, symbols)(np.zeros(7), points)
    # a fused multiply-add rounds once where NumPy rounds twice, and a jump of mod, floor or where
    # turns one unit in the last place into a whole; such points differ in few rows, by chance
    scale = np.maximum(1.0, np.abs(everything).max())
    agree = np.abs(compiled - everything) <= 1e-11 * scale
    assert agree.all(axis=1).mean() >= 6 / 7


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_against_numpy(name):
    symbols, values = trace([(name, 0, 1, 2)])
    points = np.random.default_rng(0).uniform(-2, 2, size=(200, 3))
    compiled = compile_rhs(values[-1:], symbols)(np.zeros(200), points)
    np.testing.assert_allclose(
        compiled, numpy_values(values[-1:], symbols, points), rtol=1e-13, atol=1e-14
    )


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_special_values_against_numpy(name):
    """A NaN stays a NaN, or an integrator would take an impossible step for a good one."""
    symbols, values = trace([(name, 0, 1, 2)])
    special = [0.0, -0.0, 0.25, 1.0, np.nan]
    points = np.array(np.meshgrid(special, special, special)).reshape(3, -1).T
    compiled = compile_rhs(values[-1:], symbols)(np.zeros(len(points)), points)
    expected = numpy_values(values[-1:], symbols, points)
    np.testing.assert_allclose(compiled, expected, rtol=1e-13, atol=1e-14, equal_nan=True)


def on_lanes(outputs, points, lanes=8):
    """Evaluate at ``points (n, d)`` with a vector kernel, `lanes` points at a time."""
    emit = Emitter(lanes)
    for i, value in enumerate(emit.graph(outputs)):
        emit.store(value, "%out", i)
    text = "\n".join([
        *declarations(lanes), "define void @vector(ptr %y, ptr %out) #0 {", *emit.lines,
        "  ret void", "}", *ATTRIBUTES,
    ])  # fmt: skip
    engine = make_engine(text, optimise=False)
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(
        engine.get_function_address("vector")
    )
    padded = np.resize(points, (-(-len(points) // lanes) * lanes, points.shape[1]))
    made = []
    for chunk in padded.reshape(-1, lanes, points.shape[1]):
        raw = np.zeros((chunk.shape[1] + len(outputs)) * lanes + 8)
        raw = raw[-raw.ctypes.data % 64 // 8 :]
        y, out = raw[: chunk.size], raw[chunk.size : chunk.size + len(outputs) * lanes]
        y[:] = chunk.T.ravel()
        run(y.ctypes.data, out.ctypes.data)
        made.append(out.reshape(len(outputs), lanes).T.copy())
    return np.concatenate(made)[: len(points)]


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_a_vector_kernel_gives_what_the_scalar_one_gives(name):
    """Bit for bit, NaN and both zeros included; neighbours in other lanes do not matter."""
    symbols, values = trace([(name, 0, 1, 2)])
    special = [0.0, -0.0, 0.25, 1.0, -1.7, np.nan]
    points = np.array(np.meshgrid(special, special, special)).reshape(3, -1).T
    scalar = compile_rhs(values, symbols)(np.zeros(len(points)), points)
    np.testing.assert_array_equal(on_lanes(values, points), scalar)


@given(programs(kinked=True), seeds)
@settings(max_examples=40, deadline=None, derandomize=True)
def test_random_vector_kernels(program, seed):
    symbols, values = trace(program)
    points = np.random.default_rng(seed).uniform(-2, 2, size=(12, 3))
    scalar = compile_rhs(values, symbols)(np.zeros(12), points)
    assume(np.abs(scalar).max() < 1e6)
    vector = on_lanes(values, points, lanes=4)
    # the passes that only the scalar kernel goes through may pair other products and sums
    agree = np.abs(vector - scalar) <= 1e-11 * max(1.0, np.abs(scalar).max())
    assert agree.all(axis=1).mean() >= 11 / 12


@pytest.mark.parametrize(
    "build",
    [
        lambda x: ex.minimum(ex.log(x), 1.0),
        lambda x: ex.maximum(ex.sqrt(x), 0.0),
        lambda x: ex.sign(ex.log(x)),
        lambda x: abs(ex.sqrt(x)),
    ],
    ids=["minimum", "maximum", "sign", "abs"],
)
def test_no_operation_hides_a_nan(build):
    x = Graph().symbol("state", 0, "x")
    out = compile_rhs([build(x)], [x])(np.zeros(2), np.array([[-1.0], [2.0]]))
    assert np.isnan(out[0, 0])
    assert np.isfinite(out[1, 0])


def test_a_truth_value_may_be_calculated_with():
    x = Graph().symbol("state", 0, "x")
    outputs = [(x > 0) ** 2, (x > 0) + 1.0, x > 0, ~(x > 0) * x]
    out = compile_rhs(outputs, [x])(np.zeros(2), np.array([[3.0], [-3.0]]))
    assert out.tolist() == [[1.0, 2.0, 1.0, 0.0], [0.0, 1.0, 0.0, -3.0]]


@pytest.mark.parametrize("exponent", [-64, -5, -1, 2, 3, 7, 10, 63, 64, 65, 0.25, -1.5])
def test_powers(exponent):
    x = Graph().symbol("state", 0, "x")
    base = np.array([0.3, 0.97, 1.0, 1.01, 1.7])
    out = compile_rhs([x**exponent], [x])(np.zeros(5), base[:, None])[:, 0]
    # each of the multiplications, fewer than 2 log2(64), may round
    np.testing.assert_allclose(out, base**exponent, rtol=14 * 2.0**-53 * 2)


@pytest.fixture(scope="module")
def lorenz_graph():
    trace_ = registry["lorenz"].trace
    return list(trace_.outputs), list(trace_.inputs)


def test_jacobian_is_row_major(lorenz_graph):
    outputs, inputs = lorenz_graph
    out = compile_jacobian(outputs, inputs)(np.zeros(1), np.array([[1.0, 2.0, 3.0]]))
    expected = [[-10, 10, 0], [25, -1, -1], [2, 1, -8 / 3]]
    assert out.reshape(3, 3).tolist() == expected


@pytest.mark.parametrize("count", [1, 3, 4, 5, 7])
def test_tangent_is_jacobian_times_vectors(lorenz_graph, count):
    """Unrolled up to four vectors, a loop beyond: both layouts."""
    outputs, inputs = lorenz_graph
    generator = np.random.default_rng(count)
    state, vectors = generator.normal(size=3), generator.normal(size=(3, count))
    kernel = compile_tangent(outputs, inputs, count)
    assert (kernel.inputs, kernel.outputs) == (3 * (count + 1), 3 * (count + 1))
    out = kernel(np.zeros(1), np.concatenate([state, vectors.ravel()])[None])[0]
    jacobian = registry["lorenz"].jacobian(0, state)
    np.testing.assert_allclose(out[:3], registry["lorenz"].rhs(0, state), rtol=1e-15)
    np.testing.assert_allclose(out[3:].reshape(3, count), jacobian @ vectors, rtol=1e-13)


@pytest.mark.parametrize("count", [1, 6])
def test_delay_tangent(count):
    system = registry["mackey_glass"]
    kernel = compile_delay_tangent(system.trace.outputs, system.trace.inputs, 1, count)
    generator = np.random.default_rng(0)
    v, w = generator.normal(size=(2, count))
    out = kernel(np.zeros(1), np.concatenate([[0.9], v, [1.1], w])[None])[0]
    jacobian = system.jacobian(0, [0.9], [1.1])
    np.testing.assert_allclose(out[0], system.rhs(0, [0.9], [1.1])[0], rtol=1e-14)
    np.testing.assert_allclose(out[1:], jacobian[0, 0] * v + jacobian[0, 1] * w, rtol=1e-13)


def test_pair_is_two_copies():
    for name, past in (("rossler", None), ("mackey_glass", [[1.1], [0.4]])):
        system = registry[name]
        kernel = compile_pair(system.trace.outputs, system.trace.inputs)
        states = np.random.default_rng(0).normal(size=(2, system.dimension))
        y = states.ravel() if past is None else np.concatenate([states.ravel(), np.ravel(past)])
        out = kernel(np.zeros(1), y[None])[0]
        np.testing.assert_allclose(out, system.rhs(0, states, past).ravel(), rtol=1e-15)


@pytest.mark.parametrize("name", [n for n in registry if registry[n].kind != "field"])
def test_every_system_against_numpy(name):
    """The graph evaluated by NumPy is a second implementation of right-hand side and Jacobian."""
    system = registry[name]
    inputs, outputs = system.trace.inputs, system.trace.outputs
    generator = np.random.default_rng(1)
    points = (
        np.array(system.ic)[[0] * len(inputs)] if system.kind == "delay" else np.array(system.ic)
    )
    points = points + 0.1 * np.maximum(0.1, np.abs(points)) * generator.normal(
        size=(20, len(inputs))
    )
    times = generator.uniform(0, 10, size=20)
    zero = outputs[0].graph.constant(0.0)
    slopes = [
        row.get(j, zero) for row in differentiate(outputs, inputs) for j in range(len(inputs))
    ]
    values = {s.id: points[:, i] for i, s in enumerate(inputs)}
    values |= {
        node.id: times
        for node in ex.reachable([*outputs, *slopes])
        if node.op == "symbol" and node.value[0] == "time"
    }
    with np.errstate(divide="ignore", invalid="ignore"):  # in branches that are not taken
        columns = evaluate([*outputs, *slopes], values)
    expected = np.stack([np.broadcast_to(np.asarray(v, float), 20) for v in columns], axis=1)
    assert np.isfinite(expected).all()
    d = len(outputs)
    # cancellation between terms: errors are relative to the largest term, not to the result
    for kernel, wanted in (
        (system.kernel, expected[:, :d]),
        (system.jacobian_kernel, expected[:, d:]),
    ):
        np.testing.assert_allclose(
            kernel(times, points), wanted, rtol=1e-12, atol=1e-12 * np.abs(wanted).max()
        )


def test_same_graph_gives_the_same_bits():
    system = registry["ikeda"]
    points = np.random.default_rng(0).normal(size=(100, 2))
    twin = pickle.loads(pickle.dumps(system))
    assert np.array_equal(system.rhs(0, points), twin.rhs(0, points))


def test_threads_may_compile_at_once():
    points = np.random.default_rng(0).normal(size=(5, 3))
    found = {}

    def work(k: int) -> None:
        system = registry["lorenz"].with_params(rho=20.0 + k)
        found[k] = system.rhs(0, points)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k in range(8):
        expected = points[:, 0] * (20.0 + k - points[:, 2]) - points[:, 1]
        np.testing.assert_allclose(found[k][:, 1], expected, rtol=1e-13, atol=1e-13)


def test_kernels_outlive_those_they_share_an_engine_with():
    """More than one engine takes, every other one dropped: those left compute what they did."""
    graph = Graph()
    x = graph.symbol("state", 0, "x")
    kernels = {k: compile_rhs([k * x + ex.sin(x)], [x]) for k in range(150)}
    for k in range(0, 150, 2):
        del kernels[k]
    gc.collect()
    points = np.linspace(-3.0, 3.0, 7)[:, np.newaxis]
    for k, kernel in kernels.items():
        np.testing.assert_allclose(
            kernel(np.zeros(7), points), k * points + np.sin(points), rtol=1e-14, atol=1e-14
        )
    assert len({kernel.address for kernel in kernels.values()}) == 75
