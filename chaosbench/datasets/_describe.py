"""What a dataset says of itself: its card, and a description in the format Croissant."""

from __future__ import annotations

import json
from typing import Any

from chaosbench.datasets._files import INDEX, LABELS
from chaosbench.datasets._recipe import SPLITS
from chaosbench.datasets._store import FOLDER, StoredDataset
from chaosbench.files import write_json, write_text

__all__ = ["CARD", "CROISSANT", "card", "croissant", "write_cards"]

CARD, CROISSANT = "README.md", "croissant.json"
"""The files; they stand beside the folder of the data, which holds nothing but Parquet."""

LICENSE = "https://spdx.org/licenses/Apache-2.0.html"
"""That of the package. Who publishes a dataset may choose another."""

PUBLISHED = "2026-11-30"
"""When this layout of files was published: a dataset has no date of its own, since anybody can
make the same bytes at any time."""

CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "key": "cr:key",
    "md5": "cr:md5",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The terms of Croissant 1.0, so that they can be written without a prefix."""

ABOUT = {
    "system": "Name of the system.",
    "split": "Name of the split.",
    "trajectory": "Index of the trajectory in its split.",
    "step": "Index of the sample in its trajectory.",
    "time": "Absolute time in the units of the equation.",
}

WORDS = {
    "train": "trajectories to learn from, as a forecaster sees them",
    "validation": "further trajectories of the same kind",
    "test": "clean windows: contexts and the futures to forecast",
    "context": "what a forecaster sees of the windows before it forecasts",
    "observations": "what is observed while the windows go on",
    "train_clean": "the clean truth of `train`",
    "validation_clean": "the clean truth of `validation`",
}


def write_cards(stored: StoredDataset) -> None:
    """Write both descriptions into the directory of a dataset."""
    write_text(stored.directory / CARD, card(stored))
    write_json(stored.directory / CROISSANT, croissant(stored))


def configurations(stored: StoredDataset) -> dict[str, tuple[str, list[str]]]:
    """Return the tables of a dataset: name to system and splits, whose columns are the same."""
    found: dict[str, tuple[str, list[str]]] = {}
    for system in stored.manifest["paces"]:
        tables: dict[tuple[str, ...], list[str]] = {}
        for split in SPLITS:
            if stored.entries(system, split):
                tables.setdefault(stored.variables(system, split), []).append(split)
        for number, splits in enumerate(tables.values()):
            name = system if number == 0 else f"{system}_{splits[0]}"
            found[name] = system, splits
    return found


def card(stored: StoredDataset) -> str:
    """Return the dataset card: what there is, how it was made, how it is read."""
    recipe = stored.manifest["recipe"]
    tables = configurations(stored)
    rows = sum(entry["rows"] for entry in stored.manifest["files"].values())
    head = ["---", f"pretty_name: chaosbench {stored.hash}", "license: apache-2.0"]
    head += ["task_categories:", "- time-series-forecasting", "tags:", "- chaos"]
    head += ["- dynamical-systems", "configs:"]
    for name, (system, splits) in tables.items():
        head += [f"- config_name: {name}", "  data_files:"]
        for split in splits:
            head += [f"  - split: {split}", f"    path: {_pattern(stored, system, split)}"]
    lines = [*head, "---", "", f"# chaosbench dataset {stored.hash}", ""]
    lines += [
        f"{rows:,} samples of {len(stored.manifest['paces'])} chaotic "
        f"system{'s' if len(stored.manifest['paces']) > 1 else ''}, integrated by chaosbench "
        f"{stored.manifest['provenance']['versions']['chaosbench']} from the recipe below. The "
        "same recipe gives the same numbers.",
        "",
        "| system | split | trajectories | samples each | step | variables | files |",
        "|---|---|---|---|---|---|---|",
    ]
    for system, pace in stored.manifest["paces"].items():
        for split in stored.splits(system):
            count, steps = shape_of(stored, system, split)
            names = stored.variables(system, split)
            shown = ", ".join(names[:6]) + (f", … ({len(names)})" if len(names) > 6 else "")
            files = len(stored.entries(system, split))
            lines.append(
                f"| {system} | {split} | {count:,} | {steps:,} | {pace['dt']:.6g} | {shown} | "
                f"{files} |"
            )
    used = [split for split in SPLITS if any(split in splits for _, splits in tables.values())]
    lines += ["", *(f"- `{split}`: {WORDS[split]}" for split in used), ""]
    lines += [
        "Every file has the columns `system`, `split`, `trajectory`, `step` and `time` before the",
        "variables of the system. Lost samples are NaN. `chaosbench data verify` checks the files",
        "against `_manifest.json`, which also says for how long each trajectory is true.",
        "",
        "```python",
        "import pandas",
        f'pandas.read_parquet("{FOLDER}/system={next(iter(stored.manifest["paces"]))}")',
        "",
        "import datasets",
        f'datasets.load_dataset("THIS_FOLDER", "{next(iter(tables))}")',
        "```",
        "",
        "The recipe:",
        "",
        "```json",
        json.dumps(recipe, indent=1, sort_keys=True),
        "```",
    ]
    return "\n".join(lines) + "\n"


def shape_of(stored: StoredDataset, system: str, split: str) -> tuple[int, int]:
    """Return how many trajectories a split has, and how many samples each of them."""
    entries = [entry for _, entry in stored.entries(system, split)]  # type: ignore[arg-type]
    rows = sum(entry["rows"] for entry in entries)
    recipe, pace = stored.manifest["recipe"], stored.manifest["paces"][system]
    steps = {
        "test": recipe["context"] + pace["horizon"], "context": recipe["context"],
        "observations": pace["horizon"],
    }.get(split, recipe["train_points"])  # fmt: skip
    return rows // steps, steps


def _pattern(stored: StoredDataset, system: str, split: str) -> str:
    entries = stored.entries(system, split)  # type: ignore[arg-type]
    if (
        len(entries) == 1
        and not entries[0][0].rpartition("-")[2].removesuffix(".parquet").isdigit()
    ):
        return entries[0][0]
    return f"{FOLDER}/system={system}/{split}-*.parquet"


def croissant(stored: StoredDataset) -> dict[str, Any]:
    """Return the description of a dataset in the format Croissant 1.0 (JSON-LD)."""
    names = list(stored.manifest["paces"])
    number = "sc:Float"
    distribution: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = []
    for relative, entry in sorted(stored.manifest["files"].items()):
        distribution.append({
            "@type": "cr:FileObject",
            "@id": relative,
            "name": relative,
            "contentUrl": relative,
            "contentSize": f"{entry['bytes']} B",
            "encodingFormat": "application/x-parquet",
            "sha256": entry["sha256"],
        })  # fmt: skip
    for name, (system, splits) in configurations(stored).items():
        paths = [path for split in splits for path, _ in stored.entries(system, split)]  # type: ignore[arg-type]
        distribution.append({
            "@type": "cr:FileSet",
            "@id": f"files/{name}",
            "name": f"Files of {name}",
            "containedIn": [{"@id": path} for path in paths],
            "encodingFormat": "application/x-parquet",
            "includes": "*.parquet",
        })  # fmt: skip
        variables = stored.variables(system, splits[0])  # type: ignore[arg-type]
        kinds = dict.fromkeys(LABELS, "sc:Text") | dict.fromkeys(INDEX, "sc:Integer")
        kinds |= {"time": number} | dict.fromkeys(variables, number)
        records.append({
            "@type": "cr:RecordSet",
            "@id": name,
            "name": name,
            "description": f"Samples of {system}, splits {', '.join(splits)}.",
            "key": [{"@id": f"{name}/{key}"} for key in (*LABELS, "trajectory", "step")],
            "field": [
                {
                    "@type": "cr:Field",
                    "@id": f"{name}/{column}",
                    "name": column,
                    "description": ABOUT.get(column, f"Variable {column} of {system}."),
                    "dataType": kind,
                    "source": {
                        "fileSet": {"@id": f"files/{name}"},
                        "extract": {"column": column},
                    },
                }
                for column, kind in kinds.items()
            ],
        })  # fmt: skip
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"chaosbench-{stored.hash}",
        "description": f"Trajectories of chaotic systems ({shown}), made by chaosbench.",
        "license": LICENSE,
        "url": f"urn:chaosbench:recipe:{stored.hash}",
        "creator": {"@type": "sc:Organization", "name": "The chaosbench developers"},
        "datePublished": PUBLISHED,
        "version": f"{stored.manifest['layout']}.0.0",
        "keywords": ["chaos", "dynamical systems", "time series", "forecasting"],
        "isLiveDataset": False,
        "distribution": distribution,
        "recordSet": records,
    }
