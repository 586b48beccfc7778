"""Who may know whom, where the import contracts of pyproject.toml cannot look.

The contracts hold the layers, forbid circles (imports inside functions count) and keep files with a
leading underscore inside their package. What is left to check is that an import inside a function
has a reason, and that whoever wants to add something finds one place for it.
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path

import pytest

import chaosbench
from chaosbench.dynamics.orbits import Orbit
from chaosbench.systems import System

ROOT = Path(chaosbench.__file__).parent

LIGHT = frozenset(sys.stdlib_module_names) | {"chaosbench", "numpy"}
"""What any file may import when it is loaded; NumPy is loaded by all but a few."""

AT_START = {"chaosbench.cli", "chaosbench.commands"}
"""Where every import waits for the command that needs it, so that ``--help`` is quick."""


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(node: ast.AST, *, inside: bool = False):
    """Yield (imported module, line, whether it happens inside a function)."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from ((alias.name, child.lineno, inside) for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module:
            for alias in child.names:
                name = f"{child.module}.{alias.name}"
                yield (name if name in MODULES else child.module), child.lineno, inside
        function = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        yield from imports(child, inside=inside or function)


@cache
def of(module: str) -> list[tuple[str, int, bool]]:
    return list(imports(ast.parse(MODULES[module].read_text("utf-8"))))


@cache
def loaded_with(module: str) -> frozenset[str]:
    """List the libraries that are loaded when a module is, beyond the light ones."""
    seen, todo, libraries = set(), [module], set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in MODULES:
            libraries |= {name.partition(".")[0]} - LIGHT
            continue
        todo += [target for target, _, inside in of(name) if not inside]
        todo.append(name.rpartition(".")[0] or "chaosbench")
    return frozenset(libraries)


@cache
def rooms_with(module: str) -> frozenset[str]:
    """List the modules of the house that are loaded when a module is."""
    seen, todo = set(), [module]
    while todo:
        name = todo.pop()
        if name in MODULES and name not in seen:
            seen.add(name)
            todo += [target for target, _, inside in of(name) if not inside]
            todo.append(name.rpartition(".")[0] or "chaosbench")
    return frozenset(seen)


def hidden() -> list[tuple[str, int, str]]:
    return [
        (module, line, target)
        for module in MODULES
        if not any(module == start or module.startswith(f"{start}.") for start in AT_START)
        for target, line, inside in of(module)
        if inside and target.partition(".")[0] == "chaosbench"
    ]


MANY = 15
"""Modules of the house that are worth waiting for the call that needs them."""

ELSE = {
    ("chaosbench.scaffold", "chaosbench.forecasters"):
        "it loads numpy, light elsewhere, which the help of the command line need not",
}  # fmt: skip
"""Imports inside functions that have another reason."""


def test_an_import_inside_a_function_keeps_a_library_or_much_of_the_house_out_of_the_start():
    """Circles cannot hide there, for the contract sees them; no other reason is left."""
    idle = [
        f"{module}:{line} imports {target}, which loads little that {module} does not load"
        for module, line, target in hidden()
        if not loaded_with(target) - loaded_with(module)
        and len(rooms_with(target) - rooms_with(module)) < MANY
        and (module, target) not in ELSE
    ]
    assert idle == []
    assert set(ELSE) <= {(module, target) for module, _, target in hidden()}


def test_a_check_of_hidden_imports_can_fail():
    assert len(hidden()) > 30
    assert "numba" in loaded_with("chaosbench.numerics.dop853")
    assert "numba" not in loaded_with("chaosbench.dynamics.orbits._orbit")
    assert loaded_with("chaosbench.systems._flow") == frozenset()


def concrete(kind: type) -> list[type]:
    found = [kind] if not getattr(kind, "__abstractmethods__", ()) else []
    return found + [one for sub in kind.__subclasses__() for one in concrete(sub)]


@pytest.mark.parametrize(
    ("base", "folder", "name"),
    [(System, "systems", "kind"), (Orbit, "dynamics/orbits", "integrator")],
)
def test_each_kind_and_each_method_has_a_name_and_lives_in_the_package(base, folder, name):
    found = [one for one in concrete(base) if one.__module__.startswith("chaosbench.")]
    names = [getattr(one, name) for one in found]
    assert len(found) >= 5
    assert len(set(names)) == len(names)
    place = f"chaosbench.{folder.replace('/', '.')}._"
    assert all(one.__module__.startswith(place) for one in found)
