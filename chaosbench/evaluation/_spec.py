"""Which forecaster, with which settings: ``esn:units=1000,spectral_radius=1.1``."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import math
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosbench.errors import InputError, ParameterError, suggestion
from chaosbench.forecasters import registry as forecasters
from chaosbench.isolation.plugins import load_plugin, plugin_digest
from chaosbench.provenance import canonical_json

__all__ = ["ForecasterSpec", "missing_library", "spec_of"]


@dataclass(frozen=True)
class ForecasterSpec:
    """A forecaster that another process can build.

    Attributes:
        name: registered name.
        config: every setting, defaults included.
        label: the name and the settings that differ from the defaults.
        plugins: files to load first, with the hash of their source.

    """

    name: str
    config: Mapping[str, Any]
    label: str
    plugins: tuple[tuple[str, str], ...] = ()


def spec_of(forecaster: object, *, plugins: Sequence[Path | str] = ()) -> ForecasterSpec:
    """Return the spec of a text, a registered class or an instance.

    Args:
        forecaster: ``name`` or ``name:setting=value,…``; or a forecaster itself, whose class must
            be registered or defined in a file, because another process has to build it.
        plugins: Python files that define forecasters.

    Raises:
        UnknownNameError: no such forecaster, with a suggestion.
        ParameterError: a setting that does not exist or has the wrong type.
        InputError: a forecaster that no other process can build, or a broken plugin, or a library
            that is not installed.

    """
    loaded = {Path(p).resolve(): load_plugin(Path(p).resolve()) for p in plugins}
    if isinstance(forecaster, str):
        name, _, text = forecaster.partition(":")
        chosen = forecasters[name.strip()]
        settings = _parse(name, text) if text else {}
        name = forecasters.resolve(name.strip())
    else:
        name, extra = _registered_name(forecaster)
        loaded |= extra
        chosen = forecasters[name]
        settings = {} if isinstance(forecaster, type) else _settings(forecaster)
    config = _checked(name, chosen, settings)
    missing = missing_library(chosen)
    if missing:
        raise InputError(f"the forecaster {name!r} needs {missing}")
    defaults = _defaults(chosen)
    changed = [f"{k}={_show(v)}" for k, v in config.items() if defaults.get(k, ...) != v]
    used = tuple(
        (str(path), plugin_digest(path)) for path, names in loaded.items() if name in names
    )
    return ForecasterSpec(name, config, f"{name}:{','.join(changed)}" if changed else name, used)


def missing_library(chosen: Any) -> str:
    """Name the first library of a forecaster that is not installed, and how to install it."""
    for module in getattr(chosen, "libraries", ()):
        library = module.partition(".")[0]
        if importlib.util.find_spec(library) is None:
            extra = getattr(chosen, "extra", "")
            package = f"'chaosbench[{extra}]'" if extra else library
            return f"{library}, which is not installed: pip install {package}"
    return ""


def _show(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _settings(instance: object) -> dict[str, Any]:
    return {f.name: getattr(instance, f.name) for f in _fields(type(instance))}


def _fields(chosen: Any) -> list[dataclasses.Field[Any]]:
    return [f for f in dataclasses.fields(chosen) if f.init]


def _defaults(chosen: Any) -> dict[str, Any]:
    found = {}
    for f in _fields(chosen):
        if f.default is not dataclasses.MISSING:
            found[f.name] = f.default
        elif f.default_factory is not dataclasses.MISSING:
            found[f.name] = f.default_factory()
    return found


def _registered_name(forecaster: object) -> tuple[str, dict[Path, tuple[str, ...]]]:
    chosen = forecaster if isinstance(forecaster, type) else type(forecaster)
    if not dataclasses.is_dataclass(chosen):
        raise InputError(
            f"a forecaster is a name such as 'esn:units=1000' or a frozen dataclass with a fit "
            f"method, not {forecaster!r}"
        )
    known = forecasters.name_of(chosen)
    if known is not None:
        return known, {}
    module = sys.modules.get(chosen.__module__)
    source = getattr(module, "__file__", None)
    if source is None:
        raise InputError(
            f"{chosen.__qualname__} is defined interactively and no other process can import it; "
            "put it into a file and pass plugins=[that file]"
        )
    path = Path(source).resolve()
    names = load_plugin(path)
    for name in names:
        if forecasters[name].__qualname__ == chosen.__qualname__:
            return name, {path: names}
    raise InputError(f"{path} does not define {chosen.__qualname__} at its top level")


def _parse(name: str, text: str) -> dict[str, Any]:
    """Parse ``a=1,b=(1,2)`` with Python's literals; a bare word is a string."""
    try:
        call = ast.parse(f"f({text})", mode="eval").body
        assert isinstance(call, ast.Call)
        if call.args:
            raise SyntaxError
        found = {}
        for keyword in call.keywords:
            if keyword.arg is None:
                raise SyntaxError
            value = keyword.value
            found[keyword.arg] = (
                value.id if isinstance(value, ast.Name) else ast.literal_eval(value)
            )
    except (SyntaxError, ValueError, AssertionError) as error:
        raise ParameterError(
            f"the settings {text!r} of {name!r} cannot be read; write them as name=value,name=value"
        ) from error
    return found


def _checked(name: str, chosen: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """Check names and types against the dataclass and build it once, for its own checks."""
    known = {f.name for f in _fields(chosen)}
    for key in settings:
        if key not in known:
            near = suggestion(key, known) if known else "it has none"
            raise ParameterError(f"the forecaster {name!r} has no setting {key!r}; {near}")
    try:
        hints = typing.get_type_hints(chosen)
    except NameError:
        hints = {}
    for key, value in settings.items():
        hint: Any = hints.get(key)
        if hint is float and isinstance(value, int) and not isinstance(value, bool):
            settings[key] = float(value)
        elif hint is not None and not _fits(value, hint):
            raise ParameterError(
                f"the setting {key!r} of {name!r} must be {_name(hint)}, not {value!r}"
            )
        if isinstance(settings[key], float) and not math.isfinite(settings[key]):
            raise ParameterError(f"the setting {key!r} of {name!r} must be finite, not {value!r}")
    try:
        config = _settings(chosen(**settings))
    except TypeError as error:
        raise ParameterError(f"the forecaster {name!r} cannot be configured: {error}") from error
    try:
        canonical_json(config)
    except (TypeError, ValueError) as error:
        raise ParameterError(
            f"the settings of {name!r} must be numbers, text, booleans, None or tuples: {error}"
        ) from error
    return config


def _fits(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in typing.get_args(hint))
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    if origin is not None:
        return isinstance(value, origin)
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return hint is Any or not isinstance(hint, type) or isinstance(value, hint)


def _name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")
