"""The leaderboard as one self-contained web page: no network, no fonts, no libraries.

Everything drawn is computed here; the template only lays it out, and its script only sorts. All
text from records is escaped, and a policy in the page forbids it to load anything.
"""

from __future__ import annotations

import html
import math
import re
import shlex
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING

from chaosbench.evaluation.ranked import LYAPUNOV_TIMES, base, is_time, ranked_by
from chaosbench.files import write_text
from chaosbench.leaderboard._admission import newer_version, prepare, track_of, version_of
from chaosbench.leaderboard._board import Leaderboard
from chaosbench.leaderboard._columns import Column, columns, name_text
from chaosbench.leaderboard._facts import commands, equations, provenance, settings
from chaosbench.leaderboard._growth import growth
from chaosbench.leaderboard._pool import Pool
from chaosbench.leaderboard._published import others_of, published_note, with_published
from chaosbench.leaderboard._svg import NARROW, WIDE, beyond, forest
from chaosbench.leaderboard._wording import Wording, wording
from chaosbench.leaderboard.ranking import Standing, group_medians
from chaosbench.metrics import registry as metrics
from chaosbench.tasks import Task
from chaosbench.tasks import registry as tasks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from chaosbench.evaluation import Record

__all__ = ["render_page", "write_page"]

UPRIGHT_SYSTEMS = 12  # more names than this stand on end above the heat map


def write_page(
    records: Iterable[Record],
    path: str | Path,
    *,
    title: str = "chaosbench leaderboard",
    metric: str | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    exam_seed: int | None = None,
    track: str | None = None,
    generated: str = "",
    others: Mapping[str, str] | None = None,
) -> Path:
    """Write the leaderboard of `records` to `path` as one HTML file; see `render_page`."""
    text = render_page(
        records,
        title=title,
        metric=metric,
        bootstrap=bootstrap,
        seed=seed,
        exam_seed=exam_seed,
        track=track,
        generated=generated,
        others=others,
    )
    write_text(path, text)
    return Path(path)


def render_page(
    records: Iterable[Record],
    *,
    title: str = "chaosbench leaderboard",
    metric: str | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    exam_seed: int | None = None,
    track: str | None = None,
    generated: str = "",
    others: Mapping[str, str] | None = None,
) -> str:
    """Return the leaderboard as HTML; the same records give the same bytes.

    Args:
        records: as for `chaosbench.leaderboard.rank`, like the settings that follow.
        title: heading of the page.
        metric: window score to rank by; by default the one that the records' task names.
        bootstrap: replicates behind the intervals.
        seed: seed of the bootstrap.
        exam_seed: which exam to show, where the records hold several.
        track: which track, likewise.
        generated: a date or build to print in the footer; nothing by default, so that the page
            depends on the records alone.
        others: pages of other tracks to name at the top, track to file name.

    Raises:
        InputError: records that may not be pooled, or none.

    """
    pool = prepare(records, metric, exam_seed, track)
    board = Leaderboard.of(pool, bootstrap=bootstrap, seed=seed)
    lines = board.standings
    tables = board.published
    shown = with_published(columns(lines, pool.metric, pool.unit), lines, tables, empty=True)
    learns = _learns(pool)
    words = wording(pool.metric, trained=learns, unit=pool.unit)
    template = resources.files("chaosbench.leaderboard").joinpath("_page.html")
    return Template(template.read_text(encoding="utf-8")).substitute(
        title=_escape(title),
        lead=_lead(pool, words, learns=learns),
        facts=_escape(board.summary) + ".",
        others=_others(others or {}),
        standings=_table(lines, shown, others_of(tables, lines)),
        standings_note=_incomplete(lines) + _remarks(board),
        forest=forest(lines, words, width=WIDE, kind="wide")
        + forest(lines, words, width=NARROW, kind="narrow"),
        noun=_escape(words.noun),
        head=_escape(words.title),
        unit=_escape(f", in {words.unit}" if words.unit else ""),
        definition=_escape(words.definition),
        pooled=_escape(words.pooled),
        failed=_escape(words.failed),
        mean=_escape(words.mean),
        published=_published(board),
        forest_title=_escape(words.question),
        forest_note=" ".join(_forest_notes(lines)),
        heat=_heat_map(pool, lines),
        growth=growth(pool, lines, float(_threshold(pool.metric))),
        failures=_failures(pool),
        equations=_equations(pool),
        interval=(
            f"From {bootstrap:,} bootstrap replicates with seed {seed}: systems are drawn with "
            f"replacement, then windows within each, then the seeds of a cell, the same for all "
            f"forecasters. The ends of an interval of a score are those of Hesterberg's expanded "
            f"percentiles, those of an interval of places are calibrated on simulated boards of "
            f"known order. Two rows are told apart by Student's t of the difference of their "
            f"{_difference(pool.metric)}, with Holm's correction for all pairs."
            + (
                " An upper end at the horizon of the exam is a lower bound, too."
                if is_time(pool.metric)
                else ""
            )
            if bootstrap
            else "None was computed."
        ),
        columns=" ".join(
            f"<b>{_escape(column.head)}</b>: {_escape(column.meaning)}"
            for column in shown
            if column.key not in ("rank", "score")
        ),
        recompute=_escape(_recompute(pool, title)),
        settings=_settings(pool),
        provenance=_provenance(pool),
        footer="Made by chaosbench from the records alone."
        + (f" {_escape(generated)}" if generated else ""),
    )


