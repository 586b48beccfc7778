"""The questions of a season: Parquet and JSON under opaque names, with nothing else in them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from chaosbench.datasets import StoredDataset, generate, write_trajectories
from chaosbench.errors import CorruptDataError, InputError, check_integer, shown
from chaosbench.evaluation.exam import load_exam
from chaosbench.evaluation.outside import Columns, stranger_table
from chaosbench.files import bounded, sha256, write_json
from chaosbench.seasons._plan import Season, read_season, write_season
from chaosbench.seasons._secret import read_secret
from chaosbench.seasons._systems import asked_systems, write_asked
from chaosbench.seasons._tasks import task_of
from chaosbench.systems import load_systems, origin_of
from chaosbench.systems import registry as systems
from chaosbench.systems.own import unload
from chaosbench.systems.written import read_systems
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = [
    "LIST", "SEALED", "Question", "arrays_of", "columns_of", "data_folder", "listed",
    "make_questions", "parsed_list", "read_questions", "truth_hash",
]  # fmt: skip

FOLDER = "questions"
LIST = "questions.json"
SEALED = "sealed.json"

LIST_AT_MOST = 8 * 2**20
QUESTIONS_AT_MOST = 20_000
VALUES_AT_MOST = 50_000_000
"""Numbers of one file of a question or an answer."""

_NAME = re.compile(r"q[0-9a-f]{12}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Question:
    """What is asked of one system.

    Attributes:
        id: opaque.
        dimension: variables, called ``x0`` and so on.
        discrete: whether it is a map, whose samples are its iterations.
        dt: sampling step.
        train_points: samples of the training trajectory.
        windows, context: number of contexts and samples of each.
        steps: to forecast after each context.
        train_sha256, contexts_sha256: of the files.

    """

    id: str
    dimension: int
    discrete: bool
    dt: float
    train_points: int
    windows: int
    context: int
    steps: int
    train_sha256: str
    contexts_sha256: str


def make_questions(
    directory: Path | str,
    secret: Path | str,
    sealed: Path | str,
    *,
    workers: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
) -> Season:
    """Draw the systems of a season, make their data and write the questions.

    What stays sealed until the reveal (systems, constants, truth) goes into a directory of its
    own. Both directories are named by hashes in ``season.toml``. The same secret gives the same
    bytes. An interrupted call goes on where it stopped.

    Args:
        directory: of the season.
        secret: file of the secret.
        sealed: directory for what stays sealed, outside of the season's.
        workers: processes.
        progress: called with (done, total, what).

    Raises:
        InputError: the secret is another one, the questions are there, or the sealed directory lies
            in the public one.

    """
    directory, sealed = Path(directory), Path(sealed)
    season, value = read_season(directory), read_secret(Path(secret))
    check_integer("workers", workers, 1)
    if not season.commits(value):
        raise InputError(f"{secret} is not the secret that {directory} commits to")
    if season.questions_sha256:
        raise InputError(f"the questions of {season.id} are made; `season verify` checks them")
    if sealed.resolve().is_relative_to(directory.resolve()):
        raise InputError("what is sealed must lie outside of the season's directory")
    made = draw(season, value, directory / FOLDER, sealed, workers=workers, progress=progress)
    season = replace(season, questions_sha256=made[0], sealed_sha256=made[1])
    write_season(directory, season)
    return season


def draw(
    season: Season,
    secret: bytes,
    questions: Path,
    sealed: Path,
    *,
    workers: int,
    progress: Callable[[int, int, str], None] | None = None,
) -> tuple[str, str]:
    """Write questions and what stays sealed; return the hashes of their lists."""
    asked = asked_systems(season, secret, workers=workers, progress=progress)
    file = write_asked(sealed, asked)
    groups = {one.name: one.group for one in asked}
    work = partial(_make, season, secret, groups, sealed, questions)
    found: list[Question] = []
    truth: dict[str, str] = {}
    for k, (question, answer) in enumerate(_each(work, list(groups), file, workers), 1):
        found.append(question)
        truth[question.id] = answer
        if progress is not None:
            progress(k, len(groups), "data")
    write_json(questions / LIST, {"format": "chaosbench-questions", "version": 1,
                                  "questions": [asdict(one) for one in found]})  # fmt: skip
    folder = file.with_suffix(".constants")
    content = {
        "groups": groups,
        "systems": sha256(file),
        "constants": {name: sha256(folder / f"{name}.json") for name in groups},
        "truth": truth,
    }
    write_json(sealed / SEALED, content)
    return sha256(questions / LIST), sha256(sealed / SEALED)


def _each(
    work: Callable[[str], tuple[Question, str]], names: Sequence[str], file: Path, workers: int
) -> Iterator[tuple[Question, str]]:
    if workers == 1:
        load_asked(file)
        yield from map(work, names)
        return
    with ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=_begin, initargs=(file,)
    ) as pool:
        try:
            yield from pool.map(work, names)
        finally:
            pool.shutdown(cancel_futures=True)


def _begin(file: Path) -> None:
    threadpool_limits(1)
    load_asked(file)


def load_asked(file: Path) -> None:
    """Register the systems of a season, in place of the same ones that lay elsewhere."""
    for content in read_systems(file):
        origin = origin_of(content["name"]) if content["name"] in systems else None
        if origin is not None and origin.file != file.resolve():
            unload(origin.file)
    load_systems(file)


def data_folder(sealed: Path, name: str) -> Path:
    """Return where the data of a question lie, truth included."""
    return sealed / "data" / name


def _make(
    season: Season, secret: bytes, groups: dict[str, str], sealed: Path, questions: Path, name: str
) -> tuple[Question, str]:
    """Make the data of one question and write what is public of them."""
    task = task_of(season, secret, name, groups[name])
    stored = generate(task.dataset, data_folder(sealed, name))
    exam = load_exam(stored, task)
    place = questions / name
    for file, values in {"train": exam.train, "contexts": exam.context}.items():
        write_trajectories(place / f"{file}.parquet", _plain(values, exam.dt))
    return (
        Question(
            id=name,
            dimension=int(exam.train.shape[2]),
            discrete=systems[name].discrete,
            dt=exam.dt,
            train_points=int(exam.train.shape[1]),
            windows=int(exam.context.shape[0]),
            context=int(exam.context.shape[1]),
            steps=exam.horizon,
            train_sha256=sha256(place / "train.parquet"),
            contexts_sha256=sha256(place / "contexts.parquet"),
        ),
        truth_hash(stored, name),
    )


def truth_hash(stored: StoredDataset, name: str) -> str:
    """Return the SHA-256 of the numbers of a truth; how its file holds them may change."""
    values = np.ascontiguousarray(stored.load(name, "test").values, dtype="<f8")
    return hashlib.sha256(repr(values.shape).encode() + values.tobytes()).hexdigest()


def _plain(values: FloatArray, dt: float) -> Trajectories:
    """Return trajectories whose times begin at 0, so that they tell nothing."""
    names = tuple(f"x{i}" for i in range(values.shape[2]))
    return Trajectories(values, dt, names, np.zeros(len(values)))


def listed(directory: Path | str, season: Season) -> list[Question]:
    """Read the list of the questions and check it against its hash in the plan.

    Raises:
        CorruptDataError: it is missing, or another one.

    """
    path = Path(directory) / FOLDER / LIST
    data = bounded(path, LIST_AT_MOST)
    if hashlib.sha256(data).hexdigest() != season.questions_sha256:
        raise CorruptDataError(
            f"{path} is not the list of questions that season.toml names by its SHA-256"
        )
    return parsed_list(data, path)


def read_questions(directory: Path | str) -> list[Question]:
    """Return the questions of a season.

    Raises:
        InputError: they are not made yet.
        CorruptDataError: their list is missing or another one.

    """
    season = read_season(directory)
    if not season.questions_sha256:
        raise InputError(f"the questions of {season.id} are not made yet")
    return listed(directory, season)


def parsed_list(data: bytes, path: Path) -> list[Question]:
    """Check what a list of questions says."""
    try:
        held = json.loads(data)
        entries = held["questions"]
        if held["format"] != "chaosbench-questions" or held["version"] != 1:
            raise ValueError("it is of another format")
        if not isinstance(entries, list) or len(entries) > QUESTIONS_AT_MOST:
            raise ValueError("it has no list of questions")
        found = [_question(entry) for entry in entries]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptDataError(f"{path} lists no questions: {shown(str(error), 100)}") from error
    if len({one.id for one in found}) < len(found):
        raise CorruptDataError(f"{path} lists a question twice")
    return found


def _question(entry: Any) -> Question:
    if not isinstance(entry, dict) or entry.keys() != {one.name for one in fields(Question)}:
        raise ValueError("an entry is no question")
    made = Question(**entry)
    whole = (made.dimension, made.train_points, made.windows, made.context, made.steps)
    if not all(type(v) is int and 0 < v <= 10**6 for v in whole) or made.dimension > 256:
        raise ValueError(f"{shown(made.id)} has sizes that no question has")
    sizes = (made.train_points, made.windows * made.context, made.windows * made.steps)
    if max(sizes) * made.dimension > VALUES_AT_MOST:
        raise ValueError(f"{shown(made.id)} is larger than a question may be")
    if not isinstance(made.id, str) or not _NAME.fullmatch(made.id):
        raise ValueError(f"{shown(made.id)} is no name of a question")
    hashes = (made.train_sha256, made.contexts_sha256)
    if not all(isinstance(v, str) and _HASH.fullmatch(v) for v in hashes):
        raise ValueError(f"{made.id} states no hashes")
    if not (isinstance(made.dt, float) and 0 < made.dt < 1e6 and isinstance(made.discrete, bool)):
        raise ValueError(f"{made.id} has no sampling step")
    return made


def columns_of(question: Question, first: str) -> Columns:
    """Return the columns of a file of a question or an answer; `first` counts its pieces."""
    real = ("double", "float")
    whole = ("int32", "int64")
    values = {f"x{i}": real for i in range(question.dimension)}
    more = {"time": real} if first == "trajectory" else {}
    return {first: whole, "step": whole, **more, **values}


def arrays_of(directory: Path | str, question: Question) -> tuple[FloatArray, FloatArray]:
    """Return the training data ``(1, T, d)`` and the contexts ``(w, C, d)`` of a question.

    Raises:
        CorruptDataError: a file is missing or is not the one that the list names.

    """
    place = Path(directory) / FOLDER / question.id
    found = []
    for file, pieces, length, stated in (
        ("train", 1, question.train_points, question.train_sha256),
        ("contexts", question.windows, question.context, question.contexts_sha256),
    ):
        found.append(
            stranger_table(
                place / f"{file}.parquet", columns_of(question, "trajectory"), pieces, length,
                stated=stated, skip=3,
            )
        )  # fmt: skip
    return found[0], found[1]
