"""The figures of notebooks 03 and 04: IMPRESS's knobs, who survives what, at what cost, and the pictures. Needs no torch."""

import math

import matplotlib.pyplot as plt
from matplotlib.ticker import LogLocator

from .laundry import NAMES, UNWASHED, WASHED, chosen, listed, mean, share_left

KNOBS = {
    "alpha": "weight of the distance, alpha", "budget": "budget of the distance", "rate": "learning rate", "noise": "start noise (levels)",
    "steps": "steps", "norm": "squared errors",
}  # fmt: skip
EDIT, PICTURE, OTHER, PALE = "#0072b2", "#d55e00", "#6b6b6b", "#ededed"
AMPLIFIED = 6  # how often a difference is shown, around mid grey
SHOWN = ("JPEG 90", "JPEG 15", "noise 0.1", "blur, training", "resize, antialiased", "AdverseCleaner", "DiffPure", "IMPRESS")


def knobs(rows, turned, protection):
    """Small multiples: SSIM of edit and picture over each of IMPRESS's settings, the others as they are; returns the figure.

    turned: knob -> list of (value, wash), as laundry.turned makes it.
    """
    unwashed = mean(chosen(rows, protection, UNWASHED), "ssim")[0]
    figure, axes = plt.subplots(2, 3, figsize=(11, 6.2), sharey=True)
    curves = (("ssim", EDIT, "o", "edit, to the clean edit"), ("picture_ssim", PICTURE, "s", "picture, to the photograph"))
    for ax, (knob, values) in zip(axes.flat, turned.items(), strict=True):
        at = range(len(values))
        for key, colour, marker, words in curves:
            found = [mean(chosen(rows, protection, wash.launderer, wash.told), key)[0] for _, wash in values]
            ax.plot(at, found, color=colour, marker=marker, label=words)
        ax.axvline([wash.told for _, wash in values].index(""), color="#bdbdbd", linewidth=8, alpha=0.35, zorder=0)
        ax.axhline(unwashed, color=EDIT, linewidth=1, linestyle=(0, (4, 3)), label="edit, not washed")
        ax.set_xticks(at, [value if isinstance(value, str) else f"{value:.3g}" for value, _ in values])
        ax.set_xlim(-0.4, len(values) - 0.6)
        ax.set_title(KNOBS[knob], fontsize=10.5)
    for ax in axes[:, 0]:
        ax.set_ylabel("SSIM")
    axes[0, 0].legend(fontsize=8.5)
    people = len(listed(rows, "image"))
    figure.suptitle(f"IMPRESS, one setting turned at a time ({people} people; grey band: as it is)", x=0.01, ha="left", weight="bold")
    return figure


def heat_map(rows):
    """Every protection against every launderer: how close the edit is to the clean one, and what is left of the effect; the figure."""
    every, launderers = [name for name in NAMES if name in listed(rows, "protection")], listed(rows, "launderer")
    attacks = [name for name in every if name != "clean"]
    tall = [len(every), len(attacks)]
    figure, axes = plt.subplots(2, 1, figsize=(12.6, 4.2 + 0.36 * sum(tall)), height_ratios=tall, sharex=True)
    close = [[mean(chosen(rows, one, washed), "ssim")[0] for washed in launderers] for one in every]
    _cells(axes[0], close, "viridis", min(map(min, close)), "{:.2f}")
    _cells(axes[1], [[share_left(rows, one, washed) for washed in launderers] for one in attacks], "RdYlBu_r", 0, "{:.0%}")
    titles = (
        "SSIM of the edit to the clean picture's edit",
        "What is left of the effect (the loss of the clean picture, washed likewise, is subtracted)",
    )
    for ax, names, title in zip(axes, (every, attacks), titles, strict=True):
        ax.set_yticks(range(len(names)), [NAMES[one] for one in names])
        ax.set_title(title, fontsize=10.5)
    axes[1].set_xticks(range(len(launderers)), [WASHED.get(one, one) for one in launderers], rotation=40, ha="right")
    return figure


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


def pareto(rows, distance, protection="encoder"):
    """SSIM of the edit over the cost to the picture, a numbered point a launderer, and a line through the best; returns the figure."""
    figure, axes = plt.subplots(1, 2, figsize=(13.4, 5.2), sharey=True)
    costs = (
        ("1 - SSIM of the washed picture to the photograph", lambda found: 1 - mean(found, "picture_ssim")[0]),
        (f"{distance} of the two", lambda found: mean(found, "perceptual")[0]),
    )
    washers = listed(rows, "launderer")
    for ax, (words, cost) in zip(axes, costs, strict=True):
        cells = [chosen(rows, protection, washed) for washed in washers]
        points = [(cost(found), mean(found, "ssim")[0]) for found in cells]
        ax.plot(*zip(*front(points), strict=True), color="#bdbdbd", linewidth=1.2, zorder=1)
        for number, ((x, y), washed) in enumerate(zip(points, washers, strict=True)):
            colour = PICTURE if washed == UNWASHED else EDIT if "IMPRESS" in washed else OTHER
            mark = dict(marker=f"${number}$", markersize=9 if number > 9 else 6.5, color=colour, markeredgewidth=0, linestyle="none")
            ax.plot(x, y, label=WASHED.get(washed, washed) if ax is axes[0] else None, zorder=2, **mark)
        ax.set(xscale="log", xlabel=f"{words} (logarithmic)")
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter("")
    axes[0].set_ylabel("SSIM of the edit to the clean edit")
    axes[0].set_title(f"What washing gives back, and what it costs ({NAMES[protection]})")
    figure.legend(loc="outside center right", fontsize=8.5)
    return figure


def washed_grid(lab, washers, protection="encoder", subject=0):
    """What each launderer leaves of one protected picture: the picture, its difference from the photograph, its edit."""
    photo = lab.people.images[subject].numpy()
    cells = [("clean", UNWASHED), *((protection, washed) for washed in (UNWASHED, *washers))]
    pictures = [lab.shown(subject, *cell).numpy() for cell in cells]
    rows = [
        pictures,
        [(AMPLIFIED * (one - photo) + 0.5).clip(0, 1) for one in pictures],
        [lab.edit(subject, *cell).numpy() for cell in cells],
    ]
    columns = ["photograph", NAMES[protection], *(WASHED.get(one, one) for one in washers)]
    labels = ["picture", f"difference x {AMPLIFIED}", "edit"]
    return dict(images=rows, row_labels=labels, column_labels=columns, title=f"What each launderer leaves: {lab.names[subject]}")