def _escape(text: object) -> str:
    return html.escape(str(text), quote=True)


def _tasks(pool: Pool) -> list[Task]:
    """Return those of the ranked tasks that are registered, without asking for their data."""
    return [tasks[name] for name in pool.tasks if name in tasks]


def _learns(pool: Pool) -> bool:
    """Say whether there is anything to learn from besides the context of each window."""
    found = _tasks(pool)
    return not found or any(task.learn == "train" for task in found)


def _lead(pool: Pool, words: Wording, *, learns: bool) -> str:
    asks = {task.asks for task in _tasks(pool)} or {"forecast"}
    seen = "others that it has never seen" if learns else "it"
    recorded = any(record.provenance.get("recording") for record in pool.records)
    if recorded:
        text = "Each forecaster learns from the earlier part of a recording"
        seen = "stretches of the later part, each from what was recorded before it"
    elif learns:
        text = "Each forecaster learns from a trajectory of a chaotic system"
    else:
        text = (
            "No forecaster is trained beforehand: each is shown a stretch of a trajectory of a "
            "chaotic system, the context, and no other data of it"
        )
    if asks == {"equation"}:
        text += " and is then asked for its equation."
    elif asks == {"climate"}:
        text += f" and then continues {seen} freely, which shows whether its attractor is right."
    else:
        text += f" and then continues {seen}."
    if words.digits is None and words.unit == LYAPUNOV_TIMES:
        text += (
            " It is ranked by how long its forecasts stay valid, in Lyapunov times: the natural "
            "clock of chaos, on which every small error grows by the same factor."
        )
    elif words.digits is None:
        text += f" It is ranked by how long its forecasts stay valid, in {words.unit}."
    else:
        better = "higher" if words.arrow == "↑" else "lower"
        text += f" It is ranked by {words.noun}; {better} is better."
    if recorded:
        return _escape(f"{text} No failed run is left out, and scores carry their uncertainty.")
    return _escape(
        f"{text} No failed run is left out, every score carries its uncertainty, and what a "
        "perfect model would reach is shown beside it."
    )


def _published(board: Leaderboard) -> str:
    tables = board.published
    return "".join(
        f'<p class="note">{_escape(published_note(tables, k))}.</p>' for k in range(len(tables))
    )


def _forest_notes(lines: tuple[Standing, ...]) -> list[str]:
    notes = []
    if any(line.privileged for line in lines):
        notes.append("The dashed line is the ceiling, a forecaster that was given the equation.")
    if beyond(lines):
        notes.append(
            "An open arrowhead marks what lies beyond the axis; a score there is given as a number."
        )
    return notes


def _others(pages: Mapping[str, str]) -> str:
    if not pages:
        return ""
    links = ", ".join(
        f'<a href="{_escape(file)}">{_escape(track)}</a>' for track, file in sorted(pages.items())
    )
    return f'<nav class="note">Other tracks: {links}.</nav>'


def _threshold(metric: str) -> str:
    """Return ε of a score like ``vpt@0.3``."""
    match = re.fullmatch(r"vpt@(\d+(?:\.\d+)?)", metric)
    return match[1] if match else "0.4"


def _name(label: str) -> str:
    """Escape a label and let it break, in a narrow column, where its words do."""
    return re.sub(r"([_:=,.])", r"\1<wbr>", _escape(label))


def _number(value: float) -> str:
    """Return a number for a data attribute; empty where there is none."""
    return "" if math.isnan(value) else repr(round(value, 6))


