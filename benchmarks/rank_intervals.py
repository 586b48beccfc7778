"""Do intervals of places and tests between rows err as often as they say, and how fast are they?

Boards are simulated whose order is known, as Records, and ranked by `chaosbench.leaderboard`. The
logarithm of a valid prediction time is a forecaster's own level, plus what a system is harder for
all, what it is harder for this forecaster, what a window is harder for all, what a seed adds, and
the rest, all normal, so that the true median is the exponential of the level. Written are the share
of places and of scores that lie in their intervals, the share of boards on which at least one pair
is told apart that is equal or in the other order, and with what power the pairs at the stated
resolution are told apart.

    python benchmarks/rank_intervals.py                 # an hour on one core; prints the table
    python benchmarks/rank_intervals.py --write         # and keeps it in benchmarks/results/
    python benchmarks/rank_intervals.py --boards 20     # fewer boards

The designs in `CALIBRATED` set the one free number, `RANK_TAIL`; the others have other levels,
spreads and numbers and only check it.
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import chaosbench.leaderboard as leaderboard
from chaosbench.evaluation import Record
from chaosbench.leaderboard import _order
from chaosbench.leaderboard._admission import prepare

RESULTS = Path(__file__).parent / "results" / "rank_intervals.md"


@dataclass(frozen=True)
class Design:
    """A kind of board.

    Attributes:
        levels: of the forecasters, in log Lyapunov times; the higher the better.
        systems, windows, seeds: how many.
        spreads: standard deviations of what belongs to a system, to a forecaster on a system, to a
            window, to a seed on a system, and to nothing else.
        horizon: in Lyapunov times; longer times are censored there.

    """

    levels: tuple[float, ...]
    systems: int = 32
    windows: int = 10
    seeds: int = 1
    spreads: tuple[float, float, float, float, float] = (0.6, 0.4, 0.5, 0.2, 0.4)
    horizon: float = math.inf


def even(low: float, high: float, count: int) -> tuple[float, ...]:
    return tuple(np.linspace(low, high, count))


def scattered(seed: int, count: int, spread: float) -> tuple[float, ...]:
    return tuple(np.random.default_rng(seed).normal(0, spread, count).round(6))


CALIBRATED = {
    "53 rows close together": Design(even(0, 1, 53)),
    "53 rows, normal": Design(scattered(1, 53, 1.0)),
    "20 rows": Design(even(0, 1, 20)),
    "10 rows close together": Design(even(0, 0.5, 10)),
    "20 rows on 8 systems": Design(even(0, 1, 20), systems=8, windows=20),
}
CHECKED = {
    "53 rows, wider": Design(scattered(2, 53, 1.5), spreads=(0.8, 0.6, 0.3, 0.2, 0.3)),
    "30 rows, normal": Design(scattered(3, 30, 0.7), windows=20),
    "20 rows, systems differ much": Design(even(0, 1.5, 20), spreads=(1.0, 0.8, 0.3, 0.1, 0.3)),
    "15 rows, horizon of 4 Lyapunov times": Design(even(0, 1, 15), horizon=4.0),
    "15 rows, three seeds": Design(even(0, 1, 15), seeds=3, spreads=(0.6, 0.4, 0.5, 0.4, 0.4)),
    "12 rows, six of them equal": Design((*even(0, 1, 6), *[0.5] * 6)),
    "10 rows, all equal": Design((0.0,) * 10),
    "10 rows, all equal, 8 systems": Design((0.0,) * 10, systems=8, windows=20),
}


def records(design: Design, rng: np.random.Generator) -> list[Record]:
    """Simulate one board."""
    shape = (len(design.levels), design.systems, design.windows, design.seeds)
    count, systems, windows, seeds = shape
    parts = [(1, systems, 1, 1), (count, systems, 1, 1), (1, systems, windows, 1),
             (count, systems, 1, seeds), shape]  # fmt: skip
    logs = np.reshape(design.levels, (-1, 1, 1, 1)) + np.zeros(shape)
    for spread, part in zip(design.spreads, parts, strict=True):
        logs = logs + spread * rng.normal(size=part)
    times = np.exp(logs)
    censored = (times > design.horizon).astype(float)
    times = np.minimum(times, design.horizon)
    return [
        Record(
            task=f"forecast/s{s:02}-v1", system=f"s{s:02}", forecaster=f"f{f:02}", config={},
            seed=r, exam_seed=0, status="ok",
            window_scores={
                "vpt@0.4": tuple(times[f, s, :, r].tolist()),
                "censored@0.4": tuple(censored[f, s, :, r].tolist()),
            },
        )
        for f in range(count) for s in range(systems) for r in range(seeds)
    ]  # fmt: skip


@dataclass
class Tally:
    """What boards of one design came to; see `measure`."""

    places: float = 0.0
    width: float = 0.0
    scores: float = 0.0
    false: float = 0.0
    resolution: float = 0.0


def measure(design: Design, boards: int, seed: int, bootstrap: int = 1000) -> Tally:
    """Rank so many boards and compare each with the order that is known."""
    levels = np.array(design.levels)
    better = (levels[np.newaxis] > levels[:, np.newaxis]).sum(axis=1)
    worse = (levels[np.newaxis] < levels[:, np.newaxis]).sum(axis=1)
    first, last = 1 + better, len(levels) - worse  # equals share these places
    tally = Tally()
    for board in range(boards):
        rng = np.random.default_rng([seed, board])
        pool = prepare(records(design, rng))
        made, beats = judged(pool, bootstrap)
        lines = sorted((line for line in made), key=lambda line: line.forecaster)
        low = np.array([line.rank_low for line in lines])
        high = np.array([line.rank_high for line in lines])
        tally.places += ((low <= last) & (first <= high)).mean() / boards
        tally.width += (high - low + 1).mean() / boards
        truth = np.minimum(np.exp(levels), design.horizon)
        held = [a.ci_low <= t <= a.ci_high for a, t in zip(lines, truth, strict=True)]
        tally.scores += np.mean(held) / boards
        rows = [int(line.forecaster[1:]) for line in made]
        wrong = beats & (levels[rows][:, np.newaxis] <= levels[rows][np.newaxis])
        tally.false += bool(wrong.any()) / boards
        tally.resolution += made.resolution / boards
    return tally


def judged(pool, bootstrap):
    """Return a board, and which row beats which."""
    kept = []

    def spy(*args, **settings):
        kept.append(_order.order(*args, **settings))
        return kept[-1]

    whole, leaderboard.ranking.order = leaderboard.ranking.order, spy
    try:
        board = leaderboard.Leaderboard.of(pool, bootstrap=bootstrap)
    finally:
        leaderboard.ranking.order = whole
    return board, kept[-1].beats


def power(boards: int, seed: int) -> tuple[float, float]:
    """Return the resolution of boards of ten rows, and how often such a pair is told apart."""
    low, told = even(-1.5, 1.5, 8), 0
    ratio = measure(Design((*low, 0.0, 0.3)), max(4, boards // 4), seed).resolution
    design = Design((*low, -math.log(ratio) / 2, math.log(ratio) / 2))
    for board in range(boards):
        pool = prepare(records(design, np.random.default_rng([seed, 1, board])))
        made, beats = judged(pool, 1000)
        names = [line.forecaster for line in made]
        told += bool(beats[names.index("f09"), names.index("f08")])
    return ratio, told / boards


def speed() -> float:
    """Return the seconds that a board of 53 forecasters on 32 systems takes, Records included."""
    made = records(CALIBRATED["53 rows, normal"], np.random.default_rng(0))
    start = time.perf_counter()
    leaderboard.build(made)
    return time.perf_counter() - start


def table(boards: int, seed: int) -> str:
    lines = [
        "| boards | rows × systems × windows × seeds | places in their intervals | mean width | "
        "scores in theirs | boards with a false separation | resolution |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, design in (CALIBRATED | CHECKED).items():
        count = max(4, round(boards * 20 / len(design.levels)))
        found = measure(design, count, seed)
        sizes = (len(design.levels), design.systems, design.windows, design.seeds)
        lines.append(
            f"| {count}: {name} | {' × '.join(map(str, sizes))} | {found.places:.1%} | "
            f"{found.width:.1f} | {found.scores:.1%} | {found.false:.1%} | {found.resolution:.2f} |"
        )
        print(lines[-1], flush=True)
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--boards", type=int, default=150, help="of 20 rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    rows = table(chosen.boards, chosen.seed)
    ratio, share = power(chosen.boards, chosen.seed)
    text = "\n".join([
        "# Intervals of places and tests between rows, on boards of known order",
        "",
        f"Written by `python benchmarks/rank_intervals.py --write --boards {chosen.boards} --seed "
        f"{chosen.seed}`: so many boards that each design has the same number of rows, 1,000 "
        "replicates each. The first "
        f"{len(CALIBRATED)} set the tail of the intervals of places ({_order.RANK_TAIL}); the "
        "others check it. Where all rows are equal, every place is right.",
        "",
        rows,
        "",
        f"Power: two rows whose medians differ by the stated resolution of their board, {ratio:.2f}"
        f" times, among ten rows: told apart on {share:.0%} of {chosen.boards} boards (stated: "
        f"{_order.POWER:.0%}).",
        "",
        f"Speed: {speed():.1f} s for 53 forecasters × 32 systems × 10 windows with 1,000 "
        "replicates, from Records to the board.",
        "",
    ])  # fmt: skip
    print(text)
    if chosen.write:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
