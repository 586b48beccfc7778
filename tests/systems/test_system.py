from __future__ import annotations

import copy
import pickle
import threading
from dataclasses import replace

import numpy as np
import pytest

from chaosbench.errors import DefinitionError, InputError, ParameterError, UnknownNameError
from chaosbench.expressions import absolute, floor, maximum, mod, sign, sin, where
from chaosbench.systems import delay, flow, get, registry
from chaosbench.systems import map as define_map
from chaosbench.testing import check_system


@flow(ic=(1.0,), reference="none")
def own_lorenz(x, *, a=1.0):
    """Decay, from a module that another process can import."""
    return -a * x


@pytest.fixture
def lorenz():
    return registry["lorenz"]


class TestDefinition:
    def test_the_signature_is_the_schema(self):
        @flow(ic=(1.0, 2.0), reference="nobody2000", tags={"toy"}, aliases=("Toy",))
        def toy(x, v, t, *, k=3.0, force=0.5):
            """A spring that is shaken. And more to say."""
            return v, -k * x + force * sin(t)

        assert (toy.name, toy.kind, toy.dimension) == ("toy", "flow", 2)
        assert toy.variables == ("x", "v")
        assert dict(toy.parameters) == {"k": 3.0, "force": 0.5}
        assert toy.driven
        assert toy.tags == {"toy", "driven"}
        assert toy.description == "A spring that is shaken. And more to say."
        assert toy.rhs(2.0, [1.0, 5.0]).tolist() == pytest.approx([5.0, -3 + 0.5 * np.sin(2.0)])
        assert repr(toy) == "<flow toy(x, v; k=3, force=0.5)>"

    def test_time_may_be_an_array(self):
        system = registry["duffing"]
        times = np.array([0.0, 1.0, 2.0])
        out = system.rhs(times, np.zeros((3, 2)))
        np.testing.assert_allclose(out[:, 1], 0.35 * np.cos(1.4 * times), rtol=1e-15)

    def test_delayed_arguments(self):
        @delay(ic=(1.0, 2.0), reference="none")
        def both(x, y, y_tau, x_lag, *, tau=2.0, lag=3.0):
            return y_tau - x, x_lag * y

        assert [(d.name, d.source, d.lag) for d in both.delays] == [
            ("y_tau", 1, 2.0),
            ("x_lag", 0, 3.0),
        ]
        assert both.rhs(0, [1.0, 2.0], [10.0, 20.0]).tolist() == [9.0, 40.0]
        assert both.jacobian(0, [1.0, 2.0], [10.0, 20.0]).tolist() == [
            [-1.0, 0.0, 1.0, 0.0],
            [0.0, 20.0, 0.0, 2.0],
        ]
        assert [d.lag for d in both.with_params(lag=7.0).delays] == [2.0, 7.0]

    def test_vectors_and_scalars_mix(self):
        @flow(ic=(1.0, 2.0, 3.0, 4.0), reference="none", dim={"u": 2, "v": 1})
        def mixed(u, w, v):
            return u * w, w, -v

        assert mixed.variables == ("u0", "u1", "w", "v0")
        assert mixed.rhs(0, [1.0, 2.0, 3.0, 4.0]).tolist() == [3.0, 6.0, 3.0, -4.0]

    @pytest.mark.parametrize(
        ("build", "message"),
        [
            (lambda: flow(ic=(1.0,), reference="n")(lambda x, y: (x, y)), "must be 2 finite"),
            (lambda: flow(ic=(np.nan,), reference="n")(lambda x: x), "finite numbers"),
            (lambda: flow(ic=(1.0,), reference="n")(lambda x, a=1.0: x), "keyword-only"),
            (lambda: flow(ic=(1.0,), reference="n")(lambda x, *, a: x), "keyword-only"),
            (lambda: flow(ic=(1.0,), reference="n")(lambda *x: x), "positional"),
            (lambda: flow(ic=(1.0,), reference="n")(lambda x, *, a=np.inf: x), "not finite"),
            (lambda: flow(ic=(1.0,), reference="n")(lambda x, *, a="1": x), "a number, not '1'"),
            (lambda: flow(ic=(1.0,), reference="n")(lambda x, *, a=True: x), "a number, not True"),
            (lambda: flow(ic=(1.0,), reference="n")(lambda x, *, a=10**400: x), "not 10000"),
            (lambda: delay(ic=(1.0,), reference="n")(lambda x, *, tau=1.0: x), "no delayed"),
        ],
    )
    def test_bad_definitions(self, build, message):
        with pytest.raises(DefinitionError, match=message):
            build()

    @pytest.mark.parametrize(
        ("body", "declared", "derived"),
        [
            (lambda x: absolute(x), set(), {"kinked"}),
            (lambda x: maximum(x, 0.0), set(), {"kinked"}),
            (lambda x: sign(x), set(), {"discontinuous"}),
            (lambda x: floor(x) + abs(x), set(), {"discontinuous"}),
            (lambda x: mod(x, 2.0), set(), {"discontinuous"}),
            (lambda x: where(x > 0, x, 2 * x), set(), {"discontinuous"}),
            (lambda x: where(x > 0, x, 2 * x), {"kinked"}, set()),
            (lambda x: where(x > 0, x, x + 0), {"smooth"}, set()),
            (lambda x: sin(x) * x**2, set(), set()),
        ],
    )
    def test_tags_follow_from_the_equation(self, body, declared, derived):
        @define_map(ic=(1.0,), reference="none", tags=declared)
        def system(x):
            return body(x)

        assert system.tags == declared | derived | {"autonomous"}

    def test_tags_of_the_catalogue(self):
        assert "kinked" in registry["chua"].tags
        assert "kinked" in registry["belousov_zhabotinsky"].tags
        assert "driven" in registry["duffing"].tags
        assert "autonomous" in registry["lorenz"].tags


