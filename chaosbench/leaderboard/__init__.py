"""The leaderboard: a pure function of Records.

``chaosbench.leaderboard(records)`` ranks them and returns a `Leaderboard`, which prints as a
table, becomes a data frame or JSON, and stands on four rules:

- No run is dropped. A failed cell counts with the scores of ``climatology`` on the same task.
- Valid prediction times that outlived the exam are censored, so medians are Kaplan–Meier's.
- Every score carries an interval that resamples systems first, then windows, then seeds; every
  place an interval and a tie group from the same draws.
- Exams are never mixed: records of several exam seeds, of several versions of a track, that no run
  can have made, or that contradict one another raise `chaosbench.errors.InputError`.

`rank` gives the bare standings, `compare` sets forecasters against one another, `show` prints,
`write_page` writes a web page, `write_report` a Markdown file with every track, and `write_site`
one page per track.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from chaosbench.leaderboard._admission import track_of, tracks_of
from chaosbench.leaderboard._board import Leaderboard, build
from chaosbench.leaderboard.comparing import Comparison, compare
from chaosbench.leaderboard.page import render_page, write_page
from chaosbench.leaderboard.querying import Answer, query
from chaosbench.leaderboard.ranking import Standing, rank
from chaosbench.leaderboard.report import render_report, write_report, write_site
from chaosbench.leaderboard.selecting import View, check_columns, narrowed
from chaosbench.leaderboard.terminal import render, show

__all__ = [
    "Answer",
    "Comparison",
    "Leaderboard",
    "Standing",
    "View",
    "build",
    "check_columns",
    "compare",
    "narrowed",
    "query",
    "rank",
    "render",
    "render_page",
    "render_report",
    "show",
    "track_of",
    "tracks_of",
    "write_page",
    "write_report",
    "write_site",
]


class _CallableModule(ModuleType):
    """A package that can be called: ``chaosbench.leaderboard(records)``."""

    def __call__(self, *args: Any, **kwargs: Any) -> Leaderboard:
        return build(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
