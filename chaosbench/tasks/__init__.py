"""Tasks and suites, as data with versioned ids.

``chaosbench.tasks["forecast/lorenz-v1"]`` is a `Task`; `suites` holds the named lists of them;
`describe` and `describe_suite` say in words what they ask.
"""

from __future__ import annotations

import sys

from chaosbench.errors import UnknownNameError
from chaosbench.registry import Registry, RegistryModule
from chaosbench.tasks._catalogue import published_for, suites, tasks
from chaosbench.tasks._task import Published, Suite, Task
from chaosbench.tasks._words import describe, describe_suite

__all__ = [
    "Published", "Suite", "Task", "describe", "describe_suite", "published_for", "registry",
    "select", "suites",
]  # fmt: skip

registry: Registry[Task] = tasks


def select(names: list[str] | tuple[str, ...]) -> list[Task]:
    """Return the tasks behind task ids and suite ids, each once, in the order given.

    Raises:
        UnknownNameError: a name that is neither, with a suggestion.

    """
    found: dict[str, Task] = {}
    for name in names:
        if name in suites:
            found.update({task: registry[task] for task in suites[name].tasks})
        elif name in registry:
            found[registry.resolve(name)] = registry[name]
        else:
            raise UnknownNameError("task or suite", name, [*registry, *suites, "lite"])
    return list(found.values())


sys.modules[__name__].__class__ = RegistryModule
