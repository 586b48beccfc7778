"""chaosbench systems: the catalogue."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from chaosbench.commands._grow import systems_grow
from chaosbench.commands._output import (
    Format,
    FormatOption,
    SeedOption,
    SystemsOption,
    TagOption,
    certified_words,
    group,
    print_csv,
    print_json,
    progress,
    say,
    table,
)
from chaosbench.commands._slices import DimensionOption, KindOption, wanted
from chaosbench.commands._sweep import systems_basins, systems_section, systems_sweep
from chaosbench.errors import ChaosbenchError, InputError
from chaosbench.files import write_text

__all__ = ["app"]

app = group("The catalogue of chaotic systems.")


class CatalogueFormat(StrEnum):
    """How the catalogue is printed."""

    table = "table"
    json = "json"
    csv = "csv"
    bibtex = "bibtex"


class Order(StrEnum):
    """What the catalogue is sorted by."""

    name = "name"
    dimension = "dimension"
    exponent = "exponent"
    period = "period"
    kaplan_yorke = "kaplan-yorke"


_SORTED_BY = {
    Order.dimension: "dimension", Order.exponent: "largest_lyapunov_exponent",
    Order.period: "period", Order.kaplan_yorke: "kaplan_yorke_dimension",
}  # fmt: skip


@app.command("list")
def systems_list(
    kind: KindOption = None,
    tag: TagOption = None,
    dimension: DimensionOption = None,
    ranked: Annotated[bool, typer.Option("--ranked", help="Only ranked systems.")] = False,
    sort: Annotated[
        Order, typer.Option(help="Numbers in descending order, dimension in ascending order.")
    ] = Order.name,
    systems: SystemsOption = None,  # noqa: ARG001
    format: Annotated[  # noqa: A002
        CatalogueFormat, typer.Option("--format", help="A table, JSON, CSV, or the sources.")
    ] = CatalogueFormat.table,
) -> None:
    """List the catalogue."""
    from chaosbench.dynamics.stored import known_constants
    from chaosbench.systems import registry
    from chaosbench.systems.citing import bibtex

    meant = wanted(kind, tag, dimension)
    rows: list[dict[str, Any]] = []
    for name in registry:
        system = registry[name]
        known = known_constants(system)
        row = {
            "name": name,
            "kind": system.kind,
            "dimension": system.dimension,
            "aliases": list(system.aliases),
            "tags": sorted(system.tags),
            "ranked": bool(known and known.ranked),
            "period": known.period if known else None,
            "largest_lyapunov_exponent": known.lyapunov_exponents[0] if known else None,
            "largest_lyapunov_stderr": known.lyapunov_stderr[0] if known else None,
            "kaplan_yorke_dimension": known.kaplan_yorke_dimension if known else None,
            "reference": system.reference,
            "description": system.description,
        }
        if meant(system) and (row["ranked"] or not ranked):
            rows.append(row)
    if sort is not Order.name:
        key, sign = _SORTED_BY[sort], 1 if sort is Order.dimension else -1
        rows.sort(key=lambda r: (r[key] is None, sign * (r[key] or 0.0)))
    if format is CatalogueFormat.json:
        return print_json(rows)
    if format is CatalogueFormat.csv:
        return print_csv(rows, _COLUMNS)
    if format is CatalogueFormat.bibtex:
        return say(bibtex(r["name"] for r in rows).rstrip())
    lines = []
    for r in rows:
        exponent = r["largest_lyapunov_exponent"]
        lines.append([
            r["name"], r["kind"], str(r["dimension"]),
            "–" if exponent is None else f"{exponent:.4g} ± {r['largest_lyapunov_stderr']:.1g}",
            "–" if r["kaplan_yorke_dimension"] is None else f"{r['kaplan_yorke_dimension']:.3f}",
            "–" if r["period"] is None else f"{r['period']:.4g}",
            "yes" if r["ranked"] else "no",
            ", ".join(r["tags"]),
        ])  # fmt: skip
    columns = {
        "name": "left", "kind": "left", "d": "right", "λ₁ ± error": "right", "D_KY": "right",
        "period": "right", "ranked": "left", "tags": "left",
    }  # fmt: skip
    return table("", columns, lines)


_COLUMNS = [
    "name", "kind", "dimension", "aliases", "tags", "ranked", "period",
    "largest_lyapunov_exponent", "largest_lyapunov_stderr", "kaplan_yorke_dimension", "reference",
    "description",
]  # fmt: skip


@app.command("cite")
def systems_cite(
    names: Annotated[list[str], typer.Argument(help="Names or aliases.")],
    systems: SystemsOption = None,  # noqa: ARG001
) -> None:
    """Print the sources of systems as BibTeX, each once."""
    from chaosbench.systems.citing import bibtex

    say(bibtex(names).rstrip())


@app.command("show")
def systems_show(
    name: Annotated[str, typer.Argument(help="Name or alias.")],
    systems: SystemsOption = None,  # noqa: ARG001
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Show one system: equation, parameters, facts with errors."""
    from dataclasses import asdict

    from chaosbench.dynamics.stored import known_constants
    from chaosbench.systems import registry
    from chaosbench.systems.printing import equation_latex, equation_text

    system = registry[name]
    known = known_constants(system)
    if format is Format.json:
        return print_json(
            {
                "name": system.name,
                "kind": system.kind,
                "dimension": system.dimension,
                "aliases": list(system.aliases),
                "tags": sorted(system.tags),
                "ranked": bool(known and known.ranked),
                "variables": list(system.variables),
                "parameters": dict(system.parameters),
                "ic": list(system.ic),
                "reference": system.reference,
                "description": system.description,
                "equation": equation_text(system),
                "latex": equation_latex(system),
                "fingerprint": system.fingerprint,
                "constants": asdict(known) if known else None,
            }
        )
    from chaosbench.commands._card import card

    return say(card(system, known))


