"""The recordings that are known by their names: those of the user's folder, and those loaded."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from chaosbench.datasets._recorded import RecordedDataset, read_recording
from chaosbench.datasets._store import MANIFEST
from chaosbench.errors import InputError, ParameterError
from chaosbench.files import read_json
from chaosbench.registry import Registry
from chaosbench.systems import registry as systems

__all__ = ["check_name", "load_recordings", "recordings_folder", "register", "registry"]

NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
"""Of a recording: it becomes part of a task's id and of a folder's name."""


def recordings_folder() -> Path:
    """Return where recordings are kept by name: ``CHAOSBENCH_RECORDINGS``, or the user's data."""
    if given := os.environ.get("CHAOSBENCH_RECORDINGS"):
        return Path(given)
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "chaosbench" / "recordings"


_of_the_folder: dict[str, RecordedDataset] = {}
"""The recordings that were found in the user's folder."""


def _scan() -> None:
    """Find the recordings of the user's folder; those that were loaded outright come first."""
    present = {}
    folder = recordings_folder()
    for place in sorted(folder.glob(f"*/{MANIFEST}")) if folder.is_dir() else ():
        with suppress(InputError, OSError, KeyError, TypeError, ValueError):  # named when asked for
            found = read_recording(place.parent)
            present[found.systems[0]] = found
    for name, old in list(_of_the_folder.items()):
        if present.get(name) != old:
            del _of_the_folder[name]
            registry.discard(name)
    for name, found in present.items():
        if name not in _of_the_folder and name not in registry and name not in systems:
            _of_the_folder[name] = found
            registry.add(name, found)
    registry.touch()  # the tasks of systems follow through this registry


registry: Registry[RecordedDataset] = Registry(
    "recording", populate=_scan, named=NAME, follows=systems
)


def load_recordings(path: Path | str) -> tuple[RecordedDataset, ...]:
    """Make recordings known by their names: the one in a folder, or those in its sub-folders.

    One of the same name that was known before is replaced.

    Args:
        path: what `import_recording` made, or a folder of such folders.

    Raises:
        InputError: there is none, or a system has its name.

    """
    if not isinstance(path, str | Path):
        raise InputError(f"the path of a folder is expected, not a {type(path).__name__}")
    folder = Path(path)
    if (folder / MANIFEST).is_file():
        places = [folder]
    else:
        places = sorted(place.parent for place in folder.glob(f"*/{MANIFEST}"))
        places = [place for place in places if "recording" in _recipe_in(place)]
    if not places:
        raise InputError(
            f"{folder} holds no recording; import one with: chaosbench data import FILE --name "
            f"NAME --out {folder / 'NAME'}"
        )
    found = tuple(read_recording(place) for place in places)
    for one in found:
        register(one)
    return found


def _recipe_in(folder: Path) -> Mapping[str, Any]:
    recipe = read_json(folder / MANIFEST).get("recipe")
    return recipe if isinstance(recipe, dict) else {}


def register(found: RecordedDataset) -> None:
    (name,) = found.systems
    check_name(name)
    if name in registry and registry[name] == found:
        return
    registry.discard(name)
    _of_the_folder.pop(name, None)
    registry.add(name, found)


def check_name(name: object) -> None:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ParameterError(
            f"{str(name)[:80]!r} cannot be the name of a recording: a name has at most 60 small "
            "letters, digits and _, and begins with a letter"
        )
    if name in systems:
        raise ParameterError(f"{name!r} is the name of a system; choose another for the recording")
