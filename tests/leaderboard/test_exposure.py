"""What a pretrained forecaster may have met stands on the board: terminal, JSON, page, table."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from chaosbench.errors import InputError
from chaosbench.evaluation import Record
from chaosbench.leaderboard import build, render, render_page, render_report


def cell(forecaster: str, system: str, exposure: str = "", **more: Any) -> Record:
    windows = {"vpt@0.4": (1.0, 2.0, 3.0), "censored@0.4": (0.0,) * 3}
    told = {"exposure": exposure} if exposure else {}
    return Record(
        task=f"forecast/{system}-v1", system=system, forecaster=forecaster, config={}, seed=0,
        exam_seed=0, status="ok", window_scores=windows, provenance=told, **more,
    )  # fmt: skip


RECORDS = [
    cell(name, system, exposure)
    for name, exposure in (("esn", ""), ("seer", "catalogue"), ("novice", "none"), ("oracle", ""))
    for system in ("henon", "lorenz")
]


def test_it_is_a_column_where_anybody_was_pretrained() -> None:
    board = build(RECORDS, bootstrap=0)
    text = render(board, width=300)
    assert "pretrained" in text.splitlines()[0]
    (line,) = [line for line in text.splitlines() if "  seer " in line]
    assert " catalogue " in line
    assert "Pretrained: seer may have met trajectories of these systems" in text
    assert "pretrained" not in render(build(RECORDS[:2], bootstrap=0), width=300)


def test_it_is_in_json_page_table_and_report() -> None:
    board = build(RECORDS, bootstrap=0)
    rows = {row["forecaster"]: row["exposure"] for row in json.loads(board.to_json())}
    assert rows == {"esn": "", "seer": "catalogue", "novice": "none", "oracle": ""}
    assert set(board.to_frame()["exposure"]) == {"", "catalogue", "none"}
    page = render_page(RECORDS, bootstrap=0)
    assert ">catalogue</td>" in page
    assert "Pretrained: seer may have met" in page
    assert "Pretrained: seer may have met" in render_report(RECORDS, bootstrap=0)


def test_one_forecaster_has_one_exposure() -> None:
    mixed = [cell("seer", "henon", "none"), cell("seer", "lorenz")]
    with pytest.raises(InputError, match=r"'seer' declares two exposures, none on forecast/henon"):
        build(mixed)


@pytest.mark.parametrize("exposure", ["all", "None", "<b>"])
def test_only_the_three_words_are_known(exposure: str) -> None:
    with pytest.raises(InputError, match="there are none, catalogue, unknown"):
        build([cell("seer", "henon", exposure)])


def test_a_record_of_before_has_none() -> None:
    assert replace(RECORDS[0], provenance={}).exposure == ""
