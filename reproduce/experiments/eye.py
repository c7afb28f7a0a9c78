"""Edits spoiled to the eye (notebook 02): unlabelled sheets of edits, all arms mixed, and what somebody counted on them.

`eye.csv` holds one line an edit that was looked at: whose edits they are (`of`), the number on its sheet, whether the person in it is
spoiled: features smeared, dissolved or gone. Which arm a number is of is drawn anew from the study's seed and was not known to who counted.
"""

import csv
import hashlib
import json
from pathlib import Path

import torch

from .. import rng
from .arms import CLEAN, plain
from .cells import Cell

COUNTED = Path(__file__).with_name("eye.csv")
ARMS = (CLEAN, "noise", "encoder", "encoder, strong", "diffusion", "diffusion, strong")
EACH, ACROSS = 50, 5  # edits an arm, edits across a sheet, and down


def drawn(lab):
    """The edits in the order of the sheets: (protection, person, prompt's number, seed); number n lies on sheet n // 25."""
    asked = [(i, k, seed) for seed in range(lab.counts.seeds) for k in range(lab.counts.prompts) for i in range(len(lab.people.names))]
    listed = [(arm, *one) for arm in ARMS for one in asked[:EACH]]
    order = torch.randperm(len(listed), generator=rng.generator(lab.study.seed, "eye"))
    return [listed[i] for i in order.tolist()]


def sheets(lab):
    """The sheets, float (3, H, W) each: edits from left to right and down, without a word."""
    shown = [lab.edited.shown(Cell(arm), i, number, seed) for arm, i, number, seed in drawn(lab)]
    found = []
    for first in range(0, len(shown), ACROSS**2):
        some = shown[first : first + ACROSS**2]
        some += [torch.ones_like(some[0])] * (-len(some) % ACROSS)
        rows = [torch.cat([torch.nn.functional.pad(one, (2, 2, 2, 2), value=1.0) for one in some[i : i + ACROSS]], 2)
                for i in range(0, len(some), ACROSS)]  # fmt: skip
        found.append(torch.cat(rows, 1))
    return found


def mark(lab):
    """Whose edits they are: eight hex digits of model, people, seed, and settings of protections and edits, but where those are from."""
    protections = {key: lab.grid.protections[key].settings for key in ARMS if key != CLEAN}
    known = [lab.study.identity.fingerprint, lab.people.names, lab.study.seed, protections, plain(lab.misuse.settings), drawn(lab)]
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:8]


def counted(lab):
    """Rows one an edit of the sheets: subject, protection, prompt, seed, spoiled; None where nobody looked at it."""
    with open(COUNTED, encoding="utf-8", newline="") as file:
        found = {int(row["number"]): row["spoiled"] == "yes" for row in csv.DictReader(file) if row["of"] == mark(lab)}
    rows = []
    for number, (arm, i, prompt, seed) in enumerate(drawn(lab)):
        name = lab.people.names[i]
        rows.append(dict(subject=name, protection=arm, prompt=lab.grid.prompt(name, prompt), seed=seed, spoiled=found.get(number)))
    return rows
