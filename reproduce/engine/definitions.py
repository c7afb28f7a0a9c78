"""One file as a set of definitions: which statements give a name its meaning, and which names they mention in turn.

Read from syntax trees; nothing is imported. Docstrings, comments, layout and the annotations of arguments and results are left out.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path

DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
IMPORTS = ast.Import | ast.ImportFrom


class Statement:
    """A top-level statement: `names` it binds, `mentions` (dotted names, as tuples), `imports` in it, its `text` for a hash."""

    def __init__(self, node: ast.stmt):
        self.node = node

    @functools.cached_property
    def names(self) -> set[str]:
        return set(_bound(self.node))

    @functools.cached_property
    def mentions(self) -> set[tuple[str, ...]]:
        return set(_mentioned(self.node))

    @functools.cached_property
    def imports(self) -> dict[str, list[tuple[int, str, str | None]]]:
        """Name -> what it is imported from, wherever in the statement: (dots, module, name there or None for the module itself)."""
        found: dict[str, list] = {}
        for node in ast.walk(self.node):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    module = alias.name if alias.asname else alias.name.split(".")[0]
                    found.setdefault(alias.asname or module, []).append((0, module, None))
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    found.setdefault(alias.asname or alias.name, []).append((node.level, node.module or "", alias.name))
        return found

    @functools.cached_property
    def text(self) -> str:
        return ast.dump(self.node, annotate_fields=False)

    @property
    def only_imports(self) -> bool:
        return isinstance(self.node, IMPORTS)

    def brings(self, name: str) -> list[tuple[int, str, str | None]]:
        """What the statement imports under a name of its module; what a function's body imports stays inside of it."""
        return [] if isinstance(self.node, DEFINITIONS) else self.imports.get(name, [])

    @property
    def acts(self) -> bool:
        """Whether it may do more than bind names: TABLE.update(...), TABLE["x"] = 1, a loop, a condition."""
        if isinstance(self.node, ast.Assign | ast.AnnAssign):
            targets = self.node.targets if isinstance(self.node, ast.Assign) else [self.node.target]
            return not all(isinstance(part, ast.Name | ast.Tuple | ast.List | ast.Starred) for part in _flat(targets))
        return not isinstance(self.node, DEFINITIONS | IMPORTS | ast.Pass)


class Module:
    """A file: `statements` in order, and `table`, name -> the statements that bind it."""

    def __init__(self, path: Path):
        self.path = path
        self.statements = [Statement(node) for node in _tree(path).body]
        self.table: dict[str, list[Statement]] = {}
        for statement in self.statements:
            for name in statement.names:
                self.table.setdefault(name, []).append(statement)


def module(path: Path) -> Module:
    """The file's definitions; parsed once in a process while the file stays the same."""
    stat = path.stat()
    return _module(path, stat.st_mtime_ns, stat.st_size)


@functools.cache
def _module(path: Path, _mtime: int, _size: int) -> Module:
    return Module(path)


def _tree(path: Path) -> ast.Module:
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=path.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | DEFINITIONS) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                node.body.pop(0)
        if isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
    return tree


def _bound(node: ast.stmt):
    """The names that a statement gives a meaning in the scope it stands in."""
    if isinstance(node, DEFINITIONS):
        yield node.name
    elif isinstance(node, IMPORTS):
        for alias in node.names:
            yield (alias.asname or alias.name).split(".")[0]
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
        yield node.id
    elif isinstance(node, ast.comprehension):  # its variables are its own
        for child in (node.iter, *node.ifs):
            yield from _bound(child)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _bound(child)


def _mentioned(node: ast.AST):
    """Every name in a statement with the attributes taken from it: images.quantise(x) mentions (images, quantise) and (x,)."""
    parts, root = [], node
    while isinstance(root, ast.Attribute):
        parts.append(root.attr)
        root = root.value
    if isinstance(root, ast.Name):
        yield (root.id, *reversed(parts))
        return
    if isinstance(node, ast.Global):
        for name in node.names:
            yield (name,)
    for child in ast.iter_child_nodes(root):
        yield from _mentioned(child)


def _flat(targets):
    for target in targets:
        yield target
        if isinstance(target, ast.Tuple | ast.List):
            yield from _flat(target.elts)
        elif isinstance(target, ast.Starred):
            yield from _flat([target.value])
