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


def start(PROFILE="bundled", SCALE="standard", SEED=0, OUT="figures", IMAGES="") -> Study:
    """The start cell of every notebook: checks the parameters, prints what this run is; no model is opened before it is needed.

    IMAGES: a folder of pictures in place of the profile's own. REPRODUCE_SCALE and REPRODUCE_OUT, where set, take the place of SCALE
    and OUT: tests run notebooks so. Works at the root of the checkout from here on, so that `figures` means the same in every notebook.
    """
    SCALE = os.environ.get("REPRODUCE_SCALE") or SCALE
    OUT = os.environ.get("REPRODUCE_OUT") or OUT
    check(PROFILE, SCALE, SEED)
    os.chdir(root())
    quiet()
    from .. import report

    report.use_style()
    artefacts = {name: entry.name for entry in catalogue() for name in entry.artefacts}
    study = Study(PROFILE, SCALE, SEED, OUT, images=IMAGES, notebooks=artefacts)
    print(_paragraph(study))
    return study


def quiet() -> None:
    """Keep out of the notebook what says nothing to its reader: bars of weights being read, notes on widgets and layouts."""
    for message in ("IProgress not found", "There are no gridspecs with layoutgrids"):
        warnings.filterwarnings("ignore", message=message)
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    from transformers.utils import logging

    logging.disable_progress_bar()


def _paragraph(study: Study) -> str:
    model = study.identity
    versions = ", ".join(f"{k} {v}" for k, v in provenance.versions().items())
    pictures = f", pictures {Path(study.images).name}" if study.images else ""
    return (
        f"Profile {study.name} at scale {study.scale}, seed {study.seed}{pictures}, on {model.device} in {model.precision}. "
        f"Model {model.name}, fingerprint {model.fingerprint}. {versions}."
    )


def run(name: str, *, profile="bundled", scale="standard", seed=0, out="figures", parameters=None, workers=None, executor=None) -> Path:
    """Execute a notebook with papermill; returns the path of the executed copy, beside its figures.

    workers, executor: see engine.study.Study. Raises ValueError for a name, value or parameter that there is not, execute.Failed for
    a failing cell.
    """
    from . import execute

    entry = find(name)
    values = {"PROFILE": str(profile), "SCALE": scale, "SEED": seed, "OUT": str(out)}
    values |= check_parameters(entry, parameters or {})
    check(values["PROFILE"], values["SCALE"], values["SEED"])
    return execute.execute(entry, values, root(), workers, executor)
