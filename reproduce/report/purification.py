"""Cells of notebooks 03 and 04: the rows of one protection and purifier, what purification restores, what remains. Needs no torch."""

import math

from ..artefacts.about import settings_note
from . import looks
from .effects import PERSON, remaining, remains
from .statistics import summarise

UNTREATED = "none"
ENOUGH = 20  # people from which on a difference is to be judged
ATTACKS = (  # in the order of the tables
    "encoder", "encoder, strong", "encoder, through JPEG", "diffusion", "diffusion, strong", "diffusion, released", "diffusion, adaptive",
)  # fmt: skip
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


def in_common(rows, protection, purifiers):
    """The rows of a protection's edits that were made after every one of these purifiers that was run, so that they are compared alike."""
    cells = {one: chosen(rows, protection, one) for one in purifiers}
    made = [set(map(_edit, found)) for found in cells.values() if found]
    return [row for found in cells.values() for row in found if _edit(row) in set.intersection(*made)]


def _edit(row):
    return row["subject"], row["prompt"], row["seed"]


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


def counted(rows):
    """How many people rows are of, in words for a figure's head, and whether they are too few for a verdict."""
    count = len(listed(rows, "subject"))
    return f"n = {count} {'people' if count > 1 else 'person'}" + ("" if count >= ENOUGH else ", too few for a verdict")


def gains(rows, protection, purifier):
    """How much closer to the clean edit purification brings the edit, in SSIM: a row an edit."""
    before = {(r["subject"], r["prompt"], r["seed"]): r["ssim"] for r in chosen(rows, protection, UNTREATED)}
    return [
        dict(subject=r["subject"], gain=r["ssim"] - before[r["subject"], r["prompt"], r["seed"]])
        for r in chosen(rows, protection, purifier)
    ]


def remaining_effect(rows, protection, purifier, measure=PERSON):
    """(remaining effect, low, high) of a protection after a purifier, see `effects`; None where there are no rows.

    nan for the share, too, where the effect to begin with is not told from 0.
    """
    cells = [dict(protection=protection, purifier=name, changed="") for name in (purifier, UNTREATED)]
    found = remains(rows, remaining(*cells), measure)
    if found is None:
        return None
    share, low, high, people = found
    return (share, low, high) if people > 1 and not math.isnan(low) else (math.nan, low, high)


def remaining_share(rows, protection, purifier):
    """The remaining effect alone; nan where there is none to tell."""
    found = remaining_effect(rows, protection, purifier)
    return found[0] if found else math.nan


def restored(rows, protection, purifier):
    """What purification restores of an edit: the rest of the remaining effect; below 0 it makes the edit worse."""
    return 1 - remaining_effect(rows, protection, purifier)[0]


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
        " steps. [ ] is the 95 % interval of the mean over people (Student's t)" + (", who are few." if people < 10 else "."),
        about.model_note(),
    ]
