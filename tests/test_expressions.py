from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from random_expressions import OPERATIONS, STEPS, Step, programs, run, trace

from chaosbench import expressions as ex
from chaosbench.errors import DefinitionError, InputError
from chaosbench.expressions import Graph, differentiate, evaluate, reachable
from chaosbench.systems import flow

H = 1e-30
coordinates = st.floats(-2.0, 2.0, allow_subnormal=False)


@pytest.fixture
def graph() -> Graph:
    return Graph()


@pytest.fixture
def xy(graph):
    return graph.symbol("state", 0, "x"), graph.symbol("state", 1, "y")


class TestGraph:
    def test_equal_subexpressions_are_one_node(self, xy):
        x, y = xy
        assert ex.sin(x * y + 1) is ex.sin(x * y + 1)

    def test_commutative_operations_share_their_node(self, xy):
        x, y = xy
        assert x * y is y * x
        assert x + y is y + x
        assert ex.minimum(x, y) is ex.minimum(y, x)
        assert x - y is not y - x

    def test_common_subexpressions_vanish(self, graph, xy):
        x, y = xy
        before = len(graph)
        first = ex.exp(x - y) / (1 + ex.exp(x - y))
        once = len(graph) - before
        again = ex.exp(x - y) / (1 + ex.exp(x - y))
        assert again is first
        assert len(graph) - before == once == 5  # sub, exp, the constant, add, div

    def test_the_sign_of_zero_distinguishes_constants(self, graph):
        assert graph.constant(0.0) is not graph.constant(-0.0)

    def test_expressions_of_two_traces_do_not_mix(self, xy):
        stranger = Graph().symbol("state", 0, "x")
        with pytest.raises(DefinitionError, match="another trace"):
            xy[0] + stranger

    def test_what_is_no_number_is_refused(self, xy):
        with pytest.raises(DefinitionError, match="a str cannot be part of an equation"):
            xy[0] + "1"


class TestFolding:
    @pytest.mark.parametrize(
        ("build", "expected"),
        [
            (lambda x: x + 0, "x"),
            (lambda x: 0 + x, "x"),
            (lambda x: x - 0, "x"),
            (lambda x: 0 - x, "neg(x)"),
            (lambda x: x - x, "0.0"),
            (lambda x: x * 0, "0.0"),
            (lambda x: x * 1, "x"),
            (lambda x: x * -1, "neg(x)"),
            (lambda x: 0 / x, "0.0"),
            (lambda x: x / 1, "x"),
            (lambda x: 0 - (-x), "x"),
            (lambda x: x**0, "1.0"),
            (lambda x: x**1, "x"),
            (lambda x: x**0.5, "sqrt(x)"),
            (lambda x: ex.where(True, x, 2.0), "x"),
            (lambda x: ex.where(0.0, x, 2.0), "2.0"),
            (lambda x: ex.where(x > 0, x, x), "x"),
        ],
    )
    def test_identities(self, xy, build, expected):
        assert repr(build(xy[0])) == expected

    @pytest.mark.parametrize(
        ("op", "values", "expected"),
        [
            ("add", (2, 3), 5), ("sub", (2, 3), -1), ("mul", (2, 3), 6), ("div", (3, 2), 1.5),
            ("neg", (2,), -2), ("pow", (2, 0.5), math.sqrt(2)), ("pow", (-2, 3), -8),
            ("abs", (-2,), 2), ("sign", (-2,), -1), ("sign", (0,), 0), ("min", (2, 3), 2),
            ("max", (2, 3), 3), ("floor", (-0.5,), -1), ("mod", (-0.5, 2), 1.5), ("lt", (1, 2), 1),
            ("le", (2, 2), 1), ("and", (1, 0), 0), ("or", (1, 0), 1), ("not", (0,), 1),
            ("where", (1, 2, 3), 2), ("atan2", (1, -1), math.atan2(1, -1)), ("exp", (1,), math.e),
            ("asin", (1,), math.pi / 2), ("tanh", (0.5,), math.tanh(0.5)),
        ],
    )  # fmt: skip
    def test_constants_are_computed(self, graph, op, values, expected):
        node = graph.apply(op, *values)
        assert (node.op, node.value) == ("const", expected)

    @pytest.mark.parametrize(
        ("op", "values"),
        [("div", (1, 0)), ("log", (-1,)), ("sqrt", (-1,)), ("exp", (1e4,)), ("pow", (-8, 0.3))],
    )
    def test_a_constant_without_value_is_an_error(self, graph, op, values):
        with pytest.raises(DefinitionError, match="has no value"):
            graph.apply(op, *values)


