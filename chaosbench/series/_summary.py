"""Everything that this package measures of one series, with the settings its rules choose."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from chaosbench.errors import InputError
from chaosbench.series._arrays import constant, counted, memory, scalar, standardised, step
from chaosbench.series._chaos import ZeroOneTest, permutation_entropy, zero_one_test
from chaosbench.series._embedding import (
    FalseNeighbours,
    MutualInformation,
    embed,
    false_nearest_neighbours,
    mutual_information,
)
from chaosbench.series._exponent import LEAST, ExponentFromData, Method, largest_exponent
from chaosbench.series._recurrence import Recurrence, recurrence
from chaosbench.series._surrogates import DeterminismTest, determinism_test
from chaosbench.series._visibility import VisibilityGraph, visibility_graph

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from chaosbench.trajectories import FloatArray

__all__ = ["SeriesAnalysis", "analyse"]

DIMENSIONS = 8
"""Largest embedding dimension that is checked."""

TESTED = 5_000
"""Samples whose surrogates are made: the first of a longer series."""

RECURRENT = 2_000
"""States of the recurrence plot: the first of a longer series."""

ORDER = 4
"""Values of an ordinal pattern."""

UNKNOWN_DIMENSION = 3
"""Coordinates of the recurrence plot if no embedding dimension is found."""


@dataclass(frozen=True)
class SeriesAnalysis:
    """What a series tells; see the functions of the same names.

    Attributes:
        name: of the series.
        series: ``(T,)``.
        dt: sampling step in time units.
        information: mutual information and the delay.
        neighbours: false nearest neighbours and the dimension.
        exponents: the largest exponent by each method.
        determinism: the rank test against surrogates.
        zero_one: the 0–1 test; None if too few samples remain after thinning.
        entropy: permutation entropy of patterns of four values, one delay apart.
        recurrence: recurrence at a rate of 5 %.
        states: states of the recurrence plot, ``(n, m)``.
        visibility: the natural visibility graph; None if ts2vg is not installed.
        notes: what was left out, in sentences.

    """

    name: str
    series: FloatArray
    dt: float
    information: MutualInformation
    neighbours: FalseNeighbours
    exponents: dict[str, ExponentFromData]
    determinism: DeterminismTest
    zero_one: ZeroOneTest | None
    entropy: float
    recurrence: Recurrence
    states: FloatArray
    visibility: VisibilityGraph | None
    notes: tuple[str, ...]

    def rows(self) -> list[list[str]]:
        """Return a table: what was measured, its value, and how to read it."""
        x = self.series
        found = [
            ["samples", str(len(x)), f"{len(x) * self.dt:.5g} time units"],
            ["mean ± standard deviation", f"{x.mean():.5g} ± {x.std():.3g}", ""],
            ["delay", str(self.information.delay), f"samples; {self.information.rule}"],
            [
                "embedding dimension", str(self.neighbours.dimension or "–"),
                "first with fewer than 1 % false neighbours",
            ],
        ]  # fmt: skip
        for method, exponent in self.exponents.items():
            if exponent.reason is None:
                assert exponent.region is not None
                low, high = exponent.region
                words = f"per time unit; scaling region {low:.4g} to {high:.4g}"
                found.append(
                    [f"λ₁ ({method})", f"{exponent.value:.4g} ± {exponent.error:.1g}", words]
                )
            else:
                found.append([f"λ₁ ({method})", "cannot tell", exponent.reason])
        noise = next(iter(self.exponents.values())).noise
        if math.isfinite(noise):
            found.append(["noise", f"{noise:.2g}", "standard deviation in σ, an upper estimate"])
        test = self.determinism
        verdict = "more than linear noise" if test.p_value <= 0.05 else "may be linear noise"
        found.append([
            "determinism", f"p = {test.p_value:.2g}",
            f"{verdict}: prediction error {test.value:.3g} σ, "
            f"of {len(test.surrogates)} surrogates at least {test.surrogates.min():.3g} σ",
        ])  # fmt: skip
        if self.zero_one is not None:
            words = "near 1 for chaos and noise, near 0 for order"
            found.append(["0–1 test", f"{self.zero_one.value:.3f}", words])
        found.append(
            ["permutation entropy", f"{self.entropy:.3f}", f"of {ORDER} values; 1 for noise"]
        )
        r = self.recurrence
        found += [
            ["recurrence: determinism", f"{r.determinism:.3f}", f"at a rate of {r.rate:.3f}"],
            ["recurrence: laminarity", f"{r.laminarity:.3f}", ""],
            ["recurrence: mean line", f"{r.mean_line:.2f}", f"longest {r.longest_line} samples"],
            ["recurrence: entropy", f"{r.entropy:.3f}", "of the lengths of lines, nats"],
        ]
        if self.visibility is not None:
            degrees = self.visibility.degrees
            words = f"largest {degrees.max()}"
            found.append(["visibility: mean degree", f"{degrees.mean():.2f}", words])
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers for JSON, without the series; None stands for what is not known."""
        result = {
            "series": self.name,
            "samples": len(self.series),
            "dt": self.dt,
            "mean": float(self.series.mean()),
            "std": float(self.series.std()),
            "mutual_information": asdict(self.information),
            "false_neighbours": asdict(self.neighbours),
            "largest_exponent": {k: asdict(v) for k, v in self.exponents.items()},
            "determinism": asdict(self.determinism),
            "zero_one_test": None if self.zero_one is None else asdict(self.zero_one),
            "permutation_entropy": self.entropy,
            "recurrence": asdict(self.recurrence),
            "visibility": None
            if self.visibility is None
            else {
                "mean_degree": float(self.visibility.degrees.mean()),
                "distribution": self.visibility.distribution,
            },
            "notes": list(self.notes),
        }
        return {key: _plain(value) for key, value in result.items()}


