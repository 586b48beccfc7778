"""Making the files of a recipe, or finishing them."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from chaosbench.datasets._files import write_columns, write_trajectories
from chaosbench.datasets._recipe import SPLITS, Dataset, Pace, Split
from chaosbench.datasets._store import (
    COLUMNS,
    MANIFEST,
    OLD_RECIPE,
    RECIPE,
    StoredDataset,
    certificate_of,
    manifest_of,
    relative_path,
    seal,
    verify,
)
from chaosbench.datasets._truth import integrate, make_split, source_of
from chaosbench.errors import CorruptDataError, InputError
from chaosbench.files import claim, sha256, write_json
from chaosbench.provenance import versions
from chaosbench.systems import registry as systems
from chaosbench.trajectories import Trajectories

__all__ = ["generate"]


def generate(
    dataset: Dataset,
    directory: Path | str,
    *,
    workers: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
) -> StoredDataset:
    """Make a dataset's files, or finish making them; what is there already is verified.

    Args:
        dataset: the recipe.
        directory: new, empty, or holding the same recipe.
        workers: threads; they change the time, never a byte.
        progress: called with (done, total, what).

    Raises:
        RecipeMismatchError: the directory holds something else; nothing is touched.
        CorruptDataError: a file there does not match its manifest.

    """
    if not isinstance(dataset, Dataset):
        raise InputError(
            "a Dataset is expected, such as Dataset(systems=('lorenz',)), not a value of type "
            f"{type(dataset).__name__}"
        )
    directory = Path(directory)
    owner = {"hash": dataset.hash, "recipe": dataset.recipe()}
    older = (directory / OLD_RECIPE).is_file()
    claim(directory, OLD_RECIPE if older else RECIPE, owner, what="dataset", by=["hash"])
    if manifest_of(directory).is_file():
        stored = verify(directory)
        if stored.hash != dataset.hash:
            raise CorruptDataError(
                f"{manifest_of(directory)} is that of the dataset {stored.hash}, but its directory "
                f"belongs to {dataset.hash}; delete the directory and generate the data again"
            )
        return stored
    if older:  # begun by an older version, whose files would lie among the new ones
        for name in dataset.systems:
            for split in SPLITS:
                (directory / name / f"{split}.parquet").unlink(missing_ok=True)
        (directory / OLD_RECIPE).replace(directory / RECIPE)
    files = _finished(directory)
    jobs: dict[tuple[str, Split], list[Split]] = {}
    for name in dataset.systems:
        for split in SPLITS:
            if _is_made(dataset, split) and relative_path(name, split) not in files:
                # one integration is enough for what forecasters see and for the truth
                jobs.setdefault((name, source_of(split)), []).append(split)
    paces = {name: dataset.pace(name) for name in dataset.systems}
    total = len(files) + sum(map(len, jobs.values()))

    def make(name: str, splits: list[Split]) -> dict[str, dict[str, Any]]:
        clean = integrate(dataset, name, splits[0], paces[name])
        return {relative_path(name, split): keep(name, split, clean) for split in splits}

    def keep(name: str, split: Split, clean: Trajectories) -> dict[str, Any]:
        trajectories = make_split(dataset, name, split, paces[name], clean)
        relative = relative_path(name, split)
        write_trajectories(
            directory / relative, trajectories, labels={"system": name, "split": split},
            metadata=_facts(dataset, name, split, paces[name]),
        )  # fmt: skip
        n, steps, _ = trajectories.values.shape
        entry: dict[str, Any] = {"rows": n * steps, "sha256": sha256(directory / relative)}
        if (certificate := certificate_of(trajectories)) is not None:
            entry["certificate"] = certificate
        return entry

    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        futures = {pool.submit(make, name, splits): name for (name, _), splits in jobs.items()}
        try:
            for future in as_completed(futures):
                made = future.result()
                _note(directory, made)
                files |= made
                if progress is not None:
                    progress(len(files), total, futures[future])
        except BaseException:  # Ctrl-C too must not wait for what has not begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    manifest: dict[str, Any] = {
        "hash": dataset.hash,
        "recipe": dataset.recipe(),
        "paces": {
            name: {
                "dt": pace.dt,
                "horizon": pace.horizon,
                "lyapunov_exponent": pace.lyapunov_exponent,
            }
            for name, pace in paces.items()
        },
        "files": files,
        "provenance": {"versions": versions()},
    }
    variables = [dataset.variables(name) for name in dataset.systems]
    if len(set(variables)) > 1:
        write_columns(directory / COLUMNS, dict.fromkeys(v for names in variables for v in names))
        manifest["columns"] = sha256(directory / COLUMNS)
    manifest["checksum"] = seal(manifest)
    write_json(directory / MANIFEST, manifest)
    (directory / PARTS).unlink(missing_ok=True)
    return StoredDataset(directory, manifest)


PARTS = "_parts.jsonl"
"""The finished files of an unfinished dataset, one line per file."""


def _note(directory: Path, made: dict[str, dict[str, Any]]) -> None:
    """Note files as finished; a line cut short by an interruption is ignored."""
    with (directory / PARTS).open("a", encoding="utf-8") as file:
        for relative, entry in made.items():
            told = {"file": relative, "entry": entry, "versions": versions()}
            file.write("\n" + json.dumps(told))


def _finished(directory: Path) -> dict[str, dict[str, Any]]:
    """Return the files that the same library versions finished here and that are intact."""
    place, found = directory / PARTS, {}
    for line in place.read_text("utf-8").splitlines() if place.is_file() else ():
        try:
            told = json.loads(line)
            relative, entry = told["file"], told["entry"]
            path = directory / relative
            if told["versions"] == versions() and sha256(path) == entry["sha256"]:
                found[relative] = entry
        except (ValueError, KeyError, TypeError, OSError):
            continue
    return found


def _facts(dataset: Dataset, name: str, split: Split, pace: Pace) -> dict[str, str]:
    """Return what a file says of itself, so that it can be understood away from its directory.

    The recipe is that of its system alone: the bytes do not depend on the other systems.
    """
    system = systems[name] if split == "train" else dataset.test_system(name)
    angles = "; angles as cosine and sine" if dataset.bounded and system.angles else ""
    return {
        "system": name,
        "split": split,
        "dt": repr(pace.dt),
        "units": f"time in {system.time_unit}; variables in the units of the equation{angles}",
        "variables": json.dumps(dataset.variables(name)),
        "fingerprint": system.fingerprint,
        "recipe": dataset.only(name).hash,
    }


def _is_made(dataset: Dataset, split: Split) -> bool:
    if split == "train" or not dataset.windows:
        return split == "train"
    return {
        "test": True, "context": dataset.corrupted, "observations": dataset.observe_every > 0,
    }[split]  # fmt: skip
