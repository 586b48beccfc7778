"""Which systems of the catalogue are meant: by kind, tags and dimension."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from chaosbench.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from chaosbench.systems import System

__all__ = ["DimensionOption", "KindOption", "sliced", "wanted"]

KindOption = Annotated[str | None, typer.Option(help="Only flow, delay, map, field or stochastic.")]
DimensionOption = Annotated[
    str | None, typer.Option(help="Only systems of this dimension, such as 3, 3-5 or 10-.")
]


def wanted(
    kind: str | None, tag: list[str] | None, dimension: str | None
) -> Callable[[System], bool]:
    """Return what says whether a system is meant."""
    from chaosbench.systems import Kind, registry

    if kind not in (None, *get_args(Kind)):
        kinds = ", ".join(sorted(get_args(Kind)))
        raise InputError(f"there is no kind {kind!r}; expected one of: {kinds}")
    tags = set(tag or [])
    if tags:
        known_tags = {word for name in registry for word in registry[name].tags}
        for word in sorted(tags - known_tags):
            raise UnknownNameError("tag", word, known_tags)
    least, most = _dimensions(dimension)
    return lambda system: (
        kind in (None, system.kind) and tags <= system.tags and least <= system.dimension <= most
    )


def sliced(
    records: Iterable[Any], kind: str | None, tag: list[str] | None, dimension: str | None
) -> Any:
    """Keep the records of systems that are meant; those of unknown systems are not."""
    if kind is None and not tag and dimension is None:
        return records
    from chaosbench.evaluation import Records
    from chaosbench.systems import registry

    meant = wanted(kind, tag, dimension)
    answers: dict[str, bool] = {}
    kept = []
    for record in records:
        name = record.system
        if name not in answers:
            answers[name] = name in registry and meant(registry[name])
        if answers[name]:
            kept.append(record)
    if not kept:
        raise InputError(
            "no record is of a system of this kind, these tags and this dimension; "
            "chaosbench systems list shows which systems are"
        )
    return Records(kept)


def _dimensions(text: str | None) -> tuple[float, float]:
    """Return the least and the largest dimension of ``3``, ``3-5``, ``10-`` or ``-5``."""
    if text is None:
        return 0, math.inf
    first, dash, last = text.partition("-")
    try:
        least = int(first) if first.strip() or not dash else 0
        most = (int(last) if last.strip() else math.inf) if dash else least
        if not first.strip() and not last.strip():
            raise ValueError
    except ValueError:
        raise InputError(
            f"a dimension is a number or a range such as 3, 3-5 or 10-, not {text!r}"
        ) from None
    if least > most:
        raise InputError(f"the range of dimensions {text!r} is empty; its first number is larger")
    return least, most
