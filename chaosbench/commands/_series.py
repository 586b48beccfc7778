"""What a recorded series tells: reading the file, the table, the pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaosbench.commands._output import Format, print_json, say, table
from chaosbench.errors import InputError, suggestion
from chaosbench.files import write_text

if TYPE_CHECKING:
    from pandas import DataFrame

    from chaosbench.trajectories import FloatArray

__all__ = ["analyse_file", "read_column"]

TIMES = ("time", "t")
"""Names of a column that holds the time."""

INDEX = ("trajectory", "step", "system", "split")
"""Columns of the files of a dataset that hold no variable."""

UNEVEN = 1e-3
"""Largest difference of two sampling steps, relative to their mean, that is rounding."""

READABLE = (".csv", ".tsv", ".txt", ".npy", ".parquet")


def analyse_file(
    name: str,
    *,
    dt: float | None,
    column: str | None,
    trajectory: int,
    seed: int,
    json_file: Path | None,
    out: Path | None,
    picture: str,
    format: Format,  # noqa: A002
) -> None:
    """Analyse one column of a file, print it and draw it."""
    import json

    path = Path(name)
    if not path.is_file():
        if path.suffix.lower() in READABLE or len(path.parts) > 1:
            raise InputError(f"there is no file {name}")
        raise InputError(
            f"give a task to analyse the forecaster {name!r} on, such as forecast/lorenz-v1, or a "
            "file with a series"
        )
    title, series, step, notes = read_column(path, column=column, trajectory=trajectory, dt=dt)
    from chaosbench.series import analyse

    found = analyse(series, step, name=title, seed=seed)
    if json_file is not None:
        text = json.dumps(found.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        write_text(json_file, text + "\n")
    written = []
    if out is not None:
        from chaosbench.plotting import plot_series, save

        for kind, figure in plot_series(found).items():
            written.append(out / f"{kind}.{picture}")
            save(figure, written[-1])
    if format is Format.json:
        return print_json(found.to_dict())
    table(title, {"measure": "left", "value": "right", "": "left"}, found.rows())
    for line in (*notes, *found.notes, *map(str, written)):
        say(line)
    return None


def read_column(
    path: Path, *, column: str | None = None, trajectory: int = 0, dt: float | None = None
) -> tuple[str, FloatArray, float, list[str]]:
    """Read one column of a file.

    Args:
        path: CSV, TSV, npy or Parquet.
        column: its name or number; by default the first that holds numbers and is not the time.
        trajectory: which one, of a file with several.
        dt: the sampling step; by default that of the time column or of the file's metadata, else 1.

    Returns:
        A title, the series ``(T,)``, the sampling step, and sentences about what was assumed.

    Raises:
        InputError: the file cannot be read, or has no such column or trajectory.

    """
    frame, known = _frame(path, trajectory)
    names = [str(name) for name in frame.columns]
    frame.columns = names
    numbers = [name for name in names if frame[name].dtype.kind in "fiub"]
    variables = [n for n in numbers if n.lower() not in TIMES and n not in INDEX]
    if not variables:
        raise InputError(f"{path} has no column of numbers besides the time")
    chosen = variables[0]
    if column is not None:
        if column in names:
            chosen = column
        elif column.isdecimal() and int(column) < len(names):
            chosen = names[int(column)]
        else:
            raise InputError(f"{path} has no column {column!r}; {suggestion(column, names)}")
    if chosen not in numbers:
        raise InputError(f"column {chosen!r} of {path} does not hold numbers")
    notes = []
    if column is None and len(variables) > 1:
        notes.append(f"this is the first of {len(variables)} columns; choose another with --column")
    if dt is None:
        dt = _step(frame, numbers, path) or known
    if dt is None:
        dt = 1.0
        notes.append("times are in samples; give --dt for the sampling step")
    series = frame[chosen].to_numpy(dtype="float64")
    return f"{chosen} of {path.name}", series, dt, notes


def _frame(path: Path, trajectory: int) -> tuple[DataFrame, float | None]:
    """Return the columns of one trajectory, and the sampling step if the file knows it."""
    kind = path.suffix.lower()
    if kind not in READABLE:
        raise InputError(f"a series is read from {', '.join(READABLE)}, not from {path.name}")
    if kind == ".npy":
        return _array(path, trajectory), None
    if kind == ".parquet":
        return _parquet(path, trajectory)
    import pandas as pd

    separator = "," if kind == ".csv" else "\t" if kind == ".tsv" else r"\s+"
    try:
        frame = pd.read_csv(path, sep=separator)
        if all(_is_number(str(name)) for name in frame.columns):  # there is no line of names
            frame = pd.read_csv(path, sep=separator, header=None)
            frame.columns = [f"x{k}" for k in range(frame.shape[1])]
    except (ValueError, UnicodeDecodeError, pd.errors.ParserError) as error:
        words = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as a table: {words}") from error
    return frame, None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _array(path: Path, trajectory: int) -> DataFrame:
    import numpy as np
    import pandas as pd

    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{path} cannot be read as an array of numbers: {error}") from error
    if not isinstance(array, np.ndarray) or array.ndim not in (1, 2, 3) or array.size == 0:
        raise InputError(f"{path} must hold an array (T,), (T, d) or (n, T, d)")
    if array.dtype.kind not in "fiub":
        raise InputError(f"{path} must hold real numbers, not {array.dtype}")
    if array.ndim == 3:
        if trajectory >= len(array):
            raise InputError(f"{path} has {len(array)} trajectories, so no number {trajectory}")
        array = array[trajectory]
    array = array.reshape(len(array), -1)
    return pd.DataFrame(array, columns=[f"x{k}" for k in range(array.shape[1])])


def _parquet(path: Path, trajectory: int) -> tuple[DataFrame, float | None]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path).read()
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} cannot be read as Parquet ({type(error).__name__})") from error
    frame: Any = file.to_pandas()
    if "trajectory" in frame.columns:
        present = sorted(set(frame["trajectory"].tolist()))
        if trajectory not in present:
            raise InputError(f"{path} has {len(present)} trajectories, so no number {trajectory}")
        frame = frame[frame["trajectory"] == trajectory]
    facts = file.schema.metadata or {}
    try:
        known = float(facts[b"dt"])
    except (KeyError, ValueError):
        known = None
    return frame.reset_index(drop=True), known


def _step(frame: DataFrame, numbers: list[str], path: Path) -> float | None:
    """Return the sampling step of the time column; None if there is none."""
    import numpy as np

    for name in numbers:
        if name.lower() in TIMES:
            steps = np.diff(frame[name].to_numpy(dtype="float64"))
            mean = steps.mean() if len(steps) else np.nan
            if not (mean > 0 and np.abs(steps - mean).max() <= UNEVEN * mean):
                raise InputError(
                    f"the times in column {name!r} of {path} are not equally spaced; resample the "
                    "series, or give --dt to take its rows as equally spaced"
                )
            return float(mean)
    return None
