"""Notebooks: what there is, the start cell they all share, and running one with papermill.

A notebook describes itself in its metadata under "reproduce" (title, claim, needs, minutes, artefacts). `run`
executes it at the root of the checkout and writes the executed copy beside its figures.
"""

from __future__ import annotations

import ast
import json
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

from . import profiles, provenance
from .study import Study

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
    checkout = Path(__file__).absolute().parent.parent
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


def check(profile: str, scale: str, seed: int) -> None:
    """ValueError with one line where profile, scale or seed is not one that there is."""
    profiles.check(profile, scale)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"expected a seed that is a whole number from 0, got {seed!r}")


def start(PROFILE="bundled", SCALE="standard", SEED=0, OUT="figures", *, images=None) -> Study:
    """The start cell of every notebook: checks the parameters, opens the model, prints what this run is.

    REPRODUCE_SCALE and REPRODUCE_OUT, where set, take the place of SCALE and OUT: tests run notebooks so.
    Works at the root of the checkout from here on, so that `figures` means the same in every notebook.
    """
    SCALE = os.environ.get("REPRODUCE_SCALE") or SCALE
    OUT = os.environ.get("REPRODUCE_OUT") or OUT
    check(PROFILE, SCALE, SEED)
    os.chdir(root())
    quiet()
    from . import report

    report.use_style()
    artefacts = {name: entry.name for entry in catalogue() for name in entry.artefacts}
    study = Study(PROFILE, SCALE, SEED, OUT, images=images, notebooks=artefacts)
    print(_paragraph(study))
    return study


def quiet() -> None:
    """Keep out of the notebook what says nothing to its reader: bars of weights being read, notes on widgets and layouts."""
    for message in ("IProgress not found", "There are no gridspecs with layoutgrids"):
        warnings.filterwarnings("ignore", message=message)
    from transformers.utils import logging

    logging.disable_progress_bar()


def _paragraph(study: Study) -> str:
    import torch

    model = study.model
    name, device = getattr(model, "name", study.name), getattr(model, "device", "cpu")
    fingerprint = str(model.fingerprint)[:12]
    versions = ", ".join(f"{k} {v}" for k, v in provenance.versions().items())
    return (
        f"Profile {study.name} at scale {study.scale}, seed {study.seed}, on {device} "
        f"({torch.get_num_threads()} threads). Model {name}, fingerprint {fingerprint}. {versions}."
    )


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


def run(name: str, *, profile="bundled", scale="standard", seed=0, out="figures", parameters=None) -> Path:
    """Execute a notebook with papermill; returns the path of the executed copy, beside its figures.

    Raises ValueError for a name, value or parameter that there is not, execute.Failed for a failing cell.
    """
    from . import execute

    entry = find(name)
    values = {"PROFILE": str(profile), "SCALE": scale, "SEED": seed, "OUT": str(out)}
    values |= check_parameters(entry, parameters or {})
    check(values["PROFILE"], values["SCALE"], values["SEED"])
    return execute.execute(entry, values, root())


def _entry(path: Path) -> Entry:
    try:
        book = json.loads(path.read_text(encoding="utf-8"))
        about = book["metadata"]["reproduce"]
        fields = {k: about[k] for k in ("title", "claim", "needs", "minutes", "artefacts")}
        found = parameters(book["cells"], path.name)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path.name} does not describe itself: {type(error).__name__} {error}") from None
    return Entry(path.stem, path, parameters=found, **fields)
