"""What was computed once is kept: one entry per job, written whole or not at all, believed only while it is what was written.

An entry is `KEY.json` (its key, rows, seconds, the hashes of its pictures and weights, a hash of all that) and, where there are any,
`KEY.HASH.npz` (pictures, 8-bit) and `KEY.HASH.safetensors`, called by their hashes. The JSON is written last and is what makes an entry
exist, so a killed process never leaves half of one, and of two that write the same entry at once each one's JSON finds its own files.
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
SUFFIXES = {"images": "npz", "weights": "safetensors"}  # of the files beside an entry's JSON


@dataclass(frozen=True)
class Entry:
    """One finished job: rows of plain values, pictures as uint8 arrays (N, H, W, 3), seconds it took, whether it left weights."""

    rows: list[dict]
    images: dict[str, np.ndarray] = field(default_factory=dict)
    seconds: float = 0.0
    weights: str | None = None  # their hash


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
            files = [head["images"]] + ([head["weights"]] if "weights" in head else [])
            if set(head) - {"weights"} != FIELDS or head["sha256"] != _sha(name, head["rows"], head["seconds"], *files):
                raise ValueError("it is not what was written under this name")
            entry = Entry(head["rows"], self._pictures(name, head["images"]), head["seconds"], head.get("weights"))
            self.weights(name, entry)
            return entry
        except (ValueError, KeyError, TypeError, OSError, RecursionError) as error:
            return self._refuse(name, error)

    def weights(self, name: str, entry: Entry) -> bytes | None:
        """The weights of an entry, as safetensors, or None. ValueError: they are not the ones that were written."""
        return None if entry.weights is None else self._read(self._file(name, entry.weights, "weights"), entry.weights)

    def put(self, name: str, rows: list[dict], images: dict[str, np.ndarray] | None = None, weights: bytes | None = None, *, seconds=0.0):
        """Keep `rows` (JSON-able dicts), `images` (name -> uint8 (N, H, W, 3)) and `weights` (safetensors) under `name`."""
        rows, seconds, digest = plain(rows), round(float(seconds), 3), None
        if images:
            for what, array in images.items():
                if array.dtype != np.uint8:
                    raise ValueError(
                        f"expected 8-bit pictures, got {array.dtype} for {what!r}; quantise them first"
                    )
            digest = self._keep(name, "images", _npz(images))
        head, files = {"rows": rows, "seconds": seconds, "images": digest}, [digest]
        if weights is not None:
            files.append(self._keep(name, "weights", weights))
            head["weights"] = files[-1]
        head["sha256"] = _sha(name, rows, seconds, *files)
        self._write(self._record(name), json.dumps(head, indent=0, sort_keys=False).encode())

    def _keep(self, name: str, kind: str, data: bytes) -> str:
        """Write a file beside an entry; returns its hash."""
        digest = hashlib.sha256(data).hexdigest()
        self._write(self._file(name, digest, kind), data)
        return digest

    def drop(self, name: str) -> None:
        """Forget the entry, the JSON first, so that half an entry never looks whole; folders in its place go, too."""
        record = self._record(name)
        beside = [path for suffix in SUFFIXES.values() for path in record.parent.glob(f"{name}.*.{suffix}")]
        for path in (record, record.with_suffix(".npz"), *beside):
            _remove(path)

    def __contains__(self, name: str) -> bool:
        return self._record(name).is_file()

    def _record(self, name: str) -> Path:
        return self.folder / name[:2] / f"{name}.json"

    def _file(self, name: str, digest: str, kind: str = "images") -> Path:
        return self._record(name).with_name(f"{name}.{digest[:16]}.{SUFFIXES[kind]}")

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
        with np.load(io.BytesIO(self._read(self._file(name, digest), digest)), allow_pickle=False) as file:
            return {what: file[what] for what in file.files}

    def _read(self, path: Path, digest: str) -> bytes:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != digest:
            raise ValueError(f"its {path.suffix[1:]} file is not the one that was written")
        return data


def _sha(name: str, rows: list, seconds: float, *files: str | None) -> str:
    """The hash of an entry: of what it says, of its files' hashes, and of the key it says it under, however the JSON is laid out."""
    return hashlib.sha256(json.dumps([name, rows, seconds, *files]).encode()).hexdigest()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _npz(images: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **images)
    return buffer.getvalue()
