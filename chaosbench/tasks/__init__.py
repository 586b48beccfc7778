"""Tasks and suites, as data with versioned ids.

``chaosbench.tasks["forecast/lorenz-v1"]`` is a `Task`; `suites` holds the named lists of them;
`describe` and `describe_suite` say in words what they ask.
"""

from __future__ import annotations

import sys

from chaosbench.registry import Registry, RegistryModule
from chaosbench.tasks._catalogue import get, published_for, select, suites, tasks
from chaosbench.tasks._recipes import recipes
from chaosbench.tasks._task import Published, Suite, Task
from chaosbench.tasks._words import describe, describe_suite

__all__ = [
    "Published", "Suite", "Task", "describe", "describe_suite", "get", "published_for", "recipes",
    "registry", "select", "suites",
]  # fmt: skip

registry: Registry[Task] = tasks

sys.modules[__name__].__class__ = RegistryModule
