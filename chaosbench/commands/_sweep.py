"""Commands about equations: a parameter swept, a Poincaré section, basins of attraction."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chaosbench.commands._output import (
    Format,
    FormatOption,
    SeedOption,
    SystemsOption,
    print_json,
    progress,
    say,
    table,
)
from chaosbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["systems_basins", "systems_section", "systems_sweep"]

MOST_VALUES = 100_000
"""Most values of a parameter."""

OutOption = Annotated[
    Path | None, typer.Option(help="Directory for the Parquet files and the picture.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Overwrite the files.")]
ParamOption = Annotated[
    list[str] | None, typer.Option("--param", "-p", help="A parameter, as rho=30; repeatable.")
]


class Way(StrEnum):
    """In which direction a plane is crossed."""

    up = "up"
    down = "down"
    both = "both"


def systems_sweep(
    name: Annotated[str, typer.Argument(help="Name or alias of a map or a flow.")],
    parameter: Annotated[
        str,
        typer.Option(help="The parameter, its first and last value and their number: rho=0:50:51."),
    ],
    exponents: Annotated[
        int, typer.Option(min=0, help="Lyapunov exponents to measure at each value.")
    ] = 0,
    variable: Annotated[str | None, typer.Option(help="Variable of the diagram.")] = None,
    points: Annotated[
        int, typer.Option(min=1, help="Iterates of a map, or periods of a flow, in the diagram.")
    ] = 100,
    periods: Annotated[float, typer.Option(help="Periods to average exponents over.")] = 200.0,
    param: ParamOption = None,
    seed: SeedOption = 0,
    out: OutOption = None,
    force: ForceOption = False,
    systems: SystemsOption = None,  # noqa: ARG001
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Bifurcation diagram and exponents while a parameter changes.

    Each value starts from where the orbit was at the value before; a range such as rho=50:0:51
    goes down. --out writes sweep.parquet, diagram.parquet and sweep.png.
    """
    import numpy as np

    from chaosbench.dynamics import sweep

    what, values = _range(parameter)
    files = _files(out, force, "sweep.parquet", "diagram.parquet", "sweep.png")
    with progress("sweep") as report:
        found = sweep(
            _system(name, param), what, values, exponents=exponents, variable=variable,
            points=points, periods=periods, seed=seed, progress=report,
        )  # fmt: skip
    columns: dict[str, Any] = {what: found.values}
    for k in range(exponents):
        columns[f"lyapunov_{k + 1}"] = found.exponents[:, k]
        columns[f"lyapunov_{k + 1}_stderr"] = found.stderr[:, k]
    columns["trouble"] = list(found.trouble)
    if out is not None:
        from chaosbench.plotting import plot_sweep, save

        facts = {"system": found.system, "variable": found.variable}
        _write(files[0], columns, facts)
        lengths = [len(one) for one in found.diagram]
        diagram = {what: np.repeat(found.values, lengths)}
        _write(files[1], diagram | {found.variable: np.concatenate(found.diagram)}, facts)
        save(plot_sweep(found), files[2])
    if format is Format.json:
        return print_json({
            "system": found.system, "parameter": what, "variable": found.variable,
            "values": found.values.tolist(),
            "diagram": [one.tolist() for one in found.diagram],
            "exponents": _known(found.exponents), "stderr": _known(found.stderr),
            "trouble": list(found.trouble), "files": [str(path) for path in files],
        })  # fmt: skip
    rows = []
    for k, value in enumerate(found.values):
        seen = found.diagram[k]
        span = f"{seen.min():.5g} … {seen.max():.5g}" if len(seen) else "–"
        known = [
            "–" if np.isnan(v) else f"{v:.4g} ± {e:.1g}"
            for v, e in zip(found.exponents[k], found.stderr[k], strict=True)
        ]
        rows.append([f"{value:.6g}", span, *known, found.trouble[k]])
    heads = {what: "right", found.variable: "right"}
    heads |= {f"λ{k + 1} ± error": "right" for k in range(exponents)} | {"": "left"}
    table(found.system, heads, rows)
    return _say(files)


