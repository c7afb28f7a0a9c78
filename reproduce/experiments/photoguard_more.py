"""What notebook 02 asks beside its tables: does the attack carry over to prompts and steps, image variations, the algorithm as printed."""

import dataclasses

from .. import protect, rng
from ..engine.jobs import Job, Result, levels
from ..papers import photoguard as paper
from ..places import resolve
from ..protect import as_printed, photoguard
from . import arms
from .arms import CLEAN
from .grid import Cell, together
from .photoguard import OTHER, PROMPTED, TARGETS


def transfer(lab):
    """Some people's edits in few steps and many, without and with their prompt, under encoder, diffusion and prompted attack: rows."""
    meant, size = lab.grid.protections["diffusion"], together(lab.people.images)
    whole = range(lab.side)
    groups = [whole[i : i + size] for i in range(0, lab.side, size)]
    prompted = lab.study.sweep("prompted attack", [_prompted(lab, meant, some) for some in groups])
    lengths = dict.fromkeys((meant.record.chain, lab.counts.edit_steps))
    asked = [(steps, prompt, some) for steps in lengths for prompt in (False, True) for some in groups]
    edits = [_edit(lab, prompted, some, arm, steps, prompt) for steps, prompt, some in asked for arm in (CLEAN, *TARGETS, PROMPTED)]
    made, listed = lab.study.sweep("transfer", edits), []
    for steps, prompt, some in asked:
        at = dict(first=some.start, steps=steps, prompted=prompt)
        reference = made.stored(at | dict(protection=CLEAN), "edit")
        for arm in (*TARGETS, PROMPTED):
            pictures = {"edit": made.stored(at | dict(protection=arm), "edit"), "reference": reference}
            told = dict(protection=arm, steps=steps, prompted=prompt)
            listed.append((told, some, pictures, [["{}", "edit", "reference", ["ssim"]]], {}))
    return [{key: row[key] for key in ("subject", "protection", "steps", "prompted", "ssim")} for row in lab.grid.measure(listed)]


def _prompted(lab, meant, some):
    prompts = [lab.people.prompts[i][0] for i in some]
    values = dict(settings=meant.settings, names=lab.grid.names(some), prompts=prompts, seed=lab.study.seed)
    pictures = {"images": lab.grid.part(Cell(), some), "people": lab.grid.people(some)}
    return Job("experiments.photoguard_more:prompted", values, pictures, uses=meant.uses, at=dict(first=some.start))


def _edit(lab, prompted, some, arm, steps, asked):
    prompts = [lab.people.prompts[i][0] if asked else "" for i in some]
    settings = arms.plain(dataclasses.replace(lab.misuse.settings, steps=steps))
    streams = [["transfer", name] for name in lab.grid.names(some)]
    sent = prompted.stored(dict(first=some.start), "image") if arm == PROMPTED else lab.grid.part(Cell(arm), some)
    values = dict(misuse="inpainting", settings=settings, prompts=prompts, seed=lab.study.seed, streams=streams)
    at = dict(protection=arm, first=some.start, steps=steps, prompted=asked)
    return Job("experiments.stages:edit", values, {"images": sent, "people": lab.grid.people(some)}, uses=(settings["kind"],), at=at)


def prompted(profile, values, pictures):
    """"images" under the diffusion attack made with each picture's prompt, "people" kept: pictures called "image".

    values: settings, names, prompts, seed.
    """
    model = profile.model
    settings = arms.record(resolve(values["settings"]["kind"]), values["settings"])
    chance = [rng.generator(values["seed"], "protect", PROMPTED, name) for name in values["names"]]
    images, kept = (pictures[name].to(model.device) for name in ("images", "people"))
    made = photoguard.diffusion(images, model, settings=settings, generator=chance, mask=kept, prompts=values["prompts"])
    return Result([], {"image": made.cpu()})


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
        values = dict(misuse="variation", settings=settings, prompts=[self.lab.people.prompts[i][0]], seed=self.lab.study.seed)
        values["streams"] = [["variation", seed, name]]
        pictures = {"images": self._sent(i, arm)}
        return Job("experiments.stages:edit", values, pictures, uses=(settings["kind"],), at=dict(subject=i, protection=arm))

    def shown(self, i):
        """Pictures (3, H, W) of one person: as it is, protected, and the four variations."""
        sent = [self.lab.people.images[i], self.protected.images(dict(subject=i, protection="encoder"), "image")[0]]
        return sent + [self.made.images(dict(subject=i, protection=arm), "edit")[0] for arm in (*self.ARMS, OTHER)]


def printed(lab):
    """Algorithm 1 as printed beside the attack it stands for, on one whole picture: a sweep, rows after every step."""
    settings = arms.plain(dataclasses.replace(lab.grid.protections["encoder"].record, steps=lab.counts.printed_steps))
    pictures = {"images": levels(lab.people.images[:1])}
    values = dict(settings=settings)
    return lab.study.sweep("as printed", [Job("experiments.photoguard_more:to_the_letter", values, pictures, uses=(settings["kind"],))])


def to_the_letter(profile, values, pictures):
    """Rows form, step, largest, mean (levels moved), outside (share out of range); pictures "as printed" and "as in equation 4"."""
    clean, rows = pictures["images"].to(profile.model.device), []
    settings = arms.record(resolve(values["settings"]["kind"]), values["settings"])

    def note(form):
        def kept(n, x, *_):
            moved, outside = (x - clean).mul(255).abs(), ((x < 0) | (x > 1)).float()
            step = n + (form != "as printed")  # pgd counts from 0
            rows.append(dict(form=form, step=step, largest=moved.max().item(), mean=moved.mean().item(), outside=outside.mean().item()))

        return kept

    loss = as_printed.encoder_loss(profile.model, photoguard.target(clean, profile.model, settings.target))
    rule = dict(eps=settings.eps, step=settings.step, steps=settings.steps)
    made = as_printed.printed(clean, loss, callback=note("as printed"), **rule)
    kept = photoguard.encoder(clean, profile.model, settings=settings, callback=note("as in equation 4"))
    return Result(rows, {"as printed": made.cpu().clamp(0, 1), "as in equation 4": kept.cpu()})
