"""Grow systems: draw candidates block by block, and accept those that pass the quick gate."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from chaosbench.dynamics.stored import Constants
from chaosbench.errors import InputError, check_integer
from chaosbench.files import write_text
from chaosbench.growth._families import FAMILIES, GENERATOR, family_named
from chaosbench.growth._gate import Refused, measured
from chaosbench.growth._kin import Invariants, catalogue_kin, invariants
from chaosbench.systems import System
from chaosbench.systems.written import system_of, write_systems
from chaosbench.trajectories import FloatArray

__all__ = ["FILE", "Grown", "Tally", "grow", "write_grown"]

FILE = "systems.json"
"""File of the systems in a directory; their constants are beside it."""

COUNT_AT_MOST = 100_000

BARREN = 400
"""Blocks in a row without an accepted system, after which a family is given up."""

DIGITS_OF_A_NAME = 10


@dataclass(frozen=True, eq=False)
class Grown:
    """A system that was grown, and what was measured.

    Attributes:
        system: the system.
        constants: measured by the quick gate.
        content: the system as plain data; see `systems.written`.
        family: name of its family.

    """

    system: System
    constants: Constants
    content: Mapping[str, Any]
    family: str


@dataclass
class Tally:
    """What it took to grow the systems of one family.

    Attributes:
        drawn, screened, accepted: numbers of candidates, of those that looked chaotic, and of
            accepted systems.
        refused: number of the others by reason.
        screen_seconds, gate_seconds: processor time for drawing and screening, and for the gate.

    """

    drawn: int = 0
    screened: int = 0
    accepted: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    screen_seconds: float = 0.0
    gate_seconds: float = 0.0

    def refuse(self, why: str) -> None:
        """Count a candidate that is not accepted."""
        self.refused[why] = self.refused.get(why, 0) + 1


@dataclass(frozen=True, eq=False)
class _Passed:
    content: Mapping[str, Any]
    constants: Constants
    marks: FloatArray


@dataclass(frozen=True, eq=False)
class _Block:
    passed: tuple[_Passed, ...]
    tally: Tally


def grow(
    family: str | Sequence[str],
    count: int,
    *,
    seed: int = 0,
    workers: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
    tallies: dict[str, Tally] | None = None,
) -> list[Grown]:
    """Grow chaotic systems that pass the quick form of the gate.

    The same seed gives the same systems, whatever the number of workers. A system that is kin of
    one of the catalogue or of one that was accepted before is left out.

    Args:
        family: name of a family, or several; see `FAMILIES`.
        count: systems of each family.
        seed: any whole number.
        workers: processes.
        progress: called with (done, total, family).
        tallies: receives what each family took.

    Raises:
        UnknownNameError: no such family.
        InputError: a family gave nothing for a long time.

    """
    names = [family] if isinstance(family, str) else list(dict.fromkeys(family))
    chosen = [family_named(name) for name in names]
    check_integer("count", count, 1)
    check_integer("seed", seed, 0)
    check_integer("workers", workers, 1)
    if count > COUNT_AT_MOST:
        raise InputError(f"at most {COUNT_AT_MOST:,} systems of a family are grown, not {count:,}")
    made: list[Grown] = []
    known: list[Invariants] = []
    total = count * len(chosen)
    for one in chosen:
        tally = Tally()
        accepted, barren = 0, 0
        for block in _blocks(one.name, seed, workers):
            _add(tally, block.tally)
            barren += 1
            for passed in block.passed:
                if accepted == count:
                    break
                system = system_of(passed.content)
                mine = invariants(system, passed.constants, passed.marks)
                kin = next((True for other in known if mine.kin(other)), False)
                if kin or next(catalogue_kin(mine), None) is not None:
                    tally.refuse("kin of an earlier one" if kin else "kin of the catalogue")
                    continue
                known.append(mine)
                made.append(Grown(system, passed.constants, passed.content, one.name))
                accepted, barren = accepted + 1, 0
                if progress is not None:
                    progress(len(made), total, one.name)
            tally.accepted = accepted
            if accepted == count:
                break
            if barren == BARREN:
                raise InputError(
                    f"the family {one.name} gave {accepted} systems and nothing more in {BARREN} "
                    "blocks of candidates; ask for fewer"
                )
        if tallies is not None:
            tallies[one.name] = tally
    return made


def _add(total: Tally, more: Tally) -> None:
    total.drawn += more.drawn
    total.screened += more.screened
    total.screen_seconds += more.screen_seconds
    total.gate_seconds += more.gate_seconds
    for why, number in more.refused.items():
        total.refused[why] = total.refused.get(why, 0) + number


def _blocks(family: str, seed: int, workers: int) -> Iterator[_Block]:
    """Yield blocks in their order, worked on ahead by other processes where there are several."""
    number = 0
    if workers == 1:
        while True:
            yield _work(family, seed, number)
            number += 1
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin)
    ahead: deque[Future[_Block]] = deque()
    try:
        while True:
            while len(ahead) < 2 * workers:
                ahead.append(pool.submit(_work, family, seed, number))
                number += 1
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    threadpool_limits(1)


def _work(family: str, seed: int, number: int) -> _Block:
    """Draw a block of candidates and apply the quick gate to those that look chaotic."""
    tally = Tally()
    start = time.process_time()
    look = FAMILIES[family].block(seed, number)
    tally.drawn, tally.screened = look.drawn, len(look.candidates)
    tally.screen_seconds = time.process_time() - start
    passed = []
    start = time.process_time()
    with np.errstate(all="ignore"):
        for candidate in look.candidates:
            try:
                passed.append(_tried(family, number, candidate.number, candidate.content,
                                     candidate.period))  # fmt: skip
            except Refused as reason:
                tally.refuse(str(reason))
    tally.gate_seconds = time.process_time() - start
    return _Block(tuple(passed), tally)


def _tried(
    family: str, block: int, number: int, content: Mapping[str, Any], period: float
) -> _Passed:
    constants, marks = measured(system_of(content), period)
    name = f"{family.replace('-', '_')}_{constants.fingerprint[:DIGITS_OF_A_NAME]}"
    origin = {"family": family, "generator": GENERATOR, "block": block, "candidate": number}
    parent = content.get("origin", {}).get("parent")
    told = f"; from {parent}" if parent else ""
    whole = {
        **content,
        "name": name,
        "description": f"{FAMILIES[family].description[:-1]}{told}.",
        "origin": origin | content.get("origin", {}),
    }
    return _Passed(whole, replace(constants, system=name), marks)


def write_grown(directory: Path | str, grown: Sequence[Grown]) -> Path:
    """Write systems and their constants into a directory; return the file of the systems.

    ``chaosbench.load_systems`` reads it back. Equal systems give equal bytes.
    """
    place = Path(directory) / FILE
    for one in grown:
        folder = place.with_suffix(".constants")
        write_text(folder / f"{one.constants.system}.json", one.constants.to_json())
    write_systems(place, [one.content for one in grown])
    return place
