"""Making the files of a recipe, or finishing them."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from chaosbench.datasets._describe import write_cards
from chaosbench.datasets._files import LAYOUT, write_columns
from chaosbench.datasets._make import make_elsewhere, make_files
from chaosbench.datasets._parts import Job, bytes_of, jobs_of
from chaosbench.datasets._recipe import SPLITS, Dataset, Pace
from chaosbench.datasets._store import (
    COLUMNS,
    FOLDER,
    MANIFEST,
    OLD_RECIPE,
    RECIPE,
    StoredDataset,
    manifest_of,
    seal,
    verify,
)
from chaosbench.errors import CorruptDataError, InputError
from chaosbench.files import claim, held, sha256, whole, write_json
from chaosbench.provenance import versions
from chaosbench.systems.own import loaded_files

__all__ = ["Tally", "generate", "size_of"]

PARTS = "_parts.jsonl"
"""The finished files of an unfinished dataset, one line per file."""

AHEAD = 2
"""Jobs per worker that are handed out at a time: the results of more would fill the memory."""


@dataclass
class Tally:
    """How far a generation is; it is filled in while it goes on.

    Attributes:
        rows, bytes: that the dataset is to have; the bytes are an estimate.
        rows_done: rows made so far in this call.
        bytes_done: bytes of their files.

    """

    rows: int = 0
    bytes: int = 0
    rows_done: int = 0
    bytes_done: int = 0


@dataclass
class _Plan:
    """What a dataset consists of."""

    paces: dict[str, Pace]
    jobs: list[Job]
    sizes: dict[Job, tuple[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, dataset: Dataset) -> _Plan:
        paces = {name: dataset.pace(name) for name in dataset.systems}
        jobs = [job for name in dataset.systems for job in jobs_of(dataset, name, paces[name])]
        sizes = {job: bytes_of(dataset, job, paces[job.system]) for job in jobs}
        return cls(paces, jobs, sizes)


def size_of(dataset: Dataset) -> tuple[int, int]:
    """Return the rows of a dataset that is not made yet, and about how many bytes it takes."""
    sizes = _Plan.of(dataset).sizes.values()
    return sum(rows for rows, _ in sizes), sum(size for _, size in sizes)


def generate(
    dataset: Dataset,
    directory: Path | str,
    *,
    workers: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
    executor: Executor | None = None,
    tally: Tally | None = None,
) -> StoredDataset:
    """Make a dataset's files, or finish making them; what is there already is verified.

    The work is cut into parts of bounded size, so memory does not grow with the dataset. Each file
    appears whole, and is then noted as finished; a process that is killed loses what it was
    working on and no more. A second process that makes the same dataset waits for the first.

    Args:
        dataset: the recipe.
        directory: new, empty, or holding the same recipe.
        workers: threads; they change the time, never a byte.
        progress: called with (files done, files in all, what).
        executor: makes the parts instead of threads, on other machines, such as
            `dask.distributed.Client.get_executor()`; `workers` is then how many it makes at a time.
            Their files come back here, so no folder is shared. A trajectory of several files is
            made here, one after another.
        tally: filled in with sizes and progress.

    Raises:
        RecipeMismatchError: the directory holds something else; nothing is touched.
        CorruptDataError: a file there does not match its manifest.
        InputError: the disk has no room for the dataset.

    """
    if not isinstance(dataset, Dataset):
        raise InputError(
            "a Dataset is expected, such as Dataset(systems=('lorenz',)), not a value of type "
            f"{type(dataset).__name__}"
        )
    directory = Path(directory)
    owner = {"hash": dataset.hash, "recipe": dataset.recipe()}
    if manifest_of(directory).is_file():
        _claim(directory, owner)
        return _finished_one(dataset, directory)
    if not directory.exists():
        directory.mkdir(parents=True, exist_ok=True)
    if not directory.is_dir():
        _claim(directory, owner)  # which refuses it
    with held(directory, lambda: progress and progress(0, 1, "waiting for another process")):
        _claim(directory, owner)
        if manifest_of(directory).is_file():  # another process has made it meanwhile
            return _finished_one(dataset, directory)
        if (directory / OLD_RECIPE).is_file():
            _clear_older(dataset, directory)
        return _make(dataset, directory, workers, progress, executor, tally or Tally())


def _claim(directory: Path, owner: dict[str, Any]) -> None:
    """Take the directory for a recipe, by the file that an older version used where it is there."""
    older = (directory / OLD_RECIPE).is_file()
    claim(directory, OLD_RECIPE if older else RECIPE, owner, what="dataset", by=["hash"])


def _finished_one(dataset: Dataset, directory: Path) -> StoredDataset:
    """Verify a finished dataset."""
    stored = verify(directory)
    if stored.hash != dataset.hash:
        raise CorruptDataError(
            f"{manifest_of(directory)} is that of the dataset {stored.hash}, but its directory "
            f"belongs to {dataset.hash}; delete the directory and generate the data again"
        )
    return stored


def _clear_older(dataset: Dataset, directory: Path) -> None:
    """Remove what an older version began: its files would lie among the new ones."""
    for name in dataset.systems:
        for split in SPLITS:
            (directory / name / f"{split}.parquet").unlink(missing_ok=True)
        with suppress(OSError):
            (directory / name).rmdir()
    (directory / OLD_RECIPE).replace(directory / RECIPE)


def _make(
    dataset: Dataset,
    directory: Path,
    workers: int,
    progress: Callable[[int, int, str], None] | None,
    executor: Executor | None,
    tally: Tally,
) -> StoredDataset:
    """Make what is missing in a directory that this process holds."""
    plan = _Plan.of(dataset)
    _sweep(directory)
    files = _finished(directory)
    wanted = [relative for job in plan.jobs for relative in job.files]
    files = {relative: files[relative] for relative in wanted if relative in files}
    tally.rows = sum(rows for rows, _ in plan.sizes.values())
    tally.bytes = sum(size for _, size in plan.sizes.values())
    todo = [job for job in plan.jobs if any(path not in files for path in job.files)]
    _check_room(directory, sum(plan.sizes[job][1] for job in todo))

    guard = Lock()

    def note(relative: str, entry: dict[str, Any], what: str) -> None:
        with guard:
            _note(directory, relative, entry)
            files[relative] = entry
            tally.rows_done += entry["rows"]
            tally.bytes_done += entry["bytes"]
            if progress is not None:
                progress(len(files), len(wanted), what)

    _run(dataset, plan, todo, directory, frozenset(files), max(1, workers), executor, note)
    manifest: dict[str, Any] = {
        "hash": dataset.hash,
        "layout": LAYOUT,
        "recipe": dataset.recipe(),
        "paces": {
            name: {
                "dt": pace.dt,
                "horizon": pace.horizon,
                "lyapunov_exponent": pace.lyapunov_exponent,
            }
            for name, pace in plan.paces.items()
        },
        "files": files,
        "provenance": {"versions": versions()},
    }
    manifest |= _write_columns(dataset, directory, plan, files)
    manifest["checksum"] = seal(manifest)
    stored = StoredDataset(directory, manifest)
    write_cards(stored)
    write_json(directory / MANIFEST, manifest)
    (directory / PARTS).unlink(missing_ok=True)
    return stored


def _write_columns(
    dataset: Dataset, directory: Path, plan: _Plan, files: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Write the files without rows that readers of folders need; return their checksums.

    They lie in each folder whose files have not all the same columns.
    """
    folders: dict[str, list[str]] = {FOLDER: []}
    for job in plan.jobs:
        folders[FOLDER] += job.files
        folders.setdefault(f"{FOLDER}/system={job.system}", []).extend(job.files)
    made = {}
    for folder, paths in folders.items():
        if len({tuple(files[path]["variables"]) for path in paths}) > 1:
            names = dict.fromkeys(v for path in paths for v in files[path]["variables"])
            place = directory / folder / COLUMNS
            write_columns(place, names, precision=dataset.precision)
            made[f"{folder}/{COLUMNS}"] = sha256(place)
    return {"columns": made} if made else {}


