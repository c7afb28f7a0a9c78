"""How strong the attacks of notebook 02 are: over budgets, for another encoder, to the eye. Needs no torch."""

import math

import matplotlib.pyplot as plt
import numpy as np

from ..papers import published
from ..papers.measures import distance
from . import looks
from .page import Page
from .photoguard import named
from .statistics import Table, summarise, table_markdown

ENCODER_HEADS = {"what": "protection", "encoder": "read by", "grey_distance": "distance to grey",
                 "latent_shift": "distance to the clean picture"}  # fmt: skip
EYE_HEADS = {"what": "edited picture", "edits": "edits looked at", "spoiled": "spoiled", "share": "share of a person's [95 %]"}
BUDGET = 16  # levels, the paper's
SHOWN = {"ssim": "whole picture: 1 - SSIM", "ssim_person": "the person: 1 - SSIM", "latent_shift_person": "the person: latent shift"}


def budgets(rows):
    """What edits lose over the budget: small multiples, a line an arm, bands of 95 %; what the paper prints at 16 levels; the figure."""
    figure, axes = plt.subplots(1, 3, figsize=(12.4, 4.2))
    levels, people = sorted({row["eps"] for row in rows}), len({row["subject"] for row in rows})
    for ax, (measure, words) in zip(axes, SHOWN.items(), strict=True):
        for arm in dict.fromkeys(row["protection"] for row in rows):
            lines = _lost(rows, arm, measure)
            look, at = looks.PROTECTIONS[arm], [line["eps"] for line in lines]
            ax.plot(at, [line["mean"] for line in lines], color=look.colour, marker=look.marker, label=look.short)
            ax.fill_between(at, *([line[end] for line in lines] for end in ("low", "high")), color=look.colour, alpha=0.15, linewidth=0)
        if measure == "ssim":
            for arm, value in _printed().items():
                ax.plot([BUDGET], [value], color=looks.PROTECTIONS[arm].colour, marker="_", markersize=18, markeredgewidth=2, linestyle="")
                ax.annotate(f"printed: {named(arm)}", (BUDGET, value), (BUDGET * 0.86, value), fontsize=8, ha="right", va="center")
        ax.set_xscale("log", base=2)
        ax.set_xticks(levels, [f"{level:g}" for level in levels])
        ax.set(xlabel="budget (levels)", title=words, ylim=(0, None))
    axes[1].legend(loc="upper left", fontsize=8.5)
    words = f"How large must a perturbation be here? n = {people} people, inpainting; short bars: Stable Diffusion 1.5, 512 px, as printed"
    figure.suptitle(words, x=0.01, ha="left", weight="bold", fontsize=11)
    return figure


def _lost(rows, arm, measure):
    """Mean distance of an arm's edits with its interval, by rising budget."""
    mine = [row | {"lost": distance(measure, row[measure])} for row in rows if row["protection"] == arm]
    return sorted(summarise(mine, "eps", "lost"), key=_budget)


def _budget(line):
    return line["eps"]


def _printed():
    return {arm: distance("ssim", published.numbers(f"photoguard/table6/{arm}/ssim")[0].value) for arm in ("noise", "encoder", "diffusion")}


def breaking_point(rows, arm, printed):
    """The budget at which an arm's edits have lost `printed` of their SSIM, between two that were run on the log scale; None: at none."""
    lines = _lost(rows, arm, "ssim")
    for before, after in zip(lines, lines[1:], strict=False):
        if before["mean"] < printed <= after["mean"]:
            share = (printed - before["mean"]) / (after["mean"] - before["mean"])
            return 2 ** (math.log2(before["eps"]) + share * math.log2(after["eps"] / before["eps"]))
    return None


def budget_verdict(rows):
    """At which budget this model's edits break as published edits of Stable Diffusion do at 16 levels: a sentence."""
    told, most = [], max(row["eps"] for row in rows)
    for arm, printed in (("encoder, strong", _printed()["encoder"]), ("diffusion, strong", _printed()["diffusion"])):
        found = breaking_point(rows, arm, printed)
        where = f"at {found:.0f} levels" if found else f"at none up to {most:g} levels"
        told.append(f"under the {named(arm)} {where} (SSIM {1 - printed:.2f})")
    people = len({row["subject"] for row in rows})
    return (
        f"This model's edits change as much as the paper prints for Stable Diffusion at {BUDGET} levels: {'; '.join(told)};"
        f" n = {people} people."
    )


def encoder_table(rows):
    """One line a protection and encoder, means over people."""
    lines = {}
    for name in ("grey_distance", "latent_shift"):
        for row in summarise(rows, ["protection", "encoder"], name):
            line = lines.setdefault((row["protection"], row["encoder"]), dict(what=named(row["protection"]), encoder=row["encoder"]))
            line[name] = row["mean"], row["low"], row["high"]
    return list(lines.values())


def eye_table(rows):
    """How many edits of each arm were called spoiled by somebody who did not know the arm; one line an arm."""
    lines = []
    for arm in dict.fromkeys(row["protection"] for row in rows):
        seen = [row | {"yes": float(row["spoiled"])} for row in rows if row["protection"] == arm and row["spoiled"] is not None]
        if seen:
            [share] = summarise(seen, [], "yes")
            told = tuple(float(np.clip(share[end], 0, 1)) for end in ("mean", "low", "high"))
            lines.append(dict(what=named(arm), edits=len(seen), spoiled=sum(row["spoiled"] for row in seen), share=told))
    return sorted(lines, key=lambda line: line["spoiled"])


# --- pages -----------------------------------------------------------------------------------------------------------------


def _budgets(rows, about):
    return budgets(rows["02_budgets"])


def _budget_verdict(rows, about):
    return Table(budget_verdict(rows["02_budgets"]))


def _encoder(rows, about):
    found = rows["02_other_encoder"]
    people = len({row["subject"] for row in found})
    notes = [
        f"Distances of latents in units of the clean picture's to grey, the person alone shown; {people} people. The attacks were made"
        " against the model's own encoder. Version 1 of the bundle's autoencoder is version 5's ancestor, some 20,000 steps of training"
        " before.",
        about.model_note(),
    ]
    return table_markdown(encoder_table(found), ENCODER_HEADS, notes)


def _eye(rows, about):
    lines = eye_table(rows["02_eye"])
    if not lines:
        return Table("Nobody has looked at the edits of this run.\n")
    notes = [
        "Spoiled: the person in the edit is smeared, dissolved or gone. Counted once, on sheets of 25 edits, all arms mixed and none named;"
        " by the author of this study, which is no jury.",
        about.model_note(),
    ]
    return table_markdown(lines, EYE_HEADS, notes)


PAGES = {
    "02_budget_curve": Page("figure", ("02_budgets",), _budgets),
    "02_budget_verdict": Page("text", ("02_budgets",), _budget_verdict),
    "02_encoders": Page("table", ("02_other_encoder",), _encoder),
    "02_spoiled": Page("table", ("02_eye",), _eye),
}