class TestVariants:
    def test_with_params(self, lorenz):
        other = lorenz.with_params(beta=2.667, rho=30)
        assert dict(other.parameters) == {"sigma": 10.0, "rho": 30, "beta": 2.667}
        assert other != lorenz
        assert other.fingerprint != lorenz.fingerprint
        assert lorenz.parameters["rho"] == 28.0
        assert other.with_params(beta=8 / 3, rho=28.0) == lorenz
        assert hash(other.with_params(beta=8 / 3, rho=28.0)) == hash(lorenz)

    def test_an_unknown_parameter_suggests(self, lorenz):
        with pytest.raises(ParameterError, match="no parameter 'simga'; did you mean 'sigma'"):
            lorenz.with_params(simga=1.0)
        with pytest.raises(ParameterError, match="expected one of: beta, rho, sigma"):
            lorenz.with_params(q=1.0)
        with pytest.raises(ParameterError, match="it has none"):
            registry["sprott_b"].with_params(a=1.0)

    @pytest.mark.parametrize(
        "value", [np.nan, np.inf, -np.inf, "28", None, [1.0], 1j, 10**400, True], ids=repr
    )
    def test_a_parameter_is_a_finite_number(self, lorenz, value):
        with pytest.raises(ParameterError, match="must be a finite number"):
            lorenz.with_params(rho=value)

    def test_with_ic(self, lorenz):
        other = lorenz.with_ic([1, 2, 3])
        assert other.ic == (1.0, 2.0, 3.0)
        assert other != lorenz

    @pytest.mark.parametrize(
        "ic",
        [
            [1, 2], [1, 2, np.nan], "abc", 1.0, [[1, 2, 3]], None, [1, 2, 3j], ["1", "2", "3"],
            np.ma.array([1.0, 2.0, 3.0], mask=[0, 0, 1]),
        ],
    )  # fmt: skip
    def test_a_bad_initial_state(self, lorenz, ic):
        with pytest.raises(InputError, match="3 finite numbers"):
            lorenz.with_ic(ic)

    def test_with_dimension(self):
        system = registry["lorenz96"]
        small = system.with_dimension(5)
        assert small.dimension == len(small.ic) == len(small.variables) == 5
        assert small != system
        u = np.arange(5.0)
        expected = [(u[(i + 1) % 5] - u[i - 2]) * u[i - 1] - u[i] + 8 for i in range(5)]
        np.testing.assert_allclose(small.rhs(0, u), expected, rtol=1e-15)
        assert small.with_dimension(40) == system
        back = pickle.loads(pickle.dumps(small.with_params(F=9.0)))
        assert back == small.with_params(F=9.0)

    @pytest.mark.parametrize(("name", "d"), [("lorenz", 4), ("lorenz96", 3), ("lorenz96", 4.5)])
    def test_a_dimension_that_cannot_be(self, name, d):
        with pytest.raises(DefinitionError, match="dimension"):
            registry[name].with_dimension(d)

    def test_is_frozen(self, lorenz):
        with pytest.raises(AttributeError):
            lorenz.name = "other"
        with pytest.raises(TypeError):
            lorenz.parameters["rho"] = 1.0

    def test_equality_is_of_name_and_fingerprint(self, lorenz):
        @flow(ic=lorenz.ic, reference="none", name="lorenz", dissipative=True)
        def same(x, y, z, *, sigma=10.0, rho=28.0, beta=8 / 3):
            return sigma * (y - x), x * (rho - z) - y, x * y - beta * z

        @flow(ic=lorenz.ic, reference="none", name="lorenz", dissipative=True)
        def changed(x, y, z, *, sigma=10.0, rho=28.0, beta=8 / 3):
            return sigma * (y - x), x * (rho - z) + y, x * y - beta * z

        assert same == lorenz
        assert changed != lorenz
        assert lorenz != "lorenz"

    def test_copies_are_the_system_itself(self):
        """This does not depend on what the registry holds under its name."""

        @flow(ic=(1.0, 2.0, 3.0), reference="none", name="lorenz")
        def mine(x, y, z):
            return -x, -y, -z

        for system in (mine, registry["henon"].backwards):
            assert copy.copy(system) is system
            assert copy.deepcopy([system])[0] is system

    def test_a_pickle_is_the_system_of_its_module(self):
        moved = own_lorenz.with_params(a=2.0).with_ic([3.0])
        assert pickle.loads(pickle.dumps(moved)) == moved
        assert pickle.loads(pickle.dumps(own_lorenz)) == own_lorenz
        assert own_lorenz != registry["lorenz"]

    def test_a_pickled_inverse_stays_one(self):
        backwards = registry["henon"].backwards
        again = pickle.loads(pickle.dumps(backwards))
        assert again == backwards
        assert again != registry["henon"]
        assert again.backwards == registry["henon"]
        states = np.array([[0.1, 0.2], [0.9, -0.3]])
        there = registry["henon"].rhs(0, states)
        np.testing.assert_allclose(again.rhs(0, there), states, atol=1e-15)

    def test_a_system_that_no_other_process_finds_is_not_pickled(self):
        @flow(ic=(1.0,), reference="none")
        def local(x):
            return -x

        with pytest.raises(InputError, match="'local' cannot be sent to another process"):
            pickle.dumps(local)
        # another system is found under the name of the function
        with pytest.raises(InputError, match="what is found there is <flow own_lorenz"):
            pickle.dumps(replace(own_lorenz, name="impostor"))

    def test_the_dimension_varies_by_the_system_not_by_its_name(self):
        @flow(ic=lambda d: [5.0] * d, reference="none", name="lorenz96", dim=6)
        def ring(u):
            return -u

        assert ring.with_dimension(4).ic == (5.0,) * 4
        assert registry["lorenz96"].with_dimension(5).ic != (5.0,) * 5


