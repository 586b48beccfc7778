"""The verb: evaluate forecasters on tasks and keep what happened."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed, wait
from pathlib import Path

from chaosbench.errors import InputError, ParameterError, check_integer
from chaosbench.evaluation._cell import BASELINES, CEILING, Cell
from chaosbench.evaluation._crew import Crew, supersede
from chaosbench.evaluation._order import longest_first
from chaosbench.evaluation._record import Record
from chaosbench.evaluation._records import Records, read_records
from chaosbench.evaluation._spec import ForecasterSpec, spec_of
from chaosbench.evaluation._store import RunDirectory, know_recordings
from chaosbench.evaluation.exam import LABEL
from chaosbench.isolation.cluster import Cluster
from chaosbench.isolation.outcome import Budget
from chaosbench.isolation.plugins import refuse_while_importing
from chaosbench.tasks import Task, get
from chaosbench.tasks import registry as tasks

__all__ = ["evaluate", "plan", "retry", "run"]

Progress = Callable[[int, int, str], None]


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
            stand at the top level of a file or of a notebook's cell, because it runs in a process
            of its own). The ceiling goes by ``"perfect model"``.
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
    refuse_while_importing("evaluate")
    found = get(task)
    if exam_seed is not None:
        found = found.with_seed(exam_seed)
    privileged = isinstance(forecaster, str) and forecaster == LABEL
    if privileged and found.recording is not None:
        raise ParameterError(f"{found.id} is a recording: no equation is known to forecast it with")
    spec = CEILING if privileged else spec_of(forecaster, plugins=plugins)
    check_integer("tune", tune, 0)
    if tune and (privileged or not spec.tunable):
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

    A recording has no ceiling, because nobody knows its equation.

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
                if spec.tunable
                for seed in seeds
            ]
        if baselines and task.recording is None:
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
    again: Collection[str] = (),
    require: str = "",
) -> Records:
    """Run cells, the longest first, resuming where an earlier run in the same directory stopped.

    A record of a cell whose forecaster's code has changed since is kept in the directory's folder
    ``superseded``; if the code is changed back, it counts again.

    Args:
        cells: what to run; see `plan`. All must belong to one exam seed.
        directory: of the run; None keeps nothing but the data, in the cache.
        budget: per cell.
        workers: cells at a time, each in a forecaster's process of its own.
        progress: called with (done, total, label).
        executor: runs the cells instead of `workers` threads.
        cluster: runs the forecasters' processes instead of this machine, as many at a time as it
            can; see `connect`.
        again: ids of cells to run although they are finished; each record is replaced when the new
            one is there.
        require: ``"strong"`` to refuse a system that cannot give a forecaster's process namespaces
            of its own and confine it by Landlock.

    Raises:
        InputError: the code of a forecaster was changed during the run, or the system offers less
            isolation than is required.
        RecipeMismatchError: the directory holds another exam.
        KeyboardInterrupt: passed on after the processes are ended; finished records stay.

    """
    refuse_while_importing("run")
    if not cells:
        raise InputError("there is nothing to run: give at least one task and one forecaster")
    check_integer("workers", workers, 1)
    if budget is not None and not isinstance(budget, Budget):
        raise ParameterError(
            f"budget is a Budget, such as Budget(seconds=60), not of type {type(budget).__name__}"
        )
    exam_seeds = {cell.task.dataset.seed for cell in cells}
    if len(exam_seeds) > 1:
        raise InputError(f"cells of one run share one exam seed, not {sorted(exam_seeds)}")
    home = None if directory is None else RunDirectory(directory, exam_seed=exam_seeds.pop())
    if home is not None:
        home.expect({cell.id: (cell.label, cell.task.id) for cell in cells})
    budget = budget or Budget()
    finished = set() if home is None else _finished(home, cells) - set(again)
    # what has a file is not kept in memory too
    done: dict[str, Record | Path] = {id_: home.place(id_) for id_ in finished if home is not None}
    todo = longest_first(
        [cell for cell in cells if cell.id not in finished],
        ((cell, home.get(cell.id)) for cell in cells if home is not None and cell.id in finished),
    )
    crew = Crew(budget, home, cluster, require=require)
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


def _finished(home: RunDirectory, cells: Sequence[Cell]) -> set[str]:
    """Return the ids of the cells that have a record, those set aside put back."""
    found = set()
    for cell in cells:
        restored = not home.has(cell.id) and home.restore(cell.id)
        if restored or home.has(cell.id):
            found.add(cell.id)
        if restored:
            supersede(home, cell, home.get(cell.id))
    return found


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
    know_recordings(directory)
    chosen = [r for r in read_records(directory) if r.status in wanted and not r.privileged]
    if not chosen:
        raise InputError(f"{directory} holds no record of status {' or '.join(sorted(wanted))}")
    cells = [_cell_of(record) for record in chosen]
    return run(
        cells, directory=directory, budget=budget, workers=workers, progress=progress,
        again={cell.id for cell in cells},
    )  # fmt: skip


def _cell_of(record: Record) -> Cell:
    """Rebuild the cell behind a record from what it says of itself."""
    label, _, tuned = record.forecaster.partition(" (tuned ")
    name = label.partition(":")[0]
    plugins = list(record.provenance.get("plugins", {}))
    asked = (record.provenance.get("tuned") or {}).get("from") if tuned else record.config
    return Cell(
        tasks[record.task].with_seed(record.exam_seed),
        # a record from before tuning kept what it began with has only the label
        spec_of(label, plugins=plugins)
        if asked is None
        else spec_of(name, plugins=plugins, config=asked),
        record.seed,
        tune=int(tuned.rstrip(")")) if tuned else 0,
    )
