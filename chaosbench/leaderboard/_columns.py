"""The columns of a leaderboard, shared by the terminal, the notebook and the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chaosbench.evaluation.ranked import LYAPUNOV_TIMES
from chaosbench.forecasters import EXPOSURES
from chaosbench.leaderboard._wording import Wording, wording
from chaosbench.metrics import registry as metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaosbench.leaderboard.ranking import Standing

__all__ = ["Column", "columns", "compact", "known_columns", "name_text", "score_text"]


@dataclass(frozen=True)
class Column:
    """One column: how to head it, sort it, print it and explain it.

    Attributes:
        key: name in HTML attributes, JSON and data frames.
        head: short heading, without the arrow.
        arrow: ``↑`` higher is better, ``↓`` lower is better, empty where neither is.
        meaning: one sentence.
        value: number to sort by; NaN sorts last.
        text: what a reader sees.
        keep: importance; a narrow terminal drops the smallest first.

    """

    key: str
    head: str
    arrow: str
    meaning: str
    value: Callable[[Standing], float]
    text: Callable[[Standing], str]
    keep: int

    @property
    def heading(self) -> str:
        """Heading with its arrow."""
        return f"{self.head} {self.arrow}".strip()


def compact(value: float) -> str:
    """Print a positive amount to about three digits: ``0.012``, ``3.40``, ``1,234``."""
    if math.isnan(value):
        return "–"
    if 0 < value < 0.001:
        return "<0.001"
    for limit, digits in ((1, 3), (10, 2), (100, 1)):
        if value < limit:
            return f"{value:.{digits}f}"
    return f"{value:,.0f}"


def score_text(line: Standing, digits: int | None = None) -> str:
    """Print the score with its interval, ``5.2 [4.1, 6.3]``; ``≥`` marks a lower bound."""
    if math.isnan(line.score):
        return "–"
    if digits is None:
        digits = 1 if line.score >= 1 else 2  # 0.05 and 0.12 are not both 0.1
    text = f"{'≥' if line.score_is_lower_bound else ''}{line.score:.{digits}f}"
    if math.isnan(line.ci_low):
        return text
    return f"{text} [{line.ci_low:.{digits}f}, {line.ci_high:.{digits}f}]"


def name_text(line: Standing) -> str:
    """Print the label with its marks: † incomplete, ‡ above the ceiling."""
    return (
        line.forecaster + (" †" if line.incomplete else "") + (" ‡" if line.above_ceiling else "")
    )


_EXPOSED = {name: float(place) for place, name in enumerate(EXPOSURES)}


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.0f}%"


def _number(value: int | None) -> float:
    return math.nan if value is None else float(value)


def _places(line: Standing) -> str:
    if line.rank_low is None or line.rank_high is None:
        return "–"
    low, high = line.rank_low, line.rank_high
    return str(low) if low == high else f"{low}–{high}"


def _score(name: str, head: str, meaning: str, keep: int) -> Column:
    """Return the column of a scalar score; its arrow and decimals are the metric's own."""
    metric = metrics[name.partition("@")[0]]
    return Column(
        key=name,
        head=head,
        arrow=metric.arrow,
        meaning=meaning,
        value=lambda line: line.scores.get(name, math.nan),
        text=lambda line: metric.format(line.scores.get(name, math.nan)),
        keep=keep,
    )


def _leading(words: Wording) -> tuple[Column, ...]:
    """Return the columns of the score that ranks."""
    return (
        Column("rank", "#", "", f"Place by median {words.noun}, ties by the {words.mean}.",
               lambda line: _number(line.rank),
               lambda line: "–" if line.rank is None else str(line.rank), 100),
        Column("score", words.head, words.arrow,
               f"Median valid prediction time in {words.unit} "
               "(Kaplan–Meier) with its 95% bootstrap interval; ≥ where half or more of the "
               "forecasts outlived the exam." if words.digits is None else
               f"Median {words.noun} over all windows of all systems, with its 95% bootstrap "
               "interval.",
               lambda line: line.score, lambda line: score_text(line, words.digits), 99),
        Column("rank_low", "places", "", "95% interval of the place, from the same bootstrap.",
               lambda line: _number(line.rank_low), _places, 96),
        Column("tie_group", "tie", "", "Rows that nobody beats, at 5% after Holm for all pairs, "
               "are group 1; without them, those of group 2, and so on.",
               lambda line: _number(line.tie_group),
               lambda line: "–" if line.tie_group is None else str(line.tie_group), 75),
    )  # fmt: skip


