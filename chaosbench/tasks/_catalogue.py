"""Every task and suite of the measured systems, by their versioned ids."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from importlib import resources

from chaosbench.datasets.recordings import RecordedDataset, load_recordings, recordings_folder
from chaosbench.datasets.recordings import registry as recordings
from chaosbench.dynamics.stored import Constants, constants, known_constants
from chaosbench.errors import InputError, UnknownNameError
from chaosbench.registry import Registry
from chaosbench.systems import FieldSystem, StochasticSystem, System, is_own
from chaosbench.systems import registry as systems
from chaosbench.tasks._compatibility import PROTOCOLS
from chaosbench.tasks._core import CORE, LITE
from chaosbench.tasks._task import Published, Suite, Task
from chaosbench.tasks._tracks import FORECAST_METRICS, TRACKS
from chaosbench.tasks._versions import RENEWED, renewed

__all__ = ["explain", "get", "published_for", "select", "short_names", "suites", "tasks"]

_LITE = "Eight systems of every kind: minutes on a laptop."
_CORE = "32 systems that stand for all ranked ones"
CHOSEN = (
    ("lite-v1", LITE, "forecast-v1", _LITE),
    ("lite-v2", LITE, "forecast-v2", _LITE),
    ("lite-climate-v1", LITE, "climate-v1", "The systems of lite: is a free run's climate right?"),
    ("lite-noisy-v1", LITE, "noisy-5-v1", "The systems of lite, seen through 5% noise."),
    ("lite-noisy-v2", LITE, "noisy-5-v2", "The systems of lite, seen through 5% noise."),
    ("core-v2", CORE, "forecast-v2", f"{_CORE}: how far ahead?"),
    ("core-climate-v2", CORE, "climate-v1", f"{_CORE}: is a free run's climate right?"),
    ("core-noisy-v2", CORE, "noisy-5-v2", f"{_CORE}, seen through 5% noise."),
    ("core-partial-v2", CORE, "partial-v2", f"{_CORE}, one variable seen."),
    ("core-gaps-v2", CORE, "gaps-v2", f"{_CORE}, 30% of what is seen lost."),
    ("core-few-v2", CORE, "few-v2", f"{_CORE}, from 1,000 points at 100 a period."),
    ("core-zero-shot-v2", CORE, "zero-shot-v2", f"{_CORE}, learned from the context only."),
    ("core-equation-v2", CORE, "equation-v1", f"{_CORE}: recover the right-hand side."),
    ("core-shift-v2", CORE, "shift-v1", f"{_CORE}, with a parameter that drifts."),
)
"""Suites of chosen systems: id, systems, track with its version, and what for."""

WIDE = 256
"""Variables beyond which a system is asked for on the track `field` only, in fewer windows."""

PLANE_RTOL = 1e-6
"""Tolerance of the training trajectory of a field in the plane, a tenth of the work of 1e-12."""


_done: dict[str, tuple[System, Constants | None]] = {}
"""The systems that have their tasks, as they were then; own ones with their constants."""


def _fill_tasks() -> None:
    """Make the tasks of every measured system; later, of those that are new or have changed."""
    folder = resources.files("chaosbench.systems") / "constants"
    measured = {entry.name.removesuffix(".json") for entry in folder.iterdir()}
    present: dict[str, tuple[System, Constants | None]] = {}
    for name in systems:
        system, known = systems[name], None
        if is_own(name):
            with suppress(InputError):  # a damaged file is named when a task is asked for
                known = known_constants(system)
        if known is not None or (name in measured and not is_own(name)):
            present[name] = system, known
    # otherwise there is no sampling step and no Lyapunov time
    gone = {name for name, made_of in _done.items() if present.get(name) != made_of}
    of_systems = [id_ for id_ in tasks if tasks[id_].recording is None]
    for id_ in [id_ for id_ in of_systems if gone and tasks[id_].system in gone]:
        tasks.discard(id_)
    for name in gone:
        del _done[name]
    for name in sorted(present.keys() - _done.keys()):
        _done[name] = present[name]
        system, _ = present[name]
        if isinstance(system, StochasticSystem):  # no forecast can follow the noise
            continue
        if system.dimension > WIDE:
            made = [TRACKS["field"][0](system)]
        else:
            made = [make(system) for make, _ in TRACKS.values()]
        made += [task for protocol in PROTOCOLS.values() for task in protocol.make(system)]
        for task in made:
            if task is None or task.id in tasks:  # zero-shot-2024 is the track zero-shot
                continue
            if isinstance(system, FieldSystem) and len(system.points) > 1:
                task = replace(task, dataset=replace(task.dataset, rtol=PLANE_RTOL))
            tasks.add(task.id, task)
            if (second := renewed(task)) is not None:
                tasks.add(second.id, second)


def _fill_own() -> None:
    """Make the task of every recording; later, of those that are new or have changed."""
    made = {f"own/{name}-v1": recordings[name] for name in recordings}
    for id_ in [id_ for id_ in tasks if tasks[id_].recording not in (None, made.get(id_))]:
        tasks.discard(id_)
    for id_, recording in made.items():
        if id_ not in tasks:
            tasks.add(id_, _own(id_, recording), aliases=(id_.removesuffix("-v1"),))


def _own(id_: str, recording: RecordedDataset) -> Task:
    """Build the task of a recording: how far ahead?"""
    timed = {} if recording.exponent is not None else {"horizons": ()}
    return Task(id=id_, dataset=recording, metrics=FORECAST_METRICS, **timed)  # type: ignore[arg-type]


def _fill() -> None:
    _fill_tasks()
    _fill_own()


def _fill_suites() -> None:
    # a suite is the same exam for everyone, whatever systems of their own they have
    ranked = [name for name in systems if not is_own(name) and _is_ranked(name)]
    made = [
        Suite(f"{track}-v1", description, _on(f"{track}-v1", ranked))
        for track, (_, description) in TRACKS.items()
    ]
    made += [
        Suite(f"{track}-v2", description, _on(f"{track}-v2", ranked))
        for track, description in RENEWED.items()
    ]
    made += [Suite(name, description, _on(on, chosen)) for name, chosen, on, description in CHOSEN]
    made.append(
        Suite(
            "core-v1",
            "Every ranked system of at most 256 variables: how far ahead (forecast), and is the "
            "attractor right (climate)?",
            (*_on("forecast-v1", ranked), *_on("climate-v1", ranked)),
        )
    )
    for name, protocol in PROTOCOLS.items():
        members = [task.id for system in ranked for task in protocol.make(systems[system])]
        members.sort(key=lambda task: task.partition("/")[0])
        made.append(Suite(f"{name}-v1", protocol.description, tuple(members), protocol.published))
    newest = {_short(suite.id): suite for suite in sorted(made, key=lambda suite: suite.id)}
    everything = "Every track and compatibility suite, every ranked system."
    for version, among in {1: made, 2: newest.values()}.items():
        named = [suite for suite in among if version > 1 or suite.id.endswith("-v1")]
        every = dict.fromkeys(task for suite in named for task in suite.tasks)
        made.append(Suite(f"full-v{version}", everything, tuple(every)))
    newest["full"] = made[-1]
    for suite in made:
        short = _short(suite.id)
        suites.add(suite.id, suite, aliases=(short,) if newest[short] is suite else ())


def _on(track: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the tasks of a track such as ``forecast-v2`` for the systems that have one."""
    track, _, version = track.rpartition("-")
    members = (f"{track}/{name}-{version}" for name in names)
    return tuple(task for task in members if task in tasks)