class TestTraits:
    """Fields that change what is computed are in the fingerprint; tags are not."""

    def make(self, **traits):
        return flow(ic=(1.0,), reference="none", name="own_lorenz", **traits)(own_lorenz.function)

    @pytest.mark.parametrize(
        "traits",
        [
            {"dissipative": True},
            {"transient": True},
            {"unbounded": True},
            {"angles": {"x": 6.0}},
            {"angles": {"x": 6.5}},
            {"angles": {"x": lambda a: 6.0 + a}},
        ],
        ids=["dissipative", "transient", "unbounded", "angle", "another period", "a function"],
    )
    def test_change_the_fingerprint(self, traits):
        plain = self.make()
        made = self.make(**traits)
        assert made.fingerprint != plain.fingerprint
        assert made.fingerprint_of(1) == plain.fingerprint_of(1)
        assert made != plain
        assert made.tags - plain.tags == {"unbounded" if "angles" in traits else next(iter(traits))}

    def test_words_do_not(self):
        assert self.make(tags={"toy", "circuit"}).fingerprint == self.make().fingerprint

    @pytest.mark.parametrize("tag", ["dissipative", "transient", "unbounded"])
    def test_are_no_mere_tags(self, tag):
        with pytest.raises(DefinitionError, match=f"write {tag}=True"):
            self.make(tags={tag})

    @pytest.mark.parametrize("trait", ["dissipative", "transient", "unbounded"])
    @pytest.mark.parametrize("value", [("x",), "no", None])
    def test_is_true_or_false(self, trait, value):
        with pytest.raises(DefinitionError, match=f"{trait} of 'own_lorenz' must be True or False"):
            self.make(**{trait: value})

    @pytest.mark.parametrize("name", ["../x", "a/b", "a b", "a.b", "x" * 65, "a\0", 3])
    def test_a_name_can_be_part_of_a_path(self, name):
        with pytest.raises(DefinitionError, match="at most 64 letters, digits and _"):
            flow(ic=(1.0,), reference="none", name=name)(own_lorenz.function)

    def test_an_angle_is_an_argument(self):
        with pytest.raises(DefinitionError, match="the angle 'phi' of 'own_lorenz' is not one"):
            self.make(angles={"phi": 1.0})

    def test_periods(self):
        assert registry["kuramoto"].periods == (2 * np.pi,) * 10
        assert registry["oscillating_flow"].with_params(k=2.0).periods == (np.pi, None)
        assert registry["kuramoto_sivashinsky"].periods == (None,) * 64
        assert [registry[n].stationary for n in ("kuramoto", "hopalong", "lorenz")] == [0, 0, 1]

    def test_an_angle_that_does_not_turn_is_found(self):
        @flow(ic=(0.3,), reference="none", angles={"theta": 3.0})
        def skewed(theta):
            """A phase with another period than it says."""
            return 1.0 + 0.5 * sin(theta)

        with pytest.raises(AssertionError, match="when theta turns by 3"):
            check_system(skewed)


