"""Visibility graphs of a series, by the library ts2vg."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from chaosbench.errors import InputError, ParameterError
from chaosbench.series._arrays import scalar

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from chaosbench.trajectories import FloatArray

__all__ = ["VisibilityGraph", "visibility_graph"]

Kind = Literal["natural", "horizontal"]


@dataclass(frozen=True)
class VisibilityGraph:
    """A graph whose vertices are the samples of a series.

    Attributes:
        kind: ``natural`` or ``horizontal``.
        edges: pairs of samples that see each other, ``(E, 2)``, sorted.
        degrees: number of samples that each sample sees, ``(T,)``.
        distribution: share of samples with 0, 1, 2, … neighbours.

    """

    kind: str
    edges: NDArray[np.int64]
    degrees: NDArray[np.int64]
    distribution: FloatArray


def visibility_graph(series: ArrayLike, *, kind: str = "natural") -> VisibilityGraph:
    """Return the visibility graph of a series.

    Two samples see each other if every sample between them lies below the straight line that joins
    them (``natural``), or below both of them (``horizontal``). It needs the extra ``series``.

    Args:
        series: ``(T,)``.
        kind: ``natural`` or ``horizontal``.

    Raises:
        InputError: wrong shape, gaps, or ts2vg is not installed.
        ParameterError: there is no such kind.

    References:
        lacasa2008, luque2009.

    """
    x = scalar(series, least=2)
    if kind not in get_args(Kind):
        raise ParameterError(f"kind must be one of {', '.join(get_args(Kind))}, not {kind!r}")
    try:
        import ts2vg
    except ImportError:
        raise InputError(
            "visibility graphs need ts2vg; install it with: pip install 'chaosbench[series]'"
        ) from None
    graph = ts2vg.NaturalVG() if kind == "natural" else ts2vg.HorizontalVG()
    graph.build(x)
    edges = np.sort(np.array(graph.edges, dtype=np.int64).reshape(-1, 2), axis=1)
    edges = edges[np.lexsort(edges.T[::-1])]
    degrees = np.bincount(edges.ravel(), minlength=len(x))
    return VisibilityGraph(kind, edges, degrees, np.bincount(degrees) / len(x))
