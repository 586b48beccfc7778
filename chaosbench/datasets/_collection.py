"""Several datasets in one directory, each in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path

from chaosbench.datasets._generate import Tally, generate
from chaosbench.datasets._recipe import Dataset
from chaosbench.datasets._store import StoredDataset, verify
from chaosbench.errors import CorruptDataError
from chaosbench.files import claim, read_json
from chaosbench.provenance import digest

__all__ = ["generate_all", "verify_all"]

COLLECTION = "_datasets.json"
"""File that claims the directory and lists its datasets."""


def generate_all(
    recipes: Mapping[str, Dataset],
    directory: Path | str,
    *,
    workers: int = 1,
    progress: Callable[[int, int, str], None] | None = None,
    executor: Executor | None = None,
    tally: Tally | None = None,
) -> dict[str, StoredDataset]:
    """Make the files of several recipes, each in the folder ``dataset=NAME``.

    A single recipe is made in the directory itself. See `generate`.
    """
    directory = Path(directory)
    if len(recipes) == 1:
        ((name, only),) = recipes.items()
        made_one = generate(
            only, directory, workers=workers, progress=progress, executor=executor, tally=tally
        )
        return {name: made_one}
    hashes = {name: recipe.hash for name, recipe in recipes.items()}
    owner = {"hash": digest(hashes), "datasets": hashes}
    claim(directory, COLLECTION, owner, what="set of datasets", by=["hash"])
    made = {}
    for name, recipe in recipes.items():

        def report(done: int, total: int, what: str, name: str = name) -> None:
            if progress is not None:
                progress(done, total, f"{name}: {what}")

        folder = directory / f"dataset={name}"
        made[name] = generate(
            recipe, folder, workers=workers, progress=report, executor=executor, tally=tally
        )
    return made


def verify_all(directory: Path | str) -> dict[str, StoredDataset]:
    """Check every file of a dataset, or of every dataset in a directory of several.

    Raises:
        CorruptDataError: naming the first file that is missing, edited or truncated.

    """
    directory = Path(directory)
    if not (directory / COLLECTION).is_file():
        return {"": verify(directory)}
    listed = read_json(directory / COLLECTION).get("datasets")
    if not isinstance(listed, dict):
        raise CorruptDataError(f"{directory / COLLECTION} lists no datasets")
    return {name: verify(directory / f"dataset={name}") for name in listed}
