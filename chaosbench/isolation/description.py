"""What is known of a plugin's forecasters, told by a confined process that has imported them.

No line of a plugin runs in the harness. What comes back is plain data of an unknown author; types,
sizes and names are checked before anything is believed.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaosbench.errors import InputError, ParameterError, UnknownNameError
from chaosbench.forecasters import EXPOSURES
from chaosbench.forecasters import registry as forecasters
from chaosbench.isolation.outcome import Budget, read_settings
from chaosbench.isolation.process import WorkerProcess
from chaosbench.isolation.settings import checked, defaults_of, encoded, table_of, thawed
from chaosbench.isolation.source import check_file, digest_of
from chaosbench.text import printable

__all__ = [
    "Description",
    "configured",
    "describe",
    "describe_file",
    "describe_files",
    "described_name",
    "plugin_of",
]

SECONDS = 60.0
"""For a plugin to be imported and to say what is in it."""

MEMORY_MIB = 4096.0
FORECASTERS_AT_MOST = 100
LIBRARIES_AT_MOST = 50
ROWS_AT_MOST = 200
TEXT_AT_MOST = 20_000
ROW = ("setting", "type", "default")
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*){0,20}", re.ASCII)


@dataclass(frozen=True)
class Description:
    """A forecaster, as far as the harness knows it.

    Attributes:
        name: its registered name.
        module, qualname: of its class.
        text: its docstring.
        table: name, type and default of every setting.
        config: every setting, as it is by default; empty where some have no default.
        refusal: why it cannot be built with its defaults; empty if it can.
        defaults: the settings that have a default.
        libraries: modules that it declares.
        extra: the extra of chaosbench that installs them.
        tunable: whether it declares a search space.
        exposure: what it may have met of the exam before, one of `EXPOSURES`; empty unless it was
            pretrained.
        file: the plugin's file; None if it is installed.

    """

    name: str
    module: str
    qualname: str
    text: str = ""
    table: tuple[Mapping[str, Any], ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    refusal: str = ""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    libraries: tuple[str, ...] = ()
    extra: str = ""
    tunable: bool = False
    exposure: str = ""
    file: Path | None = None

    @property
    def ours(self) -> bool:
        """Whether it is part of this package."""
        return self.file is None and self.module.startswith("chaosbench.")

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        return self.text.strip().split("\n", 1)[0]


_FILES: dict[Path, tuple[str, tuple[Description, ...]]] = {}
"""Of each plugin file: the digest of its source when it was described, and what is in it."""


def described_name(name: str) -> str:
    """Return the name of a forecaster that is installed or was described.

    Raises:
        UnknownNameError: there is none; the message suggests similar ones.

    """
    if plugin_of(name) is not None:
        return name
    try:
        return forecasters.resolve(name)
    except UnknownNameError:
        raise UnknownNameError("forecaster", name, [*forecasters, *_of_files()]) from None


def plugin_of(name: str) -> Path | None:
    """Return the file of a forecaster that was described; None if it did not come from one."""
    found = _of_files().get(name)
    return None if found is None else found.file


def describe(name: str) -> Description:
    """Describe a forecaster that is installed, or whose file was described.

    Raises:
        UnknownNameError: there is none.
        InputError: it cannot be imported.

    """
    name = described_name(name)
    found = _of_files().get(name)
    if found is not None:
        return found
    if forecasters.origin(name).startswith("chaosbench."):
        chosen: Any = forecasters[name]
        return _of_class(name, chosen)
    (told,) = _asked({"forecaster": name, "plugins": []}, None)
    return told


def describe_file(path: Path) -> tuple[Description, ...]:
    """Describe every forecaster that a plugin's file defines; again if the file has changed.

    Raises:
        InputError: the file is missing, cannot be imported or defines no forecaster, or a name is
            not one or belongs to another forecaster.

    """
    check_file(path)
    digest = digest_of(path)
    known = _FILES.get(path)
    if known is not None and known[0] == digest:
        return known[1]
    _FILES[path] = digest, tuple(_asked({"forecaster": "", "plugins": [str(path)]}, path))
    return _FILES[path][1]


def describe_files(paths: Iterable[Path]) -> tuple[Description, ...]:
    """Describe the forecasters of several files, whose names count from now on.

    Raises:
        InputError: as for one, or two files define forecasters of one name.

    """
    found: dict[str, Description] = {}
    for path in paths:
        for told in describe_file(path):
            other = found.setdefault(told.name, told)
            if other.file != told.file:
                raise InputError(
                    f"{path} defines a forecaster that cannot be used: the forecaster name "
                    f"{told.name!r} is already registered by {other.file}; choose another name"
                )
        _FILES[path] = _FILES.pop(path)  # of two files with one name, the last one counts
    return tuple(found.values())


def configured(
    told: Description, settings: Mapping[str, Any], *, thaw: bool = False
) -> dict[str, Any]:
    """Return every setting of a forecaster: the given ones, checked, and its defaults.

    Args:
        told: the forecaster.
        settings: by name.
        thaw: the settings come from JSON, which has lists for tuples.

    Raises:
        ParameterError: a setting that does not exist, has the wrong type, or is refused.

    """
    if told.ours:
        chosen = forecasters[told.name]
        return checked(told.name, chosen, thawed(chosen, settings) if thaw else settings)
    if not settings:
        if told.refusal:
            raise ParameterError(told.refusal)
        return dict(told.config)
    for key, value in settings.items():
        if not _finite(value):
            raise ParameterError(
                f"the setting {key!r} of {told.name!r} must be finite, not {value!r}"
            )
    plugins = [] if told.file is None else [str(told.file)]
    job = {"forecaster": told.name, "plugins": plugins, "settings": encoded(settings), "thaw": thaw}
    (found,) = _asked(job, told.file)
    return dict(found.config)


def _finite(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return all(map(_finite, value)) if isinstance(value, tuple | list) else True


def _of_files() -> dict[str, Description]:
    return {told.name: told for _, found in _FILES.values() for told in found}


def _of_class(name: str, chosen: Any) -> Description:
    return Description(
        name=name,
        module=chosen.__module__,
        qualname=chosen.__qualname__,
        text=inspect.cleandoc(chosen.__doc__ or ""),
        table=tuple(table_of(chosen)),
        defaults=defaults_of(chosen),
        libraries=tuple(getattr(chosen, "libraries", ())),
        extra=getattr(chosen, "extra", ""),
        tunable=hasattr(chosen, "search_space"),
        exposure=getattr(chosen, "exposure", ""),
    )


def _asked(job: dict[str, Any], file: Path | None) -> list[Description]:
    """Have a confined process describe forecasters."""
    what = f"the plugin {file}" if file is not None else f"the forecaster {job['forecaster']!r}"
    process = WorkerProcess(Budget(SECONDS, MEMORY_MIB))
    outcome = process.run(job | {"duty": "describe", "seed": 0})
    if outcome.status == "unsupported":
        kind = ParameterError if "settings" in job else InputError
        raise kind(outcome.message)
    if outcome.status == "timeout":
        raise InputError(f"{what} was not imported within {SECONDS:g} s")
    if outcome.status != "ok":
        raise InputError(f"{what} cannot be used: {outcome.message}")
    try:
        found = _read(outcome.found, file)
    except (TypeError, KeyError, ValueError, AttributeError) as error:
        raise InputError(f"{what} gives no valid description of itself") from error
    wanted = job["forecaster"]
    if wanted and [told.name for told in found] != [wanted]:
        raise InputError(f"{what} gives no valid description of itself")
    return found


def _read(found: Any, file: Path | None) -> list[Description]:
    """Read descriptions; whatever is not one raises."""
    if not isinstance(found, list) or not 1 <= len(found) <= FORECASTERS_AT_MOST:
        raise ValueError("no list of forecasters")
    return [_one(told, file) for told in found]


def _one(told: Any, file: Path | None) -> Description:
    name = _text(told["name"], 64)
    if not NAME.fullmatch(name):
        raise ValueError("no name")
    if file is not None and name in forecasters and forecasters.entry_point(name) is not None:
        raise ValueError("a name that belongs to another forecaster")
    libraries = _texts(told["libraries"], LIBRARIES_AT_MOST)
    if not all(MODULE.fullmatch(library) for library in libraries):
        raise ValueError("no modules")
    if told["exposure"] not in ("", *EXPOSURES):
        raise ValueError("no exposure")
    module = printable(_text(told["module"], 200))
    return Description(
        name=name,
        # what an entry point names decides whose a forecaster is, not what its class says
        module=f"plugin:{module}" if module.startswith("chaosbench.") else module,
        qualname=printable(_text(told["class"], 200)),
        text="\n".join(printable(line) for line in _text(told["text"], TEXT_AT_MOST).split("\n")),
        table=tuple(
            {
                key: printable(_text(row[key], TEXT_AT_MOST))
                for key in ("setting", "type", "default")
            }
            for row in told["table"][:ROWS_AT_MOST]
        ),
        config=_plain(told["config"]),
        refusal=printable(_text(told["refusal"], TEXT_AT_MOST)),
        defaults=_plain(told["defaults"]),
        libraries=libraries,
        extra=printable(_text(told["extra"], 64)),
        tunable=told["tunable"] is True,
        exposure=told["exposure"],
        file=file,
    )


def _text(value: Any, at_most: int) -> str:
    if not isinstance(value, str) or len(value) > at_most:
        raise ValueError("no text")
    return value


def _texts(values: Any, at_most: int) -> tuple[str, ...]:
    if not isinstance(values, list) or len(values) > at_most:
        raise ValueError("no list of texts")
    return tuple(_text(value, 200) for value in values)


def _plain(value: Any) -> dict[str, Any]:
    return read_settings(value)
