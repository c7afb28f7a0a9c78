"""How large must a perturbation be here (notebook 02): edits under noise and PhotoGuard's strong attacks, budgets of 2 to 64 levels."""

import dataclasses

from .. import protect
from . import arms
from .arms import CLEAN
from .cells import Cell
from .grid import Grid
from .subjects import Subjects

ARMS = ("noise", "encoder, strong", "diffusion, strong")
MEASURED = [["{}", "edit", "reference", ["ssim", "ssim_person", "latent_shift_person"]]]


def budget_curve(lab):
    """Rows one a person, arm and budget, of some of the people, their first prompt and seed; fewer steps than in the tables."""
    count, people = lab.counts.budget_people, lab.people
    some = Subjects(people.names[:count], people.images[:count], people.masks[:count], people.prompts[:count])
    known = {_key(arm, eps): _arm(lab, arm, eps) for arm in ARMS for eps in lab.counts.budgets}
    grid = Grid(lab.study, some, protections=known)
    grid.protect(dict.fromkeys(known))
    sizes = {(row["protection"], row["subject"]): row["rms"] for row in grid.sizes(dict.fromkeys(known))}
    asked = [(Cell(key), 0, 0, None) for key in (CLEAN, *known)]
    held = [(cell, number, seed, (Cell(), number, seed), count) for cell, number, seed, count in asked if cell.protection != CLEAN]
    arms_of, rows = {_key(arm, eps): (arm, eps) for arm in ARMS for eps in lab.counts.budgets}, []
    for row in grid.compare(grid.edit(lab.misuse, asked), held, MEASURED):
        arm, eps = arms_of[row["protection"]]
        index = dict(subject=row["subject"], protection=arm, eps=eps, rms=sizes[row["protection"], row["subject"]])
        rows.append(index | {name: row[name] for name in ("misuse", "prompt", "seed", *MEASURED[0][3])})
    return rows


def _key(arm, eps):
    return f"{arm}, {eps} levels"


def _arm(lab, key, eps):
    arm = arms.protection(key, lab.study.scale)
    steps = dict(zip(ARMS[1:], lab.counts.budget_steps, strict=True)).get(key)
    return dataclasses.replace(arm, record=protect.record(arm.method, arm.record, eps=eps, steps=steps))
