"""Forecasters from a Python file, without packaging."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import Any

from chaosbench.errors import InputError
from chaosbench.forecasters import registry as forecasters

__all__ = ["load_plugin", "plugin_digest"]


@cache
def load_plugin(path: Path) -> tuple[str, ...]:
    """Import a file and register every forecaster it defines; return their names.

    A forecaster is a dataclass with a `fit` method that is defined in the file. Its name is its
    attribute `name`, or else its class name in snake case.

    Raises:
        InputError: the file is missing, cannot be imported or defines no forecaster.

    """
    if not path.is_file():
        raise InputError(f"there is no plugin file {path}")
    module_name = f"chaosbench_plugin_{path.stem}_{plugin_digest(path)}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is not a Python file; a plugin ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"the plugin {path} cannot be imported: {error!r}") from error
    names = []
    for value in vars(module).values():
        if _is_forecaster(value) and value.__module__ == module_name:
            name = getattr(value, "name", None) or _snake(value.__name__)
            forecasters.add(name, value)
            names.append(name)
    if not names:
        raise InputError(
            f"the plugin {path} defines no forecaster: a dataclass with a method "
            "fit(self, train, *, seed)"
        )
    return tuple(names)


def plugin_digest(path: Path) -> str:
    """Hash a plugin's source: a changed plugin is another forecaster."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _is_forecaster(value: Any) -> bool:
    return isinstance(value, type) and dataclasses.is_dataclass(value) and hasattr(value, "fit")


def _snake(name: str) -> str:
    pieces = [f"_{c.lower()}" if c.isupper() else c for c in name]
    return "".join(pieces).lstrip("_")
