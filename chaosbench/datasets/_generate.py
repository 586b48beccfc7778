"""From a recipe to files, and from files back to arrays that can be trusted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from chaosbench.datasets._corruption import corrupt
from chaosbench.datasets._files import read_trajectories, write_trajectories
from chaosbench.datasets._recipe import Dataset, Pace
from chaosbench.dynamics.attractor import attractor_orbit, settling_time
from chaosbench.dynamics.certify import (
    Certificate,
    certified_until,
    describe,
    shared_certificate,
)
from chaosbench.dynamics.orbits import Orbit, TaylorOrbit, can_follow
from chaosbench.dynamics.scales import Scales, scales_of
from chaosbench.dynamics.stored import constants
from chaosbench.errors import CorruptDataError, IntegrationError
from chaosbench.files import claim, read_json, sha256, write_json
from chaosbench.provenance import digest, versions
from chaosbench.systems import DelaySystem, FieldSystem
from chaosbench.systems import registry as systems
from chaosbench.trajectories import FloatArray, Trajectories

__all__ = ["Split", "StoredDataset", "generate", "open_dataset", "verify"]

Split = Literal["train", "test", "context", "observations"]
_SPLITS: tuple[Split, ...] = ("train", "test", "context", "observations")
TIGHT = 1e-13  # a hundredth of it is what the certificate is made with
TIGHT_DOUBLE = 1e-14  # where there is no double-double, and a tenth is a Lyapunov time or two
LONGEST_EXACT = 40.0  # Lyapunov times
EXACT_TOLERANCE = 1e-24  # so that what it grows to in that time stays below the certificate's
MANIFEST, RECIPE = "manifest.json", "recipe.json"


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

    def load(self, system: str, split: Split) -> Trajectories:
        """Read one split of one system.

        Raises:
            CorruptDataError: the file is missing, edited, truncated or foreign; it is named.

        """
        name = systems.resolve(system)
        relative = f"{name}/{split}.parquet"
        entry = self.manifest["files"].get(relative)
        path = self.directory / relative
        if entry is None:
            raise CorruptDataError(f"{self.directory / MANIFEST} lists no {relative}")
        _check(path, entry["sha256"])
        pace = self.manifest["paces"][name]
        made = read_trajectories(path, dt=pace["dt"], variables=systems[name].variables)
        return _with_certificate(made, entry.get("certificate"))


def _check(path: Path, expected: str) -> None:
    if not path.is_file():
        raise CorruptDataError(f"{path} is missing; generate the data again")
    if sha256(path) != expected:
        raise CorruptDataError(
            f"{path} is not the file its manifest describes (its SHA-256 differs); "
            "it was edited or truncated: delete the directory and generate the data again"
        )


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
    directory = Path(directory)
    owner = {"hash": dataset.hash, "recipe": dataset.recipe()}
    claim(directory, RECIPE, owner, what="dataset", by=["hash"])
    if (directory / MANIFEST).is_file():
        stored = verify(directory)
        if stored.hash != dataset.hash:
            raise CorruptDataError(
                f"{directory / MANIFEST} is that of the dataset {stored.hash}, its directory "
                f"belongs to {dataset.hash}; delete the directory and generate the data again"
            )
        return stored
    jobs = [
        (name, split) for name in dataset.systems for split in _SPLITS if _is_made(dataset, split)
    ]
    paces = {name: dataset.pace(name) for name in dataset.systems}
    files: dict[str, dict[str, Any]] = {}

    def make(name: str, split: Split) -> tuple[str, dict[str, Any]]:
        trajectories = make_split(dataset, name, split, paces[name])
        relative = f"{name}/{split}.parquet"
        write_trajectories(directory / relative, trajectories)
        n, steps, _ = trajectories.values.shape
        entry: dict[str, Any] = {"rows": n * steps, "sha256": sha256(directory / relative)}
        if (certificate := _certificate(trajectories)) is not None:
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
    manifest["checksum"] = _seal(manifest)
    write_json(directory / MANIFEST, manifest)
    return StoredDataset(directory, manifest)


def _is_made(dataset: Dataset, split: Split) -> bool:
    if split == "train" or not dataset.windows:
        return split == "train"
    return {
        "test": True, "context": dataset.corrupted, "observations": dataset.observe_every > 0,
    }[split]  # fmt: skip


def _seal(manifest: dict[str, Any]) -> str:
    """Hash everything in a manifest but its own checksum: an edited pace must be noticed."""
    return digest({key: value for key, value in manifest.items() if key != "checksum"}, 64)


def make_split(dataset: Dataset, system: str, split: Split, pace: Pace) -> Trajectories:
    """Make one split of one system; its trajectories depend on seed, split and index only.

    ``train`` and ``context`` are what forecasters see, noise and gaps included; ``test`` is the
    clean truth, contexts and futures; ``observations`` are the noisy samples of the futures that
    forecasters get to see when their time has come, and NaN elsewhere.

    What ``train`` and ``test`` are certified for is that of the clean trajectories: a training
    trajectory from its first sample, a window from the last sample of its context, where the
    forecast starts.
    """
    made = _integrate(dataset, system, "train" if split == "train" else "test", pace)
    if split == "test" or (not dataset.corrupted and split != "observations"):
        return made
    seen = dataset.context
    values = {"train": made.values, "context": made.values[:, :seen]}.get(
        split, made.values[:, seen:]
    )
    seen_values = corrupt(
        values,
        scale=np.array(constants(system).std),
        noise=dataset.noise,
        missing=0.0 if split == "observations" else dataset.missing,
        key=(dataset.seed, 2 + _SPLITS.index(split)),
    )
    starts = made.start_times
    if split == "observations":
        assert starts is not None
        starts = starts + seen * made.dt
        steps = np.arange(1, values.shape[1] + 1)
        seen_values[:, steps % dataset.observe_every != 0] = np.nan
    observed = Trajectories(seen_values, made.dt, made.variables, starts)
    return _with_certificate(observed, _certificate(made)) if split == "train" else observed


def _certificate(made: Trajectories) -> dict[str, Any] | None:
    """Return what a manifest says about how long trajectories are true."""
    if "certificate" not in made.provenance:
        return None
    until = made.certified_until
    return {
        "from": made.certified_from,
        "until": None if until is None else until.tolist(),
        "because": made.provenance["certificate"],
    }


def _with_certificate(made: Trajectories, certificate: dict[str, Any] | None) -> Trajectories:
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


def _integrate(dataset: Dataset, system: str, split: Split, pace: Pace) -> Trajectories:
    train = split == "train"
    count = dataset.train_trajectories if train else dataset.windows
    seen = 1 if train else dataset.context  # the certificate starts from the last of these
    further = (dataset.train_points if train else dataset.context + pace.horizon) - seen
    found = systems[system]
    scales = scales_of(found)
    values, starts, certificates = [], [], []
    for k in range(count):
        # NumPy pads short keys with zeros; the closing 1 keeps these apart from simulate's
        key = (dataset.seed, _SPLITS.index(split), k, 1)
        rtol = dataset.rtol
        if isinstance(found, FieldSystem) and not train:
            # a context of looser steps would leave what no second method follows in the fast waves
            rtol = min(rtol, TIGHT_DOUBLE)
        orbit = attractor_orbit(scales, key=key, rtol=rtol)
        before = np.empty((0, found.dimension))
        if not train and dataset.shift:
            before = _shift(orbit, dataset, scales, pace)
        starts.append(orbit.time - len(before) * pace.dt)
        past = np.concatenate([before, orbit.sample(seen - len(before), pace.dt)])
        if train:
            future, certificate = _continue(orbit, past, further, pace, dataset.rtol)
        else:
            future, certificate = _exact_future(orbit, past, further, pace)
        values.append(np.concatenate([past, future]))
        certificates.append(certificate)
    return Trajectories(
        np.stack(values), pace.dt, found.variables, starts,
        provenance={"certificate": describe(certificates)},
        certified_until=shared_certificate(certificates), certified_from=seen - 1,
    )  # fmt: skip


def _continue(
    orbit: Orbit, past: FloatArray, steps: int, pace: Pace, rtol: float
) -> tuple[FloatArray, Certificate]:
    """Return what follows the last of the samples ``(k, d)``, and for how long it is true."""
    # as the orbit stands now: a delay system's past is not in its samples
    memory = orbit.memory()
    begin = orbit.time
    future = orbit.sample(steps + 1, pace.dt)[1:]
    joined = np.concatenate([past[-1:], future])
    found = certified_until(
        orbit.system, joined, pace.dt, start_time=begin, rtol=rtol, memory=memory
    )
    return future, found


def _exact_future(
    orbit: Orbit, past: FloatArray, steps: int, pace: Pace
) -> tuple[FloatArray, Certificate]:
    """Like `_continue`, in double-double where the equation and the length of the future allow it.

    A free run over hundreds of Lyapunov times is not compared with the truth step by step.
    """
    system, rate = orbit.system, pace.lyapunov_exponent
    near = rate is None or steps * pace.dt * rate <= LONGEST_EXACT
    if not (near and can_follow(system)):
        return _continue(orbit, past, steps, pace, _tighten(orbit))
    exact = TaylorOrbit(system, past[-1], orbit.time, tolerance=EXACT_TOLERANCE)
    try:
        future = exact.sample(steps + 1, pace.dt)[1:]
    except IntegrationError:  # such as 0/0 on the way, which a double steps over
        return _continue(orbit, past, steps, pace, _tighten(orbit))
    joined = np.concatenate([past[-1:], future])
    found = certified_until(system, joined, pace.dt, start_time=orbit.time, rtol=EXACT_TOLERANCE)
    return future, found


def _tighten(orbit: Orbit) -> float:
    """Integrate from here on as exactly as a double pays for; return that tolerance."""
    in_double = isinstance(orbit.system, (DelaySystem, FieldSystem))
    return orbit.tighten(TIGHT_DOUBLE if in_double else TIGHT)


def _shift(orbit: Orbit, dataset: Dataset, scales: Scales, pace: Pace) -> FloatArray:
    """Change the parameters under way; return the samples ``(k, d)`` taken before.

    Without a switch the orbit first settles on the shifted attractor, as long as it was given to
    settle on the unshifted one, and nothing is sampled. Afterwards the orbit stands at the first
    sample that is still to be taken.
    """
    count = round(dataset.switch * dataset.context)
    before = orbit.sample(count, pace.dt) if count else np.empty((0, orbit.state.size))
    orbit.change_to(dataset.test_system(scales.system.name))
    if count:
        orbit.advance(pace.dt)
    else:
        orbit.advance(settling_time(scales))
    return before


def open_dataset(directory: Path | str) -> StoredDataset:
    """Open a generated dataset; its files are checked when they are read.

    Raises:
        CorruptDataError: no manifest, or one that does not have the checksum it states.

    """
    directory = Path(directory)
    path = directory / MANIFEST
    if not path.is_file():
        raise CorruptDataError(f"{directory} holds no {MANIFEST}; it is no finished dataset")
    manifest = read_json(path)
    if not {"hash", "recipe", "paces", "files", "checksum"} <= manifest.keys() or (
        _seal(manifest) != manifest["checksum"] or digest(manifest["recipe"]) != manifest["hash"]
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
    return stored
