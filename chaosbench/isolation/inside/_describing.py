"""What a plugin says of itself, as plain data, looked up where its code may run."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from chaosbench.errors import InputError, shown
from chaosbench.forecasters import EXPOSURES
from chaosbench.forecasters import registry as forecasters
from chaosbench.isolation.plugins import load_plugin
from chaosbench.isolation.settings import (
    checked,
    decoded,
    defaults_of,
    encoded,
    table_of,
    thawed,
)

__all__ = ["described"]


def described(job: dict[str, Any]) -> list[dict[str, Any]]:
    """Describe the forecasters of a job's plugin files, or the installed one that it names.

    With ``settings`` in the job its forecaster is built with these, and described by the result.

    Raises:
        InputError: a file that is no plugin, or settings that the forecaster refuses.

    """
    names: list[str] = []
    for path in job["plugins"]:
        names += load_plugin(Path(path), lasting=True)
    if job["forecaster"]:
        names = [job["forecaster"]]
    return [_description(name, job.get("settings"), job.get("thaw", False)) for name in names]


def _description(name: str, settings: dict[str, Any] | None, thaw: bool) -> dict[str, Any]:
    chosen: Any = forecasters[name]
    exposure = getattr(chosen, "exposure", "")
    if exposure not in ("", *EXPOSURES):
        raise InputError(
            f"the forecaster {name!r} declares the exposure {shown(exposure)}; a pretrained one "
            f"declares {', '.join(EXPOSURES)}, and one that was not pretrained none at all"
        )
    told = {
        "name": name,
        "module": str(chosen.__module__),
        "class": str(chosen.__qualname__),
        "text": inspect.cleandoc(chosen.__doc__ or "")[:20_000],
        "table": [{**row, "default": str(row["default"])} for row in table_of(chosen)],
        "libraries": [str(library) for library in getattr(chosen, "libraries", ())],
        "extra": str(getattr(chosen, "extra", "")),
        "tunable": hasattr(chosen, "search_space"),
        "exposure": str(exposure),
        "defaults": encoded(defaults_of(chosen)),
    }
    if settings is None:
        try:
            return told | {"config": encoded(checked(name, chosen, {})), "refusal": ""}
        except InputError as error:
            return told | {"config": {}, "refusal": str(error)}
    given = decoded(settings)
    if thaw:
        given = thawed(chosen, given)
    return told | {"config": encoded(checked(name, chosen, given)), "refusal": ""}
