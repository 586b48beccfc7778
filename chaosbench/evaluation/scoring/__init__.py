"""Scoring the answers to an exam."""

from __future__ import annotations

from chaosbench.evaluation.scoring._score import score

__all__ = ["score"]
