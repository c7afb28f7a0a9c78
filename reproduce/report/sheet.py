"""Pictures in rows and columns, pixel for pixel, with words around them. Needs no torch."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np

from .figures import DPI, NOTE
from .lettering import height, width, wrapped

GAP, BREAK = 4, 16  # pixels between pictures, and between blocks of rows
LEAST = 4.8  # inches: a sheet is no narrower, so that its title and its signature have a line


def picture_grid(images, row_labels=None, column_labels=None, title=None, *, above=None, below=None, note=None, side=1.0):
    """A figure of pictures in rows and columns; returns the figure.

    images: rows of pictures, each (H, W, 3) uint8 or (3, H, W) float in [0, 1], of one size; None is a gap, an empty row a wider gap
    between blocks of rows. above, below: rows of words over and under single pictures, None where there are none. note: stands below all.
    Pictures grow by a whole number only, to about `side` inches at 150 dots per inch, so pixels stay pixels.
    """
    cells = [[None if picture is None else pixels(picture) for picture in row] for row in images]
    sizes = {cell.shape for row in cells for cell in row if cell is not None}
    if len(sizes) != 1:
        raise ValueError(f"expected pictures of one size, got {sorted(sizes) or 'none'}; resize them first")
    tall, wide, _ = sizes.pop()
    times = max(1, round(side * DPI / wide))
    tall, wide, columns = tall * times, wide * times, max(len(row) for row in cells)
    across = columns * (wide + GAP) - GAP
    size = max(9.0, across / DPI * 1.15)  # a sheet that is shown smaller has larger letters
    tops = [wrapped(label, wide / DPI, size) for label in column_labels or []]
    sides = [wrapped(label or "", 1.15 * size / 9, size) for label in row_labels or []]
    over, under = (_words(words, len(cells), wide / DPI, size) for words in (above, below))
    starts, down = [], 0
    for row, lines_over, lines_under in zip(cells, over, under, strict=True):
        starts.append(down + _high(lines_over, size))
        down = starts[-1] + (tall + _high(lines_under, size) + GAP if row else BREAK - GAP)
    down -= GAP
    sheet = np.full((down, across, 3), 255, np.uint8)
    for start, row in zip(starts, cells, strict=True):
        for c, cell in enumerate(row):
            if cell is not None:
                sheet[start : start + tall, c * (wide + GAP) : c * (wide + GAP) + wide] = cell.repeat(times, 0).repeat(times, 1)
    left = 0.1 + max((width(line, size) for label in sides for line in label.split("\n")), default=0) + 0.07 * bool(sides)
    whole = max(LEAST, across / DPI + left + 0.06)
    heading = wrapped(title, whole - 0.12, 12, "bold") if title else ""
    told = wrapped(note, whole - 0.12, NOTE["fontsize"]) if note else ""
    labelled = max((height(label, size) for label in tops), default=0)
    top = 0.06 + height(heading, 12) + 0.06 * bool(heading) + labelled + 0.06 * bool(tops)
    high = top + down / DPI + 0.06 + height(told, NOTE["fontsize"])
    figure = plt.figure(figsize=(whole, high), layout="none")
    ax = figure.add_axes((left / whole, 1 - (top + down / DPI) / high, across / DPI / whole, down / DPI / high))
    ax.imshow(sheet, interpolation="nearest", aspect="auto")
    ax.set_axis_off()
    for c, label in enumerate(tops):
        ax.text(c * (wide + GAP) + wide / 2, -8, label, ha="center", va="bottom", fontsize=size)
    for start, label in zip(starts, sides, strict=False):
        ax.text(-10, start + tall / 2, label, ha="right", va="center", fontsize=size)
    for start, lines_over, lines_under in zip(starts, over, under, strict=True):
        for c, words in enumerate(lines_over):
            ax.text(c * (wide + GAP) + wide / 2, start - 4, words, ha="center", va="bottom", fontsize=size)
        for c, words in enumerate(lines_under):
            ax.text(c * (wide + GAP) + wide / 2, start + tall + 3, words, ha="center", va="top", fontsize=size)
    if heading:
        figure.text(0.06 / whole, 1 - 0.05 / high, heading, ha="left", va="top", fontsize=12, weight="bold")
    if told:
        figure.text(0.06 / whole, 0, told, ha="left", va="bottom", **NOTE)
    return figure


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


def _words(words, rows: int, inches: float, size: float) -> list[list[str]]:
    """Words over or under pictures, wrapped to their width: a list a row."""
    if words is None:
        return [[]] * rows
    return [[wrapped(one or "", inches, size) for one in row or []] for row in words]


def _high(lines: list[str], size: float) -> int:
    """Pixels that a row of words takes, with some air."""
    tallest = max((height(words, size) for words in lines), default=0)
    return round(tallest * DPI) + 6 if tallest else 0
