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
from chaosbench.datasets._truth import make_split
from chaosbench.errors import CorruptDataError, InputError
from chaosbench.files import claim, sha256, write_json
from chaosbench.provenance import versions
from chaosbench.systems import registry as systems

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
        directory: new, empty, or holding this very recipe.
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
                f"{manifest_of(directory)} is that of the dataset {stored.hash}, its directory "
                f"belongs to {dataset.hash}; delete the directory and generate the data again"
            )
        return stored
    if older:  # begun by an older version, whose files would lie among the new ones
        for name in dataset.systems:
            for split in SPLITS:
                (directory / name / f"{split}.parquet").unlink(missing_ok=True)
        (directory / OLD_RECIPE).replace(directory / RECIPE)
    jobs = [
        (name, split) for name in dataset.systems for split in SPLITS if _is_made(dataset, split)
    ]
    paces = {name: dataset.pace(name) for name in dataset.systems}
    files: dict[str, dict[str, Any]] = {}

    def make(name: str, split: Split) -> tuple[str, dict[str, Any]]:
        trajectories = make_split(dataset, name, split, paces[name])
        relative = relative_path(name, split)
        write_trajectories(
            directory / relative, trajectories, labels={"system": name, "split": split},
            metadata=_facts(dataset, name, split, paces[name]),
        )  # fmt: skip
        n, steps, _ = trajectories.values.shape
        entry: dict[str, Any] = {"rows": n * steps, "sha256": sha256(directory / relative)}
        if (certificate := certificate_of(trajectories)) is not None:
            entry["certificate"] = certificate
        return relative, entry

    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        futures = {pool.submit(make, name, split): name for name, split in jobs}
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                relative, entry = future.result()
                files[relative] = entry
                if progress is not None:
                    progress(done, len(jobs), futures[future])
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
    return StoredDataset(directory, manifest)


def _facts(dataset: Dataset, name: str, split: Split, pace: Pace) -> dict[str, str]:
    """Return what a file says of itself, so that it can be understood away from its directory.

    The recipe is that of its system alone: the bytes do not depend on the other systems.
    """
    system = systems[name] if split == "train" else dataset.test_system(name)
    return {
        "system": name,
        "split": split,
        "dt": repr(pace.dt),
        "units": f"time in {system.time_unit}; variables in the units of the equation",
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
