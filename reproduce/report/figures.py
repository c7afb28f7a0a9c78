"""Figures from rows: numpy and matplotlib only, so that they rebuild in seconds and without torch.

Every function draws into the axes it is given (or makes its own) and returns them; none writes a file. One colour and one marker belong to
each arm, in every figure: looks.py has them.
"""

from __future__ import annotations

import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.transforms import Bbox

from . import looks
from .lettering import height, wrapped
from .statistics import summarise

DPI = 150  # dots per inch of every figure that is written
NOTE = {"fontsize": 8.5, "color": "#404040", "linespacing": 1.2}
SIGNATURE = {"fontsize": 7.5, "color": "#6b6b6b"}

STYLE = {
    "figure.dpi": 100,
    "figure.figsize": (7.2, 4.2),
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 10.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "lines.linewidth": 2,
    "lines.markersize": 5,
    "legend.frameon": False,
    "savefig.facecolor": "white",
}


def style():
    """A context in which figures look as all of ours do, whatever was set before: `with report.style(): ...`."""
    return mpl.style.context(["default", STYLE])


def use_style() -> None:
    """The same look for everything that follows; the start cell calls it."""
    mpl.rcParams.update(STYLE)


def curve(ax, rows, x: str, y: str, by: str, table: dict, *, band=True, none="none", over="subject"):
    """Mean of `y` over `x`, one line per value of `by`, with 95 % bands over subjects; returns the axes.

    table: which of looks.py's tables names and draws the values of `by`. Rows whose `x` is None (no JPEG, say) stand apart at the right
    end under the tick label `none`.
    """
    ax = ax or plt.subplots()[1]
    means = summarise(rows, [by, x], y, over=over)
    series = list(dict.fromkeys(row[by] for row in means))
    numbers = sorted({row[x] for row in means if row[x] is not None})
    if not numbers:
        raise ValueError(f"no row has a number as {x!r}; pass a column to draw along")
    gap = (numbers[-1] - numbers[0]) * 0.15 or 1
    apart = numbers[-1] + gap
    for name in series:
        points = sorted((row for row in means if row[by] == name and row[x] is not None), key=lambda row: row[x])
        drawn = looks.drawn(table, name, series)
        ax.plot(_column(points, x), _column(points, "mean"), label=looks.label(table, name), **drawn)
        if band and points:
            edges = _column(points, "low"), _column(points, "high")
            ax.fill_between(_column(points, x), *edges, color=drawn["color"], alpha=0.16, linewidth=0)
        for end in (row for row in means if row[by] == name and row[x] is None):
            shift = (series.index(name) - (len(series) - 1) / 2) * gap * 0.08
            sides = reach([(end["mean"], end["low"], end["high"])]) if band else None
            mark = {"color": drawn["color"], "marker": drawn["marker"], "linestyle": "none", "capsize": 2.5}
            ax.errorbar([apart + shift], [end["mean"]], yerr=sides, elinewidth=1.4, **mark)
    if any(row[x] is None for row in means):
        ax.axvline(apart - gap / 2, color="#bdbdbd", linewidth=0.8)
        ticks = [t for t in ax.get_xticks() if numbers[0] - gap <= t <= numbers[-1]]
        ax.set_xticks([*ticks, apart], [*(f"{t:g}" for t in ticks), none])
        ax.set_xlim(numbers[0] - gap / 2, apart + gap / 2)
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.legend()
    return ax


def hline(ax, value: float, label: str = ""):
    """A dashed grey line at `value` with its label above it at the right end; returns the axes."""
    ax.axhline(value, color="#404040", linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    ax.annotate(label, (0.99, value), xytext=(0, 3), ha="right", fontsize=9, color="#404040", **place)
    return ax


def reach(intervals):
    """How far down and up from their means (mean, low, high) go, (2, n), as matplotlib takes it; 0 where there is no interval."""
    mean, low, high = np.array(intervals, float).T
    return np.nan_to_num([mean - low, high - mean]).clip(0)


def people(rows) -> str:
    """How many people rows are of, and what an interval is, in words."""
    count = len({row["subject"] for row in rows})
    if count == 1:
        return "1 person: no intervals."
    return f"{count} people. Bands and bars: 95 % intervals of the mean over people."


def noted(figure, words: str):
    """Words below a figure: how many people, what an interval is, what to mind; returns the figure."""
    inches = figure.get_size_inches()[0] - 0.2
    figure.supxlabel(wrapped(words, inches, NOTE["fontsize"]), x=0.01, ha="left", **NOTE)
    return figure


def signed(figure, signature: str) -> bytes:
    """A figure as PNG at 150 dots per inch, with a strip below that is signed with `signature`; the figure is closed."""
    wide, high = figure.get_size_inches()
    lines = wrapped(signature, wide - 0.1, SIGNATURE["fontsize"])
    figure.text(0.995, -0.03 / high, lines, ha="right", va="top", **SIGNATURE)
    buffer, strip = io.BytesIO(), height(lines, SIGNATURE["fontsize"]) + 0.06
    with_signature = Bbox.from_extents(0, -strip, wide, high)
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None}, bbox_inches=with_signature)
    plt.close(figure)  # else a notebook shows it twice
    return buffer.getvalue()


def _column(points: list[dict], name: str) -> list:
    return [point[name] for point in points]