class TestArguments:
    @pytest.mark.parametrize(
        ("t", "u", "message"),
        [
            (0, [1.0, 2.0], r"shape \(3,\) or \(n, 3\), not \(2,\)"),
            (0, 1.0, "not ()"),
            (0, np.zeros((2, 2, 3)), "not"),
            (np.zeros(2), np.zeros((4, 3)), r"the time of 4 states"),
            (0, ["a", "b", "c"], "must be arrays of numbers"),
            ("noon", [1.0, 2.0, 3.0], "must be arrays of numbers"),
            (0, [1.0, 2.0, 3j], "must be arrays of numbers, real ones"),
        ],
    )
    def test_of_the_wrong_shape(self, lorenz, t, u, message):
        with pytest.raises(InputError, match=message):
            lorenz.rhs(t, u)
        with pytest.raises(InputError, match=message):
            lorenz.jacobian(t, u)

    def test_of_a_delay_system(self, lorenz):
        system = registry["mackey_glass"]
        with pytest.raises(InputError, match="needs the values of x_tau"):
            system.rhs(0, [1.0])
        with pytest.raises(InputError, match="delayed values"):
            system.rhs(0, [[1.0], [2.0]], [[1.0], [2.0], [3.0]])
        with pytest.raises(InputError, match="takes no delayed values"):
            lorenz.rhs(0, [1.0, 2.0, 3.0], [1.0])

    def test_no_states_give_no_slopes(self, lorenz):
        assert lorenz.rhs(0, np.empty((0, 3))).shape == (0, 3)
        assert lorenz.jacobian(0, np.empty((0, 3))).shape == (0, 3, 3)

    def test_the_arguments_stay_as_they_were(self, lorenz):
        states = np.random.default_rng(0).normal(size=(4, 3))
        states.setflags(write=False)
        before = states.copy()
        assert lorenz.rhs(0, states[:, ::-1]).shape == (4, 3)
        assert np.array_equal(states, before)


def test_get_takes_names_and_systems(lorenz):
    assert get("Lorenz") is lorenz
    assert get(lorenz) is lorenz
    with pytest.raises(UnknownNameError, match="did you mean 'lorenz'"):
        get("lorentz")


def test_threads_share_a_fresh_system(lorenz):
    system = lorenz.with_params(rho=27.5)
    results = []

    def work():
        results.append(system.rhs(0, [1.0, 2.0, 3.0]).tolist())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[10.0, 22.5, 2 - 8.0]] * 8
