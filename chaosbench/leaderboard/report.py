"""The results as one Markdown file, track by track; what people wrote into it stays.

Everything but the remarks is computed from the records, so that the same records give the same
bytes. Remarks stand between two comments, ``<!-- remarks: forecast -->`` and ``<!-- end of remarks
-->``, and are carried over when the file is written again.
"""

from __future__ import annotations

import html
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chaosbench.errors import InputError
from chaosbench.evaluation.ranked import base, is_time
from chaosbench.files import write_text
from chaosbench.leaderboard._admission import prepare, tracks_of
from chaosbench.leaderboard._board import Leaderboard
from chaosbench.leaderboard._columns import Column, columns, name_text
from chaosbench.leaderboard._facts import commands, equations, provenance, settings
from chaosbench.leaderboard._pool import Pool
from chaosbench.leaderboard._published import with_published
from chaosbench.leaderboard._wording import wording
from chaosbench.leaderboard.page import write_page
from chaosbench.leaderboard.ranking import Standing, group_medians
from chaosbench.metrics import registry as metrics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from chaosbench.evaluation import Record

__all__ = ["render_report", "write_report", "write_site"]

FIRST_LINE = (
    "<!-- Written by `chaosbench leaderboard report`. Write between the comments named remarks: "
    "the rest is replaced when the report is made again. -->"
)
END = "<!-- end of remarks -->"
_REMARKS = re.compile(r"<!-- remarks: ([a-z0-9-]+) -->\n(.*?)" + re.escape(END), re.DOTALL)
# Said elsewhere on the page, or of interest to few; the web page has them.
_LEFT_OUT = {"mean_rank", "smape@1", "nrmse", "mase", "mean_error", "spread_error"}
_EXPLAINED = {"rank", "score", "failures"}
_FAILURES_LISTED = 40
_VALUE_AT_MOST = 300

RESTRICTED_MEAN = Column(
    "restricted_mean", "mean", "↑", "Mean valid prediction time up to the largest that was "
    "observed, which no censoring biases from above.", lambda line: line.restricted_mean,
    lambda line: f"{line.restricted_mean:.{1 if line.restricted_mean >= 1 else 2}f}", 95,
)  # fmt: skip


@dataclass(frozen=True)
class _Track:
    """One track's exam and its ranking."""

    name: str
    pool: Pool
    board: Leaderboard


def write_report(
    records: Iterable[Record],
    path: str | Path,
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    exam_seed: int | None = None,
) -> Path:
    """Write the report of `records` to `path`, keeping the remarks of the one that is there.

    Raises:
        InputError: records that may not be pooled, or none; a file at `path` that is not a report
            or has a remark that is not closed. Nothing is changed then.

    """
    target = Path(path)
    remarks = _remarks_of(target) if target.exists() else {}
    text = render_report(
        records, remarks=remarks, bootstrap=bootstrap, seed=seed, exam_seed=exam_seed
    )
    write_text(target, text)
    return target


def write_site(
    records: Iterable[Record],
    directory: str | Path,
    *,
    title: str = "chaosbench leaderboard",
    bootstrap: int = 1000,
    seed: int = 0,
    exam_seed: int | None = None,
) -> list[Path]:
    """Write a page per track into `directory`: ``index.html``, and ``TRACK.html`` for others."""
    chosen = list(records)
    folder = Path(directory)
    names = tracks_of(chosen)
    files = {name: "index.html" if k == 0 else f"{name}.html" for k, name in enumerate(names)}
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_page(
            chosen,
            folder / file,
            title=title if len(names) == 1 else f"{title}: {name}",
            bootstrap=bootstrap,
            seed=seed,
            exam_seed=exam_seed,
            track=name,
            others={other: f for other, f in files.items() if other != name},
        )
        for name, file in files.items()
    ]


