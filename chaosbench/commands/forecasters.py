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

__all__ = ["app"]

app = group("Forecasters and their settings.")


@app.command("list")
def forecasters_list(
    plugins: PluginOption = None,
    format: ListFormatOption = ListFormat.table,  # noqa: A002
) -> None:
    """List the forecasters, built in and from plugins."""
    from chaosbench.evaluation import missing_library
    from chaosbench.forecasters import registry

    load_plugins(plugins)
    rows = []
    for name, chosen in registry.available().items():
        summary = (chosen.__doc__ or "").strip().split("\n", 1)[0]
        rows.append({"name": name, "class": f"{chosen.__module__}:{chosen.__qualname__}",
                     "summary": summary, "needs": missing_library(chosen)})  # fmt: skip
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
    import dataclasses
    import inspect

    from chaosbench.forecasters import registry

    load_plugins(plugins)
    chosen = registry[name]
    settings = [
        {
            "setting": f.name,
            "type": str(f.type),
            "default": None if f.default is dataclasses.MISSING else f.default,
        }
        for f in dataclasses.fields(chosen)
        if f.init
    ]
    text = inspect.cleandoc(chosen.__doc__ or "")
    if format is Format.json:
        return print_json({"name": registry.resolve(name), "description": text,
                            "settings": settings})  # fmt: skip
    say(f"{registry.resolve(name)}: {text}")
    return table(
        "",
        {"setting": "left", "type": "left", "default": "left"},
        [[str(s["setting"]), str(s["type"]), str(s["default"])] for s in settings],
    )
