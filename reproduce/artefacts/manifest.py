"""The manifest beside the rows: of every artefact where it comes from, its settings, the hash of each of its files.

Times stand there alone, never in the rows. Rows are read through it: a file that is not the one it lists is refused.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path

from .files import write
from .plain import plain
from .rows import Damaged, parse

NAME = "manifest.json"


class NotRun(ValueError):
    """There are no such rows: one line with what to run."""


def enter(path: Path, data: bytes, artefact: str, origin: dict, *, settings: dict, seconds: float) -> None:
    """Write `data` to `path` and its hash, `origin`, `settings` and `seconds` into the manifest beside it.

    Files of the artefact that an earlier save with the same origin wrote stay listed.
    """
    write(path, data)
    listing = path.parent / NAME
    manifest = _begun(listing)
    old = manifest.get(artefact, {})
    if any(old.get(name) != value for name, value in origin.items()):
        old = {}
    manifest[artefact] = {
        **origin,
        "files": {**old.get("files", {}), path.name: hashlib.sha256(data).hexdigest()},
        "settings": {**old.get("settings", {}), **plain(settings)},
        "seconds": round(seconds, 1),
    }
    write(listing, (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())


def read(folder) -> dict:
    """The manifest of a folder, artefact -> entry; {} where there is none. Damaged, in one line, where it is not readable."""
    path = Path(folder) / NAME
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Damaged(f"{NAME}: expected JSON ({error}); run the notebooks again") from None
    if not isinstance(found, dict) or not all(isinstance(entry, dict) for entry in found.values()):
        raise Damaged(f"{NAME}: expected a table of artefacts; run the notebooks again")
    return found


def rows(folder, artefact: str, columns=()) -> list[dict]:
    """The rows of an artefact, as they were saved.

    NotRun: there is no such file. Damaged: it is not listed, not the file that is listed (another sha256), cut off, without rows, or
    lacks one of `columns`. Both are ValueErrors of one line.
    """
    path = Path(folder) / f"{artefact}.csv"
    if not path.is_file():
        raise NotRun(f"no {path.name} in {folder}; run notebook {artefact[:2]} first")
    listed = read(folder).get(artefact, {}).get("files", {}).get(path.name)
    data = path.read_bytes()
    if listed is None:
        raise Damaged(f"{path.name}: not listed in {NAME}; run notebook {artefact[:2]} again")
    found = parse(data, path.name)
    if hashlib.sha256(data).hexdigest() != listed:
        raise Damaged(f"{path.name}: not the file that {NAME} lists (another sha256); run notebook {artefact[:2]} again")
    for column in columns:
        if column not in found[0]:
            raise Damaged(f"{path.name}: no column {column!r}; there is: {', '.join(found[0])}")
    return found


def _begun(path: Path) -> dict:
    """The manifest to be written on; a damaged one is begun anew, with a warning."""
    try:
        return read(path.parent)
    except Damaged as error:
        warnings.warn(f"{path} is damaged ({error}); starting a new one", stacklevel=3)
        return {}
