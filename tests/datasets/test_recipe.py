from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from chaosbench.datasets import Dataset
from chaosbench.datasets import _recipe as module
from chaosbench.datasets.corruptions import Gaussian
from chaosbench.dynamics.stored import constants
from chaosbench.errors import InputError, ParameterError, UnknownNameError


@pytest.fixture
def recipe() -> Dataset:
    return Dataset(systems=("lorenz", "henon"), train_points=100, windows=2, context=20)


class TestHash:
    def test_is_the_same_in_another_process(self, recipe):
        code = (
            "from chaosbench.datasets import Dataset;"
            "print(Dataset(systems=('lorenz', 'henon'), train_points=100, windows=2, "
            "context=20).hash)"
        )
        for seed in ("1", "2"):
            done = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True,
                env={"PYTHONHASHSEED": seed},
            )  # fmt: skip
            assert done.stdout.strip() == recipe.hash

    def test_fields_have_a_format_of_their_own(self, recipe):
        assert recipe.recipe()["format"] == 2
        field = dataclasses.replace(recipe, systems=("henon", "kuramoto_sivashinsky"))
        assert field.recipe()["format"] == 3

    @pytest.mark.parametrize(
        "change",
        [
            {"systems": ("lorenz",)},
            {"systems": ("henon", "lorenz")},
            {"seed": 1},
            {"train_points": 101},
            {"train_trajectories": 2},
            {"windows": 3},
            {"context": 21},
            {"horizon_lyapunov": 9.0},
            {"horizon_at_most": 2999},
            {"clock": "period"},
            {"rate": 31.0},
            {"rtol": 1e-11},
            {"noise": 0.1},
            {"missing": 0.1},
            {"shift": (("rho", 32.0),)},
            {"switch": 0.5},
            {"observed": ("x",)},
            {"observe_every": 5},
            {"stream": "another"},
            {"exact": True},
            {"bounded": True},
            {"most_per_lyapunov": 40.0},
            {"validation_trajectories": 1},
            {"transient": 5.0},
            {"box": 1.0},
            {"perturb": 0.1},
            {"coupling": 2.0},
            {"corruptions": (Gaussian(0.1),)},
            {"precision": "float32"},
            {"integrator": "taylor-lanes"},
            {"certify": False},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_depends_on_every_setting(self, recipe, change):
        if change.keys() & {"shift", "switch", "integrator"}:  # not of a map
            recipe = recipe.only("lorenz")
        if "coupling" in change:
            recipe = recipe.only("lorenz_drives_rossler")
        if "switch" in change:
            recipe = dataclasses.replace(recipe, shift=(("rho", 32.0),))
        assert dataclasses.replace(recipe, **change).hash != recipe.hash

    def test_every_setting_was_changed_above(self, recipe):
        (mark,) = self.test_depends_on_every_setting.pytestmark
        changed = {next(iter(parameter)) for parameter in mark.args[1]}
        assert changed == {field.name for field in dataclasses.fields(recipe)}

    def test_aliases_and_repetitions_are_the_same_recipe(self, recipe):
        other = dataclasses.replace(recipe, systems=("Lorenz", "henon", "lorenz"))
        assert other == recipe
        assert other.hash == recipe.hash

    def test_depends_on_the_equation(self, recipe, monkeypatch):
        before = recipe.hash
        changed = dict(module.systems.items())
        changed["lorenz"] = changed["lorenz"].with_params(rho=29.0)
        monkeypatch.setattr(module, "systems", changed)
        assert module.digest(recipe.recipe()) != before

    def test_depends_on_the_constants_that_set_the_step(self, recipe, monkeypatch):
        """Measuring a system again moves its sampling step: other bytes, so another name."""
        before = recipe.hash
        known = constants("lorenz")
        monkeypatch.setattr(
            module,
            "known_constants",
            lambda system: dataclasses.replace(known, period=known.period * 1.001),
        )
        assert module.digest(recipe.recipe()) != before

    def test_is_short_and_hexadecimal(self, recipe):
        assert len(recipe.hash) == 16
        assert int(recipe.hash, 16) >= 0


class TestPace:
    def test_the_fastest_clock(self):
        for name in ("lorenz", "belousov_zhabotinsky"):
            known = constants(name)
            pace = Dataset(systems=(name,), rate=30.0).pace(name)
            assert pace.dt == pytest.approx(min(known.period, known.lyapunov_time) / 30)
            assert pace.lyapunov_exponent == known.lyapunov_exponents[0]
            steps = 10 * known.lyapunov_time / pace.dt
            assert pace.horizon == min(3000, -(-steps // 1))

    @pytest.mark.parametrize("clock", ["period", "lyapunov"])
    def test_a_named_clock(self, clock):
        known = constants("rossler")
        time = known.period if clock == "period" else known.lyapunov_time
        assert Dataset(systems=("rossler",), clock=clock).pace("rossler").dt == time / 30

    def test_maps_are_sampled_at_every_iteration(self):
        pace = Dataset(systems=("logistic",)).pace("logistic")
        assert pace.dt == 1.0
        assert pace.horizon == 15  # ten Lyapunov times of 1 / ln 2

    def test_long_horizons_are_cut(self):
        assert Dataset(systems=("rossler",), horizon_at_most=50).pace("rossler").horizon == 50

    def test_only(self, recipe):
        alone = recipe.only("lorenz")
        assert alone.systems == ("lorenz",)
        assert alone.pace("lorenz") == recipe.pace("lorenz")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"systems": ()}, ParameterError, "at least one system"),
        ({"systems": "lorenz"}, ParameterError, "a tuple of names"),
        ({"systems": ("lorentz",)}, UnknownNameError, "did you mean 'lorenz'"),
        ({"seed": -1}, ParameterError, "seed must be an integer"),
        ({"seed": 1.5}, ParameterError, "seed must be an integer"),
        ({"seed": True}, ParameterError, "seed must be an integer"),
        ({"train_points": 1}, ParameterError, "train_points must be an integer of at least 2"),
        ({"train_trajectories": 0}, ParameterError, "train_trajectories"),
        ({"windows": -1}, ParameterError, "windows"),
        ({"context": 0}, ParameterError, "context"),
        ({"horizon_at_most": 0}, ParameterError, "horizon_at_most"),
        ({"horizon_lyapunov": 0.0}, ParameterError, "horizon_lyapunov must be positive"),
        ({"rate": float("nan")}, ParameterError, "rate must be positive and finite"),
        ({"rate": "fast"}, ParameterError, "rate must be positive and finite"),
        ({"rtol": -1e-9}, ParameterError, "rtol must be positive"),
        ({"noise": -0.1}, ParameterError, "noise must lie between 0 and 10"),
        ({"noise": float("nan")}, ParameterError, "noise must lie between 0 and 10"),
        ({"missing": 0.95}, ParameterError, "missing must lie between 0 and 0.9"),
        ({"clock": "wall"}, ParameterError, "clock must be 'fastest', 'period' or 'lyapunov'"),
    ],
)
def test_bad_input(settings, error, message):
    with pytest.raises(error, match=message) as caught:
        Dataset(**({"systems": ("lorenz",)} | settings))
    assert isinstance(caught.value, InputError)


def test_is_frozen(recipe):
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.seed = 5
