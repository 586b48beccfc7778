"""The RecordedDataset: a series that somebody measured, split for training and testing."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from chaosbench.datasets._observables import Observables
from chaosbench.datasets._recipe import Dataset, Pace
from chaosbench.datasets._store import MANIFEST, RECIPE, StoredDataset, open_dataset, verify
from chaosbench.errors import CorruptDataError, InputError, ParameterError, RecipeMismatchError
from chaosbench.files import claim, read_json, whole, write_json
from chaosbench.systems import System
from chaosbench.trajectories import FloatArray

__all__ = ["TIME_UNITS", "RecordedDataset", "copy_recording", "read_recording", "sources_of"]

TIME_UNITS = "time units"
"""What time is counted in where nobody said."""


@dataclass(frozen=True)
class RecordedDataset(Dataset):
    """A recording that was imported: a dataset without an equation.

    It is made by `chaosbench.datasets.recordings.import_recording`, and stands where a recipe
    stands: its task asks the same as that of a system.

    Attributes:
        folder: where it lies.
        content: hash of its recipe, which holds the hash of its numbers.
        columns: names of the variables.
        units: of each variable; empty where nobody said.
        time_unit: in which time is counted.
        step: sampling step, in that unit.
        steps: samples of a forecast, `H`.
        exponent: largest Lyapunov exponent per time unit; None where it is not known, and scores
            are in time units.
        exponent_error: its standard error; None where it was given, or is not known.
        exponent_source: ``estimated``, ``given`` or ``unknown``.

    """

    folder: str = ""
    content: str = ""
    columns: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    time_unit: str = TIME_UNITS
    step: float = 1.0
    steps: int = 1
    exponent: float | None = None
    exponent_error: float | None = None
    exponent_source: str = "unknown"

    def __post_init__(self) -> None:
        if self.seed != 0:
            raise ParameterError(
                f"own/{self.systems[0]} is a recording, of which there is no fresh exam; leave the "
                "exam seed at 0"
            )

    def __repr__(self) -> str:
        return (
            f"RecordedDataset({self.systems[0]!r}: {', '.join(self.columns)}; "
            f"{self.train_trajectories} × {self.train_points:,} samples to train on, "
            f"{self.windows} windows of {self.context} + {self.steps}; {self.folder})"
        )

    def recipe(self) -> dict[str, Any]:
        """Return the recipe as the folder holds it."""
        recipe = open_dataset(self.folder).manifest["recipe"]
        assert isinstance(recipe, dict)
        return recipe

    @cached_property
    def hash(self) -> str:
        """Hash of the recipe, 16 hexadecimal digits."""
        return self.content

    def variables(self, system: str) -> tuple[str, ...]:  # noqa: ARG002
        """Return the names of the columns."""
        return self.columns

    def observables(self, system: str) -> Observables:  # noqa: ARG002
        """Return the variables as they are."""
        return Observables(self.columns, (None,) * len(self.columns))

    def spread(self, system: str) -> FloatArray:
        """Return the standard deviation of each variable in the training part."""
        values = open_dataset(self.folder).load(system, "train").values
        return np.asarray(np.nanstd(values, axis=(0, 1)))

    def test_system(self, system: str) -> System:
        """Refuse: nobody knows the equation."""
        raise InputError(f"own/{system} is a recording: there is no equation behind it")

    def only(self, system: str) -> Dataset:  # noqa: ARG002
        """Return itself."""
        return self

    def pace(self, system: str) -> Pace:  # noqa: ARG002
        """Return step, horizon and exponent."""
        return Pace(self.step, self.steps, self.exponent)


def read_recording(folder: Path) -> RecordedDataset:
    """Read what a folder says of the recording in it; its files are checked when they are read.

    Raises:
        CorruptDataError: there is no recording, or its manifest was edited.

    """
    manifest = open_dataset(folder).manifest
    recipe = manifest["recipe"]
    if "recording" not in recipe:
        raise CorruptDataError(
            f"{folder} holds a generated dataset and no recording; import one with: chaosbench "
            "data import FILE --name NAME --out DIR"
        )
    name = str(recipe["recording"])
    pace = manifest["paces"][name]
    return RecordedDataset(
        systems=(name,),
        train_points=int(recipe["train_points"]),
        train_trajectories=int(recipe["train_trajectories"]),
        windows=int(recipe["windows"]),
        context=int(recipe["context"]),
        horizon_at_most=int(pace["horizon"]),
        folder=str(Path(folder).absolute()),
        content=str(manifest["hash"]),
        columns=tuple(recipe["variables"]),
        units=tuple(recipe["units"]),
        time_unit=str(recipe["time_unit"]),
        step=float(pace["dt"]),
        steps=int(pace["horizon"]),
        exponent=pace["lyapunov_exponent"],
        exponent_error=recipe["exponent"]["error"],
        exponent_source=str(recipe["exponent"]["source"]),
    )


def sources_of(dataset: RecordedDataset) -> list[Path]:
    """Return the folder of a recording and the files that it was imported from."""
    try:
        manifest = read_json(Path(dataset.folder) / MANIFEST)
    except CorruptDataError:  # it is gone since it was found
        return [Path(dataset.folder)]
    told = manifest.get("provenance", {}).get("sources", [])
    return [Path(dataset.folder), *(Path(source["path"]) for source in told if "path" in source)]


def copy_recording(dataset: RecordedDataset, directory: Path) -> StoredDataset:
    """Keep a recording in a directory of its own, whole and checked, or check the one there.

    Raises:
        CorruptDataError: the recording was edited since it was imported.
        RecipeMismatchError: the directory holds another one.

    """
    (name,) = dataset.systems
    if (directory / RECIPE).is_file() and read_json(directory / RECIPE).get("hash") != dataset.hash:
        raise RecipeMismatchError(
            f"the recording {name!r} is not the one that {directory} was made from: it was "
            "imported again with other data or settings; use a new directory for the run"
        )
    if (directory / MANIFEST).is_file():
        return checked(directory, name)
    source = checked(Path(dataset.folder), name)
    if source.hash != dataset.hash:
        raise CorruptDataError(f"the recording {name!r} was imported again meanwhile; start anew")
    owner = {"hash": source.hash, "recipe": source.manifest["recipe"]}
    claim(directory, RECIPE, owner, what="dataset", by=["hash"])
    for relative in source.manifest["files"]:
        with whole(directory / relative) as place:
            shutil.copyfile(source.directory / relative, place)
    write_json(directory / MANIFEST, source.manifest)
    return checked(directory, name)


def checked(directory: Path, name: str) -> StoredDataset:
    """Open a recording and compare its files with their hashes.

    Raises:
        CorruptDataError: a file is not what it was.

    """
    try:
        return verify(directory)
    except CorruptDataError as error:
        raise CorruptDataError(
            f"the recording {name!r} in {directory} was changed since it was imported, so that it "
            f"is no exam any more ({str(error).split(';')[0]}); delete that folder and import it "
            "again"
        ) from error
