"""The figures of notebook 04: who survives what, at what cost. Needs no torch."""

import math

import matplotlib.pyplot as plt
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.ticker import LogLocator, MaxNLocator

from . import looks
from .figures import noted, people, reach
from .lettering import beside
from .page import Page
from .purification import EVERY, UNTREATED, chosen, listed, mean, protection, purifier, remaining_share

PALE = "#ededed"
APART = 0.35  # of a line, between groups of purifiers in the heat maps
NOTHING, MOVED = (UNTREATED, "blur, as named"), ("crop", "rotate")  # purifiers that change nothing, and that move the person


def heat_map(rows):
    """Every purifier against every protection: how close the edit is to the clean one, and what remains of the effect; the figure.

    Purifiers that change nothing stand apart at the top, one that moves the person at the bottom: its colours are cut at the others'.
    """
    every, purifiers = [key for key in EVERY if key in listed(rows, "protection")], listed(rows, "purifier")
    every += [key for key in listed(rows, "protection") if key not in every]
    attacks = [name for name in every if name != "clean"]
    groups = _groups(purifiers)
    order = [one for group in groups for one in group]
    at = [k + APART * number for number, group in enumerate(groups) for k in range(len(order)) if order[k] in group]
    wide = [max(4, len(every)), max(4, len(attacks))]  # with few columns, so that titles still have room
    figure, axes = plt.subplots(1, 2, figsize=(10, 3 + 0.29 * len(order)), width_ratios=wide, sharey=True)
    close, remaining = _by_purifier(rows, every, order, _closeness), _by_purifier(rows, attacks, order, _percent_remaining)
    low = min(value for one, line in zip(order, close, strict=True) if one not in MOVED for value in line)
    maps = (
        (axes[0], every, close, "viridis", (low, 1), "{:.2f}", "SSIM of the edit to the clean edit"),
        (axes[1], attacks, remaining, "RdYlBu_r", (0, 100), "{:.0f}", "Remaining effect (%)"),
    )
    for ax, names, values, colours, span, style, title in maps:
        drawn = _cells(ax, values, at, colours, span, style)
        heads = [protection(one) for one in names]  # in one line each: two would lie over their neighbours'
        ax.set_xticks(range(len(names)), heads, rotation=50, ha="left", rotation_mode="anchor")
        ax.tick_params(labeltop=True, labelbottom=False)
        ax.set_title(title, fontsize=10.5)
        extend = "min" if values is close else "neither"
        figure.colorbar(drawn, ax=ax, location="bottom", aspect=30, pad=0.02, extend=extend, ticks=MaxNLocator(5))
    axes[0].set_yticks(at, [_told(one) for one in order])
    count = len(listed(rows, "subject"))
    told = "Left: low may be a protection that survived or an edit that purification hurt; the clean picture's column tells them apart."
    more = "Right: beside the clean picture purified likewise, the person alone. A dash: no clear effect to begin with."
    return noted(figure, f"Means over {count} people, without intervals. {told} {more}")


def _groups(purifiers):
    """Those that change nothing, the purifiers proper, those that move the person; without empty groups."""
    proper = [one for one in purifiers if one not in NOTHING + MOVED]
    groups = [one for one in NOTHING if one in purifiers], proper, [one for one in MOVED if one in purifiers]
    return [group for group in groups if group]


def _told(one):
    """What a purifier is called, and why it stands apart."""
    why = " (changes nothing)" if one in NOTHING else " (moves the person)" if one in MOVED else ""
    return purifier(one) + why


def _by_purifier(rows, protections, purifiers, value):
    """`value(rows, protection, purifier)` of every cell: a list a purifier."""
    lines = []
    for purified in purifiers:
        lines.append([value(rows, key, purified) for key in protections])
    return lines


def _closeness(rows, protection, purifier):
    return mean(chosen(rows, protection, purifier), "ssim")[0]


def _percent_remaining(rows, protection, purifier):
    return 100 * remaining_share(rows, protection, purifier)


