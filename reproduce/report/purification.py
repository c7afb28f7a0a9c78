"""Cells of notebooks 03 and 04: the rows of one protection and purifier, what purification restores, what is left. Needs no torch."""

import math

from ..artefacts.about import settings_note
from . import looks
from .statistics import effect, summarise

UNTREATED = "none"
LEAST = 0.02  # SSIM: of a smaller effect no share is told
ENOUGH = 20  # people from which on a difference is to be judged
ATTACKS = ("encoder", "encoder, through JPEG", "diffusion", "diffusion, released", "diffusion, adaptive")  # in the order of the tables
EVERY = ("clean", "noise", *ATTACKS)


def protection(key):
    """What a protection is called here, where all of them are PhotoGuard's."""
    return looks.short(looks.PROTECTIONS, key)


def purifier(key):
    """What a purifier is called."""
    return looks.label(looks.PURIFIERS, key)


def _picture(row):
    return row["protection"], row["purifier"], row["changed"], row["subject"]


def chosen(rows, protection, purifier, changed=""):
    """The rows of one cell."""
    return [r for r in rows if (r["protection"], r["purifier"], r["changed"]) == (protection, purifier, changed)]


def listed(rows, key):
    """The different values of a column, in order."""
    return list(dict.fromkeys(r[key] for r in rows))


def mean(rows, value):
    """(mean, low, high) of a column over pictures; None where no row has it."""
    known = [r for r in rows if r.get(value) is not None]
    if not known:
        return None
    [line] = summarise(known, [], value)
    return line["mean"], line["low"], line["high"]


def spread(rows, value):
    """(mean, low, high) as `mean`, of few people by Student's t; low and high are nan of one."""
    return effect(rows, value)[:3]


def people(rows):
    """How many people rows are of, in words for a figure's head, and whether they are too few for a verdict."""
    count = len(listed(rows, "subject"))
    return f"n = {count} {'people' if count > 1 else 'person'}" + ("" if count >= ENOUGH else ", too few for a verdict")


def gains(rows, protection, purifier):
    """How much closer to the clean edit purification brings the edit, in SSIM: a row an edit."""
    before = {(r["subject"], r["prompt"]): r["ssim"] for r in chosen(rows, protection, UNTREATED)}
    return [
        dict(subject=r["subject"], gain=r["ssim"] - before[r["subject"], r["prompt"]]) for r in chosen(rows, protection, purifier)
    ]


def restored(rows, protection, purifier):
    """Mean gain over what the protection took: 1 would be the clean edit, below 0 purification makes it worse."""
    return mean(gains(rows, protection, purifier), "gain")[0] / (1 - mean(chosen(rows, protection, UNTREATED), "ssim")[0])


def share_left(rows, protection, purifier):
    """What is left of a protection's effect: the edit's loss beyond that of the clean picture purified likewise, over the loss untreated.

    Means over edits, paired by picture and prompt; nan where there is no clear effect to begin with, or less than LEAST.
    """
    before, low, _ = mean(_lost(rows, protection, UNTREATED), "lost")
    if before < LEAST or low <= 0:
        return math.nan
    return mean(_lost(rows, protection, purifier), "lost")[0] / before


def _lost(rows, protection, purifier):
    """What a protection takes from the edit's SSIM beside the clean picture's, both purified likewise: a row an edit."""
    clean = {(r["subject"], r["prompt"]): r["ssim"] for r in chosen(rows, "clean", purifier)}
    return [
        dict(subject=r["subject"], lost=clean[r["subject"], r["prompt"]] - r["ssim"]) for r in chosen(rows, protection, purifier)
    ]


def notes(rows, about):
    """Footnotes: every protection's and purifier's settings with their source, what an interval is, model, seed and scale."""
    protections, purifiers = about.settings["protections"], about.settings["purifiers"]
    told = [settings_note(looks.begun(protection(key)), protections[key]) for key in listed(rows, "protection") if key in protections]
    told += [settings_note(key, purifiers[key]) for key in listed(rows, "purifier") if key in purifiers]
    return [*told, *run_notes(rows, about)]


def run_notes(rows, about):
    """The last two footnotes: how many edits of what kind, and the model."""
    people, prompts = len(listed(rows, "subject")), len({(r["subject"], r["prompt"]) for r in rows})
    return [
        f"{people} people, {prompts // people} of the prompts each; all but the person is repainted in {about.edits('inpainting')['steps']}"
        " steps. [ ] is the 95 % bootstrap interval of the mean over people" + (", who are few." if people < 10 else "."),
        about.model_note(),
    ]
