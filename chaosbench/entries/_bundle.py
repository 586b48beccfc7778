"""A bundle: a directory of Parquet and TOML that a stranger may have made.

::

    entry.toml               the authors' statement, and what the records say of themselves
    files.toml               SHA-256 of every other file
    records.parquet          one Record a cell
    forecasts/CELL.parquet   a column a variable, a row a step, window after window
    samples/CELL.parquet     the same, draw after draw, where the forecaster drew some
    polynomials/CELL.parquet exponents and coefficients, where its equation is a polynomial

Nothing is read before its name, its kind and its size are known to be those of a bundle, and
nothing is used before its hash is. The name of a cell is made from its Record, never the other way.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chaosbench.entries._numbers import names_in, read_numbers
from chaosbench.entries._statement import FORMAT, Statement, facts_of
from chaosbench.errors import CorruptDataError, InputError
from chaosbench.evaluation import Answer, Record, Records, answer_hash, escaped, key_of, read_file
from chaosbench.files import file_name
from chaosbench.pages import TooMuchError, content_of
from chaosbench.provenance import digest
from chaosbench.toml import parse_toml
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = [
    "ENTRY", "FILES", "KINDS", "RECORDS", "Bundle", "cell_of", "check_label", "is_bundle",
    "open_bundle", "read_entry",
]  # fmt: skip

ENTRY, FILES, RECORDS = "entry.toml", "files.toml", "records.parquet"
KINDS = ("forecasts", "samples", "polynomials")

FILES_AT_MOST = 10_000
TOML_AT_MOST = 2**20
"""Bytes of one TOML file; the hashes of ten thousand files take as much."""

FILE_AT_MOST = 256 * 2**20
BUNDLE_AT_MOST = 4 * 2**30

NUMBERS_AT_MOST = 2**27
"""Numbers of one table: a gibibyte in memory."""

TERMS_AT_MOST = 100_000
"""Terms of a polynomial."""

EXAMS_AT_MOST = 1000
"""Datasets that a verification makes."""

_FILE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,239}\.parquet")
_HASH = re.compile(r"[0-9a-f]{64}")
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,64}(:[^<>]{1,2000}?)?( \(tuned [0-9]{1,6}\))?")


def is_bundle(path: Path | str) -> bool:
    """Say whether a directory claims to be a bundle."""
    return os.path.lexists(Path(path) / ENTRY) or os.path.lexists(Path(path) / FILES)


def cell_of(record: Record) -> str:
    """Return what the files of a Record are called in its bundle."""
    name = record.forecaster.partition(" (tuned ")[0].partition(":")[0]
    key = digest([record.task, record.forecaster, record.seed, record.exam_seed], 16)
    return f"{file_name(record.task)}--{file_name(name)}--{key}"


def check_label(record: Record) -> None:
    """Refuse what is no label of a forecaster, or that of one that was given the equation.

    Raises:
        InputError: it is.

    """
    if record.privileged:
        raise InputError(
            f"{record.forecaster!r} was given the equation: a ceiling is nobody's entry"
        )
    if not _LABEL.fullmatch(record.forecaster) or not record.forecaster.isprintable():
        raise InputError(f"{record.forecaster[:80]!r} is no label of a forecaster")


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files are those that it lists; each is checked again when it is read.

    Attributes:
        path: its directory.
        statement: what its authors say.
        facts: what its ``entry.toml`` says that its records say.
        files: the hash of each file.
        records: in the order of their file.
        hash: of ``files.toml``, and so of all of it.

    """

    path: Path
    statement: Statement
    facts: Mapping[str, Any]
    files: Mapping[str, str]
    records: tuple[Record, ...]
    hash: str

    what = "bundle"

    def answered(self, cell: str) -> bool:
        """Say whether the bundle keeps a forecast of a cell."""
        return f"forecasts/{cell}.parquet" in self.files

    def answer(
        self,
        cell: str,
        *,
        dt: float,
        variables: tuple[str, ...] | None,
        windows: int,
        steps: int | None = None,
    ) -> Answer:
        """Read what a cell answered: so many windows, steps and variables.

        Without `variables` or `steps` there may be any number of them.

        Raises:
            CorruptDataError: it is not there, or something else is.

        """
        place = f"forecasts/{cell}.parquet"
        if place not in self.files:
            raise CorruptDataError(f"the bundle keeps no {place}")
        data = self._content(place)
        if variables is None:
            variables = tuple(names_in(data, place))
        rows = None if steps is None else windows * steps
        values = read_numbers(
            data, place, variables, rows=rows, at_most=_rows_at_most(len(variables))
        )
        if not len(values) or len(values) % windows:
            raise CorruptDataError(f"{place} does not hold {windows} windows")
        shape = windows, len(values) // windows, len(variables)
        return Answer(
            Trajectories(values.reshape(shape), dt, variables),
            self._samples(cell, variables, shape),
            self._polynomial(cell, variables),
        )

    def _samples(
        self, cell: str, variables: tuple[str, ...], shape: tuple[int, int, int]
    ) -> FloatArray | None:
        place = f"samples/{cell}.parquet"
        if place not in self.files:
            return None
        drawn = read_numbers(
            self._content(place), place, variables, rows=None,
            at_most=_rows_at_most(len(variables)),
        )  # fmt: skip
        if not len(drawn) or len(drawn) % (shape[0] * shape[1]):
            raise CorruptDataError(f"{place} does not hold samples of its forecast")
        return drawn.reshape(-1, *shape)

    def _polynomial(
        self, cell: str, variables: tuple[str, ...]
    ) -> tuple[FloatArray, FloatArray] | None:
        place, d = f"polynomials/{cell}.parquet", len(variables)
        if place not in self.files:
            return None
        names = polynomial_names(variables)
        held = read_numbers(self._content(place), place, names, rows=None, at_most=TERMS_AT_MOST)
        return held[:, :d], held[:, d:]

    def _content(self, place: str) -> bytes:
        return _checked(self.path, place, FILE_AT_MOST, self.files[place])


