"""The figures of notebook 02: fit to the prompt, how much the evaluation makes, the algorithm as printed. Needs no torch."""

import math
import statistics

import matplotlib.pyplot as plt

from . import looks
from .page import Page
from .photoguard import ARMS, CONTROLS, chosen, named
from .statistics import summarise


def prompt_bars(rows):
    """Figure 7: CLIP similarity of edits to their prompts, medians with interquartile bars; the photograph itself as the floor."""
    groups = [("photograph", "none"), *((arm, "fixed") for arm in ("clean", *ARMS)), *((arm, "best") for arm in ("clean", *ARMS))]
    figure, ax = plt.subplots(figsize=(8.4, 4.2))
    places, ticks = [], []
    for arm, rule in groups:
        values = [r["fit"] for r in chosen(rows, arm, rule)]
        low, middle, high = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
        at = len(places) + (0.6 if rule == "fixed" else 1.2 if rule == "best" else 0)
        ax.bar(at, middle, width=0.72, color=looks.PROTECTIONS[arm].colour)
        ax.errorbar(at, middle, yerr=[[middle - low], [high - middle]], color="#222222", capsize=3, linewidth=1.2)
        places.append(at)
        ticks.append(looks.short(looks.PROTECTIONS, arm).removeprefix("the ").replace(" ", "\n"))
    ax.set_xticks(places, ticks)
    for rule, words in (("fixed", "a fixed seed"), ("best", "the best of a list of seeds")):
        mine = [at for at, (_, r) in zip(places, groups, strict=True) if r == rule]
        ax.text(sum(mine) / len(mine), -0.2, words, transform=ax.get_xaxis_transform(), ha="center", va="top", fontsize=10.5)
    lowest = min(r["fit"] for r in rows)
    ax.set_ylim(min(0, lowest), None)
    ax.grid(axis="x", visible=False)
    ax.set(ylabel="cosine, edit and prompt", title="Does the edit fit its prompt? Median, quartiles (after Figure 7)")
    return figure


def ladder(rows):
    """Method or evaluation: change (1 - SSIM) of every set of edits under four conventions, with intervals; returns the figure."""
    arms, least = [arm for arm in CONTROLS if chosen(rows, arm)], 1e-4
    figure, ax = plt.subplots(figsize=(9.4, 4.8))
    for shift, (key, shape) in enumerate(looks.CONVENTIONS.items()):
        lines = [summarise(chosen(rows, arm), [], key)[0] for arm in arms]
        mean, low, high = (_changes(lines, end, least) for end in ("mean", "high", "low"))
        bars = [_reach(low, mean), _reach(mean, high)]
        at = [n + 0.16 * (shift - 1.5) for n in range(len(arms))]
        ax.errorbar(mean, at, xerr=bars, fmt=shape.marker, color=shape.colour, markersize=5, linewidth=1.2, label=shape.label)
    ax.set_xscale("log")
    ax.set_xlim(least * 0.7, 1)
    ax.set_yticks(range(len(arms)), [named(arm) for arm in arms])
    ax.invert_yaxis()
    ax.set(xlabel="change of the edit, 1 - SSIM (logarithmic; less than 0.0001 is drawn there)")
    ax.set_title("How much is the method, how much the evaluation?")
    ax.legend(loc="upper right")
    return figure


def _changes(lines, end, least):
    """1 - SSIM at one end of the intervals, no less than the figure shows."""
    return [max(least, 1 - line[end]) for line in lines]


def _reach(low, high):
    """How far each bar reaches; 0 where there is no interval."""
    gaps = [b - a for a, b in zip(low, high, strict=True)]
    return [0 if math.isnan(gap) else max(0, gap) for gap in gaps]


def overshoot(rows):
    """The printed algorithm beside the attack it stands for: levels moved over steps; returns the figure."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8))
    for form, (colour, style) in {"as printed": ("#d55e00", "-"), "as in equation 4": ("#0072b2", "-")}.items():
        mine = [r for r in rows if r["form"] == form]
        steps = [r["step"] for r in mine]
        left.plot(steps, [r["largest"] for r in mine], style, color=colour, label=form)
        right.plot(steps, [100 * r["outside"] for r in mine], style, color=colour)
    left.axhline(16, color="#6b6b6b", linewidth=1, linestyle="--", label="the budget, 16 levels")
    for ax in (left, right):
        ax.xaxis.get_major_locator().set_params(integer=True)
    left.set(xlabel="step", ylabel="largest change (levels)", title="Algorithm 1, to the letter")
    right.set(xlabel="step", ylabel="values outside the range (%)")
    left.legend()
    return figure


def _prompt(rows, about):
    return prompt_bars(rows["02_edits"])


def _ladder(rows, about):
    return ladder(rows["02_edits"])


def _overshoot(rows, about):
    return overshoot(rows["02_printed"])


PAGES = {
    "02_prompt": Page("figure", ("02_edits",), _prompt),
    "02_ladder": Page("figure", ("02_edits",), _ladder),
    "02_overshoot": Page("figure", ("02_printed",), _overshoot),
}
