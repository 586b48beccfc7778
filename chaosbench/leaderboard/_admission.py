"""Admission: which records may be pooled and ranked together."""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from itertools import groupby
from pathlib import PurePath
from typing import TYPE_CHECKING

from chaosbench.errors import InputError
from chaosbench.evaluation import Record
from chaosbench.evaluation.checking import check_record
from chaosbench.evaluation.ranked import LYAPUNOV_TIMES, base, ranked_by, unit_of
from chaosbench.leaderboard._pool import Pool
from chaosbench.metrics import registry as metrics
from chaosbench.provenance import digest
from chaosbench.tasks import registry as tasks

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["newer_version", "prepare", "track_of", "tracks_of", "version_of"]


def prepare(
    records: Iterable[Record],
    metric: str | None = None,
    exam_seed: int | None = None,
    track: str | None = None,
) -> Pool:
    """Check that the records belong together and put them in order.

    Raises:
        InputError: no records, one that no run can have made, several exam seeds, tracks or
            versions of a track, two codes or settings of one forecaster, two unlike records of one
            cell, or none that has the metric.

    """
    chosen = _records(records)
    if not chosen:
        raise InputError("there are no records to rank")
    for record in chosen:
        check_record(record)
    seeds = sorted({record.exam_seed for record in chosen})
    if exam_seed is None and len(seeds) > 1:
        raise InputError(
            f"the records hold several exam seeds, {', '.join(map(str, seeds))}, which are "
            f"different exams; choose one with exam_seed="
        )
    seed = seeds[0] if exam_seed is None else exam_seed
    chosen = [record for record in chosen if record.exam_seed == seed]
    if not chosen:
        raise InputError(f"no record has exam seed {seed}; there are {', '.join(map(str, seeds))}")
    chosen = _one_track(chosen, track)
    _check_data(chosen)
    chosen = _ordered(chosen)
    _check_code(chosen)
    _check_privilege(chosen)
    _check_exposure(chosen)
    chosen = _distinct(chosen)
    metric = metric or _named(chosen)
    if base(metric) not in metrics:
        raise InputError(f"a leaderboard ranks by a window score such as vpt@0.4, not {metric!r}")
    ranked = _ranked(chosen, metric)
    cells: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in chosen:
        cells[record.forecaster, record.task].append(record)
    tasks = sorted(ranked, key=lambda task: (ranked[task], task))
    return Pool(
        metric=metric,
        exam_seed=seed,
        records=tuple(chosen),
        cells={key: tuple(runs) for key, runs in cells.items()},
        forecasters=tuple(sorted({record.forecaster for record in chosen})),
        privileged=frozenset(record.forecaster for record in chosen if record.privileged),
        tasks=tuple(tasks),
        systems=tuple(ranked[task] for task in tasks),
    )


def _records(records: Iterable[Record]) -> list[Record]:
    """Return records as a list; anything else, such as the path of a run, is refused."""
    advice = "give Records, such as chaosbench.read_records(directory) returns"
    if isinstance(records, str | PurePath) or not hasattr(records, "__iter__"):
        raise InputError(
            f"a leaderboard ranks records, not a value of type {type(records).__name__}; {advice}"
        )
    chosen = list(records)
    for record in chosen:
        if not isinstance(record, Record):
            raise InputError(
                f"a leaderboard ranks records, not values of type {type(record).__name__}; {advice}"
            )
    return chosen


def _one_track(records: list[Record], track: str | None) -> list[Record]:
    """Keep the records of one track in one version: different questions have no common answer."""
    names = sorted({track_of(record) for record in records})
    if track is None and len(names) > 1:
        raise InputError(
            f"the records belong to several tracks, {', '.join(names)}, which ask different "
            f"questions; choose one with track="
        )
    asked = names[0] if track is None else track
    kept = [record for record in records if asked in (track_of(record), _versioned(record))]
    if not kept:
        raise InputError(f"no record is of the track {track!r}; there are {', '.join(names)}")
    versions = sorted({version_of(record) for record in kept}, key=_age)
    if len(versions) > 1:
        raise InputError(
            f"the records hold several versions of the track {asked}, {', '.join(versions)}, which "
            f"are different exams; choose one with track={f'{asked}-{versions[-1]}'!r}"
        )
    return kept


def track_of(record: Record) -> str:
    """Return the question behind a record: ``forecast`` of ``forecast/lorenz-v1``.

    Times in another unit than Lyapunov times cannot be ranked with them, so they make a track of
    their own, such as ``own-in-s``.
    """
    track, unit = record.task.partition("/")[0], unit_of(record)
    if unit == LYAPUNOV_TIMES:
        return track
    return f"{track}-in-{re.sub('[^a-z0-9]+', '-', unit.lower()).strip('-') or digest(unit, 6)}"


def version_of(record: Record) -> str:
    """Return the version of the task behind a record: ``v1`` of ``forecast/lorenz-v1``."""
    found = re.search(r"-(v\d+)$", record.task)
    return found[1] if found else ""


def _versioned(record: Record) -> str:
    return f"{track_of(record)}-{version_of(record)}"


def _age(version: str) -> int:
    return int(version[1:] or 0)


