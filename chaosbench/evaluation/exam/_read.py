"""Reading the exam of a task from its dataset."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from chaosbench.datasets import StoredDataset, observables_of, open_dataset, spread_of
from chaosbench.dynamics.stored import constants
from chaosbench.evaluation.exam._exam import Exam, held_out
from chaosbench.systems import registry as systems
from chaosbench.tasks import Task
from chaosbench.trajectories import fill_gaps

__all__ = ["cache_directory", "load_exam"]


def cache_directory() -> Path:
    """Return where datasets are kept that belong to no run: ``CHAOSBENCH_CACHE`` or the user's."""
    given = os.environ.get("CHAOSBENCH_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "chaosbench" / "datasets"


def load_exam(stored: StoredDataset, task: Task) -> Exam:
    """Read and check a task's data and split it into what is seen and what is asked."""
    if task.recording is not None:
        return _read_recorded(str(stored.directory), stored.hash, task.system)
    exam = _read_exam(str(stored.directory), stored.hash, task.system)
    if task.asks == "equation":
        return held_out(exam, systems[task.system], apart=task.apart)
    if task.observed is None:
        return exam
    names = task.dataset.variables(task.system)
    chosen = [names.index(name) for name in task.observed]
    return replace(
        exam,
        train=exam.train[..., chosen],
        context=exam.context[..., chosen],
        truth=exam.truth[..., chosen],
        observed=tuple(chosen),
        observations=None if exam.observations is None else exam.observations[..., chosen],
    )


@lru_cache(maxsize=4)
def _read_exam(directory: str, hash_: str, system: str) -> Exam:
    stored = open_dataset(directory)
    assert stored.hash == hash_
    recipe = stored.manifest["recipe"]
    train, test = stored.load(system, "train"), stored.load(system, "test")
    seen = int(recipe["context"])
    assert test.start_times is not None
    certified = None
    if test.certified_until is not None:
        assert test.certified_from == seen - 1, "a window is certified from the end of its context"
        certified = np.floor(test.certified_until / test.dt + 1e-6).astype(np.int64)
    known = constants(system)
    bounded, exact = bool(recipe.get("bounded")), bool(recipe.get("exact"))
    spread = np.array(spread_of(systems[system], bounded=bounded))
    past = np.ascontiguousarray(test.values[:, :seen])
    corrupted = stored.entry(system, "context") is not None
    followed = stored.entry(system, "observations") is not None
    context = stored.load(system, "context").values if corrupted else past
    return Exam(
        train=train.values,
        context=context,
        truth=np.ascontiguousarray(test.values[:, seen:]),
        clean_context=past,
        observed=tuple(range(past.shape[2])),
        spread=spread,
        noise=float(recipe["noise"]) * spread,
        context_end=test.start_times + (seen - 1) * test.dt,
        dt=test.dt,
        lyapunov_exponent=stored.manifest["paces"][system]["lyapunov_exponent"],
        period=known.period,
        observations=stored.load(system, "observations").values if followed else None,
        certified_steps=certified,
        seen=context if exact else None,
        observables=observables_of(systems[system], bounded=bounded) if exact else None,
    )


@lru_cache(maxsize=4)
def _read_recorded(directory: str, hash_: str, name: str) -> Exam:
    """Read the exam of a recording: its truth counts up to the first gap after each context."""
    stored = open_dataset(directory)
    assert stored.hash == hash_
    train, test = stored.load(name, "train"), stored.load(name, "test")
    seen = int(stored.manifest["recipe"]["context"])
    assert test.start_times is not None
    known = np.asarray(np.isfinite(test.values[:, seen:]).all(axis=2))
    whole = fill_gaps(test.values)
    spread = np.asarray(np.nanstd(train.values, axis=(0, 1)))
    return Exam(
        train=train.values,
        context=np.ascontiguousarray(test.values[:, :seen]),
        truth=np.ascontiguousarray(whole[:, seen:]),
        clean_context=np.ascontiguousarray(whole[:, :seen]),
        observed=tuple(range(whole.shape[2])),
        spread=spread,
        noise=np.zeros_like(spread),
        context_end=test.start_times + (seen - 1) * test.dt,
        dt=test.dt,
        lyapunov_exponent=stored.manifest["paces"][name]["lyapunov_exponent"],
        period=1.0,
        certified_steps=None if known.all() else np.cumprod(known, axis=1).sum(axis=1),
        recorded=None if known.all() else known,
    )
