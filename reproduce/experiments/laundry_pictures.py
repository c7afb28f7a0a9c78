"""The pictures of notebooks 03 and 04, as report.picture_grid takes them: what each launderer leaves of one protected picture."""

from ..report import looks
from .laundry import CLEAN, UNWASHED

AMPLIFIED = 6  # how often a difference is shown, around mid grey
SHOWN = ("JPEG 90", "JPEG 15", "noise 0.1", "blur, training", "resize, antialiased", "AdverseCleaner", "DiffPure", "IMPRESS")


def washed_grid(lab, washers, protection="encoder", subject=0):
    """What each launderer leaves of one protected picture: the picture, its difference from the photograph, its edit."""
    photo = lab.people.images[subject].numpy()
    cells = [(CLEAN, UNWASHED), *((protection, washed) for washed in (UNWASHED, *washers))]
    pictures = [lab.shown(subject, *cell).numpy() for cell in cells]
    rows = [
        pictures,
        [(AMPLIFIED * (one - photo) + 0.5).clip(0, 1) for one in pictures],
        [lab.edit(subject, *cell).numpy() for cell in cells],
    ]
    columns = ["photograph", looks.short(looks.PROTECTIONS, protection), *(looks.label(looks.LAUNDERERS, one) for one in washers)]
    labels = ["picture", f"difference x {AMPLIFIED}", "edit"]
    return dict(images=rows, row_labels=labels, column_labels=columns, title=f"What each launderer leaves: {lab.names[subject]}")