def systems_section(
    name: Annotated[str, typer.Argument(help="Name or alias of a flow.")],
    plane: Annotated[str, typer.Option(help="The plane, as z=27 or x+2*y-z=0.5.")],
    direction: Annotated[Way, typer.Option(help="Crossings upwards, downwards or both.")] = Way.up,
    points: Annotated[int, typer.Option(min=1, help="Number of crossings.")] = 1000,
    param: ParamOption = None,
    seed: SeedOption = 0,
    out: OutOption = None,
    force: ForceOption = False,
    systems: SystemsOption = None,  # noqa: ARG001
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Cut an orbit with a plane: a Poincaré section.

    --out writes section.parquet and section.png.
    """
    from chaosbench.dynamics import section

    files = _files(out, force, "section.parquet", "section.png")
    system = _system(name, param)
    normal, offset = _plane(plane, system.variables)
    found = section(system, normal, offset, direction=str(direction), points=points, seed=seed)
    states = dict(zip(found.variables, found.points.T, strict=True))
    if out is not None:
        from chaosbench.plotting import plot_section, save

        _write(files[0], {"time": found.times} | states, {"system": found.system, "plane": plane})
        save(plot_section(found), files[1])
    facts = {v: {"min": float(u.min()), "max": float(u.max())} for v, u in states.items()}
    if format is Format.json:
        return print_json({
            "system": found.system, "plane": plane, "points": found.points.tolist(),
            "times": found.times.tolist(), "files": [str(path) for path in files],
        })  # fmt: skip
    span = (found.times[-1] - found.times[0]) / max(points - 1, 1)
    table(
        f"{found.system}: {points} crossings of {plane}, on average {span:.5g} time units apart",
        {"variable": "left", "min": "right", "max": "right"},
        [[v, f"{f['min']:.6g}", f"{f['max']:.6g}"] for v, f in facts.items()],
    )
    return _say(files)


def systems_basins(
    name: Annotated[str, typer.Argument(help="Name or alias of a map or a flow.")],
    grid: Annotated[
        list[str], typer.Option(help="A variable and its initial values, x=-2:2:100; repeatable.")
    ],
    settling: Annotated[
        float | None, typer.Option(help="Time units before the end of each orbit.")
    ] = None,
    periods: Annotated[int, typer.Option(min=1, help="Length of the end in periods.")] = 20,
    param: ParamOption = None,
    out: OutOption = None,
    force: ForceOption = False,
    systems: SystemsOption = None,  # noqa: ARG001
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Find on which attractor each initial state of a grid ends.

    --out writes basins.parquet and basins.png.
    """
    import numpy as np

    from chaosbench.dynamics import basins

    ranges = {}
    for text in grid:
        variable, values = _range(text)
        if variable in ranges:
            raise InputError(f"the variable {variable!r} is given twice")
        ranges[variable] = (float(values[0]), float(values[-1]), len(values))
    files = _files(out, force, "basins.parquet", "basins.png")
    system = _system(name, param)
    found = basins(system, ranges, settling=settling, periods=periods)
    if out is not None:
        from chaosbench.plotting import plot_basins, save

        mesh = np.meshgrid(*found.axes, indexing="ij")
        states = {v: m.ravel() for v, m in zip(found.variables, mesh, strict=True)}
        _write(files[0], states | {"attractor": found.labels.ravel()}, {"system": found.system})
        save(plot_basins(found), files[1])
    ends = [one[-1] for one in found.attractors]
    if format is Format.json:
        return print_json({
            "system": found.system, "variables": list(found.variables),
            "axes": [axis.tolist() for axis in found.axes], "labels": found.labels.tolist(),
            "attractors": [end.tolist() for end in ends], "shares": list(found.shares),
            "escaped": found.escaped, "files": [str(path) for path in files],
        })  # fmt: skip
    rows = [
        [str(k), f"{share:.4f}", ", ".join(f"{v:.5g}" for v in end[:6])]
        for k, (share, end) in enumerate(zip(found.shares, ends, strict=True))
    ]
    if found.escaped:
        rows.append(["escapes", f"{found.escaped:.4f}", ""])
    heads = {"attractor": "left", "share": "right", "a state on it": "left"}
    table(f"{found.system}: {found.labels.size} initial states", heads, rows)
    return _say(files)


def _system(name: str, param: list[str] | None) -> Any:
    from chaosbench.systems import registry

    found = {}
    for item in param or []:
        key, equals, value = item.partition("=")
        if not equals or not _is_number(value):
            raise InputError(f"write a parameter as name=number, not {item!r}")
        found[key.strip()] = float(value)
    return registry[name].with_params(**found)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _range(text: str) -> tuple[str, Any]:
    """Return the name and the values of ``rho=0:50:51``."""
    import numpy as np

    name, _, values = text.partition("=")
    parts = values.split(":")
    good = len(parts) == 3 and all(map(_is_number, parts[:2])) and parts[2].strip().isdecimal()
    if not good or not name.strip() or not 1 <= int(parts[2]) <= MOST_VALUES:
        raise InputError(
            f"write a range as name=first:last:number, such as rho=0:50:51, not {text!r}"
        )
    ends = float(parts[0]), float(parts[1])
    if not np.isfinite(ends).all():
        raise InputError(f"the ends of a range must be finite, not {text!r}")
    return name.strip(), np.linspace(*ends, int(parts[2]))


def _plane(text: str, variables: tuple[str, ...]) -> tuple[list[float], float]:
    """Return the normal and the offset of ``x + 2*y - z = 0.5``."""
    import re

    left, equals, right = text.replace(" ", "").partition("=")
    term = r"([+-]?)(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)\*)?([A-Za-z_]\w*)"
    normal = dict.fromkeys(variables, 0.0)
    whole = re.fullmatch(f"{term}(?:(?=[+-]){term})*", left)
    if not equals or not _is_number(right) or whole is None:
        raise InputError(f"write a plane as z=27 or x+2*y-z=0.5, not {text!r}")
    for sign, factor, name in re.findall(term, left):
        if name not in normal:
            raise InputError(f"there is no variable {name!r}; they are {', '.join(variables[:9])}")
        normal[name] += (-1.0 if sign == "-" else 1.0) * float(factor or 1.0)
    return list(normal.values()), float(right)


def _files(out: Path | None, force: bool, *names: str) -> list[Path]:
    """Return the files to write; refuse to overwrite them unless that is wanted."""
    if out is None:
        return []
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give a directory")
    files = [out / name for name in names]
    for path in files:
        if path.exists() and not force:
            raise InputError(f"{path} exists already; give --force to overwrite it")
    return files


def _write(path: Path, columns: Mapping[str, Any], facts: Mapping[str, str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from chaosbench.files import whole

    with whole(path) as place:
        content = pa.table(dict(columns)).replace_schema_metadata(dict(facts))
        pq.write_table(content, place, compression="zstd")


def _known(numbers: Any) -> list[list[float | None]]:
    return [[None if v != v else v for v in row] for row in numbers.tolist()]


def _say(files: list[Path]) -> None:
    for path in files:
        say(path)
    if not files:
        say("give --out DIRECTORY to keep it")
