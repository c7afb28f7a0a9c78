"""Notebooks: what there is (`entries`), the start cell they all share, and running one with papermill (`execute`).

`run` executes a notebook at the root of the checkout and writes the executed copy beside its figures.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

from ..diffusion import profiles
from ..engine import provenance
from ..engine.study import Study
from .entries import Entry, catalogue, check_parameters, find, parameters, root, source

__all__ = ["Entry", "catalogue", "check", "check_parameters", "find", "parameters", "quiet", "root", "run", "source", "start"]

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
    from .. import report

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
