"""Making a bundle from what runs keep."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np

from chaosbench.datasets import StoredDataset, generate, open_dataset
from chaosbench.entries._bundle import (
    ENTRY,
    FILES,
    RECORDS,
    Bundle,
    cell_of,
    check_label,
    open_bundle,
    polynomial_names,
)
from chaosbench.entries._numbers import write_numbers
from chaosbench.entries._statement import FORMAT, Statement, facts_of
from chaosbench.errors import InputError, RecipeMismatchError, suggestion
from chaosbench.evaluation import (
    BASELINES,
    Answer,
    Record,
    RunDirectory,
    answer_hash,
    key_of,
    newest_in,
    rescore_record,
    write_file,
)
from chaosbench.files import sha256, write_text
from chaosbench.tasks import Task
from chaosbench.tasks import registry as tasks
from chaosbench.toml import toml_text
from chaosbench.trajectories import FloatArray

__all__ = ["submit"]

Progress = Callable[[int, int, str], None]

LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True)
class _Cell:
    home: RunDirectory
    name: str
    record: Record


def submit(
    runs: Sequence[Path | str],
    out: Path | str,
    statement: Statement,
    *,
    forecasters: Sequence[str] = (),
    double: bool = False,
    progress: Progress | None = None,
) -> Bundle:
    """Write the records and forecasts of runs as a bundle.

    Forecasts are kept in single precision and scores computed from these, which changes them by
    about one part in ten million; a right-hand side is kept in double precision.

    Args:
        runs: directories of runs.
        out: directory of the bundle, new or empty.
        statement: what the authors say.
        forecasters: names or labels; by default all but the floor and the ceiling.
        double: keep every forecast in double precision, with the scores of the run.
        progress: called with (done, total, label).

    Raises:
        InputError: there is nothing to enter, or a record is not what its run made.
        RecipeMismatchError: the directory is not empty.

    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RecipeMismatchError(f"{out} exists already; nothing was changed")
    cells = _chosen([cell for run in runs for cell in _cells(Path(run))], forecasters)
    total, records = len(cells), []
    for number, cell in enumerate(cells, 1):
        records.append(_enter(cell, out, double=double))
        if progress is not None:
            progress(number, total, f"{cell.record.forecaster} on {cell.record.task}")
    write_file(out / RECORDS, records)
    facts = {key: dict(sorted(table.items())) for key, table in facts_of(records).items()}
    told = {"format": FORMAT, **statement.to_dict(), **facts}
    write_text(out / ENTRY, toml_text(told))
    files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    # last: a bundle without it is none
    write_text(out / FILES, toml_text({name: sha256(out / name) for name in files}))
    return open_bundle(out)


def _cells(run: Path) -> Iterator[_Cell]:
    if not (run / "run.json").is_file():
        raise InputError(f"{run} is no run's directory, which is where forecasts are kept")
    for file, record in newest_in(run):
        yield _Cell(RunDirectory(run, exam_seed=record.exam_seed), file.stem, record)


def _chosen(cells: Iterable[_Cell], forecasters: Sequence[str]) -> list[_Cell]:
    """Keep the cells of the forecasters that enter, one of each.

    Raises:
        InputError: there are none, or two runs disagree on one.

    """
    open_to_all = [cell for cell in cells if not cell.record.privileged]
    labels = {cell.record.forecaster for cell in open_to_all}
    names = {label: label.partition(" (tuned ")[0].partition(":")[0] for label in labels}
    for wanted in forecasters:
        if wanted not in labels and wanted not in names.values():
            raise InputError(
                f"the runs hold no forecaster {wanted!r}; {suggestion(wanted, labels)}"
            )
    entered = {
        label
        for label in labels
        if (label in forecasters or names[label] in forecasters)
        or (not forecasters and names[label] not in BASELINES)
    }
    if not entered:
        raise InputError(
            "the runs hold nothing but the floor and the ceiling; name a forecaster to enter"
        )
    kept: dict[tuple[object, ...], _Cell] = {}
    for cell in open_to_all:
        record = cell.record
        if record.forecaster not in entered:
            continue
        check_label(record)
        other = kept.setdefault(key_of(record), cell).record
        if (other.status, other.forecast) != (record.status, record.forecast):
            raise InputError(
                f"two runs disagree on {record.forecaster!r} on {record.task} with seed "
                f"{record.seed}; submit one of them"
            )
    return [kept[key] for key in sorted(kept, key=repr)]


