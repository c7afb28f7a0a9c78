"""A fingerprint of the code behind a result, so that a stored result is used only while its code is the same.

It follows imports through this package, reads syntax trees, and so ignores comments, docstrings and layout.
Modules that only store, draw or start things never count.
"""

from __future__ import annotations

import ast
import functools
import inspect
from pathlib import Path

from . import keys

PACKAGE = Path(__file__).parents[1]
# These never change a number in a row.
BESIDE = {"artefacts", "engine", "report", "notebook", "cli", "bench", "__main__"}
# Every computation goes through these: a study opens its model with them.
ALWAYS = ("images", "rng", "diffusion/model", "diffusion/profiles")
# The tables of these folders name their files by text, which imports do not show.
TABLES = {"protect", "purify", "measure"}


def version(work) -> str:
    """A fingerprint of a function: its code, all it uses of this package, and the values bound to it.

    `work` may be a functools.partial, a lambda or a bound method. Of its own module only the definitions that it
    uses count, of other modules everything. Bound values without a canonical form (a model, say) count by type;
    the attributes of a bound method's object do not count, so a job must say what it takes from there.
    """
    bound = []
    while isinstance(work, functools.partial):
        bound += [*work.args, *sorted(work.keywords.items())]
        work = work.func
    work = inspect.unwrap(work)
    if inspect.isfunction(work):
        bound += sorted(inspect.getclosurevars(work).nonlocals.items())
    return keys.key(_code(work), [_known(value) for value in bound])[:16]


def _code(work) -> list[str]:
    always = {PACKAGE / f"{name}.py" for name in ALWAYS}
    try:
        path = Path(inspect.getsourcefile(work)).absolute()
        nodes = _used(_tree(path), getattr(work, "__qualname__", "").split(".")[0])
    except (TypeError, OSError):  # typed at a prompt, or not Python
        return [getattr(work, "__qualname__", type(work).__name__), *_dumps(_closure(always))]
    found = always.union(*(_named(node, path) for node in nodes))
    return [*map(_dump, nodes), *_dumps(_closure(found) - {path})]


def _dumps(paths: set[Path]) -> list[str]:
    return [f"{path.relative_to(PACKAGE).as_posix()}\0{_dump(_tree(path))}" for path in sorted(paths)]


def _closure(paths: set[Path]) -> set[Path]:
    """The modules of this package that `paths` import, directly or through others, with themselves."""
    seen, todo = set(), list(paths)
    while todo:
        path = todo.pop()
        if path in seen or not path.is_file() or path.relative_to(PACKAGE).parts[0].removesuffix(".py") in BESIDE:
            continue
        seen.add(path)
        if path.name == "__init__.py" and path.parent.name in TABLES:
            todo += path.parent.glob("*.py")
        todo += _named(_tree(path), path)
    return seen


def _named(node: ast.AST, path: Path) -> set[Path]:
    """The files of this package that the import statements within `node`, which stands in `path`, name."""
    inside = path.is_relative_to(PACKAGE)
    here = (PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts) if inside else ()
    found = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in part.names]
        elif isinstance(part, ast.ImportFrom):
            base = (here[: -part.level] if part.level else ()) + tuple((part.module or "").split(".") if part.module else ())
            names = [base, *((*base, alias.name) for alias in part.names)]
        else:
            continue
        for name in names:
            if name[:1] == (PACKAGE.name,) and len(name) > 1:
                stem = PACKAGE.joinpath(*name[1:])
                found |= {file for file in (stem.with_suffix(".py"), stem / "__init__.py") if file.is_file()}
    return found


def _used(tree: ast.Module, start: str) -> list[ast.AST]:
    """The top-level statements of a module that `start` needs: definitions and imports, in order.

    All of them where `start` is not defined at the top (a lambda, say).
    """
    table: dict[str, list[ast.AST]] = {}
    for node in tree.body:
        for name in _defined(node):
            table.setdefault(name, []).append(node)
    if start not in table:
        return tree.body
    seen, todo = set(), [start]
    while todo:
        name = todo.pop()
        if name in table and name not in seen:
            seen.add(name)
            todo += [part.id for node in table[name] for part in ast.walk(node) if isinstance(part, ast.Name)]
    return [_only(node, seen) for node in tree.body if seen & set(_defined(node))]


def _only(node: ast.AST, names: set[str]) -> ast.AST:
    """An import statement with those of its names that are used; other statements as they are."""
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return node
    kept = [alias for alias in node.names if (alias.asname or alias.name).split(".")[0] in names]
    if isinstance(node, ast.Import):
        return ast.Import(kept)
    return ast.ImportFrom(node.module, kept, node.level)


def _defined(node: ast.AST) -> list[str]:
    """The names that a top-level statement gives a meaning."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [(alias.asname or alias.name).split(".")[0] for alias in node.names]
    return [p.id for p in ast.walk(node) if isinstance(p, ast.Name) and isinstance(p.ctx, ast.Store)]


def _known(value):
    if isinstance(value, tuple | list):
        return [_known(v) for v in value]
    try:
        return keys.key(value)
    except ValueError:
        return f"{type(value).__module__}.{type(value).__qualname__}"


def _tree(path: Path) -> ast.Module:
    """The syntax tree of a file without its docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                node.body.pop(0)
    return tree


def _dump(node: ast.AST) -> str:
    return ast.dump(node, annotate_fields=False)
