"""The start of a season: a secret, and the public plan that commits to it."""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path
from typing import Any

from chaosbench.errors import InputError
from chaosbench.provenance import versions
from chaosbench.seasons._plan import FILE, Season, write_season
from chaosbench.seasons._secret import make_secret

__all__ = ["new_season"]


def new_season(directory: Path | str, secret: Path | str, id_: str, **settings: Any) -> Season:
    """Begin a season: make its secret and write its plan.

    Args:
        directory: of the season, public from the start; it must not hold one.
        secret: file for the secret, outside of the directory.
        id_: id of the season.
        settings: fields of `Season`.

    Raises:
        InputError: the directory holds a season, the secret is there or would lie in it, or a
            setting is wrong.

    """
    directory, place = Path(directory), Path(secret)
    if (directory / FILE).exists():
        raise InputError(f"{directory} holds a season already; choose another directory")
    if place.resolve().is_relative_to(directory.resolve()):
        raise InputError("the secret must lie outside of the season's directory, which is public")
    today = datetime.date.today().isoformat()
    made = {"opened": today, "made_with": dict(versions())} | settings
    Season(id=id_, secret_sha256="0" * 64, **made)  # refuses wrong settings before a file is made
    value = make_secret(place)
    season = Season(id=id_, secret_sha256=hashlib.sha256(value).hexdigest(), **made)
    write_season(directory, season)
    return season
