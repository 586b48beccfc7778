"""For how long a trajectory is the solution: certificates against theory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import chaosbench as cb
from chaosbench.dynamics.attractor import attractor_orbit
from chaosbench.dynamics.certify import AGREEMENT, certified_until
from chaosbench.dynamics.orbits import Orbit, TaylorOrbit, orbit_of
from chaosbench.dynamics.scales import Scales, scales_of
from chaosbench.errors import InputError, ParameterError

LORENZ = cb.systems["lorenz"]
SPREAD = np.array(cb.constants("lorenz").std)
TIME = cb.constants("lorenz").lyapunov_time
DT = TIME / 20


def lorenz(points, rtol=1e-12, seed=0):
    orbit = attractor_orbit(scales_of(LORENZ), key=(seed,), rtol=1e-12)
    again = orbit_of(LORENZ, orbit.state, rtol=rtol)
    return again.sample(points, DT)


def test_the_certified_time_is_what_error_growth_allows():
    """Errors of ε per Lyapunov time reach 10⁻⁶ after ln(10⁻⁶/ε)/λ, with some scatter."""
    times = {}
    for rtol in (1e-8, 1e-10, 1e-12):
        found, expected = [], []
        for seed in range(6):
            values = lorenz(400, rtol, seed)
            certificate = certified_until(LORENZ, values, DT, rtol=rtol)
            found.append(certificate.until / TIME)
            # the error of the first Lyapunov time, measured against an exact solution
            clean = TaylorOrbit(LORENZ, values[0]).sample(21, DT)
            error = np.abs((values[1:21] - clean[1:]) / SPREAD).max()
            expected.append(np.log(AGREEMENT / error))
        times[rtol] = np.mean(found)
        # local exponents of Lorenz scatter by half their mean over one Lyapunov time
        assert abs(np.mean(found) - np.mean(expected)) < 3.0
    assert times[1e-8] < times[1e-10] - 2.0 < times[1e-12] - 4.0


def test_a_certificate_is_the_time_of_agreement_with_the_truth():
    values = lorenz(400)
    certificate = certified_until(LORENZ, values, DT)
    truth = TaylorOrbit(LORENZ, values[0]).sample(400, DT)
    off = np.abs((values - truth) / SPREAD).max(axis=1)
    until = round(certificate.until / DT)
    assert off[: until + 1].max() <= AGREEMENT
    assert off[until + 1] > AGREEMENT
    assert certificate.checks == ("taylor-dd", "dop853 at 1e-14")


@pytest.mark.parametrize("name", ["lorenz", "chua", "henon", "duffing", "thomas"])
def test_one_wrong_sample_is_found_at_its_time(name):
    made = cb.simulate(name, points=150, points_per_period=30, rtol=1e-12, seed=2)
    values = made.values[0].copy()
    at = 17
    values[at, 0] += 3e-6 * cb.constants(name).std[0]
    certificate = certified_until(name, values, made.dt, start_time=made.start_times[0])
    assert certificate.until == pytest.approx((at - 1) * made.dt)
    # a certificate that starts later is not affected by it
    later = certified_until(name, values, made.dt, start=at + 1, start_time=made.start_times[0])
    assert later.until > (at + 1) * made.dt


def test_a_wrong_equation_is_found_at_once():
    values = lorenz(50)
    other = LORENZ.with_params(rho=28.001)
    certificate = certified_until(other, values, DT, sigma=SPREAD)
    assert certificate.until < 2 * DT


def test_a_wrong_start_time_is_found_where_time_matters():
    made = cb.simulate("duffing", points=60, points_per_period=30, rtol=1e-12)
    start = float(made.start_times[0])
    right = certified_until("duffing", made.values[0], made.dt, start_time=start)
    wrong = certified_until("duffing", made.values[0], made.dt, start_time=start + 0.1)
    assert right.until == pytest.approx(59 * made.dt)
    assert wrong.until < 2 * made.dt


@pytest.mark.parametrize(
    ("name", "checks"),
    [
        ("chua", ("taylor-dd", "dop853-events at 1e-14")),
        ("sprott_more", ("taylor-dd", "dop853-events at 1e-14")),
        ("izhikevich", ("taylor-dd", "dop853-events at 1e-14")),
        ("excitable_cell", ("extrapolation at 1e-14", "dop853 at 1e-14")),
        ("henon", ("iteration in double-double",)),
        ("ikeda", ("iteration in double-double",)),
        ("mackey_glass", ("collocation at 1e-12", "dop853-steps at 1e-14")),
    ],
)
def test_every_kind_has_its_witnesses(name, checks):
    made = cb.simulate(name, points=120, points_per_period=30, rtol=1e-12, certify=True)
    for check in checks:
        assert check in made.provenance["certificate"]
    assert made.certified_until.shape == (1,)
    assert made.certified_until[0] >= 20 * made.dt


def test_doubles_of_a_map_last_until_rounding_has_grown():
    """The logistic map doubles errors: 2⁻⁵³ is a millionth after some 33 iterations."""
    made = cb.simulate("logistic", points=200, n=20, certify=True)
    assert cb.constants("logistic").largest_lyapunov_exponent == pytest.approx(np.log(2), rel=0.01)
    assert 26 < np.median(made.certified_until) < 40


def test_rough_maps_are_certified_too():
    rough = [n for n in cb.systems if cb.systems[n].kind == "map" and cb.systems[n].tape.rough]
    assert rough
    for name in rough:
        made = cb.simulate(name, points=40, certify=True)
        assert made.certified_until[0] >= 5


def test_a_delay_system_needs_its_past():
    made = cb.simulate("mackey_glass", points=50)
    certificate = certified_until("mackey_glass", made.values[0], made.dt)
    assert certificate.until is None
    assert "past" in certificate.reason


# ---------------------------------------------------------------- fields

KS = cb.systems["kuramoto_sivashinsky"]
KS_TIME = cb.constants("kuramoto_sivashinsky").lyapunov_time


def flame(rtol=1e-12, *, points=100, integrator="auto", seed=1):
    """Return four Lyapunov times from a state without the fast waves of loose steps."""
    start = attractor_orbit(scales_of(KS), key=(seed,), rtol=1e-12).state
    return cb.simulate(
        KS, points=points, dt=KS_TIME / 25, ic=start, rtol=rtol, integrator=integrator,
        certify=True,
    )  # fmt: skip


@pytest.mark.slow
def test_a_field_that_collocation_followed_is_certified_by_adams():
    made = flame()
    expected = "1e-06 σ: exponential-adams at 1e-15, collocation at 1e-14"
    assert made.provenance["certificate"] == expected
    assert made.certified_until[0] == pytest.approx(99 * made.dt)


def test_a_field_that_etdrk4_followed_loosely_is_certified_by_collocation():
    made = flame(1e-6)
    expected = "1e-06 σ: collocation at 1e-12, etdrk4 at 1e-08"
    assert made.provenance["certificate"] == expected
    assert made.certified_until[0] < KS_TIME


@pytest.mark.slow
def test_a_field_is_certified_the_longer_the_tighter_it_was_integrated():
    start = attractor_orbit(scales_of(KS), key=(3,), rtol=1e-12).state
    dt, times = KS_TIME / 25, []
    for rtol in (1e-5, 1e-7, 1e-9):
        values = orbit_of(KS, start, rtol=rtol, integrator="etdrk4").sample(60, dt)
        certificate = certified_until(KS, values, dt, rtol=rtol)
        # compare with a solution that none of the checks computed
        truth = orbit_of(KS, start, rtol=1e-14, integrator="collocation").sample(60, dt)
        off = np.abs(values - truth).max(axis=1) / np.array(cb.constants(KS.name).std).min()
        assert off[: round(certificate.until / dt) + 1].max() < 3 * AGREEMENT
        times.append(certificate.until / KS_TIME)
    assert times == sorted(times)
    assert times[-1] > 5 * times[0]


@pytest.mark.parametrize("name", ["kuramoto_sivashinsky", "complex_ginzburg_landau"])
def test_one_wrong_sample_of_a_field_is_found_at_its_time(name):
    made = cb.simulate(name, points=40, points_per_lyapunov=20, rtol=1e-12, seed=2)
    values = made.values[0].copy()
    values[17, 5] += 3e-6 * cb.constants(name).std[5]
    certificate = certified_until(name, values, made.dt, rtol=1e-12)
    assert certificate.until == pytest.approx(16 * made.dt)
    later = certified_until(name, values, made.dt, start=18, rtol=1e-12)
    assert later.until == pytest.approx(21 * made.dt)


def test_a_field_of_another_parameter_is_found_at_once():
    made = flame(points=20)
    other = KS.with_params(L=22.0001)
    spread = np.array(cb.constants(KS.name).std)
    certificate = certified_until(other, made.values[0], made.dt, rtol=1e-12, sigma=spread)
    assert certificate.until < 2 * made.dt


def test_nothing_is_integrated_beyond_the_first_failure(monkeypatch):
    from chaosbench.dynamics import certify

    start = attractor_orbit(scales_of(KS), key=(1,), rtol=1e-12).state
    values = orbit_of(KS, start, rtol=1e-12).sample(400, KS_TIME / 25)
    values[30] += 1.0
    asked = []
    sample = Orbit.sample
    monkeypatch.setattr(Orbit, "sample", lambda self, n, dt: asked.append(n) or sample(self, n, dt))
    certified_until(KS, values, KS_TIME / 25, rtol=1e-12)
    # the second check stops where the first one failed
    assert asked == [certify.CHUNK + 1, 30]


# ---------------------------------------------------------------- noise


def test_a_stochastic_system_is_certified_along_its_own_path():
    """It agrees with a sixteenth of its step for a third of a period, on average."""
    name = "stochastic_lorenz"
    period, dt = cb.constants(name).period, cb.systems[name].step
    made = cb.simulate(name, points=800, dt=dt, n=8, certify=True, transient=20.0)
    assert made.provenance["certificate"] == "1e-06 σ: ito-1.5 in 1/16 of the step"
    assert 0.05 * period < np.median(made.certified_until) < period
    finer = replace(cb.systems[name], step=dt / 8)
    longer = cb.simulate(finer, points=800, dt=dt, n=8, certify=True, transient=20.0)
    assert np.median(longer.certified_until) > 1.5 * np.median(made.certified_until)


def test_one_wrong_sample_of_a_stochastic_system_is_found():
    system = replace(cb.systems["stochastic_lorenz"], step=1e-4)
    orbit = attractor_orbit(Scales(system), key=(2,), rtol=1e-9, transient=20.0)
    known = {"start_time": orbit.time, "sigma": np.array(cb.constants("stochastic_lorenz").std)}
    memory = orbit.memory()
    values = orbit.sample(40, 1e-3)
    right = certified_until(system, values, 1e-3, **known, memory=memory)
    values[17, 0] += 1e-4
    wrong = certified_until(system, values, 1e-3, **known, memory=memory)
    assert right.until == pytest.approx(39e-3)
    assert wrong.until == pytest.approx(16e-3)
    assert "path" in certified_until(system, values, 1e-3, **known).reason


def test_tolerances_near_rounding_are_never_loosened():
    values = lorenz(30, rtol=1e-15)
    assert certified_until(LORENZ, values, DT, rtol=1e-15).checks[1] == "dop853 at 1e-15"
    assert certified_until(LORENZ, values, DT, rtol=1e-13).checks[1] == "dop853 at 3e-15"


def test_a_map_in_double_double_lasts_until_its_own_rounding_would_show():
    """From 1e-28 to 1e-6 the Hénon map takes ln(1e22)/0.419 = 121 iterations on average."""
    made = cb.simulate("henon", points=300, n=10, precision="double-double", certify=True)
    assert "from 1e-28 away" in made.provenance["certificate"]
    assert 90 < np.median(made.certified_until) < 150
    double = cb.simulate("henon", points=300, n=10, certify=True)
    assert (double.certified_until < made.certified_until).all()


def test_bad_input_is_named():
    values = lorenz(10)
    with pytest.raises(InputError, match=r"shape \(T, 3\)"):
        certified_until(LORENZ, values[:, :2], DT)
    with pytest.raises(InputError, match="one of the 10 samples"):
        certified_until(LORENZ, values, DT, start=10)


# ---------------------------------------------------------------- simulate


def test_simulate_in_double_double_starts_where_double_does_and_lasts_longer():
    settings = {"points": 700, "points_per_lyapunov": 20, "seed": 4, "certify": True}
    double = cb.simulate("lorenz", **settings)
    made = cb.simulate("lorenz", precision="double-double", **settings)
    np.testing.assert_array_equal(made.values[0, 0], double.values[0, 0])
    assert made.provenance["integrator"] == "taylor-dd"
    assert double.provenance["integrator"] == "dop853"
    assert made.certified_until[0] > 34 * TIME  # all of it
    assert double.certified_until[0] < 20 * TIME
    assert "taylor-dd at 1e-27" in made.provenance["certificate"]


@pytest.mark.parametrize("name", ["chua", "sprott_more"])
def test_flows_that_switch_last_as_long_in_double_double(name):
    time = cb.constants(name).lyapunov_time
    settings = {"points": 601, "dt": time / 20, "seed": 1, "certify": True}
    made = cb.simulate(name, precision="double-double", **settings)
    assert made.certified_until[0] == pytest.approx(30 * time)
    assert cb.simulate(name, **settings).certified_until[0] < 25 * time


def test_simulate_iterates_maps_in_double_double():
    made = cb.simulate("logistic", points=90, ic=(0.2,), precision="double-double")
    from fractions import Fraction

    r = Fraction(cb.systems["logistic"].parameters["r"])
    x = Fraction(0.2)
    for n in range(60):
        assert abs(made.values[0, n, 0] - float(x)) < 1e-12
        # 400 bits suffice for 60 doublings of the error
        x = Fraction(round(r * x * (1 - x) * 2**400), 2**400)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("mackey_glass", {"precision": "double-double"}, "delay system"),
        ("lorenz", {"precision": "quad"}, "'double' or 'double-double'"),
    ],
)
def test_double_double_is_refused_where_it_cannot_be(name, settings, message):
    with pytest.raises((InputError, ParameterError), match=message):
        cb.simulate(name, points=5, **settings)


def test_without_being_asked_nothing_is_certified():
    assert cb.simulate("lorenz", points=5).certified_until is None
