"""Measure forecasters at their defaults before and after a change, on exams kept for development.

``PYTHONPATH=TREE python benchmarks/at_best.py run LABEL -f NAME … [--seeds 101 102]`` fits and
scores forecasters as the tree at TREE has them and adds one line per cell to
``benchmarks/at_best.jsonl``; cells that are there already are skipped. Run it once with the tree
before the change (``before``) and once with the one after (``after``).
``python benchmarks/at_best.py table`` compares the two in ``benchmarks/at_best.md``.

The exams have seeds from 100 on. Those with smaller seeds are published, and no setting may be
chosen by looking at them.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import median
from typing import Any

RECORDS = Path(__file__).with_suffix(".jsonl")
TABLE = Path(__file__).with_suffix(".md")
FIRST_SEED = 100


def load(records: Path) -> list[dict[str, Any]]:
    """Return all records of a file, none if it does not exist."""
    if not records.exists():
        return []
    return [json.loads(line) for line in records.read_text().splitlines()]


def measure(name: str, task: Any, settings: dict[str, Any], fit_seed: int) -> dict[str, Any]:
    """Fit and score one cell; return its score and the processor time of fit and predict."""
    import importlib

    import numpy as np

    import chaosbench.forecasters as forecasters
    from chaosbench import metrics
    from chaosbench.datasets import generate
    from chaosbench.evaluation.exam import cache_directory, load_exam
    from chaosbench.trajectories import Trajectories

    exam = load_exam(generate(task.dataset, cache_directory() / task.dataset.hash), task)
    forecaster = forecasters.registry[name](**settings)
    for library in getattr(forecaster, "libraries", ()):
        importlib.import_module(library)
    begin, wall = time.process_time(), time.perf_counter()
    try:
        predictor = forecaster.fit(Trajectories(exam.train, dt=exam.dt), seed=fit_seed)
        forecast = predictor.predict(exam.context, exam.horizon).values
        error = ""
    except Exception as problem:  # a failure is a result, with the worst score
        forecast, error = np.full(exam.truth.shape, np.nan), f"{type(problem).__name__}: {problem}"
    spent, passed = time.process_time() - begin, time.perf_counter() - wall
    steps = metrics.valid_prediction_steps(
        exam.truth,
        np.ascontiguousarray(forecast),
        scale=exam.train.std(axis=(0, 1)),
        certified_steps=exam.scorable,
    )
    times = steps * exam.clock
    return {
        "vpt": round(float(np.median(times)), 3),
        "mean": round(float(np.mean(times)), 3),
        "seconds": round(spent, 3),
        "wall": round(passed, 3),
        "error": error,
    }


def run(options: argparse.Namespace) -> None:
    """Measure what is not in the records yet."""
    from chaosbench.tasks import registry, suites

    if min(options.seeds) < FIRST_SEED:
        raise SystemExit(f"exams below {FIRST_SEED} are published: choose nothing by looking there")
    known = {
        (r["label"], r["forecaster"], r["task"], r["exam"], r["seed"])
        for r in load(options.records)
    }
    settings = json.loads(options.settings)
    for name in options.forecaster:
        for task_id in suites[options.suite].tasks:
            if options.systems and not any(s in task_id for s in options.systems):
                continue
            for exam in options.seeds:
                key = (options.label, name, task_id, exam, options.seed)
                if key in known:
                    continue
                row = dict(zip(("label", "forecaster", "task", "exam", "seed"), key, strict=True))
                row |= measure(name, registry[task_id].with_seed(exam), settings, options.seed)
                with options.records.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(*(f"{row[k]}" for k in row if k not in ("label", "seed")), flush=True)


def _cell(rows: list[dict[str, Any]], label: str) -> tuple[str, str]:
    chosen = [r for r in rows if r["label"] == label]
    if not chosen:
        return "", ""
    score = " / ".join(f"{r['vpt']:.1f}" for r in sorted(chosen, key=lambda r: r["exam"]))
    return score, f"{sum(r['seconds'] for r in chosen) / len(chosen):.2g}"


def table(options: argparse.Namespace) -> None:
    """Write the comparison of all records."""
    records = load(options.records)
    names = list(dict.fromkeys(r["forecaster"] for r in records))
    tasks = list(dict.fromkeys(r["task"] for r in records))
    exams = sorted({r["exam"] for r in records})
    lines = [
        "<!-- Written by `python benchmarks/at_best.py table`. -->",
        "",
        "# Defaults before and after",
        "",
        "Median valid prediction time in Lyapunov times on the exams of seed "
        f"{' / '.join(map(str, exams))}, horizon 10, fit seed 0, and processor seconds of fit and "
        "predict (mean over the exams, one core, while other jobs ran).",
        "",
        "## Over the systems",
        "",
        "Medians over all cells that were measured both before and after.",
        "",
        "| forecaster | cells | before | after | s before | s after | ratio of s |",
        "| :-- | --: | --: | --: | --: | --: | --: |",
    ]
    by_label: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {"before": {}, "after": {}}
    for r in records:
        if r["label"] in by_label:
            by_label[r["label"]][r["forecaster"], r["task"], r["exam"], r["seed"]] = r
    both = [key for key in by_label["before"] if key in by_label["after"]]
    for name in names:
        keys = [key for key in both if key[0] == name]
        if not keys:
            continue
        old, new = ([by_label[x][key] for key in keys] for x in ("before", "after"))
        spent = [sum(r["seconds"] for r in side) / len(keys) for side in (old, new)]
        ratio = spent[1] / spent[0] if spent[0] else float("inf")
        lines.append(
            f"| {name} | {len(keys)} | {median(r['vpt'] for r in old):.2f} | "
            f"{median(r['vpt'] for r in new):.2f} | {spent[0]:.2g} | {spent[1]:.2g} | {ratio:.1f} |"
        )
    for task in tasks:
        lines += [
            "",
            f"## {task}",
            "",
            "| forecaster | before | after | s before | s after |",
            "| :-- | --: | --: | --: | --: |",
        ]
        for name in names:
            rows = [r for r in records if r["forecaster"] == name and r["task"] == task]
            (was, took), (now, takes) = _cell(rows, "before"), _cell(rows, "after")
            if was or now:
                lines.append(f"| {name} | {was} | {now} | {took} | {takes} |")
    options.table.write_text("\n".join(lines) + "\n")


def main() -> None:
    """Parse the arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True)
    first = commands.add_parser("run")
    first.add_argument("label")
    first.add_argument("-f", "--forecaster", nargs="+", required=True)
    first.add_argument("--seeds", nargs="+", type=int, default=[101, 102])
    first.add_argument("--seed", type=int, default=0)
    first.add_argument("--suite", default="lite")
    first.add_argument("--systems", nargs="*", default=[])
    first.add_argument("--settings", default="{}", help="JSON, for trials")
    first.add_argument("--records", type=Path, default=RECORDS)
    first.set_defaults(act=run)
    second = commands.add_parser("table")
    second.add_argument("--records", type=Path, default=RECORDS)
    second.add_argument("--table", type=Path, default=TABLE)
    second.set_defaults(act=table)
    options = parser.parse_args()
    options.act(options)


if __name__ == "__main__":
    main()
