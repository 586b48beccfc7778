"""The conformance suite has to catch what it says it catches."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest

from chaosbench.errors import DivergedError, UnsupportedError
from chaosbench.forecasters import Forecast
from chaosbench.testing import check_forecaster, forecaster_checks

if TYPE_CHECKING:
    from chaosbench.trajectories import FloatArray, Trajectories


class Repeat:
    """Persistence, written badly in one way or another by the classes below."""

    def __init__(self, config: Any, train: Trajectories) -> None:
        self.config = config
        self.train = train
        self.calls = 0

    def predict(self, context: FloatArray, horizon: int) -> Any:
        self.calls += 1
        return Forecast(self.values(context, horizon))

    def values(self, context: FloatArray, horizon: int) -> FloatArray:
        return np.repeat(context[:, -1:], horizon, axis=1)


class LorenzEquation(Repeat):
    """The data of the checks come from this equation."""

    def vector_field(self, states):
        x, y, z = states.T
        return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], axis=1)

    def next_state(self, states):
        return states + self.train.dt * self.vector_field(states)


class SlopesPerSample(LorenzEquation):
    """Takes the sampling step for the unit of time, and a sign the wrong way round."""

    def vector_field(self, states):
        return -self.train.dt * super().vector_field(states)


class StandardisedStates(LorenzEquation):
    """Forgets to leave its own units."""

    def next_state(self, states):
        return super().next_state(states) / self.train.values[0].std(axis=0)


class OneSlope(LorenzEquation):
    def vector_field(self, states):
        return super().vector_field(states)[0]


class NumbersForLines(Repeat):
    def equations(self):
        return np.zeros(3)


class RefusesEquation(Repeat):
    def vector_field(self, states):
        raise UnsupportedError("these data are those of a map")


@dataclass(frozen=True)
class Good:
    gain: float = 1.0
    kind: ClassVar[type[Repeat]] = Repeat

    def fit(self, train: Trajectories, *, seed: int) -> Repeat:
        return self.kind(self, train)


def variant(predictor: type[Repeat]) -> Good:
    """Make a frozen configuration around a predictor."""
    return dataclass(frozen=True)(type(predictor.__name__, (Good,), {"kind": predictor}))()


class WrongHorizon(Repeat):
    def values(self, context, horizon):
        return super().values(context, horizon + 1)


class BareArray(Repeat):
    def predict(self, context, horizon):
        return self.values(context, horizon)


class NotFinite(Repeat):
    def values(self, context, horizon):
        return super().values(context, horizon) * np.nan


class NeedsTwoSteps(Repeat):
    def values(self, context, horizon):
        if horizon < 2:
            raise RuntimeError("horizon too short")
        return super().values(context, horizon)


class NeedsABatch(Repeat):
    def values(self, context, horizon):
        return super().values(context, horizon)[: len(context) if len(context) > 1 else 0]


class NeedsTwoVariables(Repeat):
    def values(self, context, horizon):
        assert context.shape[2] > 1, "needs two variables"
        return super().values(context, horizon)


class KeepsState(Repeat):
    def values(self, context, horizon):
        return super().values(context, horizon) + self.calls


class WritesContext(Repeat):
    def values(self, context, horizon):
        context[:, 0] = 0.0
        return super().values(context, horizon)


class MixesTheBatch(Repeat):
    def values(self, context, horizon):
        return super().values(context, horizon) + 1e-3 * context.mean()


class ContinuesTraining(Repeat):
    def values(self, context, horizon):
        end = np.broadcast_to(self.train.values[0, -1], (len(context), 1, context.shape[2]))
        return np.repeat(end, horizon, axis=1) + 1e-3 * context[:, -1:]


class OneForecastForAll(Repeat):
    def values(self, context, horizon):
        d = context.shape[2]
        ramp = np.arange(horizon, dtype=float)[np.newaxis, :, np.newaxis]
        return np.broadcast_to(ramp, (len(context), horizon, d)).copy()


class DividesByTheSpread(Repeat):
    def values(self, context, horizon):
        spread = self.train.values.std(axis=(0, 1))
        with np.errstate(invalid="ignore", divide="ignore"):
            return super().values(context, horizon) / spread * spread


class OneTrajectoryOnly(Repeat):
    def __init__(self, config, train):
        super().__init__(config, train)
        if len(train) > 1:
            raise ValueError("one trajectory only")


class NoMaps(Repeat):
    def __init__(self, config, train):
        super().__init__(config, train)
        if train.dt >= 1:
            raise ValueError("no maps")


class CrashesOnNaN(Repeat):
    def __init__(self, config, train):
        super().__init__(config, train)
        if not np.isfinite(train.values).all():
            raise ZeroDivisionError("surprise")


class WritesTraining(Repeat):
    def __init__(self, config, train):
        super().__init__(config, train)
        train.values[0, 0] = 0.0


class WrongSamples(Repeat):
    def predict(self, context, horizon):
        forecast = super().predict(context, horizon)
        object.__setattr__(forecast, "samples", np.zeros((3, 1, 1, 1)))
        return forecast


GENERATOR = np.random.default_rng(0)


class Unseeded(Repeat):
    def values(self, context, horizon):
        return super().values(context, horizon) + 1e-9 * GENERATOR.normal()


@pytest.mark.parametrize(
    ("predictor", "check"),
    [
        (WrongHorizon, "check_shape"),
        (BareArray, "check_shape"),
        (WrongSamples, "check_shape"),
        (NotFinite, "check_finite_on_clean_data"),
        (NeedsTwoSteps, "check_horizon_of_one"),
        (NeedsABatch, "check_single_context"),
        (NeedsTwoVariables, "check_one_variable"),
        (OneTrajectoryOnly, "check_several_trajectories"),
        (NoMaps, "check_map"),
        (DividesByTheSpread, "check_constant_variable"),
        (Unseeded, "check_determinism"),
        (KeepsState, "check_predict_keeps_no_state"),
        (WritesContext, "check_inputs_unchanged"),
        (WritesTraining, "check_inputs_unchanged"),
        (MixesTheBatch, "check_batch_independence"),
        (ContinuesTraining, "check_follows_the_context"),
        (NumbersForLines, "check_equation"),
        (OneForecastForAll, "check_follows_the_context"),
        (CrashesOnNaN, "check_non_finite_training"),
        (SlopesPerSample, "check_equation"),
        (StandardisedStates, "check_equation"),
        (OneSlope, "check_equation"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_a_defect_fails_the_check_that_is_made_for_it(predictor: type[Repeat], check: str) -> None:
    checks = {function.__name__: function for function in forecaster_checks()}
    with pytest.raises(AssertionError, match=rf"^{check}: {predictor.__name__} "):
        checks[check](variant(predictor))
    with pytest.raises(AssertionError, match=rf": {predictor.__name__} "):
        check_forecaster(variant(predictor))


def test_a_good_forecaster_passes() -> None:
    check_forecaster(Good())
    check_forecaster(Good(gain=0.5), d=7)


def test_every_check_has_its_own_name_and_says_what_it_wants() -> None:
    checks = forecaster_checks()
    assert len({check.__name__ for check in checks}) == len(checks) >= 14
    assert all(check.__doc__ for check in checks)


def test_every_check_can_fail() -> None:
    class Broken:
        def fit(self, train, *, seed):
            raise ZeroDivisionError("always")

    for check in forecaster_checks():
        with pytest.raises(AssertionError, match=f"^{check.__name__}: Broken "):
            check(Broken())


@dataclass(frozen=True)
class Unportable(Good):
    weights: Any = field(default_factory=lambda: np.zeros(2))


@dataclass(frozen=True)
class Infinite(Good):
    bound: float = np.inf


def test_a_true_equation_passes_and_a_refusal_too() -> None:
    checks = {function.__name__: function for function in forecaster_checks()}
    checks["check_equation"](variant(LorenzEquation))
    checks["check_equation"](variant(RefusesEquation), d=7)


@pytest.mark.parametrize(
    ("forecaster", "sentence"),
    [
        (Repeat(None, None), "not an instance of a dataclass"),
        (Unportable(), "JSON cannot carry"),
        (Infinite(), "JSON cannot carry"),
    ],
)
def test_a_configuration_that_no_record_could_hold(forecaster: Any, sentence: str) -> None:
    with pytest.raises(AssertionError, match=f"^check_configuration: .*{sentence}"):
        forecaster_checks()[0](forecaster)


def test_a_typed_refusal_of_non_finite_training_is_good() -> None:
    class Refuses(Repeat):
        def __init__(self, config, train):
            super().__init__(config, train)
            if not np.isfinite(train.values).all():
                raise DivergedError("not finite")

    check_forecaster(variant(Refuses))
