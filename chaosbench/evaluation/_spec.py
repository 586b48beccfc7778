"""Which forecaster, with which settings: ``esn:units=1000,spectral_radius=1.1``."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaosbench.errors import InputError, ParameterError
from chaosbench.evaluation._code import Code, code_of
from chaosbench.evaluation._typed import written_cells
from chaosbench.forecasters import registry as forecasters
from chaosbench.isolation.description import (
    Description,
    configured,
    describe,
    describe_file,
    describe_files,
    described_name,
)
from chaosbench.isolation.plugins import name_of
from chaosbench.isolation.settings import checked, settings_of
from chaosbench.provenance import versions

__all__ = ["ForecasterSpec", "missing_library", "spec_of"]


@dataclass(frozen=True)
class ForecasterSpec:
    """A forecaster that another process can build.

    Attributes:
        name: registered name.
        config: every setting, defaults included.
        label: the name and the settings that differ from the defaults.
        plugins: files to load first, with the hash of their source.
        code: which code it is.
        libraries: modules that it declares.
        tunable: whether it declares a search space.
        exposure: what it may have met of the exam before; empty unless it was pretrained.

    """

    name: str
    config: Mapping[str, Any]
    label: str
    plugins: tuple[tuple[str, str], ...] = ()
    code: Code = field(default_factory=lambda: Code("chaosbench", versions()["chaosbench"]))
    libraries: tuple[str, ...] = ()
    tunable: bool = False
    exposure: str = ""


def spec_of(
    forecaster: object,
    *,
    plugins: Sequence[Path | str] = (),
    config: Mapping[str, Any] | None = None,
) -> ForecasterSpec:
    """Return the spec of a text, a registered class or an instance.

    A plugin is imported in a confined process only, which says what is in it.

    Args:
        forecaster: ``name`` or ``name:setting=value,…``; or a forecaster itself, whose class must
            be registered, or defined in a file or a notebook's cell, because another process has to
            build it.
        plugins: Python files that define forecasters.
        config: settings for a name, as a Record keeps them, instead of text.

    Raises:
        UnknownNameError: no such forecaster, with a suggestion.
        ParameterError: a setting that does not exist or has the wrong type.
        InputError: a forecaster that no other process can build, or a broken plugin, or a library
            that is not installed.

    """
    describe_files(Path(path).resolve() for path in plugins)
    if isinstance(forecaster, str):
        name, _, text = forecaster.partition(":")
        name = described_name(name.strip())
        given = _parse(name, text) if text else {}
        by_hand = _class_by_hand(name)
        told = describe(name) if by_hand is None else _told_of(by_hand, name)
        settings = configured(told, given if config is None else config, thaw=config is not None)
    else:
        chosen = forecaster if isinstance(forecaster, type) else type(forecaster)
        told = _told_of(chosen)
        given = {} if isinstance(forecaster, type) else settings_of(forecaster)
        settings = checked(told.name, chosen, given)
    missing = missing_library(told)
    if missing:
        raise InputError(f"the forecaster {told.name!r} needs {missing}")
    changed = [f"{k}={_show(v)}" for k, v in settings.items() if told.defaults.get(k, ...) != v]
    label = f"{told.name}:{','.join(changed)}" if changed else told.name
    code = code_of(told.name, told.file, told.libraries)
    used = () if told.file is None else ((str(told.file), code.hash),)
    return ForecasterSpec(
        told.name, settings, label, used, code, told.libraries, told.tunable, told.exposure
    )


def missing_library(told: Description) -> str:
    """Name the first library of a forecaster that is not installed, and how to install it."""
    for module in told.libraries:
        library = module.partition(".")[0]
        if importlib.util.find_spec(library) is None:
            package = f"'chaosbench[{told.extra}]'" if told.extra else library
            return f"{library}, which is not installed: pip install {package}"
    return ""


def _show(value: Any) -> str:
    """Write a setting so that it reads back as itself: two settings never look the same."""
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(float(value))
    if isinstance(value, str) and _WORD.fullmatch(value) and value not in _CONSTANTS:
        return str(value)
    return repr(value) if isinstance(value, str) else str(value)


_WORD = re.compile(r"[^\W\d]\w*")
_CONSTANTS = ("True", "False", "None")


def _class_by_hand(name: str) -> Any:
    """Return the class that was registered under a name in this process; None for all others."""
    if name not in forecasters or forecasters.entry_point(name) is not None:
        return None
    return forecasters[name]


def _told_of(chosen: type, name: str = "") -> Description:
    """Describe the class of a forecaster that exists in this process, perhaps under a name.

    Raises:
        InputError: it is none, or no other process would find it.

    """
    if not (dataclasses.is_dataclass(chosen) and hasattr(chosen, "fit")):
        raise InputError(
            "a forecaster is a name such as 'esn:units=1000' or a frozen dataclass with a fit "
            f"method, not one of type {chosen.__name__}"
        )
    known = forecasters.name_of(chosen)
    if known is not None and forecasters.entry_point(known) is not None:
        return describe(known)
    path = _file_of(chosen)
    name = name or known or name_of(chosen)
    describe_files([path])
    for told in describe_file(path):
        if told.qualname == chosen.__qualname__:
            if told.name != name:
                raise InputError(
                    f"another process would not find {chosen.__qualname__} under the name "
                    f"{name!r}; give the class an attribute name = {name!r}"
                )
            return told
    raise InputError(f"{path} does not define {chosen.__qualname__} at its top level")


def _file_of(chosen: type) -> Path:
    """Return the file that defines a class: its module's, or one made of a notebook's cells."""
    if "." in chosen.__qualname__:
        raise InputError(
            f"{chosen.__qualname__} is not defined at the top level of its file, where another "
            "process would find it"
        )
    module = sys.modules.get(chosen.__module__)
    source = getattr(module, "__file__", None)
    if source is None or hasattr(module, "In"):
        return written_cells(chosen)
    return Path(source).resolve()


def _parse(name: str, text: str) -> dict[str, Any]:
    """Parse ``a=1,b=(1,2)`` with Python's literals; a bare word is a string."""
    found: dict[str, Any] = {}
    for part in _parts(text):
        key, equals, written = (piece.strip() for piece in part.partition("="))
        if not (equals and key.isidentifier() and written):
            raise ParameterError(
                f"the settings {text!r} of {name!r} cannot be read; "
                "write them as name=value,name=value"
            )
        if key in found:
            raise ParameterError(f"the setting {key!r} of {name!r} is given twice")
        if _WORD.fullmatch(written) and written not in _CONSTANTS:
            found[key] = written  # also if it is one of Python's own words, such as raise
            continue
        try:
            found[key] = ast.literal_eval(written)
        except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
            raise ParameterError(
                f"the value {written!r} of the setting {key!r} of {name!r} cannot be read; write "
                "settings as name=value,name=value, a value as in Python or as a word"
            ) from error
    return found


def _parts(text: str) -> Iterator[str]:
    """Split settings at the commas that are not inside brackets or quotes."""
    begin = depth = k = 0
    quote = ""
    while k < len(text):
        c = text[k]
        if quote:
            k += c == "\\"  # what follows a backslash ends no text
            quote = "" if c == quote else quote
        elif c in "'\"":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth == 0:
            yield text[begin:k]
            begin = k + 1
        k += 1
    if text[begin:].strip() or not begin:
        yield text[begin:]
