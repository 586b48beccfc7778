"""Which forecaster, with which settings: ``esn:units=1000,spectral_radius=1.1``."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import math
import re
import sys
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaosbench.errors import InputError, ParameterError, suggestion
from chaosbench.evaluation._code import Code, code_of
from chaosbench.evaluation._typed import written_cells
from chaosbench.forecasters import registry as forecasters
from chaosbench.isolation.plugins import adopt, load_plugin, plugin_of
from chaosbench.provenance import canonical_json, versions

__all__ = ["ForecasterSpec", "missing_library", "spec_of"]


@dataclass(frozen=True)
class ForecasterSpec:
    """A forecaster that another process can build.

    Attributes:
        name: registered name.
        config: every setting, defaults included.
        label: the name and the settings that differ from the defaults.
        plugins: files to load first, with the hash of their source.
        code: which code it is.

    """

    name: str
    config: Mapping[str, Any]
    label: str
    plugins: tuple[tuple[str, str], ...] = ()
    code: Code = field(default_factory=lambda: Code("chaosbench", versions()["chaosbench"]))


def spec_of(
    forecaster: object,
    *,
    plugins: Sequence[Path | str] = (),
    config: Mapping[str, Any] | None = None,
) -> ForecasterSpec:
    """Return the spec of a text, a registered class or an instance.

    Args:
        forecaster: ``name`` or ``name:setting=value,…``; or a forecaster itself, whose class must
            be registered, or defined in a file or a notebook's cell, because another process has to
            build it.
        plugins: Python files that define forecasters.
        config: settings for a name, as a Record keeps them, instead of text.

    Raises:
        UnknownNameError: no such forecaster, with a suggestion.
        ParameterError: a setting that does not exist or has the wrong type.
        InputError: a forecaster that no other process can build, or a broken plugin, or a library
            that is not installed.

    """
    for path in plugins:
        load_plugin(Path(path).resolve())
    if isinstance(forecaster, str):
        name, _, text = forecaster.partition(":")
        name = forecasters.resolve(name.strip())
        settings = _parse(name, text) if text else {}
    else:
        name = _registered_name(forecaster)
        settings = {} if isinstance(forecaster, type) else _settings(forecaster)
    chosen = forecasters[name]
    by_hand = plugin_of(name) is None and forecasters.entry_point(name) is None
    if by_hand and adopt(chosen, _file_of(chosen)) != name:
        raise InputError(
            f"another process would not find {chosen.__qualname__} under the name {name!r}; "
            f"give the class an attribute name = {name!r}"
        )
    if config is not None:
        settings = _thawed(chosen, config)
    config = _checked(name, chosen, settings)
    missing = missing_library(chosen)
    if missing:
        raise InputError(f"the forecaster {name!r} needs {missing}")
    defaults = _defaults(chosen)
    changed = [f"{k}={_show(v)}" for k, v in config.items() if defaults.get(k, ...) != v]
    label = f"{name}:{','.join(changed)}" if changed else name
    code, file = code_of(name), plugin_of(name)
    used = () if file is None else ((str(file), code.hash),)
    return ForecasterSpec(name, config, label, used, code)


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
    """Write a setting so that it reads back as itself: two settings never look the same."""
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(float(value))
    if isinstance(value, str) and _WORD.fullmatch(value) and value not in _CONSTANTS:
        return str(value)
    return repr(value) if isinstance(value, str) else str(value)


_WORD = re.compile(r"[^\W\d]\w*")
_CONSTANTS = ("True", "False", "None")


def _thawed(chosen: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings from JSON, where tuples are lists."""
    hints, defaults = _hints(chosen), _defaults(chosen)
    return {
        key: _tuples(value)
        if isinstance(defaults.get(key), tuple) or not _fits(value, hints.get(key, Any))
        else value
        for key, value in config.items()
    }


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _hints(chosen: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(chosen)
    except NameError:
        return {}


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


def _registered_name(forecaster: object) -> str:
    """Return the name of a forecaster, registering it with the file that defines it."""
    chosen = forecaster if isinstance(forecaster, type) else type(forecaster)
    if not (dataclasses.is_dataclass(chosen) and hasattr(chosen, "fit")):
        raise InputError(
            "a forecaster is a name such as 'esn:units=1000' or a frozen dataclass with a fit "
            f"method, not one of type {chosen.__name__}"
        )
    known = forecasters.name_of(chosen)
    if known is not None:
        return known
    if chosen.__module__ == "__main__":
        return adopt(chosen, _file_of(chosen))
    path = _file_of(chosen)
    for name in load_plugin(path):
        if forecasters[name].__qualname__ == chosen.__qualname__:
            return name
    raise InputError(f"{path} does not define {chosen.__qualname__} at its top level")


def _file_of(chosen: type) -> Path:
    """Return the file that defines a class: its module's, or one made of a notebook's cells."""
    if "." in chosen.__qualname__:
        raise InputError(
            f"{chosen.__qualname__} is not defined at the top level of its file, where another "
            "process would find it"
        )
    module = sys.modules.get(chosen.__module__)
    source = getattr(module, "__file__", None)
    if source is None or hasattr(module, "In"):
        return written_cells(chosen)
    return Path(source).resolve()


def _parse(name: str, text: str) -> dict[str, Any]:
    """Parse ``a=1,b=(1,2)`` with Python's literals; a bare word is a string."""
    found: dict[str, Any] = {}
    for part in _parts(text):
        key, equals, written = (piece.strip() for piece in part.partition("="))
        if not (equals and key.isidentifier() and written):
            raise ParameterError(
                f"the settings {text!r} of {name!r} cannot be read; "
                "write them as name=value,name=value"
            )
        if key in found:
            raise ParameterError(f"the setting {key!r} of {name!r} is given twice")
        if _WORD.fullmatch(written) and written not in _CONSTANTS:
            found[key] = written  # also if it is one of Python's own words, such as raise
            continue
        try:
            found[key] = ast.literal_eval(written)
        except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
            raise ParameterError(
                f"the value {written!r} of the setting {key!r} of {name!r} cannot be read; write "
                "settings as name=value,name=value, a value as in Python or as a word"
            ) from error
    return found


def _parts(text: str) -> Iterator[str]:
    """Split settings at the commas that are not inside brackets or quotes."""
    begin = depth = k = 0
    quote = ""
    while k < len(text):
        c = text[k]
        if quote:
            k += c == "\\"  # what follows a backslash ends no text
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth == 0:
            yield text[begin:k]
            begin = k + 1
        k += 1
    if text[begin:].strip() or not begin:
        yield text[begin:]


def _checked(name: str, chosen: Any, settings: dict[str, Any]) -> dict[str, Any]:
    """Check names and types against the dataclass and build it once, for its own checks."""
    known = {f.name for f in _fields(chosen)}
    for key in settings:
        if key not in known:
            near = suggestion(key, known) if known else "it has none"
            raise ParameterError(f"the forecaster {name!r} has no setting {key!r}; {near}")
    hints = _hints(chosen)
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