def _enter(cell: _Cell, out: Path, *, double: bool) -> Record:
    """Write the answer of one cell, and return the Record that belongs to it."""
    record, home = cell.record, cell.home
    if not record.sealed or not record.question:
        raise InputError(
            f"the record of {record.forecaster!r} on {record.task} comes from a version that noted "
            "no hash of its question; run it again"
        )

    def data(task: Task) -> StoredDataset:
        place = home.data(task.id)
        return open_dataset(place) if place.is_dir() else generate(task.dataset, place)

    made = rescore_record(home, cell.name, record, data)
    if made.differing:
        raise InputError(
            f"the record of {record.forecaster!r} on {record.task} has other scores than its "
            f"forecast gives ({', '.join(made.differing)}); see chaosbench run rescore"
        )
    record = replace(record, provenance=_without_paths(record))
    if not record.forecast:
        return record
    answer = home.answer(cell.name, dt=1.0, variables=home.variables(cell.name))
    double = double or tasks[record.task].asks == "equation"
    if not double:
        answer = _rounded(answer)
        rounded = replace(
            record,
            forecast=answer_hash(answer),
            provenance={**record.provenance, "rounded": record.forecast},
        )
        if rounded.forecast != record.forecast:
            again = rescore_record(_Held(answer), cell.name, rounded, data)
            record = replace(rounded, scores=again.scores, window_scores=again.window_scores)
    _write(answer, out, cell_of(record), single=not double)
    return record


@dataclass(frozen=True)
class _Held:
    """An answer in memory."""

    held: Answer

    what = "bundle"

    def answered(self, cell: str) -> bool:  # noqa: ARG002
        return True

    def answer(self, cell: str, **_: object) -> Answer:  # noqa: ARG002
        return self.held


def _rounded(answer: Answer) -> Answer:
    """Round an answer to single precision; what is finite stays finite."""
    values = replace(answer.values, values=_single(answer.values.values))
    samples = None if answer.samples is None else _single(answer.samples)
    return replace(answer, values=values, samples=samples)


def _single(values: FloatArray) -> FloatArray:
    inside = np.where(np.isfinite(values), np.clip(values, -LARGEST, LARGEST), np.nan)
    return inside.astype(np.float32).astype(np.float64)


def _write(answer: Answer, out: Path, cell: str, *, single: bool) -> None:
    names = answer.values.variables
    d = len(names)

    def write(kind: str, columns: Sequence[str], rows: FloatArray, *, short: bool) -> None:
        write_numbers(out / kind / f"{cell}.parquet", columns, rows, single=short)

    write("forecasts", names, answer.values.values.reshape(-1, d), short=single)
    if answer.samples is not None:
        write("samples", names, answer.samples.reshape(-1, d), short=single)
    if answer.polynomial is not None:
        rows = np.concatenate(answer.polynomial, axis=1)
        write("polynomials", polynomial_names(names), rows, short=False)


def _without_paths(record: Record) -> dict[str, object]:
    """Return the provenance with files named without their folders, which are nobody's business."""
    told = dict(record.provenance)
    plugins = told.get("plugins")
    if isinstance(plugins, dict):
        told["plugins"] = {PurePath(path).name: source for path, source in plugins.items()}
    code = told.get("code")
    if isinstance(code, dict) and "package" in code:
        told["code"] = {**code, "package": PurePath(str(code["package"])).name}
    return told