class TestNumpy:
    def test_vector_states(self, graph):
        symbols = [graph.symbol("state", i, f"u{i}") for i in range(4)]
        u = np.array(symbols, dtype=object).view(ex.Vector)
        point = np.array([0.3, -1.2, 0.7, 2.0])
        weights = np.arange(16.0).reshape(4, 4) - 5
        values = {node.id: v for node, v in zip(symbols, point, strict=True)}
        for build in (
            lambda v: np.roll(v, -1) - np.roll(v, 2) * v,
            lambda v: np.sum(v) * v,
            lambda v: weights @ v,
            lambda v: ex.tanh(v) + ex.sign(v) + ex.where(v > 0.5, v, 0.0),
            lambda v: ex.minimum(v, 0.5) + ex.maximum(v, v[::-1]) + ex.mod(v, 0.7),
            lambda v: np.mean(v**2) + np.abs(v) - v.dot(v),
            lambda v: ex.floor(v) + ex.heaviside(v) + ex.arctan2(v, 2.0),
            lambda v: ex.where((v[0] < v) & ~(v >= 1.5) | (v <= -1.0), np.roll(v, 1), 2.0),
        ):
            traced = evaluate(list(build(u)), values)
            np.testing.assert_allclose(np.array(traced, float), build(point), rtol=1e-14)

    def test_numbers_of_numpy_on_the_left(self, xy):
        x, _ = xy
        assert repr(np.float64(2) * x) == repr(2.0 * x)
        assert repr(np.float64(1) < x) == repr(x > 1.0)
        assert repr(np.array(2.0) - x) == repr(2.0 - x)

    @pytest.mark.parametrize("name", sorted(OPERATIONS))
    def test_functions_take_floats_arrays_and_symbols(self, name):
        points = np.array([[0.31, -0.82, 1.3], [-1.21, 0.4, 0.2]])
        symbols, values = trace([(name, 0, 1, 2)])
        traced = evaluate([values[-1]], {s.id: points[:, i] for i, s in enumerate(symbols)})[0]
        by_array = OPERATIONS[name](ex, *points.T)
        by_float = [OPERATIONS[name](ex, *(np.float64(v) for v in point)) for point in points]
        np.testing.assert_allclose(traced, by_array, rtol=1e-14)
        np.testing.assert_allclose(by_float, by_array, rtol=1e-14)


class TestWhatCannotBeTraced:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (lambda x: x if x > 0 else -x, "use where"),
            (lambda x: max(x, 0.0), "maximum"),
            (lambda x: np.maximum(x, 0.0), "maximum"),
            (lambda x: np.where(x > 0, x, 0.0), "use where"),
            (lambda x: x if x > 0 and x < 1 else 0, "use where"),
            (lambda x: 0.0 if x == 0 else 1 / x, "== or !="),
            (lambda x: ex.where(x != 0, 1 / x, 0.0), "== or !="),
            (lambda x: math.sin(x), "chaosbench.expressions instead of those of math"),
            (lambda x: float(x), "chaosbench.expressions"),
            (lambda x: int(x), "floor"),
            (lambda x: round(x), "chaosbench.expressions"),
            (lambda x: np.hypot(x, 1.0), "chaosbench.expressions"),
            (lambda x: np.arctan2(x, 1.0), "chaosbench.expressions"),
            (lambda x: "x", "cannot be part of an equation"),
            (lambda x: (x, x), "1 state variables but its function returns 2"),
        ],
    )  # fmt: skip
    def test_is_a_clear_error(self, body, message):
        @flow(ic=(1.0,), reference="none", name="untraceable")
        def system(x):
            return body(x)

        with pytest.raises(DefinitionError, match=message) as caught:
            _ = system.trace
        assert isinstance(caught.value, InputError)
        assert "untraceable" in str(caught.value) or "equation" in str(caught.value)

    def test_truth_values_are_numbers(self, xy):
        x, y = xy
        values = {x.id: np.array([1.0, 1.0]), y.id: np.array([1.0, -1.0])}
        total, negative = evaluate([(x > 0) + (y > 0), -(x > 0)], values)
        assert total.tolist() == [2.0, 1.0]
        assert negative.tolist() == [-1.0, -1.0]

    def test_a_symbol_without_value(self, xy):
        with pytest.raises(DefinitionError, match="no value was given for the symbol y"):
            evaluate([xy[0] + xy[1]], {xy[0].id: 1.0})


