"""Stored datasets: files, their manifest, and reading them back with proof."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosbench.datasets._files import read_trajectories
from chaosbench.datasets._observables import observables_of
from chaosbench.datasets._recipe import Split
from chaosbench.errors import CorruptDataError
from chaosbench.files import read_json, sha256
from chaosbench.provenance import digest
from chaosbench.systems import registry as systems
from chaosbench.trajectories import Trajectories

__all__ = [
    "COLUMNS", "MANIFEST", "OLD_MANIFEST", "OLD_RECIPE", "RECIPE", "StoredDataset",
    "certificate_of", "manifest_of", "open_dataset", "relative_path", "seal", "verify",
    "with_certificate",
]  # fmt: skip

MANIFEST = "_manifest.json"
"""File that describes a finished dataset; readers of Parquet skip names with an underscore."""

RECIPE = "_recipe.json"
"""File that claims a directory for a dataset before it is finished."""

COLUMNS = "columns.parquet"
"""File without rows that has the columns of all systems; it comes first in sorted order."""

OLD_MANIFEST, OLD_RECIPE = "manifest.json", "recipe.json"
"""Their names in datasets from before folders were called ``system=NAME``; these are still read."""


@dataclass(frozen=True)
class StoredDataset:
    """A generated dataset on disk; every read checks the file against the manifest.

    Attributes:
        directory: where the manifest lies.
        manifest: recipe, hash, paces, checksums and provenance.

    """

    directory: Path
    manifest: dict[str, Any]

    @property
    def hash(self) -> str:
        """Hash of the recipe."""
        return str(self.manifest["hash"])

    def __repr__(self) -> str:
        names = list(self.manifest["paces"])
        what = names[0] if len(names) == 1 else f"{len(names)} systems"
        files = len(self.manifest["files"])
        return f"StoredDataset({str(self.directory)!r}: {what}, {files} files, recipe {self.hash})"

    def entry(self, system: str, split: Split) -> tuple[str, dict[str, Any]] | None:
        """Return the path of a split relative to the directory, and what the manifest says of it.

        None if the dataset has no such split.
        """
        files = self.manifest["files"]
        for relative in (relative_path(system, split), f"{system}/{split}.parquet"):
            if relative in files:
                return relative, files[relative]
        return None

    def load(self, system: str, split: Split) -> Trajectories:
        """Read one split of one system.

        Raises:
            CorruptDataError: the file is missing, edited, truncated or foreign; it is named.

        """
        recipe = self.manifest["recipe"]
        recorded = "recording" in recipe
        name = system if recorded else systems.resolve(system)
        found = self.entry(name, split)
        if found is None:
            raise CorruptDataError(
                f"{manifest_of(self.directory)} lists no {relative_path(name, split)}"
            )
        relative, entry = found
        path = self.directory / relative
        _check(path, entry["sha256"])
        pace = self.manifest["paces"][name]
        if recorded:
            variables = tuple(recipe["variables"])
        else:
            bounded = bool(recipe.get("bounded"))
            variables = observables_of(systems[name], bounded=bounded).variables
        if observed := recipe.get("observed"):
            variables = tuple(v for v in variables if v in observed)
        made = read_trajectories(path, dt=pace["dt"], variables=variables)
        return with_certificate(made, entry.get("certificate"))


def open_dataset(directory: Path | str) -> StoredDataset:
    """Open a generated dataset; its files are checked when they are read.

    Raises:
        CorruptDataError: no manifest, or one that does not have the checksum it states.

    """
    directory = Path(directory)
    path = manifest_of(directory)
    if not path.is_file():
        raise CorruptDataError(f"{directory} holds no {MANIFEST}; it is not a finished dataset")
    manifest = read_json(path)
    if not {"hash", "recipe", "paces", "files", "checksum"} <= manifest.keys() or (
        seal(manifest) != manifest["checksum"] or digest(manifest["recipe"]) != manifest["hash"]
    ):
        raise CorruptDataError(
            f"{path} was edited: it does not have the checksum it states; "
            "delete its directory and generate the data again"
        )
    return StoredDataset(directory, manifest)


def verify(directory: Path | str) -> StoredDataset:
    """Check every file of a dataset against its manifest.

    Raises:
        CorruptDataError: naming the first file that is missing, edited or truncated.

    """
    stored = open_dataset(directory)
    for relative, entry in sorted(stored.manifest["files"].items()):
        _check(stored.directory / relative, entry["sha256"])
    if "columns" in stored.manifest:
        _check(stored.directory / COLUMNS, stored.manifest["columns"])
    return stored


def manifest_of(directory: Path) -> Path:
    """Return the manifest of a directory, the older one where there is no other."""
    old = directory / OLD_MANIFEST
    return old if old.is_file() and not (directory / MANIFEST).is_file() else directory / MANIFEST


def relative_path(system: str, split: Split) -> str:
    """Return where a split of a system lies in the directory of its dataset."""
    return f"system={system}/{split}.parquet"


def _check(path: Path, expected: str) -> None:
    if not path.is_file():
        raise CorruptDataError(f"{path} is missing; generate the data again")
    if sha256(path) != expected:
        raise CorruptDataError(
            f"{path} is not the file its manifest describes (its SHA-256 differs); "
            "it was edited or truncated: delete the directory and generate the data again"
        )


def seal(manifest: dict[str, Any]) -> str:
    """Hash everything in a manifest but its own checksum: an edited pace must be noticed."""
    return digest({key: value for key, value in manifest.items() if key != "checksum"}, 64)


def certificate_of(made: Trajectories) -> dict[str, Any] | None:
    """Return what a manifest says about how long trajectories are true."""
    if "certificate" not in made.provenance:
        return None
    until = made.certified_until
    return {
        "from": made.certified_from,
        "until": None if until is None else until.tolist(),
        "because": made.provenance["certificate"],
    }


def with_certificate(made: Trajectories, certificate: dict[str, Any] | None) -> Trajectories:
    """Return trajectories with the certificate that a manifest holds."""
    if certificate is None:
        return made
    return Trajectories(
        made.values,
        made.dt,
        made.variables,
        made.start_times,
        {**made.provenance, "certificate": certificate["because"]},
        certified_until=certificate["until"],
        certified_from=certificate["from"],
    )
