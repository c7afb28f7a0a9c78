"""Writing a file whole or not at all, with one line where the disk is full."""

from __future__ import annotations

import errno
import math
import os
import tempfile
from pathlib import Path


class NoSpace(OSError):
    """The disk is full; `need` is the size in bytes of what could not be written."""

    def __init__(self, folder: Path, need: int):
        self.folder, self.need = Path(folder), need
        size = max(1, math.ceil(need / 1e6))
        super().__init__(
            errno.ENOSPC, f"no space left in {folder}; free about {size} MB or pass --out / REPRODUCE_CACHE"
        )

    def __str__(self) -> str:
        return self.strerror

    def __reduce__(self):
        return NoSpace, (self.folder, self.need)


def write(path, data: bytes) -> None:
    """Write `data` to `path` whole or not at all; raises NoSpace when the disk is full."""
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".tmp-", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp's 0600 would hide committed files from others
        os.replace(temporary, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace(path.parent, len(data)) from None
        raise
    finally:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
