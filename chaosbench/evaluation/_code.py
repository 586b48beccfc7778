"""Which code a forecaster is: its package or file, a hash of it, and the libraries it declares."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, version
from pathlib import Path
from typing import Any

from chaosbench.forecasters import registry as forecasters
from chaosbench.isolation.source import digest_of, file_digest, files_of
from chaosbench.provenance import digest, versions

__all__ = ["Code", "code_of"]


@dataclass(frozen=True)
class Code:
    """The code behind a forecaster.

    Attributes:
        package: the installed package, or the file of a plugin.
        version: of the package; empty for a file.
        hash: of all its files; empty for forecasters of chaosbench, whose version says enough.
        libraries: names of the packages that it declares, its own first.

    """

    package: str
    version: str = ""
    hash: str = ""
    libraries: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, str]:
        """Return what there is to say, for the provenance of a Record."""
        told = {"package": self.package, "version": self.version, "hash": self.hash}
        return {key: value for key, value in told.items() if value}


def code_of(name: str, file: Path | None, declared: Iterable[str]) -> Code:
    """Return the code behind a forecaster as it lies on disk now.

    Args:
        name: its name.
        file: the plugin's; None if it is installed.
        declared: modules that it says it needs.

    """
    libraries = {_package_of(module) for module in declared}
    if file is not None:
        return Code(str(file), hash=digest_of(file), libraries=tuple(sorted(libraries)))
    point = forecasters.entry_point(name)
    if point is None or point.value.startswith("chaosbench."):
        return Code("chaosbench", versions()["chaosbench"], libraries=tuple(sorted(libraries)))
    found = point.dist
    if found is None:
        return Code(point.module, hash=_installed(point), libraries=tuple(sorted(libraries)))
    libraries |= {_required(text) for text in found.requires or () if "extra ==" not in text}
    own = found.metadata["Name"]
    return Code(own, found.version, _installed(point), (own, *sorted(libraries - {own})))


def _required(requirement: str) -> str:
    """Return the name in a requirement such as ``numpy>=2``."""
    return re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0]


@cache
def _package_of(module: str) -> str:
    """Return the name under which the library of a module is installed."""
    top = module.partition(".")[0]
    try:
        version(top)
    except PackageNotFoundError:
        from importlib.metadata import packages_distributions

        return packages_distributions().get(top, [top])[0]
    return top


def _installed(point: EntryPoint) -> str:
    """Hash the files of the package that an entry point comes from.

    The bytes are read, because the installer's list does not notice an edit. A package in
    development, of which the list knows only the place, counts with all files of its module.
    """
    files = dict(_listed(point.dist)) if point.dist is not None else {}
    files |= _modules(point.module.partition(".")[0], {name.partition("/")[0] for name in files})
    return digest({name: file_digest(path) for name, path in files.items()}, 12)


def _listed(found: Distribution) -> Iterator[tuple[str, Path]]:
    for file in found.files or ():
        name = file.as_posix()
        top = file.parts[0]
        apart = top == ".." or top.endswith((".dist-info", ".egg-info", ".pth"))
        if apart or top.startswith("__editable__") or "__pycache__" in file.parts:
            continue
        path = Path(str(found.locate_file(file)))
        if path.is_file():
            yield name, path


def _modules(top: str, listed: set[str]) -> dict[str, Path]:
    """Return the files of the module `top` by their names in it."""
    spec = importlib.util.find_spec(top)
    places = list(getattr(spec, "submodule_search_locations", None) or ())
    if places:
        pattern = "*.py" if top in listed else "*"  # what a package writes is not its code
        return {
            f"{top}/{path.relative_to(place).as_posix()}": path
            for place in map(Path, places)
            for path in place.rglob(pattern)
            if path.is_file() and "__pycache__" not in path.parts
        }
    origin: Any = getattr(spec, "origin", None)
    if origin and Path(origin).is_file():
        folder = Path(origin).parent
        found = files_of(Path(origin)) if f"{top}.py" not in listed else [Path(origin)]
        return {path.relative_to(folder).as_posix(): path for path in found}
    return {}
