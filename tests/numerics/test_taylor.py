"""Taylor's method: recurrences, arithmetic, order, and solutions that are known in closed form."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise

import heyoka as hy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chaosbench as cb
from chaosbench import expressions as ex
from chaosbench.dynamics.orbits import ExtrapolatedOrbit, TaylorOrbit, orbit_of
from chaosbench.errors import InputError, IntegrationError, TrajectoryEscapedError
from chaosbench.expressions._graph import _FOLD
from chaosbench.numerics import interpreter as _interpreter
from chaosbench.numerics.tape import lower
from tests.random_expressions import SMOOTH, programs, run

FLOWS = [name for name in cb.systems if cb.systems[name].kind == "flow"]


def exact(pair) -> Decimal:
    return Decimal(float(pair[0])) + Decimal(float(pair[1]))


def traced(function, count):
    """A function of `count` numbers as inputs, outputs and tape."""
    graph = ex.Graph()
    inputs = [graph.symbol("state", i, f"x{i}") for i in range(count)]
    outputs = [graph.lift(v) for v in function(*inputs)]
    return lower(outputs, inputs)


def value(function, *pairs, double_double=True):
    """The first value of a function, in the arithmetic of the tape."""
    tape = traced(function, len(pairs))
    c = np.zeros((tape.slots, 1, 2) if double_double else (tape.slots, 1))
    high = c[..., 0] if double_double else c
    high[tape.constants[0], 0] = tape.constants[1]
    for i, pair in enumerate(pairs):
        c[i, 0] = pair
    _interpreter.values(tape.code, c)
    return c[tape.outputs[0], 0]


# ---------------------------------------------------------------- double-double numbers


def sine(x: Decimal) -> Decimal:
    """Sine by its series, for moderate x."""
    term = total = x
    n = 1
    while abs(term) > Decimal(10) ** -60:
        term *= -x * x / ((n + 1) * (n + 2))
        n += 2
        total += term
    return total


def cosine(x: Decimal) -> Decimal:
    term = total = Decimal(1)
    n = 0
    while abs(term) > Decimal(10) ** -60:
        term *= -x * x / ((n + 1) * (n + 2))
        n += 2
        total += term
    return total


def angle(y: Decimal, x: Decimal) -> Decimal:
    """The angle of a point by Newton's method on the sine and cosine above."""
    guess = Decimal(math.atan2(y, x))
    for _ in range(3):
        radius = (x * x + y * y).sqrt()
        guess += (y * cosine(guess) - x * sine(guess)) / radius
    return guess


