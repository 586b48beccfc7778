"""The worker processes of a run, and what they make of its cells."""

from __future__ import annotations

import threading
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from chaosbench.datasets import StoredDataset
from chaosbench.datasets.recordings import provide, recordings_folder, sources_of
from chaosbench.datasets.recordings import registry as recordings
from chaosbench.errors import InputError
from chaosbench.evaluation._cell import Cell
from chaosbench.evaluation._code import code_of
from chaosbench.evaluation._record import SEALED, Record
from chaosbench.evaluation._records import SupersededWarning
from chaosbench.evaluation._request import Server, ask
from chaosbench.evaluation._seal import answer_hash, question_hash
from chaosbench.evaluation._store import Answer, RunDirectory
from chaosbench.evaluation.exam import Exam, cache_directory, load_exam, perfect_forecast
from chaosbench.evaluation.scoring import score
from chaosbench.isolation.cluster import Cluster, RemoteProcess
from chaosbench.isolation.outcome import Budget, Outcome
from chaosbench.isolation.process import WorkerProcess
from chaosbench.provenance import environment, versions
from chaosbench.systems import registry as systems
from chaosbench.systems.monomials import arrays_of, monomials_of
from chaosbench.systems.own import loaded_files
from chaosbench.tasks import Task
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["Crew", "ceiling", "record_of", "supersede"]

LIBRARIES = ("darts", "reservoirpy", "pysindy", "scikit-learn")


class Stopped(Exception):
    """The run was interrupted; the cell did not happen."""


class Crew:
    """The worker processes of one run, one to a thread."""

    def __init__(
        self,
        budget: Budget,
        home: RunDirectory | None,
        cluster: Cluster | None = None,
        *,
        require: str = "",
    ) -> None:
        self.budget = budget
        self.home = home
        self.require = require
        kept = [] if home is None else [home.path]
        own = [place for name in recordings for place in sources_of(recordings[name])]
        self._hidden = [cache_directory(), *loaded_files(), recordings_folder(), *own, *kept]
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
            raise Stopped
        with self._guard:
            lock = self._locks.setdefault(cell.task.id, threading.Lock())
        with lock:  # two cells of one task must not make its dataset at the same time
            stored = self._dataset(cell.task)
        exam = load_exam(stored, cell.task)
        check_code(cell)
        if cell.privileged:
            outcome = ceiling(cell.task, exam)
        else:
            outcome = ask(self._worker(), cell, exam, self.budget.seconds)
        if self._stopping.is_set():
            raise Stopped
        check_code(cell)
        record, answer = record_of(cell, exam, outcome, stored, self.budget)
        if self.home is not None:
            self.home.put(cell.id, record, answer)
            supersede(self.home, cell, record)
        return record

    def _worker(self) -> Server:
        if not hasattr(self._local, "worker"):
            self._local.worker = (
                WorkerProcess(self.budget, self._hidden, require=self.require)
                if self.cluster is None
                else RemoteProcess(self.cluster.executor, self.budget, require=self.require)
            )
            with self._guard:
                self._workers.append(self._local.worker)
                if self._stopping.is_set():
                    raise Stopped
        worker: Server = self._local.worker
        return worker

    def _dataset(self, task: Task) -> StoredDataset:
        """Make a task's dataset, or check that it is whole, once a run."""
        known = task.id, task.dataset.hash
        if known not in self._verified:
            cached = cache_directory() / task.dataset.hash
            place = cached if self.home is None else self.home.data(task.id)
            self._verified[known] = provide(task.dataset, place)
        return self._verified[known]


def check_code(cell: Cell) -> None:
    """Refuse to go on with a forecaster whose code was changed since the run began.

    Raises:
        InputError: it was; its score would be that of neither.

    """
    spec = cell.spec
    file = Path(spec.plugins[0][0]) if spec.plugins else None
    if spec.code.hash and code_of(spec.name, file, spec.libraries).hash != spec.code.hash:
        raise InputError(
            f"{spec.code.package} was changed while {cell.label} was running; run the same "
            "command again (finished records stay)"
        )


