"""The curve of notebook 06: person against prompt, over rates and steps of a fine-tuning. Needs no torch."""

import matplotlib.pyplot as plt

from . import looks
from .customisation import lines
from .figures import noted
from .page import Page

COLOURS = (looks.BLUE, looks.GREY, looks.ORANGE, "#117733", "#882255")
MARKERS = ("o", "s", "^", "D", "v")


def trade(rows, about):
    """How often the person is right against how often the scene is as asked, a line a rate, a point a number of steps; the figure."""
    figure, ax = plt.subplots(figsize=(7.2, 4.8))
    rates = sorted({row["rate"] for row in rows})
    for rate, colour, marker in zip(rates, COLOURS, MARKERS, strict=False):
        mine = [row for row in rows if row["rate"] == rate]
        table = lines(mine, "step", sorted({row["step"] for row in mine}))
        x, y = ([line[column][0] for line in table] for column in ("scene_seen", "right_all"))
        ax.plot(x, y, color=colour, marker=marker, label=f"rate {rate:g}")
        for line, at in zip(table, zip(x, y, strict=True), strict=True):
            ax.annotate(line["what"], at, xytext=(5, 5), textcoords="offset points", fontsize=8.5, color=colour)
    ax.set(xlabel="scene seen where one is asked for, % of pictures", ylabel="right person, % of pictures", xlim=(-4, 104), ylim=(-4, 104))
    ax.set_title("The person or the prompt: numbers are steps of fine-tuning")
    ax.legend(loc="lower left")
    people, asked = len({row["subject"] for row in rows}), sum(row["rate"] == rates[0] and row["step"] == rows[0]["step"] for row in rows)
    return noted(figure, f"{people} people, {asked} pictures a point over prompts A, C and D. Right person: the nearest of"
                         f" {about.count('among')} references; a picture without a face is not right.")  # fmt: skip


def _trade(rows, about):
    found = rows["06_search"]
    if about.settings["lacks"]:
        figure, ax = plt.subplots(figsize=(7.2, 1.2))
        ax.set_axis_off()
        return noted(figure, f"Not measured: {'; '.join(about.settings['lacks'])}.")
    return trade(found, about)


PAGES = {"06_trade": Page("figure", ("06_search",), _trade)}
