"""The verb: evaluate forecasters on tasks and keep what happened."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed, wait
from dataclasses import asdict, dataclass
from pathlib import Path

from chaosbench.datasets import StoredDataset, generate
from chaosbench.errors import InputError, ParameterError
from chaosbench.evaluation._order import longest_first
from chaosbench.evaluation._record import Record
from chaosbench.evaluation._request import Server, ask
from chaosbench.evaluation._spec import ForecasterSpec, spec_of
from chaosbench.evaluation._store import Answer, Records, RunDirectory, read_records
from chaosbench.evaluation.exam._ceiling import LABEL
from chaosbench.evaluation.exam._read import cache_directory, ceiling, load_exam
from chaosbench.evaluation.scoring._equation import monomials_of
from chaosbench.evaluation.scoring._score import Exam, score
from chaosbench.forecasters import registry as forecasters
from chaosbench.isolation.cluster import Cluster, RemoteProcess
from chaosbench.isolation.outcome import Budget, Outcome
from chaosbench.isolation.process import WorkerProcess
from chaosbench.isolation.sandbox import confinement
from chaosbench.provenance import digest, environment, versions
from chaosbench.systems import registry as systems
from chaosbench.tasks import Task
from chaosbench.tasks import registry as tasks
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["BASELINES", "Cell", "cache_directory", "evaluate", "plan", "retry", "run"]

BASELINES = ("persistence", "climatology", "parroting")
"""In every run, because they are what a number means something against."""

CEILING = ForecasterSpec(name=LABEL, config={}, label=LABEL)

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Cell:
    """One forecaster on one task with one seed, its settings searched among `tune` candidates."""

    task: Task
    spec: ForecasterSpec
    seed: int
    privileged: bool = False
    tune: int = 0

    @property
    def label(self) -> str:
        """What the leaderboard calls the forecaster: tuned and default are different entries."""
        return f"{self.spec.label} (tuned {self.tune})" if self.tune else self.spec.label

    @property
    def id(self) -> str:
        """File name of the cell: readable, and ending in a hash of all that decides it."""
        decides = {
            "task": self.task.id,
            "dataset": self.task.dataset.hash,
            "forecaster": self.spec.name,
            "config": dict(self.spec.config),
            "plugins": [source for _, source in self.spec.plugins],
            "seed": self.seed,
            "tune": self.tune,
        }
        return (
            f"{self.task.id.replace('/', '-')}--{self.spec.name.replace(' ', '-')}"
            f"--{digest(decides, 12)}"
        )


def evaluate(
    forecaster: object,
    task: str | Task,
    *,
    seed: int = 0,
    exam_seed: int | None = None,
    tune: int = 0,
    budget: Budget | None = None,
    plugins: Sequence[Path | str] = (),
    directory: Path | str | None = None,
) -> Records:
    """Evaluate one forecaster on one task.

    Args:
        forecaster: ``"esn"``, ``"esn:units=1000"``, or a forecaster of your own (its class must
            live in a file, because it runs in a process of its own). The ceiling goes by
            ``"perfect model"``.
        task: id such as ``"forecast/lorenz-v1"``, or a Task.
        seed: given to `fit`.
        exam_seed: other starting points than the task's own: a fresh exam.
        tune: candidates to choose the settings among, on the training data alone; 0 for none.
        budget: seconds and memory.
        plugins: Python files that define forecasters.
        directory: keeps records, forecasts and data there; otherwise the data go to the cache.

    Returns:
        Records with one Record. A forecaster that fails is a Record too.

    Raises:
        InputError: an unknown name, a wrong setting, or a directory that holds something else.

    """
    found = tasks[task] if isinstance(task, str) else task
    if exam_seed is not None:
        found = found.with_seed(exam_seed)
    privileged = forecaster == LABEL
    spec = CEILING if privileged else spec_of(forecaster, plugins=plugins)
    if tune and (privileged or not hasattr(forecasters[spec.name], "search_space")):
        raise ParameterError(f"{spec.name!r} declares no search_space and cannot be tuned")
    if tune and not _tunable(found):
        raise ParameterError(f"{found.id} has no training data on which settings could be tuned")
    return run([Cell(found, spec, seed, privileged, tune)], directory=directory, budget=budget)


def plan(
    chosen: Iterable[Task],
    specs: Iterable[ForecasterSpec],
    *,
    seeds: Sequence[int] = (0,),
    tune: int = 0,
    baselines: bool = True,
) -> list[Cell]:
    """List the cells of a run: every forecaster on every task, the floor and the ceiling added.

    With `tune`, forecasters that declare a search space run twice, with their defaults and tuned,
    on the tasks that have training data.
    """
    entries = {spec.label: spec for spec in specs}
    if baselines:
        for name in BASELINES:
            entries.setdefault(name, spec_of(name))
    cells = []
    for task in chosen:
        cells += [Cell(task, spec, seed) for spec in entries.values() for seed in seeds]
        if tune and _tunable(task):
            cells += [
                Cell(task, spec, seed, tune=tune)
                for spec in entries.values()
                if hasattr(forecasters[spec.name], "search_space")
                for seed in seeds
            ]
        if baselines:
            cells.append(Cell(task, CEILING, seeds[0], privileged=True))
    return cells


def _tunable(task: Task) -> bool:
    """Say whether there is more training data than the context of one window."""
    return task.learn == "train" or task.dataset.train_points > task.dataset.context


def run(
    cells: Sequence[Cell],
    *,
    directory: Path | str | None = None,
    budget: Budget | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    executor: Executor | None = None,
    cluster: Cluster | None = None,
) -> Records:
    """Run cells, the longest first, resuming where an earlier run in the same directory stopped.

    Args:
        cells: what to run; see `plan`. All must belong to one exam seed.
        directory: of the run; None keeps nothing but the data, in the cache.
        budget: per cell.
        workers: cells at a time, each in a forecaster's process of its own.
        progress: called with (done, total, label).
        executor: runs the cells instead of `workers` threads.
        cluster: runs the forecasters' processes instead of this machine, as many at a time as it
            can; see `connect`.

    Raises:
        RecipeMismatchError: the directory holds another exam.
        KeyboardInterrupt: passed on after the processes are ended; finished records stay.

    """
    if not cells:
        raise InputError("there is nothing to run: give at least one task and one forecaster")
    exam_seeds = {cell.task.dataset.seed for cell in cells}
    if len(exam_seeds) > 1:
        raise InputError(f"cells of one run share one exam seed, not {sorted(exam_seeds)}")
    home = None if directory is None else RunDirectory(directory, exam_seed=exam_seeds.pop())
    budget = budget or Budget()
    finished = {cell.id for cell in cells if home is not None and home.has(cell.id)}
    # what has a file is not kept in memory too
    done: dict[str, Record | Path] = {id_: home.place(id_) for id_ in finished if home is not None}
    todo = longest_first(
        [cell for cell in cells if cell.id not in finished],
        ((cell, home.get(cell.id)) for cell in cells if home is not None and cell.id in finished),
    )
    crew = _Crew(budget, home, cluster)
    at_a_time = max(1, workers) if cluster is None else cluster.slots
    pool = executor or ThreadPoolExecutor(max_workers=at_a_time)
    total = len(cells)
    futures: dict[Future[Record], Cell] = {pool.submit(crew.work, c): c for c in todo}
    try:
        if progress is not None:
            progress(len(done), total, "")
        for future in as_completed(futures):
            cell = futures.pop(future)  # what a future holds besides its result adds up
            record = future.result()
            done[cell.id] = record if home is None else home.place(cell.id)
            if progress is not None:
                progress(len(done), total, f"{cell.label} on {cell.task.id}")
    finally:
        crew.stop()
        for future in futures:
            future.cancel()
        wait(futures)
        if executor is None:
            pool.shutdown()
        crew.close()
    return Records(done[cell.id] for cell in cells)


def retry(
    directory: Path | str,
    *,
    statuses: Iterable[str] = ("timeout", "out_of_memory", "crashed"),
    budget: Budget | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Records:
    """Run the failed cells of a run again and replace their records; the others stay.

    Args:
        directory: of the run.
        statuses: which failures to try again.
        budget: per cell; usually a larger one than before.
        workers, progress: as in `run`.

    Raises:
        InputError: nothing failed that way, or a plugin that was used is gone.

    """
    wanted = set(statuses) - {"ok"}
    chosen = [r for r in read_records(directory) if r.status in wanted and not r.privileged]
    if not chosen:
        raise InputError(f"{directory} holds no record of status {' or '.join(sorted(wanted))}")
    cells = [_cell_of(record) for record in chosen]
    home = RunDirectory(directory, exam_seed=chosen[0].exam_seed)
    for cell in cells:
        home.remove(cell.id)
    return run(cells, directory=directory, budget=budget, workers=workers, progress=progress)


def _cell_of(record: Record) -> Cell:
    """Rebuild the cell behind a record from what it says of itself."""
    label, _, tuned = record.forecaster.partition(" (tuned ")
    plugins = list(record.provenance.get("plugins", {}))
    return Cell(
        tasks[record.task].with_seed(record.exam_seed),
        spec_of(label, plugins=plugins),
        record.seed,
        tune=int(tuned.rstrip(")")) if tuned else 0,
    )


class _Stopped(Exception):
    """The run was interrupted; the cell did not happen."""


class _Crew:
    """The worker processes of one run, one to a thread."""

    def __init__(
        self, budget: Budget, home: RunDirectory | None, cluster: Cluster | None = None
    ) -> None:
        self.budget = budget
        self.home = home
        self.cluster = cluster
        self._local = threading.local()
        self._workers: list[Server] = []
        self._stopping = threading.Event()
        self._locks: dict[str, threading.Lock] = {}
        self._verified: dict[tuple[str, str], StoredDataset] = {}
        self._guard = threading.Lock()

    def stop(self) -> None:
        """End every process; cells under way are given up."""
        self._stopping.set()
        for worker in self._workers:
            worker.retire()

    def close(self) -> None:
        """Clean up behind the processes, once no thread uses them any more."""
        for worker in self._workers:
            worker.close()

    def work(self, cell: Cell) -> Record:
        """Run one cell to its Record and keep it."""
        if self._stopping.is_set():
            raise _Stopped
        with self._guard:
            lock = self._locks.setdefault(cell.task.id, threading.Lock())
        with lock:  # two cells of one task must not make its dataset at the same time
            stored = self._dataset(cell.task)
        exam = load_exam(stored, cell.task)
        if cell.privileged:
            outcome = ceiling(cell.task, exam)
        else:
            outcome = ask(self._worker(), cell, exam, self.budget.seconds)
        if self._stopping.is_set():
            raise _Stopped
        record, answer = _record(cell, exam, outcome, stored, self.budget)
        if self.home is not None:
            self.home.put(cell.id, record, answer)
        return record

    def _worker(self) -> Server:
        if not hasattr(self._local, "worker"):
            self._local.worker = (
                WorkerProcess(self.budget)
                if self.cluster is None
                else RemoteProcess(self.cluster.executor, self.budget)
            )
            with self._guard:
                self._workers.append(self._local.worker)
                if self._stopping.is_set():
                    raise _Stopped
        worker: Server = self._local.worker
        return worker

    def _dataset(self, task: Task) -> StoredDataset:
        """Make a task's dataset, or check that it is whole, once a run."""
        known = task.id, task.dataset.hash
        if known not in self._verified:
            cached = cache_directory() / task.dataset.hash
            place = cached if self.home is None else self.home.data(task.id)
            self._verified[known] = generate(task.dataset, place)
        return self._verified[known]


