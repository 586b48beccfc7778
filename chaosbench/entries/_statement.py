"""What the authors of an entry say, and what its records say of themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from chaosbench.errors import InputError, shown
from chaosbench.evaluation import Record

__all__ = ["FORMAT", "NOT_PRETRAINED", "Statement", "facts_of"]

FORMAT = 1
"""Version of what a bundle means."""

NOT_PRETRAINED = "not pretrained"

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,47}")
_URL = re.compile(r"https?://[^\s<>\"']{1,300}")
_LICENSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .+()-]{0,99}")
AUTHORS_AT_MOST = 100
AUTHOR_AT_MOST = 200
TRAINED_ON_AT_MOST = 2000


@dataclass(frozen=True)
class Statement:
    """What the authors say of their entry.

    Attributes:
        name: of the entry and its directory: lower case letters, digits and hyphens.
        authors: one or more.
        url: where the method is described.
        license: of the entry's content, such as ``CC-BY-4.0``.
        trained_on: what the forecaster was trained on besides the task's training data.

    Raises:
        InputError: one of them is missing, too long, or no plain text.

    """

    name: str
    authors: tuple[str, ...]
    url: str
    license: str
    trained_on: str

    def __post_init__(self) -> None:
        for name in ("name", "url", "license", "trained_on"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"the {name} of an entry is a text")
        if not _NAME.fullmatch(self.name):
            raise InputError(
                "the name of an entry has at most 48 lower case letters, digits and hyphens, not "
                f"{shown(self.name)}"
            )
        if not isinstance(self.authors, tuple) or not 1 <= len(self.authors) <= AUTHORS_AT_MOST:
            raise InputError(f"an entry has 1 to {AUTHORS_AT_MOST} authors")
        for author in self.authors:
            _check_text("an author", author, AUTHOR_AT_MOST)
        if not _URL.fullmatch(self.url) or not self.url.isprintable():
            raise InputError(
                "the url of an entry begins with http:// or https:// and has no spaces or quotes, "
                f"not {shown(self.url)}"
            )
        if not _LICENSE.fullmatch(self.license):
            raise InputError(
                f"the license of an entry is a short name such as CC-BY-4.0, not "
                f"{shown(self.license)}"
            )
        _check_text("trained_on", self.trained_on, TRAINED_ON_AT_MOST)

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Statement:
        """Read a statement from the content of ``entry.toml``.

        Raises:
            InputError: it is none.

        """
        held: dict[str, Any] = {f.name: told.get(f.name) for f in fields(cls)}
        missing = [name for name, value in held.items() if value is None]
        if missing:
            raise InputError(f"it says no {' and no '.join(missing)}")
        authors = held.pop("authors")
        if not isinstance(authors, list):
            raise InputError("its authors are no list")
        return cls(authors=tuple(authors), **held)

    def to_dict(self) -> dict[str, Any]:
        """Return it as ``entry.toml`` has it."""
        return {f.name: getattr(self, f.name) for f in fields(self)} | {
            "authors": list(self.authors)
        }


def _check_text(what: str, value: object, at_most: int) -> None:
    if not isinstance(value, str) or not value.strip() or len(value) > at_most:
        raise InputError(f"{what} is a text of 1 to {at_most} characters, not {shown(value)}")
    if not value.isprintable() or re.search("[<>]", value):
        raise InputError(f"{what} is one line of plain text without markup, not {shown(value)}")


def facts_of(records: Iterable[Record]) -> dict[str, dict[str, str]]:
    """Return what records say of settings, code, exposure, data and machines, all as text.

    ``entry.toml`` repeats it for readers; `verify_entry` compares the two.
    """
    found: dict[str, dict[str, set[str]]] = {
        name: {}
        for name in ("configuration", "code", "exposure", "recipes", "environment", "versions")
    }

    def note(table: str, key: str, value: object) -> None:
        found[table].setdefault(key, set()).add(str(value))

    for record in records:
        label, told = record.forecaster, record.provenance
        tuned = told.get("tuned")
        config = tuned.get("from") if isinstance(tuned, dict) else record.config
        note("configuration", label, json.dumps(config, sort_keys=True, ensure_ascii=False))
        code = _table(told, "code")
        note("code", label, " ".join(str(code.get(k, "")) for k in ("package", "version", "hash")))
        note("exposure", label, record.exposure or NOT_PRETRAINED)
        note("recipes", f"{record.task} exam seed {record.exam_seed}", told.get("dataset", ""))
        for table in ("environment", "versions"):
            for key, value in _table(told, table).items():
                note(table, str(key), value)
    return {
        table: {key: "; ".join(sorted(values)) for key, values in rows.items()}
        for table, rows in found.items()
    }


def _table(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = told.get(name)
    return value if isinstance(value, dict) else {}