OTHERS: tuple[Column, ...] = (
    Column("percent_of_ceiling", "of ceiling", "↑", "Score in percent of the best forecaster "
           "that was given the equation.", lambda line: line.percent_of_ceiling,
           lambda line: _percent(line.percent_of_ceiling), 1),
    Column("failures", "fail", "↓", "Runs that crashed, diverged, ran out of time or memory, or "
           "gave an invalid forecast.", lambda line: float(line.failures),
           lambda line: str(line.failures), 98),
    Column("exposure", "pretrained", "", "What a pretrained forecaster says that it may have met "
           "of the exam: none of the catalogue's systems, trajectories of them (catalogue), or "
           "unknown; – where nothing was pretrained.", lambda line: _EXPOSED.get(line.exposure,
           math.nan), lambda line: line.exposure or "–", 95),
    Column("win_rate", "won", "↑", "Share of comparisons with another forecaster on a task that "
           "were won; ties count half.", lambda line: line.win_rate,
           lambda line: _percent(100 * line.win_rate), 90),
    Column("mean_rank", "rank", "↓", "Mean over tasks of the place by the task's own median.",
           lambda line: line.mean_rank,
           lambda line: "–" if math.isnan(line.mean_rank) else f"{line.mean_rank:.1f}", 70),
    _score("d_stsp", "D_stsp", "Divergence of the free run's attractor from the true one, in nats; "
           "one number a task, median over tasks.", 89),
    _score("d_h", "D_H", "Hellinger distance between power spectra, 0 to 1; mean over a task's "
           "windows, median over tasks.",
           88),
    _score("smape@1", "sMAPE@1", "Symmetric percentage error at one Lyapunov time, 0 to 200; "
           "median over a task's windows, then over tasks.", 2),
    _score("nrmse", "NRMSE", "Root mean square error in σ, mean over the whole forecast; median "
           "over a task's windows, then over tasks.", 1),
    _score("sw1", "SW₁", "Sliced Wasserstein distance between the states of the free run and the "
           "true ones, in σ; median over tasks.", 86),
    _score("mean_error", "Δmean", "Error of the free run's mean, in σ; median over tasks.", 50),
    _score("spread_error", "Δspread", "Error of the free run's standard deviation, in σ; median "
           "over tasks.", 49),
    _score("structure_f1", "F₁", "Terms of the equation found and true, where it is a polynomial; "
           "median over tasks.", 85),
    _score("coefficient_error", "coef.", "Relative error of the coefficients; median over tasks.",
           84),
    _score("mase", "MASE", "Mean absolute error over the lag-1 naive error of the context; median "
           "over a task's windows, then over tasks.", 3),
    Column("fit_predict_seconds", "s", "↓", "Seconds to fit and predict one cell, median.",
           lambda line: line.fit_predict_seconds,
           lambda line: compact(line.fit_predict_seconds), 87),
    Column("peak_memory_mib", "MiB", "↓", "Memory that fit and predict took in MiB, median.",
           lambda line: line.peak_memory_mib, lambda line: compact(line.peak_memory_mib), 60),
)  # fmt: skip


def known_columns(metric: str, unit: str = LYAPUNOV_TIMES) -> tuple[Column, ...]:
    """Return all columns of a board that ranks by `metric`."""
    return (*_leading(wording(metric, unit=unit)), *OTHERS)


def columns(
    standings: tuple[Standing, ...], metric: str, unit: str = LYAPUNOV_TIMES
) -> tuple[Column, ...]:
    """Return the columns that hold at least one number; the score that `metric` names once."""
    return tuple(
        column
        for column in (*_leading(wording(metric, unit=unit)), *OTHERS)
        if column.key != metric and any(not math.isnan(column.value(line)) for line in standings)
    )
