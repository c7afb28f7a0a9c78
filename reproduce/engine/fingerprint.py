"""A fingerprint of the code behind a result, so that a stored result is used only while its code is the same.

At the grain of a definition: a function, class or constant counts with every definition of this package that it mentions by name,
and with those that they mention. What is not mentioned does not count, so a new file, function, record or row of a table leaves the
fingerprint of everything else alone. Rooms that only store, draw or start things never count.

What an object's attribute is (`model.encode`) cannot be read from names: the model's own definitions always count. A method that is
looked up in a table by text is not mentioned either: whoever runs it names its place to `code`.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Iterable
from pathlib import Path

from .definitions import Module, Statement, module

PACKAGE = Path(__file__).parents[1]
# These never change a number in a row.
BESIDE = {"artefacts", "engine", "report", "notebook", "cli", "bench", "__main__"}
# A model reaches a computation as an argument.
ALWAYS = ("diffusion.model:LatentModel", "diffusion.model:Posterior", "diffusion.model:load")


def code(*places) -> str:
    """16 hexadecimal digits that change with the code of `places` and all that it uses of this package.

    A place is text "module:name" below the package ("protect.photoguard:encoder") or a function or class at the top of one of its
    modules. ALWAYS counts too. Nothing is imported. ValueError, one line: a place that there is not.
    """
    start = set()
    for place in dict.fromkeys((*ALWAYS, *places)):
        start |= _place(place)
    return _digest(_closure(start))


# What counts is a set of atoms: (module, name), a definition; (module, None), a whole module; (module, statement), one that acts.


def _place(place) -> set:
    """The atoms that a place stands for."""
    text = place
    if not isinstance(place, str):
        work = inspect.unwrap(place) if callable(place) else place
        package, _, inside = str(getattr(work, "__module__", "")).partition(".")
        text = f"{inside}:{getattr(work, '__qualname__', '')}" if package == PACKAGE.name else ""
    remedy = f'give "module:function" below {PACKAGE.name}, e.g. "protect.photoguard:encoder"'
    if not re.fullmatch(r"(\w+(\.\w+)*)?:\w+(\.\w+)*", text):
        raise ValueError(f"expected a function at the top of a module of {PACKAGE.name}, got {place!r}; {remedy}")
    where, _, name = text.partition(":")
    path = _file(PACKAGE.joinpath(*filter(None, where.split("."))))
    found = _resolve(module(path), tuple(name.split("."))) if path else set()
    if not found:
        raise ValueError(f"there is no {text} in {PACKAGE.name} to take a fingerprint of; {remedy}")
    return found


def _closure(start: set) -> set:
    """The atoms of `start` with all that they use, and with the statements that act on what is used."""
    seen, todo = set(), list(start)
    acting: dict[Statement, Module] = {}
    while todo:
        while todo:
            there, what = atom = todo.pop()
            if atom in seen:
                continue
            seen.add(atom)
            acting.update((statement, there) for statement in there.statements if statement.acts)
            for statement in _statements(atom):
                todo += _uses(there, statement, whole=what is None)
        for statement, there in list(acting.items()):  # TABLE.update(...) counts where TABLE does
            if not _uses(there, statement).isdisjoint(seen):
                todo.append((there, statement))
                del acting[statement]
    return seen


def _statements(atom) -> Iterable[Statement]:
    there, what = atom
    if isinstance(what, Statement):
        return [what]
    return there.statements if what is None else there.table[what]


def _uses(there: Module, statement: Statement, whole=False) -> set:
    """The atoms that a statement mentions; of an import statement none, but of a module that counts whole all that it imports."""
    found = set()
    if statement.only_imports:
        origins = [origin for name in statement.imports for origin in statement.imports[name]] if whole else []
        return found.union(*(_imported(there, origin) or set() for origin in origins))
    for mention in statement.mentions:
        for origin in statement.imports.get(mention[0], ()):  # inside of a function's body, say
            found |= _imported(there, origin, mention[1:]) or set()
        found |= _resolve(there, mention)
    return found


def _resolve(there: Module, mention: tuple) -> set:
    """The atoms that a dotted name stands for in a module; none for what the module does not bind."""
    name, rest, found = mention[0], mention[1:], set()
    for statement in there.table.get(name, ()):
        origins = [_imported(there, origin, rest) for origin in statement.brings(name)]
        if not statement.only_imports or None in origins:
            found.add((there, name))
        found = found.union(*filter(None, origins))
    return found


def _imported(there: Module, origin: tuple, rest=()) -> set | None:
    """The atoms of an imported name with the attributes `rest`; None for what comes from outside of the package."""
    dots, name, inside = origin
    parts = name.split(".") if name else []
    if dots:
        stem = there.path.parents[dots - 1].joinpath(*parts)
    elif parts[0] == PACKAGE.name:
        stem = PACKAGE.joinpath(*parts[1:])
    else:
        return None
    return _attribute(stem, (*filter(None, (inside,)), *rest), there.path) if stem.is_relative_to(PACKAGE) else None


def _attribute(stem: Path, attributes: tuple, asking: Path) -> set:
    """The atoms of a module's attribute: what it defines or imports under that name, else the module below it; bare, all of it."""
    path, rest = _file(stem), attributes[1:]
    if path is None:  # a folder without __init__.py
        return _attribute(stem / attributes[0], rest, asking) if attributes and stem.is_dir() else set()
    if path.relative_to(PACKAGE).parts[0].removesuffix(".py") in BESIDE:
        return set()
    there = module(path)
    if not attributes:
        return {(there, None)}
    bound = there.table.get(attributes[0], ())
    if bound and not (path == asking and all(statement.only_imports for statement in bound)):  # `from . import x` binds x itself
        return _resolve(there, attributes)
    if path.name == "__init__.py" and _file(path.parent / attributes[0]):
        return _attribute(path.parent / attributes[0], rest, asking)
    return set() if attributes[0] in ("__file__", "__name__") else {(there, None)}  # made while it runs: anything may have a part


def _file(stem: Path) -> Path | None:
    """The file of the module that lies at `stem`."""
    return next((path for path in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")) if path.is_file()), None)


def _digest(atoms: set) -> str:
    """16 hexadecimal digits of the definitions' texts, each under its module's name, in the order they stand there."""
    texts = set()
    for there, what in atoms:
        where = there.path.relative_to(PACKAGE).as_posix() if there.path.is_relative_to(PACKAGE) else there.path.name
        for statement in _statements((there, what)):
            text = f"{what}: {statement.imports[what]}" if statement.only_imports and what else statement.text
            texts.add((where, there.statements.index(statement), text))
    return hashlib.sha256("\n".join(f"{where} {text}" for where, _, text in sorted(texts)).encode()).hexdigest()[:16]
