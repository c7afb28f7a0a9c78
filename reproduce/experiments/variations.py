"""Image variations of clean, noised and protected whole pictures (notebook 02, Figure 4)."""

import dataclasses

from .. import protect, rng
from ..engine.jobs import Job, levels
from ..misuse import MISUSES
from ..papers import photoguard as paper
from . import arms
from .arms import CLEAN
from .cells import OTHER


class Variations:
    """Figure 4: image variations of clean, noised and protected whole pictures (no mask): `.rows` one a picture, `.shown(subject)`."""

    ARMS = (CLEAN, "noise", "encoder")

    def __init__(self, lab):
        self.lab, study = lab, lab.study
        self.subjects = range(min(lab.counts.variations, len(lab.people.names)))
        self.protected = study.sweep("whole pictures", [self._protect(i, arm) for i in self.subjects for arm in self.ARMS[1:]])
        steps = max(4, lab.counts.edit_steps * 2)  # strength 1/2 takes half of them
        self.settings = dataclasses.replace(paper.PHOTOGUARD_EDIT["released variation"], steps=steps)
        wanted = [(arm, 0) for arm in self.ARMS] + [(OTHER, 1)]
        self.made = study.sweep("variations", [self._edit(i, arm, seed) for i in self.subjects for arm, seed in wanted])
        compared, listed = [["{}", "edit", "reference", ["ssim", "psnr"]]], []
        for i in self.subjects:
            for arm, _ in wanted:
                pictures = {"edit": self._made(i, arm), "reference": self._made(i, CLEAN)}
                told = dict(protection=arm, misuse="variation", prompt=lab.people.prompts[i][0])
                listed.append((told, range(i, i + 1), pictures, compared, {}))
        order = ("subject", "protection", "misuse", "prompt", "ssim", "psnr")
        self.rows = [{key: row[key] for key in order} for row in lab.grid.measure(listed)]

    def _made(self, i, arm):
        return self.made.stored(dict(subject=i, protection=arm), "edit")

    def _image(self, i):
        return levels(self.lab.people.images[i : i + 1])

    def _protect(self, i, key):
        arm, name = arms.protection(key, "paper"), self.lab.people.names[i]
        steps = self.lab.grid.protections["encoder"].record.steps
        arm = dataclasses.replace(arm, record=protect.record(arm.method, arm.record, steps=steps))
        seed = rng.child(self.lab.study.seed, "whole", name)
        values = dict(place=arm.row.place, settings=arm.settings, takes=arm.row.takes, seed=seed, stream=arm.method, first=0)
        return Job("experiments.stages:protect", values, {"images": self._image(i)}, uses=arm.uses, at=dict(subject=i, protection=key))

    def _sent(self, i, arm):
        return self.protected.stored(dict(subject=i, protection=arm), "image") if arm in self.ARMS[1:] else self._image(i)

    def _edit(self, i, arm, seed):
        name, settings = self.lab.people.names[i], arms.plain(self.settings)
        values = dict(place=MISUSES["variation"].place, settings=settings, prompts=[self.lab.people.prompts[i][0]])
        values |= dict(seed=self.lab.study.seed, streams=[["variation", seed, name]])
        pictures, uses = {"images": self._sent(i, arm)}, (values["place"], settings["kind"])
        return Job("experiments.stages:edit", values, pictures, uses=uses, at=dict(subject=i, protection=arm))

    def shown(self, i):
        """Pictures (3, H, W) of one person: as it is, protected, and the four variations."""
        sent = [self.lab.people.images[i], self.protected.images(dict(subject=i, protection="encoder"), "image")[0]]
        return sent + [self.made.images(dict(subject=i, protection=arm), "edit")[0] for arm in (*self.ARMS, OTHER)]
