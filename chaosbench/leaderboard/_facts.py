"""What stands behind the numbers, for a page or a report: settings, equations, provenance."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from chaosbench.tasks import suites

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chaosbench.evaluation import Record
    from chaosbench.leaderboard._pool import Pool

__all__ = ["commands", "equations", "provenance", "settings"]

_VALUES_SHOWN = 4
_ALWAYS_RUN = ("persistence", "climatology", "parroting")
_USUAL_BUDGET = {"seconds": 600.0, "memory_mib": 8192.0}


def settings(pool: Pool) -> list[tuple[str, str, str]]:
    """Return each forecaster's label, its seeds and its settings as JSON."""
    configs: dict[str, set[str]] = {name: set() for name in pool.forecasters}
    seeds: dict[str, set[int]] = {name: set() for name in pool.forecasters}
    for record in pool.records:
        config = json.dumps(dict(record.config), sort_keys=True, default=str, ensure_ascii=False)
        configs[record.forecaster].add(config)
        seeds[record.forecaster].add(record.seed)
    return [
        (name, ", ".join(map(str, sorted(seeds[name]))), "; ".join(sorted(configs[name])))
        for name in pool.forecasters
    ]


def equations(pool: Pool) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return forecaster, task and equations where there are any, those of the smallest seed."""
    found: dict[tuple[str, str], Record] = {}
    for record in sorted(pool.records, key=lambda record: record.seed):
        if record.equations:
            found.setdefault((record.forecaster, record.task), record)
    return [(*key, found[key].equations) for key in sorted(found)]


def provenance(records: Iterable[Record]) -> list[tuple[str, str]]:
    """Return each fact of the records' provenance with the values that it takes, commonest first.

    If there are more than four values, the rest are counted.
    """
    values: dict[str, dict[str, int]] = {}
    for record in records:
        for key, value in _flat(record.provenance):
            count = values.setdefault(key, {})
            count[value] = count.get(value, 0) + 1
    facts = []
    for key, counts in sorted(values.items()):
        common = sorted(counts, key=lambda value: (-counts[value], value))
        more = f" and {len(common) - _VALUES_SHOWN} more" if len(common) > _VALUES_SHOWN else ""
        facts.append((key, ", ".join(common[:_VALUES_SHOWN]) + more))
    return facts


def _flat(mapping: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Flatten nested provenance to dotted keys and printable values."""
    pairs: list[tuple[str, str]] = []
    for key, value in mapping.items():
        if isinstance(value, dict):
            pairs += _flat(value, f"{prefix}{key}.")
        else:
            pairs.append((f"{prefix}{key}", _printable(value)))
    return pairs


def _printable(value: Any) -> str:
    """Print a fact: numbers to four digits, many numbers as their span."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple) and all(isinstance(v, int | float) for v in value):
        numbers = sorted(set(map(_printable, value)), key=float)
        if len(numbers) > _VALUES_SHOWN:
            return f"{numbers[0]} to {numbers[-1]}"
        return " or ".join(numbers)
    return json.dumps(value, default=str)


def commands(records: Sequence[Record]) -> list[str]:
    """Return the command lines that make these records again, as far as they say.

    One for the forecasters that were not tuned and one for each number of candidates that the
    others were tuned among. Labels are commands' own words for forecasters; plugins are named by
    the paths they had.
    """
    tasks = {record.task for record in records}
    names = []
    for name in sorted(suites, key=lambda name: (-len(suites[name].tasks), name)):
        members = set(suites[name].tasks)
        if members <= tasks:
            short = name.rpartition("-v")[0]
            names.append(short if suites.resolve(short) == name else name)
            tasks -= members
    names += sorted(tasks)
    groups: dict[str, set[str]] = {}
    for record in records:
        label, _, tuned = record.forecaster.partition(" (tuned ")
        if not record.privileged and (tuned or label not in _ALWAYS_RUN):
            groups.setdefault(tuned.rstrip(")"), set()).add(label)
    common: list[str] = []
    for path in sorted({str(p) for r in records for p in r.provenance.get("plugins") or ()}):
        common += ["--plugin", path]
    for seed in sorted({record.seed for record in records if not record.privileged}):
        common += ["--seed", str(seed)]
    common += ["--exam-seed", str(records[0].exam_seed)]
    budgets = [record.provenance.get("budget") for record in records]
    budget = next((b for b in budgets if isinstance(b, dict)), _USUAL_BUDGET)
    for option, key in (("--seconds", "seconds"), ("--memory", "memory_mib")):
        if budget.get(key, _USUAL_BUDGET[key]) != _USUAL_BUDGET[key]:
            common += [option, f"{budget[key]:g}"]
    lines = []
    for tuned, labels in sorted((groups or {"": set()}).items()):
        chosen = [word for label in sorted(labels) for word in ("-f", label)]
        tune = ["--tune", tuned] if tuned else []
        words = ["chaosbench", "run", *names, *chosen, *tune, *common, "--out", "RUN"]
        lines.append(" ".join(shlex.join(words).split()))
    return lines
