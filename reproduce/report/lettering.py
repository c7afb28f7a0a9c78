"""Words in figures: how wide they are, and lines that fit. So no title is cut and no two labels meet."""

from __future__ import annotations

import functools
import math

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.patheffects import withStroke
from matplotlib.textpath import TextPath

ROOM = 1.08  # letters on a page of few pixels are up to so much wider than their outlines


@functools.lru_cache(4096)
def width(words: str, size: float, weight: str = "normal") -> float:
    """How wide a line of words is set, in inches; size in points."""
    if not words.strip():
        return 0.0
    return TextPath((0, 0), words, prop=FontProperties(size=size, weight=weight)).get_extents().x1 / 72


def wrapped(words, inches: float, size: float, weight: str = "normal") -> str:
    """The words in lines no wider than `inches`; a single word that is wider stands alone. Line breaks that are there stay."""
    lines, space = [], ROOM * (width("n n", size, weight) - width("nn", size, weight))
    for paragraph in str(words).split("\n"):
        lines.append("")
        room = inches
        for word in paragraph.split():
            wide = ROOM * width(word, size, weight)  # word by word: the same words stand under many figures
            if lines[-1] and space + wide > room:
                lines.append(word)
                room = inches - wide
            else:
                room -= wide + space * bool(lines[-1])
                lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(lines)


def height(words: str, size: float) -> float:
    """How high lines of words are set, in inches."""
    return (words.count("\n") + 1) * size * 1.25 / 72 if words else 0.0


def beside(ax, points, words, colours, size: float = 8.5):
    """Words beside points (x, y) of an axes, so that none lies on another, on a point, or outside; a thin line leads far ones home.

    Call it last: where points stand on the page is taken from the figure as it is then laid out. A label without a free place is put
    as far away as is tried. Returns the annotations.
    """
    figure = ax.figure
    figure.draw_without_rendering()
    homes = ax.transData.transform(points) / figure.dpi
    frame = ax.get_window_extent().extents / figure.dpi
    taken = [(x - 0.05, y - 0.05, x + 0.05, y + 0.05) for x, y in homes]
    made = [None] * len(words)
    for i in sorted(range(len(words)), key=lambda i: -width(words[i], size)):  # long ones first: they fit in fewer places
        boxes = [_box(homes[i], shift, ROOM * width(words[i], size), height(words[i], size)) for shift in _SHIFTS]
        free = (k for k, box in enumerate(boxes) if _inside(box, frame) and not any(_meet(box, other) for other in taken))
        chosen = next(free, len(boxes) - 1)
        taken.append(boxes[chosen])
        place = [(edge - home) * 72 for edge, home in zip(boxes[chosen], homes[i], strict=False)]
        line = dict(arrowstyle="-", color=colours[i], linewidth=0.5, alpha=0.6, shrinkA=0, shrinkB=3) if chosen >= _FAR else None
        made[i] = ax.annotate(words[i], points[i], xytext=place, textcoords="offset points", ha="left", va="bottom", fontsize=size,
                              color=colours[i], arrowprops=line)  # fmt: skip
        made[i].set_in_layout(False)
        made[i].set_path_effects([withStroke(linewidth=2, foreground="white")])
    return made


_RADII = [0.08 + 0.06 * k for k in range(44)]  # inches from a point to the near edge of its label
_DIRECTIONS = [(math.cos(math.pi * k / 8), math.sin(math.pi * k / 8)) for k in (0, 8, 4, 12, 1, 15, 7, 9, 2, 14, 6, 10, 3, 13, 5, 11)]
_SHIFTS = [(radius * x, radius * y) for radius in _RADII for x, y in _DIRECTIONS]
_FAR = len(_DIRECTIONS)  # from this shift on, a line leads from the label to its point


def _box(home, shift, wide, high):
    """(left, low, right, top) of a label whose nearest edge or corner is `shift` away from `home`."""
    (x, y), (across, up) = home + np.array(shift), shift
    steep = abs(up) > 2 * abs(across)
    left = x - wide / 2 if steep else x if across > 0 else x - wide
    low = y - high / 2 if abs(across) > 2 * abs(up) else y if up > 0 else y - high
    return left, low, left + wide, low + high


def _inside(box, frame):
    return box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]


def _meet(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
