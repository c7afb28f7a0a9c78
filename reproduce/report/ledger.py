"""The ledger: what each paper claims, measured as an effect over people, with an interval and a verdict. Needs no torch.

A claim names the rows it is judged on (`artefact`, a CSV under figures/<profile>/) and turns them into one effect a person and edit,
positive where the claim is right. Its verdict, from the 95 % interval over people (bootstrap; of fewer than six Student's t, see
statistics.effect):

    held        the whole interval is above 0
    not held    the whole interval is below 0
    undecided   it reaches both sides, or there is one person alone
    not run     there are no rows to judge it by
    damaged     its rows are not those that were saved; nothing is judged on them
"""

from __future__ import annotations

from ..artefacts import manifest
from ..artefacts.about import about
from ..artefacts.rows import Damaged
from .claims import CLAIMS
from .schema import COLUMNS
from .statistics import effect

HEADS = {"claim": "claim", "place": "place", "measured": "effect (positive: as claimed)", "effect": "mean [95 % interval]",
         "images": "images", "verdict": "verdict"}  # fmt: skip


def judge(claim, rows) -> dict:
    """One line of the ledger: effect (mean, low, high), number of people, verdict."""
    found = claim.effects(rows)
    if not found:
        return _unjudged(claim, "not run")
    mean, low, high, people = effect(found, "effect")
    return _unjudged(claim, verdict(low, high)) | dict(effect=(mean, low, high), images=people)


def _unjudged(claim, word) -> dict:
    """The line of a claim that has a word and no effect."""
    words = dict(key=claim.key, paper=claim.paper, place=claim.place, claim=claim.text, measured=claim.measured)
    return words | dict(effect=None, images=0, verdict=word)


def verdict(low, high) -> str:
    """The word for an interval; nan, where there is none, is undecided."""
    return "held" if low > 0 else "not held" if high < 0 else "undecided"


def judged(rows) -> list[dict]:
    """The claims that are judged on these artefacts (name -> rows)."""
    return [judge(claim, rows[claim.artefact]) for claim in CLAIMS if claim.artefact in rows]


def ledger(folder) -> list[dict]:
    """Every claim, judged on the rows in `folder` (figures/<profile>); a claim on rows that are missing or damaged gets that word."""
    known, words = _read(folder)
    return [
        _unjudged(claim, words[claim.artefact]) if claim.artefact in words else judge(claim, known[claim.artefact]) for claim in CLAIMS
    ]


def whose(folder) -> list[str]:
    """Whose rows the ledger judges: a line a run, with model, pictures, scale and seed, and the rows that are of it."""
    runs: dict = {}
    for artefact in _read(folder)[0]:
        one = about(folder, [artefact])
        pictures = f"pictures of {one.pictures}" if one.pictures else "the profile's own people"
        runs.setdefault(f"{one.profile}: {one.run()}; {pictures}", []).append(artefact)
    return [f"{run} ({', '.join(artefacts)})" for run, artefacts in runs.items()]


def _read(folder) -> tuple[dict, dict]:
    """What the claims are judged on: artefact -> rows of those that are sound, artefact -> word of the others."""
    known, words = {}, {}
    for artefact in dict.fromkeys(claim.artefact for claim in CLAIMS):
        try:
            rows = manifest.rows(folder, artefact, COLUMNS[artefact])
            about(folder, [artefact])  # rows that do not say whose they are count as damaged
            known[artefact] = rows
        except manifest.NotRun:
            words[artefact] = "not run"
        except Damaged as error:
            words[artefact] = f"damaged: {error}"
    return known, words
