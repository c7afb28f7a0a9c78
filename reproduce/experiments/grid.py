"""The one grid: subjects x protections x purifiers x misuses x prompts x seeds x measures, each stage stored on its own.

A `Grid` holds pictures of one role and asks for cells; whatever an earlier cell, notebook or run has made is found stored. Rows have one
schema: subject, role, protection, purifier, quality, changed, misuse, prompt, seed, then measures.
"""

from __future__ import annotations

import dataclasses

from .. import passes, rng
from ..engine.jobs import Job, levels, tensor
from ..measure import MEASURES
from ..measure.face import identify
from ..misuse import MISUSES
from . import arms
from .arms import CLEAN, UNTREATED
from .cells import AGAIN, OTHER, Cell, Misuse
from .edits import Edits

STEPS = "several"  # how a job is found that made pictures of several steps
OTHERS = 15  # people beside the right one, among whom a face is told
GROUP = 4  # people a job: a step of four costs less than four steps of one


class Grid:
    """Pictures of one role, a `subjects.Subjects`, over one study.

    region: "person" when protections see and change the kept person alone, "whole" when all of a picture. protections: key -> arms.Arm,
    purifiers: (key, changes in words) -> arms.Arm, as this scale runs them. clip: what judges prompts: what to open, its fingerprint.
    The pictures go in groups of GROUP, which kernels see together.
    """

    def __init__(self, study, subjects, *, role="people", region="person", protections=None, purifiers=None, clip=None):
        self.study, self.subjects, self.role, self.region = study, subjects, role, region
        self.protections, self.purifiers, self.clip = protections or {}, purifiers or {}, clip
        self._images, self._masks = levels(subjects.images), levels(subjects.masks)
        self._sweeps, self._added = {}, {}

    def groups(self, count=None):
        """Ranges of subjects, the first `count` of them."""
        whole = range(len(self.subjects.names))[:count]
        return [whole[i : i + GROUP] for i in range(0, len(whole), GROUP)]

    def names(self, some: range):
        """The names of a group's subjects."""
        return self.subjects.names[some.start : some.stop]

    # --- pictures of a cell, as references ---------------------------------------------------------------------------------

    def protect(self, wanted: dict):
        """Every group under every protection; wanted: key -> how many subjects. Returns the sweep, whose pictures are called "image"."""
        jobs = [self._protect(key, some) for key, count in wanted.items() for some in self._handed(key, count)]
        self._sweeps["protect"] = self.study.sweep("protect", jobs)
        return self._sweeps["protect"]

    def purify(self, wanted: dict):
        """Every cell's purified pictures; its protections must be there. wanted: cell -> of how many subjects."""
        jobs, steps = [], {}  # pictures at several steps of one purifier are one job's
        for cell, count in wanted.items():
            if cell.step is not None:
                steps.setdefault((dataclasses.replace(cell, step=None), count), []).append(cell.step)
            elif cell.purifier != UNTREATED:
                jobs += [self._purify(cell, some) for some in self.groups(count)]
        for (cell, count), taken in steps.items():
            jobs += [self._purify_by_steps(cell, some, taken) for some in self.groups(count)]
        self._sweeps["purify"] = self.study.sweep("purify", jobs)
        return self._sweeps["purify"]

    def pictures(self, cell: Cell, some: range):
        """The pictures of a cell: an array, or where they are stored."""
        if cell.step is not None:
            return self._sweeps["purify"].stored(self._at(cell, some) | dict(step=STEPS), str(cell.step), range(len(some)))
        if cell.purifier != UNTREATED:
            return self._sweeps["purify"].stored(self._at(cell, some), "image", range(len(some)))
        if cell.protection in self._added:
            return self._added[cell.protection].stored(dict(first=some.start), "image", range(len(some)))
        if cell.protection != CLEAN:
            return self._protected(cell.protection, some)
        return self._images[some.start : some.stop]

    def _handed(self, key, count=None):
        """What a protection is handed at once: a group, or all pictures of one person."""
        if key not in self.protections:
            raise ValueError(f"protection: this grid has none called {key!r}; there is {', '.join(self.protections) or 'none'}")
        if self.protections[key].row.takes == "image":
            return self.groups(count)
        return [one for one in self.subjects.sets() if count is None or one.start < count]

    def _protected(self, key, some):
        """Where the protected pictures of a group are stored: in one job, or of a set in as many as there are people."""
        found = []
        for one in self._handed(key):
            rows = [i - one.start for i in some if i in one]
            if rows:
                found.append(self._sweeps["protect"].stored(dict(protection=key, first=one.start), "image", rows))
        return found[0] if len(found) == 1 else found

    def masks(self, some: range):
        """Masks of the people, who are kept."""
        return self._masks[some.start : some.stop]

    def shown(self, cell: Cell, subject: int):
        """One picture of a cell, float (1, 3, H, W)."""
        return tensor(self.study.read(self.part(cell, range(subject, subject + 1))))

    def add(self, protection, sweep):
        """Pictures that are sent like protected ones, from another sweep, whose jobs are found by the `first` of their group."""
        self._added[protection] = sweep

    def part(self, cell: Cell, some: range):
        """The pictures of a cell for subjects that are no group: part of one."""
        group = self._group(some.start)
        numbers = [i - group.start for i in some]
        if cell.purifier == UNTREATED and cell.protection == CLEAN:
            return self._images[some.start : some.stop]
        if cell.purifier == UNTREATED and cell.protection in self.protections:
            return self._protected(cell.protection, some)
        return dataclasses.replace(self.pictures(cell, group), rows=tuple(numbers))

    def prompt(self, name, number):
        """The text of a subject's prompt."""
        return self.subjects.prompts[self.subjects.names.index(name)][number]

    # --- edits ---------------------------------------------------------------------------------------------------------------

    def edit(self, misuse: Misuse, asked):
        """Edits. asked: (cell, prompt's number, seed, of how many subjects); seed: a whole number, of the random stream."""
        jobs = [self._edit(misuse, cell, number, seed, some) for cell, number, seed, count in asked for some in self.groups(count)]
        sweep = self.study.sweep(f"edit: {misuse.kind}", jobs)
        return Edits(self, misuse, sweep)

    # --- jobs ----------------------------------------------------------------------------------------------------------------

    def _protect(self, key, some):
        arm, names = self.protections[key], self.names(some)
        pictures = {"images": self._images[some.start : some.stop]}
        if self.region == "person":
            pictures["mask"] = self.masks(some)
            seed, first = rng.child(self.study.seed, "protect", key, *names), 0
        else:
            seed, first = self.study.seed, some.start
        values = dict(place=arm.row.place, settings=arm.settings, takes=arm.row.takes, seed=seed, stream=arm.method, first=first)
        return Job("experiments.stages:protect", values, pictures, uses=arm.uses, at=dict(protection=key, first=some.start))

    def _purify(self, cell, some):
        arm, names = self.purifiers[cell.purifier, cell.changed], self.names(some)
        seed = rng.child(self.study.seed, "purify", *names)  # the same start noise for all arms and protections
        values = dict(place=arm.row.place, settings=arm.settings, takes=arm.row.takes, whole=arm.row.whole)
        values |= dict(seed=seed, stream=arm.method, names=names)
        if arm.row.accepts("distance"):  # the model's judges bring it, and no fingerprint of the model tells which
            values["distance"] = self.study.judges.distance
        pictures = {"images": self.pictures(dataclasses.replace(cell, purifier=UNTREATED, changes=(), quality=None, step=None), some)}
        return Job("experiments.stages:purify", values, pictures, uses=arm.uses, at=self._at(cell, some))

    def _purify_by_steps(self, cell, some, taken):
        job = self._purify(cell, some)
        values = job.values | dict(taken=sorted(taken))
        return dataclasses.replace(job, work="experiments.stages:purify_by_steps", values=values, at=job.at | dict(step=STEPS))

    def _edit(self, misuse, cell, prompt, seed, some):
        prompts = [self.subjects.prompts[i][prompt] for i in some]
        streams = [[*misuse.stream, seed, asked, name] for asked, name in zip(prompts, self.names(some), strict=True)]
        settings, row = arms.plain(misuse.settings), MISUSES[misuse.kind]
        values = dict(place=row.place, settings=settings, prompts=prompts, seed=self.study.seed, streams=streams)
        if cell.again:
            values["again"] = True
        pictures = {"images": self.pictures(cell, some)}
        if row.accepts("mask"):
            pictures["mask"] = self.masks(some)
        at = self._at(cell, some) | dict(number=prompt, drawn=seed)
        return Job("experiments.stages:edit", values, pictures, uses=(row.place, settings["kind"]), at=at)

    def _at(self, cell, some):
        how = dict(protection=cell.protection, purifier=cell.purifier, changed=cell.changed)
        return how | dict(step=cell.step, again=cell.again, first=some.start)

    def _group(self, subject):
        start = subject - subject % GROUP
        return range(start, min(start + GROUP, len(self.subjects.names)))

    # --- rows ----------------------------------------------------------------------------------------------------------------

    def sizes(self, wanted, measures=()):
        """How large every perturbation is, rows one a picture: subject, protection, levels, rms, used, then `measures`, to the original.

        wanted: key -> how many subjects, as for `protect`.
        """
        cells = [(Cell(key), some) for key, count in wanted.items() for some in self.groups(count)]
        jobs = [self._spent(cell, some) for cell, some in cells]
        rows = self.study.sweep("sizes", jobs).rows
        pictures = [{"made": self.pictures(cell, some), "images": self.pictures(Cell(), some)} for cell, some in cells]
        compared = [["{}", "made", "images", list(measures)]]
        more = self.measure([({}, some, shown, compared, {}) for (_, some), shown in zip(cells, pictures, strict=True)])
        return [row | extra for row, extra in zip(rows, more, strict=True)]

    def compare(self, edits, held, compared, *, pasted=()):
        """Rows of edits, one an edit: the index columns, then what `compared` says of "edit", "reference", "likewise" (the edit of the
        clean picture, purified likewise), "sent" and "photo".

        held: (cell, prompt's number, seed, (cell, prompt's number, seed) of the reference, of how many subjects); a clean picture held
        against another seed is called so. pasted: see `stages.measure`.
        """
        used = {name.removesuffix(", pasted") for _, x, y, _ in compared for name in (x, y) if name}
        used |= {"mask", "photo"} if pasted else {"mask"} if _has(compared, "person", "around") else set()
        used |= {"others"} if _has(compared, "among") else set()
        listed = []
        for cell, number, seed, against, count in held:
            for some in self.groups(count):
                pictures = {
                    "edit": edits.stored(cell, number, seed, some), "reference": edits.stored(*against, some),
                    "sent": self.pictures(cell, some), "photo": self.pictures(Cell(), some), "mask": self.masks(some),
                }  # fmt: skip
                if "others" in used:
                    pictures["others"] = self._others(some)
                if "likewise" in used:
                    pictures["likewise"] = edits.stored(dataclasses.replace(cell, protection=CLEAN), number, seed, some)
                told = self._index(cell) | dict(misuse=edits.misuse.kind, number=number, seed=seed)
                told |= {"protection": OTHER} if seed != against[2] else {}
                prompts = [self.subjects.prompts[i][number] for i in some]
                more = dict(pasted=list(pasted), prompts=prompts, clip=self.clip)
                listed.append((told, some, {name: shown for name, shown in pictures.items() if name in used}, compared, more))
        return [self._row(row) for row in self.measure(listed)]

    def measure(self, listed):
        """Rows of comparisons. listed: (fields that stand in front of each row, range of subjects, pictures, compared, more values)."""
        jobs = []
        for told, some, pictures, compared, more in listed:
            used = {name: MEASURES[name] for *_, names in compared for name in names}
            if not any(row.kind == "picture" for row in used.values()):
                more = {key: value for key, value in more.items() if key not in ("prompts", "clip")}
            measures = {name: [row.whole, row.kind, row.needs] for name, row in used.items()}
            values = dict(names=self.names(some), measures=measures, compared=compared, **more)
            if any(row.needs == "distance" for row in used.values()):
                values["distance"] = self.study.judges.distance
            if any(row.needs == "faces" for row in used.values()):
                values["faces"] = list(identify(self.study.judges))
            uses = tuple(row.whole for row in used.values())
            jobs.append(Job("experiments.stages:measure", values, pictures, uses=uses, told=told))
        return self.study.sweep("measure", jobs).rows

    def _others(self, some):
        """Pictures of up to OTHERS other people than a group's, whom a face in an edit might be."""
        return self._images[[i for i in range(len(self._images)) if i not in some][:OTHERS]]

    def _spent(self, cell, some):
        settings = self.protections[cell.protection].settings
        pictures = {"made": self.pictures(cell, some), "images": self.pictures(Cell(), some)}
        if self.region == "person":
            pictures["mask"] = self.masks(some)
        values = dict(names=self.names(some), settings=settings)
        told = dict(protection=cell.protection)
        return Job("experiments.stages:spent", values, pictures, uses=(settings["kind"],), told=told)

    def _index(self, cell):
        protection = AGAIN if cell.again else cell.protection
        step = {} if cell.step is None else dict(step=cell.step)
        return dict(role=self.role, protection=protection, purifier=cell.purifier, quality=cell.quality, changed=cell.changed) | step

    def _row(self, row):
        """Index columns in their order, the prompt as text."""
        name, number = row.pop("subject"), row.pop("number")
        index = {key: row.pop(key) for key in ("role", "protection", "purifier", "quality", "changed", "misuse")}
        return dict(subject=name, **index, prompt=self.prompt(name, number), **row)


def together(pictures):
    """How many pictures of this size an attack through the whole model takes at once."""
    return max(1, min(GROUP, passes.PIXELS // pictures[0, 0].numel()))


def _has(compared, *kinds):
    return any(MEASURES[name].kind in kinds for *_, names in compared for name in names)
