"""Systems as data: equations written as lists of operations in a JSON file.

Nothing of such a file is executed. It is read with bounds on its size, on its numbers of systems,
variables and operations, and every name and operation is checked. Equal systems give equal bytes.

A file holds ``{"format": "chaosbench-systems", "version": 1, "systems": [...]}``. Each system has

- ``name``, ``kind`` (``flow``, ``map`` or ``delay``), ``variables``, ``initial`` (one number a
  variable), ``parameters`` (name to number), ``dissipative``, ``description``;
- ``delays`` for a delay system: lists of name, delayed variable and the parameter that is the lag;
- ``nodes``: the operations in order, each a list of its name and its arguments. An argument is the
  name of a variable, a parameter, a delayed value or the time ``t``; ``#k``, the result of node k,
  counted from 0; or a number;
- ``results``: one argument a variable, its derivative (for a map, its next value);
- ``equation``: the same as text for readers, which is not read back;
- ``fingerprint``: must be that of the system that the rest describes;
- ``origin``: where it comes from, any short values by name.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from chaosbench.errors import CorruptDataError, InputError, shown
from chaosbench.expressions import OPERATIONS, apply, reachable
from chaosbench.files import bounded, write_text
from chaosbench.systems._delay import DelaySystem, delay
from chaosbench.systems._flow import Flow, flow
from chaosbench.systems._map import Map
from chaosbench.systems._map import map as map_
from chaosbench.systems._system import System
from chaosbench.systems.printing import equation_text
from chaosbench.systems.tracing import is_finite_number

__all__ = ["FORMAT", "content_of", "read_systems", "system_of", "systems_text", "write_systems"]

FORMAT = {"format": "chaosbench-systems", "version": 1}

BYTES_AT_MOST = 256 * 2**20
SYSTEMS_AT_MOST = 100_000
VARIABLES_AT_MOST = 256
PARAMETERS_AT_MOST = 256
NODES_AT_MOST = 20_000
TEXT_AT_MOST = 300
ORIGIN_AT_MOST = 20
POWER_AT_MOST = 64

NODES_TOGETHER = 5_000_000
"""Operations of all systems of a file."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
_TITLE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_NODE = re.compile(r"#(0|[1-9][0-9]{0,6})")

ARGUMENTS = {
    "where": 3, "neg": 1, "not": 1, "abs": 1, "sign": 1, "floor": 1,
    **dict.fromkeys(("add", "sub", "mul", "div", "pow", "powi", "min", "max", "mod"), 2),
    **dict.fromkeys(("lt", "le", "and", "or", "atan2"), 2),
}  # fmt: skip
"""How many arguments an operation takes; functions that are not listed take one."""

_KEYS = {
    "name", "kind", "variables", "initial", "parameters", "dissipative", "description", "delays",
    "nodes", "results", "equation", "fingerprint", "origin",
}  # fmt: skip


def system_of(content: Mapping[str, Any]) -> System:
    """Return the system that plain data describe; the module says how.

    Raises:
        CorruptDataError: the data are no system, or not the one whose fingerprint they state.

    """
    _check(content)
    name, variables = content["name"], content["variables"]
    delays = [tuple(entry) for entry in content.get("delays", ())]
    function = _function(content, [*variables, *(entry[0] for entry in delays)])
    settings: dict[str, Any] = {
        "ic": tuple(content["initial"]), "reference": "", "name": name,
        "dissipative": content.get("dissipative", False),
    }  # fmt: skip
    decorators: dict[str, Callable[..., Any]] = {"flow": flow, "map": map_, "delay": delay}
    try:
        system: System = decorators[content["kind"]](**settings)(function)
        system.check()
    except CorruptDataError:
        raise
    except InputError as error:
        raise CorruptDataError(f"the system {name!r} cannot be made: {error}") from error
    system = replace(system, home=(__name__, name))
    stated = content.get("fingerprint", system.fingerprint)
    if stated != system.fingerprint:
        raise CorruptDataError(
            f"the system {name!r} has the fingerprint {system.fingerprint}, but its file states "
            f"{shown(stated)}; it was edited"
        )
    return system


def _function(content: Mapping[str, Any], positional: Sequence[str]) -> Callable[..., Any]:
    """Return a definition that applies the operations to symbols or numbers."""
    parameters = content["parameters"]
    nodes, results = content["nodes"], content["results"]
    if _uses_time(content):
        positional = ["t", *positional]

    def definition(*args: Any, **given: Any) -> tuple[Any, ...]:
        known = {**parameters, **given, **dict(zip(positional, args, strict=False))}
        values: list[Any] = []

        def value(argument: Any) -> Any:
            if not isinstance(argument, str):
                return float(argument)
            return values[int(argument[1:])] if argument[0] == "#" else known[argument]

        for op, *arguments in nodes:
            values.append(apply(op, *(value(a) for a in arguments)))
        return tuple(value(a) for a in results)

    definition.__name__ = definition.__qualname__ = content["name"]
    definition.__doc__ = content.get("description", "")
    kinds = inspect.Parameter
    definition.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            *(kinds(name, kinds.POSITIONAL_OR_KEYWORD) for name in positional),
            *(
                kinds(name, kinds.KEYWORD_ONLY, default=float(value))
                for name, value in parameters.items()
            ),
        ]
    )
    return definition