def tracks_of(records: Iterable[Record]) -> list[str]:
    """Return the boards that the records make, as `prepare` takes them, ``forecast`` first.

    A track whose records are of several versions makes one for each, the newest first, such as
    ``forecast-v2`` and ``forecast-v1``.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for record in records:
        found[track_of(record)].add(version_of(record))
    return [
        track if len(versions) == 1 else f"{track}-{version}"
        for track, versions in sorted(found.items(), key=lambda item: (item[0] != "forecast", item))
        for version in sorted(versions, key=_age, reverse=True)
    ]


@cache
def newer_version(track: str, version: str) -> str:
    """Return the newest version of a track, if it is newer than `version`; else nothing."""
    known = {
        match[1]
        for name in tasks
        if (match := re.fullmatch(rf"{re.escape(track)}/.+-(v\d+)", name))
    }
    newest = max(known, key=_age, default="")
    return newest if newest and version and _age(newest) > _age(version) else ""


def _named(records: list[Record]) -> str:
    """Return the score by which the records' tasks say that they rank."""
    named = sorted({ranked_by(record) for record in records})
    if len(named) > 1:
        raise InputError(f"the records rank by {' and '.join(named)}; choose one with metric=")
    return named[0]


def _ranked(records: list[Record], metric: str) -> dict[str, str]:
    """Map each task that ranks to its system.

    A task whose every cell failed has no window scores to be known by; it ranks if its track
    does, so that no failure can take a task off the exam.
    """
    scored = {record.task for record in records if record.window_scores.get(metric)}
    tracks = {task.partition("/")[0] for task in scored}
    if not scored and any(record.status == "ok" for record in records):
        known = sorted({name for record in records for name in record.window_scores})
        raise InputError(
            f"no record has the window score {metric!r}; there are {', '.join(known) or 'none'}"
        )
    return {
        record.task: record.system
        for record in records
        if not scored or record.task in scored or record.task.partition("/")[0] in tracks
    }


def _check_data(records: list[Record]) -> None:
    """One task and exam seed must mean one dataset and one equation, as far as records say."""
    for key in ("dataset", "fingerprint"):
        seen: dict[str, str] = {}
        for record in records:
            value = record.provenance.get(key)
            if value is not None and seen.setdefault(record.task, str(value)) != str(value):
                raise InputError(
                    f"the records of {record.task} come from different data (their {key} "
                    f"differs); rank those of one version of chaosbench"
                )


def _check_code(records: list[Record]) -> None:
    """One forecaster must mean one code, as far as records say; see `provenance["code"]`."""
    seen: dict[str, tuple[str, str]] = {}
    for record in records:
        code = (record.provenance.get("code") or {}).get("hash")
        if not code:
            continue
        task, first = seen.setdefault(record.forecaster, (record.task, code))
        if code != first:
            raise InputError(
                f"the code of {record.forecaster!r} changed between its records on {task} and "
                f"{record.task}; run the older ones again, or rank the two apart"
            )


def _check_privilege(records: list[Record]) -> None:
    """One forecaster was given the equation everywhere or nowhere."""
    seen: dict[str, Record] = {}
    for record in records:
        first = seen.setdefault(record.forecaster, record)
        if first.privileged != record.privileged:
            raise InputError(
                f"{record.forecaster!r} was given the equation on "
                f"{(first if first.privileged else record).task} and not on "
                f"{(record if first.privileged else first).task}; rank the two under two labels"
            )


def _check_exposure(records: list[Record]) -> None:
    """One forecaster declares one exposure."""
    seen: dict[str, Record] = {}
    for record in records:
        first = seen.setdefault(record.forecaster, record)
        if first.exposure != record.exposure:
            raise InputError(
                f"{record.forecaster!r} declares two exposures, "
                f"{first.exposure or 'not pretrained'} on {first.task} and "
                f"{record.exposure or 'not pretrained'} on {record.task}; run the older ones "
                "again, or rank the two under two labels"
            )


def _distinct(records: list[Record]) -> list[Record]:
    """Keep one record per cell and seed; two that disagree on the outcome are an error."""
    kept: dict[tuple[str, str, int], Record] = {}
    made = {record.forecast for record in records if record.forecast}
    for record in records:
        if record.provenance.get("rounded") in made:
            continue  # what an entry keeps in single precision, beside what it was made from
        key = (record.forecaster, record.task, record.seed)
        if key in kept and _outcome(kept[key]) != _outcome(record):
            raise InputError(
                f"two records of {record.forecaster!r} on {record.task} with seed {record.seed} "
                f"disagree; keep one of them"
            )
        kept.setdefault(key, record)
    return list(kept.values())


def _ordered(records: list[Record]) -> list[Record]:
    """Sort records by what they say; the whole text is written only where less does not decide."""
    kept: list[Record] = []
    for _, found in groupby(sorted(records, key=_cell), key=_cell):
        equals = list(found)
        kept += sorted(equals, key=repr) if len(equals) > 1 else equals
    return kept


def _cell(record: Record) -> tuple[str, str, int]:
    return record.task, record.forecaster, record.seed


def _outcome(record: Record) -> str:
    """Everything that running the cell again must reproduce; times and memory vary."""
    return repr(
        (
            record.system,
            record.status,
            record.privileged,
            sorted((name, float(value)) for name, value in record.scores.items()),
            sorted((k, tuple(map(float, values))) for k, values in record.window_scores.items()),
        )
    )
