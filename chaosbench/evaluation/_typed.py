"""Forecasters that were typed into a notebook, written to a file that another process can load."""

from __future__ import annotations

import ast
import inspect
import linecache
import sys
from pathlib import Path

from chaosbench.errors import InputError
from chaosbench.evaluation.exam import cache_directory
from chaosbench.files import write_text
from chaosbench.isolation.plugins import CELLS
from chaosbench.isolation.source import definitions
from chaosbench.provenance import digest

__all__ = ["written_cells"]


def written_cells(chosen: type) -> Path:
    """Write the definition of a class, with what it uses of other cells, to a file in the cache.

    Raises:
        InputError: the source of the class is not known, or it is not at the top level of a cell.

    """
    name = chosen.__name__
    cells = [text for text in _cells(chosen) if _parsed(text) is not None]
    tree = ast.parse("\n".join(cells))
    if not any(isinstance(node, ast.ClassDef) and node.name == name for node in tree.body):
        raise InputError(
            f"{chosen.__qualname__} was typed in where its source is not kept, and no other "
            "process could build it; write it to a file and pass plugins=[that file]"
        )
    kept = sorted(definitions(tree, name), key=lambda node: not _is_future(node))
    source = "\n\n\n".join(map(ast.unparse, kept)) + "\n"
    path = cache_directory() / CELLS / digest(source) / f"{name.lower()}.py"
    if not path.is_file():
        write_text(path, source)
    return path


def _cells(chosen: type) -> list[str]:
    """Return the sources of all cells so far, or at least that of the class's own.

    A notebook keeps the cells that ran in a list `In`, in their order. Elsewhere the interpreter
    may know the lines of the text that holds a method.
    """
    history = getattr(sys.modules.get(chosen.__module__), "In", None)
    if isinstance(history, list):
        return [text for text in history if isinstance(text, str)]
    files = {
        method.__code__.co_filename
        for method in vars(chosen).values()
        if inspect.isfunction(method) and not method.__code__.co_filename.startswith("<string")
    }
    return ["".join(linecache.getlines(file)) for file in sorted(files)]


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


def _parsed(text: str) -> ast.Module | None:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return None
