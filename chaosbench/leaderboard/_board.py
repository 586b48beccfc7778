"""The Leaderboard: standings and a summary of the records behind them."""

from __future__ import annotations

import html
import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from chaosbench.leaderboard._admission import prepare, track_of
from chaosbench.leaderboard._columns import columns
from chaosbench.leaderboard._pool import Pool
from chaosbench.leaderboard.ranking import Standing, standings
from chaosbench.leaderboard.terminal import render
from chaosbench.tasks import Published, published_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

    from chaosbench.evaluation import Record

__all__ = ["Leaderboard", "build"]


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

    """

    standings: tuple[Standing, ...]
    metric: str
    exam_seed: int
    track: str
    tasks: tuple[str, ...]
    systems: tuple[str, ...]
    cells: int
    failures: int

    @classmethod
    def of(cls, pool: Pool, lines: tuple[Standing, ...]) -> Leaderboard:
        """Summarise `pool` beside its standings."""
        return cls(
            standings=lines,
            metric=pool.metric,
            exam_seed=pool.exam_seed,
            track=track_of(pool.records[0]),
            tasks=pool.tasks,
            systems=tuple(sorted(set(pool.systems))),
            cells=len(pool.records),
            failures=sum(record.status != "ok" for record in pool.records),
        )

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
            f"{count(len(self.systems), 'system')}, "
            f"{count(self.cells, 'run')} ({self.failures:,} failed), exam seed {self.exam_seed}, "
            f"track {self.track}, ranked by {self.metric}"
        )

    def __repr__(self) -> str:
        return render(self).rstrip()

    def _repr_html_(self) -> str:
        shown = columns(self.standings, self.metric)
        head = "".join(
            f'<th title="{html.escape(column.meaning)}">{html.escape(column.heading)}</th>'
            for column in shown
        )
        rows = "".join(
            f"<tr><td>{html.escape(line.forecaster)}</td>"
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
        return [
            _plain(asdict(line) | {"incomplete": line.incomplete, "track": self.track})
            for line in self.standings
        ]

    def to_json(self) -> str:
        """Return an array of objects, one per standing, with every field of `Standing`."""
        return json.dumps(self.rows(), indent=2, ensure_ascii=False, allow_nan=False)

    def to_frame(self) -> pd.DataFrame:
        """Return a data frame, one row per standing, each scalar score in a column of its name."""
        import pandas as pd

        known = sorted({name for line in self.standings for name in line.failures_by_status})
        flat = []
        for line in self.standings:
            row = asdict(line)
            scores, statuses = row.pop("scores"), row.pop("failures_by_status")
            flat.append(
                row | {f"failures_{name}": statuses.get(name, 0) for name in known} | scores
            )
        frame = pd.DataFrame(flat)
        frame["rank"] = frame["rank"].astype("Int64")
        return frame


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
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
    return Leaderboard.of(pool, standings(pool, bootstrap=bootstrap, seed=seed))
