"""Figures and tables from rows: numpy and matplotlib only, so that they rebuild in seconds and without torch.

Every function draws into the axes it is given (or makes its own) and returns them; none writes a file. One colour and one marker belong to
each arm, in every figure: looks.py has them.
"""

from __future__ import annotations

import io
import textwrap

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.transforms import Bbox

from . import looks
from .statistics import summarise

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
            sides = np.nan_to_num([[end["mean"] - end["low"]], [end["high"] - end["mean"]]]) if band else None
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


def hline(ax, value: float, label: str):
    """A dashed grey line at `value` with its label above it at the left end; returns the axes."""
    ax.axhline(value, color="#404040", linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
    ax.annotate(label, (0.01, value), xytext=(0, 3), fontsize=9, color="#404040", **place)
    return ax


def picture_grid(images, row_labels=None, column_labels=None, title=None, *, side=1.0):
    """A figure of pictures in rows and columns; returns the figure.

    images: rows of pictures, each (H, W, 3) uint8 or (3, H, W) float in [0, 1], of one size; None is a gap.
    Pictures grow by a whole number only, to about `side` inches at 150 dots per inch, so pixels stay pixels.
    """
    cells = [[None if picture is None else pixels(picture) for picture in row] for row in images]
    sizes = {cell.shape for row in cells for cell in row if cell is not None}
    if len(sizes) != 1:
        raise ValueError(f"expected pictures of one size, got {sorted(sizes) or 'none'}; resize them first")
    height, width, _ = sizes.pop()
    rows, columns = len(cells), max(len(row) for row in cells)
    times, gap = max(1, round(side * 150 / width)), 4
    step_y, step_x = height * times + gap, width * times + gap
    sheet = np.full((rows * step_y - gap, columns * step_x - gap, 3), 255, np.uint8)
    for r, row in enumerate(cells):
        for c, cell in enumerate(row):
            if cell is not None:
                big = cell.repeat(times, 0).repeat(times, 1)
                sheet[r * step_y : r * step_y + height * times, c * step_x : c * step_x + width * times] = big
    size = 9
    letters = max(4, int(width * times / 150 * 72 / (size * 0.56)))
    tops = [textwrap.fill(str(label), letters, break_long_words=False) for label in column_labels or []]
    sides = [textwrap.fill(str(label), 18) for label in row_labels or []]
    left = 0.1 + max((len(line) for label in sides for line in label.split("\n")), default=0) * 0.075
    label_height = 0.06 + 0.16 * max((label.count("\n") + 1 for label in tops), default=0)
    top = label_height + (0.3 if title else 0.04)
    wide, high = sheet.shape[1] / 150 + left + 0.06, sheet.shape[0] / 150 + top + 0.06
    figure = plt.figure(figsize=(wide, high), layout="none")
    ax = figure.add_axes((left / wide, 0.06 / high, sheet.shape[1] / 150 / wide, sheet.shape[0] / 150 / high))
    ax.imshow(sheet, interpolation="nearest", aspect="auto")
    ax.set_axis_off()
    for c, label in enumerate(tops):
        ax.text(c * step_x + width * times / 2, -8, label, ha="center", va="bottom", fontsize=size)
    for r, label in enumerate(sides):
        ax.text(-10, r * step_y + height * times / 2, label, ha="right", va="center", fontsize=size)
    if title:
        figure.text(0.06 / wide, 1 - 0.05 / high, title, ha="left", va="top", fontsize=12, weight="bold")
    return figure


def signed(figure, signature: str) -> bytes:
    """A figure as PNG at 150 dots per inch, with a strip below that is signed with `signature`; the figure is closed."""
    figure.text(0.995, 0, signature, ha="right", va="top", fontsize=6.5, color="#8a8a8a")
    buffer, (width, height) = io.BytesIO(), figure.get_size_inches()
    with_signature = Bbox.from_extents(0, -0.16, width, height)
    figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None}, bbox_inches=with_signature)
    plt.close(figure)  # else a notebook shows it twice
    return buffer.getvalue()


def pixels(picture) -> np.ndarray:
    """One picture as (H, W, 3) uint8, from that or from float (3, H, W) or (1, 3, H, W) in [0, 1]."""
    array = np.asarray(picture)
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 3 and array.dtype == np.uint8 and array.shape[2] == 3:
        return array
    if array.ndim == 3 and array.dtype.kind == "f" and array.shape[0] == 3:
        return np.rint(array.clip(0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    raise ValueError(
        f"expected a picture (H, W, 3) uint8 or (3, H, W) float, got {array.shape} {array.dtype}"
    )


def _column(points: list[dict], name: str) -> list:
    return [point[name] for point in points]