def render_report(
    records: Iterable[Record],
    *,
    remarks: Mapping[str, str] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    exam_seed: int | None = None,
) -> str:
    """Return the report as Markdown.

    Args:
        records: of any number of tracks, forecasters, tasks and seeds, of one exam seed.
        remarks: text for each place that has one: ``overview`` and every track's name.
        bootstrap: replicates behind the intervals.
        seed: seed of the bootstrap.
        exam_seed: which exam, where the records hold several.

    Raises:
        InputError: records that may not be pooled, or none.

    """
    chosen = list(records)
    kept = dict(remarks or {})
    made = []
    for name in tracks_of(chosen):
        pool = prepare(chosen, None, exam_seed, name)
        board = Leaderboard.of(pool, bootstrap=bootstrap, seed=seed)
        made.append(_Track(name, pool, board))
    if not made:
        raise InputError("there are no records to report on")
    ranked = [record for track in made for record in track.pool.records]
    failed = sum(record.status != "ok" for record in ranked)
    parts = [
        FIRST_LINE,
        "# Results",
        f"Computed from {len(ranked):,} records, {failed:,} of them failures, of exam seed "
        f"{made[0].pool.exam_seed}. No run is left out: a failed one counts, with the scores of "
        "climatology or the worst value there is. Intervals are of 95%"
        + (f", from {bootstrap:,} bootstrap replicates" if bootstrap else ", and were not computed")
        + ". ↑ higher is better, ↓ lower.",
        _remark("overview", kept),
    ]
    for track in made:
        parts += _section(track, kept)
    parts += _equations(made)
    parts += ["## Compute them again", _fenced(_again(ranked, made))]
    parts += _settings(made)
    facts = provenance(ranked)
    if facts:
        rows = [(_text(key), _text(_cut(value))) for key, value in facts]
        parts += ["## Provenance", _table(("fact", "values, the most frequent first"), rows, "ll")]
    if kept:
        parts += ["## Remarks on what is no longer here"]
        parts += [_remark(name, kept) for name in sorted(kept)]
    return "\n\n".join(parts) + "\n"


def _remarks_of(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="utf-8")
    if not text.startswith(FIRST_LINE):
        raise InputError(
            f"{path} was not written by `chaosbench leaderboard report`; choose another file "
            "(nothing was changed)"
        )
    found = _REMARKS.findall(text)
    if len(found) != text.count("<!-- remarks: ") or len(found) != text.count(END):
        raise InputError(
            f"{path} has remarks that do not end with {END!r}, and they would be lost; mend them "
            "(nothing was changed)"
        )
    return {name: body.strip("\n") for name, body in found if body.strip()}


def _remark(name: str, kept: dict[str, str]) -> str:
    """Return the place of a remark, with what it holds; it is then no longer among `kept`."""
    body = kept.pop(name, "")
    return f"<!-- remarks: {name} -->\n" + (f"\n{body}\n\n" if body else "") + END


def _section(track: _Track, kept: dict[str, str]) -> list[str]:
    lines, words = track.board.standings, wording(track.pool.metric, unit=track.pool.unit)
    found = columns(lines, track.pool.metric, track.pool.unit)
    shown = [column for column in found if column.key not in _LEFT_OUT]
    shown = with_published(shown, lines, track.board.published)
    shown.sort(key=lambda column: column.key == "failures")  # the longest comes last
    if is_time(track.pool.metric):
        place = next(k for k, column in enumerate(shown) if column.key == "score")
        shown.insert(place + 1, RESTRICTED_MEAN)
    unit = f" in {words.unit}" if words.unit else ""
    named = "" if words.noun == words.head else f"{words.noun} "
    notes = [
        f"{words.head}: median {named}over all windows{unit and ',' + unit} [95% interval]"
        + ("; ≥ where half or more of the forecasts outlived the exam." if named else "."),
        *(f"{column.head}: {column.meaning}" for column in shown if column.key not in _EXPLAINED),
    ]
    if any(line.incomplete for line in lines):
        notes.append("† Incomplete: tasks that others ran are missing and count as failed.")
    if any(line.privileged for line in lines):
        notes.append("The last lines were given the equation: a ceiling, shown and never ranked.")
    notes += track.board.remarks
    notes += [f"Published ({t.source}), {t.what}: {t.numbers()}." for t in track.board.published]
    parts = [
        f"## {_text(_title(track))}",
        f"{_text(track.board.summary)}.",
        _standings(lines, shown),
        _text(" ".join(notes)),
        _remark(track.name, kept),
        "### System by system",
        f"Median {_text(words.noun)}{unit} on each system. ✗: a run failed there; †: not run, "
        "counted as failed.",
        _systems(track.pool, lines),
    ]
    failures = [record for record in track.pool.records if record.status != "ok"]
    if not failures:
        return parts
    rows = [
        (_text(r.forecaster), _text(r.task), str(r.seed), _text(r.status.replace("_", " ")),
         _text(r.message or "no message"))
        for r in failures[:_FAILURES_LISTED]
    ]  # fmt: skip
    more = len(failures) - len(rows)
    return [
        *parts,
        "### Failures",
        _table(("forecaster", "task", "seed", "status", "message"), rows, "llrll"),
        *([f"And {more} more."] if more else []),
    ]


