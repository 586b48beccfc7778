"""A forger: whoever may change everything in a bundle and compute every hash in it anew."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from chaosbench.entries import Statement, open_bundle
from chaosbench.entries._bundle import ENTRY, FILES, RECORDS, cell_of
from chaosbench.entries._statement import FORMAT, facts_of
from chaosbench.entries._submit import _write
from chaosbench.evaluation import answer_hash, write_file
from chaosbench.toml import toml_text

CLOUD = "ensemble:members=4"
FAULTY = Path(__file__).parents[1] / "isolation" / "faulty.py"
SAID = Statement(
    "first-steps", ("A. Nobody",), "https://example.org/x?a=1&b=2", "CC-BY-4.0", "nothing else"
)


class Forger:
    """A copy of a bundle, to change and to seal again."""

    def __init__(self, source: Path, place: Path) -> None:
        self.path = place
        self.records = list(open_bundle(source).records)
        shutil.copytree(source, place)

    def find(self, forecaster: str, system: str) -> int:
        (found,) = [
            k for k, r in enumerate(self.records)
            if r.forecaster == forecaster and r.system == system
        ]  # fmt: skip
        return found

    def place(self, k: int, kind: str = "forecasts") -> Path:
        return self.path / kind / f"{cell_of(self.records[k])}.parquet"

    def answer(self, k: int):
        record = self.records[k]
        windows = max(len(v) for v in record.window_scores.values())
        bundle = open_bundle(self.path)
        return bundle.answer(cell_of(record), dt=1.0, variables=None, windows=windows)

    def change(self, k: int, **changes) -> None:
        """Change a record, and rename what belongs to it."""
        kinds = ("forecasts", "samples")
        before = [self.place(k, kind) for kind in kinds]
        self.records[k] = replace(self.records[k], **changes)
        for old, kind in zip(before, kinds, strict=True):
            if old.is_file():
                old.rename(self.place(k, kind))

    def provenance(self, k: int, **changes) -> None:
        self.change(k, provenance={**self.records[k].provenance, **changes})

    def forecast(self, k: int, values, *, bind: bool = True) -> None:
        """Replace a forecast, and if `bind` the hash of it in its record."""
        answer = self.answer(k)
        answer = replace(answer, values=replace(answer.values, values=values))
        _write(answer, self.path, cell_of(self.records[k]), single=False)
        if bind:
            self.change(k, forecast=answer_hash(answer))

    def seal(self, *, said: dict | None = None, facts: dict | None = None) -> Path:
        """Write records, statement and hashes as `submit` does."""
        write_file(self.path / RECORDS, self.records)
        told = {"format": FORMAT, **SAID.to_dict(), **(said or {})}
        told |= facts_of(self.records) | (facts or {})
        (self.path / ENTRY).write_text(toml_text(told))
        return self.list_files()

    def list_files(self, **others: str) -> Path:
        listed = {
            path.relative_to(self.path).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.path.rglob("*"))
            if path.is_file() and not path.is_symlink() and path.name != FILES
        }
        (self.path / FILES).write_text(toml_text(listed | others))
        return self.path
