"""Measure the invariants behind the suite `core` and print the systems that its rule chooses.

    python benchmarks/core.py

writes chaosbench/tasks/core.json. The list in chaosbench/tasks/_core.py belongs to a version of
the suite: if the rule chooses others, that is a new version.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

from chaosbench.systems import registry as systems
from chaosbench.tasks import registry as tasks
from chaosbench.tasks import suites
from chaosbench.tasks._core import choose, invariants


def main() -> None:
    """Measure, write and print."""
    names = sorted(tasks[task].system for task in suites["forecast-v2"].tasks)
    table = {name: invariants(systems[name]) for name in names}
    place = Path(str(resources.files("chaosbench.tasks"))) / "core.json"
    lines = [f" {json.dumps(name)}: {json.dumps(row)}" for name, row in table.items()]
    place.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(*choose(table), sep="\n")


if __name__ == "__main__":
    main()