def polynomial_names(variables: tuple[str, ...]) -> list[str]:
    """Return the columns of a polynomial's table."""
    return [f"{kind}_{name}" for kind in ("power", "coefficient") for name in variables]


def open_bundle(path: Path | str) -> Bundle:
    """Open a bundle: its files are those that it lists, and its records name no others.

    Raises:
        CorruptDataError: it is none; the message says why.

    """
    path = Path(path)
    try:
        return _opened(path)
    except (CorruptDataError, TooMuchError) as error:
        raise CorruptDataError(f"{escaped(str(path))}: {escaped(str(error))}") from error
    except InputError as error:
        raise CorruptDataError(f"{escaped(str(path))}: {ENTRY}: {escaped(str(error))}") from error


def _opened(path: Path) -> Bundle:
    sizes = _listed(path)
    for name in (ENTRY, FILES, RECORDS):
        if name not in sizes:
            raise CorruptDataError(f"it holds no {name}; a bundle is what chaosbench submit writes")
    listing = _content(path, FILES, TOML_AT_MOST)
    files = _table(FILES, listing)
    for name, value in files.items():
        if not isinstance(value, str) or not _HASH.fullmatch(value):
            raise CorruptDataError(f"{FILES} holds {name[:80]!r}, which is no file with a SHA-256")
    there = set(sizes) - {FILES}
    for names, words in ((set(files) - there, "lists"), (there - set(files), "does not list")):
        if names:
            raise CorruptDataError(f"{FILES} {words} {min(names)[:240]!r}: {_gone(words)}")
    told = _table(ENTRY, _checked(path, ENTRY, TOML_AT_MOST, files[ENTRY]))
    if told.pop("format", None) != FORMAT:
        raise CorruptDataError(f"{ENTRY} is not of format {FORMAT}, which this version reads")
    statement = Statement.of(told)
    facts = {key: value for key, value in told.items() if key not in statement.to_dict()}
    _checked(path, RECORDS, FILE_AT_MOST, files[RECORDS])
    records = tuple(_records(path))
    _check_cells(records, files)
    expected = facts_of(records)
    for key in sorted({*facts, *expected}):
        if facts.get(key) != expected.get(key):
            raise CorruptDataError(f"{ENTRY} and the records disagree on {key[:80]!r}")
    made = hashlib.sha256(listing).hexdigest()
    return Bundle(path, statement, facts, files, records, made)


def _gone(words: str) -> str:
    return "it is not there" if words == "lists" else "it was added later"


def _table(name: str, data: bytes) -> dict[str, Any]:
    try:
        return parse_toml(data.decode("utf-8"))
    except ValueError as error:
        raise CorruptDataError(f"{name} cannot be read as TOML: {str(error)[:200]}") from error


def _records(path: Path) -> Iterator[Record]:
    for record in read_file(path / RECORDS):
        check_label(record)
        if not record.sealed or not record.question:
            raise CorruptDataError(
                f"the record of {record.forecaster!r} on {record.task} has no hash of its question"
            )
        yield record


