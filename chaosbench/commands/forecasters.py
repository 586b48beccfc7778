"""chaosbench forecasters: methods and their settings."""

from __future__ import annotations

from typing import Annotated

import typer

from chaosbench.commands._output import (
    Format,
    FormatOption,
    ListFormat,
    ListFormatOption,
    PluginOption,
    group,
    load_plugins,
    print_csv,
    print_json,
    say,
    table,
)
from chaosbench.errors import InputError

__all__ = ["app"]

app = group("Forecasters and their settings.")


@app.command("list")
def forecasters_list(
    plugins: PluginOption = None,
    format: ListFormatOption = ListFormat.table,  # noqa: A002
) -> None:
    """List the forecasters, built in and from plugins."""
    import warnings

    from chaosbench.evaluation import missing_library
    from chaosbench.forecasters import registry
    from chaosbench.isolation.description import describe, describe_file
    from chaosbench.registry import PluginWarning

    rows = []
    names = list(registry)
    for path in load_plugins(plugins):
        names += [told.name for told in describe_file(path)]
    for name in sorted(names):
        try:
            told = describe(name)
        except InputError as error:
            warnings.warn(str(error), PluginWarning, stacklevel=1)
            continue
        rows.append({"name": name, "class": f"{told.module}:{told.qualname}",
                     "summary": told.summary, "needs": missing_library(told)})  # fmt: skip
    if format is ListFormat.json:
        return print_json(rows)
    if format is ListFormat.csv:
        return print_csv(rows, ["name", "class", "summary", "needs"])
    lines = [[r["name"], r["summary"] + (f" (needs {r['needs']})" if r["needs"] else "")]
             for r in rows]  # fmt: skip
    return table("", {"name": "left", "what": "left"}, lines)


@app.command("show")
def forecasters_show(
    name: Annotated[str, typer.Argument(help="Registered name.")],
    plugins: PluginOption = None,
    format: FormatOption = Format.table,  # noqa: A002
) -> None:
    """Show a forecaster's description and settings."""
    from chaosbench.isolation.description import describe

    load_plugins(plugins)
    told = describe(name)
    settings = [dict(row) for row in told.table]
    if format is Format.json:
        return print_json({"name": told.name, "description": told.text,
                            "settings": settings})  # fmt: skip
    say(f"{told.name}: {told.text}")
    return table(
        "",
        {"setting": "left", "type": "left", "default": "left"},
        [[str(s["setting"]), str(s["type"]), str(s["default"])] for s in settings],
    )
