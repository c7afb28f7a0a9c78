"""What was computed once is kept: one entry per job, written whole or not at all, believed only while it is what was written.

An entry is `KEY.json` (its key, rows, seconds, the hash of its pictures, a hash of all that) and, where there are pictures,
`KEY.HASH.npz` (8-bit), called by their hash. The JSON is written last and is what makes an entry exist, so a killed process never
leaves half of one, and of two that write the same entry at once each one's JSON finds its own pictures.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import os
import shutil
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..artefacts.files import write
from ..artefacts.plain import plain

OLD = {"rows", "seconds", "images"}  # the fields of an entry before it had a hash
FIELDS = OLD | {"sha256"}


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
        self._met_old = False
        for left in itertools.chain(self.folder.glob(".tmp-*"), self.folder.glob("*/.tmp-*")):  # of a process killed while it wrote
            with contextlib.suppress(OSError):  # another process may sweep, too
                if time.time() - left.stat().st_mtime > 3600:
                    left.unlink()

    def get(self, name: str) -> Entry | None:
        """The entry called `name`, or None. What is not as it was written is thrown away with one warning."""
        record = self._record(name)
        try:
            data = record.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            return self._refuse(name, error)
        try:
            head = json.loads(data)
            if isinstance(head, dict) and set(head) == OLD:
                return self._refuse(name, None)
            if set(head) != FIELDS or head["sha256"] != _sha(name, head["rows"], head["seconds"], head["images"]):
                raise ValueError("it is not what was written under this name")
            return Entry(head["rows"], self._pictures(name, head["images"]), head["seconds"])
        except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
            return self._refuse(name, error)

    def put(self, name: str, rows: list[dict], images: dict[str, np.ndarray] | None = None, *, seconds=0.0):
        """Keep `rows` (JSON-able dicts) and `images` (name -> uint8 (N, H, W, 3)) under `name`."""
        rows, seconds, digest = plain(rows), round(float(seconds), 3), None
        if images:
            for what, array in images.items():
                if array.dtype != np.uint8:
                    raise ValueError(
                        f"expected 8-bit pictures, got {array.dtype} for {what!r}; quantise them first"
                    )
            data = _npz(images)
            digest = hashlib.sha256(data).hexdigest()
            self._write(self._file(name, digest), data)
        head = {"rows": rows, "seconds": seconds, "images": digest, "sha256": _sha(name, rows, seconds, digest)}
        self._write(self._record(name), json.dumps(head, indent=0, sort_keys=False).encode())

    def drop(self, name: str) -> None:
        """Forget the entry, the JSON first, so that half an entry never looks whole; folders in its place go, too."""
        record = self._record(name)
        for path in (record, record.with_suffix(".npz"), *record.parent.glob(f"{name}.*.npz")):
            _remove(path)

    def __contains__(self, name: str) -> bool:
        return self._record(name).is_file()

    def _record(self, name: str) -> Path:
        return self.folder / name[:2] / f"{name}.json"

    def _file(self, name: str, digest: str) -> Path:
        return self._record(name).with_name(f"{name}.{digest[:16]}.npz")

    def _write(self, path: Path, data: bytes) -> None:
        if path.is_dir():
            _remove(path)
        write(path, data)

    def _refuse(self, name: str, error: Exception | None) -> None:
        """Say in one line that an entry is of no use, and throw it away; error: None for the format before this one."""
        if error is not None:
            reason = str(error).partition("\n")[0][:200]
            warnings.warn(f"cache entry {self._record(name)} is damaged ({reason}); computing it again", stacklevel=3)
        elif not self._met_old:
            self._met_old = True
            warnings.warn(f"the cache {self.folder} has entries in an older format, without a hash; computing them again", stacklevel=3)
        with contextlib.suppress(OSError):  # where it may not be removed, what is computed goes in its place
            self.drop(name)

    def _pictures(self, name: str, digest: str | None) -> dict[str, np.ndarray]:
        if digest is None:
            return {}
        data = self._file(name, digest).read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            raise ValueError("its pictures are not the ones that were written")
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return {what: file[what] for what in file.files}


def _sha(name: str, rows: list, seconds: float, images: str | None) -> str:
    """The hash of an entry: of what it says and of the key it says it under, however the JSON is laid out."""
    return hashlib.sha256(json.dumps([name, rows, seconds, images]).encode()).hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _npz(images: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **images)
    return buffer.getvalue()
