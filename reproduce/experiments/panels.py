"""What makes the effect on a picture visible: the face from near, the difference enlarged, the similarity as a number.

A `Sheet` collects rows of pictures with their words and hands them to report.picture_grid.
"""

import torch

from ..measure import compare

AMPLIFIED = 4  # how often a difference is shown, around mid grey
SIDE = 1.6  # inches a picture: twice its pixels at 128, so that four or five columns fill a page


def difference(picture, other, times=AMPLIFIED):
    """What a picture (3, H, W) has more than another, `times` as much around mid grey; cut at black and white."""
    return (times * (picture - other) + 0.5).clamp(0, 1)


def box(mask):
    """(top, left) of the square around the upper half of a person, half as wide as the picture: where the face is.

    mask (1, H, W): 1 where the person is; an empty one gives the middle.
    """
    tall, wide = mask.shape[-2:]
    rows, columns = torch.nonzero(mask[0] > 0.5, as_tuple=True)
    if not len(rows):
        return tall // 4, wide // 4
    upper = rows <= (rows.min() + rows.max()) / 2
    centres = (rows.min() + rows[upper].max()) / 2, columns[upper].float().mean()
    return tuple(int(min(max(c - size / 4, 0), size - size // 2)) for c, size in zip(centres, (tall, wide), strict=True))


def near(picture, corner):
    """The square at `corner` (see `box`) of a picture (3, H, W), each pixel twice as large; as large as the picture of even sides."""
    top, left = corner
    tall, wide = (size // 2 for size in picture.shape[-2:])
    return picture[:, top : top + tall, left : left + wide].repeat_interleave(2, 1).repeat_interleave(2, 2)


def ssim(picture, other):
    """How similar two pictures (3, H, W) are, as it is written under them."""
    return f"SSIM {compare(picture[None], other[None], ('ssim',))['ssim'].item():.3f}"


class Sheet:
    """Rows of pictures (3, H, W), a label a row, words under single pictures."""

    def __init__(self):
        self.rows, self.labels, self.words = [], [], []

    def row(self, label, pictures, words=None):
        """One row; None is a gap in it, and nothing under it."""
        self.rows.append([None if picture is None else picture.numpy() for picture in pictures])
        self.labels.append(label)
        self.words.append(words)

    def gap(self):
        """A wider gap, between blocks of rows."""
        self.row(None, [])

    def edits(self, label, edits, clean, corner=None, *, whole=True, photograph=None):
        """Edits beside `clean`, the edit that they are held against: each whole, its face from near, its difference to `clean`.

        corner: where the face is; None leaves it out. Under the first of these rows stands the SSIM of each to `clean`. photograph: takes
        the place of the difference of the first edit, where that is `clean` itself.
        """
        words = [ssim(edit, clean) for edit in edits]
        if whole:
            self.row(label, edits, words)
        if corner is not None:
            named = "its face ×2" if whole else f"{label}: face ×2"
            self.row(named, [near(edit, corner) for edit in edits], None if whole else words)
        changes, under = [difference(edit, clean) for edit in edits], None
        if photograph is not None:
            changes[0], under = photograph, ["the photograph", *[None] * (len(edits) - 1)]
        self.row(f"difference to the clean edit ×{AMPLIFIED}", changes, under)

    def drawn(self, columns, title, note=None):
        """As report.picture_grid takes it."""
        while not self.rows[-1]:  # nothing follows that the gap would part
            del self.rows[-1], self.labels[-1], self.words[-1]
        named = dict(row_labels=self.labels if any(self.labels) else None, column_labels=columns, title=title, note=note)
        return dict(images=self.rows, below=self.words, side=SIDE, **named)