def _short(suite: str) -> str:
    """Return the name of a suite without its version; it means the newest."""
    return suite.rpartition("-v")[0]


def _is_ranked(name: str) -> bool:
    known = known_constants(systems[name])
    return known is not None and known.ranked


def published_for(track: str) -> tuple[Published, ...]:
    """Return what others published for the protocol that a track follows; usually nothing."""
    return tuple(
        table
        for protocol in PROTOCOLS.values()
        for table in protocol.published
        if table.track == track
    )


def explain(name: str) -> None:
    """Say why the task of a system that is not of the catalogue is not there.

    Raises:
        StaleConstantsError: the system has no constants.
        UnknownNameError: no system has that name.

    """
    found = re.fullmatch(r"([\w-]+)/(\w+)-v\d+", name)
    if name.startswith("own/"):
        _explain_own(name)
    if found is None or found[1] not in {task.partition("/")[0] for task in tasks}:
        return
    if found[2] in systems:
        if is_own(found[2]):
            constants(systems[found[2]])
    else:
        error = UnknownNameError("task", name, [*tasks])
        error.args = (
            f"{error} A system of your own needs the file that defines it: --systems FILE, or "
            "chaosbench.load_systems(FILE)",
        )
        raise error


def _explain_own(name: str) -> None:
    recording = name.removeprefix("own/").removesuffix("-v1")
    place = recordings_folder() / recording
    if re.fullmatch(r"\w+", recording) and place.is_dir():
        load_recordings(place)  # says what is wrong with it
    error = UnknownNameError("recording", recording, recordings)
    error.args = (
        f"there is no recording {recording!r} in {recordings_folder()}; import it with: chaosbench "
        f"data import FILE --name {recording}, or say where it lies: --recordings DIR",
    )
    raise error