def _parameters(text: list[str] | None) -> dict[str, float]:
    found = {}
    for item in text or []:
        name, equals, value = item.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals:
            raise InputError(f"write a parameter as name=number, not {item!r}")
    return found


@app.command("simulate")
def systems_simulate(
    name: Annotated[str, typer.Argument(help="Name or alias.")],
    points: Annotated[int, typer.Option(help="Samples of each trajectory.")] = 1000,
    points_per_period: Annotated[float | None, typer.Option(help="Samples per period.")] = None,
    points_per_lyapunov: Annotated[
        float | None, typer.Option(help="Samples per Lyapunov time.")
    ] = None,
    dt: Annotated[float | None, typer.Option(help="Sampling step in time units.")] = None,
    n: Annotated[int, typer.Option(help="Trajectories.")] = 1,
    seed: SeedOption = 0,
    transient: Annotated[
        float | None, typer.Option(help="Time units dropped before the first sample.")
    ] = None,
    rtol: Annotated[float, typer.Option(help="Tolerance of the local error.")] = 1e-10,
    integrator: Annotated[
        str, typer.Option(help="auto, or for a flow dop853 or rodas5p (stiff).")
    ] = "auto",
    precision: Annotated[
        str, typer.Option(help="double, or double-double for flows and maps.")
    ] = "double",
    certify: Annotated[
        bool, typer.Option("--certify", help="Certify for how long it is the true solution.")
    ] = False,
    ic: Annotated[str | None, typer.Option(help="Initial state, as 1,2,3.")] = None,
    param: Annotated[
        list[str] | None, typer.Option("--param", "-p", help="A parameter, as rho=30; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Parquet file to write.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    systems: SystemsOption = None,  # noqa: ARG001
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Integrate a system; with --out, write a Parquet file."""
    from typing import cast

    from chaosbench.dynamics.simulation import Precision, simulate
    from chaosbench.dynamics.stored import known_constants
    from chaosbench.systems import registry

    system = registry[name].with_params(**_parameters(param))
    start = None
    if ic is not None:
        try:
            start = [float(v) for v in ic.split(",")]
        except ValueError:
            raise InputError(f"write an initial state as 1,2,3, not {ic!r}") from None
    if out is not None and out.exists() and not force:
        raise InputError(f"{out} exists already; give --force to overwrite it")
    made = simulate(
        system, points=points, points_per_period=points_per_period,
        points_per_lyapunov=points_per_lyapunov, dt=dt, n=n, seed=seed, transient=transient,
        rtol=rtol, ic=start, integrator=integrator, precision=cast("Precision", precision),
        certify=certify,
    )  # fmt: skip
    if out is not None:
        from chaosbench.datasets import write_trajectories

        write_trajectories(
            out,
            made,
            metadata={
                "system": system.name,
                "dt": repr(made.dt),
                "units": f"time in {system.time_unit}; variables in the units of the equation",
                "variables": json.dumps(made.variables),
                "parameters": json.dumps(dict(system.parameters)),
                "fingerprint": system.fingerprint,
                "seed": str(seed),
            },
        )
    flat = made.values.reshape(-1, made.values.shape[2])
    facts = {
        "system": system.name,
        "trajectories": made.values.shape[0],
        "points": made.values.shape[1],
        "dt": made.dt,
        "variables": {
            v: {"mean": m, "std": s, "min": low, "max": high}
            for v, m, s, low, high in zip(
                made.variables, flat.mean(axis=0).tolist(), flat.std(axis=0).tolist(),
                flat.min(axis=0).tolist(), flat.max(axis=0).tolist(), strict=True,
            )
        },
        "file": str(out) if out else None,
    }  # fmt: skip
    if certify:
        until = made.certified_until
        facts["certified_until"] = None if until is None else until.tolist()
        facts["certificate"] = made.provenance["certificate"]
    if format is Format.json:
        return print_json(facts)
    rows = [
        [v, *(f"{f[k]:.5g}" for k in ("mean", "std", "min", "max"))]
        for v, f in facts["variables"].items()
    ]
    table(
        f"{system.name}: {facts['trajectories']} × {facts['points']} points, dt = {made.dt:.6g}",
        {"variable": "left", "mean": "right", "std": "right", "min": "right", "max": "right"},
        rows,
    )
    if certify:
        known = known_constants(system)
        say(
            certified_words(made.certified_until, known.lyapunov_time if known else None)
            + f" ({made.provenance['certificate']})"
        )
    return say(f"written to {out}" if out else "give --out FILE.parquet to keep it")


@app.command("characterise")
def systems_characterise(
    names: Annotated[list[str], typer.Argument(help="Names or aliases, or 'all'.")],
    periods: Annotated[float, typer.Option(help="Periods to average over at first.")] = 4000.0,
    effort: Annotated[
        float,
        typer.Option(min=0.01, help="Work for one percent of error in λ₁, relative to the usual."),
    ] = 1.0,
    seed: SeedOption = 0,
    check: Annotated[
        bool, typer.Option("--check", help="Compare with what is stored; write nothing.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Directory to write NAME.json to; own systems have one beside their file."
        ),
    ] = None,
    jobs: Annotated[int, typer.Option(help="Processes; by default one per core.")] = 0,
    systems: SystemsOption = None,  # noqa: ARG001
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Measure period, exponents and dimensions.

    Nothing is written into the installed package: its constants set step, horizon and Lyapunov time
    of every task, so with others one task would ask different questions on two machines. Those of a
    system of your own go beside its file, to FILE.constants/NAME.json.
    """
    from dataclasses import asdict

    from chaosbench.dynamics.characterisation import characterise_many, disagreement
    from chaosbench.dynamics.stored import constants, store
    from chaosbench.systems import is_own, registry

    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give a directory for the constants")
    wanted = list(registry) if names == ["all"] else [registry.resolve(name) for name in names]
    if out is None and not check and not all(map(is_own, wanted)):
        raise InputError(
            "give --out DIRECTORY for the constants, or --check to compare them with what is "
            "stored; in a checkout of chaosbench they lie in chaosbench/systems/constants"
        )
    found, troubles, written = [], [], []
    with progress("characterise") as report:
        measuring = characterise_many(wanted, periods, seed, jobs, effort)
        for k, (name, measured) in enumerate(measuring, 1):
            report(k, len(wanted), name)
            if isinstance(measured, ChaosbenchError):
                troubles.append(f"{name}: {measured}")
                continue
            found.append(measured)
            if check:
                trouble = disagreement(constants(name), measured)
                troubles += [f"{name}: {trouble}"] if trouble else []
            elif out is not None:
                write_text(out / f"{name}.json", measured.to_json())
            else:
                written.append(store(measured))
    if format is Format.json:
        print_json([asdict(c) for c in found])
    else:
        table(
            "",
            {"system": "left", "period": "right", "λ₁": "right", "twin": "right", "gate": "left"},
            [
                [
                    c.system, f"{c.period:.5g}",
                    f"{c.lyapunov_exponents[0]:.5g} ± {c.lyapunov_stderr[0]:.1g}",
                    f"{c.largest_twin:.5g} ± {c.largest_twin_stderr:.1g}",
                    c.verdict or "passed",
                ]
                for c in found
            ],
        )  # fmt: skip
        for path in written:
            say(path)
    if troubles:
        raise ChaosbenchError("; ".join(troubles))


@app.command("plot")
def systems_plot(
    name: Annotated[str, typer.Argument(help="Name or alias.")],
    out: Annotated[Path | None, typer.Option(help="PNG or SVG; by default NAME.png.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    systems: SystemsOption = None,  # noqa: ARG001
) -> None:
    """Draw a system: attractor, time series, spectrum."""
    from chaosbench.plotting import plot_system, save
    from chaosbench.systems import registry

    system = registry[name]
    path = out or Path(f"{system.name}.png")
    if path.suffix not in (".png", ".svg"):
        raise InputError(f"a picture ends in .png or .svg, not {path.name!r}")
    if path.exists() and not force:
        raise InputError(f"{path} exists already; give --force to overwrite it")
    save(plot_system(system), path)
    say(path)


@app.command("gallery")
def systems_gallery(
    out: Annotated[Path, typer.Option(help="Directory to write to.")] = Path("gallery"),
    names: Annotated[list[str] | None, typer.Argument(help="By default all measured.")] = None,
    systems: SystemsOption = None,  # noqa: ARG001
) -> None:
    """Draw every system and an index page."""
    from chaosbench.dynamics.stored import known_constants
    from chaosbench.plotting import write_gallery
    from chaosbench.systems import registry

    wanted = [registry.resolve(name) for name in names or registry]
    wanted = [name for name in wanted if known_constants(registry[name]) is not None]
    if not wanted:
        raise InputError("none of these systems has constants; characterise them first")
    with progress("gallery") as report:
        page = write_gallery(out, wanted, progress=report)
    say(page)


app.command("sweep")(systems_sweep)
app.command("section")(systems_section)
app.command("basins")(systems_basins)
app.command("grow")(systems_grow)
