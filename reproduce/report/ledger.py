"""The ledger: what each paper claims, judged on the rows by one rule, with what it would be under other measures. Needs no torch.

A claim says on which side of a margin its effect lies, one number a person (`claims`). From Student's t over people:

    supported     the effect lies on that side of the margin
    contradicted  it lies on the other side
    undecided     it is not told from the margin
    depends on the measure   decided, but another measure, or a seed by itself, decides the opposite
    too few       fewer people or seeds than the claim was said to need; an effect, no verdict
    not run       there are no rows to judge it by
    damaged       its rows are not those that were saved; nothing is judged on them

Of the claims of one paper the p values are corrected by Holm's rule at 5 %; the intervals that are printed are not.
"""

from __future__ import annotations

import math

from ..artefacts import manifest
from ..artefacts.about import about
from ..artefacts.rows import Damaged
from .claims import CLAIMS
from .schema import COLUMNS
from .statistics import Table, chance, holm, ratio, student, summarise, table_markdown

HEADS = {"claim": "claim", "place": "place", "estimand": "effect", "measure": "measure", "margin": "right if", "effect": "mean [95 %]",
         "people": "people", "seeds": "seeds", "verdict": "verdict", "changes": "changes with"}  # fmt: skip
SENSITIVITY_HEADS = {"claim": "claim", "kind": "instead", "name": "of it", "effect": "mean [95 %]", "margin": "right if",
                     "people": "people", "verdict": "verdict alone"}  # fmt: skip
BRIEF_HEADS = {"paper": "who", "claim": "says", "measured": "measured here", "verdict": "verdict"}
NOTES = (
    "One effect a person: edits, prompts and seeds of one are averaged. Student's t over people; of a ratio of two means, Fieller's.",
    "A verdict is decided where p < 0.05 after Holm's correction over the claims of its paper; intervals are not corrected. `changes with`"
    " lists what, in place of the primary measure, gives another verdict by itself, without the correction.",
    "Intervals cover people, not models: another model may answer otherwise. The notebooks take their people from one list, first come"
    " first: their answers are not independent of each other.",
)
DECIDED = ("supported", "contradicted")
ALPHA = 0.05


def judged(rows) -> list[dict]:
    """Every claim on these artefacts (name -> rows), a line each, corrected over the claims of each paper that are among them."""
    lines = [_measured(claim, rows[claim.artefact]) for claim in CLAIMS if claim.artefact in rows]
    for paper in dict.fromkeys(line["paper"] for line in lines):
        mine = [line for line in lines if line["paper"] == paper and line["verdict"] is None]
        for line, p in zip(mine, holm([line["p"] for line in mine]), strict=True):
            line["p"], word = p, _word(line.pop("right"), p)
            line["verdict"], line["changes"] = word, "; ".join(_differing(line, word)) or None
            opposite = [one for one in line["others"] if {one["verdict"], word} == set(DECIDED)]
            if any(one["kind"] in ("measure", "seed") for one in opposite):
                line["verdict"] = "depends on the " + next(one["kind"] for one in opposite if one["kind"] in ("measure", "seed"))
    return lines


def _differing(line, word):
    """What of the others gives another verdict, by itself."""
    return [f"{one['name']}: {one['verdict']}" for one in line["others"] if one["verdict"] not in (word, "not run")]


def sensitivity(rows) -> list[dict]:
    """Every claim's effect under every other measure, arm and seed by itself: lines for SENSITIVITY_HEADS."""
    return [line | dict(claim=told["claim"]) for told in judged(rows) for line in told["others"] if line["effect"]]


def _measured(claim, rows) -> dict:
    """A claim's line before its verdict, which is None where it waits for the correction."""
    line = _words(claim) | _effect(claim, claim.effects(rows), claim.at(claim.measure))
    line["others"] = _others(claim, rows)
    if not line["people"]:
        return line | dict(verdict="not run")
    if line["people"] < claim.people or line["seeds"] < claim.seeds:
        return line | dict(verdict="too few")
    return line | dict(verdict=None)