def _plain(value: Any) -> Any:
    """Return a value as JSON knows it."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def analyse(
    series: ArrayLike, dt: float = 1.0, *, name: str = "series", seed: int = 0
) -> SeriesAnalysis:
    """Measure all that this package offers of a series, with the settings that its rules choose.

    Args:
        series: ``(T,)``, at least 500 samples without gaps.
        dt: sampling step in time units.
        name: of the series.
        seed: seed of surrogates, frequencies and random pairs.

    Raises:
        InputError: wrong shape, too few samples, gaps, a constant series.

    """
    x = scalar(series, least=LEAST)
    dt, seed = step(dt), counted("seed", seed, 0)
    if constant(x):
        raise InputError("the series is constant; there is nothing to analyse")
    notes = []
    information = mutual_information(x)
    delay = information.delay
    apart = min(3 * memory(x), len(x) // 4)
    most = max(1, min(DIMENSIONS, (len(x) - LEAST // 2) // delay - 1))
    neighbours = false_nearest_neighbours(x, delay=delay, dimensions=most, theiler=apart)
    exponents = {m: largest_exponent(x, dt, method=m, seed=seed) for m in get_args(Method)}
    if len(x) > TESTED:
        notes.append(f"the surrogates are those of the first {TESTED} samples")
    determinism = determinism_test(x[:TESTED], count=19, seed=seed)
    dimension = neighbours.dimension or UNKNOWN_DIMENSION
    states = embed(standardised(x), dimension=dimension, delay=delay)
    if len(states) > RECURRENT:
        notes.append(f"recurrence is that of the first {RECURRENT} states")
        states = states[:RECURRENT]
    zero_one = None
    try:
        zero_one = zero_one_test(x, seed=seed)
    except InputError as error:
        notes.append(f"no 0–1 test: {error}")
    visibility = None
    try:
        visibility = visibility_graph(x[:RECURRENT])
    except InputError as error:
        notes.append(str(error))
    return SeriesAnalysis(
        name, x, dt, information, neighbours, exponents, determinism, zero_one,
        permutation_entropy(x, order=ORDER, delay=delay),
        recurrence(states, seed=seed, theiler=min(max(1, apart), len(states) // 2)),
        states, visibility, tuple(notes),
    )  # fmt: skip
