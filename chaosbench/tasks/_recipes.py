"""The data behind tasks and suites, as recipes to generate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from chaosbench.datasets import Dataset
from chaosbench.errors import ParameterError, UnknownNameError
from chaosbench.systems import registry as systems
from chaosbench.tasks._catalogue import explain, select, short_names, suites, tasks
from chaosbench.tasks._task import Task

__all__ = ["recipes"]


def recipes(names: str | Iterable[str], **changes: Any) -> dict[str, Dataset]:
    """Return the recipes behind systems, tasks and suites, by name.

    Tasks of a track that differ only in their system share a recipe, called by the track; where a
    track has several recipes, each is called by its first task. Bare systems share the recipe
    ``systems``. A task that observes some variables has a recipe with these only.

    Args:
        names: systems, tasks or suites.
        changes: settings of `Dataset` that replace those of every recipe.

    Raises:
        UnknownNameError: a name is none of these.
        ParameterError: a setting that a recipe cannot have.

    """
    bare: list[str] = []
    chosen: list[Task] = []
    for name in [names] if isinstance(names, str) else names:
        if name in systems:
            bare.append(name)
        elif name in suites or name in tasks:
            chosen += select([name])
        else:
            explain(name)
            raise UnknownNameError(
                "system, task or suite", name, [*systems, *suites, *tasks, *short_names()]
            )
    found: dict[str, Dataset] = {}
    if bare:
        found["systems"] = Dataset(systems=tuple(bare), **changes)
    for task in chosen:
        if task.recording is not None:
            raise ParameterError(
                f"{task.id} is a recording, of which nothing can be generated; it lies in "
                f"{task.recording.folder}"
            )
    groups: dict[str, list[Task]] = {}
    for task in dict.fromkeys(chosen):
        groups.setdefault(repr(_settings(task)), []).append(task)
    shared = [group[0].track for group in groups.values()]
    for group in groups.values():
        first = group[0]
        alone = shared.count(first.track) == 1
        name = first.track if alone else first.id.replace("/", "-")
        found[name] = replace(
            first.dataset,
            systems=tuple(task.system for task in group),
            **({"observed": first.observed or ()} | changes),
        )
    if not found:
        raise ParameterError("give at least one system, task or suite")
    return found


def _settings(task: Task) -> Mapping[str, Any]:
    """Return what the tasks of one recipe share: their track and all settings but the system."""
    settings = asdict(task.dataset) | {"observed": task.observed, "track": task.track}
    del settings["systems"]
    return settings