def _table(
    lines: tuple[Standing, ...],
    shown: Sequence[Column],
    others: Sequence[tuple[str, Sequence[float]]],
) -> str:
    heads = []
    for column in shown:
        first = "descending" if column.arrow == "↑" else "ascending"
        now = "ascending" if column.key == "rank" else "none"
        heads.append(
            f'<th scope="col" data-key="{column.key}" data-first="{first}" aria-sort="{now}" '
            f'title="{_escape(column.meaning)}"><button type="button">'
            f"{_escape(column.heading)}</button></th>"
        )
    name = (
        '<th scope="col" class="name" data-key="forecaster" data-first="ascending" '
        'aria-sort="none"><button type="button">forecaster</button></th>'
    )
    heads.insert(1 if shown[0].key == "rank" else 0, name)
    bodies = []
    for kind, privileged in (("ranked", False), ("ceiling", True)):
        rows = [_row(line, shown) for line in lines if line.privileged == privileged]
        if rows or not privileged:
            bodies.append(f'<tbody class="{kind}">{"".join(rows)}</tbody>')
    if others:
        rows = [_other_row(method, numbers, shown) for method, numbers in others]
        bodies.append(f'<tbody class="published">{"".join(rows)}</tbody>')
    return (
        f'<table id="leaderboard"><thead><tr>{"".join(heads)}</tr></thead>{"".join(bodies)}</table>'
    )


def _other_row(method: str, numbers: Sequence[float], shown: Sequence[Column]) -> str:
    """Return the row of a published method that was not run here."""
    held = iter(numbers)
    cells = []
    for column in shown:
        value = next(held) if column.key.startswith("published_") else math.nan
        text = "" if math.isnan(value) else f"{value:g}"
        title = f' title="{_escape(f"{method} {text}: {column.meaning}")}"' if text else ""
        cells.append(f'<td data-value="{_number(value)}"{title}>{text}</td>')
    cells.insert(1 if shown[0].key == "rank" else 0, f'<th scope="row">{_escape(method)}</th>')
    return f'<tr data-published="{_escape(method)}">{"".join(cells)}</tr>'


def _row(line: Standing, shown: Sequence[Column]) -> str:
    cells = []
    for column in shown:
        text = _escape(column.text(line))
        kind = ""
        if column.key == "score" and " [" in text:
            score, _, interval = text.partition(" ")
            text = f'{score}<span class="interval-text">{interval}</span>'
        if column.key == "failures" and line.failures:
            statuses = ", ".join(f"{n} {name}" for name, n in line.failures_by_status.items())
            kind = f' class="alarm" title="{_escape(statuses.replace("_", " "))}"'
        cells.append(f'<td data-value="{_number(column.value(line))}"{kind}>{text}</td>')
    cells.insert(
        1 if shown[0].key == "rank" else 0, f'<th scope="row">{_name(name_text(line))}</th>'
    )
    rank = "" if line.rank is None else str(line.rank)
    return (
        f'<tr data-forecaster="{_escape(line.forecaster)}" data-rank="{rank}">{"".join(cells)}</tr>'
    )


def _incomplete(lines: tuple[Standing, ...]) -> str:
    missing = [f"{line.forecaster} ({line.missing})" for line in lines if line.incomplete]
    if not missing:
        return ""
    return (
        '<p class="note">† Incomplete: tasks that others ran are missing. They count as '
        f"failed for ranked forecasters. {_escape(', '.join(missing))}.</p>"
    )


def _difference(metric: str) -> str:
    return "medians' logarithms" if is_time(metric) else "medians"


def _remarks(board: Leaderboard) -> str:
    return "".join(f'<p class="note">{_escape(text)}</p>' for text in board.remarks)


