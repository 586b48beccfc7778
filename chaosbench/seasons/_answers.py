"""Answers: a Parquet file a question, facts in JSON, and an entry that seals them by hash."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from chaosbench.errors import CorruptDataError, InputError, check_integer, shown
from chaosbench.evaluation import Budget, spec_of
from chaosbench.evaluation.outside import Asking, answered, stranger_table
from chaosbench.files import bounded, whole, write_json, write_text
from chaosbench.isolation.outcome import STATUSES, Outcome, Status
from chaosbench.isolation.process import WorkerProcess
from chaosbench.seasons._plan import REVEALED, Season, read_season
from chaosbench.seasons._questions import Question, arrays_of, columns_of, read_questions
from chaosbench.seasons._toml import checked_text, read_toml
from chaosbench.text import printable
from chaosbench.toml import toml_text
from chaosbench.trajectories import FloatArray

__all__ = ["ENTRY", "Entry", "answer", "answer_of", "enter", "read_entry", "sealed_answer",
           "write_answer"]  # fmt: skip

ENTRY, FACTS = "entry.toml", "answers.json"
ENTRY_AT_MOST = 4 * 2**20
FACTS_AT_MOST = 16 * 2**20
FORMAT, VERSION = "chaosbench-answers", 1
ENTRY_FORMAT = "chaosbench-season-entry"

COSTS = ("fit_seconds", "predict_seconds", "cpu_seconds", "peak_memory_mib")
COST_AT_MOST = 1e9

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+:=,() -]{0,79}")
_FILE = re.compile(r"q[0-9a-f]{12}\.parquet|answers\.json")
_HASH = re.compile(r"[0-9a-f]{64}")

Progress = Callable[[int, int, str], None]


def answer(
    directory: Path | str,
    forecaster: str,
    out: Path | str,
    *,
    plugins: Sequence[Path | str] = (),
    seed: int = 0,
    budget: Budget | None = None,
    workers: int = 1,
    require: str = "",
    hidden: Sequence[Path | str] = (),
    progress: Progress | None = None,
) -> None:
    """Have a forecaster answer every question, each in a confined process of its own.

    The isolation is that of a run. Questions that are answered already are left as they are.

    Args:
        directory: of the season.
        forecaster: ``name`` or ``name:setting=value``.
        out: directory for the answers.
        plugins: Python files that define forecasters.
        seed: given to `fit`.
        budget: of each question.
        workers: questions at a time.
        require: ``"strong"`` to refuse less isolation.
        hidden: folders that no process may see.
        progress: called with (done, total, question).

    """
    season, questions, out = read_season(directory), read_questions(directory), Path(out)
    check_integer("seed", seed, 0)
    check_integer("workers", workers, 1)
    spec = spec_of(forecaster, plugins=plugins)
    head = {"format": FORMAT, "version": VERSION, "season": season.id,
            "questions_sha256": season.questions_sha256, "forecaster": spec.label,
            "config": dict(spec.config), "seed": seed}  # fmt: skip
    known = _facts(out) if (out / FACTS).is_file() else {}
    if known and {k: known.get(k) for k in head} != json.loads(json.dumps(head)):
        raise InputError(f"{out} holds answers of another forecaster, seed or season")
    done: dict[str, Any] = dict(known.get("answers", {}))
    budget = budget or Budget()
    closed = [*hidden, out]

    def work(question: Question) -> Outcome:
        train, contexts = arrays_of(directory, question)
        server = WorkerProcess(budget, closed, require=require)
        asking = Asking(question.dt, question.steps, question.discrete)
        try:
            return answered(server, spec, asking, train, contexts, seed=seed)
        finally:
            server.close()

    todo = [one for one in questions if one.id not in done]
    with ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(work, one): one for one in todo}
        try:
            for future in as_completed(futures):
                one, outcome = futures[future], future.result()
                if outcome.values is not None:
                    write_answer(out / f"{one.id}.parquet", outcome.values)
                done[one.id] = _noted(outcome)
                write_json(out / FACTS, head | {"answers": done})
                if progress is not None:
                    progress(len(done), len(questions), one.id)
        finally:
            pool.shutdown(cancel_futures=True)


def _noted(outcome: Outcome) -> dict[str, Any]:
    costs = {name: value for name, value in outcome.costs.items() if math.isfinite(value)}
    return {
        "status": outcome.status, "message": printable(outcome.message, 300), **costs,
        "confinement": printable(outcome.confinement, 300),
    }  # fmt: skip


def write_answer(path: Path, values: FloatArray) -> None:
    """Write the forecasts ``(w, H, d)`` of a question: columns window, step from 1, x0, x1, …."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    windows, steps, d = values.shape
    columns: dict[str, Any] = {
        "window": np.repeat(np.arange(windows, dtype=np.int32), steps),
        "step": np.tile(np.arange(1, steps + 1, dtype=np.int32), windows),
    }
    columns |= {f"x{i}": np.ascontiguousarray(values[:, :, i]).ravel() for i in range(d)}
    with whole(path) as place:
        pq.write_table(pa.table(columns), place, compression="zstd")


