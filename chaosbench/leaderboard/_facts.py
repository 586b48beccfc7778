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

__all__ = ["clocks", "commands", "equations", "provenance", "settings"]

_VALUES_SHOWN = 4
_HASH_SHOWN = 12
_OF_A_FORECASTER = ("code", "tuned")
_ALWAYS_RUN = ("persistence", "climatology", "parroting")
_USUAL_BUDGET = {"seconds": 600.0, "memory_mib": 8192.0}


def clocks(pool: Pool) -> tuple[str, ...]:
    """Return a sentence on how time is counted on each recording; nothing where there is none."""
    said: dict[str, str] = {}
    for record in pool.records:
        told = record.provenance.get("recording")
        if not isinstance(told, dict) or record.system in said:
            continue
        unit, rate = str(told.get("time_unit")), record.provenance.get("lyapunov_exponent")
        if not isinstance(rate, int | float):
            said[record.system] = f"{record.system} in {unit}, its exponent is not known"
            continue
        error = told.get("exponent_error")
        plus = f" ± {error:.2g}" if isinstance(error, int | float) else ""
        source = str(told.get("exponent_source"))
        said[record.system] = f"{record.system} with {rate:.4g}{plus} per {unit} ({source})"
    if not said:
        return ()
    return (
        f"Recorded data, {'; '.join(said[name] for name in sorted(said))}: scored against the "
        "recording itself, noise included; nobody knows the equation, so there is no ceiling.",
    )


def settings(pool: Pool) -> list[tuple[str, str, str, str]]:
    """Return each forecaster's label, its seeds, its code and its settings as JSON.

    Of a tuned one these are the settings that were chosen, and those that the search began with.
    """
    rows = []
    for name in pool.forecasters:
        records = pool.runs(name)
        seeds = sorted({record.seed for record in records})
        codes = {_code(record.provenance.get("code")) for record in records} - {""}
        configs = sorted({_json(dict(record.config)) for record in records})
        tuned = [record.provenance.get("tuned") for record in records]
        begun = {_json(t["from"]) for t in tuned if isinstance(t, dict) and "from" in t}
        text = "; ".join(configs)
        if begun:
            text = f"chosen: {text}; the search began with {'; '.join(sorted(begun))}"
        rows.append((name, ", ".join(map(str, seeds)), "; ".join(sorted(codes)), text))
    return rows


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)


def _code(told: Any) -> str:
    """Say which code a forecaster is: a package and its version, or a file and its hash."""
    if not isinstance(told, dict):
        return ""
    words = [str(told[key]) for key in ("package", "version") if told.get(key)]
    if told.get("hash"):
        words.append(f"({str(told['hash'])[:_HASH_SHOWN]})")
    return " ".join(words)


def equations(pool: Pool) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return forecaster, task and equations where there are any, those of the smallest seed."""
    found: dict[tuple[str, str], Record] = {}
    for record in sorted(pool.records, key=lambda record: record.seed):
        if record.equations:
            found.setdefault((record.forecaster, record.task), record)
    return [(*key, found[key].equations) for key in sorted(found)]


def provenance(records: Iterable[Record]) -> list[tuple[str, str]]:
    """Return each fact of the records' provenance with the values that it takes, commonest first.

    If there are more than four values, the rest are counted. What belongs to one forecaster, its
    code and what it was tuned from, is left to `settings`.
    """
    values: dict[str, dict[str, int]] = {}
    for record in records:
        common_facts = {k: v for k, v in record.provenance.items() if k not in _OF_A_FORECASTER}
        for key, value in _flat(common_facts):
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
