"""Records of several machines: the same twice count once, and two that differ are an error."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaosbench.errors import InputError
from chaosbench.evaluation import Record
from chaosbench.leaderboard import build


def test_the_same_records_twice_are_the_same_board(records: tuple[Record, ...]) -> None:
    once = build(records, bootstrap=20)
    for twice in ([*records, *records], [*records[::-1], *records[3:]]):
        assert build(twice, bootstrap=20) == once


def test_costs_of_another_machine_change_nothing_but_costs(records: tuple[Record, ...]) -> None:
    """Which of two costs is shown depends on neither the order of the runs nor their number."""
    other = [replace(record, fit_seconds=record.fit_seconds * 3) for record in records]
    one, another = build([*records, *other]), build([*other, *records, *other])
    assert one == another
    scores = [(line.forecaster, line.score, line.ci_low, line.cells) for line in one]
    assert scores == [(s.forecaster, s.score, s.ci_low, s.cells) for s in build(records)]


def test_two_machines_that_disagree_are_named_in_one_sentence(records: tuple[Record, ...]) -> None:
    there = next(record for record in records if record.forecaster == "esn")
    windows = {**there.window_scores, "vpt@0.4": (0.5,) * len(there.window_scores["vpt@0.4"])}
    with pytest.raises(InputError, match=f"two records of 'esn' on {there.task} with seed 0") as e:
        build([*records, replace(there, window_scores=windows)])
    assert "\n" not in str(e.value)


def test_what_was_asked_elsewhere_is_named(records: tuple[Record, ...]) -> None:
    """Data of one recipe whose bits differ: pooled, and said."""
    asked = [replace(record, question="a" * 64) for record in records]
    assert build(asked, bootstrap=0).remarks == build(records, bootstrap=0).remarks
    number = next(k for k, record in enumerate(asked) if record.forecaster == "esn")
    asked[number] = replace(asked[number], question="b" * 64)
    (said,) = [text for text in build(asked, bootstrap=0).remarks if text.startswith("Questions")]
    assert asked[number].task in said


def test_an_entry_in_single_precision_is_its_run(records: tuple[Record, ...]) -> None:
    there = next(record for record in records if record.forecaster == "esn")
    bound = replace(there, forecast="a" * 64, peak_memory_mib=1.0, cpu_seconds=1.0)
    rounded = replace(
        bound, forecast="b" * 64, provenance={**bound.provenance, "rounded": "a" * 64},
        scores={name: value * (1 + 1e-7) for name, value in bound.scores.items()},
    )  # fmt: skip
    others = [record for record in records if record is not there]
    assert build([*others, bound, rounded], bootstrap=0) == build([*others, bound], bootstrap=0)
    assert len(build([*others, rounded], bootstrap=0)) == len(build(records, bootstrap=0))
    with pytest.raises(InputError, match="disagree"):
        build([*others, bound, replace(rounded, provenance=bound.provenance)])
