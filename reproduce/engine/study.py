"""A study: which model, how much, with which seed; its sweeps, kept job by job; what it writes as figures.

A sweep is a list of jobs (plain dicts) and one function. Each finished job is stored at once, so that an
interrupted sweep goes on where it stopped and ends with the same rows.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..artefacts import manifest
from ..artefacts.rows import rows_csv
from ..diffusion import profiles
from . import executors, fingerprint, provenance
from .keys import key, plain
from .store import Entry, NoSpace, Store


@dataclass(frozen=True)
class Result:
    """What a job hands back: `rows` of plain values, `images` name -> float tensor (N, 3, H, W) in [0, 1]."""

    rows: list[dict]
    images: dict = field(default_factory=dict)


class Study:
    """The context that a notebook works in. Nothing heavy happens before it is needed.

    profile   "bundled", "sd15", "sd21" or a folder with a model
    scale     "smoke", "standard" or "paper";  seed  a whole number from 0
    out       where figures go: `<out>/<profile>/`, at other scales than standard `<out>/<profile>-<scale>/`
    images    a folder of pictures instead of the profile's own
    notebooks artefact -> notebook, for the manifest
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
        opener: Callable | None = None,
    ):
        profiles.one_of("scale", scale, profiles.SCALES)
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ValueError(f"expected a seed that is a whole number from 0, got {seed!r}")
        self.name, self.scale, self.seed, self.images = str(profile), scale, seed, images
        self.folder = folder(out, profile, scale)
        self.store = store or Store()
        self.notebooks = notebooks or {}
        self.seconds = 0.0  # of all jobs of all sweeps so far, stored ones included
        self._opener = opener or profiles.open

    @functools.cached_property
    def profile(self):
        """The opened profile (.model, .size, .describe()); opened when first asked for."""
        return self._opener(self.name, self.scale)

    @property
    def model(self):
        """The profile's latent diffusion model."""
        return self.profile.model

    def sweep(
        self,
        name: str,
        listed: Iterable[dict],
        work: Callable[[dict], Result],
        *,
        version: str | None = None,
        executor: Executor | None = None,
    ) -> Sweep:
        """Run `work(job)` for every job not stored yet; returns rows and pictures in job order.

        A job is a dict of plain values and says all that distinguishes it: it is stored under name, job,
        model, scale, seed, library versions and code (of the package and `work`; or `version`, where given).
        `executor` is any concurrent.futures.Executor; a process pool needs a `work` that pickles.
        Raises RuntimeError naming the job that failed, NoSpace on a full disk.
        """
        listed = [plain(job) for job in listed]
        base = self._base(name, version or fingerprint.version(work))
        keys = [key(base, job) for job in listed]
        if len(set(keys)) < len(keys):
            twice = next(i for i, k in enumerate(keys) if k in keys[:i])
            raise ValueError(f"sweep {name!r}: jobs {keys.index(keys[twice])} and {twice} are the same: {listed[twice]}")
        todo = [i for i, k in enumerate(keys) if self.store.get(k) is None]
        if todo:
            self._compute(name, listed, keys, todo, work, executor)
        done = Sweep(name, listed, keys, self.store)
        self.seconds += done.seconds
        return done

    def _base(self, name, version) -> list:
        libraries = [f"{k} {v}" for k, v in provenance.versions().items() if k not in ("python", "reproduce")]
        pictures = _contents(self.images) if self.images else None
        model = self.model
        return [
            name,
            version,
            model.fingerprint,
            str(getattr(model, "device", "")),
            self.scale,
            self.seed,
            getattr(self.profile, "size", None),
            pictures,
            libraries,
        ]

    def _compute(self, name, listed, keys, todo, work, executor):
        kept = len(keys) - len(todo)
        with executors.progress(name, len(keys), kept) as bar:
            try:
                for i, result, seconds in executors.run(listed, todo, work, executor):
                    rows, images = _checked(name, i, result)
                    self.store.put(keys[i], rows, images, seconds=seconds)
                    kept += 1
                    bar.update()
            except KeyboardInterrupt:
                bar.close()
                executors.say(f"interrupted: {kept} of {len(keys)} jobs kept; run the same command again to resume")
                raise
            except NoSpace as error:  # say what the rest will need, not only this job
                raise NoSpace(error.folder, error.need * (len(keys) - kept)) from None

    def save_rows(self, artefact: str, rows: list[dict], *, settings: dict | None = None) -> Path:
        """Write `<artefact>.csv`: columns as they appear, floats to 6 digits; equal rows give equal bytes."""
        return self._save(artefact, ".csv", rows_csv(rows).encode(), settings)

    def save_figure(self, artefact: str, figure, *, settings: dict | None = None):
        """Write `<artefact>.png` at 150 dots per inch, signed with model, seed and scale; returns the figure, for the notebook to show."""
        from ..report import figures

        signature = f"{self.profile.describe()}; seed {self.seed}, scale {self.scale}"
        self._save(artefact, ".png", figures.signed(figure, signature), settings)
        return figure

    def show(self, artefact: str):
        """The table or figure `artefact`, made of rows that were saved before; written beside them, returned for the notebook to show."""
        from ..report import pages

        return pages.publish(self.folder, artefact)

    def save_table(self, artefact: str, table: str, *, settings: dict | None = None) -> str:
        """Write `<artefact>.md`; returns the table, for the notebook to show."""
        self._save(artefact, ".md", (table.rstrip("\n") + "\n").encode(), settings)
        return table

    def _save(self, artefact, suffix, data, settings) -> Path:
        origin = {
            "notebook": self.notebooks.get(artefact),
            "profile": self.name,
            "scale": self.scale,
            "seed": self.seed,
            "model": {"name": getattr(self.model, "name", self.name), "fingerprint": self.model.fingerprint},
            "size": getattr(self.profile, "size", None),
            "device": str(getattr(self.model, "device", "")).split(":")[0],
            "precision": str(getattr(self.model, "dtype", "")).removeprefix("torch."),
            "pictures": Path(self.images).name if self.images else None,
            "versions": provenance.versions(),
        }
        path = self.folder / f"{artefact}{suffix}"
        manifest.enter(path, data, artefact, origin, settings=settings or {}, seconds=self.seconds)
        return path