def _heat_map(pool: Pool, lines: tuple[Standing, ...]) -> str:
    systems = sorted(set(pool.systems))
    table = {line.forecaster: group_medians(pool, line.forecaster, by="system") for line in lines}
    finite = [value for medians, _ in table.values() for value in medians if math.isfinite(value)]
    top = max([*finite, 1e-9])
    words, metric = wording(pool.metric, unit=pool.unit), metrics[base(pool.metric)]
    failed = {
        (record.forecaster, record.system): record.status
        for record in pool.records
        if record.status != "ok"
    }
    system_of = dict(zip(pool.tasks, pool.systems, strict=True))
    rows = []
    for line in lines:
        cells = []
        absent = {system_of[task] for task in pool.missing(line.forecaster)}
        for system, value, bounded in zip(systems, *table[line.forecaster], strict=True):
            if math.isnan(value):
                cells.append('<td class="missing" title="not run">–</td>')
                continue
            part = min(max(value / top, 0.0), 1.0)  # a score may be negative, or infinite
            share = 100 * part**0.6  # lifts the small values, where most systems are
            if pool.sign < 0:
                share = 100 - share
            status = failed.get((line.forecaster, system))
            number = f"{value:.1f}" if is_time(pool.metric) else metric.format(value)
            text = f"{'≥' if bounded else ''}{number}"
            title = f"{line.forecaster} on {system}: {text} {words.unit}".rstrip()
            title += f"; {status.replace('_', ' ')}" if status else ""
            # Where the text must change colour to stay readable differs by theme: two steps.
            shade = "strong" if share > 80 else "mid" if share > 61 else ""
            title += "; not run, counted as failed" if system in absent else ""
            mark = "failed" if status else "imputed" if system in absent else ""
            kind = f"{shade} {mark}".strip()
            cells.append(
                f'<td style="--v:{share:.0f}" data-value="{_number(value)}" '
                f'class="{kind}" title="{_escape(title)}">{text}</td>'
            )
        kind = ' class="ceiling"' if line.privileged else ""
        rows.append(f'<tr{kind}><th scope="row">{_name(line.forecaster)}</th>{"".join(cells)}</tr>')
    head = "".join(f'<th scope="col"><span>{_escape(system)}</span></th>' for system in systems)
    many = ' class="many"' if len(systems) > UPRIGHT_SYSTEMS else ""
    return (
        f'<table id="heat"{many}><thead><tr><th class="name"></th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _failures(pool: Pool) -> str:
    rows = [
        f'<tr><th scope="row">{_name(record.forecaster)}</th><td>{_escape(record.task)}</td>'
        f"<td>{record.seed}</td><td>{_escape(record.status.replace('_', ' '))}</td>"
        f'<td class="message">{_escape(record.message or "no message")}</td></tr>'
        for record in sorted(pool.records, key=lambda r: (r.forecaster, r.task, r.seed))
        if record.status != "ok"
    ]
    if not rows:
        return "<p>None: every run ended well.</p>"
    return (
        '<div class="scroll" tabindex="0" role="region" aria-labelledby="failures">'
        '<table class="plain" id="failed"><thead><tr><th class="name">forecaster</th>'
        "<th>task</th><th>seed</th><th>status</th><th>message</th></tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _recompute(pool: Pool, title: str) -> str:
    """Return the commands that make the records and the page again."""
    usual = {ranked_by(record) for record in pool.records} == {pool.metric}
    track = track_of(pool.records[0])
    if version_of(pool.records[0]) and newer_version(track, version_of(pool.records[0])):
        track += f"-{version_of(pool.records[0])}"
    if usual:
        build = ["chaosbench", "leaderboard", "build", "RUN", "--track", track, "--title", title]
        return "\n".join([*commands(pool.records), shlex.join(build)])
    return "\n".join([
        *commands(pool.records),
        "python",
        ">>> import chaosbench as cb",
        f'>>> cb.leaderboard.write_page(cb.read_records("RUN"), "page.html", track={track!r}, '
        f"metric={pool.metric!r}, title={title!r})",
    ])  # fmt: skip


def _settings(pool: Pool) -> str:
    rows = "".join(
        f'<tr><th scope="row">{_name(name)}</th><td>{_escape(seeds)}</td><td>{_escape(code)}</td>'
        f'<td class="value"><code>{_escape(config)}</code></td></tr>'
        for name, seeds, code, config in settings(pool)
    )
    return (
        "<details><summary>Settings and seeds of every forecaster</summary>"
        '<div class="scroll"><table class="plain"><thead><tr><th class="name">forecaster</th>'
        f"<th>seeds</th><th>code</th><th>settings</th></tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def _equations(pool: Pool) -> str:
    """Equations that were found, folded away; nothing where there are none."""
    rows = "".join(
        f'<tr><th scope="row">{_name(name)}</th><td>{_escape(task)}</td>'
        f'<td class="value">{"<br>".join(f"<code>{_escape(line)}</code>" for line in lines)}</td>'
        "</tr>"
        for name, task, lines in equations(pool)
    )
    if not rows:
        return ""
    return (
        '<section aria-labelledby="equations"><h2 id="equations">Equations found</h2>'
        '<p class="note">As the forecasters wrote them, in the units of the data: x0 is the first '
        "variable, x0' its time derivative, x0[t+1] its next value.</p>"
        "<details><summary>Every equation, system by system</summary>"
        '<div class="scroll"><table class="plain"><thead><tr><th class="name">forecaster</th>'
        f"<th>task</th><th>equations</th></tr></thead><tbody>{rows}</tbody></table></div>"
        "</details></section>"
    )


def _provenance(pool: Pool) -> str:
    rows = [
        f'<tr><th scope="row">{_name(key)}</th><td class="value">{_escape(text)}</td></tr>'
        for key, text in provenance(pool.records)
    ]
    if not rows:
        return "<p>The records carry no provenance.</p>"
    return f'<div class="scroll"><table class="plain"><tbody>{"".join(rows)}</tbody></table></div>'
