"""Recorded series that installed packages bring with them; nothing is imported or downloaded."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chaosbench.datasets._tables import Table, read_tables
from chaosbench.errors import InputError, suggestion

__all__ = ["PACKAGED", "Packaged", "packaged"]


@dataclass(frozen=True)
class Packaged:
    """One series of a package.

    Attributes:
        package: name of the package; the extra `recordings` installs it.
        path: the file inside of it.
        about: what was measured, and by whom.
        time_unit, units, dt: as given to `import_recording`.
        made: from the file's table to that of the series.

    """

    package: str
    path: str
    about: str
    dt: float
    time_unit: str
    units: dict[str, str]
    made: Callable[[Table], Table]


def _only(old: str, new: str) -> Callable[[Table], Table]:
    return lambda table: Table(table.source, {new: table.columns[old]})


def _months(table: Table) -> Table:
    """Return a table of one row a year and one column a month as one series."""
    months = [name for name in table.columns if name != "YEAR"]
    years = np.column_stack([table.numbers(name) for name in months])
    return Table(table.source, {"temperature": years.ravel()})


PACKAGED = {
    "statsmodels:sunspots": Packaged(
        "statsmodels", "datasets/sunspots/sunspots.csv",
        "mean number of sunspots in each year from 1700 to 2008 (SIDC)",
        1.0, "y", {}, _only("SUNACTIVITY", "sunspots"),
    ),
    "statsmodels:elnino": Packaged(
        "statsmodels", "datasets/elnino/elnino.csv",
        "mean temperature of the sea surface in the region Niño 1+2 in each month from 1950 to "
        "2010 (NOAA)",
        1.0, "months", {"temperature": "°C"}, _months,
    ),
    "statsmodels:nile": Packaged(
        "statsmodels", "datasets/nile/nile.csv",
        "volume of the Nile at Aswan in each year from 1871 to 1970",
        1.0, "y", {"volume": "10^8 m^3"}, _only("volume", "volume"),
    ),
    "statsmodels:co2": Packaged(
        "statsmodels", "datasets/co2/co2.csv",
        "carbon dioxide above Mauna Loa in each week from 1958 to 2001, with gaps",
        1.0, "weeks", {"co2": "ppm"}, _only("co2", "co2"),
    ),
}  # fmt: skip
"""Name on the command line to series."""


def packaged(name: str) -> tuple[Packaged, Path, Table]:
    """Return a series of an installed package, its file and its table.

    Raises:
        InputError: an unknown name, or the package is not installed.

    """
    if name not in PACKAGED:
        raise InputError(f"no package brings {name!r}; {suggestion(name, PACKAGED)}")
    found = PACKAGED[name]
    spec = importlib.util.find_spec(found.package)
    places = [] if spec is None else list(spec.submodule_search_locations or ())
    if not places:
        raise InputError(
            f"{name} comes with the package {found.package}, which is not installed; install it "
            "with: pip install 'chaosbench[recordings]'"
        )
    path = Path(places[0]) / found.path
    if not path.is_file():
        raise InputError(f"this version of {found.package} does not bring {found.path}")
    (table,) = read_tables(path)
    return found, path, found.made(table)
