"""Making the files of one job, here or on another machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from chaosbench.datasets._files import write_trajectories
from chaosbench.datasets._members import member_of
from chaosbench.datasets._parts import Job
from chaosbench.datasets._recipe import Dataset, Pace, Split
from chaosbench.datasets._store import certificate_of, with_certificate
from chaosbench.datasets._truth import SEEN, Sight, integrate, make_split, segments
from chaosbench.errors import InputError
from chaosbench.files import sha256
from chaosbench.provenance import versions
from chaosbench.systems import load_systems
from chaosbench.trajectories import Trajectories

__all__ = ["make_elsewhere", "make_files"]

Entry = dict[str, Any]


def make_files(
    dataset: Dataset, job: Job, pace: Pace, directory: Path, done: frozenset[str] = frozenset()
) -> Iterator[tuple[str, Entry]]:
    """Make the files of a job one after another; yield each with what the manifest says of it.

    Args:
        dataset: the recipe.
        job: what to make.
        pace: step and horizon of its system.
        directory: of the dataset.
        done: files that are there and are left alone.

    """
    if job.segmented:
        yield from _make_segments(dataset, job, pace, directory, done)
        return
    clean = integrate(dataset, job.system, job.source, pace, job.first, job.last)
    for split in job.splits:
        (relative,) = job.paths(split)
        if relative in done:
            continue
        made = make_split(dataset, job.system, split, pace, clean, job.first)
        yield relative, _keep(dataset, job, split, pace, directory / relative, made)


def _make_segments(
    dataset: Dataset, job: Job, pace: Pace, directory: Path, done: frozenset[str]
) -> Iterator[tuple[str, Entry]]:
    """Make one long trajectory; what is there already is integrated again but not written."""
    k, name = job.first, job.system
    sights = {split: Sight(dataset, name, split, k, job.steps, pace.dt) for split in job.splits}
    left = [relative for relative in job.files if relative not in done]
    pieces = segments(dataset, name, job.source, pace, k)
    for place, ((begin, end), piece) in enumerate(zip(job.segments(), pieces, strict=True)):
        values, start, certificate = piece
        times = np.asarray(start + np.arange(begin, end) * pace.dt, dtype=np.float64)
        for split in job.splits:
            seen, taken = sights[split](values, times)
            relative = job.paths(split)[place]
            if relative not in left:
                continue
            told: dict[str, Any] = {}
            if dataset.irregular and split in SEEN:
                told["times"] = taken[None]
            made = Trajectories(seen[None], pace.dt, sights[split].variables, [start], told)
            if certificate is not None and not (dataset.corruptions and split in SEEN):
                until = None if certificate.until is None else [certificate.until]
                words = certificate.reason or f"1e-06 σ: {', '.join(certificate.checks)}"
                made = with_certificate(made, {"from": 0, "until": until, "because": words})
            entry = _keep(dataset, job, split, pace, directory / relative, made, begin)
            yield relative, entry
            left.remove(relative)
        if not left:
            return


def _keep(
    dataset: Dataset,
    job: Job,
    split: Split,
    pace: Pace,
    path: Path,
    made: Trajectories,
    step: int = 0,
) -> Entry:
    """Write one file; return what the manifest says of it."""
    parameters = [
        dict(member_of(dataset, job.system, job.source, k).system.parameters)
        for k in (range(job.first, job.last) if dataset.perturb else ())
    ]
    facts = _facts(dataset, job.system, split, pace, made.variables)
    if parameters:
        facts["parameters"] = json.dumps(parameters)
    write_trajectories(
        path, made, labels={"system": job.system, "split": split}, metadata=facts,
        precision=dataset.precision, first=(job.first, step), times=made.provenance.get("times"),
    )  # fmt: skip
    n, steps, _ = made.values.shape
    entry: Entry = {
        "rows": n * steps, "sha256": sha256(path), "bytes": path.stat().st_size,
        "variables": list(made.variables),
    }  # fmt: skip
    if (certificate := certificate_of(made)) is not None:
        entry["certificate"] = certificate
    if job.numbers:
        entry["trajectories"] = [job.first, job.last]
        entry["steps"] = [step, step + steps]
    if parameters:
        entry["parameters"] = parameters
    return entry


def _facts(
    dataset: Dataset, name: str, split: Split, pace: Pace, variables: tuple[str, ...]
) -> dict[str, str]:
    """Return what a file says of itself, so that it can be understood away from its directory.

    The recipe is that of its system alone: the bytes do not depend on the other systems.
    """
    train = split not in ("test", "context", "observations")
    system = dataset.system(name) if train else dataset.test_system(name)
    angles = "; angles as cosine and sine" if dataset.bounded and system.angles else ""
    return {
        "system": name,
        "split": split,
        "dt": repr(pace.dt),
        "units": f"time in {system.time_unit}; variables in the units of the equation{angles}",
        "variables": json.dumps(variables),
        "fingerprint": system.fingerprint,
        "recipe": dataset.only(name).hash,
    }


def make_elsewhere(
    dataset: Dataset, job: Job, pace: Pace, files: tuple[str, ...], expected: dict[str, str]
) -> list[tuple[str, Entry, bytes]]:
    """Make the files of a job on another machine; return them with their bytes.

    Args:
        dataset, job, pace: as for `make_files`.
        files: of the user's own systems, which must exist on that machine too.
        expected: versions of the libraries on the machine that asks.

    Raises:
        InputError: this machine has other versions, which make other bytes.

    """
    if versions() != expected:
        other = {k: v for k, v in versions().items() if expected.get(k) != v}
        raise InputError(
            f"a machine of the cluster has {', '.join(f'{k} {v}' for k, v in other.items())}, this "
            f"one {', '.join(f'{k} {expected.get(k)}' for k in other)}; install the same versions"
        )
    for file in files:
        load_systems(file)
    with TemporaryDirectory(prefix="chaosbench-") as place:
        folder = Path(place)
        return [
            (relative, entry, (folder / relative).read_bytes())
            for relative, entry in make_files(dataset, job, pace, folder)
        ]
