"""The plan of a season: what ``season.toml`` says in public."""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from chaosbench.errors import CorruptDataError, InputError, ParameterError, shown
from chaosbench.files import write_text
from chaosbench.growth import FAMILIES, GENERATOR
from chaosbench.growth.disguise import LEVELS
from chaosbench.seasons._toml import checked_text, read_toml
from chaosbench.toml import toml_text

__all__ = ["FILE", "NEWBORNS", "REVEALED", "Season", "read_season", "write_season"]

FILE = "season.toml"
REVEALED = "revealed"
"""Folder of a season for what becomes public at its end."""

BYTES_AT_MOST = 2**16
FORMAT, VERSION = "chaosbench-season", 1
PROTOCOL = "forecast-v2"

NEWBORNS = tuple(
    name for name, family in FAMILIES.items() if family.newborn and name not in ("delay", "network")
)
"""Families of newborns of a season: those whose data can be made in double-double."""

_ID = re.compile(r"[a-z][a-z0-9-]{2,39}")
_HASH = re.compile(r"|[0-9a-f]{64}")

LIMITS = {
    "relatives": (0, 2000), "newborns": (0, 2000), "train_points": (64, 100_000),
    "windows": (1, 200), "context": (8, 10_000), "steps_at_most": (10, 20_000),
}  # fmt: skip


@dataclass(frozen=True)
class Season:
    """What everyone knows of a season from its start.

    Attributes:
        id: small letters, digits and ``-``.
        secret_sha256: of the 32 bytes of the secret.
        relatives, newborns: systems of either sort at each level.
        families: of the newborns.
        levels: of disguise; every system is asked for at each.
        train_points, windows, context: as for a `Dataset`.
        steps_at_most: most steps of a forecast.
        opened, closes: dates; answers are sealed until the latter.
        generator: version of the generator.
        made_with: versions of the libraries that decide bytes.
        questions_sha256, sealed_sha256: of the lists of the questions and of what stays sealed;
            empty until the questions are made.

    """

    id: str
    secret_sha256: str
    relatives: int = 40
    newborns: int = 40
    families: tuple[str, ...] = NEWBORNS
    levels: tuple[int, ...] = (1, 2)
    train_points: int = 10_000
    windows: int = 20
    context: int = 512
    steps_at_most: int = 6000
    opened: str = ""
    closes: str = ""
    generator: int = GENERATOR
    made_with: Mapping[str, str] = field(default_factory=dict)
    questions_sha256: str = ""
    sealed_sha256: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not _ID.fullmatch(self.id):
            raise ParameterError(
                f"the id of a season has 3 to 40 small letters, digits and -, not {shown(self.id)}"
            )
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise ParameterError(f"{name} must be {least} to {most}, not {shown(value)}")
        for name in ("families", "levels"):
            value = getattr(self, name)
            if not isinstance(value, list | tuple) or len(value) > len(FAMILIES):
                raise ParameterError(f"{name} must be a short list, not {shown(value)}")
            object.__setattr__(self, name, tuple(value))
        for family in self.families:
            if family not in FAMILIES or not FAMILIES[family].newborn:
                raise ParameterError(f"there is no family of newborns {shown(family)}")
        if not self.levels or any(type(v) is not int or v not in LEVELS for v in self.levels):
            raise ParameterError(f"levels are some of {LEVELS}, not {shown(self.levels)}")
        if not self.relatives + self.newborns or (self.newborns and not self.families):
            raise ParameterError("a season needs relatives, or newborns with their families")
        if type(self.generator) is not int or self.generator != GENERATOR:
            raise ParameterError(
                f"the season is of version {shown(self.generator)} of the generator, this is "
                f"{GENERATOR}; use the version of chaosbench that the season names"
            )
        for name in ("secret_sha256", "questions_sha256", "sealed_sha256"):
            value = getattr(self, name)
            if not isinstance(value, str) or not _HASH.fullmatch(value):
                raise ParameterError(f"{name} must be a SHA-256, not {shown(value)}")
        for name in ("opened", "closes"):
            _check_date(name, getattr(self, name))
        if not isinstance(self.made_with, Mapping) or len(self.made_with) > 50:
            raise ParameterError("made_with must be a table of versions")
        for key, value in self.made_with.items():
            checked_text(f"the version of {shown(key)}", value, 100)

    def commits(self, secret: bytes) -> bool:
        """Say whether a secret is the one whose hash was committed."""
        return hashlib.sha256(secret).hexdigest() == self.secret_sha256


def _check_date(name: str, value: Any) -> None:
    try:
        if value != "":
            datetime.date.fromisoformat(value)
    except (TypeError, ValueError):
        raise ParameterError(
            f"{name} must be a date such as 2026-12-31, not {shown(value)}"
        ) from None


def read_season(directory: Path | str) -> Season:
    """Read the plan of a season from its directory.

    Raises:
        CorruptDataError: there is none, or not a valid one.

    """
    path = Path(directory) / FILE
    held = read_toml(path, BYTES_AT_MOST)
    if held.pop("format", None) != FORMAT or held.pop("version", None) != VERSION:
        raise CorruptDataError(f"{path} is no plan of a season of version {VERSION}")
    if held.pop("protocol", None) != PROTOCOL:
        raise CorruptDataError(f"{path} follows another protocol than {PROTOCOL}")
    known = {one.name for one in fields(Season)}
    if unknown := sorted(held.keys() - known):
        raise CorruptDataError(f"{path} has the unknown entry {shown(unknown[0])}")
    if "secret_sha256" not in held or "id" not in held or not held["secret_sha256"]:
        raise CorruptDataError(f"{path} commits to no secret")
    try:
        return Season(**held)
    except InputError as error:
        raise CorruptDataError(f"{path} is not valid: {error}") from error


def write_season(directory: Path, season: Season) -> None:
    """Write the plan of a season."""
    values = {one.name: getattr(season, one.name) for one in fields(Season)}
    head = {"format": FORMAT, "version": VERSION, "protocol": PROTOCOL}
    write_text(directory / FILE, toml_text(head | values))
