"""Recipes as TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from chaosbench.datasets._recipe import Dataset
from chaosbench.datasets.corruptions import corruption_from
from chaosbench.errors import InputError, ParameterError, suggestion
from chaosbench.toml import parse_toml, toml_text

__all__ = ["from_toml", "read_toml", "to_toml"]


def to_toml(dataset: Dataset) -> str:
    """Write a recipe as TOML: the systems and every setting that is not as usual."""
    told: dict[str, Any] = {}
    for setting in fields(dataset):
        value = getattr(dataset, setting.name)
        if setting.default is not MISSING and value == setting.default:
            continue
        if setting.name == "shift":
            told["shift"] = dict(value)
        elif setting.name == "corruptions":
            told["corruptions"] = [corruption.settings() for corruption in value]
        else:
            told[setting.name] = value
    return toml_text(told)


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
        found = parse_toml(text)
    except ValueError as error:
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
