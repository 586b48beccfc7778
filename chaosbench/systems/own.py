"""A user's own systems, from Python files or from files of written systems.

A Python file is the user's own code and is imported in the process that asks for it. A file that
ends in ``.json`` is data, and nothing of it is executed. Forecasters run in other processes, which
import no systems and cannot read the file.
"""

from __future__ import annotations

import hashlib
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from chaosbench.errors import InputError
from chaosbench.systems._registry import Origin, add_own, forget, registry, systems_in
from chaosbench.systems._system import System
from chaosbench.systems.written import read_systems, system_of

__all__ = ["load_systems", "loaded_files", "unload"]


@dataclass(frozen=True)
class _Loaded:
    digest: str
    systems: tuple[System, ...]


_loaded: dict[Path, _Loaded] = {}


def loaded_files() -> tuple[Path, ...]:
    """Return the files that systems were loaded from."""
    return tuple(_loaded)


def unload(file: Path) -> None:
    """Forget the systems of a file that was loaded."""
    former = _loaded.pop(file, None)
    if former is not None:
        forget(system.name for system in former.systems)


def load_systems(path: Path | str) -> tuple[System, ...]:
    """Register the systems of a Python file or a JSON file, as if of the catalogue.

    Of a Python file these are the systems at its top level; for a JSON file see `written`.

    A file that is loaded already is loaded again if it has changed. What it imports from beside it
    is found. Systems whose names begin with an underscore are left out.

    Args:
        path: a file that ends in ``.py`` or ``.json``.

    Returns:
        The systems, in the order of the file.

    Raises:
        InputError: there is no such file, it cannot be run, it defines no system, or a name is
            taken; nothing of it is registered.

    """
    if not isinstance(path, str | Path):
        raise InputError(f"the path of a Python file is expected, not a {type(path).__name__}")
    file = Path(path)
    if file.suffix not in (".py", ".json") or not file.is_file():
        raise InputError(
            "systems are defined in a Python file, such as my_systems.py, or in a JSON file that "
            f"`chaosbench systems grow` wrote, not {file}"
        )
    file = file.resolve()
    source = file.read_bytes()
    digest = hashlib.sha256(source).hexdigest()
    former = _loaded.get(file)
    if former is not None and former.digest == digest:
        registry.touch()  # constants may have been measured since
        return former.systems
    len(registry)  # the catalogue has the first right to a name
    if file.suffix == ".json":
        made = [system_of(content) for content in read_systems(file, source)]
    else:
        made = systems_in(_run(file, source))
    if not made:
        raise InputError(
            f"{file} defines no system; decorate a function at its top level with chaosbench.flow, "
            "map, delay, field or stochastic"
        )
    before = () if former is None else former.systems
    forget(system.name for system in before)
    try:
        add_own(made, Origin(file, installed=False))
    except InputError as error:
        add_own(before, Origin(file, installed=False))
        raise InputError(f"{file} cannot be loaded: {error}") from error
    _loaded[file] = _Loaded(digest, tuple(made))
    return tuple(made)


def _run(file: Path, source: bytes) -> ModuleType:
    """Run a file as a module whose name other processes give it too."""
    name = f"_own_{file.stem}_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}"
    module = ModuleType(name)
    module.__file__ = str(file)
    former = sys.modules.get(name)
    sys.modules[name] = module
    sys.path.append(str(file.parent))
    try:
        exec(compile(source, file, "exec"), vars(module))
    except (Exception, SystemExit) as error:  # it is the user's code, which may do anything
        if former is None:
            del sys.modules[name]
        else:
            sys.modules[name] = former
        trail = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in trail if frame.filename == str(file)]
        where = f" in line {lines[-1]}" if lines else ""
        text = " ".join(str(error).split()) or type(error).__name__
        kind = "" if isinstance(error, InputError) else f"{type(error).__name__}: "
        raise InputError(f"{file} cannot be loaded{where}: {kind}{text[:500]}") from error
    finally:
        sys.path.remove(str(file.parent))  # a forecaster's process gets this path
    return module
