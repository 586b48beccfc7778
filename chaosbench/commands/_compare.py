"""chaosbench leaderboard compare: forecasters head to head."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaosbench.commands._output import (
    ListFormat,
    ListFormatOption,
    SystemsOption,
    TrackOption,
    print_csv,
    print_json,
    say,
    table,
)
from chaosbench.commands._reading import EntriesOption, RunsArgument, read
from chaosbench.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from chaosbench.leaderboard import Comparison

__all__ = ["compare_command"]


def compare_command(
    first: Annotated[str, typer.Argument(help="Label of a forecaster.")],
    second: Annotated[str, typer.Argument(help="Label of another one.")],
    runs: RunsArgument,
    also: Annotated[
        list[str] | None,
        typer.Option("--with", help="One more forecaster; repeatable. All pairs are compared."),
    ] = None,
    track: TrackOption = None,
    exam_seed: Annotated[
        int | None, typer.Option(min=0, help="Which exam, where the records hold several.")
    ] = None,
    entries: EntriesOption = None,
    systems: SystemsOption = None,  # noqa: ARG001
    format: ListFormatOption = ListFormat.table,  # noqa: A002
) -> None:
    """Compare forecasters by the paired test of the board.

    In all and system by system; the test is the one behind the tie groups.
    """
    from chaosbench.leaderboard import compare

    records = read(runs, entries)
    names = [first, second, *(also or [])]
    made = [
        compare(records, *names, track=one, exam_seed=exam_seed)
        for one in ([track] if track else _tracks(records, names))
    ]
    if format is ListFormat.json:
        return print_json([comparison.to_dict() for comparison in made])
    if format is ListFormat.csv:
        rows = [row for comparison in made for row in _rows(comparison)]
        return print_csv(rows, list(rows[0]))
    for comparison in made:
        _show(comparison)
    return None


def _tracks(records: Any, names: list[str]) -> list[str]:
    """Return the tracks on which all of the forecasters have a task in common."""
    from chaosbench.leaderboard import track_of, tracks_of

    asked: dict[str, set[str]] = {name: set() for name in names}
    for record in records:
        if record.forecaster in asked:
            asked[record.forecaster].add(record.task)
    for name, found in asked.items():
        if not found:
            known = {record.forecaster for record in records}
            raise UnknownNameError("forecaster in these records", name, known)
    common = [r for r in records if all(r.task in tasks for tasks in asked.values())]
    if not common:
        raise InputError(
            f"no task has records of all of {', '.join(names)}; run them on the same tasks"
        )
    tracks = {track_of(record) for record in common}
    return [
        track for track in tracks_of(records)
        if track in tracks or track.rpartition("-")[0] in tracks
    ]  # fmt: skip


def _show(made: Comparison) -> None:
    say(f"{' against '.join(made.forecasters)}: {made.summary}\n")
    words = made.pairs[0]
    timed = not math.isnan(words.ratio)
    several = len(made.pairs) > 1
    columns = {"first": "left", "second": "left", "score": "right", "score 2": "right"}
    columns |= {"difference [95%]": "right"}
    columns |= {"ratio [95%]": "right"} if timed else {}
    columns |= {"p": "right"} | ({"p Holm": "right"} if several else {})
    columns |= {"won–lost–tied": "right", "better": "left"}
    lines = []
    for pair in made.pairs:
        ratio = (pair.ratio, pair.ratio_low, pair.ratio_high)
        lines.append([
            pair.first, pair.second,
            _score(pair.first_score, pair.first_is_lower_bound),
            _score(pair.second_score, pair.second_is_lower_bound),
            _interval(pair.difference, pair.difference_low, pair.difference_high, "+"),
            *([_interval(*ratio)] if timed else []),
            _p(pair.p), *([_p(pair.p_holm)] if several else []),
            f"{pair.won}–{pair.lost}–{pair.tied}", pair.better or "–",
        ])  # fmt: skip
    table("", columns, lines)
    say("\nsystem by system (× failed runs)\n")
    columns = {"system": "left", "windows": "right"} | dict.fromkeys(made.forecasters, "right")
    two = len(made.forecasters) == 2
    columns |= {"difference": "right"} if two else {}
    lines = []
    for row in made.systems:
        scores = [
            _score(value, bounded) + (f" ×{failed}" if failed else "")
            for value, bounded, failed in zip(
                row.scores, row.lower_bounds, row.failures, strict=True
            )
        ]
        difference = [_signed(row.scores[0] - row.scores[1])] if two else []
        lines.append([row.system, str(row.windows), *scores, *difference])
    table("", columns, lines)
    say("")


def _rows(made: Comparison) -> list[dict[str, Any]]:
    """Return a row for each pair, with an empty system, and one for it on each system."""
    from dataclasses import asdict

    place = {name: k for k, name in enumerate(made.forecasters)}
    rows = []
    for pair in made.pairs:
        head = {"track": made.track, "version": made.version, "exam_seed": made.exam_seed}
        head |= {"metric": made.metric, "system": "", "windows": made.windows}
        whole = head | asdict(pair)
        rows.append({key: _cell(value) for key, value in whole.items()})
        for system in made.systems:
            i, j = place[pair.first], place[pair.second]
            part = dict.fromkeys(whole) | head | {
                "system": system.system, "windows": system.windows,
                "first": pair.first, "second": pair.second,
                "first_score": system.scores[i], "second_score": system.scores[j],
                "first_is_lower_bound": system.lower_bounds[i],
                "second_is_lower_bound": system.lower_bounds[j],
                "difference": system.scores[i] - system.scores[j],
            }  # fmt: skip
            rows.append({key: _cell(value) for key, value in part.items()})
    return rows


def _cell(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float) -> str:
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _score(value: float, bounded: bool) -> str:
    return ("≥" if bounded else "") + _number(value)


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + _number(value)


def _interval(value: float, low: float, high: float, sign: str = "") -> str:
    text = _signed if sign else _number
    return f"{text(value)} [{text(low)}, {text(high)}]"


def _p(value: float) -> str:
    return "<0.0001" if value < 0.0001 else f"{value:.4f}" if value < 0.1 else f"{value:.2f}"
