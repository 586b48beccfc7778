"""What a leaderboard calls the score that ranks, wherever it is printed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaosbench.evaluation.ranked import LYAPUNOV_TIMES, base, is_time
from chaosbench.metrics import registry as metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaosbench.leaderboard.ranking import Standing

__all__ = ["Wording", "remarks", "wording"]


@dataclass(frozen=True)
class Wording:
    """The ranked score in words.

    Attributes:
        head: short name for a column head.
        noun: its name within a sentence.
        title: the same at the beginning of one; a label such as ``sMAPE`` stays as it is.
        unit: of the score; empty for a pure number.
        arrow: ``↑`` where higher is better, ``↓`` where lower is.
        digits: decimals; None for one or two, as a time of a few Lyapunov times has.
        definition: what one window's score is, in HTML without markup of its own.
        pooled: how the windows become one number.
        failed: what a failed run gets.
        mean: the mean that breaks ties.
        question: heading of the chart of intervals.

    """

    head: str
    noun: str
    title: str
    unit: str
    arrow: str
    digits: int | None
    definition: str
    pooled: str
    failed: str
    mean: str
    question: str


def wording(metric: str, *, trained: bool = True, unit: str = LYAPUNOV_TIMES) -> Wording:
    """Return the words for a window score such as ``vpt@0.4`` or ``d_stsp``.

    Without training data, σ is that of the attractor. The unit is that of times; it differs from
    Lyapunov times on recordings whose exponent is not known.
    """
    known = metrics[base(metric)]
    if not is_time(metric):
        better = "higher is better" if known.direction == "higher" else "lower is better"
        worst = f"the worst value there is, {known.format(known.worst)}"
        summary = (known.function.__doc__ or "").strip().split("\n", 1)[0].replace("`", "")
        return Wording(
            head=known.label,
            noun=known.label,
            title=known.label,
            unit=known.unit,
            arrow=known.arrow,
            digits=known.digits,
            definition=f"{summary} {better.capitalize()}.",
            pooled=(
                "The median over every window of every system, of an even number the mean of the "
                f"two in the middle. A window that is not finite throughout has {worst}."
            ),
            failed=f"counts with {worst}, in every window",
            mean="mean over all windows",
            question=f"{known.label}, and how surely",
        )
    spread = "from the training data" if trained else "of the attractor"
    match = re.fullmatch(r"vpt@(\d+(?:\.\d+)?)", metric)
    return Wording(
        head="VPT",
        noun="valid prediction time",
        title="Valid prediction time",
        unit=unit,
        arrow="↑",
        digits=None,
        definition=(
            "A forecast is valid until its error, √mean((y − ŷ)² / σ²) over the variables with σ "
            f"{spread}, first exceeds ε = {match[1] if match else '0.4'}. The time "
            + (
                "is given in Lyapunov times: in one, the system itself multiplies a small error by "
                "e."
                if unit == LYAPUNOV_TIMES
                else f"is given in {unit}, because no Lyapunov exponent is known of these data."
            )
        ),
        pooled=(
            "The median over every window of every system. A forecast that is still valid when the "
            "exam or the certified truth ends is censored, not counted as if it had failed there, "
            "so the median is that of Kaplan and Meier, of an even number of windows the mean of "
            "the two in the middle; where half or more are censored it is a lower bound, marked ≥."
        ),
        failed="counts with the scores of climatology on the same task",
        mean="restricted mean, the area under the survival curve",
        question="How far, and how surely: valid prediction time",
    )


COARSEST = 100.0
"""Ratio of two medians from which on a resolution says nothing more."""


TASKS_SHOWN = 5


def remarks(
    standings: Sequence[Standing], resolution: float, unsealed: int, apart: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return sentences on how far the order and the records may be believed."""
    said = []
    if resolution > COARSEST:
        said.append(
            "Resolution: so few systems tell no two medians apart with 80% power, however far they "
            "lie from each other."
        )
    elif math.isfinite(resolution):
        said.append(
            f"Resolution: two medians are told apart with 80% power if one is {resolution:.2g} "
            "times the other, at 5% after Holm for all pairs of rows."
        )
    if any(line.above_ceiling for line in standings):
        said.append(
            "‡ stands above the ceiling by more than chance allows (5% after Holm). Nobody "
            "forecasts better than the equation, so this is a fault of the ceiling."
        )
    exposed = [line.forecaster for line in standings if line.exposure in ("catalogue", "unknown")]
    if exposed:
        said.append(
            f"Pretrained: {', '.join(exposed)} may have met trajectories of these systems before; "
            "the column says what each declares."
        )
    if apart:
        more = f" and {len(apart) - TASKS_SHOWN} more" if len(apart) > TASKS_SHOWN else ""
        said.append(
            f"Questions: the records of {', '.join(apart[:TASKS_SHOWN])}{more} were asked on data "
            "of one recipe whose bits differ, as those of two kinds of machines may."
        )
    if unsealed:
        number = "1 record comes" if unsealed == 1 else f"{unsealed:,} records come"
        said.append(
            f"Unsealed: {number} from a version that wrote no checksums, so nothing here shows "
            "whether they were edited."
        )
    return tuple(said)
