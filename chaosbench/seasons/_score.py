"""Scores of a season's entries, after its reveal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chaosbench.datasets import StoredDataset, generate
from chaosbench.errors import CorruptDataError, InputError
from chaosbench.evaluation import Records, read_records
from chaosbench.evaluation.outside import ceiling_of, judged, keep
from chaosbench.files import file_name
from chaosbench.seasons._answers import Entry, read_entry, sealed_answer
from chaosbench.seasons._plan import read_season
from chaosbench.seasons._questions import data_folder, listed, load_asked, truth_hash
from chaosbench.seasons._reveal import revealed
from chaosbench.seasons._tasks import task_of

__all__ = ["score_entries"]


def score_entries(
    directory: Path | str,
    answers: Sequence[Path | str],
    out: Path | str,
    *,
    data: Path | str | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Records:
    """Score sealed entries and the ceiling, and write their Records.

    Args:
        directory: of the season.
        answers: directories of entries.
        out: directory for the Records.
        data: where the truth lies or is made again; the sealed directory of who ran the season
            will do. By default it is made in `out`.
        progress: called with (done, total, question).

    Raises:
        InputError: the season is not revealed, or two entries have one name.
        CorruptDataError: something is not what was committed.

    """
    directory, out = Path(directory), Path(out)
    season = read_season(directory)
    public = revealed(directory, season)
    questions = listed(directory, season)
    entries: dict[str, tuple[Path, Entry]] = {}
    for place in answers:
        entry = read_entry(place)
        if entry.name in entries:
            raise InputError(f"two entries are called {entry.name!r}")
        entries[entry.name] = Path(place), entry
    load_asked(public.file)
    kept = Path(data) if data is not None else out
    for k, question in enumerate(questions, 1):
        group = public.groups.get(question.id)
        if group is None:
            raise CorruptDataError(f"{question.id} is not among what was sealed")
        task = task_of(season, public.secret, question.id, group)
        stored = generate(task.dataset, data_folder(kept, question.id))
        _check_truth(stored, question.id, public.truth[question.id])
        found: list[Any] = [ceiling_of(task, stored, {"season": season.id})]
        for place, entry in entries.values():
            outcome, facts = sealed_answer(place, entry, question, season)
            made = {"season": season.id, "trained_on": entry.trained_on}
            if "confinement" in facts:
                made["confinement"] = facts["confinement"]
            found.append(judged(task, stored, entry.name, outcome, seed=0, facts=made))
        keep(out, file_name(question.id), found)
        if progress is not None:
            progress(k, len(questions), question.id)
    return read_records(out)


def _check_truth(stored: StoredDataset, name: str, expected: str) -> None:
    if truth_hash(stored, name) != expected:
        raise CorruptDataError(
            f"the truth of {name} is not the one that was sealed; use the data of who ran the "
            "season, or a machine and libraries that compute as theirs"
        )
