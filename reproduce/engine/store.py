"""What was computed once is kept: one entry per job, written whole or not at all.

An entry is `KEY.json` (rows, seconds, the hash of the pictures) and, where there are any, `KEY.npz` (8-bit).
The JSON is written last and is what makes an entry exist, so a killed process never leaves half of one.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..artefacts.files import NoSpace, write
from ..artefacts.plain import plain

__all__ = ["Entry", "NoSpace", "Store", "write"]


@dataclass(frozen=True)
class Entry:
    """One finished job: rows of plain values, pictures as uint8 arrays (N, H, W, 3), seconds it took."""

    rows: list[dict]
    images: dict[str, np.ndarray] = field(default_factory=dict)
    seconds: float = 0.0


class Store:
    """Finished jobs in a folder; `None` is `.cache/reproduce` here, or where REPRODUCE_CACHE points."""

    def __init__(self, folder=None):
        folder = folder or os.environ.get("REPRODUCE_CACHE") or Path(".cache", "reproduce")
        self.folder = Path(folder).absolute()
        for left in self.folder.glob("*/.tmp-*"):  # of a process killed while it wrote
            if time.time() - left.stat().st_mtime > 3600:
                left.unlink(missing_ok=True)

    def get(self, name: str) -> Entry | None:
        """The entry called `name`, or None. A damaged one is thrown away with one warning."""
        record = self._path(name, "json")
        if not record.exists():
            return None
        try:
            head = json.loads(record.read_bytes())
            images = self._pictures(name, head["images"])
            return Entry(head["rows"], images, head["seconds"])
        except (ValueError, KeyError, TypeError, OSError) as error:
            warnings.warn(f"cache entry {record} is damaged ({error}); computing it again", stacklevel=2)
            self.drop(name)
            return None

    def put(self, name: str, rows: list[dict], images: dict[str, np.ndarray] | None = None, *, seconds=0.0):
        """Keep `rows` (JSON-able dicts) and `images` (name -> uint8 (N, H, W, 3)) under `name`."""
        digest = None
        if images:
            for what, array in images.items():
                if array.dtype != np.uint8:
                    raise ValueError(
                        f"expected 8-bit pictures, got {array.dtype} for {what!r}; quantise them first"
                    )
            data = _npz(images)
            digest = hashlib.sha256(data).hexdigest()
            write(self._path(name, "npz"), data)
        head = {"rows": plain(rows), "seconds": round(float(seconds), 3), "images": digest}
        write(self._path(name, "json"), json.dumps(head, indent=0, sort_keys=False).encode())

    def drop(self, name: str) -> None:
        """Forget the entry, the JSON first, so that half an entry never looks whole."""
        for kind in ("json", "npz"):
            self._path(name, kind).unlink(missing_ok=True)

    def __contains__(self, name: str) -> bool:
        return self._path(name, "json").exists()

    def _path(self, name: str, kind: str) -> Path:
        return self.folder / name[:2] / f"{name}.{kind}"

    def _pictures(self, name: str, digest: str | None) -> dict[str, np.ndarray]:
        if digest is None:
            return {}
        data = self._path(name, "npz").read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            raise ValueError("its pictures are not the ones that were written")
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return {what: file[what] for what in file.files}


def _npz(images: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **images)
    return buffer.getvalue()