KNOWN = {
    "add": (lambda x, y: x + y, lambda x, y: x + y),
    "sub": (lambda x, y: x - y, lambda x, y: x - y),
    "mul": (lambda x, y: x * y, lambda x, y: x * y),
    "div": (lambda x, y: x / y, lambda x, y: x / y),
    "power": (lambda x, y: x**1.75, lambda x, y: (x.ln() * Decimal("1.75")).exp()),
    "cube": (lambda x, y: x**3, lambda x, y: x**3),
    "inverse": (lambda x, y: x**-2, lambda x, y: 1 / (x * x)),
    "sqrt": (lambda x, y: ex.sqrt(x), lambda x, y: x.sqrt()),
    "exp": (lambda x, y: ex.exp(y), lambda x, y: y.exp()),
    "log": (lambda x, y: ex.log(x), lambda x, y: x.ln()),
    "sin": (lambda x, y: ex.sin(y), lambda x, y: sine(y)),
    "cos": (lambda x, y: ex.cos(y), lambda x, y: cosine(y)),
    "tan": (lambda x, y: ex.tan(x), lambda x, y: sine(x) / cosine(x)),
    "sinh": (lambda x, y: ex.sinh(y), lambda x, y: (y.exp() - (-y).exp()) / 2),
    "cosh": (lambda x, y: ex.cosh(y), lambda x, y: (y.exp() + (-y).exp()) / 2),
    "tanh": (lambda x, y: ex.tanh(y), lambda x, y: 1 - 2 / ((2 * y).exp() + 1)),
    "atan2": (lambda x, y: ex.arctan2(y, x), lambda x, y: angle(y, x)),
    "atan": (lambda x, y: ex.arctan(y), lambda x, y: angle(y, Decimal(1))),
    "asin": (
        lambda x, y: ex.arcsin(x / 8), lambda x, y: angle(x / 8, (1 - (x / 8) ** 2).sqrt()),
    ),
    "acos": (
        lambda x, y: ex.arccos(x / 8), lambda x, y: angle((1 - (x / 8) ** 2).sqrt(), x / 8),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
@settings(max_examples=20)
@given(
    x=st.floats(0.05, 7.5),
    y=st.floats(-20.0, 20.0).filter(lambda y: abs(y) > 1e-3),
    low=st.floats(-1.0, 1.0),
)
def test_double_double_values_are_right_to_thirty_digits(name, x, y, low):
    ours, theirs = KNOWN[name]
    pairs = [(v, 0.4 * low * math.ulp(v)) for v in (x, y)]
    with localcontext(prec=60):
        got = exact(value(lambda *a: [ours(*a)], *pairs))
        want = theirs(*map(exact, pairs))
        # near a zero of the function, the error is relative to the distance from the zero
        scale = max(
            abs(want), Decimal(1) if name in ("sub", "add", "sin", "cos", "log") else abs(want)
        )
        assert abs(got - want) <= Decimal("2e-30") * scale * (1 if name != "tan" else 1 + abs(want))


def test_large_angles_lose_nothing_but_their_own_rounding():
    with localcontext(prec=60):
        pi = 2 * angle(Decimal(1), Decimal(0))
        x = 98765.4321
        reduced = Decimal(x) % (2 * pi)
        got = exact(value(lambda a: [ex.sin(a)], (x, 0.0)))
        assert abs(got - sine(reduced)) < Decimal("1e-30")


@given(x=st.floats(-50, 50), y=st.floats(0.1, 50))
def test_the_rough_operations_agree_with_numpy(x, y):
    def all_of_them(a, b):
        return [
            ex.absolute(a) + 2 * ex.sign(a) + 3 * ex.minimum(a, b) + 5 * ex.maximum(a, b)
            + 7 * ex.floor(a) + ex.where((a < b) & ~(b <= 1.0) | (a > 30), a, b)
        ]  # fmt: skip

    (want,) = all_of_them(np.array([x]), np.array([y]))
    for double_double in (False, True):
        pairs = ((x, 0.0), (y, 0.0)) if double_double else (x, y)
        got = value(all_of_them, *pairs, double_double=double_double)
        np.testing.assert_allclose(np.sum(got), want[0], rtol=1e-13, atol=1e-11)


@given(x=st.floats(-50, 50), y=st.floats(0.1, 50))
def test_mod_is_by_the_rounded_quotient_in_double_and_by_the_exact_one_in_double_double(x, y):
    def modulo(a, b):
        return [ex.mod(a, b)]

    assert value(modulo, x, y, double_double=False) == x - y * math.floor(x / y)
    got = Fraction(float(value(modulo, (x, 0.0), (y, 0.0)).sum()))
    # within the last bits of the wrap-around both sides are right; the sum rounds by half an ulp
    off = abs(got - Fraction(x) % Fraction(y))
    assert min(off, abs(Fraction(y) - off)) <= Fraction(2.0**-53) * (abs(Fraction(x)) + Fraction(y))


def test_a_pair_just_below_a_whole_number_has_the_floor_below():
    assert value(lambda a: [ex.floor(a)], (3.0, -1e-20)).tolist() == [2.0, 0.0]
    assert value(lambda a: [ex.where(a < 3.0, 1.0, 0.0)], (3.0, -1e-20)).tolist() == [1.0, 0.0]


# ---------------------------------------------------------------- recurrences


def coefficients(program, time, order, *, double_double):
    """Return Taylor coefficients in time of the last value of a random program."""
    graph = ex.Graph()
    state, t = graph.symbol("state", 0, "x"), graph.symbol("time", 0, "t")
    last = graph.lift(run(program, [t, 0.3 + 0.5 * t, graph.constant(0.75)], ex)[-1])
    tape = lower([last], [state])
    tail = (2,) if double_double else ()
    c = np.zeros((tape.slots, order + 1, *tail))
    high = c[..., 0] if double_double else c
    high[tape.constants[0], 0] = tape.constants[1]
    y = np.zeros((2, 1, *tail))
    y[1, 0] = time
    _interpreter.slopes(tape.code, tape.outputs, c, y)
    _interpreter.expand(tape.code, tape.outputs, c, order)
    numbers = [exact(p) if double_double else Decimal(float(p)) for p in c[0]]
    return [k * number for k, number in enumerate(numbers)][1:]


@given(programs(kinked=False), st.floats(-1.5, 1.5))
def test_every_recurrence_continues_the_function_it_expands(program, time):
    """A polynomial of degree 10 must agree with values at a nearby time, up to its remainder."""
    order = 10
    with localcontext(prec=60):
        found = coefficients(program, (time, 0.0), order + 1, double_double=True)
        scale = max(1.0, abs(float(found[0])))
        growth = max(1.0, *((abs(float(v)) / scale) ** (1 / k) for k, v in enumerate(found) if k))
        h = 2.0 ** math.floor(math.log2(0.02 / growth))
        later = math.nextafter(time, 2.0) if time + h == time else time + h
        step = Decimal(later) - Decimal(time)
        there = coefficients(program, (later, 0.0), 1, double_double=True)[0]
        predicted = sum(v * step**k for k, v in enumerate(found))
        assert abs(float(predicted - there)) <= scale * (10 * 0.02 ** (order + 1) + 1e-29)
        # in plain double the same source gives the same coefficients, to rounding
        plain = coefficients(program, time, order + 1, double_double=False)
        for k, (a, b) in enumerate(zip(plain, found, strict=True)):
            assert abs(float(a - b)) <= 1e-10 * scale * growth**k


def test_the_programs_reach_every_smooth_operation():
    graph = ex.Graph()
    t = graph.symbol("time", 0, "t")
    operations = set()
    for name in SMOOTH:
        last = graph.lift(run([(name, 0, 1, 0)], [t, 0.3 + 0.5 * t], ex)[-1])
        operations |= {node.op for node in ex.reachable([last])}
    wanted = set(_FOLD) - {"abs", "sign", "min", "max", "floor", "mod", "lt", "le", "and", "or",
                              "not", "where", "atan2"}  # fmt: skip
    assert wanted <= operations


# ---------------------------------------------------------------- solutions in closed form


@cb.flow(ic=(1.0,), reference="hairer1993")
def growth(x):
    return x


@cb.flow(ic=(1.0, 0.0), reference="hairer1993")
def oscillator(x, v):
    return v, -x


@cb.flow(ic=(0.0,), reference="hairer1993")
def driven_by_cosine(x, t):
    return ex.cos(t) + 0.0 * x


@cb.flow(ic=(0.0,), reference="hairer1993")
def cubic(x):
    """Its solution has x + x³/3 = t."""
    return 1 / (1 + x * x)


@cb.flow(ic=(0.3,), reference="hairer1993")
def turning(x, t):
    """Its solution is x = ic + atan2(sin t, 2 + cos t): the angle of a circling point."""
    y, r = ex.sin(t), 2 + ex.cos(t)
    angle = ex.arctan2(y, r)
    # d/dt of the angle, written with the angle itself so that its recurrence is tested
    return (1 + 2 * ex.cos(t)) / (5 + 4 * ex.cos(t)) + (ex.tan(angle) - y / r) + 0.0 * x


@cb.flow(ic=(2.0, 0.0), reference="hairer1993")
def pendulum(q, p):
    return p, -ex.sin(q)


def after(system, span, *, tolerance=1e-30, points=2):
    return TaylorOrbit(system, np.array(system.ic), tolerance=tolerance).sample_exactly(
        points, span / (points - 1)
    )


def test_growth_by_e_to_the_tenth_in_thirty_digits():
    with localcontext(prec=60):
        (end,) = after(growth, 10.0)[-1]
        assert abs(exact(end) / Decimal(10).exp() - 1) < Decimal("1e-28")


def test_ten_periods_of_the_oscillator_in_thirty_digits():
    with localcontext(prec=60):
        span = 62.8318
        end = after(oscillator, span, points=101)[-1]
        step = Decimal(100 * (span / 100))  # the times of samples are doubles
        assert abs(exact(end[0]) - cosine(step)) < Decimal("1e-28")
        assert abs(exact(end[1]) + sine(step)) < Decimal("1e-28")


def test_a_driven_equation_reads_the_time_in_thirty_digits():
    with localcontext(prec=60):
        (end,) = after(driven_by_cosine, 7.0)[-1]
        assert abs(exact(end) - sine(Decimal(7))) < Decimal("1e-29")


def test_an_implicit_solution_in_thirty_digits():
    with localcontext(prec=60):
        x = exact(after(cubic, 5.0)[-1][0])
        assert abs(x + x**3 / 3 - 5) < Decimal("1e-28")


def test_an_angle_in_thirty_digits():
    with localcontext(prec=60):
        x = exact(after(turning, 3.0)[-1][0])
        want = Decimal(turning.ic[0]) + angle(sine(Decimal(3)), 2 + cosine(Decimal(3)))
        assert abs(x - want) < Decimal("1e-28")


def test_the_pendulum_keeps_its_energy_in_thirty_digits():
    with localcontext(prec=60):
        energies = [
            exact(p) ** 2 / 2 - cosine(exact(q)) for q, p in after(pendulum, 50.0, points=11)
        ]
        assert max(abs(b - a) for a, b in pairwise(energies)) < Decimal("1e-28")


@pytest.mark.parametrize("system", [pendulum, cubic, cb.systems["lorenz"]], ids=lambda s: s.name)
def test_the_error_follows_the_tolerance(system):
    """Thirteen decades of tolerance are thirteen decades of error."""
    reference = after(system, 2.0)[-1]
    errors = []
    for tolerance in (1e-8, 1e-12, 1e-16, 1e-20):
        end = after(system, 2.0, tolerance=tolerance)[-1]
        errors.append(
            float(max(abs(exact(a) - exact(b)) for a, b in zip(end, reference, strict=True)))
        )
        assert errors[-1] < 1e4 * tolerance
    for loose, tight in pairwise(errors):
        assert tight < 1e-2 * loose


# ---------------------------------------------------------------- the catalogue


def scale_of(system):
    known = cb.systems[system.name]
    try:
        return np.array(cb.constants(known).std), cb.constants(known).lyapunov_time
    except InputError:
        return np.ones(known.dimension), None


# systems whose solutions separate within five Lyapunov times, with the reason
RUGGED = {
    "excitable_cell": "0/0 at a membrane voltage of -25 mV",
}


@pytest.mark.parametrize("name", [n for n in FLOWS if n not in RUGGED])
def test_taylor_in_double_agrees_with_dop853_over_five_lyapunov_times(name):
    system = cb.systems[name]
    spread, time = scale_of(system)
    dt = (time or 1.0) / 8
    ic = np.array(system.ic)
    with np.errstate(all="ignore"):
        ours = TaylorOrbit(system, ic, tolerance=1e-16, double_double=False).sample(41, dt)
        other = orbit_of(system, ic, rtol=1e-13).sample(41, dt)
        exact = TaylorOrbit(system, ic, tolerance=1e-20).sample(41, dt)
    off = np.abs((other - exact) / spread).max()
    assert off < 1e-5
    # Taylor's solution in double is the closer one, or both errors are rounding
    assert np.abs((ours - exact) / spread).max() < max(off, 1e-9)


def test_other_kinds_are_refused():
    with pytest.raises(InputError, match="delay system"):
        TaylorOrbit(cb.systems["mackey_glass"], np.array(cb.systems["mackey_glass"].ic))


# ---------------------------------------------------------------- events


def exactly(samples, row):
    """Return a double-double sample as a Decimal of 50 digits."""
    with localcontext(prec=50):
        return [Decimal(float(high)) + Decimal(float(low)) for high, low in samples[row]]


def test_a_kink_is_met_to_the_last_bit():
    """Twice as fast below zero as above: from -1/3, x = t - 1/6 once t > 1/6."""

    @cb.flow(ic=(-1 / 3,), reference="filippov1988")
    def ramp(x):
        return ex.where(x < 0, 2.0, 1.0)

    orbit = TaylorOrbit(ramp, np.array(ramp.ic))
    found = orbit.sample_exactly(12, 0.1)
    assert orbit.events == 1
    for row in range(2, 12):
        time = Fraction(row * 0.1)
        true = time + Fraction(ramp.ic[0]) / 2
        got = sum(Fraction(float(half)) for half in found[row, 0])
        # the time of a sample is rounded to double, the time of the solution is not
        assert abs(got - true) < 1e-16
    # its last state is not rounded
    last = sum(Fraction(float(half)) for half in orbit._present[0, 0])
    assert abs(last - (Fraction(11 * 0.1) + Fraction(ramp.ic[0]) / 2)) < 1e-31


def test_a_ball_bounces_at_the_right_times():
    """Dropped from 1 at unit gravity, returning with half its speed: at √2, then √2 (1 + 1)."""

    @cb.flow(
        ic=(1.0, 0.0),
        reference="filippov1988",
        resets=[(lambda height: -height, lambda height, speed: (height, -speed / 2))],
    )
    def ball(height, speed):
        return speed, -1.0 + 0.0 * height

    orbit = TaylorOrbit(ball, np.array(ball.ic))
    found = orbit.sample_exactly(5, 0.5)  # it lands at 1.41421 and would again at 2.82843
    assert orbit.events == 1
    with localcontext(prec=50):
        root = Decimal(2).sqrt()
        since = Decimal(2) - root
        height, speed = exactly(found, 4)
        assert abs(speed - (root / 2 - since)) < Decimal("1e-29")
        assert abs(height - (root / 2 * since - since**2 / 2)) < Decimal("1e-29")


def test_it_slides_and_is_let_go_at_the_right_times():
    """x' = t - 2 sign(x) from 1: on the surface from 2 - √2 to 2, then x = (t - 2)²/2."""

    @cb.flow(ic=(1.0,), reference="filippov1988")
    def dragged(x, t):
        return t - 2 * ex.sign(x)

    orbit = TaylorOrbit(dragged, np.array(dragged.ic))
    found = orbit.sample_exactly(13, 0.25)
    assert orbit.events == 2
    assert np.abs(found[3:9, 0, 0]).max() < 1e-30
    for row in range(9, 13):
        (x,) = exactly(found, row)
        assert abs(x - (Decimal(row) / 4 - 2) ** 2 / 2) < Decimal("1e-28")


@pytest.mark.parametrize("name", ["chua", "sprott_more", "izhikevich", "stick_slip_oscillator"])
def test_switching_flows_are_certain_for_thirty_lyapunov_times(name):
    """A kink, a jump, a reset and a slide, in double-double at two tolerances."""
    system = cb.systems[name]
    spread, time = scale_of(system)
    runs = []
    for tolerance in (1e-30, 1e-27):
        orbit = TaylorOrbit(system, np.array(system.ic), tolerance=tolerance)
        runs.append(orbit.sample(301, (time or 1.0) / 10))
        assert orbit.events > 5
    assert np.abs((runs[1] - runs[0]) / spread).max() < 1e-9


def test_a_removable_singularity_is_an_error_and_not_a_wrong_answer():
    system = cb.systems["excitable_cell"]
    with pytest.raises(IntegrationError):
        TaylorOrbit(system, np.array(system.ic)).sample(2, 10.0)


def test_a_switch_is_not_leapt_over():
    """The tanh is constant to all digits until just before the switch."""
    system = cb.systems["blinking_rotlet"]
    ic = np.array(system.ic)
    whole = TaylorOrbit(system, ic).sample(2, 6.0)[1]
    orbit = orbit_of(system, ic, rtol=1e-13)
    for _ in range(600):
        orbit.advance(0.01)
    np.testing.assert_allclose(whole, orbit.state, atol=1e-8)


def heyoka_lorenz(system, ic, grid, **settings):
    x, y, z = hy.make_vars("x", "y", "z")
    p = system.parameters
    field = [
        (x, p["sigma"] * (y - x)), (y, x * (p["rho"] - z) - y), (z, x * y - p["beta"] * z),
    ]  # fmt: skip
    return np.array(hy.taylor_adaptive(field, list(ic), **settings).propagate_grid(grid)[-1])


def test_lorenz_is_heyokas_for_twenty_lyapunov_times():
    system = cb.systems["lorenz"]
    ic = np.array(system.ic)
    grid = np.linspace(0.0, 22.0, 441)
    theirs = heyoka_lorenz(system, ic, grid)
    double = TaylorOrbit(system, ic, tolerance=1e-16, double_double=False).sample(441, 0.05)
    truth = TaylorOrbit(system, ic).sample(441, 0.05)
    theirs, double = (np.abs(v - truth).max(axis=1) for v in (theirs, double))
    # errors of 1e-16 grow by e^20 = 5e8
    assert theirs.max() < 1e-4
    assert double.max() < 1e-4


def test_lorenz_is_certain_for_fifty_lyapunov_times():
    """Two tolerances in double-double still agree to a millionth; in double they do not."""
    system = cb.systems["lorenz"]
    spread, time = scale_of(system)
    runs = [
        TaylorOrbit(system, np.array(system.ic), tolerance=tolerance).sample(501, time / 10)
        for tolerance in (1e-30, 1e-27)
    ]
    assert np.abs((runs[1] - runs[0]) / spread).max() < 1e-6
    plain = TaylorOrbit(system, np.array(system.ic), double_double=False).sample(501, time / 10)
    assert np.abs((plain - runs[0]) / spread).max() > 1.0


# ---------------------------------------------------------------- extrapolation


def test_extrapolation_has_order_twelve():
    from chaosbench.numerics.extrapolation import COLUMNS, step

    d = 2
    errors = []
    for h in (1.0, 0.5):
        y = np.array([1.0, 0.0])
        slope, a, b, k = (np.empty((1, d)) for _ in range(4))
        table = np.empty((COLUMNS, d))
        slope[0] = oscillator.rhs(0.0, y)
        step(oscillator.kernel.address, 0.0, y, h, slope, table, a, b, k, 1e-9, 1e-9)
        errors.append(abs(table[-1, 0] - math.cos(h)) + abs(table[-1, 1] + math.sin(h)))
    assert 2 ** (2 * COLUMNS) < errors[0] / errors[1] < 2 ** (2 * COLUMNS + 2.5)


def test_extrapolation_keeps_its_tolerance():
    system = cb.systems["lorenz"]
    spread, time = scale_of(system)
    exact = TaylorOrbit(system, np.array(system.ic)).sample(41, time / 10)
    errors = [
        np.abs((ExtrapolatedOrbit(system, np.array(system.ic), rtol=rtol).sample(41, time / 10)
                - exact) / spread).max()
        for rtol in (1e-10, 1e-12, 1e-14)
    ]  # fmt: skip
    # four Lyapunov times multiply errors by fifty; two more digits of tolerance gain at least one
    assert errors[2] < 1e-10
    assert errors[2] < 0.1 * errors[1] < 0.01 * errors[0]


def test_extrapolation_refuses_what_switches():
    system = cb.systems["chua"]
    with pytest.raises(InputError, match="smooth flows"):
        ExtrapolatedOrbit(system, np.array(system.ic)).sample(2, 0.1)


def test_extrapolation_stops_where_the_solution_does():
    @cb.flow(ic=(1.0,), reference="hairer1993")
    def explosion(x):
        return x * x

    with pytest.raises(TrajectoryEscapedError, match="escaped after 1 "):
        ExtrapolatedOrbit(explosion, np.array([1.0])).sample(3, 1.0)
    with pytest.raises(TrajectoryEscapedError, match="escaped after 1 "):
        TaylorOrbit(explosion, np.array([1.0])).sample(3, 1.0)
