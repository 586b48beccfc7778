"""How errors grow: the section of the page, from the scores at single Lyapunov times."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

from chaosbench.leaderboard._svg import NAMED, NARROW, WIDE, Curve, error_growth

if TYPE_CHECKING:
    from chaosbench.leaderboard._pool import Pool
    from chaosbench.leaderboard.ranking import Standing

__all__ = ["growth"]


def growth(pool: Pool, lines: tuple[Standing, ...], threshold: float) -> str:
    """Draw error growth, from the scores ``nrmse@<Lyapunov time>``; nothing where there are none.

    All points of a line are medians over the same tasks, so that it does not bend where some tasks
    end: first the times are kept that at least half of the tasks reach, then the tasks that reach
    all of these times.
    """
    reach: dict[str, set[str]] = {}
    for record in pool.records:
        for name in record.scores:
            if re.fullmatch(r"nrmse@\d+(\.\d+)?", name):
                reach.setdefault(name, set()).add(record.task)
    most = max(map(len, reach.values()), default=0)
    times = sorted(
        (float(name.partition("@")[2]), name)
        for name, tasks in reach.items()
        if 2 * len(tasks) >= most
    )
    common = set.intersection(*(reach[name] for _, name in times)) if times else set()
    curves = []
    for line in lines:
        found = [(t, pool.task_scores(line.forecaster, name)) for t, name in times]
        known = [
            (t, float(np.median([scores[task] for task in common])))
            for t, scores in found
            if common and common <= scores.keys()
        ]
        known = [(t, error) for t, error in known if not math.isnan(error)]
        if len(known) > 1:
            ts, errors = zip(*known, strict=True)
            curves.append(Curve(line.forecaster, ts, errors, line.privileged))
    if not curves:
        return ""
    wide = error_growth(curves, threshold=threshold, width=WIDE, kind="wide")
    narrow = error_growth(curves, threshold=threshold, width=NARROW, kind="narrow")
    systems = f"{len(common)} system{'' if len(common) == 1 else 's'}"
    if len(common) < most:
        systems = f"the {len(common)} of {most} systems that reach as far"
    unnamed = " The thin grey lines are the other forecasters." if len(curves) > NAMED + 1 else ""
    return (
        '<section aria-labelledby="growth"><h2 id="growth">How errors grow</h2>'
        f"<figure>{wide}{narrow}<figcaption>Error in units of σ, median over windows and "
        f"{systems}. A straight rise on this scale is chaos at work; where the line starts is the "
        "forecaster's own error. At √2 a forecast is no better than a random state of the "
        f"system.{unnamed}</figcaption></figure></section>"
    )