class Sweep:
    """The finished jobs of one sweep: `.rows`, `.jobs`, `.images(which, name)`, `.seconds` of computing."""

    def __init__(self, name: str, jobs: list[dict], keys: list[str], store: Store):
        self.name, self.jobs, self._keys, self._store = name, jobs, keys, store
        entries = [self._entry(i) for i in range(len(jobs))]
        scalar = (bool, int, float, str, type(None))
        fields = [{k: v for k, v in job.items() if isinstance(v, scalar)} for job in jobs]
        self.rows = [{**fields[i], **row} for i, entry in enumerate(entries) for row in entry.rows]
        self.seconds = sum(entry.seconds for entry in entries)

    def images(self, which: int | dict, name: str):
        """Float tensor (N, 3, H, W) in [0, 1], from the stored 8-bit pictures called `name`.

        They are those of job number `which`, or of all jobs with the fields `which`, in job order.
        """
        import torch

        if isinstance(which, int):
            found = [range(len(self.jobs))[which]]
        else:
            found = [i for i, job in enumerate(self.jobs) if which.items() <= job.items()]
        if not found:
            raise ValueError(f"sweep {self.name!r}: no job has {which}; the first one is {self.jobs[:1]}")
        stacks = []
        for i in found:
            images = self._entry(i).images
            if name not in images:
                raise ValueError(f"sweep {self.name!r}: job {i} has no {name!r} pictures; it has {sorted(images)}")
            stacks.append(images[name])
        return torch.from_numpy(np.concatenate(stacks)).permute(0, 3, 1, 2).float() / 255

    def _entry(self, i: int) -> Entry:
        entry = self._store.get(self._keys[i])
        if entry is None:
            raise ValueError(f"sweep {self.name!r}: job {i} is gone from {self._store.folder}; run it again")
        return entry


def folder(out, profile, scale) -> Path:
    """Where a run's files go: the standard scale owns the plain name; no other overwrites its files."""
    name = Path(str(profile)).name or "profile"
    return Path(out) / (name if scale == "standard" else f"{name}-{scale}")


def _checked(name, i, result) -> tuple[list[dict], dict[str, np.ndarray]]:
    if not isinstance(result, Result):
        raise ValueError(f"sweep {name!r}: expected a study.Result from job {i}, got {type(result).__name__}")
    images = {}
    for what, tensor in result.images.items():
        if tensor.ndim != 4 or tensor.shape[1] != 3 or not tensor.is_floating_point():
            got = f"{what!r} {tuple(tensor.shape)} {tensor.dtype} from job {i}"
            raise ValueError(f"sweep {name!r}: expected float pictures (N, 3, H, W), got {got}")
        levels = (tensor.detach().float().clamp(0, 1) * 255).round().byte()
        images[what] = levels.permute(0, 2, 3, 1).cpu().numpy()
    return plain(result.rows), images


def _contents(pictures) -> list:
    files = sorted(p for p in Path(pictures).rglob("*") if p.is_file())
    return [[p.name, hashlib.sha256(p.read_bytes()).hexdigest()] for p in files]
