"""The curves of notebook 06: person and prompt over rates and steps of a fine-tuning. Needs no torch."""

import matplotlib.pyplot as plt

from . import looks
from .customisation import lines
from .figures import noted
from .page import Page

COLOURS = (looks.BLUE, looks.GREY, looks.ORANGE, "#117733", "#882255")
MARKERS = ("o", "s", "^", "D", "v")


def trade(rows, about):
    """How often the person is right and how often the scene is as asked, over the steps of a fine-tuning, a line a rate; the figure."""
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.2), sharey=True)
    rates = sorted({row["rate"] for row in rows})
    for rate, colour, marker in zip(rates, COLOURS, MARKERS, strict=False):
        mine = [row for row in rows if row["rate"] == rate]
        steps = sorted({row["step"] for row in mine})
        table = lines(mine, "step", steps)
        for ax, column in zip(axes, ("right_all", "scene_seen"), strict=True):
            ax.plot(steps, [line[column][0] for line in table], color=colour, marker=marker, label=f"rate {rate:g}")
    for ax, title in zip(axes, ("The right person", "The scene, where one is asked for"), strict=True):
        ax.set(xlabel="steps of fine-tuning", title=title, ylim=(-4, 104))
    axes[0].set_ylabel("% of pictures")
    axes[0].legend(loc="lower right")
    people, first = len({row["subject"] for row in rows}), (rates[0], rows[0]["step"])
    asked = sum((row["rate"], row["step"]) == first for row in rows)
    words = f"{people} people, {asked} pictures a point over prompts A, C and D: too few for intervals. Right person: the nearest of"
    return noted(figure, f"{words} {about.count('among')} references; a picture without a face is not right.")


def _trade(rows, about):
    found = rows["06_search"]
    if about.settings["lacks"]:
        figure, ax = plt.subplots(figsize=(7.2, 1.2))
        ax.set_axis_off()
        return noted(figure, f"Not measured: {'; '.join(about.settings['lacks'])}.")
    return trade(found, about)


PAGES = {"06_trade": Page("figure", ("06_search",), _trade)}
