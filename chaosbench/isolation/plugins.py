"""Forecasters from a Python file, without packaging.

A file is loaded in a forecaster's own process only; see `isolation.description` for what the
harness learns of it.
"""

from __future__ import annotations
import __future__

import ast
import dataclasses
import importlib
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from chaosbench.errors import InputError
from chaosbench.forecasters import registry as forecasters
from chaosbench.isolation.source import (
    beside,
    check_file,
    definitions,
    digest_of,
    runs_itself,
)

__all__ = ["CELLS", "load_plugin", "name_of", "refuse_while_importing"]

CELLS = "cells"
"""Name of the folder whose folders hold what was typed in, such as the cells of a notebook."""

_IMPORTING: ContextVar[Path | None] = ContextVar("importing", default=None)
"""The plugin that is being imported."""


class _RunsAtImportError(InputError):
    """A plugin evaluates something at its top level."""


def load_plugin(path: Path, *, lasting: bool = False) -> tuple[str, ...]:
    """Import a file and register every forecaster it defines; return their names.

    A forecaster is a dataclass with a `fit` method that is defined in the file. Its name is its
    attribute `name`, or else its class name in snake case. The file may import modules and packages
    that lie beside it. Of a script that evaluates its own forecasters only their definitions are
    run.

    Args:
        path: the file.
        lasting: what lies beside the file may be imported later too, when a forecaster works. This
            is for a forecaster's own process.

    Raises:
        InputError: the file is missing, cannot be imported or defines no forecaster, or a name is
            not one or belongs to another forecaster.

    """
    check_file(path)
    module = _imported(path, f"chaosbench_plugin_{path.stem}_{digest_of(path)}", lasting)
    found = [
        value
        for value in vars(module).values()
        if _is_forecaster(value) and value.__module__ == module.__name__
    ]
    if not found:
        raise InputError(
            f"the plugin {path} defines no forecaster: a dataclass with a method "
            "fit(self, train, *, seed)"
        )
    return _register(found, path)


def refuse_while_importing(verb: str) -> None:
    """Refuse to evaluate anything while a file is imported for the forecasters in it.

    Raises:
        InputError: a file is being imported.

    """
    path = _IMPORTING.get()
    if path is not None:
        raise _RunsAtImportError(
            f"{path} calls {verb} while it is imported for the forecasters that it defines; "
            'put the call under: if __name__ == "__main__":'
        )


def _register(found: Sequence[type], path: Path) -> tuple[str, ...]:
    """Register classes under their names, all or none."""
    names = tuple(map(name_of, found))
    added = []
    try:
        for name, value in zip(names, found, strict=True):
            forecasters.add(name, value)
            added.append(name)
    except InputError as error:
        for name in added:
            forecasters.discard(name)
        raise InputError(f"{path} defines a forecaster that cannot be used: {error}") from None
    return names


def name_of(chosen: type) -> str:
    """Return the name of a forecaster: its attribute, or that of its class in snake case."""
    name = getattr(chosen, "name", None) or _snake(chosen.__name__)
    if not isinstance(name, str):
        raise InputError(
            f"the name of a forecaster is text, but {chosen.__qualname__}.name is "
            f"of type {type(name).__name__}"
        )
    return name


def _imported(path: Path, name: str, lasting: bool) -> ModuleType:
    """Run a plugin's file, or only the definitions in a script."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        raise InputError(f"the plugin {path} cannot be imported: {error!r}") from error
    with _sees(path, lasting):
        try:
            if not runs_itself(tree):
                return _executed(path, name, [tree])
        except _RunsAtImportError:
            pass  # it does so in a way that cannot be read off
        except BaseException as error:
            raise _broken(path, error) from error
        try:
            parts = [ast.Module([node], []) for node in definitions(tree)]
            return _executed(path, name, parts)
        except _RunsAtImportError:
            raise
        except BaseException as error:
            raise _broken(path, error) from error


def _executed(path: Path, name: str, parts: Sequence[ast.Module]) -> ModuleType:
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # dataclasses look their module up
    flags = 0
    for part in parts:
        code = compile(part, str(path), "exec", flags=flags, dont_inherit=True)
        flags |= code.co_flags & _FUTURE
        try:
            exec(code, vars(module))
        except _RunsAtImportError:
            if not isinstance(part.body[0], ast.Expr) or len(parts) == 1:
                raise  # else it was no definition
    return module


_FUTURE = __future__.annotations.compiler_flag
"""A script's ``from __future__ import annotations`` holds for its later statements."""


def _broken(path: Path, error: BaseException) -> InputError:
    """Turn what ended the import into one sentence that names the plugin's line."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    place = f" (line {lines[-1]})" if lines else ""
    return InputError(f"the plugin {path} cannot be imported{place}: {error!r}")


class _Beside:
    """Finds the modules and packages in a plugin's folder, but none of the standard library."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find_spec(self, name: str, path: Any = None, _: Any = None) -> ModuleSpec | None:
        place = None if path is not None or "." in name else beside(self.folder, name)
        if place is None or name in sys.stdlib_module_names:
            return None
        inside = [str(place.parent)] if place.stem == "__init__" else None
        return spec_from_file_location(name, place, submodule_search_locations=inside)


@contextmanager
def _sees(path: Path, lasting: bool) -> Iterator[None]:
    """Let a plugin import what lies beside it."""
    importlib.invalidate_caches()
    finder: Any = _Beside(path.parent)
    sys.meta_path.insert(0, finder)
    token = _IMPORTING.set(path)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before
        _IMPORTING.reset(token)
        if not lasting:
            sys.meta_path.remove(finder)


def _is_forecaster(value: Any) -> bool:
    return isinstance(value, type) and dataclasses.is_dataclass(value) and hasattr(value, "fit")


def _snake(name: str) -> str:
    pieces = [f"_{c.lower()}" if c.isupper() else c for c in name]
    return "".join(pieces).lstrip("_")