tasks: Registry[Task] = Registry("task", populate=_fill, follows=recordings, explain=explain)
suites: Registry[Suite] = Registry("suite", populate=_fill_suites)


def select(
    names: str | Iterable[str],
    *,
    exclude: Iterable[str] = (),
    tags: Iterable[str] = (),
    limit: int | None = None,
) -> list[Task]:
    """Return the tasks behind task ids and suite ids, each once, in the order given.

    Args:
        names: ids of tasks and suites.
        exclude: tasks, suites, tracks and systems to leave out.
        tags: tags that the system of a task must have, all of them.
        limit: how many tasks at most; the first ones.

    Raises:
        UnknownNameError: a name that is none of these, with a suggestion.
        InputError: no task is left.

    """
    found: dict[str, Task] = {}
    for name in [names] if isinstance(names, str) else names:
        if name in suites:
            found.update({task: tasks[task] for task in suites[name].tasks})
        elif name in tasks:
            found[tasks.resolve(name)] = tasks[name]
        else:
            explain(name)
            raise UnknownNameError("task or suite", name, [*tasks, *suites, *short_names()])
    wanted = frozenset(tags)
    known = {tag for name in systems for tag in systems[name].tags} if wanted else set()
    for tag in sorted(wanted - known):
        raise UnknownNameError("tag", tag, known)
    left_out = [_matcher(name) for name in exclude]
    chosen = [
        task
        for task in found.values()
        if wanted <= _tags(task) and not any(out(task) for out in left_out)
    ]
    if found and not chosen:
        raise InputError(
            f"none of the {len(found):,} tasks is left; ask for fewer tags or exclude less"
        )
    return chosen[:limit]


def _tags(task: Task) -> frozenset[str]:
    return frozenset() if task.recording is not None else systems[task.system].tags


def _matcher(name: str) -> Callable[[Task], bool]:
    """Return whether a name to exclude covers a task."""
    tracks = {task.partition("/")[0] for task in tasks}
    if name in tasks:
        return lambda task: task.id == tasks.resolve(name)
    if name in systems:
        return lambda task: task.system == systems.resolve(name)
    if name in tracks:  # a suite of the same name has the ranked systems only
        return lambda task: task.track == name
    if name in suites:
        return lambda task: task.id in suites[name].tasks
    raise UnknownNameError(
        "task, suite, track or system", name, [*tasks, *suites, *short_names(), *systems, *tracks]
    )


def get(task: str | Task) -> Task:
    """Return the Task itself, or the one with that id.

    Raises:
        UnknownNameError: no task has that id.
        InputError: it is neither a Task nor an id, such as a suite or a list.

    """
    if isinstance(task, Task):
        return task
    if isinstance(task, str) and task in suites:
        count = len(suites[task].tasks)
        raise InputError(
            f"{task!r} is a suite of {count:,} tasks where one task is expected, such as "
            f"{suites[task].tasks[0]!r}; chaosbench.evaluation.plan and run take many"
        )
    if isinstance(task, list | tuple | set):
        raise InputError(
            f"one task is expected, not a {type(task).__name__} of {len(task)}; "
            "chaosbench.evaluation.plan and run take many"
        )
    if not isinstance(task, str):
        raise InputError(
            "a Task or its id is expected, such as 'forecast/lorenz-v1', not a value of type "
            f"{type(task).__name__}"
        )
    return tasks[task]


def short_names() -> list[str]:
    """Return the names of the suites without their versions, which mean the newest."""
    return list(dict.fromkeys(map(_short, suites)))
