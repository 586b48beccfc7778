"""Stored datasets: files, their manifest, and reading them back with proof."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaosbench.datasets._files import Precision, read_trajectories
from chaosbench.datasets._observables import observables_of
from chaosbench.datasets._recipe import SPLITS, Split
from chaosbench.errors import CorruptDataError
from chaosbench.files import read_json, sha256
from chaosbench.provenance import digest
from chaosbench.systems import registry as systems
from chaosbench.trajectories import Trajectories

__all__ = [
    "COLUMNS", "FOLDER", "MANIFEST", "OLD_MANIFEST", "OLD_RECIPE", "RECIPE", "StoredDataset",
    "certificate_of", "check", "manifest_of", "open_dataset", "relative_path", "seal", "verify",
    "with_certificate",
]  # fmt: skip

MANIFEST = "_manifest.json"
"""File that describes a finished dataset; readers of Parquet skip names with an underscore."""

RECIPE = "_recipe.json"
"""File that claims a directory for a dataset before it is finished."""

FOLDER = "data"
"""Folder of the files of Parquet; nothing else lies there, so any reader can be pointed at it."""

COLUMNS = "columns.parquet"
"""Its file without rows that has the columns of all systems; it comes first in sorted order."""

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

    def entries(self, system: str, split: Split) -> list[tuple[str, dict[str, Any]]]:
        """Return the files of a split, in order: paths relative to the directory, and their facts.

        There are none if the dataset has no such split.
        """
        files = self.manifest["files"]
        for folder in (f"{FOLDER}/system={system}", f"system={system}", system):
            if f"{folder}/{split}.parquet" in files:
                relative = f"{folder}/{split}.parquet"
                return [(relative, files[relative])]
        start = f"{FOLDER}/system={system}/{split}-"
        parts = sorted(relative for relative in files if relative.startswith(start))
        return [(relative, files[relative]) for relative in parts]

    def entry(self, system: str, split: Split) -> tuple[str, dict[str, Any]] | None:
        """Return the first file of a split, see `entries`; None if the dataset has no such split.

        Its certificate is that of all trajectories of the split.
        """
        found = self.entries(system, split)
        if not found:
            return None
        relative, first = found[0]
        certificate = _joined([entry.get("certificate") for _, entry in found])
        return relative, first | ({} if certificate is None else {"certificate": certificate})

    def splits(self, system: str) -> list[Split]:
        """Return the splits that a system has, in their usual order."""
        return [split for split in SPLITS if self.entries(system, split)]

    def variables(self, system: str, split: Split) -> tuple[str, ...]:
        """Return the names of what the files of a split hold."""
        found = self.entries(system, split)
        if found and "variables" in found[0][1]:
            return tuple(found[0][1]["variables"])
        recipe = self.manifest["recipe"]  # of an older layout
        bounded = bool(recipe.get("bounded"))
        variables = observables_of(systems[system], bounded=bounded).variables
        if observed := recipe.get("observed"):
            variables = tuple(v for v in variables if v in observed)
        return variables

    @property
    def precision(self) -> Precision:
        """Type of the numbers in the files."""
        found: Precision = self.manifest["recipe"].get("precision", "float64")
        return found

    def name_of(self, system: str) -> str:
        """Return the name under which a system is in this dataset.

        Raises:
            UnknownNameError: no system has that name.
            CorruptDataError: it is not in this dataset.

        """
        if system in self.manifest["paces"]:
            return system
        name = systems.resolve(system)
        if name not in self.manifest["paces"]:
            raise CorruptDataError(
                f"the dataset in {self.directory} does not have {name}; it has "
                f"{', '.join(self.manifest['paces'])}"
            )
        return name

    def paths(self, system: str, split: Split) -> list[Path]:
        """Return the files of a split, each checked against the manifest.

        Raises:
            CorruptDataError: one is missing, edited, truncated or foreign; it is named.

        """
        found = self.entries(system, split)
        if not found:
            raise CorruptDataError(
                f"the manifest in {self.directory} lists no {relative_path(system, split)}; "
                "it is the manifest of another recipe"
            )
        paths = [self.directory / relative for relative, _ in found]
        for path, (_, entry) in zip(paths, found, strict=True):
            check(path, entry["sha256"])
        return paths

    def load(self, system: str, split: Split) -> Trajectories:
        """Read one split of one system.

        Raises:
            CorruptDataError: a file is missing, edited, truncated or foreign; it is named.

        """
        name = self.name_of(system)
        paths = self.paths(name, split)
        pace = self.manifest["paces"][name]
        made = read_trajectories(
            paths, dt=pace["dt"], variables=self.variables(name, split), precision=self.precision
        )
        _, entry = self.entry(name, split) or ("", {})
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
        check(stored.directory / relative, entry["sha256"])
    if "columns" in stored.manifest:
        columns = stored.manifest["columns"]  # one checksum in older layouts
        for relative, known in (
            {COLUMNS: columns} if isinstance(columns, str) else columns
        ).items():
            check(stored.directory / relative, known)
    return stored


def manifest_of(directory: Path) -> Path:
    """Return the manifest of a directory, the older one where there is no other."""
    old = directory / OLD_MANIFEST
    return old if old.is_file() and not (directory / MANIFEST).is_file() else directory / MANIFEST


def relative_path(system: str, split: Split) -> str:
    """Return where a split of a system lies in the directory of its dataset, if it has one file."""
    return f"{FOLDER}/system={system}/{split}.parquet"


def check(path: Path, expected: str) -> None:
    """Check that a file is there and has the checksum that its manifest states.

    Raises:
        CorruptDataError: it is not, or it has another one.

    """
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


def _joined(certificates: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    """Return the certificate of all trajectories from those of the parts that begin some."""
    known = [certificate for certificate in certificates if certificate is not None]
    if len(known) <= 1:
        return known[0] if known else None
    times: list[float] | None = []
    for certificate in known:
        if times is not None and certificate["until"] is not None:
            times = times + certificate["until"]
        else:
            times = None
    reasons = sorted({certificate["because"] for certificate in known})
    return {"from": known[0]["from"], "until": times, "because": "; or ".join(reasons)}
