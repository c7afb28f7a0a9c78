"""What notebooks there are, as each describes itself in its metadata under "reproduce": title, claim, needs, minutes, artefacts."""

from __future__ import annotations

import ast
import json
import os
from dataclasses import dataclass
from pathlib import Path

from ..diffusion import profiles

STANDARD = ("PROFILE", "SCALE", "SEED", "OUT")


@dataclass(frozen=True)
class Entry:
    """One notebook as it describes itself; `minutes` maps a scale to minutes on two CPU cores, bundled."""

    name: str
    path: Path
    title: str
    claim: str
    needs: str
    minutes: dict
    artefacts: list
    parameters: dict


def root() -> Path:
    """The folder that holds `notebooks/`: REPRODUCE_ROOT, else the checkout of this package, else here."""
    if os.environ.get("REPRODUCE_ROOT"):
        return Path(os.environ["REPRODUCE_ROOT"]).absolute()
    checkout = Path(__file__).absolute().parents[2]
    return checkout if (checkout / "notebooks").is_dir() else Path.cwd()


def catalogue() -> list[Entry]:
    """All notebooks under `notebooks/`, by name; ValueError for one that does not describe itself."""
    return [_entry(path) for path in sorted((root() / "notebooks").glob("*.ipynb"))]


def find(name: str) -> Entry:
    """The notebook called `name`; its number ("01") or file name will do. ValueError lists what there is."""
    entries = catalogue()
    stem = Path(name).name.removesuffix(".ipynb")
    found = [e for e in entries if e.name == stem or e.name.split("_")[0] == stem]
    return found[0] if found else profiles.one_of("notebook", name, [e.name for e in entries])


def parameters(cells: list[dict], name="notebook") -> dict:
    """Names and default values of the cell tagged `parameters`; ValueError unless they are literals."""
    tagged = [c for c in cells if "parameters" in c.get("metadata", {}).get("tags", [])]
    if len(tagged) != 1:
        raise ValueError(f"{name}: expected one cell tagged 'parameters', found {len(tagged)}")
    found = {}
    for node in ast.parse(source(tagged[0])).body:
        if (
            not isinstance(node, ast.Assign)
            or len(node.targets) != 1
            or not isinstance(node.targets[0], ast.Name)
        ):
            raise ValueError(
                f"{name}: the parameters cell holds more than NAME = literal: {ast.unparse(node)}"
            )
        try:
            found[node.targets[0].id] = ast.literal_eval(node.value)
        except ValueError:
            raise ValueError(f"{name}: parameter {node.targets[0].id} is not a literal") from None
    return found


def source(cell: dict) -> str:
    """The text of a cell, which a notebook file holds as text or as a list of lines."""
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def check_parameters(entry: Entry, given: dict) -> dict:
    """`given` with values of the defaults' types; ValueError lists the notebook's parameters."""
    checked = {}
    for name, value in given.items():
        if name not in entry.parameters:
            profiles.one_of(f"parameter of {entry.name}", name, list(entry.parameters))
        default = entry.parameters[name]
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if isinstance(default, str) and not isinstance(value, str):
            value = str(value)
        if default is not None and type(value) is not type(default):
            kind = type(default).__name__
            raise ValueError(
                f"parameter {name} of {entry.name}: expected {kind} like {default!r}, got {value!r}"
            )
        checked[name] = value
    return checked


def _entry(path: Path) -> Entry:
    try:
        book = json.loads(path.read_text(encoding="utf-8"))
        about = book["metadata"]["reproduce"]
        fields = {k: about[k] for k in ("title", "claim", "needs", "minutes", "artefacts")}
        found = parameters(book["cells"], path.name)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path.name} does not describe itself: {type(error).__name__} {error}") from None
    return Entry(path.stem, path, parameters=found, **fields)
