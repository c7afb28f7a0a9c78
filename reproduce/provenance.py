"""Where a result comes from: library versions, and a fingerprint of the code that made it.

The code's fingerprint ignores comments, docstrings and layout, and leaves out modules that only store, draw
or start things, so that rewording a title costs no recomputation and changing a method always does.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import inspect
import platform
from pathlib import Path

from . import __version__, cache

LIBRARIES = ("torch", "diffusers", "transformers", "piq", "numpy", "pillow")
PACKAGE = Path(__file__).parent
# These never change a number in a row. Experiments count through the `work` they hand to a sweep.
BESIDE = {
    "cache",
    "provenance",
    "jobs",
    "record",
    "study",
    "claims",
    "report",
    "notebook",
    "doctor",
    "execute",
    "summary",
    "__main__",
}


def versions() -> dict[str, str]:
    """Python's, the package's and the libraries' versions, without importing any of them."""
    found = {"python": platform.python_version(), "reproduce": __version__}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


@functools.lru_cache(maxsize=1)
def code_version() -> str:
    """A fingerprint of every module of the package that can change a number."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).with_suffix("").as_posix()
        if name in BESIDE or name.startswith(("experiments/", "bundle/", "world/train")):
            continue
        digest.update(f"{name}\0{_dump(_tree(path))}\0".encode())
    return digest.hexdigest()[:16]


def work_version(work) -> str:
    """A fingerprint of one function: its code, what it uses of its own module, and the values bound to it.

    `work` may be a functools.partial. Bound values without a canonical form (a model, say) count by type.
    """
    bound = []
    while isinstance(work, functools.partial):
        bound += [*work.args, *sorted(work.keywords.items())]
        work = work.func
    work = inspect.unwrap(work)
    if inspect.isfunction(work):
        bound += sorted(inspect.getclosurevars(work).nonlocals.items())
    return cache.key(_reachable(work), [_known(value) for value in bound])[:16]


def _reachable(work) -> str:
    """The code of `work` with the definitions of its module that it uses, directly or through others."""
    try:
        tree = _tree(Path(inspect.getsourcefile(work)))
    except (TypeError, OSError):
        return getattr(work, "__qualname__", type(work).__name__)
    table: dict[str, list[ast.AST]] = {}
    for node in tree.body:
        for name in _names(node):
            table.setdefault(name, []).append(node)
    start = getattr(work, "__qualname__", "").split(".")[0]
    if start not in table:  # a lambda or an object: take the whole module
        return _dump(tree)
    seen, todo = set(), [start]
    while todo:
        name = todo.pop()
        if name in seen or name not in table:
            continue
        seen.add(name)
        for node in table[name]:
            todo += [n.id for n in ast.walk(node) if isinstance(n, ast.Name)]
    return "\n".join(_dump(node) for name in sorted(seen) for node in table[name])


def _names(node) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return [n.id for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
    return []


def _known(value):
    if isinstance(value, tuple | list):
        return [_known(v) for v in value]
    try:
        return cache.key(value)
    except ValueError:
        return f"{type(value).__module__}.{type(value).__qualname__}"


def _tree(path: Path) -> ast.Module:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and body:
            first = body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                body.pop(0)
    return tree


def _dump(node) -> str:
    return ast.dump(node, annotate_fields=False)