def _run(
    dataset: Dataset,
    plan: _Plan,
    todo: list[Job],
    directory: Path,
    done: frozenset[str],
    workers: int,
    executor: Executor | None,
    note: Callable[[str, dict[str, Any], str], None],
) -> None:
    """Have jobs done, a few at a time; note each file once it lies in the directory."""
    waiting: dict[Future[Any], Job] = {}
    jobs = iter(todo)

    def here(job: Job) -> None:
        for relative, entry in make_files(dataset, job, plan.paces[job.system], directory, done):
            note(relative, entry, job.system)

    def hand_out(pool: ThreadPoolExecutor) -> None:
        while len(waiting) < AHEAD * workers and (job := next(jobs, None)) is not None:
            if executor is None or job.segmented:
                waiting[pool.submit(here, job)] = job
                continue
            sent = executor.submit(
                make_elsewhere, dataset, job, plan.paces[job.system],
                tuple(map(str, loaded_files())), versions(),
            )  # fmt: skip
            waiting[sent] = job

    with ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            hand_out(pool)
            while waiting:
                finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    job = waiting.pop(future)
                    for relative, entry, content in future.result() or ():
                        if relative not in done:
                            _receive(directory / relative, entry, content)
                            note(relative, entry, job.system)
                hand_out(pool)
        except BaseException:  # Ctrl-C too must not wait for what has not begun
            for future in waiting:
                future.cancel()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _receive(path: Path, entry: dict[str, Any], content: bytes) -> None:
    """Write a file that another machine made."""
    with whole(path) as place:
        place.write_bytes(content)
    if sha256(path) != entry["sha256"]:
        raise CorruptDataError(f"{path} was damaged on its way from the cluster; run it again")


def _check_room(directory: Path, needed: int) -> None:
    """Refuse to begin what the disk has no room for.

    Raises:
        InputError: it has not.

    """
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise InputError(
            f"the dataset takes about {needed / 1e9:.3g} GB, but only {free / 1e9:.3g} GB are free "
            f"in {directory}; choose another directory or ask for less"
        )


def _sweep(directory: Path) -> None:
    """Remove the temporary files of processes that were killed here; nobody else writes now."""
    for path in directory.rglob(".*"):
        if LEFT.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


LEFT = re.compile(r"\..+\.\d+-\d+")
"""Names of temporary files, see `chaosbench.files.whole`."""


def _note(directory: Path, relative: str, entry: dict[str, Any]) -> None:
    """Note a file as finished; a line cut short by an interruption is ignored."""
    told = {"file": relative, "entry": entry, "layout": LAYOUT, "versions": versions()}
    with (directory / PARTS).open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps(told))


def _finished(directory: Path) -> dict[str, dict[str, Any]]:
    """Return the files that the same library versions finished here and that are intact."""
    place, found = directory / PARTS, {}
    lines = place.read_text("utf-8", errors="replace").splitlines() if place.is_file() else ()
    for line in lines:
        try:
            told = json.loads(line)
            relative, entry = told["file"], told["entry"]
            path = directory / relative
            same = told["versions"] == versions() and told["layout"] == LAYOUT
            if same and sha256(path) == entry["sha256"]:
                found[relative] = entry
        except (ValueError, KeyError, TypeError, OSError):
            continue
    return found
