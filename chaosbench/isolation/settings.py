"""The settings of a forecaster: the fields of its dataclass, checked, and as plain data.

A plugin's class is only ever looked at inside a confined process. Its settings travel as JSON, in
which a tuple is written as an object with one key, so that it comes out as a tuple again.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import types
import typing
from collections.abc import Mapping
from typing import Any

from chaosbench.errors import ParameterError, suggestion
from chaosbench.provenance import canonical_json

__all__ = ["checked", "decoded", "defaults_of", "encoded", "settings_of", "table_of", "thawed"]

TUPLE = "__tuple__"


def encoded(value: Any) -> Any:
    """Return settings as plain data for JSON."""
    if isinstance(value, tuple):
        return {TUPLE: [encoded(item) for item in value]}
    if isinstance(value, list):
        return [encoded(item) for item in value]
    if isinstance(value, Mapping):
        return {key: encoded(item) for key, item in value.items()}
    return value


def decoded(value: Any) -> Any:
    """Return what `encoded` was given."""
    if isinstance(value, dict):
        if value.keys() == {TUPLE} and isinstance(value[TUPLE], list):
            return tuple(decoded(item) for item in value[TUPLE])
        return {key: decoded(item) for key, item in value.items()}
    return [decoded(item) for item in value] if isinstance(value, list) else value


def settings_of(instance: object) -> dict[str, Any]:
    """Return the settings of a forecaster."""
    return {f.name: getattr(instance, f.name) for f in _fields(type(instance))}


def defaults_of(chosen: Any) -> dict[str, Any]:
    """Return the settings of a class that have a default."""
    found = {}
    for f in _fields(chosen):
        if f.default is not dataclasses.MISSING:
            found[f.name] = f.default
        elif f.default_factory is not dataclasses.MISSING:
            found[f.name] = f.default_factory()
    return found


def table_of(chosen: Any) -> list[dict[str, Any]]:
    """List name, type and default of every setting, for a reader."""
    return [
        {
            "setting": f.name,
            "type": str(f.type),
            "default": None if f.default is dataclasses.MISSING else f.default,
        }
        for f in _fields(chosen)
    ]


def thawed(chosen: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings from a Record, whose JSON has lists for tuples."""
    hints, defaults = _hints(chosen), defaults_of(chosen)
    return {
        key: _tuples(value)
        if isinstance(defaults.get(key), tuple) or not _fits(value, hints.get(key, Any))
        else value
        for key, value in config.items()
    }


def checked(name: str, chosen: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting: the given ones checked against the dataclass, and its defaults.

    The class is built once, for its own checks.

    Raises:
        ParameterError: a setting that does not exist, has the wrong type, or is refused.

    """
    settings = dict(settings)
    known = {f.name for f in _fields(chosen)}
    for key in settings:
        if key not in known:
            near = suggestion(key, known) if known else "it has none"
            raise ParameterError(f"the forecaster {name!r} has no setting {key!r}; {near}")
    hints = _hints(chosen)
    for key, value in settings.items():
        hint: Any = hints.get(key)
        if hint is float and isinstance(value, int) and not isinstance(value, bool):
            settings[key] = _float(name, key, value)
        elif hint is not None and not _fits(value, hint):
            raise ParameterError(
                f"the setting {key!r} of {name!r} must be {_name(hint)}, not {value!r}"
            )
        if isinstance(settings[key], float) and not math.isfinite(settings[key]):
            raise ParameterError(f"the setting {key!r} of {name!r} must be finite, not {value!r}")
    try:
        config = settings_of(chosen(**settings))
    except TypeError as error:
        raise ParameterError(f"the forecaster {name!r} cannot be configured: {error}") from error
    try:
        canonical_json(config)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"the settings of {name!r} must be numbers, text, booleans, None or tuples: {error}"
        ) from error
    return config


def _float(name: str, key: str, value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ParameterError(
            f"the setting {key!r} of {name!r} must be a number below 1e308"
        ) from None


def _fields(chosen: Any) -> list[dataclasses.Field[Any]]:
    return [f for f in dataclasses.fields(chosen) if f.init]


def _hints(chosen: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(chosen)
    except Exception:  # a hint may be any text
        return {}


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _fits(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in typing.get_args(hint))
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if origin is not None:
        return not inspect.isclass(origin) or isinstance(value, origin)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return hint is Any or not isinstance(hint, type) or isinstance(value, hint)


def _name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")
