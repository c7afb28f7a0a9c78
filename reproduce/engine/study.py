"""A study: which model, how much, with which seed; its sweeps, kept job by job; what it writes as figures.

A sweep is a list of jobs. Each finished job is stored at once, under what it depends on, so that an interrupted sweep goes on where it
stopped and ends with the same rows, and whatever does not change is never computed again.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from ..artefacts import manifest
from ..artefacts.files import NoSpace
from ..artefacts.rows import rows_csv
from ..diffusion import profiles
from ..method import Unavailable
from . import executors, fingerprint, provenance, worker
from .jobs import Job, Stored
from .keys import key, plain
from .store import Store
from .sweep import Sweep

BESIDE = ("python", "reproduce", "matplotlib")  # versions that change no number


class Study:
    """The context that a notebook works in. Nothing heavy happens before it is needed.

    profile   "bundled", "sd15", "sd21" or a folder with a model
    scale     "smoke", "standard" or "paper";  seed  a whole number from 0
    out       where figures go, in a folder named by model, pictures and scale: see `folder`
    images    a folder of pictures instead of the profile's own
    notebooks artefact -> notebook, for the manifest
    workers   processes that compute; None: REPRODUCE_WORKERS, else one a core, on a GPU one
    executor  None: REPRODUCE_EXECUTOR, else processes here; "dask=ADDRESS", "slurm"
    opener    opens a profile by name, scale; with one, all is computed in this process
    """

    def __init__(
        self,
        profile="bundled",
        scale="standard",
        seed=0,
        out="figures",
        *,
        images=None,
        store=None,
        notebooks=None,
        workers: int | None = None,
        executor: str | None = None,
        opener: Callable | None = None,
    ):
        profiles.one_of("scale", scale, profiles.SCALES)
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"expected a seed that is a whole number from 0, got {seed!r}")
        self.name, self.scale, self.seed, self.images = str(profile), scale, seed, images or None
        self.folder = folder(out, profile, scale, self.images)
        self.store = store or Store()
        self.notebooks = notebooks or {}
        self.seconds = 0.0  # of all jobs of all sweeps so far, stored ones included
        self._opener = opener
        self._workers = 1 if opener else workers or _count(os.environ.get("REPRODUCE_WORKERS"))
        self._executor = executor or os.environ.get("REPRODUCE_EXECUTOR") or None
        self._open = contextlib.ExitStack()
        atexit.register(self._open.close)

    @functools.cached_property
    def identity(self):
        """Which model this is: .name, .fingerprint, .size, .device, .precision, .varies, .inpaints, .describe(); no weights are read."""
        return profiles.identify(self.name) if self._opener is None else self.profile

    @functools.cached_property
    def profile(self):
        """The opened profile (.model, .size), for pictures that a notebook shows; sweeps open their own."""
        return self._opener(self.name, self.scale) if self._opener else profiles.open(self.name)

    @property
    def judges(self):
        """Which networks judge pictures beside the model (diffusion.judges.Judges)."""
        return self.profile.model.judges if self._opener else profiles.judges(self.name)

    @property
    def workers(self) -> int:
        """How many jobs are computed at once."""
        return self._workers or (executors.cores() if self.identity.device == "cpu" else 1)

    def sweep(self, name: str, jobs: Iterable[Job]) -> Sweep:
        """Compute every job not stored yet; returns rows and pictures in job order.

        A job is stored under its values and pictures, the code of its function and of those it uses, the model, the device and the
        libraries, and nothing else. Raises RuntimeError naming the job that failed, NoSpace on a full disk.
        """
        jobs = list(jobs)
        names = [self.key(job) for job in jobs]
        if len(set(names)) < len(names):
            twice = next(i for i, k in enumerate(names) if k in names[:i])
            raise ValueError(f"sweep {name!r}: jobs {names.index(names[twice])} and {twice} are the same: {jobs[twice].values}")
        todo = [i for i, k in enumerate(names) if self.store.get(k) is None]
        if todo:
            self._compute(name, jobs, names, todo)
        done = Sweep(name, jobs, names, self.store)
        self.seconds += done.seconds
        return done

    def key(self, job: Job) -> str:
        """The name that a job's result is stored under."""
        pictures = {name: _named(given) for name, given in job.pictures.items()}
        weights = [job.weights.key] if job.weights else []
        return key(*self._base, fingerprint.code(job.work, *job.uses), job.work, plain(job.values), pictures, *weights)

    @functools.cached_property
    def _base(self) -> list:
        libraries = [f"{name} {version}" for name, version in provenance.versions().items() if name not in BESIDE]
        model = self.identity
        return [model.fingerprint, str(model.device), str(model.precision), libraries]

    def _compute(self, name, jobs, names, todo):
        kept = len(names) - len(todo)
        calls = ((i, functools.partial(self._call, jobs[i])) for i in todo)
        with executors.progress(name, len(names), kept) as bar:
            try:
                opened = self.profile if self._opener else None
                for i, (rows, images, weights, seconds) in executors.run(calls, self._pool, workers=self.workers, profile=opened):
                    self.store.put(names[i], rows, images, weights, seconds=seconds)
                    kept += 1
                    bar.update()
            except KeyboardInterrupt:
                bar.close()
                executors.say(f"interrupted: {kept} of {len(names)} jobs kept; run the same command again to resume")
                raise
            except NoSpace as error:  # say what the rest will need, not only this job
                raise NoSpace(error.folder, error.need * (len(names) - kept)) from None
            except Exception as error:
                i = getattr(error, "number", None)
                if i is None or isinstance(error, Unavailable):  # nothing of this job's: no other could be done either
                    raise
                told = f"job {i + 1} of {len(jobs)} of {name!r} {jobs[i].told | jobs[i].at | jobs[i].values} failed"
                raise RuntimeError(f"{told:.400}: {type(error).__name__}: {error}") from error

    @functools.cached_property
    def _pool(self):
        if self._opener:
            return None
        return self._open.enter_context(executors.opened(self._executor, self.workers))

    def _call(self, job: Job) -> worker.Call:
        pictures = {name: self.read(given) for name, given in job.pictures.items()}
        weights = self._weights(job.weights) if job.weights else None
        if self._opener:
            return worker.Call(job.work, plain(job.values), pictures, self.name, None, None, weights=weights)
        model = self.identity
        whose = (self.name, model.device, model.precision, model.fingerprint)
        return worker.Call(job.work, plain(job.values), pictures, *whose, weights)

    def read(self, given) -> np.ndarray:
        """Pictures of a job as an 8-bit array (N, H, W, C), from the store where an earlier job made them."""
        if isinstance(given, Stored):
            entry = self.store.get(given.key)
            if entry is None or given.name not in entry.images:
                raise ValueError(f"{given.name!r} pictures of an earlier job are gone from {self.store.folder}; run the notebook again")
            whole = entry.images[given.name]
            return whole if given.rows is None else whole[list(given.rows)]
        return np.concatenate([self.read(one) for one in given]) if isinstance(given, list) else given

    def _weights(self, given: Stored) -> bytes:
        """The weights of an earlier job, as safetensors."""
        entry = self.store.get(given.key)
        if entry is None or entry.weights is None:
            raise ValueError(f"the weights of an earlier job are gone from {self.store.folder}; run the notebook again")
        return self.store.weights(given.key, entry)

    def save_rows(self, artefact: str, rows: list[dict], *, settings: dict | None = None) -> None:
        """Write `<artefact>.csv`: columns as they appear, floats to 6 digits; equal rows give equal bytes."""
        self._save(artefact, ".csv", rows_csv(rows).encode(), settings)

    def save_figure(self, artefact: str, figure, *, settings: dict | None = None):
        """Write `<artefact>.png` at 150 dots per inch, signed with model, seed and scale; returns the figure, for the notebook to show."""
        from ..report import figures

        signature = f"{self.identity.describe()}; seed {self.seed}, scale {self.scale}"
        self._save(artefact, ".png", figures.signed(figure, signature), settings)
        return figure

    def show(self, artefact: str):
        """The table or figure `artefact`, made of rows that were saved before; written beside them, returned for the notebook to show."""
        from ..report import pages

        return pages.publish(self.folder, artefact)

    def _save(self, artefact, suffix, data, settings) -> None:
        model = self.identity
        origin = {
            "notebook": self.notebooks.get(artefact),
            "profile": self.name,
            "scale": self.scale,
            "seed": self.seed,
            "size": model.size,
            "model": {"name": model.name, "fingerprint": model.fingerprint},
            "device": str(model.device),
            "precision": str(model.precision),
            "pictures": Path(self.images).name if self.images else None,
            "versions": provenance.versions(),
        }
        path = self.folder / f"{artefact}{suffix}"
        manifest.enter(path, data, artefact, origin, settings=settings or {}, seconds=self.seconds)


def folder(out, profile, scale, images=None) -> Path:
    """Where a run's files go: a folder of `out` named by model, pictures and scale, so that no run writes over another's.

    A known profile has its name, a model's folder its own with six digits of its path; pictures add their folder's name likewise; the
    standard scale adds nothing, another its name.
    """
    parts = [str(profile) if profile in profiles.KNOWN else _placed(profile)]
    parts += [_placed(images)] if images else []
    return Path(out) / "-".join(parts + ([] if scale == "standard" else [scale]))


def _placed(path) -> str:
    whole = Path(path).absolute()
    return f"{whole.name or 'root'}-{hashlib.sha256(os.path.normpath(whole).encode()).hexdigest()[:6]}"


def _count(text) -> int | None:
    if not text:
        return None
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"workers: expected a whole number, 1 or more, got {text!r}")
    return int(text)


def _named(given):
    """What a job's key says of its pictures: those of an earlier job by its key, others by their contents."""
    if isinstance(given, Stored):
        return {"stored": [given.key, given.name, None if given.rows is None else list(given.rows)]}
    return [_named(one) for one in given] if isinstance(given, list) else given
