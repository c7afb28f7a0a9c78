"""Does the diffusion attack carry over (notebook 02): edits in few steps and many, without a prompt and with it, also made with it."""

import dataclasses

from .. import rng
from ..engine.jobs import Job, Result
from ..misuse import MISUSES
from ..places import resolve
from ..protect import photoguard
from . import arms
from .arms import CLEAN
from .cells import Cell
from .grid import together
from .photoguard import PROMPTED, TARGETS


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
    pictures = {"images": lab.grid.part(Cell(), some), "mask": lab.grid.masks(some)}
    return Job("experiments.transfer:prompted", values, pictures, uses=meant.uses, at=dict(first=some.start))


def _edit(lab, prompted, some, arm, steps, asked):
    prompts = [lab.people.prompts[i][0] if asked else "" for i in some]
    settings = arms.plain(dataclasses.replace(lab.misuse.settings, steps=steps))
    streams = [["transfer", name] for name in lab.grid.names(some)]
    sent = prompted.stored(dict(first=some.start), "image") if arm == PROMPTED else lab.grid.part(Cell(arm), some)
    values = dict(place=MISUSES["inpainting"].place, settings=settings, prompts=prompts, seed=lab.study.seed, streams=streams)
    at = dict(protection=arm, first=some.start, steps=steps, prompted=asked)
    pictures = {"images": sent, "mask": lab.grid.masks(some)}
    return Job("experiments.stages:edit", values, pictures, uses=(values["place"], settings["kind"]), at=at)


def prompted(profile, values, pictures):
    """"images" under the diffusion attack made with each picture's prompt, "mask" kept: pictures called "image".

    values: settings, names, prompts, seed.
    """
    model = profile.model
    settings = arms.record(resolve(values["settings"]["kind"]), values["settings"])
    chance = [rng.generator(values["seed"], "protect", PROMPTED, name) for name in values["names"]]
    images, kept = (pictures[name].to(model.device) for name in ("images", "mask"))
    made = photoguard.diffusion(images, model, settings=settings, generator=chance, mask=kept, prompts=values["prompts"])
    return Result([], {"image": made.cpu()})
