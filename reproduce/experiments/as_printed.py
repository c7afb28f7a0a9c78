"""PhotoGuard's Algorithm 1 as printed beside the attack it stands for (notebook 02), step by step."""

import dataclasses

from ..engine.jobs import Job, Result, levels
from ..places import resolve
from ..protect import as_printed, photoguard
from . import arms


def printed(lab):
    """Algorithm 1 as printed beside the attack it stands for, on one whole picture: a sweep, rows after every step."""
    settings = arms.plain(dataclasses.replace(lab.grid.protections["encoder"].record, steps=lab.counts.printed_steps))
    pictures = {"images": levels(lab.people.images[:1])}
    values = dict(settings=settings)
    return lab.study.sweep("as printed", [Job("experiments.as_printed:to_the_letter", values, pictures, uses=(settings["kind"],))])


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
