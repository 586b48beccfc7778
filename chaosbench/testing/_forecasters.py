"""The conformance checks of forecasters; public through `chaosbench.testing`."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from chaosbench.errors import ForecastFailure
from chaosbench.forecasters import Forecast, Forecaster, Predictor
from chaosbench.testing._check import Checks, require
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["check_forecaster", "forecaster_checks"]

Check = Callable[..., None]

check: Checks[Check] = Checks(lambda forecaster: type(forecaster).__name__)

_DT = 0.02
_TRAIN = 800
_CONTEXT = 60
_HORIZON = 12


def forecaster_checks() -> list[Check]:
    """Return the checks as a list; each is called as ``check(forecaster, d=3)``."""
    return list(check.all)


def check_forecaster(forecaster: Forecaster, *, d: int = 3) -> None:
    """Run every check on one configuration.

    Args:
        forecaster: a configured forecaster, such as ``MyForecaster(units=50)``.
        d: number of variables of the synthetic data (the checks with one variable or with a map
            use their own number).

    Raises:
        AssertionError: the first check that failed, in one sentence.

    Example:
        >>> from chaosbench.forecasters.floor.persistence import Persistence
        >>> check_forecaster(Persistence())

    """
    try:
        for one in check.all:
            one(forecaster, d=d)
    finally:
        _shared.cache_clear()


# --- synthetic data -----------------------------------------------------------------------------


@functools.cache
def _lorenz_states(copies: int, steps: int) -> FloatArray:
    """Integrate independent Lorenz systems with RK4: ``(copies, steps, 3)`` on the attractor."""

    def rhs(u: FloatArray) -> FloatArray:
        x, y, z = u.T
        return np.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], axis=1)

    u = np.array([1.0, 2.0, 20.0]) + np.linspace(0.0, 3.0, copies)[:, np.newaxis]
    transient = 500
    states = np.empty((copies, steps, 3))
    for step in range(-transient, steps):
        if step >= 0:
            states[:, step] = u
        k1 = rhs(u)
        k2 = rhs(u + _DT / 2 * k1)
        k3 = rhs(u + _DT / 2 * k2)
        k4 = rhs(u + _DT * k3)
        u = u + _DT / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return states


def _flow(d: int, *, windows: int = 5) -> tuple[Trajectories, FloatArray, FloatArray]:
    """Return training data, contexts ``(n, C, d)`` and what follows them ``(n, H, d)``.

    More than three variables are several Lorenz systems side by side.
    """
    blocks = -(-d // 3)
    length = _TRAIN + 100 + windows * (_CONTEXT + _HORIZON)
    states = _lorenz_states(max(blocks, 4), length)
    series = np.concatenate(list(states[:blocks]), axis=1)[:, :d]
    rest = series[_TRAIN + 100 :].reshape(windows, _CONTEXT + _HORIZON, d)
    train = Trajectories(series[:_TRAIN].copy(), dt=_DT)
    return train, rest[:, :_CONTEXT].copy(), rest[:, _CONTEXT:].copy()


def _henon(steps: int) -> FloatArray:
    states = np.empty((steps, 2))
    x, y = 0.1, 0.1
    for step in range(-100, steps):
        if step >= 0:
            states[step] = x, y
        x, y = 1 - 1.4 * x * x + y, 0.3 * x
    return states


# --- shared steps -------------------------------------------------------------------------------


def _fit(forecaster: Forecaster, train: Trajectories) -> Predictor:
    """Return the predictor of these data; checks in a row that ask for the same one share it."""
    if not isinstance(forecaster, Hashable):
        return _fit_anew(forecaster, train)
    try:
        hash(forecaster)  # a frozen dataclass that holds a list has the method and refuses
    except TypeError:
        return _fit_anew(forecaster, train)
    return _shared(forecaster, train.values.tobytes(), train.values.shape)


@functools.lru_cache(maxsize=2)
def _shared(forecaster: Forecaster, data: bytes, shape: tuple[int, ...]) -> Predictor:
    values = np.frombuffer(data).reshape(shape).copy()
    return _fit_anew(forecaster, Trajectories(values, dt=_DT))


def _fit_anew(forecaster: Forecaster, train: Trajectories, seed: int = 0) -> Predictor:
    predictor = forecaster.fit(train, seed=seed)
    require(
        callable(getattr(predictor, "predict", None)),
        f"returned {type(predictor).__name__} from fit, which has no method predict",
    )
    return predictor


def _predict(predictor: Predictor, context: FloatArray, horizon: int) -> FloatArray:
    """Forecast and check the type and the shape of what comes back."""
    forecast = predictor.predict(context, horizon)
    require(
        isinstance(forecast, Forecast),
        f"returned {type(forecast).__name__} from predict instead of a Forecast",
    )
    values = np.asarray(forecast.values)
    expected = (len(context), horizon, context.shape[2])
    require(
        values.shape == expected,
        f"returned values of shape {values.shape} where (n, H, d) = {expected} was expected",
    )
    require(values.dtype.kind == "f", f"returned values of type {values.dtype}, not real numbers")
    if forecast.samples is not None:
        require(
            forecast.samples.ndim == 4 and forecast.samples.shape[1:] == expected,
            f"returned samples of shape {forecast.samples.shape} where (m, n, H, d) ends in "
            f"{expected}",
        )
    return values


def _same(a: FloatArray, b: FloatArray, *, relative: float = 0.0) -> bool:
    """Compare arrays, with NaN equal to NaN; `relative` is relative to the size of `b`."""
    if relative == 0.0:
        return np.array_equal(a, b, equal_nan=True)
    finite = np.isfinite(b)
    scale = float(np.abs(b[finite]).max()) if finite.any() else 1.0
    return bool(np.allclose(a, b, rtol=relative, atol=relative * scale, equal_nan=True))


# --- the checks ---------------------------------------------------------------------------------


@check
def check_configuration(forecaster: Forecaster, *, d: int = 3) -> None:  # noqa: ARG001
    """The configuration is a frozen dataclass that can be rebuilt from JSON."""
    kind = type(forecaster)
    require(
        dataclasses.is_dataclass(forecaster) and not isinstance(forecaster, type),
        "is not an instance of a dataclass",
    )
    parameters: Any = getattr(kind, "__dataclass_params__", None)
    require(parameters is not None and parameters.frozen, "is not a frozen dataclass")
    settings = {
        field.name: getattr(forecaster, field.name) for field in dataclasses.fields(forecaster)
    }
    try:
        carried = json.loads(json.dumps(settings, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise AssertionError(f"has settings that JSON cannot carry: {error}") from error
    rebuilt = kind(
        **{
            name: tuple(value) if isinstance(settings[name], tuple) else value
            for name, value in carried.items()
        }
    )
    require(rebuilt == forecaster, "is not equal to itself after a round trip through JSON")


@check
def check_shape(forecaster: Forecaster, *, d: int = 3) -> None:
    """Five contexts give real values (n, H, d)."""
    train, context, _ = _flow(d)
    _predict(_fit(forecaster, train), context, _HORIZON)


@check
def check_finite_on_clean_data(forecaster: Forecaster, *, d: int = 3) -> None:
    """The first step is finite on clean data from the attractor of the training data."""
    train, context, _ = _flow(d)
    first = _predict(_fit(forecaster, train), context, _HORIZON)[:, 0]
    require(bool(np.isfinite(first).all()), "forecast non-finite numbers in its first step")


@check
def check_horizon_of_one(forecaster: Forecaster, *, d: int = 3) -> None:
    """A horizon of one step works."""
    train, context, _ = _flow(d)
    _predict(_fit(forecaster, train), context, 1)


@check
def check_single_context(forecaster: Forecaster, *, d: int = 3) -> None:
    """A batch of one context works."""
    train, context, _ = _flow(d)
    _predict(_fit(forecaster, train), context[:1], _HORIZON)


@check
def check_one_variable(forecaster: Forecaster, *, d: int = 3) -> None:  # noqa: ARG001
    """A series of one variable works."""
    train, context, _ = _flow(1)
    _predict(_fit(forecaster, train), context, _HORIZON)


@check
def check_several_trajectories(forecaster: Forecaster, *, d: int = 3) -> None:
    """Training on several trajectories works."""
    train, context, _ = _flow(d)
    pieces = train.values[0].reshape(4, _TRAIN // 4, d)
    _predict(_fit(forecaster, Trajectories(pieces, dt=_DT)), context, _HORIZON)


@check
def check_map(forecaster: Forecaster, *, d: int = 3) -> None:  # noqa: ARG001
    """A short series of a map, sampled with dt = 1, works."""
    states = _henon(400)
    context = states[200:].reshape(2, 100, 2)[:, :_CONTEXT].copy()
    train = Trajectories(states[:200], dt=1.0)
    _predict(_fit_anew(forecaster, train), context, _HORIZON)


@check
def check_constant_variable(forecaster: Forecaster, *, d: int = 3) -> None:
    """A constant variable does not harm the others."""
    train, context, _ = _flow(d)

    def with_constant(values: FloatArray) -> FloatArray:
        return np.concatenate([values, np.full_like(values[..., :1], 3.0)], axis=2)

    predictor = _fit(forecaster, Trajectories(with_constant(train.values), dt=_DT))
    first = _predict(predictor, with_constant(context), _HORIZON)[:, 0]
    require(
        bool(np.isfinite(first).all()),
        "forecast non-finite numbers in its first step when one variable is constant",
    )


@check
def check_determinism(forecaster: Forecaster, *, d: int = 3) -> None:
    """The same seed gives the same forecast, bit for bit; large seeds are accepted."""
    train, context, _ = _flow(d)
    seed = 2**62 + 12345
    first = _predict(_fit_anew(forecaster, train, seed), context, _HORIZON)
    second = _predict(_fit_anew(forecaster, train, seed), context, _HORIZON)
    require(_same(first, second), "gave two different forecasts with the same seed")


@check
def check_predict_keeps_no_state(forecaster: Forecaster, *, d: int = 3) -> None:
    """Forecasting other contexts in between changes nothing."""
    train, context, _ = _flow(d)
    predictor = _fit(forecaster, train)
    first = _predict(predictor, context, _HORIZON)
    _predict(predictor, context[::-1].copy(), 2 * _HORIZON)
    again = _predict(predictor, context, _HORIZON)
    require(_same(first, again), "gave another forecast after predicting something else")


@check
def check_inputs_unchanged(forecaster: Forecaster, *, d: int = 3) -> None:
    """Training data and context are not changed, and may be read-only."""
    train, context, _ = _flow(d)
    train_before, context_before = train.values.copy(), context.copy()
    predictor = _fit_anew(forecaster, train)
    _predict(predictor, context, _HORIZON)
    require(np.array_equal(train.values, train_before), "changed the training data in place")
    require(np.array_equal(context, context_before), "changed the context in place")
    train.values.setflags(write=False)
    context.setflags(write=False)
    _predict(_fit_anew(forecaster, train), context, _HORIZON)


@check
def check_batch_independence(forecaster: Forecaster, *, d: int = 3) -> None:
    """A context gets the same forecast alone and in a batch."""
    train, context, _ = _flow(d)
    predictor = _fit(forecaster, train)
    together = _predict(predictor, context, _HORIZON)
    for i in range(len(context)):
        alone = _predict(predictor, context[i : i + 1], _HORIZON)
        require(
            _same(alone, together[i : i + 1], relative=1e-6),
            f"forecast context {i} differently alone and in a batch",
        )


@check
def check_follows_the_context(forecaster: Forecaster, *, d: int = 3) -> None:
    """The forecast continues the context, not the end of the training data.

    A forecast that ignores the context altogether has to be constant, as climatology is.
    """
    train, context, truth = _flow(d)
    forecast = _predict(_fit(forecaster, train), context, _HORIZON)
    if _same(forecast, np.broadcast_to(forecast[:1], forecast.shape)):
        require(
            _same(forecast, np.broadcast_to(forecast[:, :1], forecast.shape)),
            "gave the same moving forecast for different contexts",
        )
        return
    scale = train.values[0].std(axis=0)
    end = train.values[0, -1]
    # Only contexts that end far from the end of the training data can tell the two apart.
    apart = np.abs((context[:, -1] - end) / scale).max(axis=1) > 1.0
    first = forecast[:, 0]
    to_truth = np.linalg.norm((first - truth[:, 0]) / scale, axis=1)
    to_end = np.linalg.norm((first - end) / scale, axis=1)
    # A weak forecaster may be far from both; one that continues the training data is near its end.
    require(
        not apart.any() or float((2 * to_end < to_truth)[apart].mean()) <= 0.5,
        "began its forecasts at the end of the training data and not at the end of the contexts",
    )


@check
def check_equation(forecaster: Forecaster, *, d: int = 3) -> None:
    """A predictor that shows an equation gives its derivative in the units of the data.

    The check applies to predictors with the methods of the track ``equation``, or with
    ``equations()``, which returns lines for a reader. Other predictors pass.
    """
    train, context, _ = _flow(d)
    states, slopes = context.reshape(-1, d), _slopes(context)
    predictor: Any = _fit(forecaster, train)
    if callable(getattr(predictor, "equations", None)):
        lines = predictor.equations()
        require(
            isinstance(lines, list | tuple) and all(isinstance(line, str) for line in lines),
            f"returned {type(lines).__name__} from equations, where a list of str was expected",
        )
    for method, truth in (("vector_field", slopes), ("next_state", states + _DT * slopes)):
        if not callable(getattr(predictor, method, None)):
            continue
        try:
            found = np.asarray(getattr(predictor, method)(states.copy()))
        except ForecastFailure:
            continue
        require(
            found.shape == states.shape and found.dtype.kind == "f",
            f"returned {found.dtype} of shape {found.shape} from {method} where real numbers of "
            f"shape (n, d) = {states.shape} were expected",
        )
        if d % 3:
            continue  # with a variable hidden, the derivative does not follow from the state
        # An error as large as the value itself is no better than assuming no motion.
        still = 0.0 if method == "vector_field" else states
        scale = train.values[0].std(axis=0)
        error = np.linalg.norm((found - truth) / scale, axis=1)
        size = np.linalg.norm((truth - still) / scale, axis=1)
        require(
            float(np.median(error / size)) < 1.0,
            f"is further from the truth in {method} than no motion at all; values are expected in "
            "the units of the data, derivatives per time unit",
        )


def _slopes(values: FloatArray) -> FloatArray:
    """Return the time derivative of samples ``(n, T, d)``, to second order, as ``(n T, d)``."""
    slopes = np.gradient(values, _DT, axis=1, edge_order=2)
    return np.asarray(slopes.reshape(-1, values.shape[2]))


@check
def check_non_finite_training(forecaster: Forecaster, *, d: int = 3) -> None:
    """Training data with NaN are handled, or refused with a `ForecastFailure`."""
    train, context, _ = _flow(d)
    values = train.values.copy()
    values[0, 100, 0] = np.nan
    try:
        predictor = forecaster.fit(Trajectories(values, dt=_DT), seed=0)
    except ForecastFailure:
        return
    _predict(predictor, context, _HORIZON)
