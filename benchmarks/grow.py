"""How many systems the generator grows, and how many of them the full gate would refuse.

    python benchmarks/grow.py 30                       # of each family
    python benchmarks/grow.py 10 --family delay        # of one
    python benchmarks/grow.py 0                        # only make the table of what is recorded

Writes one line a family to benchmarks/records/grow.jsonl, and the table of all lines to
benchmarks/results/grow.md. Times are of processor seconds of one process.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

from chaosbench.dynamics import characterise
from chaosbench.errors import ChaosbenchError
from chaosbench.growth import FAMILIES, Tally, grow

HERE = Path(__file__).parent
RECORDS, TABLE = HERE / "records" / "grow.jsonl", HERE / "results" / "grow.md"

EFFORT = 0.02
"""Of the full gate: its verdict needs no exponent that is known to one percent."""


def refused(system) -> str:
    """Return why the full gate refuses a system; empty if it does not."""
    try:
        return characterise(system, seed=100, effort=EFFORT).verdict
    except ChaosbenchError as error:
        return f"{type(error).__name__}: {error}"


def measure(family: str, count: int, seed: int, *, full: bool = True) -> dict:
    grow(family, 1, seed=seed + 1)  # compiles, and measures what is known of the catalogue
    tallies: dict[str, Tally] = {}
    start = time.process_time()
    made = grow(family, count, seed=seed, tallies=tallies)
    took = time.process_time() - start
    tally = tallies[family]
    start = time.process_time()
    verdicts = [refused(one.system) for one in made] if full else []
    return {
        "family": family, "seed": seed, "drawn": tally.drawn, "screened": tally.screened,
        "accepted": tally.accepted, "refused": tally.refused, "seconds": took,
        "screen_seconds": tally.screen_seconds, "gate_seconds": tally.gate_seconds,
        "checked": len(verdicts), "full_seconds": time.process_time() - start,
        "verdicts": {
            one.constants.system: verdict
            for one, verdict in zip(made, verdicts, strict=False) if verdict
        },
    }  # fmt: skip


def table(rows: list[dict]) -> str:
    lines = [
        "# Growing systems",
        "",
        "Made by `python benchmarks/grow.py`. Rates are per processor second of one core, on a",
        "machine that other jobs shared. *Refused* counts accepted systems that the full gate",
        "(`characterise`: three tolerances, 3,000 periods each) does not rank.",
        "",
        "| family | drawn | looked chaotic | accepted | candidates/s | accepted/s "
        "| checked | refused |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name in FAMILIES:
        of = [row for row in rows if row["family"] == name]
        if not of:
            continue
        total = {
            key: sum(row[key] for row in of)
            for key in ("drawn", "screened", "accepted", "seconds", "screen_seconds", "checked")
        }
        wrong = sum(len(row["verdicts"]) for row in of)
        lines.append(
            f"| {name} | {total['drawn']:,} | {total['screened']} | {total['accepted']} "
            f"| {total['drawn'] / max(total['screen_seconds'], 1e-9):,.0f} "
            f"| {total['accepted'] / total['seconds']:.2f} | {total['checked']} | {wrong} |"
        )
    checked = sum(row["checked"] for row in rows)
    wrong = sum(len(row["verdicts"]) for row in rows)
    accepted, seconds = sum(r["accepted"] for r in rows), sum(r["seconds"] for r in rows)
    lines += [
        "",
        f"Together: {accepted} accepted in {seconds:,.0f} s, {3600 * accepted / seconds:,.0f} an "
        f"hour. The full gate refuses {wrong} of {checked}.",
        "",
    ]
    for row in rows:
        lines += [f"- {name}: {verdict}" for name, verdict in row["verdicts"].items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int)
    parser.add_argument("--family", action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="without the full gate")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    for family in chosen.family or FAMILIES if chosen.count else ():
        made = measure(family, chosen.count, chosen.seed, full=not chosen.quick)
        with RECORDS.open("a") as file:
            file.write(json.dumps(made) + "\n")
        print(json.dumps(made), flush=True)
    rows = [json.loads(line) for line in RECORDS.read_text().splitlines()]
    TABLE.write_text(table(rows))


if __name__ == "__main__":
    main()
