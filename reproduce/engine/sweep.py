"""The finished jobs of one sweep: rows in job order, pictures by what their jobs say of themselves."""

from __future__ import annotations

import numpy as np

from .jobs import Job, Stored, tensor
from .store import Entry, Store


class Sweep:
    """`.rows`, `.images(which, name)`, `.stored(which, name)`, `.seconds` of computing, and each job's, `.took`.

    which: fields of a job's `told` and `at`.
    """

    def __init__(self, name: str, jobs: list[Job], keys: list[str], store: Store):
        self.name, self.jobs, self._keys, self._store = name, jobs, keys, store
        self._fields = [job.told | job.at for job in jobs]
        entries = [self._entry(i) for i in range(len(jobs))]
        self.took = [entry.seconds for entry in entries]
        self.seconds = sum(self.took)
        self._rows = [[job.told | row for row in entry.rows] for job, entry in zip(jobs, entries, strict=True)]

    @property
    def rows(self) -> list[dict]:
        """All rows in job order, each job's `told` in front."""
        return [dict(row) for rows in self._rows for row in rows]

    def grouped(self) -> list[tuple[Job, list[dict]]]:
        """Each job with its rows."""
        return list(zip(self.jobs, self._rows, strict=True))

    def find(self, which: dict) -> list[int]:
        """The numbers of the jobs with these fields. ValueError: none has."""
        found = [i for i, fields in enumerate(self._fields) if which.items() <= fields.items()]
        if not found:
            raise ValueError(f"sweep {self.name!r}: no job has {which}; the first one is {self._fields[:1]}")
        return found

    def images(self, which: dict, name: str):
        """Float tensor (N, 3, H, W) in [0, 1]: the stored 8-bit pictures called `name` of all jobs with those fields, in job order."""
        stacks = []
        for i in self.find(which):
            images = self._entry(i).images
            if name not in images:
                raise ValueError(f"sweep {self.name!r}: job {i} has no {name!r} pictures; it has {sorted(images)}")
            stacks.append(images[name])
        return tensor(np.concatenate(stacks))

    def stored(self, which: dict, name: str, rows=None) -> Stored | list[Stored]:
        """The same as a reference for later jobs; a list where several jobs have those fields. rows: of one job's pictures, these alone."""
        found = [Stored(self._keys[i], name, None if rows is None else tuple(rows)) for i in self.find(which)]
        return found[0] if len(found) == 1 else found

    def _entry(self, i: int) -> Entry:
        entry = self._store.get(self._keys[i])
        if entry is None:
            raise ValueError(f"sweep {self.name!r}: job {i} is gone from {self._store.folder}; run it again")
        return entry
