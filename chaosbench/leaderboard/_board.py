"""The Leaderboard: standings and a summary of the records behind them."""

from __future__ import annotations

import html
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from chaosbench.evaluation.ranked import LYAPUNOV_TIMES
from chaosbench.leaderboard._admission import newer_version, prepare, track_of, version_of
from chaosbench.leaderboard._columns import columns, name_text
from chaosbench.leaderboard._facts import clocks
from chaosbench.leaderboard._pool import Pool
from chaosbench.leaderboard._published import published_columns
from chaosbench.leaderboard._wording import remarks
from chaosbench.leaderboard.ranking import Standing, ordered
from chaosbench.leaderboard.terminal import render
from chaosbench.tasks import Published, published_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

    from chaosbench.evaluation import Record

__all__ = ["Leaderboard", "build", "plain"]


@dataclass(frozen=True)
class Leaderboard:
    """Standings, best first and ceilings last, and a summary of the records behind them.

    Attributes:
        standings: one line per forecaster.
        metric: window score that ranks.
        exam_seed: seed of the exam.
        track: the question that was asked.
        tasks: ranked tasks.
        systems: their systems, each once.
        cells: number of records.
        failures: number of records that failed.
        version: of the tasks, such as ``v1``; empty where they have none.
        resolution: the smallest ratio of two median times that this exam tells apart with 80%
            power, at 5% after Holm for all pairs of its rows; NaN where no time ranks, or without
            replicates.
        unit: in what times are: Lyapunov times, or the time unit of recordings.
        recorded: of recordings, a sentence on the clock of each; empty for systems.
        unsealed: number of records from files without checksums, which do not show an edit.
        apart: tasks whose records were not all asked on the same data, to the last bit.

    """

    standings: tuple[Standing, ...]
    metric: str
    exam_seed: int
    track: str
    tasks: tuple[str, ...]
    systems: tuple[str, ...]
    cells: int
    failures: int
    version: str = ""
    resolution: float = math.nan
    unsealed: int = 0
    unit: str = LYAPUNOV_TIMES
    recorded: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()

    @classmethod
    def of(cls, pool: Pool, *, bootstrap: int = 1000, seed: int = 0) -> Leaderboard:
        """Rank `pool` and summarise it beside its standings."""
        lines, resolution = ordered(pool, bootstrap=bootstrap, seed=seed)
        return cls(
            standings=lines,
            metric=pool.metric,
            exam_seed=pool.exam_seed,
            track=track_of(pool.records[0]),
            tasks=pool.tasks,
            systems=tuple(sorted(set(pool.systems))),
            cells=len(pool.records),
            failures=sum(record.status != "ok" for record in pool.records),
            version=version_of(pool.records[0]),
            resolution=resolution,
            unsealed=sum(not record.sealed for record in pool.records),
            unit=pool.unit,
            recorded=clocks(pool),
            apart=_apart(pool.records),
        )

    @property
    def label(self) -> str:
        """The track, with its version where there is a newer one: such results are of old exams."""
        newer = newer_version(self.track, self.version)
        return f"{self.track} {self.version} (superseded by {newer})" if newer else self.track

    @property
    def published(self) -> tuple[Published, ...]:
        """What others published for the protocol that the track follows; usually nothing."""
        return published_for(self.track)

    def __iter__(self) -> Iterator[Standing]:
        return iter(self.standings)

    def __len__(self) -> int:
        return len(self.standings)

    def __getitem__(self, index: int) -> Standing:
        return self.standings[index]

    @property
    def summary(self) -> str:
        """One sentence on what was pooled."""

        def count(number: int, noun: str) -> str:
            return f"{number:,} {noun}{'' if number == 1 else 's'}"

        ceilings = sum(line.privileged for line in self.standings)
        beside = f" and {count(ceilings, 'ceiling')}" if ceilings else ""
        return (
            f"{count(len(self.standings) - ceilings, 'forecaster')}{beside}, "
            f"{count(len(self.systems), 'recording' if self.recorded else 'system')}, "
            f"{count(self.cells, 'run')} ({self.failures:,} failed), exam seed {self.exam_seed}, "
            f"track {self.label}, ranked by {self.metric}"
        )

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on how far the order and the records may be believed."""
        found = remarks(self.standings, self.resolution, self.unsealed, self.apart)
        return (*self.recorded, *found)

    def __repr__(self) -> str:
        return render(self).rstrip()

    def _repr_html_(self) -> str:
        shown = columns(self.standings, self.metric, self.unit)
        head = "".join(
            f'<th title="{html.escape(column.meaning)}">{html.escape(column.heading)}</th>'
            for column in shown
        )
        rows = "".join(
            f"<tr><td>{html.escape(name_text(line))}</td>"
            + "".join(f"<td>{html.escape(column.text(line))}</td>" for column in shown)
            + "</tr>"
            for line in self.standings
        )
        return (
            f"<table><caption>{html.escape(self.summary)}</caption>"
            f"<thead><tr><th>forecaster</th>{head}</tr></thead><tbody>{rows}</tbody></table>"
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return a plain dictionary per standing; NaN and infinity, which JSON lacks, are None."""
        return [plain(asdict(line) | self._context(line)) for line in self.standings]

    def _context(self, line: Standing) -> dict[str, Any]:
        return {
            "incomplete": line.incomplete,
            "track": self.track,
            "version": self.version,
            "unit": self.unit,
            "resolution": self.resolution,
            **{column.key: column.value(line) for column in published_columns(self.published)},
        }

    def to_json(self) -> str:
        """Return an array of objects, one per standing, with every field of `Standing`."""
        return json.dumps(self.rows(), indent=2, ensure_ascii=False, allow_nan=False)

    def flat(self) -> list[dict[str, Any]]:
        """Return a dictionary per standing, with the names and values of `to_frame`."""
        known = sorted({name for line in self.standings for name in line.failures_by_status})
        names = sorted({name for line in self.standings for name in line.scores})
        flat = []
        for line in self.standings:
            row = asdict(line) | self._context(line)
            scores, statuses = row.pop("scores"), row.pop("failures_by_status")
            row |= {f"failures_{name}": statuses.get(name, 0) for name in known}
            flat.append(
                row | {name: scores.get(name, math.nan) for name in names if name not in row}
            )
        return flat

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame, one row per standing, with the names and values of `rows`.

        Each scalar score has a column of its name, each status of a failure one such as
        ``failures_timeout``.
        """
        import pandas as pd

        frame = pd.DataFrame(self.flat())
        for name in ("rank", "rank_low", "rank_high", "tie_group"):
            frame[name] = frame[name].astype("Int64")
        return frame

    def to_arrow(self) -> Any:
        """Return an Arrow table with the names and values of `to_frame`."""
        import pyarrow as pa

        return pa.Table.from_pandas(self.to_frame(), preserve_index=False)


def _apart(records: Iterable[Record]) -> tuple[str, ...]:
    asked: dict[str, set[str]] = {}
    for record in records:
        if record.question:
            asked.setdefault(record.task, set()).add(record.question)
    return tuple(sorted(task for task, questions in asked.items() if len(questions) > 1))


def plain(value: Any) -> Any:
    """Return what JSON can hold; NaN and infinity become None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def build(
    records: Iterable[Record],
    *,
    metric: str | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    exam_seed: int | None = None,
    track: str | None = None,
) -> Leaderboard:
    """Rank `records` and return the `Leaderboard`; the settings are those of `rank`."""
    pool = prepare(records, metric, exam_seed, track)
    return Leaderboard.of(pool, bootstrap=bootstrap, seed=seed)
