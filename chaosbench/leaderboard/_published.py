"""Numbers that others published, as a column beside ours."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from chaosbench.leaderboard._columns import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaosbench.leaderboard.ranking import Standing
    from chaosbench.tasks import Published

__all__ = ["others_of", "published_columns", "published_note", "with_published"]

_OTHER_NAMES = {"naivedrift": "drift", "4theta": "fourtheta", "linear": "linearregression"}
"""What a published method is called here where letters and digits do not agree."""


def with_published(
    shown: Sequence[Column],
    lines: Sequence[Standing],
    tables: Sequence[Published],
    *,
    empty: bool = False,
) -> list[Column]:
    """Return columns with the published ones behind the score that ranks.

    Those without a number beside one of our lines are left out, unless `empty` is true.
    """
    place = 1 + next((k for k, column in enumerate(shown) if column.key == "score"), -1)
    added = [
        column
        for column in published_columns(tables)
        if empty or any(not math.isnan(column.value(line)) for line in lines)
    ]
    return [*shown[:place], *added, *shown[place:]]


def published_columns(tables: Sequence[Published]) -> tuple[Column, ...]:
    """Return one column per published table: the number of the method of the same name."""

    def column(place: int, table: Published) -> Column:
        numbers = {_key(method): value for method, value in table.values.items()}

        def value(line: Standing) -> float:
            return numbers.get(_key(_base(line.forecaster)), math.nan)

        def text(line: Standing) -> str:
            found = value(line)
            return "–" if math.isnan(found) else f"{found:g}"

        head = "published" if len(tables) == 1 else f"published {place}"
        return Column(
            f"published_{place}", head, "", f"{table.what} ({table.source}).", value, text, 97
        )

    return tuple(column(place, table) for place, table in enumerate(tables, 1))


def others_of(
    tables: Sequence[Published], lines: Sequence[Standing]
) -> list[tuple[str, list[float]]]:
    """Return the published methods that stand in none of our lines, with a number per table."""
    ours = {_key(_base(line.forecaster)) for line in lines}
    methods = dict.fromkeys(method for table in tables for method in table.values)
    return [
        (method, [table.values.get(method, math.nan) for table in tables])
        for method in methods
        if _key(method) not in ours
    ]


def published_note(tables: Sequence[Published], place: int) -> str:
    """Say where a table comes from, with its numbers in one line."""
    table = tables[place]
    number = f" {place + 1}" if len(tables) > 1 else ""
    return f"Published{number} ({table.source}), {table.what}"


def _base(label: str) -> str:
    """Return the name of a forecaster without its settings."""
    return label.partition(" (")[0].partition(":")[0]


def _key(name: str) -> str:
    key = re.sub(r"[^a-z0-9]", "", name.lower())
    return _OTHER_NAMES.get(key, key)
