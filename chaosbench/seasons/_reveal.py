"""The end of a season: its secret and systems become public, and anyone checks everything."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosbench.errors import CorruptDataError, InputError, shown
from chaosbench.files import bounded, whole
from chaosbench.seasons._answers import read_entry, sealed_answer
from chaosbench.seasons._plan import REVEALED, Season, read_season
from chaosbench.seasons._questions import SEALED, Question, arrays_of, draw, listed
from chaosbench.seasons._secret import parsed, read_secret
from chaosbench.seasons._systems import SYSTEMS
from chaosbench.systems.written import BYTES_AT_MOST, read_systems

__all__ = ["Revealed", "reveal", "revealed", "verify"]

SECRET = "secret.hex"
SEALED_AT_MOST = 8 * 2**20
CONSTANTS_AT_MOST = 2**20

_NAME = re.compile(r"q[0-9a-f]{12}")
_GROUP = re.compile(r"(relatives|newborns)-[0-2]")


@dataclass(frozen=True)
class Revealed:
    """What is public of a season after its end.

    Attributes:
        secret: its secret.
        file: of the systems.
        groups: of each question.
        truth: SHA-256 of each question's truth.

    """

    secret: bytes
    file: Path
    groups: dict[str, str]
    truth: dict[str, str]


def reveal(directory: Path | str, secret: Path | str, sealed: Path | str) -> None:
    """Publish the secret and the systems of a season in its directory.

    Raises:
        InputError: the season has no questions, or the secret is another one.
        CorruptDataError: what was sealed is not what the plan names by its hash.

    """
    directory, sealed = Path(directory), Path(sealed)
    season, value = read_season(directory), read_secret(Path(secret))
    if not season.questions_sha256:
        raise InputError(f"{season.id} has no questions yet; there is nothing to reveal")
    if not season.commits(value):
        raise InputError(f"{secret} is not the secret that {directory} commits to")
    held = _checked(sealed, season)
    place = directory / REVEALED
    for name in [SYSTEMS, SEALED, *_constants(held)]:
        with whole(place / name) as path:
            path.write_bytes(bounded(sealed / name, BYTES_AT_MOST))
    with whole(place / SECRET) as path:  # the last: then it counts
        path.write_text(value.hex() + "\n")


def revealed(directory: Path | str, season: Season) -> Revealed:
    """Return what was revealed of a season, checked against its plan.

    Raises:
        InputError: it is not revealed.
        CorruptDataError: the secret or a system is not the one that was committed.

    """
    place = Path(directory) / REVEALED
    if not (place / SECRET).exists():
        raise InputError(f"{season.id} is not revealed yet; answers are scored after that")
    secret = parsed(bounded(place / SECRET, 1000), place / SECRET)
    if not season.commits(secret):
        raise CorruptDataError(f"{place / SECRET} is not the secret that season.toml commits to")
    held = _checked(place, season)
    return Revealed(secret, place / SYSTEMS, held["groups"], held["truth"])


def _constants(held: dict[str, Any]) -> list[str]:
    folder = Path(SYSTEMS).with_suffix(".constants").name
    return [f"{folder}/{name}.json" for name in held["constants"]]


def _checked(place: Path, season: Season) -> dict[str, Any]:
    """Check what was sealed against its hashes; return its list."""
    data = bounded(place / SEALED, SEALED_AT_MOST)
    if hashlib.sha256(data).hexdigest() != season.sealed_sha256:
        raise CorruptDataError(
            f"{place / SEALED} is not the list that season.toml names by its SHA-256"
        )
    try:
        held: dict[str, Any] = json.loads(data)
        groups, constants, truth = (held[key] for key in ("groups", "constants", "truth"))
        same = groups.keys() == constants.keys() == truth.keys()
        if not same or not all(map(_NAME.fullmatch, groups)):
            raise ValueError("its questions differ")
        if not all(_GROUP.fullmatch(group) for group in groups.values()):
            raise ValueError("it has an unknown group")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptDataError(
            f"{place / SEALED} is no list of what was sealed: {shown(str(error), 100)}"
        ) from error
    stated = {SYSTEMS: held["systems"]} | dict(
        zip(_constants(held), constants.values(), strict=True)
    )
    for name, expected in stated.items():
        at_most = BYTES_AT_MOST if name == SYSTEMS else CONSTANTS_AT_MOST
        if hashlib.sha256(bounded(place / name, at_most)).hexdigest() != expected:
            raise CorruptDataError(f"{place / name} does not have the SHA-256 that was sealed")
    return held


def verify(
    directory: Path | str,
    *,
    answers: list[Path] | None = None,
    regrow: bool = False,
    workers: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[str]:
    """Check a season: its questions, what was revealed, and entries; return what was checked.

    Args:
        directory: of the season.
        answers: directories of entries.
        regrow: draw everything from the revealed secret again and compare the bytes.
        workers: processes for that.
        progress: called with (done, total, what).

    Raises:
        InputError: naming the first thing that does not hold.

    """
    directory = Path(directory)
    season = read_season(directory)
    found = [f"the plan of {season.id} commits to a secret"]
    questions: list[Question] = []
    if season.questions_sha256:
        questions = listed(directory, season)
        for one in questions:
            _ = arrays_of(directory, one)
        found.append(f"{len(questions)} questions have the hashes that they state")
    for place in answers or []:
        entry = read_entry(place)
        for one in questions:
            _ = sealed_answer(Path(place), entry, one, season)
        found.append(f"the entry {entry.name!r} has the answers that it sealed")
    if (directory / REVEALED).exists():
        shown_ = revealed(directory, season)
        names = {content["name"] for content in read_systems(shown_.file)}
        if not names == set(shown_.groups) == {one.id for one in questions}:
            raise CorruptDataError("the systems that were revealed are not those of the questions")
        found.append("the secret and the systems are those that were committed")
        if regrow:
            _regrow(season, shown_.secret, workers, progress)
            found.append("the secret gives the same questions and systems again, byte for byte")
    elif regrow:
        raise InputError(f"{season.id} is not revealed yet; nothing can be drawn again")
    return found


def _regrow(
    season: Season,
    secret: bytes,
    workers: int,
    progress: Callable[[int, int, str], None] | None,
) -> None:
    with tempfile.TemporaryDirectory(prefix="chaosbench-") as folder:
        place = Path(folder)
        made = draw(
            season, secret, place / "questions", place / "sealed", workers=workers,
            progress=progress,
        )  # fmt: skip
    if made != (season.questions_sha256, season.sealed_sha256):
        raise CorruptDataError(
            "the secret gives other questions here; they were edited, or this machine or its "
            f"libraries compute otherwise (made with {dict(season.made_with)})"
        )
