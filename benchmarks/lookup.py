"""Where a forecaster stands that looks systems up: on the open exam, on relatives, on newborns.

    python benchmarks/lookup.py --open runs/open      # the open exam, five short windows a system
    python benchmarks/lookup.py --season SCORES       # the records of a season that it has answered
    python benchmarks/lookup.py                       # the table of what is recorded

The adversary is benchmarks/lookup_plugin.py. Records go to benchmarks/records/lookup.json, the
table to benchmarks/results/lookup.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import replace
from pathlib import Path

from chaosbench.evaluation import Budget, Records, plan, read_records, run, spec_of
from chaosbench.evaluation.ranked import score_of
from chaosbench.isolation.description import describe_files
from chaosbench.tasks import registry as tasks

HERE = Path(__file__).parent
PLUGIN = HERE / "lookup_plugin.py"
RECORDS, TABLE = HERE / "records" / "lookup.json", HERE / "results" / "lookup.md"
SYSTEMS = ("lorenz", "rossler", "henon", "halvorsen")
HONEST = ("polynomial_map", "nvar", "sindy", "local_linear")


def opened(directory: Path) -> Records:
    """Run the adversary and honest forecasters on short exams of the open catalogue."""
    describe_files([PLUGIN])
    chosen = []
    for name in SYSTEMS:
        task = tasks[f"forecast/{name}-v2"]
        data = replace(task.dataset, windows=5, train_points=2000, context=128)
        chosen.append(replace(task, dataset=data))
    specs = [spec_of("lookup", plugins=[PLUGIN]), *(spec_of(name) for name in HONEST)]
    return run(plan(chosen, specs), directory=directory, budget=Budget(seconds=300))


def scores(records: Records) -> dict[str, dict[str, dict[str, float]]]:
    """Return the median valid prediction time by group, forecaster and system."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for record in records:
        track, _, name = record.task.partition("/")
        group = track.removeprefix("practice-2026-") if track != "forecast" else "open"
        score = score_of(record)
        of = found.setdefault(group, {}).setdefault(record.forecaster, {})
        of[name] = 0.0 if score is None else round(score.value, 3)
    return found


def table(found: dict[str, dict[str, dict[str, float]]]) -> str:
    lines = [
        "# Looking systems up", "",
        "Median over the systems of a group of the median valid prediction time in Lyapunov times;",
        "in brackets the share of systems on which it is at least nine tenths of the ceiling's.",
        "Made by `python benchmarks/lookup.py`.", "",
    ]  # fmt: skip
    groups = sorted(found)
    names = sorted({name for of in found.values() for name in of})
    lines.append("| forecaster | " + " | ".join(f"{g} ({_count(found[g])})" for g in groups) + " |")
    lines.append("|---|" + "--:|" * len(groups))
    for name in names:
        cells = []
        for group in groups:
            of = found[group].get(name)
            if of is None:
                cells.append("–")
                continue
            top = found[group].get("perfect model", {})
            near = [v >= 0.9 * top.get(system, float("inf")) for system, v in of.items()]
            cells.append(f"{statistics.median(of.values()):.1f} ({sum(near) / len(near):.0%})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _count(of: dict[str, dict[str, float]]) -> int:
    return max(map(len, of.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--open", type=Path)
    parser.add_argument("--season", type=Path)
    chosen = parser.parse_args()
    found = json.loads(RECORDS.read_text()) if RECORDS.is_file() else {}
    if chosen.open:
        found |= scores(opened(chosen.open))
    if chosen.season:
        found |= scores(read_records(chosen.season))
    RECORDS.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    TABLE.write_text(table(found))


if __name__ == "__main__":
    main()
