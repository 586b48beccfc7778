"""The systems of a season: grown from its secret, and disguised."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chaosbench.dynamics.stored import Constants
from chaosbench.errors import InputError
from chaosbench.files import write_text
from chaosbench.growth import Grown, grow
from chaosbench.growth.disguise import disguised
from chaosbench.provenance import versions
from chaosbench.seasons._plan import Season
from chaosbench.seasons._secret import name_of, seed_of
from chaosbench.systems.written import write_systems

__all__ = ["SYSTEMS", "Asked", "asked_systems", "write_asked"]

SYSTEMS = "systems.json"


@dataclass(frozen=True, eq=False)
class Asked:
    """One system of a season in its disguise.

    Attributes:
        name: of the question.
        group: such as ``newborns-1``: the sort and the level of disguise.
        content: the disguised system as plain data.
        constants: measured, in its variables.

    """

    name: str
    group: str
    content: dict[str, Any]
    constants: Constants


def asked_systems(
    season: Season,
    secret: bytes,
    *,
    workers: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[Asked]:
    """Grow the systems of a season and disguise them, in the order of their names.

    The same secret gives the same systems, whatever the number of workers.
    """
    made: list[Asked] = []
    for sort, grown in _grown(season, secret, workers, progress).items():
        for k, one in enumerate(grown):
            for level in season.levels:
                words = (sort, level, k)
                content, constants = disguised(
                    one.content, one.constants, level, [seed_of(secret, season.id, *words)],
                    name_of(secret, season.id, *words),
                )  # fmt: skip
                group = f"{sort}-{level}"
                content["origin"] = {**one.content["origin"], "group": group}
                provenance = {
                    **constants.provenance, "versions": {"chaosbench": versions()["chaosbench"]},
                }  # fmt: skip
                constants = replace(constants, provenance=provenance)
                made.append(Asked(content["name"], group, content, constants))
    return sorted(made, key=lambda one: one.name)


def _grown(
    season: Season,
    secret: bytes,
    workers: int,
    progress: Callable[[int, int, str], None] | None,
) -> dict[str, list[Grown]]:
    seed = seed_of(secret, season.id, "systems")
    found: dict[str, list[Grown]] = {}
    if season.relatives:
        found["relatives"] = grow(
            "relatives", season.relatives, seed=seed, workers=workers, progress=progress
        )
    if season.newborns:
        share, more = divmod(season.newborns, len(season.families))
        counts = {name: share + (k < more) for k, name in enumerate(season.families)}
        wanted = {name: count for name, count in counts.items() if count}
        if not wanted:
            raise InputError("a season with newborns needs at least one family")
        # one call for all, so that none is kin of another
        most = max(wanted.values())
        grown = grow(list(wanted), most, seed=seed, workers=workers, progress=progress)
        found["newborns"] = [
            one
            for name, count in wanted.items()
            for one in [g for g in grown if g.family == name][:count]
        ]
    return found


def write_asked(directory: Path, asked: list[Asked]) -> Path:
    """Write the systems and their constants, so that `load_systems` reads them."""
    place = directory / SYSTEMS
    for one in asked:
        folder = place.with_suffix(".constants")
        write_text(folder / f"{one.name}.json", one.constants.to_json())
    write_systems(place, [one.content for one in asked])
    return place