def _check_cells(records: tuple[Record, ...], files: Mapping[str, str]) -> None:
    """Refuse two records of one cell, and answers of none."""
    known: dict[tuple[object, ...], Record] = {}
    for record in records:
        if known.setdefault(key_of(record), record) is not record:
            raise CorruptDataError(
                f"two records are of {record.forecaster!r} on {record.task} with seed "
                f"{record.seed}; a bundle has one a cell"
            )
    if len({(record.task, record.exam_seed) for record in records}) > EXAMS_AT_MOST:
        raise CorruptDataError(f"the records are of more than {EXAMS_AT_MOST:,} exams")
    cells = {cell_of(record): record for record in records}
    for name in files:
        kind, _, file = name.rpartition("/")
        owner = cells.get(file.removesuffix(".parquet"))
        if kind and owner is None:
            raise CorruptDataError(f"{name} belongs to none of the records")
        if owner is not None and not owner.forecast:
            raise CorruptDataError(f"{name} is of a cell whose record has no forecast")
    for cell, record in cells.items():
        if record.forecast and f"forecasts/{cell}.parquet" not in files:
            raise CorruptDataError(
                f"the forecast of {record.forecaster!r} on {record.task} with seed {record.seed} "
                "is missing"
            )


def _listed(path: Path) -> dict[str, int]:
    """Return the size of every file; what no bundle has is refused without a look into it."""
    if path.is_symlink():
        raise CorruptDataError("it is a link; give the directory itself")
    if not path.is_dir():
        raise CorruptDataError("it is no directory; give a bundle")
    found: dict[str, int] = {}
    total = 0
    for folder in ("", *KINDS):
        place = path / folder
        if folder and (place.is_symlink() or not place.is_dir()):
            if os.path.lexists(place):
                raise CorruptDataError(f"{folder} is no directory")
            continue
        with os.scandir(place) as entries:
            for entry in entries:
                if not folder and entry.name in KINDS:
                    continue
                name = f"{folder}/{entry.name}" if folder else entry.name
                if entry.is_symlink():
                    raise CorruptDataError(f"{name[:240]!r} is a link; a bundle has none")
                if not entry.is_file(follow_symlinks=False):
                    raise CorruptDataError(f"{name[:240]!r} is no regular file")
                known = _FILE.fullmatch(entry.name) if folder else name in (ENTRY, FILES, RECORDS)
                if not known:
                    raise CorruptDataError(f"{name[:240]!r} is no file of a bundle")
                found[name] = entry.stat(follow_symlinks=False).st_size
                total += found[name]
                if found[name] > FILE_AT_MOST or total > BUNDLE_AT_MOST:
                    raise CorruptDataError(
                        f"{name!r} is too large: a file has at most {FILE_AT_MOST >> 20} MiB and a "
                        f"bundle {BUNDLE_AT_MOST >> 30} GiB"
                    )
                if len(found) > FILES_AT_MOST:
                    raise CorruptDataError(f"it holds more than {FILES_AT_MOST:,} files")
    return found


def _content(path: Path, place: str, at_most: int) -> bytes:
    try:
        return content_of(path / place, at_most, "a file of a bundle", follow=False)
    except TooMuchError as error:
        raise CorruptDataError(f"{place} {error}") from error
    except OSError as error:
        raise CorruptDataError(f"{place} cannot be read: {error.strerror}") from error


def _checked(path: Path, place: str, at_most: int, expected: str) -> bytes:
    data = _content(path, place, at_most)
    if hashlib.sha256(data).hexdigest() != expected:
        raise CorruptDataError(f"{place} is not the file that {FILES} lists: its SHA-256 differs")
    return data


def _rows_at_most(columns: int) -> int:
    return NUMBERS_AT_MOST // max(1, columns)


def read_entry(path: Path | str) -> Records:
    """Read the Records of a bundle for a board, each compared with the forecast that is kept.

    No truth is made and nothing is scored; `verify_entry` does that.

    Raises:
        CorruptDataError: it is no bundle.
        InputError: a forecast is not the one that its Record was made from.

    """
    bundle = open_bundle(path)
    for record in bundle.records:
        if record.forecast and not is_bound(bundle, record):
            raise InputError(
                f"{escaped(str(path))}: the forecast of {record.forecaster!r} on {record.task} "
                f"with seed {record.seed} is not the one that its record was made from"
            )
    return Records(bundle.records)


def is_bound(bundle: Bundle, record: Record) -> bool:
    """Say whether the forecast that a bundle keeps is the one that a Record was made from."""
    windows = max((len(v) for v in record.window_scores.values()), default=0)
    if not windows:
        return False
    answer = bundle.answer(cell_of(record), dt=1.0, variables=None, windows=windows)
    return bool(np.size(answer.values.values)) and answer_hash(answer) == record.forecast