def _others(claim, rows) -> list[dict]:
    """The claim under every other measure, arm and seed: kind, name, effect, people and the verdict by itself."""
    found = []
    for measure in claim.others:
        if measure != claim.measure and claim.at(measure) is not None:
            found.append(("measure", measure, claim.effects(rows, measure=measure), claim.at(measure)))
    own = claim.at(claim.measure)
    for name, contrast in claim.arms.items():
        found.append(("arm", name, claim.effects(rows, contrast=contrast), own))
    seeds = sorted({row["seed"] for row in claim.effects(rows) if row["seed"] is not None})
    for seed in seeds if len(seeds) > 1 else []:
        found.append(("seed", f"seed {seed}", claim.effects(rows, seed=seed), own))
    lines = []
    for kind, name, effects, margin in found:
        line = dict(kind=kind, name=name) | _effect(claim, effects, margin)
        lines.append(line | dict(verdict=_word(line["right"], line["p"]) if line["people"] > 1 else "not run"))
    return lines


def _effect(claim, effects, margin) -> dict:
    """Effect with interval, people, seeds, the margin in words, on which side the effect lies, and p of its lying on neither."""
    told = dict(effect=None, people=0, seeds=0, margin=f"{claim.says} {margin:.3g}", p=1.0, right=False)
    if not effects:
        return told
    if "below" in effects[0]:
        *effect, people = ratio(effects, "above", "below")
        apart = [dict(subject=one["subject"], away=one["above"] - margin * one["below"]) for one in effects]
    else:
        [line] = summarise(effects, [], "above")
        effect, people = [line[name] for name in ("mean", "low", "high")], line["n"]
        apart = [dict(subject=one["subject"], away=one["above"] - margin) for one in effects]
    away = [line["mean"] for line in summarise(apart, "subject", "away")]
    p = chance(away) if not math.isnan(effect[1]) else 1.0
    right = (student(away)[0] > 0) == (claim.says == "above")
    return told | dict(effect=tuple(effect), people=people, seeds=len({one["seed"] for one in effects}), p=p, right=right)


def _word(right, p) -> str:
    return "undecided" if p >= ALPHA else "supported" if right else "contradicted"


def _words(claim) -> dict:
    return dict(key=claim.key, paper=claim.paper, place=claim.place, claim=claim.text, estimand=claim.estimand, because=claim.because,
                note=claim.note, measure=claim.measure, changes=None)  # fmt: skip


def _unjudged(claim, word) -> dict:
    """The line of a claim that has a word and no effect."""
    margin = claim.at(claim.measure)
    return _words(claim) | dict(effect=None, people=0, seeds=0, margin=f"{claim.says} {margin:.3g}", others=[], verdict=word)


def ledger(folder) -> list[dict]:
    """Every claim, judged on the rows in `folder` (figures/<profile>); a claim on rows that are missing or damaged gets that word."""
    known, words = _read(folder)
    lines = {line["key"]: line for line in judged(known)}
    return [lines.get(claim.key) or _unjudged(claim, words[claim.artefact]) for claim in CLAIMS]


def notes(lines) -> list[str]:
    """Footnotes of a ledger: the rule, where each margin is from, what a reader should know of a claim."""
    margins = [f"Margin of “{line['claim']}”: {line['because']}" + (f"; {line['note']}" if line["note"] else "") + "." for line in lines]
    return [*NOTES, *margins]


def brief(lines) -> Table:
    """The ledger in four columns, as the README has it."""
    told = []
    for line in lines:
        people = f"{line['people']} people" + (f", {line['seeds']} seeds" if line["seeds"] > 1 else "")
        effect = line["effect"] and _numbers(line["effect"])
        measured = f"{line['estimand']}: **{effect}**; right if {line['margin']} ({people})" if effect else "–"
        told.append(dict(paper=line["paper"].partition(",")[0], claim=line["claim"], measured=measured, verdict=line["verdict"]))
    return table_markdown(told, BRIEF_HEADS)


def _numbers(effect):
    mean, low, high = effect
    return f"{mean:.3g}" + ("" if math.isnan(low) else f" [{low:.3g}, {high:.3g}]")


def table(rows, about) -> Table:
    """The ledger of some artefacts as a page."""
    lines = judged(rows)
    return table_markdown(lines, HEADS, notes(lines))


def sensitivity_table(rows, about) -> Table:
    """What the verdicts of some artefacts change with, as a page."""
    return table_markdown(sensitivity(rows), SENSITIVITY_HEADS, NOTES[:1])


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