def supersede(home: RunDirectory, cell: Cell, record: Record) -> None:
    """Set aside the Records of the same cell that other code made."""
    for other in home.others(cell.id, cell.stem, record):
        place = home.set_aside(other)
        warnings.warn(
            f"the record of {cell.label} on {cell.task.id} that was here is of other code; the new "
            f"one counts, and the old one is kept as {place}",
            SupersededWarning,
            stacklevel=2,
        )


def record_of(
    cell: Cell, exam: Exam, outcome: Outcome, stored: StoredDataset, budget: Budget
) -> tuple[Record, Answer | None]:
    """Score what came of a cell and return its Record, with the answer if there is one."""
    values: FloatArray | None = outcome.values
    scores: dict[str, float] = {}
    windows: dict[str, tuple[float, ...]] = {}
    answer = None
    if values is not None:
        found = monomials_of(outcome.polynomial, exam.truth.shape[2])
        scores, windows = score(cell.task, exam, values, outcome.samples, found)
        names = cell.task.dataset.variables(cell.task.system)
        variables = tuple(names[i] for i in exam.observed)
        starts = None if cell.task.apart else exam.context_end + exam.dt
        forecast = Trajectories(values, exam.dt, variables, starts)
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
        traceback=outcome.traceback,
        provenance={
            "dataset": stored.hash,
            **_asked(cell.task, exam),
            "budget": asdict(budget),
            "tuned": {"asked": cell.tune, "tried": outcome.tried, "from": dict(cell.spec.config)}
            if cell.tune
            else None,
            "plugins": dict(cell.spec.plugins),
            "code": cell.spec.code.to_dict(),
            "versions": versions(*LIBRARIES, *cell.spec.code.libraries),
            "environment": environment(),
            "confinement": outcome.confinement,
            # only where there is one: other records stay as they were
            **({"exposure": cell.spec.exposure} if cell.spec.exposure else {}),
        },
        question=question_hash(cell.task, stored.hash, exam),
        forecast=answer_hash(answer),
        version=SEALED,
    )
    return record, answer


def _asked(task: Task, exam: Exam) -> dict[str, Any]:
    """Return what a Record says of the exam, each time with its unit."""
    reached = None
    if exam.certified_steps is not None:
        reached = [float(v) for v in exam.certified_steps * exam.clock]
    told: dict[str, Any] = {"ranked": task.ranked, "lyapunov_exponent": exam.lyapunov_exponent}
    if task.recording is None:
        return told | {
            "fingerprint": systems[task.system].fingerprint,
            "horizon_lyapunov": exam.horizon * exam.clock,
            "certified_lyapunov": reached,
        }
    recording = task.recording
    told |= {
        "fingerprint": recording.hash,
        "recording": {
            "time_unit": recording.time_unit,
            "exponent_source": recording.exponent_source,
            "exponent_error": recording.exponent_error,
        },
    }
    if recording.exponent is None:
        return told | {
            "unit": recording.time_unit, "horizon": exam.horizon * exam.clock, "recorded": reached,
        }  # fmt: skip
    return told | {"horizon_lyapunov": exam.horizon * exam.clock, "recorded_lyapunov": reached}


def ceiling(task: Task, exam: Exam) -> Outcome:
    """Answer an exam with the true equation."""
    if task.asks == "equation":
        return Outcome("ok", values=exam.truth, polynomial=arrays_of(exam.equation))
    values = perfect_forecast(
        task.dataset.test_system(task.system),
        _privileged_context(exam),
        exam.context_end,
        exam.dt,
        exam.horizon,
        noise=exam.noise,
        observations=exam.observations,
        observables=exam.observables,
    )[..., list(exam.observed)]
    return Outcome("ok" if np.isfinite(values).all() else "diverged", values=values)


def _privileged_context(exam: Exam) -> FloatArray:
    """What the ceiling starts from: all variables, as forecasters see those they are shown.

    Clean observations of one variable determine the rest (Takens), so a partial view costs the
    true equation nothing; gaps leave the last sample, which is all that a clean state takes.
    """
    if exam.seen is not None:
        return exam.seen
    return exam.context if exam.noise.any() else exam.clean_context
