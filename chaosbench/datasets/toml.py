"""Recipes as TOML."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from chaosbench.datasets._recipe import Dataset
from chaosbench.datasets.corruptions import corruption_from
from chaosbench.errors import InputError, ParameterError, suggestion

__all__ = ["from_toml", "read_toml", "to_toml"]


def to_toml(dataset: Dataset) -> str:
    """Write a recipe as TOML: the systems and every setting that is not as usual."""
    lines = []
    tables: list[str] = []
    for setting in fields(dataset):
        value = getattr(dataset, setting.name)
        if setting.default is not MISSING and value == setting.default:
            continue
        if setting.name == "shift":
            tables += ["", "[shift]", *(f"{_key(k)} = {_value(v)}" for k, v in value)]
        elif setting.name == "corruptions":
            for corruption in value:
                told = corruption.settings()
                tables += ["", "[[corruptions]]"]
                tables += [f"{_key(k)} = {_value(v)}" for k, v in told.items()]
        else:
            lines.append(f"{setting.name} = {_value(value)}")
    return "\n".join([*lines, *tables]) + "\n"


def read_toml(path: Path | str, **changes: Any) -> Dataset:
    """Read a recipe from a TOML file.

    Args:
        path: the file.
        changes: settings that replace those of the file.

    Raises:
        InputError: there is no such file, or it is not a recipe.

    """
    place = Path(path)
    try:
        text = place.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"the recipe {place} cannot be read: {why}") from error
    try:
        return from_toml(text, **changes)
    except InputError as error:
        raise InputError(f"{place} is no recipe: {error}") from error


def from_toml(text: str, **changes: Any) -> Dataset:
    """Return the recipe that a text in TOML describes; see `to_toml`.

    Raises:
        InputError: it is not TOML, or it has a setting that recipes do not have.

    """
    try:
        found: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"this is not TOML: {error}") from error
    found |= changes
    known = [setting.name for setting in fields(Dataset)]
    for name in found:
        if name not in known:
            raise ParameterError(f"a recipe has no setting {name!r}; {suggestion(name, known)}")
    if "systems" not in found:
        raise ParameterError("a recipe needs systems, such as systems = ['lorenz']")
    shift = found.get("shift")
    if isinstance(shift, Mapping):
        found["shift"] = tuple(shift.items())
    tables = found.get("corruptions", [])
    if not isinstance(tables, (list, tuple)):
        raise ParameterError("corruptions are tables: write [[corruptions]]")
    if "corruptions" in found and "corruptions" not in changes:
        for table in tables:
            if not isinstance(table, Mapping):
                raise ParameterError("corruptions are tables: write [[corruptions]]")
        found["corruptions"] = tuple(corruption_from(table) for table in tables)
    plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in found.items()}
    try:
        return Dataset(**plain)
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise ParameterError(f"a setting has the wrong type: {error}") from error


def _key(name: str) -> str:
    plain = name.replace("_", "").replace("-", "")
    return name if plain.isascii() and plain.isalnum() else json.dumps(name, ensure_ascii=False)


def _value(value: Any) -> str:
    """Write a value as TOML; JSON's strings are strings of TOML, too."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return repr(value)
