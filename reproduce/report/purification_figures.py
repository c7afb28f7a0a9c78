"""The figures of notebooks 03 and 04: IMPRESS's settings, who survives what, at what cost. Needs no torch."""

import math

import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator

from . import looks
from .page import Page
from .purification import EVERY, UNTREATED, chosen, listed, mean, protection, purifier, share_left

TURNED = {
    "alpha": "weight of the distance, alpha", "budget": "budget of the distance", "rate": "learning rate", "noise": "start noise (levels)",
    "steps": "steps", "norm": "squared errors",
}  # fmt: skip
EDIT, PICTURE, PALE = looks.BLUE, looks.ORANGE, "#ededed"


def settings(rows, turned):
    """Small multiples: SSIM of edit and picture over each of IMPRESS's settings, the others as they are; returns the figure.

    turned: name -> list of (value, the change in the words of the rows, "" where the value is as it is).
    """
    [arm] = listed(rows, "protection")
    untreated = mean(chosen(rows, arm, UNTREATED), "ssim")[0]
    figure, axes = plt.subplots(2, 3, figsize=(11, 6.2), sharey=True)
    curves = (("ssim", EDIT, "o", "edit, to the clean edit"), ("picture_ssim", PICTURE, "s", "picture, to the photograph"))
    for ax, name in zip(axes.flat, TURNED, strict=True):
        values, changes = zip(*turned[name], strict=True)
        at = range(len(values))
        for key, colour, marker, words in curves:
            found = [mean(chosen(rows, arm, "IMPRESS", change), key)[0] for change in changes]
            ax.plot(at, found, color=colour, marker=marker, label=words)
        ax.axvline(changes.index(""), color="#bdbdbd", linewidth=8, alpha=0.35, zorder=0)
        ax.axhline(untreated, color=EDIT, linewidth=1, linestyle=(0, (4, 3)), label="edit, not purified")
        ax.set_xticks(at, [value if isinstance(value, str) else f"{value:.3g}" for value in values])
        ax.set_xlim(-0.4, len(values) - 0.6)
        ax.set_title(TURNED[name], fontsize=10.5)
    for ax in axes[:, 0]:
        ax.set_ylabel("SSIM")
    axes[0, 0].legend(fontsize=8.5)
    people = len(listed(rows, "subject"))
    figure.suptitle(f"IMPRESS, one setting turned at a time ({people} people; grey band: as it is)", x=0.01, ha="left", weight="bold")
    return figure


def heat_map(rows):
    """Every protection against every purifier: how close the edit is to the clean one, and what is left of the effect; the figure."""
    every, purifiers = [key for key in EVERY if key in listed(rows, "protection")], listed(rows, "purifier")
    attacks = [name for name in every if name != "clean"]
    tall = [len(every), len(attacks)]
    figure, axes = plt.subplots(2, 1, figsize=(12.6, 4.2 + 0.36 * sum(tall)), height_ratios=tall, sharex=True)
    close, left = _by_purifier(rows, every, purifiers, _closeness), _by_purifier(rows, attacks, purifiers, share_left)
    _cells(axes[0], close, "viridis", min(map(min, close)), "{:.2f}")
    _cells(axes[1], left, "RdYlBu_r", 0, "{:.0%}")
    titles = (
        "SSIM of the edit to the clean picture's edit",
        "What is left of the effect (the loss of the clean picture, purified likewise, is subtracted)",
    )
    for ax, names, title in zip(axes, (every, attacks), titles, strict=True):
        ax.set_yticks(range(len(names)), [protection(one) for one in names])
        ax.set_title(title, fontsize=10.5)
    axes[1].set_xticks(range(len(purifiers)), [purifier(one) for one in purifiers], rotation=40, ha="right")
    return figure


def _by_purifier(rows, protections, purifiers, value):
    """`value(rows, protection, purifier)` of every cell: a list a protection."""
    lines = []
    for key in protections:
        lines.append([value(rows, key, purified) for purified in purifiers])
    return lines


def _closeness(rows, protection, purifier):
    return mean(chosen(rows, protection, purifier), "ssim")[0]


def _cells(ax, values, colours, low, style):
    """Coloured cells with their numbers, colours from `low` to 1; nan is pale, with a dash."""
    palette = plt.get_cmap(colours).with_extremes(bad=PALE)
    ax.imshow(values, cmap=palette, vmin=low, vmax=1, aspect="auto")
    for y, line in enumerate(values):
        for x, value in enumerate(line):
            red, green, blue, _ = palette((value - low) / max(1 - low, 1e-9))
            ink = "#222222" if math.isnan(value) or 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"
            ax.text(x, y, "–" if math.isnan(value) else style.format(value), ha="center", va="center", fontsize=7.5, color=ink)
    ax.grid(visible=False)
    ax.tick_params(length=0)


def front(points):
    """Of points (cost, worth, ...) those that no other beats in both, by rising cost; a lower cost and a higher worth are better."""
    kept = []
    for point in sorted(points, key=lambda one: (one[0], -one[1])):
        if not kept or point[1] > kept[-1][1]:
            kept.append(point)
    return kept


def pareto(rows, distance, arm="encoder"):
    """SSIM of the edit over the cost to the picture, a numbered point a purifier, and a line through the best; returns the figure."""
    figure, axes = plt.subplots(1, 2, figsize=(13.4, 5.2), sharey=True)
    costs = (("1 - SSIM of the purified picture to the photograph", _harm), (f"{distance} of the two", _distance))
    purifiers = listed(rows, "purifier")
    for ax, (words, cost) in zip(axes, costs, strict=True):
        cells = [chosen(rows, arm, purified) for purified in purifiers]
        points = [(cost(found), mean(found, "ssim")[0]) for found in cells]
        ax.plot(*zip(*front(points), strict=True), color="#bdbdbd", linewidth=1.2, zorder=1)
        for number, ((x, y), purified) in enumerate(zip(points, purifiers, strict=True)):
            colour = looks.drawn(looks.PURIFIERS, purified, purifiers)["color"]
            mark = dict(marker=f"${number}$", markersize=9 if number > 9 else 6.5, color=colour, markeredgewidth=0, linestyle="none")
            ax.plot(x, y, label=purifier(purified) if ax is axes[0] else None, zorder=2, **mark)
        ax.set(xscale="log", xlabel=f"{words} (logarithmic)")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter("")
    axes[0].set_ylabel("SSIM of the edit to the clean edit")
    axes[0].set_title(f"What purification restores, and what it costs ({protection(arm)})")
    figure.legend(loc="outside center right", fontsize=8.5)
    return figure


def _harm(rows):
    return 1 - mean(rows, "picture_ssim")[0]


def _distance(rows):
    return mean(rows, "perceptual")[0]


def _turned(rows, about):
    return settings(rows["03_setting_rows"], about.settings["turned"])


def _survivors(rows, about):
    return heat_map(rows["04_edits"])


def _pareto(rows, about):
    return pareto(rows["04_edits"], about.settings["distance"])


PAGES = {
    "03_turned": Page("figure", ("03_setting_rows",), _turned),
    "04_survivors": Page("figure", ("04_edits",), _survivors),
    "04_pareto": Page("figure", ("04_edits",), _pareto),
}
