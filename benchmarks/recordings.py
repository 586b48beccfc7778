"""What comes out of real recordings: their import, and how far the floor and some forecasters see.

    python benchmarks/recordings.py --work WORK               # the series of statsmodels
    python benchmarks/recordings.py --work WORK --data DIR    # and ECG and EEG of DIR

Everything is kept in WORK, so that the same command goes on where it was interrupted. The numbers
go to benchmarks/records/recordings.json and, as tables, into docs/recordings.md; what was not
measured this time stays as it was. DIR holds ecg-train.npy, ecg-test.npy and eeg-train.npy of the
repository DurstewitzLab/GTF-shPLRNN (Hess et al., ICML 2023), which are not shipped.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from pathlib import Path

import numpy as np

import chaosbench as cb
from chaosbench.datasets.recordings import PACKAGED, facts_of
from chaosbench.evaluation import Budget, plan, run, spec_of
from chaosbench.evaluation.ranked import score_of, unit_of

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "benchmarks" / "records" / "recordings.json"
PAGE = ROOT / "docs" / "recordings.md"

POINTS = 30_000
"""Of the ECG that are trained on."""


def imports(data: Path | None, work: Path):
    """Yield title, source and settings of each import."""
    for name in PACKAGED:
        yield name, name, {"name": name.partition(":")[2]}
    if data is None:
        return
    part = work / "ecg.npy"
    if not part.is_file():
        np.save(part, np.load(data / "ecg-train.npy")[:POINTS])
    step = {"dt": 1.0, "time_unit": "samples"}
    test = {"test": [data / "ecg-test.npy"], **step}
    yield "ECG", data / "ecg-train.npy", {"name": "ecg", **test}
    unknown = {**test, "exponent": "unknown"}
    yield "ECG, 1,000 steps", part, {"name": "ecg_steps", "horizon": 1000, **unknown}
    yield "ECG, free run", part, {
        "name": "ecg_run", "horizon": POINTS, "windows": 3, "context": 512, **unknown
    }  # fmt: skip
    yield "EEG", data / "eeg-train.npy", {"name": "eeg", "horizon": 200, "context": 200, **step}


FORECASTERS = {
    **{name.partition(":")[2]: ("nvar", "linear_regression") for name in PACKAGED},
    "ecg_steps": ("local_linear", "esn"),
    "ecg_run": ("local_linear",),
    "eeg": ("linear_regression", "esn"),
}
"""Beside the floor; a recording without any is only imported."""


def measured(place: Path | None, work: Path, seconds: float) -> dict:
    found = {}
    for title, source, settings in imports(place, work):
        made = cb.import_recording(source, **settings)
        facts, told = facts_of(made), made.recipe()["exponent"]
        shares = [share for share in facts["noise_share"].values() if share is not None]
        entry = found[made.systems[0]] = {
            "title": title, "unit": made.time_unit, "variables": len(made.columns),
            "samples": sum(facts["samples"]), "period": facts["period"],
            "noise_percent": 100 * float(np.median(shares)), "train": made.train_trajectories,
            "train_points": made.train_points, "windows": made.windows, "context": made.context,
            "horizon": made.steps, "exponent": told["value"], "error": told["error"],
            "reason": told["reason"], "scores": {},
        }  # fmt: skip
        names = FORECASTERS.get(made.systems[0], ())
        if not names:
            continue
        cells = plan([cb.tasks[f"own/{made.systems[0]}"]], [spec_of(name) for name in names])
        for record in run(cells, directory=work / "runs" / made.systems[0],
                          budget=Budget(seconds=seconds)):  # fmt: skip
            score = score_of(record)
            entry["scores"][record.forecaster] = {
                "status": record.status,
                "vpt": None if score is None else score.value,
                "bound": score is not None and score.is_lower_bound,
                "unit": unit_of(record),
                "d_stsp": record.scores.get("d_stsp"),
                "d_h": record.scores.get("d_h"),
            }
        print(made.systems[0], flush=True)
    return found


def packages(found: dict) -> list[str]:
    lines = ["| name | samples | windows, seen + asked | noise at most | exponent |",
             "|---|---|---|---|---|"]  # fmt: skip
    for name in PACKAGED:
        e = found[name.partition(":")[2]]
        lines.append(
            f"| `{name}`: {PACKAGED[name].about} | {e['samples']:,} | {e['windows']}, "
            f"{e['context']} + {e['horizon']} {e['unit']} | {e['noise_percent']:.2g}% of σ | "
            f"unknown: {e['reason']} |"
        )
    return lines


def data(found: dict) -> list[str]:
    lines = ["| recording | samples, variables | training | noise at most | exponent |",
             "|---|---|---|---|---|"]  # fmt: skip
    for name in ("ecg", "eeg"):
        e = found[name]
        told = f"unknown: {e['reason']}"
        if e["exponent"] is not None:
            told = f"{e['exponent']:.3g} ± {e['error']:.1g} a sample"
        lines.append(
            f"| {e['title']} | {e['samples']:,}, {e['variables']} | {e['train']} × "
            f"{e['train_points']:,} | {e['noise_percent']:.2g}% of σ | {told} |"
        )
    return lines


def scores(found: dict) -> list[str]:
    lines = ["| recording | windows, seen + asked | forecaster | valid for | D_stsp | D_H |",
             "|---|---|---|---|---|---|"]  # fmt: skip
    for e in found.values():
        for k, (name, s) in enumerate(e["scores"].items()):
            first = (e["title"], f"{e['windows']}, {e['context']} + {e['horizon']:,}")
            head = " | ".join(first if k == 0 else ("", ""))
            if s["status"] not in ("ok", "diverged") or s["vpt"] is None:
                lines.append(f"| {head} | `{name}` | {s['status']} | – | – |")
                continue
            told = f"{'≥ ' if s['bound'] else ''}{s['vpt']:.3g} {s['unit']}"
            numbers = " | ".join(
                "–" if s[key] is None else f"{s[key]:.{digits}f}"
                for key, digits in (("d_stsp", 2), ("d_h", 3))
            )
            lines.append(f"| {head} | `{name}` | {told} | {numbers} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seconds", type=float, default=600.0)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    os.environ["CHAOSBENCH_RECORDINGS"] = str(given.work.resolve() / "recordings")
    found = json.loads(RECORD.read_text("utf-8")) if RECORD.is_file() else {}
    found |= measured(given.data, given.work, given.seconds)
    RECORD.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")
    text = PAGE.read_text("utf-8")
    for name, lines in {
        "packages": packages(found),
        "data": data(found),
        "scores": scores(found),
    }.items():
        text, count = re.subn(
            rf"(<!-- table: {name} -->\n).*?(<!-- end of table -->)",
            lambda m, lines=lines: m[1] + "\n".join(lines) + "\n" + m[2], text, flags=re.DOTALL,
        )  # fmt: skip
        assert count == 1, name
    PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