def _record(
    cell: Cell, exam: Exam, outcome: Outcome, stored: StoredDataset, budget: Budget
) -> tuple[Record, Answer | None]:
    values: FloatArray | None = outcome.values
    scores: dict[str, float] = {}
    windows: dict[str, tuple[float, ...]] = {}
    answer = None
    if values is not None:
        found = monomials_of(outcome.polynomial, exam.truth.shape[2])
        scores, windows = score(cell.task, exam, values, outcome.samples, found)
        names = systems[cell.task.system].variables
        variables = tuple(names[i] for i in exam.observed)
        forecast = Trajectories(values, exam.dt, variables, exam.context_end + exam.dt)
        answer = Answer(forecast, outcome.samples, None if found is None else outcome.polynomial)
    record = Record(
        task=cell.task.id,
        system=cell.task.system,
        forecaster=cell.label,
        config=outcome.config or cell.spec.config,
        seed=cell.seed,
        exam_seed=cell.task.dataset.seed,
        status=outcome.status,
        message=outcome.message,
        privileged=cell.privileged,
        scores=scores,
        window_scores=windows,
        **outcome.costs,
        equations=outcome.equations,
        provenance={
            "dataset": stored.hash,
            "fingerprint": systems[cell.task.system].fingerprint,
            "ranked": cell.task.ranked,
            "lyapunov_exponent": exam.lyapunov_exponent,
            "horizon_lyapunov": exam.horizon * exam.clock,
            "certified_lyapunov": None
            if exam.certified_steps is None
            else [float(v) for v in exam.certified_steps * exam.clock],
            "budget": asdict(budget),
            "tuned": {"asked": cell.tune, "tried": outcome.tried} if cell.tune else None,
            "plugins": dict(cell.spec.plugins),
            "versions": versions("darts", "reservoirpy", "pysindy", "scikit-learn"),
            "environment": environment(),
            "confinement": confinement(),
        },
    )
    return record, answer
