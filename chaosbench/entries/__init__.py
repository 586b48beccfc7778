"""Entries: results that anyone can verify, as directories of Parquet and TOML.

`submit` makes a bundle from runs, `read_entry` reads one for a board, and `verify_entry` computes
its scores again from its forecasts and from data made anew. A bundle is a stranger's data: nothing
in it is executed, and every file is bounded before it is read.
"""

from __future__ import annotations

from chaosbench.entries._bundle import Bundle, is_bundle, open_bundle, read_entry
from chaosbench.entries._rerun import Rerun
from chaosbench.entries._statement import Statement
from chaosbench.entries._submit import submit
from chaosbench.entries._verify import Checked, Verification, verify_entry

__all__ = [
    "Bundle", "Checked", "Rerun", "Statement", "Verification", "is_bundle", "open_bundle",
    "read_entry", "submit", "verify_entry",
]  # fmt: skip