def _uses_time(content: Mapping[str, Any]) -> bool:
    lists = [*content["nodes"], ["", *content["results"]]]
    return any(argument == "t" for _, *arguments in lists for argument in arguments)


def content_of(
    system: System, *, name: str = "", origin: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a flow, a map or a delay system as plain data, with its parameters as symbols.

    Raises:
        InputError: the system has resets, angles or an unbounded variable, ends its chaos, or is of
            a kind that cannot be written.
        DefinitionError: a parameter must be a number to trace the definition.

    """
    plain = isinstance(system, (Flow, Map, DelaySystem)) and system.stationary
    if not plain or system.transient or (isinstance(system, Flow) and system.resets):
        raise InputError(
            f"{system.name!r} cannot be written as data: only flows without resets, maps and delay "
            "systems without angles are"
        )
    trace = system.symbolic_trace
    nodes: list[list[Any]] = []
    names: dict[int, Any] = {}
    for node in reachable(trace.outputs):
        if node.op == "const":
            names[node.id] = node.value
        elif node.op == "symbol":
            names[node.id] = node.value[2]
        else:
            nodes.append([node.op, *(names[a.id] for a in node.args)])
            names[node.id] = f"#{len(nodes) - 1}"
    taken = {x for _, *arguments in nodes for x in arguments if isinstance(x, str)}
    lags = [f"{d.name}" for d in system.delays] if isinstance(system, DelaySystem) else []
    kept = {
        parameter: float(value)
        for parameter, value in system.parameters.items()
        if parameter in taken or any(lag.endswith(f"_{parameter}") for lag in lags)
    }
    content: dict[str, Any] = {
        "name": name or system.name,
        "kind": system.kind,
        "variables": list(system.variables),
        "initial": list(system.ic),
        "parameters": kept,
        "dissipative": system.dissipative,
        "description": system.description[:TEXT_AT_MOST],
        "nodes": nodes,
        "results": [names[node.id] for node in trace.outputs],
        "origin": dict(origin or {}),
    }
    if isinstance(system, DelaySystem):
        content["delays"] = [
            [d.name, system.variables[d.source], d.name.removeprefix(
                f"{system.variables[d.source]}_")]
            for d in system.delays
        ]  # fmt: skip
    return content


def systems_text(contents: Iterable[Mapping[str, Any]]) -> str:
    """Return the text of a file of systems; equations and fingerprints are added."""
    lines = [_line(one) for one in contents]
    head = json.dumps(FORMAT)[1:-1]
    return "{" + head + ', "systems": [\n' + ",\n".join(lines) + "\n]}\n"


def _line(content: Mapping[str, Any]) -> str:
    system = system_of(content)
    whole = {
        **content,
        "equation": equation_text(system, rows=VARIABLES_AT_MOST),
        "fingerprint": system.fingerprint,
    }
    return json.dumps(whole, sort_keys=True, allow_nan=False)


def write_systems(path: Path | str, contents: Iterable[Mapping[str, Any]]) -> None:
    """Write a file of systems; the same systems give the same bytes."""
    write_text(path, systems_text(contents))


def read_systems(path: Path | str, data: bytes | None = None) -> list[dict[str, Any]]:
    """Read and check a file of systems; `system_of` makes each a System.

    Args:
        path: the file.
        data: its bytes, where they are known already.

    Raises:
        CorruptDataError: it is no such file, or exceeds a bound; the first fault is named.

    """
    data = bounded(Path(path), BYTES_AT_MOST) if data is None else data
    try:
        if len(data) > BYTES_AT_MOST:
            raise CorruptDataError("it is too large")
        held = json.loads(data, parse_constant=_refuse)
        if not isinstance(held, dict) or {k: held.get(k) for k in FORMAT} != FORMAT:
            raise CorruptDataError(f"it does not state {FORMAT}")
        contents = held.get("systems")
        if not isinstance(contents, list) or len(contents) > SYSTEMS_AT_MOST:
            raise CorruptDataError(f"it has no list of at most {SYSTEMS_AT_MOST:,} systems")
        total = 0
        for content in contents:
            _check(content)
            total += len(content["nodes"])
            if total > NODES_TOGETHER:
                raise CorruptDataError(f"it has more than {NODES_TOGETHER:,} operations")
        names = {content["name"] for content in contents}
        if len(names) < len(contents):
            raise CorruptDataError("two of its systems have the same name")
    except (ValueError, RecursionError) as error:
        if isinstance(error, CorruptDataError):
            raise CorruptDataError(f"{path} holds no systems: {error}") from error
        raise CorruptDataError(f"{path} holds no systems: it is no JSON") from error
    return contents


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not a JSON number")


def _check(content: Any) -> None:
    """Refuse what is no system, with the first reason."""
    if not isinstance(content, Mapping):
        raise CorruptDataError(f"a system is an object, not {shown(content)}")
    name = content.get("name")
    if not isinstance(name, str) or not _TITLE.fullmatch(name):
        raise CorruptDataError(f"a system has the name {shown(name)}; small letters, digits and _")

    def wrong(what: str) -> CorruptDataError:
        return CorruptDataError(f"the system {name!r} {what}")

    if unknown := sorted(map(str, content.keys() - _KEYS)):
        raise wrong(f"has the unknown entry {shown(unknown[0])}")
    if content.get("kind") not in ("flow", "map", "delay"):
        raise wrong(f"is of the kind {shown(content.get('kind'))}; expected flow, map or delay")
    variables = _list(content, "variables", VARIABLES_AT_MOST, wrong)
    initial = _list(content, "initial", VARIABLES_AT_MOST, wrong)
    if (
        not variables
        or len(initial) != len(variables)
        or not all(_number(value) for value in initial)
    ):
        raise wrong("has not one finite initial number for each variable")
    parameters = content.get("parameters")
    if not isinstance(parameters, Mapping) or len(parameters) > PARAMETERS_AT_MOST:
        raise wrong("has no table of parameters")
    if not all(_number(value) for value in parameters.values()):
        raise wrong("has a parameter that is no finite number")
    delays = _list(content, "delays", VARIABLES_AT_MOST, wrong) if "delays" in content else []
    if bool(delays) != (content["kind"] == "delay"):
        raise wrong("is of another kind than its delays say")
    for entry in delays:
        if not (isinstance(entry, list) and len(entry) == 3 and all(_text(word) for word in entry)):
            raise wrong("has a delay that is not a list of name, variable and parameter")
        delayed, variable, lag = entry
        if variable not in variables or lag not in parameters or delayed != f"{variable}_{lag}":
            raise wrong(f"has the delay {shown(entry)}, whose name is not VARIABLE_PARAMETER")
    names = [*variables, *parameters, *(entry[0] for entry in delays)]
    for one in names:
        if not isinstance(one, str) or not _NAME.fullmatch(one) or one == "t":
            raise wrong(f"uses the name {shown(one)}; letters, digits and _, but not t")
    if len(set(names)) < len(names):
        raise wrong("uses a name twice")
    for key in ("description", "fingerprint"):
        if not isinstance(content.get(key, ""), str) or len(content.get(key, "")) > TEXT_AT_MOST:
            raise wrong(f"has a {key} that is no short text")
    if not content.get("description", "").isprintable():
        raise wrong("has a description with characters that do not print")
    if not isinstance(content.get("dissipative", False), bool):
        raise wrong("does not say whether it is dissipative")
    _check_origin(content.get("origin", {}), wrong)
    _check_nodes(content, set(names), wrong)


def _check_nodes(
    content: Mapping[str, Any], names: set[str], wrong: Callable[[str], CorruptDataError]
) -> None:
    nodes = _list(content, "nodes", NODES_AT_MOST, wrong)
    results = _list(content, "results", VARIABLES_AT_MOST, wrong)
    if len(results) != len(content["variables"]):
        raise wrong("has not one result for each variable")

    def check(argument: Any, before: int) -> None:
        if isinstance(argument, str):
            found = _NODE.fullmatch(argument)
            known = int(found[1]) < before if found else argument in names or argument == "t"
            if known:
                return
        elif _number(argument):
            return
        raise wrong(f"uses {shown(argument)}, which is neither known before nor a finite number")

    for k, node in enumerate(nodes):
        if not isinstance(node, list) or not node or not isinstance(node[0], str):
            raise wrong(f"has the node {k} that is no list of an operation and its arguments")
        op, *arguments = node
        if op not in OPERATIONS:
            raise wrong(f"uses the unknown operation {shown(op)}")
        if len(arguments) != ARGUMENTS.get(op, 1):
            raise wrong(f"gives {op} {len(arguments)} arguments; it takes {ARGUMENTS.get(op, 1)}")
        if op == "powi" and not _small_integer(arguments[1]):
            raise wrong(f"has a powi whose power is no integer of at most {POWER_AT_MOST}")
        for argument in arguments:
            check(argument, k)
    for argument in results:
        check(argument, len(nodes))


def _check_origin(origin: Any, wrong: Callable[[str], CorruptDataError]) -> None:
    if not isinstance(origin, Mapping) or len(origin) > ORIGIN_AT_MOST:
        raise wrong("has an origin that is no small table")
    for key, value in origin.items():
        short = isinstance(value, str) and len(value) <= TEXT_AT_MOST and value.isprintable()
        if not (_text(key) and (short or _number(value))):
            raise wrong(f"has an origin with {shown(key)}, which is no number and no short text")


def _list(
    content: Mapping[str, Any], key: str, at_most: int, wrong: Callable[[str], CorruptDataError]
) -> list[Any]:
    found = content.get(key)
    if not isinstance(found, list) or len(found) > at_most:
        raise wrong(f"has no list of at most {at_most:,} {key}")
    return found


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and is_finite_number(value)


def _small_integer(value: Any) -> bool:
    return _number(value) and value == int(value) and abs(value) <= POWER_AT_MOST


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= TEXT_AT_MOST
