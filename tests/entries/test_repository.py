"""The entries of this repository; `make verify` computes their scores again."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaosbench.entries import open_bundle, read_entry, verify_entry

FOLDER = Path(__file__).parents[2] / "leaderboard" / "entries"
ENTRIES = sorted(path for path in FOLDER.iterdir() if path.is_dir())


def test_there_is_one():
    assert "first-steps" in {path.name for path in ENTRIES}
    assert {path.name for path in FOLDER.iterdir()} - {path.name for path in ENTRIES} == {
        "README.md"
    }


@pytest.mark.parametrize("path", ENTRIES, ids=lambda path: path.name)
def test_an_entry_is_named_after_its_folder_and_bound_to_its_forecasts(path):
    assert open_bundle(path).statement.name == path.name
    assert len(read_entry(path)) > 0


@pytest.mark.slow
@pytest.mark.parametrize("path", ENTRIES, ids=lambda path: path.name)
def test_an_entry_is_verified(path):
    assert verify_entry(path).holds