def _title(track: _Track) -> str:
    """Name the track, and its version where a newer one has replaced it."""
    label = track.board.label
    return label if label != track.board.track else track.name


def _standings(lines: Sequence[Standing], shown: Sequence[Column]) -> str:
    heads = [column.heading for column in shown]
    at = 1 if shown[0].key == "rank" else 0
    heads.insert(at, "forecaster")
    rows = []
    for line in lines:
        cells = [_text(column.text(line)) for column in shown]
        for k, column in enumerate(shown):
            if column.key == "failures" and line.failures:
                by = ", ".join(f"{n} {name}" for name, n in line.failures_by_status.items())
                cells[k] = f"{line.failures} ({_text(by.replace('_', ' '))})"
        cells.insert(at, _text(name_text(line)))
        rows.append(cells)
    return _table([_text(head) for head in heads], rows, "r" * at + "l" + "r" * (len(shown) - at))


def _systems(pool: Pool, lines: Sequence[Standing]) -> str:
    names = sorted(set(pool.systems))
    metric = metrics[base(pool.metric)]
    failed = {(r.forecaster, r.system) for r in pool.records if r.status != "ok"}
    system_of = dict(zip(pool.tasks, pool.systems, strict=True))
    rows = []
    for line in lines:
        absent = {system_of[task] for task in pool.missing(line.forecaster)}
        cells = [_text(line.forecaster)]
        medians, bounded = group_medians(pool, line.forecaster, by="system")
        for name, value, bound in zip(names, medians, bounded, strict=True):
            if math.isnan(value):
                cells.append("–")
                continue
            number = f"{value:.1f}" if is_time(pool.metric) else metric.format(value)
            mark = " ✗" if (line.forecaster, name) in failed else " †" if name in absent else ""
            cells.append(f"{'≥' if bound else ''}{number}{mark}")
        rows.append(cells)
    return _table(["", *map(_text, names)], rows, "l" + "r" * len(names))


def _equations(made: Sequence[_Track]) -> list[str]:
    blocks: dict[str, list[str]] = {}
    for track in made:
        for forecaster, task, lines in equations(track.pool):
            blocks.setdefault(forecaster, []).append("\n".join([task, *(f"  {x}" for x in lines)]))
    if not blocks:
        return []
    return [
        "## Equations found",
        "As the forecasters wrote them, in the units of the data: x0 is the first variable, x0' "
        "its time derivative, x0[t+1] its next value.",
        *(
            _folded(name, "<pre>\n" + html.escape("\n\n".join(found)) + "\n</pre>")
            for name, found in sorted(blocks.items())
        ),
    ]


def _settings(made: Sequence[_Track]) -> list[str]:
    rows = dict.fromkeys(tuple(map(_text, row)) for track in made for row in settings(track.pool))
    table = _table(("forecaster", "seeds", "code", "settings"), sorted(rows), "llll")
    return [_folded("Settings and seeds of every forecaster", table)]


def _again(ranked: Sequence[Record], made: Sequence[_Track]) -> str:
    return "\n".join([
        *commands(ranked),
        f"chaosbench leaderboard report RUN --exam-seed {made[0].pool.exam_seed}",
    ])  # fmt: skip


def _folded(title: str, body: str) -> str:
    # A blank line ends what is HTML, so the title must have none; what follows is Markdown again.
    summary = html.escape(" ".join(title.split()))
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def _fenced(text: str) -> str:
    text = text.replace("<!--", "<!-")  # no label may look like the place of a remark
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}console\n{text}\n{fence}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], alignment: str) -> str:
    rule = ["--:" if side == "r" else ":--" for side in alignment]
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, rule, *rows))


def _cut(text: str) -> str:
    return text if len(text) <= _VALUE_AT_MOST else text[: _VALUE_AT_MOST - 1] + "…"


def _text(text: str) -> str:
    """Return text that Markdown prints as it is, in one line."""
    escaped = html.escape(" ".join(text.split()), quote=False)
    escaped = re.sub(r"([\\`*|~]|\](?=[(\[:]))", r"\\\1", escaped)  # what could make a link, too
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", escaped)  # within a word it emphasises nothing