def _cells(ax, values, at, colours, span, style):
    """Lines of coloured cells with their numbers, centred at the heights `at`, colours from the lower to the upper end of `span`.

    nan is pale, with a dash. Returns what a colour bar is made of.
    """
    palette = plt.get_cmap(colours).with_extremes(bad=PALE)
    drawn = ScalarMappable(Normalize(span[0], max(span[1], span[0] + 1e-9)), palette)
    wide = len(values[0])
    for y, line in zip(at, values, strict=True):
        ax.imshow([line], cmap=palette, norm=drawn.norm, extent=(-0.5, wide - 0.5, y + 0.5, y - 0.5), aspect="auto")
        for x, value in enumerate(line):
            red, green, blue, _ = drawn.to_rgba(value)
            ink = "#222222" if math.isnan(value) or 0.3 * red + 0.59 * green + 0.11 * blue > 0.5 else "white"
            ax.text(x, y, "–" if math.isnan(value) else style.format(value), ha="center", va="center", fontsize=8.5, color=ink)
    ax.set(xlim=(-0.5, wide - 0.5), ylim=(at[-1] + 0.5, at[0] - 0.5))
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    ax.tick_params(length=0)
    return drawn


def front(points):
    """Of points (cost, worth, ...) those that no other beats in both, by rising cost; a lower cost and a higher worth are better."""
    kept = []
    for point in sorted(points, key=lambda one: (one[0], -one[1])):
        if not kept or point[1] > kept[-1][1]:
            kept.append(point)
    return kept


def pareto(rows, distance, arm="encoder"):
    """SSIM of the edit over the cost to the picture, a point with its intervals a purifier, a line through the best; returns the figure."""
    figure, axes = plt.subplots(2, 1, figsize=(10, 9.6), sharey=True)
    costs = (("1 - SSIM of the purified picture to the photograph", _harm), (f"{distance} of the two", _distance))
    purifiers = [one for one in listed(rows, "purifier") if one not in (*NOTHING[1:], *MOVED)]
    colours = [looks.drawn(looks.PURIFIERS, one, purifiers)["color"] for one in purifiers]
    for ax, (words, cost) in zip(axes, costs, strict=True):
        cells = [chosen(rows, arm, one) for one in purifiers]
        harm, worth = [cost(found) for found in cells], [mean(found, "ssim") for found in cells]
        points = [(x[0], y[0]) for x, y in zip(harm, worth, strict=True)]
        ax.plot(*zip(*front(points), strict=True), color="#bdbdbd", linewidth=1.2, zorder=1)
        for point, x, y, colour, one in zip(points, harm, worth, colours, purifiers, strict=True):
            shape = dict(marker=looks.drawn(looks.PURIFIERS, one, purifiers)["marker"], markersize=5.5, color=colour, zorder=3)
            ax.errorbar(*point, xerr=reach([x]), yerr=reach([y]), elinewidth=0.8, ecolor=(colour, 0.35), **shape)
        ax.set(xscale="log", xlabel=f"{words} (logarithmic)", ylabel="SSIM of the edit to the clean edit")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter("")
    axes[0].set_title(f"What purification restores, and what it costs ({protection(arm)})")
    apart = [_told(one) for one in listed(rows, "purifier") if one in (*NOTHING[1:], *MOVED)]
    noted(figure, people(rows) + (f" Not drawn: {'; '.join(apart)}." if apart else ""))
    for ax, points in zip(axes, (_points(ax) for ax in axes), strict=True):
        beside(ax, points, [purifier(one) for one in purifiers], colours)
    return figure


def _points(ax):
    """Where the points of an axes with error bars stand, in order."""
    return [(bar[0].get_xdata()[0], bar[0].get_ydata()[0]) for bar in ax.containers]


def _harm(rows):
    """(mean, low, high) of 1 - SSIM."""
    middle, low, high = mean(rows, "picture_ssim")
    return 1 - middle, 1 - high, 1 - low


def _distance(rows):
    return mean(rows, "perceptual")


def _survivors(rows, about):
    return heat_map(rows["04_edits"])


def _pareto(rows, about):
    return pareto(rows["04_edits"], about.settings["distance"])


PAGES = {
    "04_survivors": Page("figure", ("04_edits",), _survivors),
    "04_pareto": Page("figure", ("04_edits",), _pareto),
}