@dataclass(frozen=True)
class Entry:
    """Who answered, and the hashes of the answers.

    Attributes:
        name: label on the board.
        season: id of the season.
        questions_sha256: of the list of questions that was answered.
        authors, url, license, trained_on: as the entrant says.
        files: SHA-256 by name of file.

    """

    name: str
    season: str
    questions_sha256: str
    authors: str = ""
    url: str = ""
    license: str = ""
    trained_on: str = ""
    files: Mapping[str, str] = field(default_factory=dict)


def enter(
    directory: Path | str, answers: Path | str, name: str, *, authors: str = "", url: str = "",
    license: str = "", trained_on: str = "",  # noqa: A002
) -> Entry:  # fmt: skip
    """Seal answers by the hashes of their files in ``entry.toml``, which is published at once.

    Every file is checked to be an answer first.

    Raises:
        InputError: the season is revealed, the answers are sealed, or there are none.
        CorruptDataError: a file is no answer.

    """
    answers = Path(answers)
    season, questions = read_season(directory), read_questions(directory)
    if (Path(directory) / REVEALED).exists():
        raise InputError(f"{season.id} is revealed; an entry must be sealed before")
    if (answers / ENTRY).exists():
        raise InputError(f"{answers} is sealed already; answer into another directory")
    files: dict[str, str] = {}
    for one in questions:
        path = answers / f"{one.id}.parquet"
        if path.is_symlink() or path.exists():
            _ = answer_of(path, one, "")
            files[path.name] = _sha256(path, one)
    if not files:
        raise InputError(f"{answers} holds no answer, such as {questions[0].id}.parquet")
    if (answers / FACTS).exists():
        _ = _facts(answers)
        files[FACTS] = hashlib.sha256(bounded(answers / FACTS, FACTS_AT_MOST)).hexdigest()
    entry = Entry(name, season.id, season.questions_sha256, authors, url, license, trained_on,
                  files)  # fmt: skip
    _check(entry)
    write_text(answers / ENTRY, _text(entry))
    return entry


def _sha256(path: Path, question: Question) -> str:
    at_most = (3 + question.dimension) * 8 * question.windows * question.steps + 2**20
    return hashlib.sha256(bounded(path, at_most)).hexdigest()


def answer_of(path: Path, question: Question, stated: str) -> FloatArray:
    """Return the forecasts ``(w, H, d)`` of a file; see `write_answer`.

    Raises:
        CorruptDataError: it is no answer to the question, or does not have the stated hash.

    """
    return stranger_table(
        path, columns_of(question, "window"), question.windows, question.steps, stated=stated,
        first=1,
    )  # fmt: skip


def _text(entry: Entry) -> str:
    head = {"format": ENTRY_FORMAT, "version": VERSION}
    values = {k: v for k, v in vars(entry).items() if k != "files"}
    return toml_text(head | values | {"files": dict(sorted(entry.files.items()))})


