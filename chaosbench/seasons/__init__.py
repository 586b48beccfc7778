"""Seasons: exams drawn from a secret that is committed before and revealed after them."""

from __future__ import annotations

from chaosbench.seasons._answers import Entry, answer, enter, read_entry
from chaosbench.seasons._plan import Season, read_season
from chaosbench.seasons._questions import Question, make_questions, read_questions
from chaosbench.seasons._reveal import reveal, verify
from chaosbench.seasons._score import score_entries
from chaosbench.seasons._secret import make_secret, read_secret
from chaosbench.seasons._start import new_season

__all__ = [
    "Entry", "Question", "Season", "answer", "enter", "make_questions", "make_secret",
    "new_season", "read_entry", "read_questions", "read_season", "read_secret", "reveal",
    "score_entries", "verify",
]  # fmt: skip
