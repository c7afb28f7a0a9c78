"""Every derived artefact of every notebook, and making one from the rows in a folder.

Artefacts are always made of rows as read back from their CSV, so that a notebook and `python -m reproduce report` write the same bytes.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from ..artefacts import manifest
from ..artefacts.about import about, origin
from ..artefacts.rows import Damaged
from . import (
    customisation,
    customisation_figures,
    figures,
    identity,
    impress,
    impress_figures,
    jpeg_bypass,
    jpeg_bypass_figures,
    jpeg_edits,
    jpeg_gradient,
    jpeg_gradient_figures,
    jpeg_spectra,
    photoguard,
    photoguard_figures,
    small_world,
    strength,
    survivors,
    survivors_figures,
    transfer,
)
from .page import KINDS
from .schema import COLUMNS

_MODULES = (
    small_world, jpeg_bypass, jpeg_bypass_figures, photoguard, photoguard_figures, strength, transfer, impress, survivors,
    impress_figures, survivors_figures, jpeg_gradient, jpeg_gradient_figures, jpeg_spectra, jpeg_edits, customisation,
    customisation_figures, identity,
)  # fmt: skip
PAGES = {name: page for module in _MODULES for name, page in module.PAGES.items()}


def publish(folder, name: str):
    """Make the artefact `name` of the rows in `folder`, write `<name>.md` or `<name>.png` there and enter it in the manifest.

    Returns the Table or the figure, for a notebook to show. Raises ValueError, in one line: no such artefact; its rows are not there
    (manifest.NotRun), or are not what was saved (Damaged).
    """
    if name not in PAGES:
        near = difflib.get_close_matches(name, PAGES, 1)
        raise ValueError(f"no page {name!r}" + (f"; did you mean {near[0]}?" if near else f"; there is {', '.join(PAGES)}"))
    folder, page = Path(folder), PAGES[name]
    rows = {artefact: manifest.rows(folder, artefact, COLUMNS[artefact]) for artefact in page.rows}
    known = about(folder, page.rows)
    with figures.style():
        made = _made(page, rows, known)
        data = figures.signed(made, known.run()) if page.kind == "figure" else (made.rstrip("\n") + "\n").encode()
    settings = {"rows": list(page.rows)}
    manifest.enter(folder / f"{name}{KINDS[page.kind]}", data, name, origin(folder, page.rows[0]), settings=settings, seconds=0.0)
    return made


def _made(page, rows, known):
    """The table or figure; what it misses in the rows or their settings is told in one line."""
    try:
        return page.make(rows, known)
    except KeyError as error:
        book, where = page.rows[0][:2], ", ".join(f"{name}.csv" for name in page.rows)
        raise Damaged(f"{where}: no {error} in the rows or their settings; run notebook {book} again") from error
