"""The one grid: subjects x protections x launderers x misuses x prompts x seeds x measures, each stage stored on its own.

A `Grid` holds pictures of one role and asks for cells; whatever an earlier cell, notebook or run has made is found stored. Rows have one
schema: subject, role, protection, launderer, quality, changed, misuse, prompt, seed, then measures.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from .. import passes, rng
from ..engine.jobs import Job, levels
from ..measure import MEASURES
from . import arms
from .arms import CLEAN, UNWASHED

GROUP = 4  # people a job: a step of four costs less than four steps of one


@dataclass(frozen=True)
class Cell:
    """What is done to a picture before it is misused: a protection, a launderer with changes to its settings, its JPEG quality."""

    protection: str = CLEAN
    launderer: str = UNWASHED
    changes: tuple = ()
    quality: int | None = None

    @property
    def changed(self) -> str:
        """The changes in words, for rows."""
        return arms.told(self.changes)


@dataclass(frozen=True)
class Misuse:
    """How pictures are edited: "inpainting" or "variation", paper.EditSettings as run, and the first words of each random stream."""

    kind: str
    settings: object
    stream: tuple = ("edit",)


class Grid:
    """Pictures of one role, a `subjects.Subjects`, over one study.

    region: "person" when protections see and change the kept person alone, "whole" when all of a picture. protections, launderers:
    key -> arms.Arm as this scale runs it. The pictures go in groups of GROUP, which kernels see together.
    """

    def __init__(self, study, subjects, *, role="people", region="person", protections=None, launderers=None):
        self.study, self.subjects, self.role, self.region = study, subjects, role, region
        self.protections, self.launderers = protections or {}, launderers or {}
        self._images, self._people = levels(subjects.images), levels(subjects.people)
        self._sweeps = {}

    def groups(self, count=None):
        """Ranges of subjects, the first `count` of them."""
        whole = range(len(self.subjects.names))[:count]
        return [whole[i : i + GROUP] for i in range(0, len(whole), GROUP)]

    # --- pictures of a cell, as references ---------------------------------------------------------------------------------

    def protect(self, wanted: dict):
        """Every group under every protection; wanted: key -> how many subjects. Returns the sweep, whose pictures are called "image"."""
        jobs = [self._protect(key, some) for key, count in wanted.items() for some in self.groups(count)]
        self._sweeps["protect"] = self.study.sweep("protect", jobs)
        return self._sweeps["protect"]

    def launder(self, cells, count=None):
        """Every cell's washed pictures; its protections must be there."""
        jobs = [self._launder(cell, some) for cell in cells if cell.launderer != UNWASHED for some in self.groups(count)]
        self._sweeps["launder"] = self.study.sweep("launder", jobs)
        return self._sweeps["launder"]

    def pictures(self, cell: Cell, some: range):
        """The pictures of a cell: an array, or where they are stored."""
        if cell.launderer != UNWASHED:
            return self._sweeps["launder"].stored(self._at(cell, some), "image")
        if cell.protection != CLEAN:
            return self._sweeps["protect"].stored(dict(protection=cell.protection, first=some.start), "image", range(len(some)))
        return self._images[some.start : some.stop]

    def people(self, some: range):
        """Masks of the kept people."""
        return self._people[some.start : some.stop]

    def shown(self, cell: Cell, subject: int):
        """One picture of a cell, float (1, 3, H, W)."""
        from ..engine.jobs import tensor

        some = self._group(subject)
        found = self.study.read(self.pictures(cell, some))
        return tensor(found)[subject - some.start : subject - some.start + 1]

    # --- edits ---------------------------------------------------------------------------------------------------------------

    def edit(self, misuse: Misuse, asked):
        """Edits. asked: (cell, prompt number, seed) or (cell, prompt number, seed, count); seed is a word or whole number of the stream."""
        jobs = [self._edit(misuse, *one[:3], some) for one in asked for some in self.groups(one[3] if len(one) > 3 else None)]
        sweep = self.study.sweep(f"edit: {misuse.kind}", jobs)
        return Edits(self, misuse, sweep)

    # --- jobs ----------------------------------------------------------------------------------------------------------------

    def names(self, some: range):
        return self.subjects.names[some.start : some.stop]

    def _protect(self, key, some):
        arm, names = self.protections[key], self.names(some)
        pictures = {"images": self._images[some.start : some.stop]}
        if self.region == "person":
            pictures["people"] = self.people(some)
            seed, first = rng.child(self.study.seed, "protect", key, *names), 0
        else:
            seed, first = self.study.seed, some.start
        values = dict(place=arm.row.place, settings=arm.settings, takes=arm.row.takes, seed=seed, stream=arm.method, first=first)
        return Job("experiments.stages:protect", values, pictures, uses=arm.uses, at=dict(protection=key, first=some.start))

    def _launder(self, cell, some):
        arm, names = self.launderers[cell.launderer, cell.changes], self.names(some)
        seed = rng.child(self.study.seed, "wash", *names)  # the same start noise for all arms and protections
        values = dict(place=arm.row.place, settings=arm.settings, takes=arm.row.takes, whole=arm.row.whole, log=arm.row.accepts("log"))
        values |= dict(seed=seed, stream=arm.method, names=names)
        pictures = {"images": self.pictures(dataclasses.replace(cell, launderer=UNWASHED, changes=(), quality=None), some)}
        return Job("experiments.stages:launder", values, pictures, uses=arm.uses, at=self._at(cell, some))

    def _edit(self, misuse, cell, prompt, seed, some):
        prompts = [self.subjects.prompts[i][prompt] for i in some]
        streams = [[*misuse.stream, seed, asked, name] for asked, name in zip(prompts, self.names(some), strict=True)]
        settings = arms.plain(misuse.settings)
        values = dict(misuse=misuse.kind, settings=settings, prompts=prompts, seed=self.study.seed, streams=streams)
        pictures = {"images": self.pictures(cell, some)}
        if misuse.kind == "inpainting":
            pictures["people"] = self.people(some)
        at = self._at(cell, some) | dict(number=prompt, drawn=seed)
        return Job("experiments.stages:edit", values, pictures, uses=(settings["kind"],), at=at)

    def _at(self, cell, some):
        return dict(protection=cell.protection, launderer=cell.launderer, changed=cell.changed, first=some.start)

    def _group(self, subject):
        start = subject - subject % GROUP
        return range(start, min(start + GROUP, len(self.subjects.names)))

    def measure(self, listed):
        """Rows of comparisons. listed: (fields that stand in front of each row, range of subjects, pictures, compared, more values)."""
        jobs = []
        for told, some, pictures, compared, more in listed:
            used = dict.fromkeys(name for *_, names in compared for name in names)
            uses = tuple(f"measure.{MEASURES[name].place}" for name in used)
            values = dict(names=self.names(some), compared=compared, **more)
            jobs.append(Job("experiments.stages:measure", values, pictures, uses=uses, told=told))
        return self.study.sweep("measure", jobs).rows


class Edits:
    """The edits of one call of `Grid.edit`: where they are, and as pictures."""

    def __init__(self, grid, misuse, sweep):
        self.grid, self.misuse, self.sweep = grid, misuse, sweep

    def stored(self, cell, prompt, seed, some):
        """Where the edits of a group are stored."""
        return self.sweep.stored(self.grid._at(cell, some) | dict(number=prompt, drawn=seed), "edit")

    def shown(self, cell, subject, prompt=0, seed=0):
        """One edit, float (3, H, W)."""
        some = self.grid._group(subject)
        return self.sweep.images(self.grid._at(cell, some) | dict(number=prompt, drawn=seed), "edit")[subject - some.start]


def together(pictures):
    """How many pictures of this size an attack through the whole model takes at once."""
    return max(1, min(GROUP, passes.PIXELS // pictures[0, 0].numel()))
