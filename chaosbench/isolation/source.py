"""The source of a plugin: the files it consists of, and what a script among them defines.

Nothing here imports or runs a plugin.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from chaosbench.errors import InputError
from chaosbench.files import sha256
from chaosbench.provenance import digest

__all__ = [
    "beside", "check_file", "definitions", "digest_of", "file_digest", "files_of", "runs_itself",
]  # fmt: skip

SUFFIXES = (".py", *EXTENSION_SUFFIXES)
"""Endings of modules."""

LARGE = 2**22
"""Bytes from which on a file is more likely weights than code."""

VERBS = frozenset({"evaluate", "analyse"})
"""Calls that a file must not make while it is imported for the forecasters that it defines."""


def check_file(path: Path) -> None:
    """Refuse a path that cannot be a plugin's.

    Raises:
        InputError: there is no file, or it is not a Python file.

    """
    if not path.is_file():
        raise InputError(f"there is no plugin file {path}")
    if path.suffix != ".py":
        raise InputError(f"{path} is not a Python file; a plugin ends in .py")


def digest_of(path: Path) -> str:
    """Hash a plugin: its file, and what lies beside it and belongs to it."""
    files = files_of(path)
    if len(files) == 1:
        return file_digest(path)[:12]
    return digest({os.path.relpath(file, path.parent): file_digest(file) for file in files}, 12)


def files_of(path: Path) -> list[Path]:
    """List a plugin's file and the files beside it that it imports or names.

    Imports are followed from file to file, those inside functions too. A package counts with all
    its files. A file is named by a text in the source that is its name, such as "weights.npz".
    """
    found, todo = {path}, [path]
    while todo:
        for file in _mentioned(todo.pop(), path.parent):
            if file not in found:
                found.add(file)
                todo += [file] if file.suffix == ".py" else []
    return sorted(found)


def beside(folder: Path, name: str) -> Path | None:
    """Return the module or the package of this name in a folder."""
    places = (folder / f"{name}{suffix}" for suffix in SUFFIXES)
    return next((p for p in (folder / name / "__init__.py", *places) if p.is_file()), None)


def _mentioned(file: Path, folder: Path) -> Iterator[Path]:
    names, texts = _words(file.read_bytes())
    for name in names:
        place = beside(folder, name)
        if place is not None and place.name == "__init__.py":
            inside = (p for p in place.parent.rglob("*") if "__pycache__" not in p.parts)
            yield from (p for p in inside if p.is_file())
        elif place is not None:
            yield place
    for text in texts:
        if text.isidentifier() and (place := beside(folder, text)) is not None:
            yield place  # a module may be declared by its name
        if (folder / text).is_file():
            yield folder / text


@lru_cache(maxsize=64)
def _words(source: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the modules that a source imports, and the texts in it that could be a file's name."""
    if len(source) > LARGE:
        return (), ()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return (), ()
    names, texts = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules = [node.module] if node.module else [alias.name for alias in node.names]
            names |= {module.partition(".")[0] for module in modules}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
            if 0 < len(text) < 100 and text.isprintable() and "/" not in text:
                texts.add(text)
    return tuple(sorted(names)), tuple(sorted(texts))


def file_digest(file: Path) -> str:
    """Hash a file; a large one is not read again while its size and time are the same.

    In a forecaster's process, where the hash decides nothing, what it may not read counts as empty.
    """
    told = file.stat()
    if told.st_size < LARGE:
        try:
            return sha256(file)
        except PermissionError:
            return ""
    return _large_file_digest(str(file), told.st_size, told.st_mtime_ns)


@lru_cache(maxsize=256)
def _large_file_digest(file: str, *_: int) -> str:
    return sha256(Path(file))


def runs_itself(tree: ast.Module) -> bool:
    """Say whether a file evaluates something at its top level, like a script."""
    return any(_verb(node) for statement in tree.body for node in _at_top(statement))


def _verb(node: ast.AST) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in VERBS


def _at_top(node: ast.AST) -> Iterator[ast.AST]:
    """Walk what runs when a file is imported: no bodies of functions, nothing that is for main."""
    if isinstance(node, ast.If) and "__name__" in _used(node.test):
        return
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _at_top(child)


def definitions(tree: ast.Module, name: str = "") -> list[ast.stmt]:
    """Return the statements that define a script's forecasters, in their order.

    These are the imports, the classes that have a method `fit` or a base, or only those of the
    given name, whatever binds a name that they use, and the calls before the last of them that
    concern only imports, such as ``jax.config.update(…)``. What computes, prints and draws is left
    out.
    """
    classes: list[ast.stmt] = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and (node.name == name if name else _may_be_forecaster(node))
    ]
    if name:
        classes = classes[-1:]  # what was typed in again replaces what was there
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    kept: set[ast.stmt] = {*classes, *imports}
    todo = list(classes)
    while todo:
        needed = _used(todo.pop())
        for node in tree.body:
            if node not in kept and _bound(node) & needed:
                kept.add(node)
                todo.append(node)
    imported = {name for node in imports for name in _bound(node)}
    bound = {name for node in tree.body for name in _bound(node)}
    last = max((tree.body.index(node) for node in classes), default=0)
    for node in tree.body[:last]:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            used = _used(node) & bound
            if used and used <= imported:
                kept.add(node)
    return [node for node in tree.body if node in kept]


def _may_be_forecaster(node: ast.ClassDef) -> bool:
    methods = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
    return bool(node.bases) or "fit" in methods


def _used(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


def _bound(node: ast.AST) -> set[str]:
    """Return the names that a statement binds where it stands."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {node.name}
    if isinstance(node, ast.Lambda):
        return set()
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    names = {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) else set()
    return names.union(*(_bound(child) for child in ast.iter_child_nodes(node)))
