"""Files under figures/: written whole, rows as CSV (equal rows, equal bytes), each in `manifest.json`.

The manifest says of every artefact where it comes from; times stand there alone, never in the rows.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import warnings
from pathlib import Path

from . import keys, store


def enter(path: Path, data: bytes, artefact: str, origin: dict, *, settings: dict, seconds: float) -> None:
    """Write `data` to `path` and its hash, `origin`, `settings` and `seconds` into the manifest beside it.

    Files of the artefact that an earlier save with the same origin wrote stay listed.
    """
    store.write(path, data)
    listing = path.parent / "manifest.json"
    manifest = _read_manifest(listing)
    old = manifest.get(artefact, {})
    if any(old.get(name) != value for name, value in origin.items()):
        old = {}
    manifest[artefact] = {
        **origin,
        "files": {**old.get("files", {}), path.name: hashlib.sha256(data).hexdigest()},
        "settings": {**old.get("settings", {}), **keys.plain(settings)},
        "seconds": round(seconds, 1),
    }
    store.write(listing, (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())


def rows_csv(rows: list[dict]) -> str:
    """Rows as CSV text; None is an empty cell, floats carry 6 significant digits."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(name)) for name in columns] for row in rows)
    return text.getvalue()


def _cell(value) -> str:
    value = keys.plain(value)
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value)


def _read_manifest(path: Path) -> dict:
    try:
        found = json.loads(path.read_text())
        if not isinstance(found, dict):
            raise ValueError("not a table")
        return found
    except FileNotFoundError:
        return {}
    except ValueError as error:
        warnings.warn(f"{path} is damaged ({error}); starting a new one", stacklevel=3)
        return {}