class TestDerivatives:
    @pytest.mark.parametrize("name", sorted(OPERATIONS))
    def test_of_every_operation(self, name):
        assert self.compare([(name, 0, 1, 2)], (0.31, -0.82, 1.3))
        assert self.compare([(name, 0, 1, 2)], (-1.21, 0.4, 0.2))

    @given(programs(kinked=True), st.tuples(coordinates, coordinates, coordinates))
    @settings(max_examples=300, deadline=None, derandomize=True)
    def test_of_random_programs_against_complex_steps(self, program, point):
        assume(self.compare(program, point))

    def compare(self, program, point) -> bool:
        """Assert equality; False where the point is too near a branch or the values too large."""
        Step.margin = math.inf
        exact = []  # value and derivatives of every intermediate
        for k in range(3):
            start = [Step(complex(v, H if i == k else 0.0)) for i, v in enumerate(point)]
            exact.append([complex(v) for v in run(program, start, STEPS)])
        largest = max(abs(v.real) for v in exact[0])
        slopes = np.array([[v.imag / H for v in row] for row in exact]).T
        # a branch that almost switches may go either way in rounding
        if not (Step.margin > 1e-6 and largest < 1e4 and np.abs(slopes).max() < 1e6):
            return False

        symbols, values = trace(program)
        rows = differentiate(values[-2:], symbols)
        given_values = {s.id: v for s, v in zip(symbols, point, strict=True)}
        zero = values[0].graph.constant(0.0)
        flat = [row.get(k, zero) for row in rows for k in range(3)]
        ours = np.array(evaluate([*values[-2:], *flat], given_values), float)
        # rounding of intermediates, carried on by the slopes that follow them
        value_bound = 1e-13 * (1 + largest) * (1 + np.abs(slopes).max())
        expected = [v.real for v in exact[0][-2:]]
        np.testing.assert_allclose(ours[:2], expected, rtol=1e-12, atol=value_bound)
        slope_bound = 1e-12 * (1 + largest) * (1 + np.abs(slopes).max())
        np.testing.assert_allclose(
            ours[2:].reshape(2, 3), slopes[-2:], rtol=1e-12, atol=slope_bound
        )
        return True

    def test_zeros_are_left_out(self, xy):
        x, y = xy
        rows = differentiate([x * 2, y + x * 0, x * y], [x, y])
        assert [sorted(row) for row in rows] == [[0], [1], [0, 1]]

    def test_a_negative_base_needs_no_logarithm(self, xy):
        x, _ = xy
        ((slope,),) = [row.values() for row in differentiate([x**3 + x**70], [xy[0]])]
        assert "log" not in {node.op for node in reachable([slope])}
        value = evaluate([slope], {x.id: -1.1})[0]
        assert value == pytest.approx(3 * 1.1**2 - 70 * 1.1**69, rel=1e-13)

    def test_a_branch_that_is_not_taken_contributes_nothing(self, xy):
        x, _ = xy
        (row,) = differentiate([ex.sqrt(ex.maximum(x, 0.0)) + ex.log(ex.where(x > 0, x, 0.0))], [x])
        with np.errstate(divide="ignore"):
            assert evaluate([row[0]], {x.id: np.array([-2.0])})[0] == 0.0
        assert evaluate([row[0]], {x.id: np.array([4.0])})[0] == 0.5

    def test_of_arctan2_in_every_quadrant(self, xy):
        x, y = xy
        (row,) = differentiate([ex.arctan2(y, x)], [x, y])
        for angle in (0.5, 2.0, -2.5, -0.7):
            at = {x.id: 2 * math.cos(angle), y.id: 2 * math.sin(angle)}
            slopes = evaluate([row[0], row[1]], at)
            assert slopes == pytest.approx([-math.sin(angle) / 2, math.cos(angle) / 2], rel=1e-14)