def read_entry(answers: Path | str) -> Entry:
    """Read ``entry.toml`` of a directory of answers.

    Raises:
        CorruptDataError: there is none, or not a valid one.

    """
    path = Path(answers) / ENTRY
    held = read_toml(path, ENTRY_AT_MOST)
    if held.pop("format", None) != ENTRY_FORMAT or held.pop("version", None) != VERSION:
        raise CorruptDataError(f"{printable(str(path))} is no entry of version {VERSION}")
    try:
        entry = Entry(**held)
    except TypeError as error:
        raise CorruptDataError(
            f"{printable(str(path))} lacks an entry or has an unknown one"
        ) from error
    _check(entry)
    return entry


def _check(entry: Entry) -> None:
    if not isinstance(entry.name, str) or not _LABEL.fullmatch(entry.name):
        raise CorruptDataError(
            "the name of an entry has up to 80 letters, digits and _.+:=,()- , not "
            f"{shown(entry.name)}"
        )
    for what in ("season", "questions_sha256", "authors", "url", "license", "trained_on"):
        checked_text(f"{what} of an entry", getattr(entry, what), 1000)
    if not isinstance(entry.files, Mapping):
        raise CorruptDataError("an entry lists its files in a table")
    for name, stated in entry.files.items():
        if not _FILE.fullmatch(name):
            raise CorruptDataError(f"an entry has no file {shown(name)}; they are QUESTION.parquet")
        if not isinstance(stated, str) or not _HASH.fullmatch(stated):
            raise CorruptDataError(f"the entry states no SHA-256 for {name}")


def sealed_answer(
    answers: Path, entry: Entry, question: Question, season: Season
) -> tuple[Outcome, dict[str, Any]]:
    """Return what an entry answered to a question, checked against its seal, and its facts.

    Raises:
        CorruptDataError: a file is not the sealed one, or was added or taken away.

    """
    if (entry.season, entry.questions_sha256) != (season.id, season.questions_sha256):
        raise CorruptDataError(f"the entry {entry.name!r} answers other questions")
    facts = _facts_of(answers, entry).get(question.id, {})
    costs = {name: facts[name] for name in COSTS if name in facts}
    file = f"{question.id}.parquet"
    told = facts.get("status", "ok")
    if file not in entry.files:
        if (answers / file).exists():
            raise CorruptDataError(f"{file} of {entry.name!r} was added after the entry was sealed")
        failures: list[Status] = [one for one in STATUSES if one == told and one != "ok"]
        failure = failures[0] if failures else "invalid"
        message = facts.get("message") or "there is no answer to this question"
        return Outcome(failure, message, costs=costs), facts
    values = answer_of(answers / file, question, entry.files[file])
    if np.isfinite(values).all():
        return Outcome("ok", values=values, costs=costs), facts
    message = "the forecast is not finite everywhere"
    return Outcome("diverged", message, values=values, costs=costs), facts


def _facts_of(answers: Path, entry: Entry) -> dict[str, dict[str, Any]]:
    if FACTS not in entry.files:
        return {}
    found: dict[str, dict[str, Any]] = _facts(answers, entry.files[FACTS])["answers"]
    return found


def _facts(answers: Path, stated: str = "") -> dict[str, Any]:
    """Read the facts beside answers: status, message and costs of each, all optional."""
    path = answers / FACTS
    data = bounded(path, FACTS_AT_MOST)
    if stated and hashlib.sha256(data).hexdigest() != stated:
        raise CorruptDataError(f"{printable(str(path))} does not have the SHA-256 that is stated")
    try:
        held = json.loads(data)
        entries = held["answers"]
        if held["format"] != FORMAT or held["version"] != VERSION:
            raise ValueError("it is of another format")
        for name, facts in entries.items():
            if not _FILE.fullmatch(f"{name}.parquet") or not isinstance(facts, dict):
                raise ValueError(f"{shown(name)} is no question")
            for key in ("status", "message", "confinement"):
                checked_text(f"{key} of {name}", facts.get(key, ""))
            for key in COSTS:
                cost = facts.get(key, 0.0)
                if type(cost) not in (int, float) or not 0 <= cost <= COST_AT_MOST:
                    raise ValueError(f"{key} of {name} is no cost")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptDataError(
            f"{printable(str(path))} holds no facts about answers: {shown(str(error), 100)}"
        ) from error
    return held  # type: ignore[no-any-return]
