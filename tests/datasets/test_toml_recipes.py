"""Recipes in TOML, ensembles with other parameters, skew products, boxes, precision, splits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chaosbench as cb
from chaosbench.datasets import Dataset, from_toml, generate, read_toml, recipe_of, to_toml
from chaosbench.datasets._members import _verdict, member_of
from chaosbench.datasets.corruptions import Coloured, Gaussian, Partial, RegimeSwitch
from chaosbench.dynamics.quick_gate import quick_gate
from chaosbench.dynamics.scales import Scales
from chaosbench.dynamics.stored import constants
from chaosbench.errors import InputError, ParameterError, UnknownNameError

SMALL = Dataset(
    systems=("lorenz",), train_points=60, train_trajectories=3, windows=2, context=10,
    horizon_lyapunov=0.3, validation_trajectories=2,
)  # fmt: skip


@given(
    points=st.integers(2, 10**6),
    seed=st.integers(0, 2**63),
    rate=st.floats(1e-3, 1e3),
    noise=st.floats(0, 10),
    stream=st.text(max_size=20),
    transient=st.none() | st.floats(0, 100),
    precision=st.sampled_from(["float64", "float32"]),
    certify=st.booleans(),
    shift=st.sampled_from([(), (("rho", 32.0), ("beta", 1 / 3))]),
    corruptions=st.lists(
        st.sampled_from([Gaussian(0.1), Coloured(0.2, 1 / 3), Partial(("x",))]),
        max_size=2,
    ),
    first=st.sampled_from([(), (RegimeSwitch({"rho": 40.0}),)]),
)
@settings(max_examples=25, deadline=None, derandomize=True)
def test_a_recipe_comes_back_from_toml(points, corruptions, first, **more):
    recipe = Dataset(
        systems=("lorenz",), train_points=points, corruptions=(*first, *corruptions), **more
    )
    back = from_toml(to_toml(recipe))
    assert back == recipe
    assert back.hash == recipe.hash


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("systems = ['lorenz'", "not TOML"),
        ("train_points = 10", "a recipe needs systems"),
        ("systems = ['lorenz']\ntrain_point = 10", "did you mean 'train_points'"),
        ("systems = 'lorenz'", "tuple of names"),
        ("systems = ['lorenz']\ncorruptions = 'noise'", "are tables"),
        ("systems = ['lorenz']\ncorruptions = ['noise']", "are tables"),
        ("systems = ['lorenz']\nshift = 3", "wrong type"),
        ("systems = ['lorenz']\nprecision = 'float16'", "float64 or float32"),
    ],
)
def test_a_text_that_is_no_recipe_is_refused(text, words):
    with pytest.raises(InputError, match=words):
        from_toml(text)


def test_a_file_is_named(tmp_path):
    place = tmp_path / "mine.toml"
    with pytest.raises(InputError, match=r"mine\.toml cannot be read"):
        read_toml(place)
    place.write_text("systems = ['lorentz']")
    with pytest.raises(InputError, match=r"mine\.toml is no recipe.*did you mean 'lorenz'"):
        read_toml(place)
    place.write_text("systems = ['lorenz']\ntrain_points = 30")
    assert read_toml(place, seed=4) == Dataset(systems=("lorenz",), train_points=30, seed=4)


def test_a_stored_dataset_gives_its_recipe_back(tmp_path):
    recipe = dataclasses.replace(SMALL, corruptions=(Gaussian(0.1),), shift=(("rho", 30.0),))
    assert recipe_of(generate(recipe, tmp_path / "data")) == recipe


class TestSplits:
    def test_no_sample_of_one_is_in_another(self, tmp_path):
        stored = generate(SMALL, tmp_path / "data")
        assert stored.splits("lorenz") == ["train", "test", "validation"]
        rows = np.concatenate(
            [stored.load("lorenz", s).values.reshape(-1, 3) for s in stored.splits("lorenz")]
        )
        assert len(np.unique(rows, axis=0)) == len(rows)
        starts = np.concatenate(
            [stored.load("lorenz", s).values[:, 0] for s in stored.splits("lorenz")]
        )
        gaps = np.abs(starts[:, None] - starts[None]).max(axis=2)
        assert gaps[~np.eye(len(starts), dtype=bool)].min() > 1e-3

    def test_the_truth_is_kept_beside(self, tmp_path):
        clean = generate(SMALL, tmp_path / "clean")
        noisy = generate(dataclasses.replace(SMALL, corruptions=(Gaussian(0.1),)), tmp_path / "n")
        for split in ("train", "validation"):
            truth = noisy.load("lorenz", f"{split}_clean")
            assert np.array_equal(truth.values, clean.load("lorenz", split).values)
            off = (noisy.load("lorenz", split).values - truth.values) / constants("lorenz").std
            assert off.std() == pytest.approx(0.1, rel=0.2)
            assert noisy.load("lorenz", split).certified_until is None
            assert truth.certified_until is not None


def test_float32_is_the_nearest_of_the_doubles(tmp_path):
    doubles = generate(SMALL, tmp_path / "64")
    floats = generate(dataclasses.replace(SMALL, precision="float32"), tmp_path / "32")
    for split in doubles.splits("lorenz"):
        ours, theirs = floats.load("lorenz", split), doubles.load("lorenz", split)
        assert np.array_equal(ours.values, theirs.values.astype(np.float32).astype(np.float64))
    schema = pq.read_schema(floats.directory / floats.entries("lorenz", "train")[0][0])
    assert [str(schema.field(n).type) for n in ("time", "x")] == ["double", "float"]


def test_trajectories_start_in_the_box(tmp_path):
    recipe = dataclasses.replace(SMALL, box=2.0, train_trajectories=30, windows=0)
    starts = generate(recipe, tmp_path / "data").load("lorenz", "train").values[:, 0]
    known = constants("lorenz")
    share = (starts - known.mean) / np.array(known.std) / 2.0
    assert np.abs(share).max() <= 1.0
    # 90 uniform numbers: mean 0 ± 0.06, standard deviation 0.577 ± 0.03
    assert abs(share.mean()) < 0.25
    assert share.std() == pytest.approx(1 / np.sqrt(3), abs=0.12)


def test_a_start_that_escapes_is_drawn_again(tmp_path):
    recipe = Dataset(systems=("henon",), train_points=50, train_trajectories=10, windows=0, box=3.0)
    made = generate(recipe, tmp_path / "data").load("henon", "train")
    assert np.isfinite(made.values).all()
    with pytest.raises(ParameterError, match="choose a smaller box"):
        generate(dataclasses.replace(recipe, box=100.0), tmp_path / "far")


def test_the_transient_is_what_is_asked_for(tmp_path):
    recipe = dataclasses.replace(SMALL, transient=3.0)
    made = generate(recipe, tmp_path / "data").load("lorenz", "train")
    assert np.allclose(made.start_times, 3.0 * constants("lorenz").period)


class TestPerturbed:
    RECIPE = dataclasses.replace(SMALL, perturb=0.1, windows=0, validation_trajectories=0)

    def test_every_trajectory_has_parameters_of_its_own(self, tmp_path):
        stored = generate(self.RECIPE, tmp_path / "data")
        _, entry = stored.entry("lorenz", "train")
        told = entry["parameters"]
        usual = cb.systems["lorenz"].parameters
        assert len(told) == 3
        assert len({p["rho"] for p in told}) == 3
        for k, parameters in enumerate(told):
            for name, value in parameters.items():
                assert abs(value / usual[name] - 1) <= 0.1
            assert parameters == dict(
                member_of(self.RECIPE, "lorenz", "train", k).system.parameters
            )
        made = stored.load("lorenz", "train")
        for k in range(3):
            system = cb.systems["lorenz"].with_params(**told[k])
            next_ = cb.simulate(system, ic=made.values[k, 5], points=2, dt=made.dt, rtol=1e-12)
            assert np.allclose(next_.values[0, 1], made.values[k, 6], atol=1e-8)

    def test_what_is_not_chaotic_is_refused(self):
        known = constants("lorenz")
        still = Scales(cb.systems["lorenz"].with_params(rho=15.0), given_period=known.period)
        facts = {"mean": np.array(known.mean), "spread": np.array(known.std)}
        assert "not chaotic at rtol 1e-06" in quick_gate(still, **facts)
        other = Scales(cb.systems["lorenz"].with_params(rho=30.0), given_period=known.period)
        assert quick_gate(other, **facts) == ""
        assert "not bounded" in quick_gate(other, mean=facts["mean"], spread=facts["spread"] / 100)


class TestSkewProducts:
    def test_the_driver_does_not_feel_the_response(self):
        system = Dataset(systems=("rossler_drives_lorenz",)).system("rossler_drives_lorenz")
        u = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        slopes = system.rhs(0.0, u)
        assert np.allclose(slopes[:3], cb.systems["rossler"].rhs(0.0, u[:3]), rtol=1e-13)
        assert not np.allclose(slopes[3:], cb.systems["lorenz"].rhs(0.0, u[3:]))
        free = Dataset(systems=("rossler_drives_lorenz",), coupling=0.0)
        slopes = free.system("rossler_drives_lorenz").rhs(0.0, u)
        assert np.allclose(slopes[3:], cb.systems["lorenz"].rhs(0.0, u[3:]), rtol=1e-13)
        assert np.allclose(system.jacobian(0.0, u)[:3, 3:], 0.0)

    def test_the_coupling_has_the_units_of_the_response(self):
        system = Dataset(systems=("rossler_drives_lorenz",), coupling=1.0).system(
            "rossler_drives_lorenz"
        )
        x, y = constants("rossler"), constants("lorenz")
        u = np.array([*x.mean, 1.0, 1.0, 1.0])
        moved = u + np.array([x.std[0], 0, 0, 0, 0, 0])
        push = system.rhs(0.0, moved)[3] - system.rhs(0.0, u)[3]
        assert push == pytest.approx(y.std[0] / y.period, rel=1e-9)

    def test_one_is_a_dataset_like_any_other(self, tmp_path):
        recipe = dataclasses.replace(SMALL, systems=("rossler_drives_lorenz", "lorenz"))
        stored = generate(recipe, tmp_path / "data")
        made = stored.load("rossler_drives_lorenz", "train")
        assert made.variables[:1] + made.variables[-1:] == ("driver_x", "response_z")
        assert made.dt == min(Dataset(systems=(n,)).pace(n).dt for n in ("rossler", "lorenz"))
        assert from_toml(to_toml(recipe)).hash == recipe.hash

    def test_one_that_escapes_is_refused(self):
        strong = Dataset(systems=("lorenz_drives_rossler",), coupling=1.0)
        system = strong.system("lorenz_drives_rossler")
        assert "escaped" in _verdict(strong, "lorenz_drives_rossler", system.fingerprint)
        with pytest.raises(ParameterError, match="choose another coupling"):
            member_of(strong, "lorenz_drives_rossler", "train", 0)

    @pytest.mark.parametrize("name", ["henon_drives_lorenz", "lorenz_drives_duffing"])
    def test_what_cannot_be_a_part_is_refused(self, name):
        with pytest.raises(ParameterError, match="cannot be part of a skew product"):
            Dataset(systems=(name,)).hash  # noqa: B018

    def test_an_unknown_part_suggests(self):
        with pytest.raises(UnknownNameError, match="no system named 'lorentz_drives_lorenz'"):
            Dataset(systems=("lorentz_drives_lorenz",))


class TestLanes:
    RECIPE = Dataset(
        systems=("lorenz",), train_points=300, train_trajectories=9, windows=0,
        integrator="taylor-lanes", rtol=1e-11,
    )  # fmt: skip

    def test_give_the_same_trajectories(self, tmp_path):
        fast = generate(self.RECIPE, tmp_path / "fast").load("lorenz", "train")
        usual = dataclasses.replace(self.RECIPE, integrator="auto", transient=1.0)
        short = dataclasses.replace(self.RECIPE, transient=1.0)
        ours, theirs = (
            generate(r, tmp_path / k).load("lorenz", "train")
            for k, r in (("a", short), ("b", usual))
        )
        assert np.allclose(ours.values, theirs.values, atol=1e-3)  # after 10 Lyapunov times
        assert np.allclose(ours.values[:, :60], theirs.values[:, :60], atol=1e-7)
        assert np.allclose(fast.certified_until, 299 * fast.dt)

    @pytest.mark.parametrize(
        "change",
        [{"exact": True}, {"perturb": 0.1}, {"train_points": 2**18}, {"systems": ("henon",)}],
    )
    def test_what_they_cannot_make_is_refused(self, change):
        with pytest.raises(ParameterError, match="taylor-lanes"):
            dataclasses.replace(self.RECIPE, **change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"transient": -1.0}, "transient must lie"),
        ({"box": -1.0}, "box must lie"),
        ({"perturb": 0.9}, "perturb must lie"),
        ({"integrator": "euler"}, "integrator must be auto or taylor-lanes"),
        ({"validation_trajectories": -1}, "validation_trajectories must be an integer"),
        ({"certify": 1}, "certify must be True or False"),
        ({"corruptions": Gaussian(0.1)}, "corruptions is a tuple"),
        ({"perturb": 0.1, "shift": (("rho", 30.0),)}, "not both"),
    ],
)
def test_bad_settings(change, words):
    with pytest.raises(ParameterError, match=words):
        dataclasses.replace(SMALL, **change)


@pytest.mark.parametrize("text", ["x = " + "[" * 100_000, ".".join(["a"] * 100_000) + " = 1"])
def test_a_recipe_that_nests_without_end_is_one_sentence(text):
    with pytest.raises(InputError, match="this is not TOML"):
        from_toml(text)
